"""Measurements of gates that are found again in each layer (chapter *The scoreboard*)."""

from __future__ import annotations

import numpy as np
import pandas as pd

from superposition.circuits import MLPCircuits
from superposition.codes.two import TwoCodes, draw_codes
from superposition.constructions import GatedConstruction
from superposition.constructions.connections import shared_weights
from superposition.constructions.recomputed import RecomputedGates, RecomputedSuperposition
from superposition.inputs import sample_active
from superposition.theory import evaluate, gating, symbols


def gate_margins(
    prime: int, redundancy: int, n_circuits: int, rng: np.random.Generator
) -> pd.Series:
    """What slots hear of gates while one circuit is active, for each circuit, both ways.

    least_on: the least on its own slots. most_off: the most on any other. Gates are found again
    without fail, at any depth, if a step fits between the two.
    """
    two = draw_codes(prime, redundancy, n_circuits, rng)
    both = [_heard(two, layer) for layer in (0, 1)]
    return pd.Series({"least_on": min(b[0] for b in both), "most_off": max(b[1] for b in both)})


def _heard(two: TwoCodes, layer: int) -> tuple[float, float]:
    read, write = two.slots(layer), two.slots(layer + 1)
    heard = read.matrix @ shared_weights(write, read).T
    own = write.matrix.toarray() > 0
    return float(heard[own].min()), float(heard[~own].max())


def gates_followed(
    superposition: RecomputedSuperposition, n_active: int, n_samples: int, rng: np.random.Generator
) -> pd.DataFrame:
    """Gates after layers 1 … L, measured and by `RecomputedGates.follow`; and the states' errors.

    Columns layer, missed (by how much gates in use fall short of one), false (mean gate of slots
    not in use), relative_mse, copied (the same, if gates are copied instead), missed_predicted,
    false_predicted. Gates of layer 1 are told.
    """
    circuits, codes = superposition.circuits, superposition.gated.codes
    n, r = circuits.n_circuits, codes[0].redundancy
    active = sample_active(n, n_active, n_samples, rng)
    inputs = circuits.default_inputs(active, rng)
    truths = circuits.run(inputs, active)
    states = superposition.network.run(superposition.embed(inputs, active))
    copied, rows = superposition.gated.run(inputs, active), []
    for layer, state in list(enumerate(states))[1:]:
        gates = superposition.gates(state, layer)
        used = np.zeros_like(gates, bool)
        used[np.arange(n_samples)[:, None, None], codes[layer].slots[:, 0][active]] = True
        found = superposition.read(state, active, layer), copied[layer]
        size = np.mean(truths[layer] ** 2)
        wrong = [np.mean((read - truths[layer]) ** 2) / size for read in found]
        rows.append([layer, 1 - gates[used].mean(), gates[~used].mean(), *wrong])
    table = pd.DataFrame(rows, columns=["layer", "missed", "false", "relative_mse", "copied"])
    slots = gates.shape[1]
    sizes = {symbols.T: n, symbols.r: r, gating.slots: slots}
    connected = float(evaluate(gating.slots_meet(), sizes))
    theory = superposition.construction.follow(
        slots, r, connected, n_active, circuits.n_layers
    ).shift(fill_value=0.0)
    predicted = {f"{name}_predicted": theory[name] for name in ("missed", "false")}
    return table.assign(**predicted)


def rebuilt(
    circuits: MLPCircuits,
    width: int,
    redundancy: int,
    threshold: float,
    gain: float,
    rng: np.random.Generator,
) -> RecomputedSuperposition:
    """Gated superposition in so many neurons, with gates found again instead of copied."""
    gated = GatedConstruction(width, redundancy).compress(circuits, rng)
    return RecomputedGates(threshold, gain).rebuild(gated)
