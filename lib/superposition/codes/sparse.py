"""Sparse codes, in which a few slots of the wide space carry each entry of a circuit's vector."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import DTypeLike
from scipy import sparse

from superposition._check import (
    Floats,
    Integers,
    float_dtype,
    generator,
    positive_int,
    real_array,
    whole_array,
)
from superposition._memory import check_circuits
from superposition.codes.base import check_reads, check_state, check_values
from superposition.codes.packings import PACKINGS, packing, packing_bound
from superposition.codes.packings import capacity as packing_capacity


@dataclass(frozen=True, eq=False)
class SparseCode:
    """A code in which r slots of the wide space carry each entry of each circuit's vector.

    slots: (T, width, r), slot numbers below `size`, distinct within an entry.
    size: the number of slots.
    dtype: float32 or float64, the precision of the code's matrices.

    Writing puts an entry on each of its slots, which is the post's V_t of zeros and ones. Reading
    averages over the slots, which is V_t^T / r. This is the post's V_t^+ wherever the entries of
    one circuit share no slot. Raises ValueError for a repeated slot or one out of range.

    >>> import numpy
    >>> from superposition import SparseCode
    >>> code = SparseCode(numpy.array([[[0, 1]], [[1, 2]]]), size=3)
    >>> state = code.encode(numpy.array([[[4.0]]]), active=numpy.array([[0]]))
    >>> state.tolist()
    [[4.0, 4.0, 0.0]]
    >>> code.decode_all(state).tolist()  # circuit 1 shares one of its two slots
    [[[4.0], [2.0]]]
    """

    slots: Integers
    size: int
    dtype: DTypeLike = np.float64

    def __post_init__(self) -> None:
        size = positive_int("size", self.size)
        slots = whole_array("slots", self.slots, "circuits width redundancy", {}, size)
        if slots.size == 0:
            raise ValueError(f"slots: wanted no empty axis, got shape {slots.shape}")
        if _repeats(slots.reshape(-1, slots.shape[2])).any():
            raise ValueError("slots: wanted distinct slots for each entry, got a repeated one")
        object.__setattr__(self, "dtype", float_dtype(self.dtype))
        object.__setattr__(self, "slots", slots)
        object.__setattr__(self, "size", size)

    @classmethod
    def draw(
        cls,
        kind: str,
        n_circuits: int,
        width: int,
        size: int,
        redundancy: int,
        rng: np.random.Generator,
        *,
        dtype: DTypeLike = np.float64,
    ) -> SparseCode:
        """Draw a code of the named kind.

        "random": each entry is on a uniformly random set of r slots.

        "disjoint": each entry is on a random set, but no slot twice within one circuit.

        "prime_step", "finite_plane": the slots are in `width` equal blocks, one for each entry. A
        circuit has the same set of a `packing` in all blocks, so that two circuits share at most
        one slot of each block. Which circuit has which set, and the slots' order within blocks, are
        random.

        Raises ValueError for an unknown kind, more slots for each entry (for each circuit, if
        disjoint) than there are, or more circuits than the packing has sets; MemoryError for more
        circuits than fit.
        """
        kinds = ("random", "disjoint", *PACKINGS)
        if kind not in kinds:
            raise ValueError(f"kind: wanted one of {kinds}, got {kind!r}")
        n_circuits, width = positive_int("n_circuits", n_circuits), positive_int("width", width)
        size, rng = positive_int("size", size), generator(rng)
        _check_slots(n_circuits, width, positive_int("redundancy", redundancy))
        if kind in PACKINGS:
            slots = _packed(kind, n_circuits, width, size, redundancy, rng)
            return cls(slots, size, dtype)
        together = width if kind == "disjoint" else 1
        why = f", {size} slots by {together} entries that share none" if together > 1 else ""
        redundancy = positive_int(
            "redundancy", redundancy, size // together, why or ", the number of slots"
        )
        n_rows = n_circuits * width // together
        slots = _random_subsets(n_rows, size, together * redundancy, rng)
        return cls(slots.reshape(n_circuits, width, redundancy), size, dtype)

    @classmethod
    def private(
        cls, n_circuits: int, width: int, redundancy: int = 1, *, dtype: DTypeLike = np.float64
    ) -> SparseCode:
        """Return the code without superposition, where every entry has its own slots."""
        shape = (
            positive_int("n_circuits", n_circuits),
            positive_int("width", width),
            positive_int("redundancy", redundancy),
        )
        _check_slots(*shape)
        return cls(np.arange(np.prod(shape)).reshape(shape), int(np.prod(shape)), dtype)

    def take(self, which: Integers) -> SparseCode:
        """Return the code of circuits `which`, (n,), in order; raise ValueError out of range."""
        which = whole_array("which", which, "n", {}, self.n_circuits)
        return SparseCode(self.slots[which], self.size, self.dtype)

    @property
    def n_circuits(self) -> int:
        """The number of circuits, T."""
        return self.slots.shape[0]

    @property
    def width(self) -> int:
        """The number of entries of one circuit's vector."""
        return self.slots.shape[1]

    @property
    def redundancy(self) -> int:
        """The number r of slots of each entry."""
        return self.slots.shape[2]

    @property
    def load(self) -> Integers:
        """The number of entries that each slot carries, (size,), with mean T · width · r / size."""
        return np.bincount(self.slots.ravel(), minlength=self.size)

    @staticmethod
    def capacity(kind: str, width: int, size: int, redundancy: int) -> int:
        """Return the number of circuits that a code of that packing can hold in `size` slots."""
        return packing_capacity(kind, _block(width, size), redundancy)

    @property
    def bound(self) -> int:
        """The most circuits of any code that shares at most one slot of a block."""
        return packing_bound(self.block, self.redundancy)

    @property
    def block(self) -> int:
        """The number of slots in one of `width` equal blocks."""
        return _block(self.width, self.size)

    @cached_property
    def sets(self) -> Integers:
        """The slots of each circuit, (T, r), which are the same in each of `width` blocks.

        Raises ValueError where a code is not made of equal blocks with the same sets.
        """
        sets = self.slots[:, 0]
        blocks = sets[:, None] + self.block * np.arange(self.width)[:, None]
        if sets.max() >= self.block or not np.array_equal(self.slots, blocks):
            raise ValueError(f"slots: wanted the same sets in each of {self.width} equal blocks")
        return sets

    @property
    def set_matrix(self) -> sparse.csr_array:
        """The matrix (T, block) of zeros and r ones in each row, from `sets`, with its errors."""
        starts = np.arange(self.n_circuits + 1) * self.redundancy
        columns = self.sets.ravel()
        shape = (self.n_circuits, self.block)
        return sparse.csr_array((np.ones(columns.size), columns, starts), shape)

    @property
    def overlaps(self) -> sparse.csr_array:
        """The number of slots of a block that two circuits share, (T, T); 0 on the diagonal."""
        shared = self.set_matrix @ self.set_matrix.T
        shared.setdiag(0)
        shared.eliminate_zeros()
        return shared

    @cached_property
    def matrix(self) -> sparse.csr_array:
        """The matrix that writes, (T·width, size), with zeros and r ones in each row."""
        n_rows = self.n_circuits * self.width
        starts = np.arange(n_rows + 1) * self.redundancy
        ones = np.ones(self.slots.size, self.dtype)
        return sparse.csr_array((ones, self.slots.ravel(), starts), (n_rows, self.size))

    @cached_property
    def reader(self) -> sparse.csr_array:
        """The matrix that reads, (T·width, size), with 1/r wherever `matrix` has a one."""
        matrix = self.matrix
        shares = matrix.data / np.asarray(self.redundancy, matrix.dtype)
        return sparse.csr_array((shares, matrix.indices, matrix.indptr), matrix.shape)

    def encode(self, values: Floats, active: Integers) -> Floats:
        """Return the states (batch, size) that hold Σ_t V_t a_t, for values (batch, k, width)."""
        values, active = check_values(self, values, active)
        out = np.zeros((len(active), self.size), np.result_type(values, self.dtype))
        rows = np.arange(len(active))[:, None, None, None] * self.size
        places = rows + self.slots[active]
        each = np.broadcast_to(values.astype(out.dtype, copy=False)[..., None], places.shape)
        np.add.at(out.reshape(-1), places.ravel(), each.ravel())  # one axis: many times as fast
        return out

    def decode(self, state: Floats, which: Integers) -> Floats:
        """Return what circuits `which` (batch, j) read: the mean over each entry's slots."""
        state, which = check_state(self, state, which)
        rows = np.arange(len(which))[:, None, None, None]
        return state[rows, self.slots[which]].mean(axis=-1)

    def decode_all(self, state: Floats) -> Floats:
        """Return what every circuit reads of states (batch, size), (batch, T, width)."""
        state = real_array("state", state, "batch size", {"size": self.size})
        check_reads(self, len(state))
        reads = self.reader @ state.T  # samples last in memory: so they are added fastest
        return reads.reshape(self.n_circuits, self.width, len(state)).transpose(2, 0, 1)


