"""These are the ledger's numbers on the sequel and on *Rotations*, from their stored tables.

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
    """Return the exponent of D in T ln T at mse 0.05 after three layers, with k = 1."""
    loads = tables.largest_loads(3, _SMALL)
    n = loads["n_circuits"]
    return float(np.polyfit(np.log(loads["width"]), np.log(n * np.log(n)), 1)[0])


def quiet_reads() -> float:
    """Return inactive circuits' mean squared read-out at layer 1, over k (d/D) E|a|².

    The number is the mean over k.
    """
    first = _means().xs(1, level="layer")["inactive_share"]
    return float(np.mean(first / first.index * BLOCK))


def least_needed() -> float:
    """Return the least factor by which errors grow when one of the sequel's assumptions is dropped.

    The assumptions are: few circuits are active (here three), inactive circuits are robust, and the
    step does not amplify. The last is compared with the same step clipped at 1.
    """
    settings = [{"assumption": name} for name in sharing_experiments.ASSUMPTIONS]
    rng = np.random.default_rng(_SEED)
    table = sweep(sharing_experiments.dropped, settings, 3, rng, progress=False)
    errors = table.groupby("assumption", sort=False)["mse"].mean().to_numpy()
    return float(min(errors[2] / errors[0], errors[4] / errors[0], errors[6] / errors[5]))


def average_depth() -> float:
    """Compare the layers whose mean error is below 1 with the claimed 4, 3, 3 for k = 1, 2, 3.

    Both numbers plus one are divided. The result is the ratio farthest from one; a ratio of one
    means that the claim is exact.
    """
    return _farthest(_means()["mse_x"], {1: 4, 2: 3, 3: 3})


def worst_depth() -> float:
    """Compare likewise the layers whose worst error is below 1 with the claimed 2, 1, 0.

    The worst error is that of a network's samples, averaged over networks.
    """
    return _farthest(_means()["worst_x"], {1: 2, 2: 1, 3: 0})


def depth_exponent() -> float:
    """Return the exponent of the mean error in depth, from layer 2 to the last.

    It is the least of all k.
    """
    errors = _means()["mse_x"].unstack("layer")
    return float((np.log(errors[DEPTH] / errors[2]) / np.log(DEPTH / 2)).min())


def indicator_cap() -> float:
    """Return the largest error of any on-indicator, active or not, in any network of both sizes."""
    table = tables.measured()
    return float(table[["worst_on", "inactive_worst_on"]].to_numpy().max())


def exact_layers() -> float:
    """Return the number of layers through which active on-indicators are exact.

    It is the least of all k.
    """
    wrong = _means()["mse_on"].unstack("layer") > 1e-12
    return float(wrong.to_numpy().argmax(axis=1).min())


def undershoot() -> float:
    """Return measured over predicted error after the last layer, over the same after layer 2.

    One circuit is active. The result is NaN if the prediction is wrong by more than 25 % at layer 1
    (inactive circuits) or at layer 2.
    """
    means = _means().loc[1]
    law = tables.published_law(_means().reset_index()).set_index(["n_active", "layer"]).loc[1]
    ratio = means["mse_x"] / law["mse_x"].where(law["mse_x"] > 0)
    first = means.loc[1, "inactive_x"] / law.loc[1, "inactive_x"]
    good = abs(first - 1) < 0.25 and abs(ratio[2] - 1) < 0.25
    return float(ratio[DEPTH] / ratio[2]) if good else np.nan


def first_to_seize() -> float:
    """Return how far inactive indicators exceed their prediction at layer 2, compared with vectors.

    The number is the indicators' error as a multiple of its prediction, divided by the same
    multiple for vectors, active or inactive, whichever is larger. The least of all k counts.
    """
    means = _means()
    law = tables.published_law(means.reset_index()).set_index(["n_active", "layer"])
    second = (means[["mse_x", "inactive_x", "inactive_on"]] / law).xs(2, level="layer")
    others = second[["mse_x", "inactive_x"]].max(axis=1)
    return float((second["inactive_on"] / others).min())


def inactive_smaller() -> float:
    """Return how often inactive vectors' error is below that of active ones.

    The number is a share of layers 1 … 4 and k = 1, 2, 3.
    """
    means = _means().query(f"layer < {DEPTH}")
    return float((means["inactive_x"] < means["mse_x"]).mean())


def circuits_per_block() -> float:
    """Return T in units of D/d at which the mean error after four layers is 0.1.

    One circuit is active, and D = 1000.
    """
    loads = tables.largest_loads(4, 0.1).set_index("width")["n_circuits"]
    return float(loads[PUBLISHED["width"]] / BLOCK)


def _means() -> pd.DataFrame:
    """Return means over networks, by k and layer."""
    return tables.at_published_size().groupby(["n_active", "layer"]).mean(numeric_only=True)


def _farthest(errors: pd.Series, claimed: dict[int, int]) -> float:
    """Return the ratio of depths, measured and claimed, that is farthest from one.

    A depth is the number of layers before the first error ≥ 1, and both are taken plus one.
    """
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
