"""Numbers of the ledger on the sequel and on *Rotations*, from their stored tables.

Sizes are the published ones, T = 557 and D = 1000, unless a number says otherwise.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd

from superposition import rotation_tables as tables
from superposition import sharing_experiments
from superposition.rotation_studies import DEPTH, PUBLISHED
from superposition.sharing_experiments import ENTRIES
from superposition.sweep import sweep

_SEED = 18
BLOCK = PUBLISHED["width"] / ENTRIES  # D/d
_SMALL = 0.05  # an error at which nothing has ignited yet


def width_exponent() -> float:
    """Exponent of D in T ln T at mse 0.05 after three layers, k = 1."""
    loads = tables.largest_loads(3, _SMALL)
    n = loads["n_circuits"]
    return float(np.polyfit(np.log(loads["width"]), np.log(n * np.log(n)), 1)[0])


def quiet_reads() -> float:
    """Inactive circuits' mean squared read-out at layer 1, over k (d/D) E|a|²; mean over k."""
    first = _means().xs(1, level="layer")["inactive_share"]
    return float(np.mean(first / first.index * BLOCK))


def least_needed() -> float:
    """Least factor by which the error grows when one of the sequel's assumptions is dropped.

    Few active (three), robust when inactive; not amplifying, against the same step clipped.
    """
    settings = [{"assumption": name} for name in sharing_experiments.ASSUMPTIONS]
    rng = np.random.default_rng(_SEED)
    table = sweep(sharing_experiments.dropped, settings, 3, rng, progress=False)
    errors = table.groupby("assumption", sort=False)["mse"].mean().to_numpy()
    return float(min(errors[2] / errors[0], errors[4] / errors[0], errors[6] / errors[5]))


def average_depth() -> float:
    """Layers at which the mean error is below 1, against the claimed 4, 3, 3 for k = 1, 2, 3.

    Both plus one, and divided: the ratio farthest from one, which means as claimed.
    """
    return _farthest(_means()["mse_x"], {1: 4, 2: 3, 3: 3})


def worst_depth() -> float:
    """The same for the worst error of a network's samples (mean over networks), against 2, 1, 0."""
    return _farthest(_means()["worst_x"], {1: 2, 2: 1, 3: 0})


def depth_exponent() -> float:
    """Exponent of the mean error in depth, from layer 2 to the last: the least of all k."""
    errors = _means()["mse_x"].unstack("layer")
    return float((np.log(errors[DEPTH] / errors[2]) / np.log(DEPTH / 2)).min())


def indicator_cap() -> float:
    """The largest error of any on-indicator, active or not, in any network of both sizes."""
    table = tables.measured()
    return float(table[["worst_on", "inactive_worst_on"]].to_numpy().max())


def exact_layers() -> float:
    """Layers through which active on-indicators are exact: the least of all k."""
    wrong = _means()["mse_on"].unstack("layer") > 1e-12
    return float(wrong.to_numpy().argmax(axis=1).min())


def undershoot() -> float:
    """Measured over predicted error after the last layer, over the same after layer 2; k = 1.

    NaN if the prediction misses by more than 25 % at layer 1 (inactive circuits) or 2.
    """
    means = _means().loc[1]
    law = tables.published_law(_means().reset_index()).set_index(["n_active", "layer"]).loc[1]
    ratio = means["mse_x"] / law["mse_x"].where(law["mse_x"] > 0)
    first = means.loc[1, "inactive_x"] / law.loc[1, "inactive_x"]
    good = abs(first - 1) < 0.25 and abs(ratio[2] - 1) < 0.25
    return float(ratio[DEPTH] / ratio[2]) if good else np.nan


def first_to_seize() -> float:
    """At layer 2, how far inactive indicators are beyond their prediction, over the next worst.

    Next worst: vectors, active or inactive, as a multiple of their own prediction. The least of
    all k.
    """
    means = _means()
    law = tables.published_law(means.reset_index()).set_index(["n_active", "layer"])
    second = (means[["mse_x", "inactive_x", "inactive_on"]] / law).xs(2, level="layer")
    others = second[["mse_x", "inactive_x"]].max(axis=1)
    return float((second["inactive_on"] / others).min())


def inactive_smaller() -> float:
    """Share of layers 1 … 4 and k = 1, 2, 3 where inactive vectors' error is below the active's."""
    means = _means().query(f"layer < {DEPTH}")
    return float((means["inactive_x"] < means["mse_x"]).mean())


def circuits_per_block() -> float:
    """T in units of D/d at which the mean error after four layers is 0.1; k = 1, D = 1000."""
    loads = tables.largest_loads(4, 0.1).set_index("width")["n_circuits"]
    return float(loads[PUBLISHED["width"]] / BLOCK)


def _means() -> pd.DataFrame:
    """Means over networks, by k and layer."""
    return tables.at_published_size().groupby(["n_active", "layer"]).mean(numeric_only=True)


def _farthest(errors: pd.Series, claimed: dict[int, int]) -> float:
    """Layers before the first error ≥ 1, plus one, over those claimed, plus one."""
    beyond = errors.unstack("layer") >= 1
    found = np.where(beyond.any(axis=1), beyond.to_numpy().argmax(axis=1), beyond.shape[1])
    ratios = (found + 1) / (np.array([claimed[k] for k in beyond.index]) + 1)
    return float(ratios[np.abs(np.log(ratios)).argmax()])


ROTATION_NUMBERS: dict[str, Callable[[], float]] = {
    function.__name__: function
    for function in (
        width_exponent,
        quiet_reads,
        least_needed,
        average_depth,
        worst_depth,
        depth_exponent,
        indicator_cap,
        exact_layers,
        undershoot,
        first_to_seize,
        inactive_smaller,
        circuits_per_block,
    )
}
