"""Dense random codes, for the residual stream."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

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


@dataclass(frozen=True, eq=False)
class GaussianCode:
    """Dense directions in the large residual stream, which are read by their transpose.

    directions: (T, d, D); entry i of circuit t's vector is written along row i of circuit t.

    The rows of circuit t are the post's E_t, transposed. `draw` makes random directions; explicit
    directions may be anything. Raises ValueError for an empty axis.

    >>> import numpy
    >>> from superposition import GaussianCode
    >>> code = GaussianCode.draw(n_circuits=50, width=2, size=400, rng=numpy.random.default_rng(0))
    >>> state = code.encode(numpy.array([[[1.0, -2.0]]]), active=numpy.array([[7]]))
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
        check_reads(self, len(state))
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
