"""How many circuits fit, by each size of the network, and which choices of design are best."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

import numpy as np
import pandas as pd

from companion._study import SINGLE, Study, data
from companion.introduction import private_circuits
from companion.over_layers import written_in_full
from companion.read_out import random_errors
from superposition.circuits import ResidualCircuits
from superposition.circuits.moments import Moments
from superposition.constructions import ResidualConstruction
from superposition.constructions.sizing import smallest_true
from superposition.measure import measure_error
from superposition.predict.post import default_moments, predict_layers
from superposition.results import read_table
from superposition.sweep import Setting


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


TOLERANCE = 0.1  # relative_mse up to which circuits count as fitting

# Sizes around which the study "fitting" varies one at a time; WIDE for several active circuits.
BASE = {"stream_width": 512, "n_neurons": 1024, "width": 4, "small_neurons": 8, "n_active": 1}
WIDE = {**BASE, "stream_width": 768, "n_neurons": 6144, "small_neurons": 4}


def design_errors(*, rng: np.random.Generator, **setting: Any) -> pd.DataFrame:
    """Measure errors over four layers of 200 circuits (d = 4, m = 8) in D = 512, M = 1024."""
    sizes: Setting = {"n_circuits": 200, "stream_width": 512, "n_neurons": 1024}
    shape: Setting = {"width": 4, "small_neurons": 8, "n_layers": 4}
    return random_errors(**sizes, **shape, **setting, rng=rng)


def measure_fitting(
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


STUDIES = {
    "fitting": Study(measure_fitting, _fitting_settings, n_seeds=4, seed=6),
    "design": Study(design_errors, _design_settings, n_seeds=6, seed=7, tolerance=SINGLE),
}


@cache
def fitting() -> pd.DataFrame:
    """Return T at `TOLERANCE`, measured and predicted, for each size of the study "fitting".

    The columns `mean`, `min` and `max` are those of the measured T over seeds.
    """
    names = list(STUDIES["fitting"].settings[0])
    found = read_table(data("fitting.csv"))[0].groupby(names, sort=False)["n_circuits"]
    table = found.agg(["mean", "min", "max"]).reset_index()
    predicted = [predicted_fit(row, TOLERANCE) for row in table[names].to_dict("records")]
    return table.assign(predicted=predicted)


def predicted_fit(
    size: Mapping[str, int], tolerance: float, redundancy: int | None = None
) -> float:
    """Predict the `capacity` at a size of the study "fitting"; NaN if none fit."""
    moments = random_moments(size["width"], size["small_neurons"], size["n_layers"])
    construction = ResidualConstruction(size["stream_width"], size["n_neurons"], redundancy)
    try:
        return construction.capacity(moments, size["n_active"], tolerance)
    except ValueError:
        return np.nan


@cache
def random_moments(width: int, n_neurons: int, n_layers: int, in_full: bool = False) -> Moments:
    """Return the moments of 400 random circuits, which one fixed seed draws.

    in_full: whether each layer writes as much as an only layer, by `written_in_full`.
    """
    rng = np.random.default_rng(0)
    drawn = ResidualCircuits.random(400, width, n_neurons, n_layers, rng)
    return (written_in_full(drawn) if in_full else drawn).moments(rng)


def exponents() -> pd.DataFrame:
    """Compare the exponents of T in each size, measured and predicted at the same sizes.

    The table has a row for each `size` and `n_layers`. `post` is the exponent of the post's law,
    `measured` lies in the 95 % interval from `low` to `high`, which comes from one fit for each
    seed, and `predicted` is the prediction.
    """
    from scipy import stats  # slow to load, and seldom needed

    every, rows = read_table(data("fitting.csv"))[0], []
    for name, post in POST_EXPONENTS.items():
        for layers in (1, 4):
            series = one_varied(every, name).query("n_layers == @layers")
            slopes = [_slope(rows, name, "n_circuits") for _, rows in series.groupby("seed")]
            half = stats.sem(slopes) * stats.t.ppf(0.975, len(slopes) - 1)
            middle = float(np.mean(slopes))
            line = one_varied(fitting(), name).query("n_layers == @layers")
            predicted = _slope(line, name, "predicted")
            rows.append([name, layers, post, middle, middle - half, middle + half, predicted])
    names = ["size", "n_layers", "post", "measured", "low", "high", "predicted"]
    return pd.DataFrame(rows, columns=names)


POST_EXPONENTS = {
    "stream_width": 1,
    "n_neurons": 1,
    "width": -1,
    "small_neurons": -1,
    "n_active": -1,
}


def one_varied(table: pd.DataFrame, name: str) -> pd.DataFrame:
    """Return the rows in which only the size `name` differs from the base of the study."""
    centre = WIDE if name == "n_active" else BASE
    others = [other for other in centre if other != name]
    return table[(table[others] == [centre[other] for other in others]).all(axis=1)]


def _slope(table: pd.DataFrame, x: str, y: str) -> float:
    fitted = table[table[y] > 0]
    return float(np.polyfit(np.log(fitted[x]), np.log(fitted[y]), 1)[0])


def far_exponents(factor: int, n_layers: int, redundancy: int | None) -> pd.Series:
    """Predict the exponents of T from sizes `factor` times those of WIDE (D, M) to twice that."""
    start = {**WIDE, "n_layers": n_layers}
    start |= {name: factor * start[name] for name in ("stream_width", "n_neurons")}
    here = predicted_fit(start, TOLERANCE, redundancy)
    doubled = ({**start, name: 2 * start[name]} for name in POST_EXPONENTS)
    there = [predicted_fit(size, TOLERANCE, redundancy) for size in doubled]
    return pd.Series(np.log2(np.array(there) / here), list(POST_EXPONENTS))


def best_redundancy(n_neurons: int, n_layers: int, n_active: int) -> pd.Series:
    """Return the r of the largest predicted capacity, with M = 2D.

    `best` is that r, and `gain` is its capacity divided by the capacity with r = ln M, `ln_M`.
    """
    size = {**BASE, "stream_width": n_neurons // 2, "n_neurons": n_neurons}
    size |= {"n_layers": n_layers, "n_active": n_active}
    fits = {r: predicted_fit(size, TOLERANCE, r) for r in (1, 2, 4, 8)}
    best = max(fits, key=lambda r: np.nan_to_num(fits[r]))
    logarithm = predicted_fit(size, TOLERANCE)
    return pd.Series({"ln_M": np.log(n_neurons), "best": best, "gain": fits[best] / logarithm})


def capacities() -> pd.DataFrame:
    """Predict capacities of networks with M = 2D, one and four layers, beside private circuits."""
    rows = []
    for width in (64, 96, 128, 192, 256, 384, 512, 1024, 2048, 4096, 8192):
        private = _private(width)
        for layers in (1, 4):
            size = {**BASE, "stream_width": width, "n_neurons": 2 * width, "n_layers": layers}
            rows.append([width, layers, predicted_fit(size, TOLERANCE), private])
    return pd.DataFrame(rows, columns=["stream_width", "n_layers", "n_circuits", "private"])


def crossing(n_layers: int, tolerance: float, n_active: int = 1, *, in_full: bool = False) -> int:
    """Return the least D from which on more circuits fit than private neurons allow, with M = 2D.

    `in_full` is as in `random_moments`. Raises ValueError where D would be above 2^14.
    """

    def wins(width: int) -> bool:
        size = {**BASE, "stream_width": width, "n_neurons": 2 * width, "n_active": n_active}
        moments = random_moments(size["width"], size["small_neurons"], n_layers, in_full)
        construction = ResidualConstruction(width, 2 * width)
        one_more = max(_private(width) + 1, n_active)
        errors = predict_layers(construction.sizes(one_more, n_active), moments)
        return bool(errors["relative_mse"].iloc[-1] <= tolerance)

    if (width := smallest_true(wins, 8, 2**14)) is None:
        raise ValueError(f"tolerance: wanted one at which it wins up to D = 2^14, got {tolerance}")
    return width


def _private(stream_width: int) -> int:
    return private_circuits(stream_width, 2 * stream_width, BASE["width"], BASE["small_neurons"])


def design() -> pd.DataFrame:
    """Return the study "design" with predictions: relative_mse after layers 1 and 4."""
    study = STUDIES["design"]
    names = [*study.settings[0], "layer"]
    found = read_table(data("design.csv"))[0].query("layer in (1, 4)")
    table = found.groupby(names, sort=False)["relative_mse"].agg(["mean", "min", "max"])
    moments = default_moments(ResidualCircuits.random(200, 4, 8, 4, np.random.default_rng(0)))

    @cache
    def errors(r: int, margin: float, kind: str, carriers: str, n_active: int) -> pd.Series:
        construction = ResidualConstruction(
            512, 1024, r, margin, kind == "orthonormal", carriers == "disjoint"
        )
        return predict_layers(construction.sizes(200, n_active), moments)["relative_mse"]

    predicted = [errors(*setting)[layer] for *setting, layer in table.index]
    return table.assign(predicted=predicted).reset_index()
