"""One circuit's part of a large weight matrix, as two thin factors: write · w · read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from scipy import sparse

from superposition._check import Floats, Integers, whole_array
from superposition._memory import check_memory
from superposition.maps import Code, SparseCode
from superposition.readers import reading_weights

Factors = tuple[Floats, Floats]  # (D_out, R) and (R, D_in): their product is the piece


class Pieces(Protocol):
    """The pieces of one matrix, numbered from 0."""

    def factors(self, number: int) -> Factors: ...
    def __len__(self) -> int: ...


@dataclass(frozen=True, eq=False)
class CodePieces:
    """Pieces that one code reads and another code writes, (eq-weights).

    write: the code that writes.
    weights: (n, d', d), each circuit's own small matrix.
    read: the code that reads.
    """

    write: Code
    weights: Floats
    read: Code

    def __len__(self) -> int:
        return len(self.weights)

    def factors(self, number: int) -> Factors:
        """Return write_t (D_out, d') and w_t · read_t (d', D_in)."""
        _, after, before = self.weights.shape
        write = _rows(self.write.matrix, number, after)
        read = _rows(self.read.reader, number, before)
        return write.T, self.weights[number] @ read


@dataclass(frozen=True, eq=False)
class SlotPieces:
    """Pieces that are written to slots, each of which reads with its own weights: (eq-quiet).

    small: (n, d', d), each circuit's own small matrix.
    slots: (n, r), the slots to which it is written.
    read_weights: (n, r, s), the weights by which each of these slots reads the slots before it.
    rows: (d',), where the large neurons of each entry begin.
    columns: (d,), where the large neurons that are read begin.
    shape: the shape of the large matrix.
    """

    small: Floats
    slots: Integers
    read_weights: Floats
    rows: Integers
    columns: Integers
    shape: tuple[int, int]

    @classmethod
    def of_codes(
        cls,
        small: Floats,
        read: SparseCode,
        write: SparseCode,
        quiet: bool,
        columns: Integers,
        shape: tuple[int, int],
    ) -> SlotPieces:
        """Return pieces for codes of width 1, with the slots' weights by `reading_weights`."""
        read_weights = np.zeros((len(small), write.redundancy, read.size), small.dtype)
        slots = write.slots[:, 0]
        for slot, on, weights in reading_weights(read, write, quiet):
            read_weights[on, np.argmax(slots[on] == slot, axis=1)] = weights.T
        rows = write.size * np.arange(small.shape[1])
        return cls(small, slots, read_weights, rows, columns, shape)

    def __len__(self) -> int:
        return len(self.small)

    def factors(self, number: int) -> Factors:
        """Return the factors of a piece, of rank d' where all slots read alike, else r · d'."""
        read_weights, slots = self.read_weights[number], self.slots[number][:, None]
        if (read_weights == read_weights[0]).all():
            read_weights, slots = read_weights[:1], slots.T
        (n_ways, n_read), (after, before) = read_weights.shape, self.small.shape[1:]
        left = np.zeros((self.shape[0], n_ways * after), self.small.dtype)
        right = np.zeros((n_ways * after, self.shape[1]), self.small.dtype)
        for way in range(n_ways):
            for i in range(after):
                left[self.rows[i] + slots[way], way * after + i] = 1
        # w ways, i and j entries, s slots
        products = np.einsum("ij,ws->wijs", self.small[number], read_weights)
        places = (self.columns[:, None] + np.arange(n_read)).ravel()
        right[:, places] = products.reshape(n_ways * after, before * n_read)
        return left, right


@dataclass(frozen=True, eq=False)
class NoPieces:
    """The pieces of a matrix in which no circuit has its own part."""

    shape: tuple[int, int]

    def __len__(self) -> int:
        return 0

    def factors(self, number: int) -> Factors:
        """Raise IndexError, since there are no pieces."""
        raise IndexError(f"number: wanted one of no pieces, got {number}")


@dataclass(frozen=True, eq=False)
class TrueMatrix:
    """One large weight matrix as a sum of low-rank pieces of circuits, and a rest.

    name: where the matrix is in the network: "weights[2]", "read_in[0]".
    owners: (n,), the circuit that each piece belongs to; a circuit may have several pieces, or
        none.
    pieces: the pieces as factors.
    rest: (D_out, D_in), sparse: what belongs to no circuit (gates, cleaning, a shared mean).
    n_circuits: T, the number of circuits.

    >>> import numpy
    >>> from superposition import GatedConstruction, MLPCircuits
    >>> from superposition.bench import ground_truth
    >>> rng = numpy.random.default_rng(0)
    >>> large = GatedConstruction().compress(MLPCircuits.random(25, [2, 2, 2], rng), rng)
    >>> matrix = ground_truth(large)["weights[1]"]
    >>> left, right = matrix.factors(circuit=7)
    >>> left.shape, right.shape
    ((20, 2), (2, 20))
    >>> numpy.allclose(matrix.total(), large.network.weights[1])
    True
    """

    name: str
    owners: Integers
    pieces: Pieces
    rest: sparse.csr_array
    n_circuits: int

    @property
    def shape(self) -> tuple[int, int]:
        """The shape of the matrix, (D_out, D_in)."""
        shape: tuple[int, int] = self.rest.shape
        return shape

    def factors(self, circuit: int) -> Factors:
        """Return the circuit's component as left (D_out, R) and right (R, D_in): left @ right.

        R is 0 for a circuit that has no part in this matrix. Raises ValueError for a circuit that
        does not exist.
        """
        whole_array("circuit", circuit, "", {}, self.n_circuits)
        own = np.flatnonzero(self.owners == circuit)
        parts = [self.pieces.factors(int(number)) for number in own]
        none = np.zeros((self.shape[0], 0)), np.zeros((0, self.shape[1]))
        left, right = zip(*(parts or [none]), strict=True)
        return np.hstack(left), np.vstack(right)

    def component(self, circuit: int) -> Floats:
        """Return the circuit's component, (D_out, D_in)."""
        left, right = self.factors(circuit)
        return np.asarray(left @ right)

    def total(self) -> Floats:
        """Return all components and the rest, which is the network's own matrix up to rounding."""
        check_memory(
            "shape", self.shape[0] * self.shape[1], lambda n: 16 * n, fits="{:,} weights".format
        )
        total = self.rest.toarray()
        for number in range(len(self.pieces)):
            left, right = self.pieces.factors(number)
            rows = np.flatnonzero(left.any(axis=1))
            total[rows] += left[rows] @ right
        return total


def _rows(matrix: Floats | sparse.csr_array, number: int, width: int) -> Floats:
    rows: Any = matrix[number * width : (number + 1) * width]
    return np.asarray(rows.toarray() if sparse.issparse(rows) else rows)
