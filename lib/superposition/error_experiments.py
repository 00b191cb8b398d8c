"""Measurements of the error analysis that are quick enough for a chapter."""

from __future__ import annotations

import numpy as np
import pandas as pd

from superposition._check import Floats
from superposition.circuits import ResidualCircuits
from superposition.constructions import ResidualConstruction, breakdown
from superposition.constructions.prediction import default_moments, predict_layers
from superposition.inputs import UnitInputs, sample_active
from superposition.measure import measure_error

STREAM_WIDTH, N_NEURONS = 512, 1024


def neuron_errors(n_active: int, rng: np.random.Generator) -> pd.DataFrame:
    """(ĥ − h)² of active small neurons in ten groups of pre-activations, and predicted.

    T = 200, d = 4, m = 8, one layer, over four networks; predicted: (eq-estimate-error).
    Columns pre_activation, measured, predicted.
    """
    construction = ResidualConstruction(STREAM_WIDTH, N_NEURONS)
    heard, errors, predicted = [], [], []
    for _ in range(4):
        circuits = ResidualCircuits.random(200, 4, 8, 1, rng)
        values, squares = _read_back(construction, circuits, n_active, rng)
        heard.append(values)
        errors.append(squares)
        predicted.append(breakdown.neuron_errors(construction, circuits, n_active))
    groups = [part.mean() for part in np.array_split(np.sort(np.concatenate(heard)), 10)]
    order = np.argsort(np.concatenate(heard))
    measured = [part.mean() for part in np.array_split(np.concatenate(errors)[order], 10)]
    lines = [np.interp(groups, t["pre_activation"], t["squared_error"]) for t in predicted]
    columns = {"pre_activation": groups, "measured": measured, "predicted": np.mean(lines, axis=0)}
    return pd.DataFrame(columns)


def _read_back(
    construction: ResidualConstruction,
    circuits: ResidualCircuits,
    n_active: int,
    rng: np.random.Generator,
) -> tuple[Floats, Floats]:
    """Pre-activations of active small neurons, and their activations' squared errors, flat."""
    superposition = construction.compress(circuits, rng)
    active = sample_active(circuits.n_circuits, n_active, 500, rng)
    inputs = UnitInputs(circuits.width)(active, rng)
    neurons = superposition.network.step(superposition.embed(inputs, active), 0)[1]
    estimate = superposition.neuron_codes[0].decode(neurons, active)
    # b batch, k active, m neurons, d width
    wanted = circuits.weighted_inputs(inputs, active, 0)
    wanted = wanted + circuits.bias[0][active]
    return wanted.ravel(), ((estimate - np.maximum(wanted, 0)) ** 2).ravel()


def error_terms(
    n_circuits: int,
    n_active: int,
    redundancy: int,
    embedding: str,
    rng: np.random.Generator,
) -> pd.DataFrame:
    """Predicted terms of the mse after one layer, and `measured`; d = 4, m = 8."""
    construction = ResidualConstruction(
        STREAM_WIDTH, N_NEURONS, redundancy, orthonormal=embedding == "orthonormal"
    )
    circuits = ResidualCircuits.random(n_circuits, 4, 8, 1, rng)
    terms = breakdown.error_terms(construction, circuits, n_active)
    errors = measure_error(construction.compress(circuits, rng), n_active, 400, rng)
    return terms.to_frame().T.assign(measured=errors["mse"].iloc[-1])


def growth(n_circuits: int, rng: np.random.Generator) -> pd.DataFrame:
    """Errors over twelve layers, one active: measured, predicted, and as if nothing were kept.

    d = 4, m = 8. Columns layer, relative_mse, predicted, unremembered (predicted, if what is
    written for inactive circuits were forgotten).
    """
    construction = ResidualConstruction(STREAM_WIDTH, N_NEURONS)
    circuits = ResidualCircuits.random(n_circuits, 4, 8, 12, rng)
    superposition = construction.compress(circuits.astype(np.float32), rng)
    table = measure_error(superposition, 1, 100, rng)[["layer", "relative_mse"]]
    sizes, moments = construction.sizes(n_circuits, 1), default_moments(circuits)
    predicted = predict_layers(sizes, moments)
    forgetful = predict_layers(sizes, moments, remember=False)
    return table.assign(
        predicted=predicted["relative_mse"],
        unremembered=forgetful["relative_mse"],
    ).query("layer > 0")


def written_in_full(circuits: ResidualCircuits) -> ResidualCircuits:
    """Random circuits with write_out √L times as large: a layer writes as much as an only one."""
    times = np.sqrt(circuits.n_layers).astype(circuits.dtype)
    return ResidualCircuits(circuits.read_in, circuits.bias, times * circuits.write_out)


def strengths(stream_width: int, n_circuits: int, rng: np.random.Generator) -> pd.DataFrame:
    """Errors after four layers, one active, of layers that write a quarter each, and in full.

    Layers of `ResidualCircuits.random` together write as much squared length as a single one: each
    of L its L-th part. In full: `written_in_full`. M = 2D, d = 4, m = 8.
    Columns each_writes (of one layer's squared length), relative_mse, predicted.
    """
    construction = ResidualConstruction(stream_width, 2 * stream_width)
    drawn, rows = ResidualCircuits.random(n_circuits, 4, 8, 4, rng), []
    for part, form in ((0.25, drawn), (1.0, written_in_full(drawn))):
        circuits = form.astype(np.float32)
        measured = measure_error(construction.compress(circuits, rng), 1, 300, rng)
        predicted = construction.predict_error(circuits, 1)
        errors = (table["relative_mse"].iloc[-1] for table in (measured, predicted))
        rows.append([part, *errors])
    return pd.DataFrame(rows, columns=["each_writes", "relative_mse", "predicted"])


def aligned(alignment: float, rng: np.random.Generator) -> pd.DataFrame:
    """Errors over four layers of circuits that write where they read; T = 100, one active.

    write_out is `alignment` times read_in, transposed: then trajectories pull neighbouring states
    apart (above zero) or together (below). Columns layer, relative_mse, predicted.
    """
    drawn = ResidualCircuits.random(100, 4, 8, 4, rng)
    written = alignment * np.swapaxes(drawn.read_in, -1, -2)
    circuits = ResidualCircuits(drawn.read_in, drawn.bias, written) if alignment else drawn
    construction = ResidualConstruction(STREAM_WIDTH, N_NEURONS)
    large = construction.compress(circuits.astype(np.float32), rng)
    table = measure_error(large, 1, 300, rng)
    predicted = construction.predict_error(circuits, 1)["relative_mse"]
    return table[["layer", "relative_mse"]].assign(predicted=predicted).query("layer > 0")


def gains(n_circuits: list[int], garbage: Floats, rng: np.random.Generator) -> dict[str, Floats]:
    """`garbage_gain` at each load, one active; d = 4, m = 8, twelve layers."""
    construction, found = ResidualConstruction(STREAM_WIDTH, N_NEURONS), {}
    moments_of = ResidualCircuits.random(max(n_circuits), 4, 8, 12, rng)
    for n in n_circuits:
        circuits = moments_of.take(np.arange(n))
        found[f"T = {n}"] = breakdown.garbage_gain(construction, circuits, 1, garbage)
    return found
