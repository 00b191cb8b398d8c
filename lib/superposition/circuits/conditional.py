"""Weights and biases of conditional rotations: (eq-rotation-circuit)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from superposition._check import Floats


def conditional_bias(threshold: float, gain: float) -> Floats:
    """Biases (4,): of the step around `threshold`, then of the vector."""
    return np.array([0.5 - gain * threshold, -0.5 - gain * threshold, -1, -1])


def conditional_weights(turns: Floats, gain: float) -> Floats:
    """Weights (T, 4, 4) for turns (T, 2, 2): rows of the step, then those of the vector."""
    weights = np.zeros((len(turns), 4, 4))
    weights[:, :2, 0], weights[:, :2, 1] = gain, -gain
    shift = 2 - turns.sum(axis=2)  # R x + 2α from x + α and α
    weights[:, 2:, 0], weights[:, 2:, 1] = shift, -shift
    weights[:, 2:, 2:] = turns
    return weights


def find_step(weights: Sequence[Floats], biases: Sequence[Floats]) -> tuple[float, float] | None:
    """Threshold and gain of the step, if all layers are conditional rotations with the same."""
    if any(weight.shape[1:] != (4, 4) for weight in weights):
        return None
    gain = float(weights[0][0, 0, 0])
    if gain <= 0:
        return None
    threshold = (0.5 - float(biases[0][0, 0])) / gain
    wanted = conditional_weights(weights[0][:, 2:, 2:], gain)
    same = all(np.allclose(weight, wanted, atol=1e-5) for weight in weights)
    bias = conditional_bias(threshold, gain)
    if same and all(np.allclose(found, bias, atol=1e-5) for found in biases):
        return threshold, gain
    return None
