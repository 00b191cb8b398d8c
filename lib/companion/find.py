"""These stored results of methods are for the chapter *Can you find the circuits?*"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import pandas as pd

from companion._study import Study, Tolerance, data
from superposition.bench.contest import score, score_known_truth
from superposition.bench.methods import METHODS
from superposition.bench.targets import TARGETS
from superposition.bench.truth import GroundTruth, ground_truth
from superposition.results import read_table
from superposition.sweep import Setting

TRUTH = "the truth"
# Scores of attribution-based parameter decomposition on two toy models of superposition, of 5
# features in 2 dimensions and of 40 in 10: Braun et al. (2025), in the book's bibliography.
PUBLISHED = pd.DataFrame({"mmcs": [0.998, 0.996], "ml2r": [0.893, 0.935]}, ["TMS 5-2", "TMS 40-10"])


def method_scores(target: str, method: str, setting: str, rng: np.random.Generator) -> pd.DataFrame:
    """Score what one method finds of one target; the table has one row.

    The columns are those of `bench.contest.score`. The method `TRUTH` stands for a reader who knows
    the true directions; its scores come from `bench.contest.told`. The network is the same for
    every seed. Its inputs and the method's random choices are not.
    """
    truth, k = _truth(target), TARGETS[target].n_active
    if method == TRUTH:
        return score_known_truth(truth, k, rng)
    return score(METHODS[method], setting, truth, k, rng)


@lru_cache(maxsize=1)
def _truth(target: str) -> GroundTruth:
    return ground_truth(TARGETS[target].build())


def best_settings(by: str) -> pd.DataFrame:
    """Return each method's and target's stored scores at the best setting by `by`.

    `by` is "mmcs" or "f1".

    The best setting is chosen with the truth, which no method knows. The scores are therefore on
    the generous side. The columns are means over seeds: those stored, and f1. The lowest and
    highest value over seeds stand in the columns `mmcs_low`, `mmcs_high`, `f1_low` and `f1_high`.
    """
    table = read_table(data("baselines.csv"))[0]
    sum_of = (table["precision"] + table["recall"]).replace(0, 1)
    table["f1"] = 2 * table["precision"] * table["recall"] / sum_of
    each = table.groupby(["target", "method", "setting"])
    means = each.mean(numeric_only=True).drop(columns="seed")
    for name in ("mmcs", "f1"):
        means[f"{name}_low"], means[f"{name}_high"] = each[name].min(), each[name].max()
    means = means.reset_index("setting")
    best = means.groupby(["target", "method"])[by].transform("max")
    chosen = means[means[by] == best]
    return chosen[~chosen.index.duplicated()]


def _settings() -> list[Setting]:
    rows = [(TRUTH, "only"), *((m, s) for m, method in METHODS.items() for s in method.settings)]
    return [
        {"target": target, "method": method, "setting": setting}
        for target in TARGETS
        for method, setting in rows
    ]


STUDIES = {
    "baselines": Study(
        method_scores,
        _settings,
        n_seeds=3,
        seed=17,
        packages=("scikit-learn", "torch"),
        tolerance=Tolerance(0.0, 0.02),  # trained: rounding grows, and single answers flip
    )
}
