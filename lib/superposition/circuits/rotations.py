"""The circuits of *Rotations in Superposition*, each of which turns a vector by its own angle.

The source is Linsefors (2025), in the bibliography. The state of a conditional rotation has four
neurons. The difference of the first two is the on-indicator α. The other two hold the vector x,
shifted by α so that it is positive.
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
    """A sampler for rotations without an indicator: vectors (batch, k, 2) of length 1."""

    def __call__(self, active: Integers, rng: np.random.Generator) -> Floats:
        angles = rng.uniform(0, 2 * np.pi, active.shape)
        return np.stack([np.cos(angles), np.sin(angles)], axis=-1)


@dataclass(frozen=True, eq=False)
class RotationInputs:
    """A sampler for conditional rotations: inputs (on, x + 1), (batch, k, 4), with |x| = 1.

    on: (2,), the values of the indicator's neurons while it is 1, as in all later states.
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
    """Make T circuits that turn a vector x by their own angles: (eq-rotation-circuit).

    Each circuit has one angle, by which every layer turns x. A conditional circuit has an
    on-indicator α and width 4. Each layer maps α to a step from 0 to 1 with slope `gain` around
    `threshold`; the published values are 2 and ½. Each layer maps x to ReLU(R x + 2α − 1) − α,
    which is R x while α = 1 and |x| = 1. An unconditional circuit has width 2 and linear layers x →
    R x. Inputs have |x| = 1 and α = 1.

    Raises ValueError for a step that is not flat at 0 and at 1, where ½/gain ≤ threshold ≤ 1 −
    ½/gain does not hold.

    >>> import numpy
    >>> from superposition import rotation_circuits, rotation_vector
    >>> rng, active = numpy.random.default_rng(0), numpy.array([[7]])
    >>> circuits = rotation_circuits(n_circuits=10, n_layers=3, rng=rng)
    >>> circuits
    MLPCircuits(10 circuits, widths 4 → 4 → 4 → 4)
    >>> last = circuits.run(circuits.default_inputs(active, rng), active)[-1]
    >>> round(float(numpy.linalg.norm(rotation_vector(last))), 6)
    1.0
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
    """Return threshold and gain of conditional rotations' step.

    Raises ValueError for circuits that `rotation_circuits` does not make.
    """
    if (step := find_step(circuits.weights, circuits.biases)) is not None:
        return step
    raise ValueError("circuits: wanted conditional rotations, as rotation_circuits makes them")


def on_indicator(states: Floats) -> Floats:
    """Return α, the difference a_0 − a_1 of conditional rotations' states (…, 4), as (…, 1).

    >>> import numpy
    >>> from superposition import on_indicator
    >>> on_indicator(numpy.array([1.5, 0.5, 1.6, 1.8])).tolist()
    [1.0]
    """
    return states[..., :1] - states[..., 1:2]


def rotation_vector(states: Floats) -> Floats:
    """Return the vector x of rotations' states, (…, 2).

    For states of width 4, x is a_2 and a_3 less α. States of width 2 are x themselves.

    >>> import numpy
    >>> from superposition import rotation_vector
    >>> rotation_vector(numpy.array([1.5, 0.5, 1.6, 1.8])).round(6).tolist()
    [0.6, 0.8]
    """
    if states.shape[-1] == 2:
        return states
    return states[..., 2:] - on_indicator(states)


def _rotations(angles: Floats) -> Floats:
    cos, sin = np.cos(angles), np.sin(angles)
    return np.array([[cos, -sin], [sin, cos]]).transpose(2, 0, 1)
