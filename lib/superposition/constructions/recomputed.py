"""Gated superposition that recomputes in every layer which slots are in use."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
from scipy import sparse
from scipy.special import roots_hermitenorm

from superposition._check import Floats, Integers, instance, positive_int, whole_array
from superposition.circuits import MLPCircuits
from superposition.circuits.conditional import check_step, step_bias
from superposition.maps import SparseCode, TwoCodes
from superposition.network import mlp_of
from superposition.readers import SlotReader, shared_weights
from superposition.sums import Layer, Part, Sum, placed
from superposition.superposition import Gate, InputMap, ReadMap, Superposition

if TYPE_CHECKING:
    import pandas as pd

_NODES = 32  # of the Gauss–Hermite rule for a normal distribution


@dataclass(frozen=True)
class RecomputedGates:
    """A step by which slots infer from other slots whether they are in use: (eq-recomputed).

    threshold: the input at which the step is half way.
    gain: the step's slope; it rises from 0 to 1 over a width of 1/gain.

    Raises TypeError or ValueError for values ≤ 0, or a step that is not flat at 0 and 1.
    """

    threshold: float = 0.875
    gain: float = 8.0

    def __post_init__(self) -> None:
        check_step(self.threshold, self.gain)

    def step(self, inputs: Floats) -> Floats:
        """Return gates in [0, 1] from the inputs of their slots."""
        return np.clip(self.gain * (inputs - self.threshold) + 0.5, 0, 1)

    def rebuild(self, gated: Superposition) -> Superposition:
        """Return the same large network, but without copied gates: (eq-recomputed).

        gated: a superposition by `GatedConstruction`.

        Layers get one more block of neurons. Gates of the code to come are the difference of two
        neurons. Each layer passes them on as gates of its own code. It computes those of the next
        code from them, by the sequel's weights (eq-capped) between the slots of the two codes.
        The new network is told only at its input which circuits are active.
        """
        instance("gated", gated, Superposition)
        instance("gated.codes", gated.codes, TwoCodes)
        network = mlp_of(self.layers(gated.circuits, gated))
        return Superposition(gated.circuits, self, network, gated.checkpoints, gated)

    def layers(self, circuits: MLPCircuits, codes: Superposition) -> Iterator[Layer]:
        """Yield the large layers; `codes` is the gated superposition that was rebuilt.

        Circuits' parts are those of its layers. A gate "not in use" was one less the difference of
        the pair of neurons that has its place.
        """
        two: TwoCodes = codes.codes
        n, slots = two.n_slots, [two.slots(i) for i in (0, 1)]
        # from the code of odd layers to that of even ones, and the other way round
        shared = [shared_weights(slots[i], slots[1 - i]) for i in (0, 1)]
        old, widths = codes.construction.layers(circuits, two), _widths(codes)
        for i, ((before, after), ((only,), constant)) in enumerate(
            zip(pairwise(widths), old, strict=True)
        ):
            rows, shape = after * n, ((after + 3) * n, (before + 3) * n)
            closing = only.rest.tocsr()[:rows, two.gates(i + 1, before)]
            pair = sparse.vstack(
                [-closing, sparse.eye_array(n), *[sparse.csr_array(self.gain * shared[i % 2])] * 2]
            ).tocoo()
            found = (before + 1) * n + pair.col
            places = [(pair.row, found, pair.data), (pair.row, found + n, -pair.data)]
            parts = tuple(_moved(part, i, n, before, shape) for part in only.parts)
            rest = placed(places, shape, only.dtype)
            biases = np.zeros(shape[0], only.dtype)
            biases[:rows] = constant[:rows] + closing.sum(axis=1)
            biases[(after + 1) * n :] = np.repeat(step_bias(self.threshold, self.gain), n)
            sizes = only.dtype, only.n_circuits, only.name
            yield Layer((Sum(shape, parts, rest, *sizes),), biases)

    def input_map(self, circuits: MLPCircuits, codes: Superposition) -> RecomputedInput:
        """Return how inputs are written: as in the gated network, with pairs for later gates."""
        return RecomputedInput(codes.input_map, codes.codes.n_slots)

    def read_map(self, circuits: MLPCircuits, codes: Superposition, layer: int) -> ReadMap:
        """Return how states are read: as in the gated network, with gates of the layer's code."""
        old, n = codes.read_maps[layer], codes.codes.n_slots
        slots = codes.codes.slots(layer).slots + n * np.arange(old.width + 1)[:, None]
        code = SparseCode(slots, n * (old.width + 3), circuits.dtype)
        return ReadMap(code, old.width, old.weights, old.offset)

    def gates(self, circuits: object, codes: object, layer: int) -> tuple[Gate, ...]:
        """Return no gates, since they may be wrong; `gate_values` reads them."""
        return ()

    def follow(
        self, n_slots: int, redundancy: int, connected: float, n_active: int, n_layers: int
    ) -> pd.DataFrame:
        """Predict gates layer by layer, as if connections were independent: (eq-gates-followed).

        connected: ϱ of (eq-slots-meet), the share of connected pairs of slots that no active
        circuit joins.

        The columns are layer (1 … L); missed, by how much gates of slots in use fall short of one;
        and false, the mean gate of slots not in use.
        Raises TypeError or ValueError for counts ≤ 0, more active slots than there are, or a
        `connected` outside [0, 1).
        """

        import pandas as pd

        if not 0 <= connected < 1:
            raise ValueError(f"connected: wanted at least 0 and less than 1, got {connected}")
        n = positive_int("n_slots", n_slots)
        r = positive_int("redundancy", redundancy, n, ", the number of slots")
        k, rows = positive_int("n_active", n_active, n // r, ", what the slots hold"), []
        silent = connected / (1 - connected) / r  # χ, so that slots receive nothing on average
        alone = (1.0, 0.0, 0.0)  # mean of gates in use; mean and square of others
        for layer in range(1, positive_int("n_layers", n_layers) + 1):
            on, _, square = alone
            noise = (n - k * r) * square * silent / r  # E B² = ϱ/r² + (1 − ϱ) χ² = χ/r
            own, _ = self._mean_gate(on, (k - 1) * r, on, connected, r, noise)
            others = self._mean_gate(0.0, k * r, on, connected, r, noise)
            alone = (own, *others)
            rows.append([layer, 1 - own, others[0]])
        return pd.DataFrame(rows, columns=["layer", "missed", "false"])

    def _mean_gate(
        self, own: float, n: int, value: float, connected: float, r: int, noise: float
    ) -> tuple[float, float]:
        """Return mean and mean square of a gate, for n inputs of one value and normal noise."""
        from scipy.stats import binom  # slow to load, and seldom needed

        joined = np.arange(n + 1)
        silent = connected / (1 - connected) / r
        inputs = own + value * (joined / r - silent * (n - joined))
        nodes, weights = roots_hermitenorm(_NODES)
        gates = self.step(inputs[:, None] + np.sqrt(noise) * nodes)
        chances = binom.pmf(joined, n, connected)[:, None] * weights / weights.sum()
        return float((chances * gates).sum()), float((chances * gates**2).sum())


@dataclass(frozen=True, eq=False)
class RecomputedInput:
    """How inputs enter: the gated network's first state, with pairs of neurons for later gates.

    gated: how inputs enter the gated network.
    n_slots: the slots of one block.
    """

    gated: InputMap
    n_slots: int

    def write(self, inputs: Floats, active: Integers) -> Floats:
        """Return first states (batch, D) for inputs (batch, k, d_0) of active circuits."""
        state, n = self.gated.write(inputs, active), self.n_slots
        return np.hstack([state[:, :-n], 1 - state[:, -n:], np.zeros_like(state[:, -n:])])


def gate_values(recomputed: Superposition, state: Floats, layer: int) -> Floats:
    """Return gates (batch, n) of `layer`'s code, from a state (batch, D) after that layer."""
    layer = int(whole_array("layer", layer, "", {}, len(recomputed.checkpoints)))
    n = recomputed.codes.codes.n_slots
    start = _widths(recomputed.codes)[layer] * n
    return state[:, start : start + n]


def _widths(gated: Superposition) -> tuple[int, ...]:
    """Return how many neurons on a slot of the gated network hold a state after each layer."""
    return tuple(read.width for read in gated.read_maps)


def _moved(part: Part, layer: int, n: int, before: int, shape: tuple[int, int]) -> Part:
    """Return a gated layer's part where a layer has gates of its own code first, then pairs."""
    assert isinstance(part.write, SparseCode)
    write = SparseCode(part.write.slots, shape[0], part.write.dtype)
    away = np.zeros(before + 1, int)
    away[-1] = -n * (layer % 2)  # gates of odd layers' code were the last block
    if isinstance(part.read, SlotReader):
        read = replace(part.read, starts=part.read.starts + away, size=shape[1])
        return Part(write, part.weights, read, part.owners)
    assert isinstance(part.read, SparseCode)
    moved = SparseCode(part.read.slots + away[:, None], shape[1], part.read.dtype)
    return Part(write, part.weights, moved, part.owners)
