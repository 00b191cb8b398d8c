"""How many circuits fit: read off tables of errors, and counted where nothing is shared."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd


def largest_loads(table: pd.DataFrame, tolerance: float) -> pd.DataFrame:
    """The T at which the error reaches `tolerance` times that of doing nothing, by width and seed.

    Read off a curve fitted to each seed's errors that never falls as T grows (isotonic, both on
    log scales). Where, for any seed, all T measured are beyond the tolerance, or none is, a width
    has no row for that number of layers: the mean of the seeds that are left would be biased.
    Columns: n_layers, stream_width, parameters (of the large network, per layer), seed, n_circuits.
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
    """Exponent of T in the large layer's parameters by n_layers and seed, widths from 256 on.

    Narrower networks are left out: there, errors that fall with M whatever T is use up a good
    part of the tolerance.
    """
    loads = largest_loads(table, tolerance).query("stream_width >= 256")
    fits = {key: growth_exponent(rows) for key, rows in loads.groupby(["n_layers", "seed"])}
    return pd.Series(fits, name="exponent").rename_axis(["n_layers", "seed"])


def growth_exponent(loads: pd.DataFrame) -> float:
    """s of the least-squares fit n_circuits ∝ parameters^s, over all widths and seeds."""
    fit = np.polyfit(np.log(loads["parameters"]), np.log(loads["n_circuits"]), 1)
    return float(fit[0])


def residual_parameters(stream_width: int) -> int:
    """Weights and biases of one layer of a residual network with M = 2D neurons."""
    return 2 * stream_width * 2 * stream_width + 2 * stream_width


def private_line(stream_widths: list[int]) -> pd.DataFrame:
    """What fits into networks with M = 2D without superposition, d = 4, m = 8, by width.

    Columns stream_width, parameters, n_circuits, and with_logarithm: D²/ln M with ln M rounded, the
    growth that the post's law predicts up to a factor.
    """
    rows = [
        [w, residual_parameters(w), private_circuits(w, 2 * w, 4, 8), w**2 / round(math.log(2 * w))]
        for w in stream_widths
    ]
    names = ["stream_width", "parameters", "n_circuits", "with_logarithm"]
    return pd.DataFrame(rows, columns=names)


def private_circuits(stream_width: int, n_neurons: int, width: int, small_neurons: int) -> int:
    """How many circuits fit side by side, with dimensions and neurons of their own.

    In a network of as many weights, D · M, at the split between dimensions and neurons that suits
    them best: d · n dimensions and m · n neurons for n circuits.
    """
    return math.isqrt(stream_width * n_neurons // (width * small_neurons))
