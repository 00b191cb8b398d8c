"""These stored results tell how many features or AND gates a layer of n neurons can have."""

from __future__ import annotations

import numpy as np
import pandas as pd

from superposition.and_layers import AndLayer
from superposition.boolean import TargetedAnd, UniversalAnd
from superposition.error_studies import bisect_largest
from superposition.study import Study, data
from superposition.sweep import Setting, read_table

TOLERANCE = 0.2  # mse of gates with none, one or both of their features true
REDUNDANCY = 8
_SAMPLES = 400


def largest_size(kind: str, n_neurons: int, n_true: int, rng: np.random.Generator) -> pd.DataFrame:
    """Find the largest number of features ("universal") or gates ("targeted") within `TOLERANCE`.

    The stream has D = n/2 dimensions; targeted gates are gates of 2n features. The number is found
    by bisection to 3 %, with a new layer for each trial. The table has one row, with the columns
    `largest` (measured) and `predicted`.
    """

    def layer(size: int) -> UniversalAnd | TargetedAnd:
        sizes = n_neurons, REDUNDANCY, n_neurons // 2
        if kind == "universal":
            return UniversalAnd(max(size, n_true + 2), *sizes)
        return TargetedAnd(2 * n_neurons, size, *sizes)

    def fits(size: int) -> bool:
        drawn: AndLayer = layer(size).draw(rng)
        return bool(drawn.errors(n_true, _SAMPLES, rng)["mse"].max() <= TOLERANCE)

    predicted = layer(n_neurons).capacity(n_true, TOLERANCE)
    found = bisect_largest(fits, start=predicted)
    return pd.DataFrame({"largest": [found], "predicted": [predicted]})


_SIZES = [(n, 2) for n in (128, 256, 512, 1024, 2048, 4096)] + [(2048, s) for s in (3, 4, 6)]
_SETTINGS: list[Setting] = [
    {"kind": kind, "n_neurons": n, "n_true": s}
    for kind in ("universal", "targeted")
    for n, s in _SIZES
]
BOOLEAN_STUDIES = {"boolean": Study(largest_size, _SETTINGS, n_seeds=3, seed=71)}


def gate_counts() -> pd.DataFrame:
    """Return the study "boolean" with the numbers of gates, `n_gates` and `predicted_gates`.

    A universal layer has a gate for each pair of its features. A targeted layer has the number of
    gates that was found.
    """
    table = read_table(data("boolean.csv"))[0]
    universal = table["kind"] == "universal"
    for name, into in (("largest", "n_gates"), ("predicted", "predicted_gates")):
        pairs = table[name] * (table[name] - 1) / 2
        table[into] = np.where(universal, pairs, table[name])
    return table
