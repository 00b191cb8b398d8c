"""What codes have in common, and the one sum by which every large weight matrix is made.

A code gives every entry of every circuit's vector a direction in a wide space. The rows of
`matrix` are those directions, `width` consecutive rows per circuit; `reader` holds the rows that
read the entries back.
"""

from __future__ import annotations

from typing import Any, Protocol, runtime_checkable

import numpy as np
from scipy import sparse

from superposition._check import Floats, Integers, active_sets, real_array, whole_array


@runtime_checkable
class Code(Protocol):
    """What every code offers: T circuits' vectors of `width` entries in a space of `size`."""

    @property
    def n_circuits(self) -> int: ...
    @property
    def width(self) -> int: ...
    @property
    def size(self) -> int: ...
    @property
    def matrix(self) -> Any: ...
    @property
    def reader(self) -> Any: ...
    def encode(self, values: Floats, active: Integers) -> Floats: ...
    def decode(self, state: Floats, which: Integers) -> Floats: ...
    def decode_all(self, state: Floats) -> Floats: ...


def superpose(write: Code, weights: Floats, read: Code) -> Floats:
    """Σ_t write_t · w_t · read_t: the one sum by which every large weight matrix is made.

    Both lines of equation (eq-weights) of *The construction*.

    weights (T, write.width, read.width): circuit t's own small matrix. Returns a dense array
    (write.size, read.size). Raises ValueError where codes and weights do not fit together.
    """
    sizes = {"circuits": write.n_circuits, "outputs": write.width, "inputs": read.width}
    weights = real_array("weights", weights, "circuits outputs inputs", sizes)
    if read.n_circuits != write.n_circuits:
        raise ValueError(
            f"read: wanted a code of {write.n_circuits} circuits, got {read.n_circuits}"
        )
    corners = np.arange(write.n_circuits)
    # block-diagonal: circuit t's matrix at block (t, t)
    blocks = sparse.bsr_array((weights, corners, np.arange(len(corners) + 1)))
    if sparse.issparse(read.reader):  # the write side first: it is dense, or all is sparse
        product = (write.matrix.T @ blocks) @ read.reader
    else:
        product = write.matrix.T @ (blocks @ read.reader)
    return product.toarray() if sparse.issparse(product) else np.ascontiguousarray(product)


def check_values(code: Code, values: Floats, active: Integers) -> tuple[Floats, Integers]:
    """What `encode` takes: values (batch, active, width) of distinct circuits (batch, active)."""
    sizes = {"width": code.width}
    active = active_sets(active, code.n_circuits, sizes)
    return real_array("values", values, "batch active width", sizes), active


def check_state(code: Code, state: Floats, which: Integers) -> tuple[Floats, Integers]:
    """What `decode` takes: a state (batch, size) and numbers of circuits (batch, circuits)."""
    sizes = {"size": code.size}
    state = real_array("state", state, "batch size", sizes)
    return state, whole_array("which", which, "batch circuits", sizes, code.n_circuits)
