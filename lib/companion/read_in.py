"""One layer's errors at single neurons, and its terms."""

from __future__ import annotations

import numpy as np
import pandas as pd

from superposition._check import Floats
from superposition.circuits import ResidualCircuits
from superposition.circuits.inputs import UnitInputs, sample_active
from superposition.constructions import ResidualConstruction
from superposition.measure import measure_error
from superposition.predict import post

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
        predicted.append(post.neuron_errors(construction, circuits, n_active))
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
    estimate = superposition.codes.neurons[0].decode(neurons, active)
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
    terms = post.error_terms(construction, circuits, n_active)
    errors = measure_error(construction.compress(circuits, rng), n_active, 400, rng)
    return terms.to_frame().T.assign(measured=errors["mse"].iloc[-1])
