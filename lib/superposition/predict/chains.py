"""How often active circuits of chains find no chain for themselves, derived or counted."""

from __future__ import annotations

from functools import cache

import numpy as np
import sympy as sp

from superposition.chain_maps import bucket_chains, n_digits, plane_chains
from superposition.circuits.inputs import sample_active
from superposition.placing import NOWHERE, place
from superposition.theory import chains, symbols
from superposition.theory.derivation import evaluate

_SETS = 1000


def no_chain_left(prime: int, n_chains: int, n_circuits: int, n_active: int) -> float:
    """Return the chance that an active circuit has no chain left in a plane: (eq-no-chain)."""
    if n_active == 1:
        return 0.0
    sizes = {symbols.T: n_circuits, chains.side: prime, symbols.k: n_active}
    return float(np.clip(evaluate(_formula(n_chains), sizes), 0, 1))


def no_bucket_left(n_buckets: int, n_chains: int, n_circuits: int, n_active: int) -> float:
    """Return the chance that no bucket is left: 0 by (eq-words), or the estimate (eq-no-bucket)."""
    if n_chains > (n_active - 1) * agreements(n_circuits, n_buckets, n_chains):
        return 0.0
    sizes = {symbols.T: n_circuits, chains.buckets: n_buckets}
    sizes |= {symbols.r: n_chains, symbols.k: n_active}
    return float(evaluate(chains.no_bucket_left(), sizes))


def agreements(n_circuits: int, n_buckets: int, n_chains: int) -> int:
    """Return the most chains in which two circuits may share a bucket, m − 1, of (eq-words)."""
    return n_chains if n_buckets == 1 else n_digits(n_circuits, n_buckets) - 1


@cache
def unplaced(
    prime: int | None,
    n_buckets: int | None,
    n_chains: int,
    n_circuits: int,
    n_active: int,
    silent: bool,
) -> float:
    """Return the share of 1,000 random active sets for which `place` finds nothing, in drawn codes.

    The codes are drawn in a plane over `prime`, or in `n_buckets`, of which one is given.
    """
    rng = np.random.default_rng(0)
    if prime is not None:
        codes = plane_chains(prime, n_chains, n_circuits, rng)
    else:
        codes = bucket_chains(n_buckets or 1, n_chains, n_circuits, rng)
    active = sample_active(n_circuits, n_active, _SETS, rng)
    return float((place(codes, active, silent) == NOWHERE).any(axis=1).mean())


@cache
def _formula(n_chains: int) -> sp.Expr:
    return chains.in_logarithms(chains.no_chain_left(n_chains).result)
