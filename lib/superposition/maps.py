"""Codes say where the states of many small networks lie in one wide space."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import DTypeLike
from scipy import sparse

from superposition._check import (
    Floats,
    Integers,
    active_sets,
    float_dtype,
    generator,
    positive_int,
    real_array,
    whole_array,
)
from superposition._memory import check_circuits, check_memory
from superposition.packings import (
    PACKINGS,
    draw_lines,
    packing,
    packing_bound,
)
from superposition.packings import (
    capacity as packing_capacity,
)


@runtime_checkable
class Code(Protocol):
    """What every code offers: T circuits' vectors of `width` entries in `size` dimensions."""

    @property
    def n_circuits(self) -> int: ...
    @property
    def width(self) -> int: ...
    @property
    def size(self) -> int: ...
    @property
    def dtype(self) -> Any: ...
    @property
    def matrix(self) -> Any: ...
    @property
    def reader(self) -> Any: ...
    def take(self, which: Integers) -> Code: ...
    def encode(self, values: Floats, active: Integers) -> Floats: ...
    def decode(self, state: Floats, which: Integers) -> Floats: ...
    def decode_all(self, state: Floats) -> Floats: ...


def check_values(code: Code, values: Floats, active: Integers) -> tuple[Floats, Integers]:
    """Return values and active sets as `encode` takes them, or raise its errors.

    values: (batch, active, width), the vectors of the active circuits.
    active: (batch, active), the numbers of the circuits, distinct within a row.
    """
    sizes = {"width": code.width}
    active = active_sets(active, code.n_circuits, sizes)
    return real_array("values", values, "batch active width", sizes), active


def check_reads(n_entries: int, batch: int) -> None:
    """Raise MemoryError where so many entries, read of each of `batch` states, do not fit."""
    one = n_entries * 8
    check_memory("state", batch, lambda n: n * one, fits="a batch of {:,}".format)


class Sized(Protocol):
    """What a check of states needs: how many dimensions, and how many circuits."""

    @property
    def size(self) -> int: ...
    @property
    def n_circuits(self) -> int: ...


def check_state(code: Sized, state: Floats, which: Integers) -> tuple[Floats, Integers]:
    """Return states and circuits as `decode` takes them, or raise its errors.

    state: (batch, size), the states.
    which: (batch, circuits), the numbers of the circuits.
    """
    sizes = {"size": code.size}
    state = real_array("state", state, "batch size", sizes)
    return state, whole_array("which", which, "batch circuits", sizes, code.n_circuits)


