"""These measurements of the error analysis are quick enough for a chapter."""

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
    """Compare (ĥ − h)² of active small neurons with its prediction.

    The neurons are in ten groups by their pre-activations. The circuits are four networks of T =
    200 with d = 4, m = 8 and one layer. The table has the columns `pre_activation`, `measured` and
    `predicted`, which is (eq-estimate-error).
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
    """Return active small neurons' pre-activations, and their activations' squared errors, flat."""
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
    """Return the predicted terms of the mse after one layer, and the `measured` mse, in one row.

    The circuits have d = 4 and m = 8. `embedding` is "orthonormal" or "gaussian".
    """
    construction = ResidualConstruction(
        STREAM_WIDTH, N_NEURONS, redundancy, orthonormal=embedding == "orthonormal"
    )
    circuits = ResidualCircuits.random(n_circuits, 4, 8, 1, rng)
    terms = breakdown.error_terms(construction, circuits, n_active)
    errors = measure_error(construction.compress(circuits, rng), n_active, 400, rng)
    return terms.to_frame().T.assign(measured=errors["mse"].iloc[-1])


def growth(n_circuits: int, rng: np.random.Generator) -> pd.DataFrame:
    """Compare measured and predicted errors over twelve layers with one active circuit.

    The circuits have d = 4 and m = 8. The table has the columns `layer`, `relative_mse`,
    `predicted` and `unremembered`: the prediction if the stream forgot what is written for inactive
    circuits.
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
    """Return the circuits with write_out √L times as large.

    Each layer of random circuits then writes as much as the only layer of circuits with one layer.
    """
    times = np.sqrt(circuits.n_layers).astype(circuits.dtype)
    return ResidualCircuits(circuits.read_in, circuits.bias, times * circuits.write_out)


def strengths(stream_width: int, n_circuits: int, rng: np.random.Generator) -> pd.DataFrame:
    """Compare errors after four layers that write a quarter each with layers that write in full.

    The L layers of `ResidualCircuits.random` each write an L-th part of what the layer of a network
    with one layer writes, in squared length. Those of `written_in_full` write all of it. One
    circuit is active; M = 2D, d = 4, m = 8. The table has the columns `each_writes` (the part of a
    single layer's squared length), `relative_mse` and `predicted`.
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
    """Measure errors over four layers of circuits that write where they read.

    There are T = 100 circuits, of which one is active. Their write_out is `alignment` times the
    transpose of read_in: above zero trajectories pull neighbouring states apart, below zero they
    pull them together. The table has the columns `layer`, `relative_mse` and `predicted`.
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
    """Return the `garbage_gain` at each number of circuits, with one active circuit.

    The circuits have d = 4, m = 8 and twelve layers.
    """
    construction, found = ResidualConstruction(STREAM_WIDTH, N_NEURONS), {}
    moments_of = ResidualCircuits.random(max(n_circuits), 4, 8, 12, rng)
    for n in n_circuits:
        circuits = moments_of.take(np.arange(n))
        found[f"T = {n}"] = breakdown.garbage_gain(construction, circuits, 1, garbage)
    return found
