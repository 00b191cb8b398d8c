"""Codes: how the small vectors of many circuits share one wide space."""

from superposition.codes.base import Code, superpose
from superposition.codes.gaussian import GaussianCode
from superposition.codes.sparse import SparseCode

__all__ = ["Code", "GaussianCode", "SparseCode", "superpose"]