@dataclass(frozen=True, eq=False)
class GaussianCode:
    """Dense directions in the large residual stream, which are read by their transpose.

    directions: (T, d, D); entry i of circuit t's vector is written along row i of circuit t.

    The rows of circuit t are the post's E_t, transposed. `draw` makes random directions; explicit
    directions may be anything. Raises ValueError for an empty axis.

    >>> import numpy
    >>> from superposition import GaussianCode
    >>> rng = numpy.random.default_rng(0)
    >>> code = GaussianCode.draw(n_circuits=50, width=2, size=400, rng=rng)
    >>> state = code.encode(
    ...     numpy.array([[[1.0, -2.0]]]), active=numpy.array([[7]])
    ... )
    >>> state.shape
    (1, 400)
    >>> code.decode(state, numpy.array([[7]])).round(6).tolist()
    [[[1.0, -2.0]]]
    """

    directions: Floats

    def __post_init__(self) -> None:
        checked = real_array("directions", self.directions, "circuits width size", {})
        if checked.size == 0:
            raise ValueError(f"directions: wanted no empty axis, got shape {checked.shape}")
        object.__setattr__(self, "directions", checked)

    @classmethod
    def draw(
        cls,
        n_circuits: int,
        width: int,
        size: int,
        rng: np.random.Generator,
        *,
        orthonormal: bool = True,
        dtype: DTypeLike = np.float64,
    ) -> GaussianCode:
        """Draw random directions, orthonormal in each circuit, or with entries N(0, 1/size).

        Raises ValueError where `orthonormal` asks for more than `size` directions for each circuit,
        MemoryError for more circuits than fit.
        """
        n_circuits, width = positive_int("n_circuits", n_circuits), positive_int("width", width)
        size, dtype = positive_int("size", size), float_dtype(dtype)
        rng = generator(rng)
        if orthonormal and width > size:
            raise ValueError(
                f"size: wanted at least {width}, one dimension for each orthonormal direction of "
                f"a circuit, got {size}"
            )
        # directions made orthonormal are there three times at once
        one = (3 if orthonormal else 2) * width * size * 8
        check_circuits(n_circuits, one)
        directions = rng.standard_normal((n_circuits, width, size)) / np.sqrt(size)
        if orthonormal:
            directions = _orthonormal(directions)
        return cls(np.ascontiguousarray(directions, dtype=dtype))

    def take(self, which: Integers) -> GaussianCode:
        """Return the code of circuits `which`, (n,), in order; raise ValueError out of range."""
        return GaussianCode(self.directions[whole_array("which", which, "n", {}, self.n_circuits)])

    @property
    def n_circuits(self) -> int:
        """The number of circuits, T."""
        return self.directions.shape[0]

    @property
    def width(self) -> int:
        """The number d of entries of one circuit's vector."""
        return self.directions.shape[1]

    @property
    def size(self) -> int:
        """The number D of dimensions of the wide space."""
        return self.directions.shape[2]

    @property
    def dtype(self) -> np.dtype[Any]:
        """The precision, float32 or float64."""
        return self.directions.dtype

    @property
    def matrix(self) -> Floats:
        """All directions, (T·d, D)."""
        return self.directions.reshape(-1, self.size)

    @property
    def reader(self) -> Floats:
        """The rows that read, (T·d, D), which are the directions themselves."""
        return self.matrix

    def encode(self, values: Floats, active: Integers) -> Floats:
        """Return states (batch, D): the sums Σ_t E_t a_t for values a_t, (batch, k, d)."""
        values, active = check_values(self, values, active)
        out = np.zeros((len(active), self.size), np.result_type(values, self.directions))
        for row, (value, circuits) in enumerate(zip(values, active, strict=True)):
            out[row] = value.ravel() @ self.directions[circuits].reshape(-1, self.size)
        return out

    def decode(self, state: Floats, which: Integers) -> Floats:
        """Return what circuits `which` (batch, j) read of each state, (batch, j, d): (eq-read)."""
        state, which = check_state(self, state, which)
        out = np.empty((*which.shape, self.width), np.result_type(state, self.directions))
        for row, circuits in enumerate(which):
            out[row] = self.directions[circuits] @ state[row]
        return out

    def decode_all(self, state: Floats) -> Floats:
        """Return what every circuit reads of states (batch, D), (batch, T, d), in one product."""
        state = real_array("state", state, "batch size", {"size": self.size})
        check_reads(self.n_circuits * self.width, len(state))
        return (state @ self.matrix.T).reshape(len(state), self.n_circuits, self.width)


def _orthonormal(directions: Floats) -> Floats:
    """Make Gaussian directions (T, d, D) orthonormal within each circuit, uniformly distributed.

    The QR decomposition fixes the sign of each direction by its own convention. Without a
    correction of the signs, directions of different circuits would have a mean overlap (Mezzadri
    2007, in the book's bibliography).
    """
    q, upper = np.linalg.qr(directions.swapaxes(1, 2))
    signs = np.sign(np.diagonal(upper, axis1=1, axis2=2))
    return (q * signs[:, None, :]).swapaxes(1, 2)


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
        check_reads(self.n_circuits * self.width, len(state))
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


GATES = 2  # neurons per slot besides those for the entries of a state: one gate for each code


@dataclass(frozen=True, eq=False)
class TwoCodes:
    """The slots of each circuit in the code of even layers and in the code of odd ones.

    sets: even and odd slots, (T, r) each, below n_slots.
    n_slots: the number of slots of one block.
    dtype: the precision, float32 or float64.

    A layer for states of width d has (d + 2) · n_slots neurons: a block of slots for each entry,
    then a block of gates for each code. Gates of the code that the states are in are 1 on slots in
    use. Gates of the other code, which comes next, are 1 on slots not in use.
    """

    sets: tuple[Integers, Integers]
    n_slots: int
    dtype: DTypeLike = np.float64

    @property
    def redundancy(self) -> int:
        """The number r of slots of each circuit."""
        return self.sets[0].shape[1]

    def size(self, width: int) -> int:
        """Return the neurons of a layer that holds states of that width."""
        return (width + GATES) * self.n_slots

    def gates(self, layer: int, width: int) -> slice:
        """Return the neurons that are gates of the code of `layer`, in a layer for that width."""
        start = (width + layer % 2) * self.n_slots
        return slice(start, start + self.n_slots)

    def state(self, layer: int, width: int) -> SparseCode:
        """Return the code by which states are read: entries, then gates of the code of `layer`."""
        return self._blocks(layer, [*range(width), width + layer % 2], width)

    def input_map(self, width: int) -> SparseCode:
        """Return the code by which inputs are written: entries, then the gates of both codes."""
        first, gate = self.entries(0, width), self.n_slots * (width + np.arange(GATES))
        both = np.stack(self.sets, axis=1) + gate[:, None]
        return SparseCode(np.concatenate([first.slots, both], axis=1), first.size, self.dtype)

    def entries(self, layer: int, width: int) -> SparseCode:
        """Return the code by which states are written."""
        return self._blocks(layer, range(width), width)

    def slots(self, layer: int) -> SparseCode:
        """Return the slots of `layer` alone, as a code of width 1."""
        return SparseCode(self.sets[layer % 2][:, None], self.n_slots, self.dtype)

    def _blocks(self, layer: int, blocks: Sequence[int], width: int) -> SparseCode:
        starts = self.n_slots * np.asarray(blocks)[:, None]
        slots = self.sets[layer % 2][:, None] + starts
        return SparseCode(slots, self.size(width), self.dtype)


