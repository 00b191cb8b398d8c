"""These constructions with noise take as many weights as the scoreboard allows.

Each function builds a large network for circuits, from a number of weights for each small layer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import product
from math import isqrt
from typing import TypeVar

import numpy as np
import pandas as pd

from superposition._check import Floats, Integers
from superposition.circuits import MLPCircuits, as_residual, rotation_vector, switched
from superposition.circuits.conditional import conditional_bias, conditional_weights, on_neurons
from superposition.codes.two import GATES
from superposition.constructions import (
    GatedConstruction,
    GatedResidualConstruction,
    MLPConstruction,
    ResidualConstruction,
    Superposition,
)
from superposition.constructions.recomputed import RecomputedGates
from superposition.network import MLPNetwork, ResidualNetwork
from superposition.theory import evaluate, gating, symbols

Sized = TypeVar("Sized")  # constructions of one kind, of different sizes
Run = Callable[[Floats, Integers], tuple[Floats, ...]]
REDUNDANCIES = (1, 2, 3, 4, 6, 8)
_ALIKE = 1.1  # errors that differ by no more count as equal: then more redundancy is safer
_STEPS = ((0.5, 2.0), (0.7, 4.0), (0.75, 4.0), (0.875, 8.0))  # thresholds and gains


@dataclass(frozen=True)
class Compiled:
    """This describes circuits in a large network, and the size of that network.

    `run` takes inputs (batch, k, d_0) and active circuits (batch, k) to the states after 0 … L
    layers; a state is NaN if the construction does not know it. `width` is the number of neurons of
    the widest layer, or the width of the stream if that is larger. `layers` counts the layers of
    the large network, and `weights` the weights of all of them, zeros included.
    """

    run: Run
    width: int
    layers: int
    weights: int


Build = Callable[[MLPCircuits, int, int, np.random.Generator], Compiled]


def from_superposition(superposition: Superposition, run: Run | None = None) -> Compiled:
    """Describe a superposition as `Compiled`; `run`, if given, replaces its own way to run."""
    network = superposition.network
    if isinstance(network, ResidualNetwork):
        width = max(network.stream_width, network.n_neurons)
        weights = network.read_in.size + network.write_out.size
    elif isinstance(network, MLPNetwork):
        width, weights = max(network.widths), sum(weight.size for weight in network.weights)
    return Compiled(run or superposition.run, width, network.n_layers, weights)


def post(redundancy: int | None = None, disjoint_carriers: bool = False) -> Build:
    """Return the builder of the post's construction, of `as_residual` circuits, with M = 2D."""

    def build(
        circuits: MLPCircuits, weights: int, n_active: int, rng: np.random.Generator
    ) -> Compiled:
        width = isqrt(weights // 4)
        construction = ResidualConstruction(
            width, 2 * width, redundancy, disjoint_carriers=disjoint_carriers
        )
        large = construction.compress(as_residual(circuits), rng)
        return from_superposition(large, _unpadded(large, circuits))

    return build


def _unpadded(large: Superposition, circuits: MLPCircuits) -> Run:
    """Return a run with states of the circuits' own widths, without padding."""

    def run(inputs: Floats, active: Integers) -> tuple[Floats, ...]:
        missing = large.circuits.widths[0] - inputs.shape[-1]
        states = large.run(np.pad(inputs, [(0, 0), (0, 0), (0, missing)]), active)
        return tuple(a[..., :d] for a, d in zip(states, circuits.widths, strict=True))

    return run


def sequel(
    code: str = "prime_step",
    redundancy: int = 6,
    threshold: float = 0.5,
    gain: float = 2.0,
    margin: float = 1.0,
) -> Build:
    """Return the builder of the sequel's construction.

    The circuits become conditional rotations if they are rotations, else `switched` circuits.
    """

    def build(
        circuits: MLPCircuits, weights: int, n_active: int, rng: np.random.Generator
    ) -> Compiled:
        step = {"threshold": threshold, "gain": gain}
        if linear := set(circuits.activations) == {"linear"}:
            inner = _conditional(circuits, **step)
        else:
            inner = switched(circuits, margin=margin, **step)
        large = MLPConstruction(isqrt(weights), redundancy, code).compress(inner, rng)
        first = on_neurons(threshold, gain)

        def run(inputs: Floats, active: Integers) -> tuple[Floats, ...]:
            on = np.broadcast_to(first, (*active.shape, 2))
            states = large.run(np.concatenate([on, inputs + linear], axis=-1), active)
            return tuple(rotation_vector(a) if linear else a[..., 2:] for a in states)

        return from_superposition(large, run)

    return build


def _conditional(circuits: MLPCircuits, threshold: float, gain: float) -> MLPCircuits:
    """Turn plain rotations into conditional ones. Raises ValueError for other linear circuits."""
    turns = [
        weight.swapaxes(1, 2) @ weight - np.eye(weight.shape[2]) for weight in circuits.weights
    ]
    off = max(float(np.abs(array).max()) for array in (*turns, *circuits.biases))
    if set(circuits.widths) != {2} or off > 1e-5:
        raise ValueError("circuits: wanted ReLU layers or rotations, got other linear layers")
    bias = np.tile(conditional_bias(threshold, gain), (circuits.n_circuits, 1))
    weights = [conditional_weights(turns, gain) for turns in circuits.weights]
    return MLPCircuits(weights, [bias] * len(weights))


def gated(circuits: MLPCircuits, weights: int, n_active: int, rng: np.random.Generator) -> Compiled:
    """Build gated superposition with the redundancy of least predicted error.

    If several circuits are active, the redundancy is at least 2. With one slot for each circuit,
    errors are few and large, so their mean does not say what to expect.
    """
    made = [GatedConstruction(isqrt(weights), r) for r in REDUNDANCIES[n_active > 1 :]]
    construction = _best(made, lambda one: one.predict_error(circuits, n_active))
    return from_superposition(construction.compress(circuits, rng))


def recomputed_gates(
    circuits: MLPCircuits, weights: int, n_active: int, rng: np.random.Generator
) -> Compiled:
    """Build gated superposition with `RecomputedGates`, which each layer computes anew.

    Redundancy and step are those of least predicted loss. Raises ValueError where no redundancy
    makes room for the circuits.
    """
    widest = max(circuits.widths) + GATES
    width = isqrt(weights) * widest // (widest + 1)  # there is one block more
    found = []
    for r, step in product(REDUNDANCIES[1:], _STEPS):
        construction, gates = GatedConstruction(width, r), RecomputedGates(*step)
        try:
            holds = construction.holds(circuits.widths)
        except ValueError:
            continue
        if holds >= circuits.n_circuits:
            slots = r * isqrt(holds)
            found.append((_lost(gates, slots, r, circuits, n_active), -r, construction, gates))
    if not found:
        raise ValueError(f"weights: wanted room for {circuits.n_circuits} circuits, got {weights}")
    _, _, construction, gates = min(found, key=lambda row: row[:2])
    return from_superposition(gates.rebuild(construction.compress(circuits, rng)))


def _lost(
    gates: RecomputedGates, slots: int, r: int, circuits: MLPCircuits, n_active: int
) -> float:
    """Predict the share of gates in use that are lost, plus false gates for each gate in use."""
    sizes = {symbols.T: circuits.n_circuits, symbols.r: r, gating.slots: slots}
    connected = float(np.clip(evaluate(gating.slots_meet(), sizes), 1e-9, 0.999))
    try:
        table = gates.follow(slots, r, connected, n_active, circuits.n_layers)
    except ValueError:  # more slots active than there are
        return np.inf
    return float((table["missed"] + table["false"] * slots / (n_active * r)).iloc[-1])


def gated_residual(
    circuits: MLPCircuits, weights: int, n_active: int, rng: np.random.Generator
) -> Compiled:
    """Build a gated residual network of `as_residual` circuits, in 2L − 1 layers."""
    inner = as_residual(circuits)
    stream, neurons = inner.width + 2, max(inner.n_neurons, 2 * inner.width)
    made = []
    for r in (1, 2, 3, 4):
        if width := residual_room(weights, inner.n_layers, r, stream, neurons):
            made.append(GatedResidualConstruction(width, r, r))
    construction = _best(made, lambda one: one.predict_error(inner, n_active))
    large = construction.compress(inner, rng)
    return from_superposition(large, _unpadded(large, circuits))


def residual_room(weights: int, layers: int, redundancy: int, stream: int, neurons: int) -> int:
    """Return the width of a gated residual network's stream, for so many weights per small layer.

    `stream` and `neurons` are the dimensions and neurons for one slot of each code. The network has
    2 `layers` − 1 layers.
    """
    in_all = weights * layers // (2 * layers - 1)
    return redundancy * stream * isqrt(in_all // (2 * redundancy**2 * stream * neurons))


def _best(made: Iterable[Sized], predict: Callable[[Sized], pd.DataFrame]) -> Sized:
    """Return the last construction with room for the circuits and about the least error."""
    found = []
    for construction in made:
        try:
            table = predict(construction)
        except ValueError:
            continue
        found.append((float(table["relative_mse"].iloc[-1]), construction))
    if not found:
        raise ValueError("weights: wanted room for all circuits")
    least = min(error for error, _ in found)
    return [construction for error, construction in found if error <= _ALIKE * least][-1]
