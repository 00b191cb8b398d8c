"""The one sum by which every large weight matrix is made."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy import sparse

from superposition._check import Floats, real_array
from superposition._memory import check_memory
from superposition.maps import Code, SparseCode

_AT_ONCE = 2**15  # places that are added to in one go: they stay in the cache


class CircuitSum(NamedTuple):
    """The sum Σ_t write_t · w_t · read_t, not multiplied out: the arguments of `superpose`."""

    write: Code  #: Where they write.
    weights: Floats  #: Circuits' own small matrices.
    read: Code  #: How they read.


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
    >>> weights = numpy.array([[[2.0]], [[10.0]]])  # the weights of two circuits, of width 1 each
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
    if isinstance(write, SparseCode) and isinstance(read, SparseCode):
        _scatter(write, weights, read, onto)
    else:
        onto += _product(write, weights, read)
    return onto


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
