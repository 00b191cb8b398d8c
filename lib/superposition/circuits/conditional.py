"""Weights and biases of conditional rotations: (eq-rotation-circuit)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from superposition._check import Floats, positive_real


def check_step(threshold: float, gain: float) -> tuple[float, float]:
    """Return threshold and gain, or raise ValueError for a step that is not flat at 0 and at 1."""
    threshold, gain = positive_real("threshold", threshold), positive_real("gain", gain)
    if abs(threshold - 0.5) > 0.5 - 0.5 / gain + 1e-12:
        raise ValueError(
            f"threshold: wanted a step that is flat at 0 and 1, ½/gain ≤ threshold ≤ 1 − ½/gain, "
            f"got {threshold} with gain {gain}"
        )
    return threshold, gain


def step_bias(threshold: float, gain: float) -> Floats:
    """Return biases (2,) of two neurons whose difference is a step from 0 to 1 at `threshold`."""
    return np.array([0.5 - gain * threshold, -0.5 - gain * threshold])


def on_neurons(threshold: float, gain: float) -> Floats:
    """Return the values (2,) of the step's two neurons while the step is at 1."""
    above = gain * (1 - threshold)
    return np.array([above + 0.5, above - 0.5])


def conditional_bias(threshold: float, gain: float) -> Floats:
    """Return biases (4,), first those of the step around `threshold`, then those of the vector."""
    return np.array([*step_bias(threshold, gain), -1, -1])


def conditional_weights(turns: Floats, gain: float) -> Floats:
    """Return weights (T, 4, 4) for turns (T, 2, 2), the step's rows before the vector's."""
    weights = np.zeros((len(turns), 4, 4))
    weights[:, :2, 0], weights[:, :2, 1] = gain, -gain
    shift = 2 - turns.sum(axis=2)  # R x + 2α from x + α and α
    weights[:, 2:, 0], weights[:, 2:, 1] = shift, -shift
    weights[:, 2:, 2:] = turns
    return weights


def find_step(weights: Sequence[Floats], biases: Sequence[Floats]) -> tuple[float, float] | None:
    """Return threshold and gain if all layers are conditional rotations with one step."""
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
