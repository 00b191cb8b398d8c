"""The precedent of gated superposition: the sequel's codes, and indicators that are copied."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from superposition._check import generator, instance, positive_int
from superposition.circuits import MLPCircuits
from superposition.constructions.gated import GatedConstruction
from superposition.constructions.sizing import neurons_of_slot
from superposition.maps import SparseCode, TwoCodes
from superposition.packings import PACKINGS, capacity
from superposition.sums import Layer
from superposition.superposition import Gate, InputMap, ReadMap, Superposition


@dataclass(frozen=True)
class ToldConstruction:
    """The sizes of the sequel's codes in a network that is told who is active: (eq-told).

    *Rotations in Superposition* says that indicators could be copied instead of found again, and
    its author's repository has such a network for rotations (`RotInSupNetwork_4d`). Layers write
    two codes in turn, and each slot's gate is copied. In the terms of gated superposition its gates
    and offsets are as large as one active circuit needs, its weights are equal, and two circuits
    may share a slot in both codes. So even one active circuit is not exact.

    width: the most neurons in the widest layer.
    redundancy: r, how many slots hold each entry of a circuit's state.
    code: "prime_step", as there, or "finite_plane"; two circuits share at most one slot of a code.
    input_bound, headroom, quiet: as of `GatedConstruction`.

    Raises TypeError or ValueError for sizes or bounds ≤ 0, another code, or a headroom below 1.

    >>> import numpy
    >>> from superposition import rotation_circuits
    >>> from superposition.constructions import ToldConstruction
    >>> told = ToldConstruction(width=1000)
    >>> told.holds([2, 2])  # as many as published
    557
    >>> rng = numpy.random.default_rng(0)
    >>> rotations = rotation_circuits(557, 3, rng, conditional=False)
    >>> told.compress(rotations, rng).network
    MLPNetwork(widths 1000 → 1000 → 1000 → 1000)
    """

    width: int
    redundancy: int = 6
    code: str = "prime_step"
    input_bound: float = 1.0
    headroom: float = 1.0
    quiet: bool = False

    def __post_init__(self) -> None:
        positive_int("width", self.width)
        if self.code not in PACKINGS:
            raise ValueError(f"code: wanted one of {PACKINGS}, got {self.code!r}")
        _ = self.gated  # which checks the rest

    @property
    def gated(self) -> GatedConstruction:
        """Return gated superposition with the same choices, for codes that are given."""
        sizes = self.width, self.redundancy, self.input_bound, self.headroom
        return GatedConstruction(*sizes, quiet=self.quiet)

    def holds(self, widths: Sequence[int]) -> int:
        """Return how many circuits the code holds, of so many neurons in layers 0 … L."""
        return capacity(self.code, self._slots(widths), self.redundancy)

    def compress(
        self,
        circuits: MLPCircuits,
        rng: np.random.Generator,
        *,
        codes: tuple[SparseCode, SparseCode] | None = None,
    ) -> Superposition:
        """Return one large MLP that computes all circuits, up to noise.

        codes: two codes of width 1 and equal sizes; None: sets of the code in random orders, drawn
            with `rng`, one order for each.

        Raises TypeError for other circuits or codes, ValueError for more circuits than the code
        holds, or codes that do not fit; MemoryError for a network that does not fit.
        """
        instance("circuits", circuits, MLPCircuits)
        generator(rng)
        if codes is None:
            n = self._slots(circuits.form.neurons(self.input_bound, room=False))
            sizes = self.code, circuits.n_circuits, 1, n, self.redundancy
            first, second = (SparseCode.draw(*sizes, rng) for _ in range(2))
            codes = first, second
        return replace(self.gated.compress(circuits, rng, codes=codes), construction=self)

    def layers(self, circuits: MLPCircuits, codes: TwoCodes) -> Iterator[Layer]:
        """Yield the large layers: those of gated superposition on these codes."""
        return self.gated.layers(circuits, codes)

    def input_map(self, circuits: MLPCircuits, codes: TwoCodes) -> InputMap:
        """Return how inputs are written, with gates of both codes."""
        return self.gated.input_map(circuits, codes)

    def read_map(self, circuits: MLPCircuits, codes: TwoCodes, layer: int) -> ReadMap:
        """Return how states are read: as means over slots."""
        return self.gated.read_map(circuits, codes, layer)

    def gates(self, circuits: MLPCircuits, codes: TwoCodes, layer: int) -> tuple[Gate, ...]:
        """Return the gates after small layer `layer`."""
        return self.gated.gates(circuits, codes, layer)

    def _slots(self, widths: Sequence[int]) -> int:
        least, each = self.redundancy, neurons_of_slot(widths)
        if self.width < least * each:
            wanted = f"at least {least * each}, {least} slots of {each} neurons"
            raise ValueError(f"width: wanted {wanted}, got {self.width}")
        return self.width // each