def _check_slots(n_circuits: int, width: int, redundancy: int) -> None:
    """Raise MemoryError for more circuits than fit, with their slots held twice."""
    one = 2 * width * redundancy * 8
    check_circuits(n_circuits, one)


def _packed(
    kind: str, n_circuits: int, width: int, size: int, redundancy: int, rng: np.random.Generator
) -> Integers:
    """Return slots (T, width, r): one of the packing's first T sets for each circuit."""
    block = _block(width, size)
    sets = packing(kind, block, redundancy)
    why = f", the capacity of {kind!r} with {block} slots"
    positive_int("n_circuits", n_circuits, len(sets), why)
    mine = rng.permutation(block)[sets[rng.permutation(n_circuits)]]
    return np.asarray(mine[:, None, :] + block * np.arange(width)[:, None])


def _block(width: int, size: int) -> int:
    """Return the number of slots of one of `width` equal blocks; a remainder is left unused."""
    return size // positive_int("width", width, size, ", the number of slots")


def _repeats(rows: Integers) -> np.ndarray[Any, np.dtype[np.bool_]]:
    if rows.shape[1] == 1:
        return np.zeros(len(rows), bool)
    ordered = np.sort(rows, axis=1)
    return (ordered[:, 1:] == ordered[:, :-1]).any(axis=1)


def _random_subsets(n: int, size: int, r: int, rng: np.random.Generator) -> Integers:
    """Draw n uniformly random ordered r-subsets of range(size), (n, r)."""
    if r * r > size:  # repeats would be likely: shuffle instead of trying again
        return np.stack([rng.permutation(size)[:r] for _ in range(n)])
    rows = rng.integers(size, size=(n, r))
    while (again := np.flatnonzero(_repeats(rows))).size:
        rows[again] = rng.integers(size, size=(len(again), r))
    return rows
