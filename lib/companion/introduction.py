"""How many circuits fit: the claim, measured; and what fits where nothing is shared."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd

from companion._study import Study
from companion.over_layers import written_in_full
from superposition.circuits import ResidualCircuits
from superposition.constructions import ResidualConstruction
from superposition.measure import MEANS, doing_nothing, measure_error
from superposition.sweep import Setting


def largest_loads(table: pd.DataFrame, tolerance: float) -> pd.DataFrame:
    """Return the largest loads of networks, by width and seed.

    The load is the T at which the error is `tolerance` times that of doing nothing. T is read from
    a curve that is fitted to each seed's errors and never falls as T grows (isotonic, both on log
    scales). A width has no row for a number of layers if, for any seed, all T measured are beyond
    the tolerance, or none is: the mean of the other seeds would be biased. The table has the
    columns `n_layers`, `stream_width`, `parameters` (of the large network, per layer), `seed` and
    `n_circuits`.
    """
    from scipy.optimize import isotonic_regression  # slow to load, and seldom needed

    rows = []
    for (layers, width, seed), group in table.groupby(["n_layers", "stream_width", "seed"]):
        ordered = group.sort_values("n_circuits")
        error = np.log(ordered["relative_mse"] / ordered["nothing"])
        rising = isotonic_regression(np.nan_to_num(error, nan=np.inf, posinf=700)).x
        over = np.flatnonzero(rising > np.log(tolerance))
        if len(over) and over[0] > 0:
            pair = slice(over[0] - 1, over[0] + 1)
            n = np.log(ordered["n_circuits"].to_numpy())
            crossing = np.exp(np.interp(np.log(tolerance), rising[pair], n[pair]))
            rows.append([layers, width, residual_parameters(width), seed, crossing])
    names = ["n_layers", "stream_width", "parameters", "seed", "n_circuits"]
    loads = pd.DataFrame(rows, columns=names)
    seeds_found = loads.groupby(["n_layers", "stream_width"])["seed"].transform("size")
    return loads[seeds_found == table["seed"].nunique()]


def growth_exponents(table: pd.DataFrame, tolerance: float) -> pd.Series:
    """Return the exponent of T in the large layer's parameters, by n_layers and seed.

    Only widths from 256 on count. In narrower networks, errors that fall with M whatever T is use
    up a good part of the tolerance.
    """
    loads = largest_loads(table, tolerance).query("stream_width >= 256")
    fits = {key: growth_exponent(rows) for key, rows in loads.groupby(["n_layers", "seed"])}
    return pd.Series(fits, name="exponent").rename_axis(["n_layers", "seed"])


def growth_exponent(loads: pd.DataFrame) -> float:
    """Return s of the least-squares fit n_circuits ∝ parameters^s, over all widths and seeds."""
    fit = np.polyfit(np.log(loads["parameters"]), np.log(loads["n_circuits"]), 1)
    return float(fit[0])


def residual_parameters(stream_width: int) -> int:
    """Return the number of weights and biases in one layer of a residual network with M = 2D."""
    return 2 * stream_width * 2 * stream_width + 2 * stream_width


def private_line(stream_widths: list[int]) -> pd.DataFrame:
    """Return how many circuits fit without superposition, by width, with M = 2D, d = 4 and m = 8.

    The table has the columns `stream_width`, `parameters`, `n_circuits` and `with_logarithm`: D²/ln
    M with ln M rounded, the growth that the post's law predicts up to a factor.
    """
    rows = [
        [w, residual_parameters(w), private_circuits(w, 2 * w, 4, 8), w**2 / round(math.log(2 * w))]
        for w in stream_widths
    ]
    names = ["stream_width", "parameters", "n_circuits", "with_logarithm"]
    return pd.DataFrame(rows, columns=names)


def private_circuits(stream_width: int, n_neurons: int, width: int, small_neurons: int) -> int:
    """Return how many circuits fit if each has private dimensions and neurons.

    The network has as many weights, D · M, and the split between dimensions and neurons that suits
    the circuits best: n circuits need d · n dimensions and m · n neurons.
    """
    return math.isqrt(stream_width * n_neurons // (width * small_neurons))


def claim_error(
    stream_width: int,
    n_layers: int,
    n_circuits: int,
    rng: np.random.Generator,
    in_full: bool = False,
) -> pd.DataFrame:
    """Measure the error after the last layer of T random circuits, of which one is active.

    The sizes are M = 2D, d = 4 and m = 8. The T at which errors reach a limit is the subject of
    (eq-claim). With `in_full` each layer writes as much as an only layer, by `written_in_full`. The
    table has one row. `nothing` is the relative_mse of `doing_nothing`.
    """
    drawn = ResidualCircuits.random(n_circuits, 4, 8, n_layers, rng)
    circuits = (written_in_full(drawn) if in_full else drawn).astype(np.float32)
    construction = ResidualConstruction(stream_width, 2 * stream_width)
    errors = measure_error(construction.compress(circuits, rng), 1, 300, rng)[MEANS].tail(1)
    change = doing_nothing(circuits, 1000, rng)[-1]
    return errors.drop(columns="layer").assign(nothing=change)


def _claim_settings() -> list[Setting]:
    return [
        {"stream_width": width, "n_layers": layers, "n_circuits": int(n)}
        for width in (128, 192, 256, 384, 512, 768, 1024)
        for layers in (1, 2, 4)
        for n in np.geomspace(width**2 / 4000, width**2 / 150, 10).round()
    ]


STUDIES = {
    "claim": Study(claim_error, _claim_settings, n_seeds=3, seed=1),
    "claim_in_full": Study(
        claim_error,
        [
            {"stream_width": width, "n_layers": 4, "in_full": True, "n_circuits": round(n)}
            for width in (192, 256, 384, 512, 768, 1024)
            for n in np.geomspace(width**2 / 8000, width**2 / 1000, 7).tolist()
        ],
        n_seeds=3,
        seed=8,
    ),
}
