"""What all codes have in common.

A code gives every entry of every circuit's vector a direction in a wide space. The rows of `matrix`
are those directions, `width` consecutive rows for each circuit. The rows of `reader` read the
entries back.
"""

from __future__ import annotations

from typing import Any, Protocol, runtime_checkable

from superposition._check import Floats, Integers, active_sets, real_array, whole_array
from superposition._memory import check_memory


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


def check_reads(code: Code, batch: int) -> None:
    """Raise MemoryError where what all circuits read of `batch` states does not fit."""
    one = code.n_circuits * code.width * 8
    check_memory("state", batch, lambda n: n * one, fits="a batch of {:,}".format)


def check_state(code: Code, state: Floats, which: Integers) -> tuple[Floats, Integers]:
    """Return states and circuits as `decode` takes them, or raise its errors.

    state: (batch, size), the states.
    which: (batch, circuits), the numbers of the circuits.
    """
    sizes = {"size": code.size}
    state = real_array("state", state, "batch size", sizes)
    return state, whole_array("which", which, "batch circuits", sizes, code.n_circuits)