def draw_codes(
    prime: int,
    redundancy: int,
    n_circuits: int,
    rng: np.random.Generator,
    dtype: DTypeLike = np.float64,
) -> TwoCodes:
    """Draw two codes from the plane over `prime`, in which two circuits share at most one slot.

    Circuits are points of the plane in random order, and slots are the lines of r slopes for each
    code: (eq-plane). Raises ValueError for 2r > prime + 1, or more circuits than points.
    """
    r = positive_int("redundancy", redundancy)
    lines = draw_lines(prime, 2 * r, n_circuits, rng)
    even, odd = lines[:, :r], lines[:, r:] - r * prime
    return TwoCodes((even, odd), r * prime, dtype)


@dataclass(frozen=True, eq=False)
class StreamCodes:
    """The slots of the residual stream and of the neurons that each circuit has.

    stream: a code of width 1, slots for states, with a block of slots for each entry.
    neurons: a code of width 1, slots of neurons, with a block of slots for each neuron of a
        circuit.

    A stream for states of width d has d blocks of entries. A block of gates of the stream's slots
    follows, which are 1 on slots in use. The last block holds gates of the neurons' slots, which
    are 1 on slots not in use.
    """

    stream: SparseCode
    neurons: SparseCode

    def size(self, width: int) -> int:
        """Return D, the dimensions of a stream for states of that width."""
        return (width + 1) * self.stream.size + self.neurons.size

    def n_neurons(self, n_neurons: int, cleaners: int) -> int:
        """Return M, the large neurons needed.

        n_neurons: m, the neurons of one circuit.
        cleaners: how many neurons clean one slot of the stream.
        """
        return max(n_neurons * self.neurons.size, cleaners * self.stream.size)

    def gates(self, width: int) -> tuple[slice, slice]:
        """Return where the gates of the stream's slots are, and those of the neurons' slots."""
        start, end = width * self.stream.size, (width + 1) * self.stream.size
        return slice(start, end), slice(end, end + self.neurons.size)

    def entries(self, width: int) -> SparseCode:
        """Return the code by which states are read."""
        return self._blocks(width, width)

    def input_map(self, width: int) -> SparseCode:
        """Return the code by which inputs are written: entries, then the stream's gates."""
        return self._blocks(width + 1, width)

    def _blocks(self, n_blocks: int, width: int) -> SparseCode:
        starts = self.stream.size * np.arange(n_blocks)[:, None]
        return SparseCode(self.stream.slots + starts, self.size(width), self.stream.dtype)


def draw_stream_codes(
    prime: int,
    redundancy: int,
    neuron_redundancy: int,
    n_circuits: int,
    rng: np.random.Generator,
    dtype: DTypeLike = np.float64,
) -> StreamCodes:
    """Draw codes from the plane over `prime`, in which two circuits share at most one slot.

    Circuits are points of the plane in random order, and slots are the lines of r slopes for each
    code: (eq-plane). Raises ValueError for more slopes than prime + 1, or more circuits than
    points.
    """
    r = positive_int("redundancy", redundancy)
    both = r + positive_int("neuron_redundancy", neuron_redundancy)
    lines = draw_lines(prime, both, n_circuits, rng)
    stream = SparseCode(lines[:, None, :r], r * prime, dtype)
    neurons = SparseCode(lines[:, None, r:] - r * prime, neuron_redundancy * prime, dtype)
    return StreamCodes(stream, neurons)
