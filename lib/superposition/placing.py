"""Placing active circuits into chains, so that no two in one chain conflict."""

from __future__ import annotations

import numpy as np
from scipy import sparse

from superposition._check import Integers
from superposition.chain_maps import Booleans, ChainCodes

NOWHERE = -1
STEPS = 5_000  # choices tried before a placement counts as not found


def place(codes: ChainCodes, active: Integers, silent: bool) -> Integers:
    """Return a chain for each of the active circuits (batch, k), or rows of −1.

    silent: whether a circuit also avoids chains in which another active circuit has one of its
    slots.

    No two circuits in one chain conflict there: (eq-placement). With `silent`, another circuit
    counts wherever it is placed. The search is exact in buckets, by matching. Otherwise it stops
    after 5,000 choices, and a row of −1 says that it found nothing.
    """
    active = np.asarray(active)
    free = ~codes.crowded(active) if silent else np.ones((*active.shape, codes.n_chains), bool)
    if codes.buckets is not None:
        return _match(codes.buckets[active], free, codes.n_slots)
    found = map(_colour, codes.conflicts(active), free)
    return np.array(list(found), int).reshape(active.shape)


def _match(buckets: Integers, free: Booleans, n_slots: int) -> Integers:
    """Match circuits with buckets of chains, one circuit in a bucket, for all rows at once.

    buckets: (batch, k, r), buckets below n_slots.
    free: (batch, k, r), whether a circuit may enter a chain.
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
    """Search for chains, where the next circuit is always the one with fewest chains left.

    conflicts: (r, k, k), whether two circuits conflict in a chain.
    free: (k, r), whether a circuit may enter a chain.

    Sets of circuits are the bits of whole numbers.
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

    all_circuits, open_to = (1 << len(chains)) - 1, _bits(free.T)
    found = not all_circuits & ~_union(open_to) and search(open_to, all_circuits)
    return np.array(chains if found else [NOWHERE] * len(chains))


def _most_constrained(open_to: list[int], todo: int) -> int:
    """Return the first of the circuits `todo` that fewest chains are open to."""
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
    """Return each row of truth values as one whole number, its first value as the lowest bit."""
    packed = np.packbits(rows, axis=1, bitorder="little")
    return [int.from_bytes(row.tobytes(), "little") for row in packed]
