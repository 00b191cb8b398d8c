"""Placing active circuits: each in one chain, none beside another that it conflicts with."""

from __future__ import annotations

import numpy as np
from scipy import sparse

from superposition._check import Integers
from superposition.codes.chains import Booleans, ChainCodes

NOWHERE = -1
STEPS = 5_000  # choices tried before a placement counts as not found


def place(codes: ChainCodes, active: Integers, silent: bool) -> Integers:
    """A chain for each of the active circuits (batch, k); rows of −1 where none was found.

    No two circuits in one chain conflict there: (eq-placement). silent: nor does a circuit enter
    a chain in which another active one, wherever that is placed, has one of its slots.
    Exact in buckets, by matching; otherwise by search, given up after 5,000 choices.
    """
    active = np.asarray(active)
    free = ~codes.crowded(active) if silent else np.ones((*active.shape, codes.n_chains), bool)
    if codes.buckets is not None:
        return _match(codes.buckets[active], free, codes.n_slots)
    found = map(_colour, codes.conflicts(active), free)
    return np.array(list(found), int).reshape(active.shape)


def _match(buckets: Integers, free: Booleans, n_slots: int) -> Integers:
    """One circuit a bucket: the largest matching of circuits with buckets of chains, of all rows.

    buckets, free (batch, k, r), buckets below n_slots.
    """
    from scipy.sparse.csgraph import maximum_bipartite_matching  # slow to load

    batch, k, r = free.shape
    sample, circuit, chain = np.nonzero(free)
    cells = (sample * r + chain) * n_slots + buckets[sample, circuit, chain]
    edges = (np.ones(len(cells), bool), (sample * k + circuit, cells))
    graph = sparse.csr_array(edges, (batch * k, batch * r * n_slots))
    found = maximum_bipartite_matching(graph, perm_type="column").reshape(batch, k)
    chains = found // n_slots % r
    return np.where((found < 0).any(axis=1, keepdims=True), NOWHERE, chains)


def _colour(conflicts: Booleans, free: Booleans) -> Integers:
    """Search, of the circuits left always the one with fewest chains left to choose from.

    conflicts (r, k, k), free (k, r). Sets of circuits are whole numbers' bits.
    """
    against = [_bits(chain) for chain in conflicts]  # [chain][circuit] → circuits
    chains, steps = [NOWHERE] * len(free), STEPS

    def search(open_to: list[int], todo: int) -> bool:
        nonlocal steps
        if not todo:
            return True
        t = _most_constrained(open_to, todo)
        options = [j for j, circuits in enumerate(open_to) if circuits >> t & 1]
        todo &= ~(1 << t)
        harm = {j: (open_to[j] & against[j][t] & todo).bit_count() for j in options}
        for j in sorted(options, key=lambda j: harm[j]):
            steps -= 1
            chains[t] = j
            rest = [*open_to[:j], open_to[j] & ~against[j][t], *open_to[j + 1 :]]
            if not todo & ~_union(rest) and search(rest, todo):
                return True
            if steps <= 0:
                return False
        return False

    everybody, open_to = (1 << len(chains)) - 1, _bits(free.T)
    found = not everybody & ~_union(open_to) and search(open_to, everybody)
    return np.array(chains if found else [NOWHERE] * len(chains))


def _most_constrained(open_to: list[int], todo: int) -> int:
    """The first of the circuits `todo` that fewest chains are open to."""
    at_least = [todo] + [0] * len(open_to)  # so many chains
    for circuits in open_to:
        for n in range(len(open_to), 0, -1):
            at_least[n] |= at_least[n - 1] & circuits
    fewest = max(n for n, circuits in enumerate(at_least) if circuits == todo)
    most = at_least[fewest + 1] if fewest < len(open_to) else 0
    circuits = todo & ~most
    return (circuits & -circuits).bit_length() - 1


def _union(sets: list[int]) -> int:
    every = 0
    for one in sets:
        every |= one
    return every


def _bits(rows: Booleans) -> list[int]:
    """Each row of truth values as one whole number, first value lowest."""
    return [sum(1 << int(i) for i in np.flatnonzero(row)) for row in rows]
