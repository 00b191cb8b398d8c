"""Every large weight matrix is one sum over circuits, W = Σ_t write_t · w_t · read_t + rest."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from scipy import sparse

from superposition._check import Floats, Integers, real_array, whole_array
from superposition._memory import check_memory
from superposition.maps import Code, SparseCode
from superposition.readers import SlotReader, SlotRows

_AT_ONCE = 2**15  # places that are added to in one go: they stay in the cache


class Part(NamedTuple):
    """One term Σ_t write_t · w_t · read_t of a sum, not multiplied out.

    write: where its n pieces write.
    weights: (n, d', d), the small matrix of each piece.
    read: how its pieces read.
    owners: (n,), the circuit of each piece; None for a part that belongs to no circuit.

    With a `SlotReader` each circuit on a slot has a row of its own there, and a piece is made of
    the rows of one circuit.
    """

    write: Code
    weights: Floats
    read: Code | SlotReader
    owners: Integers | None = None

    def multiply(self, state: Floats) -> Floats:
        """Return (D_out, batch) for states (D_in, batch), samples last."""
        reads = np.matmul(self.weights, _read_rows(self.read, state))
        return np.asarray(self.write.matrix.T @ reads.reshape(-1, state.shape[1]))

    def factors(self, piece: int) -> tuple[Floats, Floats]:
        """Return left (D_out, R) and right (R, D_in), whose product is one piece.

        R is d' where all slots of a piece read alike, and else d' for each slot.
        """
        _, after, before = self.weights.shape
        if isinstance(self.read, SlotReader):
            rows = [int(row) for row in self.read.rows_of(piece)]
            reads = [self.weights[i] @ self.read.row(i) for i in rows]
        else:
            rows, reads = [piece], [self.weights[piece] @ _rows(self.read.reader, piece, before)]
        writes = [_rows(self.write.matrix, i, after).T for i in rows]
        if all(np.array_equal(read, reads[0]) for read in reads[1:]):
            return np.sum(writes, axis=0), reads[0]
        return np.hstack(writes), np.vstack(reads)

    @property
    def n_products(self) -> int:
        """The multiplications for one sample."""
        rows = isinstance(self.read, SlotReader)
        read = self.read.n_products if rows else _size(self.read.reader)  # type: ignore[union-attr]
        return read + _size(self.write.matrix) + self.weights.size


def part_of_rows(
    rows: SlotRows,
    small: Floats,
    blocks: Integers,
    shape: tuple[int, int],
    starts: Integers,
    owners: Integers,
) -> Part:
    """Return the part of circuits whose slots each read with weights of their own: (eq-quiet).

    small: (T, d', d), circuits' small matrices.
    blocks: (d',), where the blocks that are written start.
    shape: of the large matrix.
    starts: (d,), where the blocks that are read start.
    owners: (T,), the circuit that each piece belongs to.
    """
    slots = rows.slots[:, None, None] + blocks[:, None]
    write = SparseCode(slots, shape[0], small.dtype)
    read = SlotReader(rows, starts, shape[1], rows.circuits)
    return Part(write, small[rows.circuits], read, owners)


@dataclass(frozen=True, eq=False)
class Sum:
    """One large weight matrix as a sum over circuits and a rest, not multiplied out: (eq-weights).

    shape: (D_out, D_in).
    parts: the terms, each a sum over pieces that belong to circuits, or to none.
    rest: sparse, (D_out, D_in): gates, cleaning, and what else is of no circuit; None for nothing.
    dtype: the precision of the matrix.
    n_circuits: T, the number of circuits.
    name: where the matrix is in its network, such as "weights[2]" or "read_in[0]".

    The dense matrix, a run in factors, the truth about each circuit and the memory that all this
    takes are read off the same sum.

    >>> import numpy
    >>> from superposition import GatedConstruction, MLPCircuits
    >>> rng = numpy.random.default_rng(0)
    >>> circuits = MLPCircuits.random(25, [2, 2, 2], rng)
    >>> large = GatedConstruction().compress(circuits, rng)
    >>> _, last = large.sums
    >>> last.name, last.shape
    ('weights[1]', (20, 20))
    >>> numpy.allclose(last.dense(), large.network.weights[1])
    True
    >>> left, right = last.factors(circuit=7)  # circuit 7's part
    >>> left.shape, right.shape
    ((20, 2), (2, 20))
    """

    shape: tuple[int, int]
    parts: tuple[Part, ...]
    rest: sparse.csr_array | None
    dtype: Any
    n_circuits: int
    name: str = ""

    def dense(self, out: Floats | None = None) -> Floats:
        """Return the large matrix, made in `out`, an array of zeros, or in a new array.

        Raises MemoryError where it does not fit.
        """
        if out is None:
            fits = "{:,} weights".format
            check_memory("shape", self.shape[0] * self.shape[1], self._bytes, fits=fits)
            out = np.zeros(self.shape, self.dtype)
        for i, part in enumerate(self.parts):
            _add(part, out, empty=i == 0)
        if self.rest is not None:
            rest = self.rest.tocoo()
            out[rest.row, rest.col] += rest.data
        return out

    def __call__(self, state: Floats) -> Floats:
        """Return (batch, D_out) for states (batch, D_in), in factors: read, multiply, write."""
        samples_last = np.ascontiguousarray(state.T)
        out = np.zeros((self.shape[0], len(state)), np.result_type(state, self.dtype))
        for part in self.parts:
            out += part.multiply(samples_last)
        if self.rest is not None:
            out += self.rest @ samples_last
        return out.T

    @property
    def n_products(self) -> int:
        """The multiplications that one sample takes in factors."""
        return sum(part.n_products for part in self.parts) + _size(self.rest)

    @property
    def nbytes(self) -> int:
        """The bytes of the dense matrix."""
        return int(self._bytes(self.shape[0] * self.shape[1]))

    @property
    def owners(self) -> Integers:
        """The circuit of each piece, (n,); a circuit may have several pieces, or none."""
        return np.concatenate([np.zeros(0, int), *(part.owners for part in self._of_circuits)])

    def pieces(self) -> Iterator[tuple[Floats, Floats]]:
        """Yield left (D_out, R) and right (R, D_in) of each piece, in the order of `owners`."""
        for part in self._of_circuits:
            yield from (part.factors(i) for i in range(len(np.asarray(part.owners))))

    def factors(self, circuit: int) -> tuple[Floats, Floats]:
        """Return the circuit's component as left (D_out, R) and right (R, D_in): left @ right.

        R is 0 for a circuit that has no part in this matrix. Raises ValueError for a circuit that
        does not exist.
        """
        whole_array("circuit", circuit, "", {}, self.n_circuits)
        found: list[tuple[Floats, Floats]] = [
            (np.zeros((self.shape[0], 0)), np.zeros((0, self.shape[1])))
        ]
        for part in self._of_circuits:
            found += [part.factors(int(i)) for i in np.flatnonzero(part.owners == circuit)]
        left, right = zip(*(found[1:] or found), strict=True)
        return np.hstack(left), np.vstack(right)

    def component(self, circuit: int) -> Floats:
        """Return the circuit's component of the matrix, (D_out, D_in)."""
        left, right = self.factors(circuit)
        return np.asarray(left @ right)

    def of_no_circuit(self) -> Sum:
        """Return what belongs to no circuit: gates, cleaning, a shared mean."""
        parts = tuple(part for part in self.parts if part.owners is None)
        return Sum(self.shape, parts, self.rest, self.dtype, self.n_circuits, self.name)

    @property
    def _of_circuits(self) -> list[Part]:
        return [part for part in self.parts if part.owners is not None]

    def _bytes(self, n_weights: float) -> float:
        return np.dtype(self.dtype).itemsize * n_weights


def placed(
    places: list[tuple[Integers, Integers, Floats]], shape: tuple[int, int], dtype: Any
) -> sparse.csr_array | None:
    """Return the sparse matrix of rows, columns and values, or None without any."""
    if not places:
        return None
    rows, columns, values = (np.concatenate(each) for each in zip(*places, strict=True))
    made = sparse.csr_array((values.astype(dtype), (rows, columns)), shape)
    made.eliminate_zeros()
    return made


class Layer(NamedTuple):
    """One large layer: its sums, one in an MLP, reading and writing in a residual network."""

    sums: tuple[Sum, ...]
    bias: Floats


def superpose(write: Code, weights: Floats, read: Code, *, onto: Floats | None = None) -> Floats:
    """Return Σ_t write_t · w_t · read_t, the one sum by which every large weight matrix is made.

    This is both lines of equation (eq-weights) of *The construction*. Time and memory grow linearly
    with T.

    weights: (T, write.width, read.width), circuit t's own small matrix.
    onto: an array of shape (write.size, read.size) to which the sum is added in place, or None.

    Returns a dense array of shape (write.size, read.size).
    Raises ValueError where codes, weights and `onto` do not fit together, MemoryError where the
    result does not fit into memory.

    >>> import numpy
    >>> from superposition import SparseCode, superpose
    >>> code = SparseCode(numpy.array([[[0, 1]], [[1, 2]]]), size=3)
    >>> weights = numpy.array([[[2.0]], [[10.0]]])  # of two circuits, width 1
    >>> superpose(code, weights, code).tolist()
    [[1.0, 1.0, 0.0], [1.0, 6.0, 5.0], [0.0, 5.0, 5.0]]
    """
    sizes = {"circuits": write.n_circuits, "outputs": write.width, "inputs": read.width}
    weights = real_array("weights", weights, "circuits outputs inputs", sizes)
    if read.n_circuits != write.n_circuits:
        raise ValueError(
            f"read: wanted a code of {write.n_circuits} circuits, got {read.n_circuits}"
        )
    shape = write.size, read.size
    if onto is None:
        _check_sum(write, read, weights.dtype.itemsize)
        onto = np.zeros(shape, np.result_type(write.dtype, weights, read.dtype))
    elif onto.shape != shape or not onto.flags.c_contiguous:
        raise ValueError(f"onto: wanted a contiguous array {shape}, got shape {onto.shape}")
    _add(Part(write, weights, read), onto)
    return onto


def _add(part: Part, onto: Floats, empty: bool = False) -> None:
    """Add a part of a sum to a large matrix, in the way that its codes allow.

    empty: whether the matrix is all zeros so far.
    """
    write, weights, read, _ = part
    if isinstance(read, SlotReader):
        _add_rows(write, weights, read, onto, empty)
    elif isinstance(write, SparseCode) and isinstance(read, SparseCode):
        _scatter(write, weights, read, onto)
    else:
        onto += _product(write, weights, read)


def _add_rows(write: Code, weights: Floats, read: SlotReader, onto: Floats, empty: bool) -> None:
    """Add rows that read blocks of slots, each written to one slot, slot by slot.

    The rows of one slot follow each other.
    """
    assert isinstance(write, SparseCode)
    slots, n_slots = write.slots[:, :, 0], read.n_slots
    first = slots[0]
    # all rows have one small matrix, and slots in a row: by blocks
    if not weights.strides[0] and np.array_equal(slots, first + np.arange(len(slots))[:, None]):
        scratch = np.empty((0 if empty else len(weights), n_slots), onto.dtype)
        for i, j in np.ndindex(weights.shape[1:]):
            above, left = first[i], read.starts[j]
            block = onto[above : above + len(weights), left : left + n_slots]
            np.multiply(weights[0, i, j], read.weights, out=block if empty else scratch)
            if not empty:
                block += scratch
        return
    columns = (read.starts[:, None] + np.arange(n_slots)).ravel()
    for part, rows in read.by_slot(slots):
        values = np.einsum("tij,ts->ijs", weights[part], rows)
        own = slots[part.start]
        onto[own[:, None], columns] += values.reshape(len(own), -1)


def _scatter(write: SparseCode, weights: Floats, read: SparseCode, onto: Floats) -> None:
    """Add each entry of the small matrices where its slots cross, a few circuits at a time.

    The sum goes entry by entry. The slots of one entry are often in one block of the result, which
    may stay in the cache.
    """
    flat, shares = onto.reshape(-1), weights / np.asarray(read.redundancy, onto.dtype)
    at_once = max(_AT_ONCE // (write.redundancy * read.redundancy), 1)
    # circuits along the last axis, in memory, too: NumPy is slow along short ones
    for i in range(write.width):
        rows = np.ascontiguousarray(write.slots[:, i].T) * read.size
        for j in range(read.width):
            columns = np.ascontiguousarray(read.slots[:, j].T)
            share = np.ascontiguousarray(shares[:, i, j])
            for start in range(0, write.n_circuits, at_once):
                part = slice(start, start + at_once)
                places = rows[:, None, part] + columns[:, part]
                values = np.broadcast_to(share[part], places.shape)
                np.add.at(flat, places.ravel(), values.ravel())


def _read_rows(read: Code | SlotReader, state: Floats) -> Floats:
    """Return what each piece or row reads of states (D_in, batch), (n, d, batch)."""
    if isinstance(read, SlotReader):
        return read.read_rows(state)
    return np.asarray(read.reader @ state).reshape(read.n_circuits, read.width, -1)


def _rows(matrix: Any, number: int, width: int) -> Floats:
    """Return the rows of one circuit of a code's matrix, dense, (width, size)."""
    rows = matrix[number * width : (number + 1) * width]
    return np.asarray(rows.toarray() if sparse.issparse(rows) else rows)


def _size(matrix: Any) -> int:
    """Return how many numbers a matrix holds, or 0 for None."""
    return 0 if matrix is None else int(matrix.nnz if sparse.issparse(matrix) else matrix.size)


def _product(write: Code, weights: Floats, read: Code) -> Floats:
    """Return the sum as a product of matrices, with a block-diagonal one in the middle."""
    corners = np.arange(write.n_circuits + 1)
    blocks = sparse.bsr_array((weights, corners[:-1], corners))
    if sparse.issparse(read.reader):  # the write side first: it is dense, or all is sparse
        product = (write.matrix.T @ blocks) @ read.reader
    else:
        product = write.matrix.T @ (blocks @ read.reader)
    return np.asarray(product.toarray() if sparse.issparse(product) else product)


def _check_sum(write: Code, read: Code, itemsize: int) -> None:
    """Raise MemoryError where a large weight matrix, and the sum's dense half, do not fit."""

    def needs(size: int) -> float:
        beside = 0
        if not sparse.issparse(read.matrix):
            beside = write.n_circuits * write.width * read.size
        elif not sparse.issparse(write.matrix):
            beside = size * write.n_circuits * read.width
        return itemsize * (size * read.size + beside)

    check_memory("write", write.size, needs, fits="a code of {:,} slots".format)
