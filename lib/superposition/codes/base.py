"""What codes have in common.

A code gives every entry of every circuit's vector a direction in a wide space. The rows of
`matrix` are those directions, `width` consecutive rows per circuit; `reader` holds the rows that
read the entries back.
"""

from __future__ import annotations

from typing import Any, Protocol, runtime_checkable

from superposition._check import Floats, Integers, active_sets, real_array, whole_array
from superposition._memory import check_memory


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
    """What `encode` takes: values (batch, active, width) of distinct circuits (batch, active)."""
    sizes = {"width": code.width}
    active = active_sets(active, code.n_circuits, sizes)
    return real_array("values", values, "batch active width", sizes), active


def check_reads(code: Code, batch: int) -> None:
    """MemoryError where what all circuits read of so many states does not fit."""
    one = code.n_circuits * code.width * 8
    check_memory("state", batch, lambda n: n * one, fits="a batch of {:,}".format)


def check_state(code: Code, state: Floats, which: Integers) -> tuple[Floats, Integers]:
    """What `decode` takes: a state (batch, size) and numbers of circuits (batch, circuits)."""
    sizes = {"size": code.size}
    state = real_array("state", state, "batch size", sizes)
    return state, whole_array("which", which, "batch circuits", sizes, code.n_circuits)
