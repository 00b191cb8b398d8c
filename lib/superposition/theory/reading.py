"""A circuit reads the stream (the post's *Reading from the residual stream*)."""

from __future__ import annotations

from functools import cache

import sympy as sp

from superposition.theory.derivation import Assumption, Derivation
from superposition.theory.embedding import (
    DIMENSIONS,
    MEAN_ZERO,
    UNCORRELATED,
    VARIANCE,
    length_variance,
    overlap_variance,
)
from superposition.theory.symbols import a2, circuit_covariance, d, k, third_moment

_ENTRIES = (MEAN_ZERO, UNCORRELATED, DIMENSIONS, VARIANCE)
SYMMETRY = Assumption(
    "a direction's length and its overlaps are uncorrelated", {third_moment: sp.Integer(0)}
)
CIRCUITS = Assumption(
    "what different active circuits add is uncorrelated", {circuit_covariance: sp.Integer(0)}
)


@cache
def self_read_error() -> Derivation:
    """Derive E|(E_t^T E_t − 1) a|², a circuit's misreading of itself: (eq-self-read).

    The embedding has entries N(0, 1/D). Entry i of the error is (|e_i|² − 1) a_i + Σ_{j≠i} (e_i ·
    e_j) a_j.
    """
    general = (
        length_variance().general * a2 + (d - 1) * overlap_variance().general * a2 + third_moment
    )
    return Derivation(r"\mathrm{E}|\delta_{\text{self}}|^2", general, (*_ENTRIES, SYMMETRY))


@cache
def other_read() -> Derivation:
    """Derive E|E_t^T E_u a|², what circuit t reads of another active circuit u: (eq-other-read)."""
    return Derivation(
        r"\mathrm{E}|\delta_{\text{other}}|^2", d * overlap_variance().general * a2, _ENTRIES
    )


@cache
def active_read_error() -> Derivation:
    """Derive what an active circuit reads of others, orthonormal embeddings: (eq-active-read)."""
    others = (k - 1) * other_read().general + (k - 1) * (k - 2) * circuit_covariance
    return Derivation(r"\mathrm{E}|\delta|^2", others, (*_ENTRIES, CIRCUITS))


@cache
def inactive_read() -> Derivation:
    """Derive E|E_t^T A|² of an inactive circuit t, which has no state in A: (eq-inactive-read)."""
    others = k * other_read().general + k * (k - 1) * circuit_covariance
    return Derivation(r"\mathrm{E}|\hat a|^2", others, (*_ENTRIES, CIRCUITS))
