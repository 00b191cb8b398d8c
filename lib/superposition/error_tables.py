"""These tables show stored errors beside predicted ones, for the error analysis."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

import numpy as np
import pandas as pd

from superposition.circuits import ResidualCircuits
from superposition.constructions import ResidualConstruction
from superposition.constructions.capacity import smallest_true
from superposition.constructions.prediction import default_moments, predict_layers
from superposition.error_experiments import written_in_full
from superposition.error_studies import BASE, DEPTH, ERROR_STUDIES, TOLERANCE, WIDE, expected_noise
from superposition.fits import private_circuits
from superposition.moments import Moments
from superposition.study import data
from superposition.sweep import Setting, read_table

COLLAPSED = 0.5  # relative_mse beyond which a superposition counts as collapsed
_ROOM = {"early": 14, "late": 13, "never": 13}
_SEEDS = 2  # networks for whose circuits predictions are made, of those measured


def one_layer(name: str) -> pd.DataFrame:
    """Compare measured and predicted errors after one layer, for each setting of a study.

    `name` is "one_layer" or "noisy". The columns are those of the setting and five more. `noise` is
    the predicted read-in variance, `mse` the mean over networks and `standard_error` its standard
    error, `predicted` the prediction, and `ratio` the prediction divided by the measured mse.
    """
    study, rows = ERROR_STUDIES[name], []
    by_setting = read_table(data(f"{name}.csv"))[0].groupby(list(study.settings[0]), sort=False)
    for setting in study.settings:
        found = by_setting.get_group(tuple(setting.values()))["mse"]
        errors = [
            _construction(setting).predict_error(_circuits(name, setting, n, 1), _active(setting))
            for n in range(_SEEDS)
        ]
        predicted = float(np.mean([table["mse"].iloc[-1] for table in errors]))
        row = {"mse": found.mean(), "standard_error": found.sem(), "predicted": predicted}
        rows.append({**setting, "noise": expected_noise(setting), **row})
    table = pd.DataFrame(rows)
    return table.assign(ratio=table["predicted"] / table["mse"])


def depths() -> pd.DataFrame:
    """Return the first layer at which relative_mse passes `COLLAPSED`, with a row for each setting.

    The layer is L + 1 if it never does. `measured` is the layer in one network, and `again` in
    another. `predicted` is the prediction, and `unremembered` the prediction if inactive circuits
    stayed inactive. `kind` is early (layers 1 – 4), late or never. `chosen` marks the first 14, 13
    and 13 settings of each kind, in the order in which they were drawn.
    """
    study, rows = ERROR_STUDIES["depth"], []
    by_setting = read_table(data("depth.csv"))[0].groupby(list(study.settings[0]), sort=False)
    for setting in study.settings:
        found = by_setting.get_group(tuple(setting.values()))
        circuits = _circuits("depth", setting, 0, DEPTH)
        sizes = _construction(setting).sizes(circuits.n_circuits, _active(setting))
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


@cache
def fitting() -> pd.DataFrame:
    """Return T at `TOLERANCE`, measured and predicted, for each size of the study "fitting".

    The columns `mean`, `min` and `max` are those of the measured T over seeds.
    """
    names = list(ERROR_STUDIES["fitting"].settings[0])
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
    study = ERROR_STUDIES["design"]
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


def _construction(setting: Setting) -> ResidualConstruction:
    return ResidualConstruction(
        setting["stream_width"],
        setting["n_neurons"],
        setting["redundancy"],
        setting["margin"],
        setting.get("kind", "orthonormal") == "orthonormal",
    )


def _circuits(name: str, setting: Setting, seed: int, n_layers: int) -> ResidualCircuits:
    """Draw the circuits that a study's run of this setting and seed number drew."""
    shape = setting["n_circuits"], setting["width"], setting["small_neurons"]
    return ResidualCircuits.random(*shape, n_layers, ERROR_STUDIES[name].rng(setting, seed))


def _active(setting: Setting) -> int:
    return int(setting["n_active"])
