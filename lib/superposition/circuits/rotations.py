"""The circuits of *Rotations in Superposition*: each turns a vector by its own angle, if it is on.

Linsefors (2025), in the bibliography. State of a conditional rotation: two neurons whose
difference is the on-indicator α, two that hold the vector x, shifted by α so that it is positive.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from superposition._check import Floats, Integers, generator, positive_int
from superposition._memory import check_circuits
from superposition.circuits.conditional import (
    check_step,
    conditional_bias,
    conditional_weights,
    find_step,
    on_neurons,
)
from superposition.circuits.mlp import MLPCircuits


@dataclass(frozen=True)
class PlaneDirections:
    """Inputs of rotations without an indicator: |x| = 1, (batch, k, 2)."""

    def __call__(self, active: Integers, rng: np.random.Generator) -> Floats:
        angles = rng.uniform(0, 2 * np.pi, active.shape)
        return np.stack([np.cos(angles), np.sin(angles)], axis=-1)


@dataclass(frozen=True, eq=False)
class RotationInputs:
    """Inputs (on, x + 1) of conditional rotations, |x| = 1, (batch, k, 4).

    on: (2,), what the indicator's neurons hold while it is 1, as in all later states.
    """

    on: Floats

    def __call__(self, active: Integers, rng: np.random.Generator) -> Floats:
        first = np.broadcast_to(self.on, (*active.shape, 2))
        return np.concatenate([first, PlaneDirections()(active, rng) + 1], axis=-1)


def rotation_circuits(
    n_circuits: int,
    n_layers: int,
    rng: np.random.Generator,
    conditional: bool = True,
    *,
    threshold: float = 0.5,
    gain: float = 2.0,
) -> MLPCircuits:
    """T circuits, each with one angle θ_t, by which every layer turns x: (eq-rotation-circuit).

    conditional: with an on-indicator, width 4. Layers map α to a step from 0 to 1, of slope `gain`
    around `threshold` (as published: 2, ½), and x to ReLU(R x + 2α − 1) − α, which is R x while
    α = 1 and |x| = 1. Without: width 2, linear layers x → R x.
    Inputs have |x| = 1 and α = 1. Raises ValueError where an inactive circuit's step, or an active
    one's, would not be flat: wanted ½/gain ≤ threshold ≤ 1 − ½/gain.
    """
    n_circuits, n_layers = (
        positive_int("n_circuits", n_circuits),
        positive_int("n_layers", n_layers),
    )
    threshold, gain = check_step(threshold, gain)
    one = 8 * (4 * 4 + 4)  # layers share their arrays
    check_circuits(n_circuits, one)
    turns = _rotations(generator(rng).uniform(0, 2 * np.pi, n_circuits))
    if not conditional:
        zeros = np.zeros((n_circuits, 2))
        return MLPCircuits([turns] * n_layers, [zeros] * n_layers, "linear", PlaneDirections())
    weights = conditional_weights(turns, gain)
    biases = np.tile(conditional_bias(threshold, gain), (n_circuits, 1))
    sampler = RotationInputs(on_neurons(threshold, gain))
    return MLPCircuits([weights] * n_layers, [biases] * n_layers, "relu", sampler)


def rotation_step(circuits: MLPCircuits) -> tuple[float, float]:
    """Threshold and gain of conditional rotations' step.

    Raises ValueError for circuits that `rotation_circuits` does not make.
    """
    if (step := find_step(circuits.weights, circuits.biases)) is not None:
        return step
    raise ValueError("circuits: wanted conditional rotations, as rotation_circuits makes them")


def on_indicator(states: Floats) -> Floats:
    """α of conditional rotations' states (…, 4): a_0 − a_1, as (…, 1)."""
    return states[..., :1] - states[..., 1:2]


def rotation_vector(states: Floats) -> Floats:
    """x of rotations' states, (…, 2): a_2 and a_3 less α (width 4), or the state (width 2)."""
    if states.shape[-1] == 2:
        return states
    return states[..., 2:] - on_indicator(states)


def _rotations(angles: Floats) -> Floats:
    cos, sin = np.cos(angles), np.sin(angles)
    return np.array([[cos, -sin], [sin, cos]]).transpose(2, 0, 1)
