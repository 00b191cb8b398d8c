"""The same small networks in another form, so that other constructions accept them."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from superposition._check import Floats, Integers, instance, positive_real
from superposition.circuits.conditional import check_step, on_neurons, step_bias
from superposition.circuits.inputs import InputSampler, take_inputs
from superposition.circuits.mlp import MLPCircuits
from superposition.circuits.residual import ResidualCircuits


@dataclass(frozen=True, eq=False)
class SwitchedInputs:
    """A sampler whose inputs start with the two neurons of an on-indicator that is 1.

    sampler: the sampler of the inputs that follow.
    on: (2,), the values of the indicator's neurons, as in later layers.
    """

    sampler: InputSampler
    on: Floats

    def __call__(self, active: Integers, rng: np.random.Generator) -> Floats:
        first = np.broadcast_to(self.on, (*active.shape, 2))
        return np.concatenate([first, self.sampler(active, rng)], axis=-1)

    def take(self, which: Integers) -> SwitchedInputs:
        """Return the sampler of circuits `which`, (n,), in that order."""
        return replace(self, sampler=take_inputs(self.sampler, which))


def as_residual(circuits: MLPCircuits, *, nonnegative: bool = False) -> ResidualCircuits:
    """Return an MLP as a residual network whose layers replace the state: (eq-as-residual).

    nonnegative: whether all inputs are at least zero.

    The width d is the largest of the MLP's, and entries that a layer does not have are zero. A ReLU
    layer takes 3d neurons: w·a + b, and max(a, 0) and max(−a, 0), which remove a. It takes 2d
    neurons where the state before it cannot be below zero. A linear layer takes 2d.
    """
    instance("circuits", circuits, MLPCircuits)
    width, layers, signed = max(circuits.widths), [], not nonnegative
    rows = zip(circuits.weights, circuits.biases, circuits.activations, strict=True)
    for weight, bias, name in rows:
        layers.append(_layer(_padded(weight, width), _padded_bias(bias, width), name, signed))
        signed = name == "linear"
    most = max(layer[1].shape[1] for layer in layers)
    read, biases, write = ([_filled(layer[i], most, i) for layer in layers] for i in range(3))
    return ResidualCircuits(np.stack(read), np.stack(biases), np.stack(write))


def switched(
    circuits: MLPCircuits, *, margin: float = 1.0, threshold: float = 0.5, gain: float = 2.0
) -> MLPCircuits:
    """Return the same ReLU circuits with an on-indicator α, the difference of two more neurons.

    Each layer maps α to a step from 0 to 1 around `threshold`, as `rotation_circuits` does. It maps
    a to ReLU(w·a + (b + margin) α − margin). While α is 1 this is what the circuit computed before.
    While a and α are 0 the circuit is silent, and each neuron is `margin` below its threshold. All
    circuits then share their biases: (eq-switched).

    Raises ValueError for linear layers, or a step that is not flat at 0 and 1.
    """
    instance("circuits", circuits, MLPCircuits)
    margin = positive_real("margin", margin)
    threshold, gain = check_step(threshold, gain)
    if set(circuits.activations) != {"relu"}:
        raise ValueError(
            f"activations: wanted ReLU in every layer, which silences inactive circuits, got "
            f"{circuits.activations}"
        )
    pairs = zip(circuits.weights, circuits.biases, strict=True)
    weights = [_switch(weight, bias + margin, gain) for weight, bias in pairs]
    step = step_bias(threshold, gain)
    biases = [
        np.tile(np.array([*step, *[-margin] * weight.shape[1]], weight.dtype), (len(weight), 1))
        for weight in circuits.weights
    ]
    inputs = SwitchedInputs(circuits.default_inputs, on_neurons(threshold, gain))
    return MLPCircuits(weights, biases, "relu", inputs)


def _layer(weight: Floats, bias: Floats, name: str, signed: bool) -> tuple[Floats, Floats, Floats]:
    """Return read_in (T, m, d), bias (T, m) and write_out (T, d, m) of one layer of width d."""
    unit = np.broadcast_to(np.eye(weight.shape[1], dtype=weight.dtype), weight.shape)
    read: list[Floats]
    if name == "linear":
        read, biases = [weight - unit, unit - weight], [bias, -bias]
        write = [unit, -unit]
    else:
        read, biases, write = [weight, unit], [bias, np.zeros_like(bias)], [unit, -unit]
        if signed:
            read, biases, write = [*read, -unit], [*biases, biases[1]], [*write, unit]
    return np.hstack(read), np.hstack(biases), np.dstack(write)


def _padded(weight: Floats, width: int) -> Floats:
    more = [(0, 0), *((0, width - size) for size in weight.shape[1:])]
    return np.pad(weight, more)


def _padded_bias(bias: Floats, width: int) -> Floats:
    return np.pad(bias, [(0, 0), (0, width - bias.shape[1])])


def _filled(array: Floats, n_neurons: int, which: int) -> Floats:
    """Add neurons that do nothing, along the last axis of write_out and the second of others."""
    axis = 2 if which == 2 else 1
    more = [(0, n_neurons - size if i == axis else 0) for i, size in enumerate(array.shape)]
    return np.pad(array, more)


def _switch(weight: Floats, column: Floats, gain: float) -> Floats:
    """Return weights (T, d' + 2, d + 2): the step's rows, then w with b + margin read from α."""
    count, after, before = weight.shape
    large = np.zeros((count, after + 2, before + 2), weight.dtype)
    large[:, :2, :2] = gain, -gain
    large[:, 2:, 0], large[:, 2:, 1], large[:, 2:, 2:] = column, -column, weight
    return large
