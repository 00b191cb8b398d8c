"""These measure rotations in superposition: vectors and on-indicators, layer by layer."""

from __future__ import annotations

import numpy as np
import pandas as pd

from superposition._check import Floats, Integers, instance, positive_int
from superposition.circuits import on_indicator, rotation_circuits, rotation_vector
from superposition.constructions import MLPConstruction
from superposition.constructions.compiled import MLPSuperposition
from superposition.inputs import sample_active
from superposition.sharing_experiments import REDUNDANCY


def superpose_rotations(
    n_circuits: int,
    width: int,
    n_layers: int,
    rng: np.random.Generator,
    *,
    code: str = "prime_step",
    suppression: float = 1.0,
    redundancy: int = REDUNDANCY,
    threshold: float = 0.5,
    gain: float = 2.0,
) -> MLPSuperposition:
    """Compress T conditional rotations into one network of `width` neurons.

    The defaults are the published ones. The options are those of `MLPConstruction` and
    `rotation_circuits`; the function raises as they do.
    """
    circuits = rotation_circuits(n_circuits, n_layers, rng, threshold=threshold, gain=gain)
    return MLPConstruction(width, redundancy, code, suppression).compress(circuits, rng)


def rotation_errors(
    superposition: MLPSuperposition, n_active: int, n_samples: int, rng: np.random.Generator
) -> pd.DataFrame:
    """Measure errors of conditional rotations' vectors x and on-indicators α, for each layer 1 … L.

    For active circuits, δ is the estimate minus the truth: `mse_x` and `mse_on` are the mean ‖δ‖²,
    `worst_x` and `worst_on` the largest ‖δ‖. For inactive circuits the truth is zero: `inactive_x`
    and `inactive_on` are their mean squared read-out, `inactive_worst_x` and `inactive_worst_on`
    the largest. `inactive_share` is the mean squared read-out of inactive circuits' whole state,
    divided by that of active circuits' true state. Raises TypeError or ValueError for counts ≤ 0,
    for all circuits active, and for circuits of another width.
    """
    active, inputs = _sample(superposition, n_active, n_samples, rng)
    truths = superposition.circuits.run(inputs, active)
    states = superposition.network.run(superposition.embed(inputs, active))
    rows = []
    for layer in range(1, len(truths)):
        reads = superposition.read_all(states[superposition.checkpoints[layer]], layer)
        rows.append({"layer": layer, **_errors(reads, truths[layer], active)})
    return pd.DataFrame(rows)


def firing_by_block(
    superposition: MLPSuperposition, n_active: int, n_samples: int, rng: np.random.Generator
) -> pd.DataFrame:
    """Measure the share of neurons above zero in each of the d blocks, by layer 0 … L.

    The table has the columns `layer`, `block`, `share` and `expected`: k r d/D, if only the active
    circuits' neurons fire and no two circuits share one. Layer 0 is the input of the first layer.
    Raises as `rotation_errors` does.
    """
    active, inputs = _sample(superposition, n_active, n_samples, rng)
    states = superposition.network.run(superposition.embed(inputs, active))
    code = superposition.codes[0]
    block = code.size // code.width
    rows = []
    for layer, state in enumerate(states):
        blocks = state[:, : block * code.width].reshape(len(state), code.width, block)
        shares = (blocks > 0).mean(axis=(0, 2))
        rows += [[layer, number, share] for number, share in enumerate(shares)]
    table = pd.DataFrame(rows, columns=["layer", "block", "share"])
    return table.assign(expected=n_active * code.redundancy / block)


def traces(
    superposition: MLPSuperposition, n_active: int, n_samples: int, rng: np.random.Generator
) -> pd.DataFrame:
    """Follow the vector of each sample's first active circuit over the layers 0 … L.

    The table has the columns `sample`, `layer`, `true_0`, `true_1`, `estimate_0` and `estimate_1`.
    Raises as `rotation_errors` does.
    """
    active, inputs = _sample(superposition, n_active, n_samples, rng)
    truths = superposition.circuits.run(inputs, active)
    estimates = superposition.run(inputs, active)
    tables = []
    for layer, (truth, estimate) in enumerate(zip(truths, estimates, strict=True)):
        true, read = rotation_vector(truth)[:, 0], rotation_vector(estimate)[:, 0]
        columns = {"true_0": true[:, 0], "true_1": true[:, 1]}
        columns |= {"estimate_0": read[:, 0], "estimate_1": read[:, 1]}
        tables.append(pd.DataFrame({"sample": range(n_samples), "layer": layer, **columns}))
    return pd.concat(tables, ignore_index=True).sort_values(["sample", "layer"], ignore_index=True)


def _sample(
    superposition: MLPSuperposition, n_active: int, n_samples: int, rng: np.random.Generator
) -> tuple[Integers, Floats]:
    """Draw active circuits (samples, k) and their inputs (samples, k, 4)."""
    instance("superposition", superposition, MLPSuperposition)
    circuits = superposition.circuits
    if set(circuits.widths) != {4}:
        raise ValueError(f"circuits: wanted conditional rotations, width 4, got {circuits.widths}")
    why = ", one fewer than there are circuits"
    n_active = positive_int("n_active", n_active, circuits.n_circuits - 1, why)
    active = sample_active(circuits.n_circuits, n_active, n_samples, rng)
    return active, circuits.default_inputs(active, rng)


def _errors(reads: Floats, truth: Floats, active: Integers) -> dict[str, float]:
    """Return a row of `rotation_errors`.

    `reads` (batch, T, 4) are all circuits', `truth` (batch, k, 4) the active circuits' states.
    """
    rows, found = np.arange(len(active))[:, None], {}
    silent = np.ones(reads.shape[:2], bool)
    silent[rows, active] = False
    for name, observe in (("x", rotation_vector), ("on", on_indicator)):
        seen = observe(reads)
        own = np.sum((seen[rows, active] - observe(truth)) ** 2, axis=-1)
        others = np.sum(seen**2, axis=-1)[silent]
        found[f"mse_{name}"] = float(own.mean())
        found[f"worst_{name}"] = float(np.sqrt(own.max()))
        found[f"inactive_{name}"] = float(others.mean())
        found[f"inactive_worst_{name}"] = float(np.sqrt(others.max()))
    state = np.sum(reads**2, axis=-1)[silent].mean() / np.sum(truth**2, axis=-1).mean()
    return {**found, "inactive_share": float(state)}
