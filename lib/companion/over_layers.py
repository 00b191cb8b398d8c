"""Errors over many layers, measured and predicted, and the layer at which they collapse."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from companion._study import SINGLE, Study, data
from companion.read_in import N_NEURONS, STREAM_WIDTH
from companion.read_out import circuits_of, construction_of, log_uniform, random_errors
from superposition._check import Floats
from superposition.circuits import ResidualCircuits
from superposition.constructions import ResidualConstruction
from superposition.measure import measure_error
from superposition.predict import post
from superposition.predict.post import default_moments, predict_layers
from superposition.results import read_table
from superposition.sweep import Setting


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
        found[f"T = {n}"] = post.garbage_gain(construction, circuits, 1, garbage)
    return found


DEPTH = 12


def measure_over_layers(*, rng: np.random.Generator, **setting: Any) -> pd.DataFrame:
    """Measure the errors after each of twelve layers at one of `depth_settings`; 100 samples."""
    kind: Setting = {"kind": "orthonormal", "n_layers": DEPTH, "n_samples": 100}
    return random_errors(**setting, **kind, rng=rng)


def depth_settings(n_settings: int, rng: np.random.Generator) -> list[Setting]:
    """Draw random settings, from loads almost without noise to loads that noise drowns."""
    return [
        {
            "n_circuits": log_uniform(30, 1000, rng),
            "stream_width": log_uniform(256, 1024, rng),
            "n_neurons": log_uniform(512, 2048, rng),
            "width": int(rng.integers(2, 9)),
            "small_neurons": int(rng.integers(4, 17)),
            "redundancy": int(rng.integers(3, 11)),
            "n_active": int(rng.integers(1, 4)),
            "margin": round(float(np.exp(rng.uniform(np.log(0.5), np.log(2)))), 3),
        }
        for _ in range(n_settings)
    ]


def _depth_settings() -> list[Setting]:
    return depth_settings(80, np.random.default_rng(2027))


STUDIES = {
    "depth": Study(measure_over_layers, _depth_settings, n_seeds=2, seed=5, tolerance=SINGLE)
}
COLLAPSED = 0.5  # relative_mse beyond which a superposition counts as collapsed
_ROOM = {"early": 14, "late": 13, "never": 13}


def depths() -> pd.DataFrame:
    """Return the first layer at which relative_mse passes `COLLAPSED`, with a row for each setting.

    The layer is L + 1 if it never does. `measured` is the layer in one network, and `again` in
    another. `predicted` is the prediction, and `unremembered` the prediction if inactive circuits
    stayed inactive. `kind` is early (layers 1 – 4), late or never. `chosen` marks the first 14, 13
    and 13 settings of each kind, in the order in which they were drawn.
    """
    study, rows = STUDIES["depth"], []
    by_setting = read_table(data("depth.csv"))[0].groupby(list(study.settings[0]), sort=False)
    for setting in study.settings:
        found = by_setting.get_group(tuple(setting.values()))
        circuits = circuits_of(study, setting, 0, DEPTH)
        sizes = construction_of(setting).sizes(circuits.n_circuits, setting["n_active"])
        moments = default_moments(circuits)
        first, second = (
            layer_of_collapse(errors["relative_mse"]) for _, errors in found.groupby("seed")
        )
        row = {"measured": first, "again": second}
        row["predicted"] = layer_of_collapse(predict_layers(sizes, moments)["relative_mse"])
        inactive = predict_layers(sizes, moments, remember=False)
        row["unremembered"] = layer_of_collapse(inactive["relative_mse"])
        rows.append({**setting, **row})
    table = pd.DataFrame(rows)
    table["kind"] = pd.cut(table["measured"], [0, 4, DEPTH, np.inf], labels=list(_ROOM))
    place = table.groupby("kind", observed=True).cumcount()
    return table.assign(chosen=place < table["kind"].map(_ROOM).astype(int))


def layer_of_collapse(errors: pd.Series) -> int:
    """Return the first layer (from 1) whose error is beyond `COLLAPSED`, or one past the last."""
    beyond = np.flatnonzero(~(errors.to_numpy()[1:] <= COLLAPSED))
    return int(beyond[0]) + 1 if beyond.size else len(errors)


def within_one(table: pd.DataFrame, column: str) -> float:
    """Return the share of rows whose measured depth is at most one layer from that in `column`."""
    return float((table["measured"] - table[column]).abs().le(1).mean())


def best_constant(table: pd.DataFrame) -> float:
    """Return the largest share of rows that a single guess for all gets within one layer."""
    guesses = range(1, DEPTH + 2)
    return max(within_one(table.assign(guess=guess), "guess") for guess in guesses)
