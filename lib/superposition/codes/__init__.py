"""Codes, by which the small vectors of many circuits share one wide space."""

from superposition.codes.base import Code
from superposition.codes.gaussian import GaussianCode
from superposition.codes.sparse import SparseCode
from superposition.codes.sums import CircuitSum, superpose

__all__ = ["CircuitSum", "Code", "GaussianCode", "SparseCode", "superpose"]
