"""Read weights: equal over slots, or those by which circuits disturb each other least."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from superposition._check import Floats, Integers
from superposition._memory import check_memory, is_spare
from superposition.maps import SparseCode


def shared_weights(write: SparseCode, read: SparseCode, suppression: float = 1.0) -> Floats:
    """Return 𝒲, with 1/r where a circuit connects two slots and −χ elsewhere: (eq-capped).

    The shape is (block, block). The inhibition χ is balanced so that, on average over pairs, one
    circuit's slots receive nothing from another's, (eq-balance), and is then multiplied by
    `suppression`. Raises ValueError as `SparseCode.sets` does.
    """
    r = write.redundancy
    connected = np.minimum(connections(write, read), 1)
    chi = suppression * balance(connected, write, read)
    return np.asarray(((1 / r + chi) * connected - chi).astype(write.dtype))


def connections(write: SparseCode, read: SparseCode) -> Floats:
    """Return Σ_t e_t e_t^T, how many circuits connect slots of one layer to those before it.

    The shape is (block, block). Raises ValueError as `SparseCode.sets` does.
    """
    shape = write.block, read.block
    places = write.sets[:, :, None] * shape[1] + read.sets[:, None]
    return np.bincount(places.ravel(), minlength=shape[0] * shape[1]).reshape(shape).astype(float)


def balance(connected: Floats, write: SparseCode, read: SparseCode) -> float:
    """Return χ of (eq-balance): connections over missing connections, divided by r.

    connected: (block, block), 1 where a circuit connects two slots.

    The result is 0 for a single circuit. Raises ValueError where all circuits' slots are connected.
    """
    n, r = write.n_circuits, write.redundancy
    if n == 1:  # there are no others to be balanced against
        return 0.0
    load_write, load_read = (
        np.bincount(code.sets.ravel(), minlength=code.block) for code in (write, read)
    )
    made = (load_write @ connected @ load_read - n * r**2) / (n * (n - 1))
    if made >= r**2 * (1 - 1e-12):
        raise ValueError(
            f"codes: wanted slots that no circuit connects, to balance those that are; all slots "
            f"of {n} circuits are: use fewer circuits or more neurons"
        )
    return float(made / (r**2 - made) / r)


@dataclass(frozen=True, eq=False)
class SlotReader:
    """How rows of their own read blocks of slots: the same weights in every block.

    of: what each of n rows reads of the s slots of a block, (n, s), or the `SlotRows` that say so.
    starts: (d,), where the block of each entry starts.
    size: D_in, the neurons that are there to be read.
    pieces: (n,), the piece that each row belongs to, such as a circuit on one of its slots.
    """

    of: Floats | SlotRows
    starts: Integers
    size: int
    pieces: Integers

    @property
    def weights(self) -> Floats:
        """What each row reads of the slots of a block, (n, s)."""
        return self.of.weights if isinstance(self.of, SlotRows) else self.of

    @property
    def n_slots(self) -> int:
        """The slots of a block, s."""
        return self.of.read.size if isinstance(self.of, SlotRows) else self.of.shape[1]

    def by_slot(self, slots: Integers) -> Iterator[tuple[slice, Floats]]:
        """Yield rows that follow each other and are written to the same slots, and their weights.

        slots: (n, d'), the slots that each row is written to.
        """
        if isinstance(self.of, SlotRows) and self.of.kept is None:
            yield from self.of.by_slot()
            return
        starts = [0, *np.flatnonzero(np.diff(slots, axis=0).any(axis=1)) + 1]
        for part in map(slice, starts, [*starts[1:], len(slots)]):
            yield part, self.weights[part]

    def read_rows(self, state: Floats) -> Floats:
        """Return what each row reads of states (D_in, batch), samples last: (n, d, batch)."""
        blocks = self.starts[:, None] + np.arange(self.n_slots)
        return np.matmul(self.weights, state[blocks]).swapaxes(0, 1)

    def row(self, number: int) -> Floats:
        """Return the weights of one row, (d, D_in)."""
        out = np.zeros((len(self.starts), self.size), self.weights.dtype)
        for entry, start in enumerate(self.starts):
            out[entry, start : start + self.n_slots] = self.weights[number]
        return out

    def rows_of(self, piece: int) -> Integers:
        """Return the numbers of the rows of a piece."""
        return self._order[slice(*np.searchsorted(self._sorted, [piece, piece + 1]))]

    @property
    def n_products(self) -> int:
        """The multiplications by which one sample is read."""
        return len(self.pieces) * self.n_slots * len(self.starts)

    @cached_property
    def _order(self) -> Integers:
        return np.argsort(self.pieces, kind="stable")

    @cached_property
    def _sorted(self) -> Integers:
        return self.pieces[self._order]


@dataclass(frozen=True, eq=False)
class SlotRows:
    """How each slot that is written reads the slots before it, for every circuit on it: (eq-quiet).

    read: the code of width 1 that is read.
    write: the code of width 1 that is written.
    quiet: whether read weights have least crosstalk, or are equal.
    circuits: (n,), the circuit of each row; the rows of one slot follow each other.
    slots: (n,), the slot that it is written to, ascending.
    loudest: how many times as much as the largest term of one circuit's slots any slot can receive
        from one circuit.
    loudest_of_others: the same for slots that are not the circuit's own.
    kept: (n, s), what rows read; None where that is much memory, so that it is found again.
    """

    read: SparseCode
    write: SparseCode
    quiet: bool
    circuits: Integers
    slots: Integers
    loudest: float
    loudest_of_others: float
    kept: Floats | None

    @classmethod
    def of(cls, read: SparseCode, write: SparseCode, quiet: bool) -> SlotRows:
        """Return the rows for two codes of width 1, as `reading_weights` has them."""
        n = write.slots.size
        circuits, slots = np.empty(n, int), np.empty(n, int)
        kept = np.empty((n, read.size)) if is_spare(_bytes(n, read)) else None
        end, loudest, of_others = 0, 0.0, 0.0
        for slot, on, weights in reading_weights(read, write, quiet):
            part = slice(end, end := end + len(on))
            circuits[part], slots[part] = on, slot
            if kept is not None:
                kept[part] = weights.T
            of_one = np.abs(read.matrix @ weights).sum(axis=1)  # what arrives from each circuit
            loudest = max(loudest, float(of_one.max()))
            of_one[on] = 0
            of_others = max(of_others, float(of_one.max()))
        return cls(read, write, quiet, circuits, slots, loudest, of_others, kept)

    @cached_property
    def weights(self) -> Floats:
        """What each row reads, (n, s). Raises MemoryError where that does not fit."""
        if self.kept is not None:
            return self.kept
        fits = "codes of {:,} slots".format
        n = self.write.slots.size
        check_memory("codes", self.read.size, lambda s: 8.0 * n * s, fits=fits)
        return np.concatenate([weights for _, weights in self.by_slot()])

    def by_slot(self) -> Iterator[tuple[slice, Floats]]:
        """Yield the rows of each slot that is written, and their weights, found anew."""
        end = 0
        for _, on, weights in reading_weights(self.read, self.write, self.quiet):
            part = slice(end, end := end + len(on))
            if len(on):
                yield part, weights.T


RIDGE = 0.1  # noise on slots that quiet weights allow for, as a share of what they hold


def reading_weights(
    code: SparseCode, write: SparseCode, quiet: bool
) -> Iterator[tuple[int, Integers, Floats]]:
    """Yield how each slot of `write` reads the slots of `code`, both of width 1: (eq-quiet).

    quiet: whether to use the weights with least crosstalk instead of equal ones.

    Each item is the slot's number, the circuits on it (c,), and weights (code.size, c). Weights are
    equal, too, where each circuit has one slot, so that there is no choice.
    Raises ValueError for codes in which the circuits on a slot cannot be told apart.
    """
    read, written = code.matrix.astype(float), write.matrix.tocsc()
    if quiet := quiet and code.redundancy > 1:
        check_memory("code", code.size, lambda n: 3 * 8 * n**2, fits="a code of {:,} slots".format)
        noise = RIDGE * code.load.mean() * np.eye(code.size)
        inverse = np.linalg.inv((read.T @ read).toarray() + noise)
    for slot in range(write.size):
        on = written.indices[written.indptr[slot] : written.indptr[slot + 1]]
        own = read[on].toarray()
        equal = own.T / code.redundancy
        best = _solved(inverse, own) if quiet and len(on) else equal
        # where all slots are joined, as in a full plane, both are the same but for rounding
        yield slot, on, equal if np.allclose(best, equal, rtol=0, atol=1e-12) else best


def loudest(read: SparseCode, write: SparseCode) -> float:
    """Return how many times as much as the largest term of one circuit's slots a slot can receive.

    Codes have width 1, and slots read with equal weights.
    """
    if read.redundancy == 1:  # circuits that read one slot and write one slot, at most
        pairs = write.slots[:, 0].astype(np.int64) * read.size + read.slots[:, 0]
        return float(np.unique(pairs, return_counts=True)[1].max())
    of_slots = reading_weights(read, write, quiet=False)
    return max(float((read.matrix @ weights).sum(axis=1).max()) for _, _, weights in of_slots)


def _solved(inverse: Floats, own: Floats) -> Floats:
    """Return, of all weights C with own · C = 1, those with least C^T · inverse⁻¹ · C."""
    free = inverse @ own.T
    within = own @ free
    if np.linalg.cond(within) > 1e8:
        raise ValueError("codes: wanted two in which circuits that share a slot can be told apart")
    return np.asarray(np.linalg.solve(within, free.T).T)


def _bytes(n_rows: int, read: SparseCode) -> float:
    """Return the bytes of rows that read all slots of a code, in double precision."""
    return 8.0 * n_rows * read.size
