"""The error analysis stores errors at random settings, and how many circuits fit."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count, islice, pairwise
from typing import Any

import numpy as np
import pandas as pd

from superposition.circuits import ResidualCircuits
from superposition.constructions import ResidualConstruction
from superposition.measure import measure_error
from superposition.study import Study
from superposition.sweep import Setting
from superposition.theory import evaluate, read_in_variance, symbols

TOLERANCE = 0.1  # relative_mse up to which circuits count as fitting
DEPTH = 12
# Sizes around which the study "fitting" varies one at a time; WIDE for several active circuits.
BASE = {"stream_width": 512, "n_neurons": 1024, "width": 4, "small_neurons": 8, "n_active": 1}
WIDE = {**BASE, "stream_width": 768, "n_neurons": 6144, "small_neurons": 4}


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
    return measure_error(superposition, n_active, n_samples, rng)


def one_layer(*, rng: np.random.Generator, **setting: Any) -> pd.DataFrame:
    """Measure the errors after one layer at one of `one_layer_settings`."""
    return random_errors(**setting, n_layers=1, rng=rng).tail(1).drop(columns="layer")


def over_layers(*, rng: np.random.Generator, **setting: Any) -> pd.DataFrame:
    """Measure the errors after each of twelve layers at one of `depth_settings`; 100 samples."""
    kind: Setting = {"kind": "orthonormal", "n_layers": DEPTH, "n_samples": 100}
    return random_errors(**setting, **kind, rng=rng)


def design_errors(*, rng: np.random.Generator, **setting: Any) -> pd.DataFrame:
    """Measure errors over four layers of 200 circuits (d = 4, m = 8) in D = 512, M = 1024."""
    sizes: Setting = {"n_circuits": 200, "stream_width": 512, "n_neurons": 1024}
    shape: Setting = {"width": 4, "small_neurons": 8, "n_layers": 4}
    return random_errors(**sizes, **shape, **setting, rng=rng)


def fitting(
    stream_width: int,
    n_neurons: int,
    width: int,
    small_neurons: int,
    n_active: int,
    n_layers: int,
    rng: np.random.Generator,
) -> pd.DataFrame:
    """Find the largest T at which relative_mse after the last layer stays within `TOLERANCE`.

    The number is found by bisection on a log scale. Each trial draws a new network and measures 200
    samples. All other sizes are the construction's defaults.
    """
    construction = ResidualConstruction(stream_width, n_neurons)

    def fits(n_circuits: int) -> bool:
        shape = (max(n_circuits, n_active), width, small_neurons, n_layers)
        circuits = ResidualCircuits.random(*shape, rng).astype(np.float32)
        errors = measure_error(construction.compress(circuits, rng), n_active, 200, rng)
        return bool(errors["relative_mse"].iloc[-1] <= TOLERANCE)

    return pd.DataFrame({"n_circuits": [bisect_largest(fits, start=100)]})


def bisect_largest(fits: Callable[[int], bool], start: int) -> float:
    """Return the number up to which `fits` is true, to 3 %, or 0.0 if `fits` is false even for 1.

    The search doubles or halves `start` until the number lies between two trials. Then it halves
    their ratio.
    """
    low, high = float(start), float(start)
    if fits(start):
        while fits(round(high := 2 * low)):
            low = high
    else:
        while not fits(max(1, round(low := high / 2))):
            if low < 1:
                return 0.0
            high = low
    while high > 1.03 * low and round(high) > round(low) + 1:
        middle = float(np.sqrt(low * high))
        low, high = (middle, high) if fits(round(middle)) else (low, middle)
    return float(np.sqrt(low * high))


def one_layer_settings(
    n_settings: int, rng: np.random.Generator, least: float = 0.0, most: float = 0.1
) -> list[Setting]:
    """Draw random settings whose predicted read-in variance (eq-read-in) is in [least, most)."""

    def draw() -> dict[str, float]:
        return {
            "n_circuits": _log_uniform(50, 500, rng),
            "stream_width": _log_uniform(256, 4096, rng),
            "n_neurons": _log_uniform(256, 4096, rng),
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


def depth_settings(n_settings: int, rng: np.random.Generator) -> list[Setting]:
    """Draw random settings, from loads almost without noise to loads that noise drowns."""
    return [
        {
            "n_circuits": _log_uniform(30, 1000, rng),
            "stream_width": _log_uniform(256, 1024, rng),
            "n_neurons": _log_uniform(512, 2048, rng),
            "width": int(rng.integers(2, 9)),
            "small_neurons": int(rng.integers(4, 17)),
            "redundancy": int(rng.integers(3, 11)),
            "n_active": int(rng.integers(1, 4)),
            "margin": round(float(np.exp(rng.uniform(np.log(0.5), np.log(2)))), 3),
        }
        for _ in range(n_settings)
    ]


def _log_uniform(low: int, high: int, rng: np.random.Generator) -> int:
    return round(float(np.exp(rng.uniform(np.log(low), np.log(high)))))


def _one_layer_settings() -> list[Setting]:
    settings = one_layer_settings(40, np.random.default_rng(2026))
    return [{**s, "kind": kind} for s in settings for kind in ("orthonormal", "gaussian")]


def _depth_settings() -> list[Setting]:
    return depth_settings(80, np.random.default_rng(2027))


def _noisy_settings() -> list[Setting]:
    """Draw eight settings in each of five bands of noise."""
    rng, edges = np.random.default_rng(2028), (0.1, 0.3, 1.0, 3.0, 10.0, 30.0)
    bands = [one_layer_settings(8, rng, *band) for band in pairwise(edges)]
    return [{**s, "kind": "orthonormal"} for band in bands for s in band]


def _fitting_settings() -> list[Setting]:
    """Vary one size at a time, and width and neurons together, around a base."""
    varied: list[dict[str, int]] = [{}]
    varied += [
        {name: value}
        for name, values in {
            "stream_width": (192, 256, 384, 768, 1024, 1536),
            "n_neurons": (384, 512, 768, 1536, 2048, 3072, 4096),
            "width": (2, 3, 6, 8, 12),
            "small_neurons": (3, 4, 6, 12, 16),
        }.items()
        for value in values
    ]
    varied += [{"stream_width": n, "n_neurons": 2 * n} for n in (192, 256, 384, 768, 1024, 1536)]
    # several active at once need many neurons, or collisions alone use up the tolerance
    varied += [{**WIDE, "n_active": k} for k in (1, 2, 3, 4, 5)]
    return [{**BASE, **change, "n_layers": layers} for layers in (1, 4) for change in varied]


def _design_settings() -> list[Setting]:
    base: Setting = {"redundancy": 7, "margin": 1.0, "kind": "orthonormal", "carriers": "random"}
    changes: list[Setting] = [{"margin": float(b)} for b in np.geomspace(0.25, 4, 9).round(3)]
    changes += [{"redundancy": r} for r in (1, 2, 3, 4, 5, 10, 14, 20)]
    changes += [{"kind": "gaussian"}, {"carriers": "disjoint"}]
    return [{**base, **change, "n_active": k} for k in (1, 3) for change in changes]


ERROR_STUDIES = {
    "one_layer": Study(one_layer, _one_layer_settings, n_seeds=24, seed=4),
    "noisy": Study(one_layer, _noisy_settings, n_seeds=8, seed=8),
    "depth": Study(over_layers, _depth_settings, n_seeds=2, seed=5),
    "fitting": Study(fitting, _fitting_settings, n_seeds=4, seed=6),
    "design": Study(design_errors, _design_settings, n_seeds=6, seed=7),
}
