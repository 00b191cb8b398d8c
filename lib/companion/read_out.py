"""Errors after one layer at random settings, stored, beside predicted ones."""

from __future__ import annotations

from itertools import count, islice, pairwise
from typing import Any

import numpy as np
import pandas as pd

from companion._study import Study, data
from superposition.circuits import ResidualCircuits
from superposition.constructions import ResidualConstruction
from superposition.measure import MEANS, measure_error
from superposition.results import read_table
from superposition.sweep import Setting
from superposition.theory import evaluate, read_in_variance, symbols


def random_errors(
    n_circuits: int,
    stream_width: int,
    n_neurons: int,
    width: int,
    small_neurons: int,
    redundancy: int,
    n_active: int,
    margin: float,
    kind: str,
    n_layers: int,
    rng: np.random.Generator,
    *,
    n_samples: int = 300,
    carriers: str = "random",
) -> pd.DataFrame:
    """Measure the errors of random circuits after all layers, by `measure_error`.

    kind: "orthonormal" or "gaussian" embeddings.
    carriers: "random", or "disjoint" within each circuit.
    """
    circuits = ResidualCircuits.random(n_circuits, width, small_neurons, n_layers, rng)
    construction = ResidualConstruction(
        stream_width,
        n_neurons,
        redundancy,
        margin,
        kind == "orthonormal",
        carriers == "disjoint",
    )
    superposition = construction.compress(circuits.astype(np.float32), rng)
    return measure_error(superposition, n_active, n_samples, rng)[MEANS]


def measure_one_layer(*, rng: np.random.Generator, **setting: Any) -> pd.DataFrame:
    """Measure the errors after one layer at one of `one_layer_settings`."""
    return random_errors(**setting, n_layers=1, rng=rng).tail(1).drop(columns="layer")


def one_layer_settings(
    n_settings: int, rng: np.random.Generator, least: float = 0.0, most: float = 0.1
) -> list[Setting]:
    """Draw random settings whose predicted read-in variance (eq-read-in) is in [least, most)."""

    def draw() -> dict[str, float]:
        return {
            "n_circuits": log_uniform(50, 500, rng),
            "stream_width": log_uniform(256, 4096, rng),
            "n_neurons": log_uniform(256, 4096, rng),
            "width": int(rng.integers(2, 9)),
            "small_neurons": int(rng.integers(4, 17)),
            "redundancy": int(rng.integers(2, 13)),
            "n_active": int(rng.integers(1, 7)),
            "margin": round(float(rng.uniform(0.5, 2)), 3),
        }

    drawn = (draw() for _ in count())
    quiet = (setting for setting in drawn if least <= expected_noise(setting) < most)
    return list(islice(quiet, n_settings))


def expected_noise(setting: Setting) -> float:
    """Return the expected read-in variance (eq-read-in) of `ResidualCircuits.random`."""
    d, m, margin = setting["width"], setting["small_neurons"], setting["margin"]
    square = 1 + 1 / d + margin**2  # E|w|² with the indicator's weight, b + margin
    values = {
        symbols.T: setting["n_circuits"],
        symbols.D: setting["stream_width"],
        symbols.M: setting["n_neurons"],
        symbols.m: m,
        symbols.r: setting["redundancy"],
        symbols.k: setting["n_active"],
        symbols.w2: square,
        symbols.sum2: m * (1 + 1 / d) + (m * margin) ** 2,
        symbols.a2: 2,
    }
    return float(evaluate(read_in_variance(), values))


def log_uniform(low: int, high: int, rng: np.random.Generator) -> int:
    """A whole number whose logarithm is uniform between those of `low` and `high`."""
    return round(float(np.exp(rng.uniform(np.log(low), np.log(high)))))


def _one_layer_settings() -> list[Setting]:
    settings = one_layer_settings(40, np.random.default_rng(2026))
    return [{**s, "kind": kind} for s in settings for kind in ("orthonormal", "gaussian")]


def _noisy_settings() -> list[Setting]:
    """Draw eight settings in each of five bands of noise."""
    rng, edges = np.random.default_rng(2028), (0.1, 0.3, 1.0, 3.0, 10.0, 30.0)
    bands = [one_layer_settings(8, rng, *band) for band in pairwise(edges)]
    return [{**s, "kind": "orthonormal"} for band in bands for s in band]


STUDIES = {
    "one_layer": Study(measure_one_layer, _one_layer_settings, n_seeds=24, seed=4),
    "noisy": Study(measure_one_layer, _noisy_settings, n_seeds=8, seed=8),
}
_SEEDS = 2  # networks for whose circuits predictions are made, of those measured


def one_layer(name: str) -> pd.DataFrame:
    """Compare measured and predicted errors after one layer, for each setting of a study.

    `name` is "one_layer" or "noisy". The columns are those of the setting and five more. `noise` is
    the predicted read-in variance, `mse` the mean over networks and `standard_error` its standard
    error, `predicted` the prediction, and `ratio` the prediction divided by the measured mse.
    """
    study, rows = STUDIES[name], []
    by_setting = read_table(data(f"{name}.csv"))[0].groupby(list(study.settings[0]), sort=False)
    for setting in study.settings:
        found = by_setting.get_group(tuple(setting.values()))["mse"]
        construction, circuits = (
            construction_of(setting),
            [circuits_of(study, setting, n, 1) for n in range(_SEEDS)],
        )
        errors = [construction.predict_error(each, setting["n_active"]) for each in circuits]
        predicted = float(np.mean([table["mse"].iloc[-1] for table in errors]))
        row = {"mse": found.mean(), "standard_error": found.sem(), "predicted": predicted}
        rows.append({**setting, "noise": expected_noise(setting), **row})
    table = pd.DataFrame(rows)
    return table.assign(ratio=table["predicted"] / table["mse"])


def construction_of(setting: Setting) -> ResidualConstruction:
    """The construction at one of `one_layer_settings` or `depth_settings`."""
    return ResidualConstruction(
        setting["stream_width"],
        setting["n_neurons"],
        setting["redundancy"],
        setting["margin"],
        setting.get("kind", "orthonormal") == "orthonormal",
    )


def circuits_of(study: Study, setting: Setting, seed: int, n_layers: int) -> ResidualCircuits:
    """Draw the circuits that a study's run of this setting and seed number drew."""
    shape = setting["n_circuits"], setting["width"], setting["small_neurons"]
    return ResidualCircuits.random(*shape, n_layers, study.rng(setting, seed))
