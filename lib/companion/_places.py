"""Places: networks for one active circuit at a time, and a table of which places hold each circuit.

`embed` may look at all active circuits, and send each to a place that no other one takes.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import sparse
from scipy.special import gammaln

from superposition._check import Integers, active_sets, generator, positive_int, whole_array
from superposition._memory import check_circuits


@dataclass(frozen=True, eq=False)
class Places:
    """A table of which of G places hold a copy of each circuit.

    table: (T, r), places below n_places, distinct within a row.
    n_places: G, the number of places.

    Raises ValueError for a repeated place, or one out of range.
    """

    table: Integers
    n_places: int

    def __post_init__(self) -> None:
        n_places = positive_int("n_places", self.n_places)
        table = whole_array("table", self.table, "circuits copies", {}, n_places)
        ordered = np.sort(table, axis=1)
        if (ordered[:, 1:] == ordered[:, :-1]).any():
            raise ValueError("table: wanted distinct places for each circuit, got a repeated one")
        object.__setattr__(self, "table", table)
        object.__setattr__(self, "n_places", n_places)

    @classmethod
    def draw(cls, n_circuits: int, n_places: int, copies: int, rng: np.random.Generator) -> Places:
        """Put each circuit into a random set of `copies` places; MemoryError for more than fit."""
        n_circuits, n_places = (
            positive_int("n_circuits", n_circuits),
            positive_int("n_places", n_places),
        )
        copies = positive_int("copies", copies, n_places, ", the number of places")
        one = 2 * n_places * 8
        check_circuits(n_circuits, one)
        order = generator(rng).random((n_circuits, n_places)).argsort(axis=1)
        return cls(order[:, :copies], n_places)

    def members(self, place: int) -> Integers:
        """Return the circuits that have a copy in a place, in order."""
        return np.flatnonzero((self.table == place).any(axis=1))

    def assign(self, active: Integers) -> Integers:
        """Return a place for each active circuit (batch, k), with no two circuits in one place.

        The result is (batch, k), with −1 where no place is left. A maximum matching places as many
        circuits as possible.
        """
        from scipy.sparse.csgraph import maximum_bipartite_matching  # slow to load

        active = active_sets(active, len(self.table), {})
        copies, k = self.table.shape[1], active.shape[1]
        starts = np.arange(k + 1) * copies
        found = np.full(active.shape, -1)
        for i, row in enumerate(self.table[active]):
            graph = sparse.csr_matrix(
                (np.ones(row.size), row.ravel(), starts), shape=(k, self.n_places)
            )
            found[i] = maximum_bipartite_matching(graph, perm_type="column")
        return found


def unplaced_bound(n_circuits: int, n_places: int, copies: int, n_active: int) -> float:
    """Return a bound on the chance that drawn places fail some n_active circuits: (eq-union).

    The bound is at most 1. By Hall's theorem places fail if s circuits have all copies in s − 1
    places.
    """
    positive_int("n_active", n_active, n_circuits, ", the number of circuits")
    copies = positive_int("copies", copies, n_places, ", the number of places")
    s = np.arange(copies + 1, n_active + 1)  # fewer circuits always have places for all
    logs = _choose(n_circuits, s) + _choose(n_places, s - 1)
    logs += s * (_choose(s - 1, copies) - _choose(n_places, copies))
    return min(float(np.exp(np.minimum(logs, 0)).sum()), 1.0)


def copies_needed(n_circuits: int, n_places: int, n_active: int) -> int:
    """Return the fewest copies of each circuit for which `unplaced_bound` is below 1.

    Some places then serve every active set. Raises ValueError for fewer places than active
    circuits.
    """
    positive_int("n_active", n_active, n_places, ", the number of places")
    every = range(1, n_active + 1)  # the last always does
    return next(r for r in every if unplaced_bound(n_circuits, n_places, r, n_active) < 1)


def _choose(n: float | Integers, k: float | Integers) -> np.ndarray:
    """Return the logarithm of n choose k."""
    return np.asarray(
        gammaln(np.add(n, 1)) - gammaln(np.add(k, 1)) - gammaln(np.subtract(n, k) + 1)
    )
