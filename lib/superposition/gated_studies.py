"""Gated superposition is measured on the task of *Rotations*, and on random ReLU circuits."""

from __future__ import annotations

import numpy as np
import pandas as pd

from superposition.circuits import MLPCircuits, rotation_circuits
from superposition.constructions import GatedConstruction
from superposition.measure import measure_error
from superposition.rotation_studies import DEPTH
from superposition.rotation_tables import against_published
from superposition.study import Study, data
from superposition.sweep import Setting, read_table

REDUNDANCY, N_SAMPLES = 6, 557
_ZERO = 1e-24  # errors below that are rounding


def gated_errors(
    task: str, width: int, n_circuits: int, quiet: bool, rng: np.random.Generator
) -> pd.DataFrame:
    """Measure and predict the errors of one gated network, with one to five active circuits.

    The task "rotations" has five layers that are not conditional. "new angles" is like it, but the
    angles differ between layers. "relu" has random circuits of width 4 and six layers. There are
    557 samples. The table has the columns `n_active`, `layer`, `mse`, `relative_mse`, `worst` and
    `predicted`, the predicted mse.
    """
    circuits = _circuits(task, n_circuits, rng)
    construction = GatedConstruction(width, REDUNDANCY, quiet=quiet)
    superposition, tables = construction.compress(circuits, rng), []
    for k in (1, 2, 3, 5):
        table = measure_error(superposition, k, N_SAMPLES, rng)
        table["predicted"] = construction.predict_error(circuits, k)["mse"]
        tables.append(
            table[["layer", "mse", "relative_mse", "worst", "predicted"]].assign(n_active=k)
        )
    both = pd.concat(tables, ignore_index=True)
    for name in ("mse", "relative_mse", "worst", "predicted"):
        both[name] = [float(f"{v:.4g}") if v**2 > _ZERO else 0.0 for v in both[name]]
    return both[["n_active", *both.columns.drop("n_active")]]


def _circuits(task: str, n_circuits: int, rng: np.random.Generator) -> MLPCircuits:
    if task == "relu":
        return MLPCircuits.random(n_circuits, [4] * 7, rng)
    if task == "rotations":
        return rotation_circuits(n_circuits, DEPTH, rng, conditional=False)
    turns = [rotation_circuits(n_circuits, 1, rng, conditional=False) for _ in range(DEPTH)]
    weights, biases = ([getattr(turn, name)[0] for turn in turns] for name in ("weights", "biases"))
    return MLPCircuits(weights, biases, "linear", turns[0].sampler)


def _settings() -> list[Setting]:
    sizes = [("rotations", 1000, 557), ("rotations", 1600, 1300), ("relu", 1476, 557)]
    wide = [("rotations", 1000, 1600), ("relu", 1476, 1681), ("new angles", 1000, 557)]
    rows = [(*size, quiet) for size in sizes for quiet in (True, False)]
    rows += [(*size, True) for size in wide]
    return [dict(zip(("task", "width", "n_circuits", "quiet"), row, strict=True)) for row in rows]


GATED_STUDIES = {"gated": Study(gated_errors, _settings, n_seeds=5, seed=61)}


def gated() -> pd.DataFrame:
    """Return the study "gated"."""
    return read_table(data("gated.csv"))[0]


def beside_published() -> pd.DataFrame:
    """Compare the mean squared errors of rotations after layers 1 … 5 with the published ones.

    The table has a row for each published size, number of active circuits and layer. `gated` is the
    mean over seeds with quiet weights, and `published` the published error.
    """
    rows = gated().query("task == 'rotations' and quiet and layer > 0")
    names = ["width", "n_circuits", "n_active", "layer"]
    ours = rows.groupby(names)["mse"].mean().rename("gated").reset_index()
    theirs = against_published().query("quantity == 'mse_x'")
    return ours.merge(theirs[[*names, "published"]], on=names)
