"""Predictions are derived with sympy from definitions and stated assumptions; none is typed in.

The symbols are the post's. T small networks of width d have m neurons per layer, and k of them are
active. One large network has the stream width D and M neurons per layer, r of which carry each
small neuron. `w2` is the mean squared length of one small neuron's input weights, `sum2` that of
the sum of a circuit's m input weights, and `a2` that of an active circuit's state, all with the
indicator's entry. `h2` is the mean square of an active small neuron's activation. Equations named
(eq-…) are numbered in the chapters.
"""

from __future__ import annotations

from superposition.theory.derivation import Assumption, Derivation, evaluate
from superposition.theory.embedding import overlap_variance
from superposition.theory.read_in import (
    leading_read_in_variance,
    read_in_capacity,
    read_in_variance,
)
from superposition.theory.symbols import D, M, T, a2, d, h2, k, m, r, sum2, tolerance, w2

__all__ = [
    "Assumption",
    "D",
    "Derivation",
    "M",
    "T",
    "a2",
    "d",
    "evaluate",
    "h2",
    "k",
    "leading_read_in_variance",
    "m",
    "overlap_variance",
    "r",
    "read_in_capacity",
    "read_in_variance",
    "sum2",
    "tolerance",
    "w2",
]
