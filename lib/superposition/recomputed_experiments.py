"""These measure gates that each layer computes anew, for the chapter *The scoreboard*."""

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
    """Compare what slots read of gates while one circuit is active.

    All circuits and both layers count. `least_on` is the least value on the circuit's own slots,
    and `most_off` the largest on any other slot. If a step fits between the two, gates are
    recomputed without error at any depth.
    """
    two = draw_codes(prime, redundancy, n_circuits, rng)
    both = [_heard(two, layer) for layer in (0, 1)]
    return pd.Series({"least_on": min(b[0] for b in both), "most_off": max(b[1] for b in both)})


def _heard(two: TwoCodes, layer: int) -> tuple[float, float]:
    """Return the least value on own slots and the largest on others, for one layer."""
    read, write = two.slots(layer), two.slots(layer + 1)
    heard = read.matrix @ shared_weights(write, read).T
    own = write.matrix.toarray() > 0
    return float(heard[own].min()), float(heard[~own].max())


def gates_followed(
    superposition: RecomputedSuperposition, n_active: int, n_samples: int, rng: np.random.Generator
) -> pd.DataFrame:
    """Measure gates and the states' errors after layers 1 … L, and predict the gates.

    `missed` is the mean by which gates in use fall short of one, and `false` the mean gate of slots
    not in use. `missed_predicted` and `false_predicted` come from `RecomputedGates.follow`.
    `relative_mse` is the states' error, and `copied` their error if gates are copied instead. The
    embedding sets the gates of layer 1.
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
    """Compress circuits by gated superposition, with gates that each layer computes anew."""
    gated = GatedConstruction(width, redundancy).compress(circuits, rng)
    return RecomputedGates(threshold, gain).rebuild(gated)
