"""Gated superposition that recomputes in every layer which slots are in use."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import roots_hermitenorm

from superposition._check import Floats, Integers, instance, positive_int
from superposition.circuits.conditional import check_step, step_bias
from superposition.maps import SparseCode
from superposition.network import MLPNetwork
from superposition.readers import shared_weights
from superposition.superposition import GatedSuperposition, Superposition

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

    def rebuild(self, gated: GatedSuperposition) -> RecomputedSuperposition:
        """Return the same large network, but without copied gates: (eq-recomputed).

        Layers get one more block of neurons. Gates of the code to come are the difference of two
        neurons. Each layer passes them on as gates of its own code. It computes those of the next
        code from them, by the sequel's weights (eq-capped) between the slots of the two codes.
        """
        instance("gated", gated, GatedSuperposition)
        slots = [_slots(code) for code in (gated.codes[0], gated.codes[1])]
        # from the code of odd layers to that of even ones, and the other way round
        shared = [shared_weights(slots[i], slots[1 - i]) for i in (0, 1)]
        layers = [
            self._layer(gated, layer, shared[layer % 2]) for layer in range(gated.network.n_layers)
        ]
        network = MLPNetwork([layer[0] for layer in layers], [layer[1] for layer in layers])
        codes = tuple(_with_gate(code, slots[i % 2]) for i, code in enumerate(gated.codes))
        checkpoints = gated.checkpoints
        return RecomputedSuperposition(gated.circuits, self, network, checkpoints, gated, codes)

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

    def _layer(
        self, gated: GatedSuperposition, layer: int, shared: Floats
    ) -> tuple[Floats, Floats]:
        """Return weights and biases of entries, gates, and two neurons for each next gate."""
        before, after = gated.circuits.widths[layer : layer + 2]
        copied, constant = gated.network.weights[layer], gated.network.biases[layer]
        n = len(shared)
        entries, own, other = np.split(copied[: after * n], [before * n, (before + 1) * n], axis=1)
        if layer % 2:  # gates of odd layers' code are the last block
            own, other = other, own
        dtype = copied.dtype
        weights = np.zeros(((after + 3) * n, (before + 3) * n), dtype)
        biases = np.zeros(len(weights), dtype)
        found = slice((before + 1) * n, (before + 2) * n), slice((before + 2) * n, None)
        weights[: after * n, : before * n] = entries
        weights[: after * n, before * n : (before + 1) * n] = own
        pair = np.vstack([-other, np.eye(n), self.gain * shared, self.gain * shared])
        weights[:, found[0]], weights[:, found[1]] = pair, -pair
        # a gate "not in use" was one less the difference of the pair
        biases[: after * n] = constant[: after * n] + other.sum(axis=1)
        biases[(after + 1) * n :] = np.repeat(step_bias(self.threshold, self.gain), n)
        return weights, biases


@dataclass(frozen=True, eq=False, repr=False)
class RecomputedSuperposition(Superposition):
    """MLP circuits in an MLP that is told only at its input which circuits are active.

    gated: the superposition from which it was made.
    codes: after 0 … L layers, where states are read: their entries, then the gates of the code.
    """

    gated: GatedSuperposition
    codes: tuple[SparseCode, ...]

    def embed(self, inputs: Floats, active: Integers) -> Floats:
        """Return the gated superposition's first state, with pairs of neurons for later gates.

        Raises as the gated superposition's `embed` does.
        """
        state = self.gated.embed(inputs, active)
        n = _slots(self.gated.codes[0]).size
        return np.hstack([state[:, :-n], 1 - state[:, -n:], np.zeros_like(state[:, -n:])])

    def read(self, state: Floats, which: Integers, layer: int) -> Floats:
        layer = self._layer(layer)
        return self.gated.without_offset(self.codes[layer].decode(state, which), layer)

    def read_all(self, state: Floats, layer: int) -> Floats:
        layer = self._layer(layer)
        return self.gated.without_offset(self.codes[layer].decode_all(state), layer)

    def gates(self, state: Floats, layer: int) -> Floats:
        """Return gates (batch, n) of `layer`'s code, from a state (batch, D) after that layer."""
        n = _slots(self.gated.codes[0]).size
        start = self.circuits.widths[self._layer(layer)] * n
        return state[:, start : start + n]


def _slots(code: SparseCode) -> SparseCode:
    """Return one block of a code with a block of slots for each entry and two for gates."""
    return SparseCode(code.slots[:, :1], code.size // (code.width + 1), code.dtype)


def _with_gate(code: SparseCode, slots: SparseCode) -> SparseCode:
    """Return a gated layer's code of entries and gates, with room for one more block of neurons."""
    starts = slots.size * np.arange(code.width)[:, None]
    return SparseCode(slots.slots + starts, slots.size * (code.width + 2), code.dtype)
