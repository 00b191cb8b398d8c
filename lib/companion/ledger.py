"""The claims ledger: a verdict on each claim, computed from a number and its threshold.

`python -m companion ledger book/data/ledger.csv` measures every number again. The claims stand in
`book/data/claims.toml`.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Mapping
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from companion import (
    construction,
    digits,
    embedding,
    how_many,
    introduction,
    neurons,
    rotations,
    survives,
)
from companion.digits import load_tasks
from companion.generalising import Calculator
from companion.implications import activities
from companion.rotations import DEPTH, PUBLISHED
from companion.survives import ENTRIES
from superposition.circuits import ResidualCircuits
from superposition.circuits.graph import sample_paths
from superposition.constructions import ResidualConstruction
from superposition.measure import doing_nothing, measure_error
from superposition.results import atomic_write, check_writable, read_table
from superposition.sweep import sweep

_ROTATION_SEED = 18
BLOCK = PUBLISHED["width"] / ENTRIES  # D/d
_SMALL = 0.05  # an error at which nothing has ignited yet


def width_exponent() -> float:
    """Return the exponent of D in T ln T at mse 0.05 after three layers, with k = 1."""
    loads = rotations.largest_loads(3, _SMALL)
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
    settings = [{"assumption": name} for name in survives.ASSUMPTIONS]
    rng = np.random.default_rng(_ROTATION_SEED)
    table = sweep(survives.dropped, settings, 3, rng, progress=False)
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
    table = rotations.measured()
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
    law = rotations.published_law(_means().reset_index()).set_index(["n_active", "layer"]).loc[1]
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
    law = rotations.published_law(means.reset_index()).set_index(["n_active", "layer"])
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
    loads = rotations.largest_loads(4, 0.1).set_index("width")["n_circuits"]
    return float(loads[PUBLISHED["width"]] / BLOCK)


def _means() -> pd.DataFrame:
    """Return means over networks, by k and layer."""
    return rotations.at_published_size().groupby(["n_active", "layer"]).mean(numeric_only=True)


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

Claim = Mapping[str, Any]
VERDICTS = ("holds", "holds with a correction", "fails", "untested yet")
_SEED = 15
_DATA = Path("book/data")


def load_claims(path: str | Path = _DATA / "claims.toml") -> list[Claim]:
    """Load the claims as they are written down, in order."""
    with Path(path).open("rb") as file:
        return list(tomllib.load(file)["claim"])


def verdict(claim: Claim, number: float | None) -> str:
    """Return the verdict on a claim that follows from its number.

    The claim holds if the number is in the range `holds`, holds with a correction if it is in the
    range `corrected`, and else fails. It is untested without a number, and without a range: then
    the number bears on the claim without testing it.
    """
    if "number" not in claim or "holds" not in claim or number is None:
        return "untested yet"
    for name, words in (("holds", VERDICTS[0]), ("corrected", VERDICTS[1])):
        low, high = claim.get(name, (np.inf, -np.inf))
        if low <= number <= high:
            return words
    return VERDICTS[2]


def assess(claims: list[Claim]) -> pd.DataFrame:
    """Measure every claim's number now; the table has the columns `id`, `number` and `verdict`."""
    rows = []
    for claim in claims:
        number = NUMBERS[claim["number"]]() if "number" in claim else None
        rows.append([claim["id"], number, verdict(claim, number)])
    return pd.DataFrame(rows, columns=["id", "number", "verdict"])


def kept_accuracy() -> float:
    """Return the least share of accuracy above guessing that digit networks keep, k = 1, 2, 3."""
    brief = digits.digits_summary()
    return min(brief[f"kept_{k}"] for k in (1, 2, 3)) / 100


def kept_when_quiet() -> float:
    """Return the share of the accuracy above guessing that the largest measured network keeps.

    One task is active.
    """
    table = read_table(_DATA / "digit_sizes.csv")[0].query("n_active == 1")
    largest = table[table["stream_width"] == table["stream_width"].max()]
    above_guessing = largest["balanced_accuracy"].mean() - 0.5
    return float(above_guessing / (digits.digit_scores()["alone"].mean() - 0.5))


def growth_exponent() -> float:
    """Return the exponent of T in the large layer's parameters: one layer, mean over seeds."""
    table = read_table(_DATA / "claim.csv")[0]
    return float(introduction.growth_exponents(table, 0.25)[1].mean())


def deep_width_exponent() -> float:
    """Return the exponent of T in the stream's width over four layers, mean over seeds."""
    found = how_many.exponents().set_index(["size", "n_layers"])
    return float(found.loc[("stream_width", 4), "measured"])


def shape_dependence() -> float:
    """Return the largest error of circuits of one size but different shapes, over the smallest."""
    rng, errors = np.random.default_rng(_SEED), []
    for width, n_neurons in ((8, 4), (4, 8), (2, 16)):
        found = []
        for _ in range(12):
            circuits = ResidualCircuits.random(300, width, n_neurons, 1, rng)
            superposition = ResidualConstruction(512, 1024).compress(circuits, rng)
            last = measure_error(superposition, 1, 200, rng).iloc[-1]
            found.append(last["relative_mse"] / doing_nothing(circuits, 500, rng)[-1])
        errors.append(np.mean(found))
    return float(max(errors) / min(errors))


def averaging_gain() -> float:
    """Return the noise of the mean over eight carriers, divided by the noise of each of them."""
    noise = _interference([{"n_circuits": 150, "redundancy": 8}])
    return float(noise["carrier_mean"].mean() / noise["one_carrier"].mean())


def overlap_size() -> float:
    """Return the mean squared overlap of different circuits' directions, times D."""
    row = embedding.overlaps(256, "gaussian", np.random.default_rng(_SEED)).iloc[0]
    return float(row["square"] / row["predicted"])


def needed_redundancy() -> float:
    """Return the smallest safe redundancy at M = 4096 with three active at a time, over ln M."""
    return float(neurons.safe_redundancy(4096, 3) / np.log(4096))


def largest_load() -> float:
    """Return the largest load of any large neuron, divided by T m ln M / M."""
    row = neurons.loads(400, 7, np.random.default_rng(_SEED)).iloc[0]
    return float(row["largest"] / (400 * 8 * np.log(1024) / 1024))


def random_walk() -> float:
    """Return read-in variance divided by that of a random walk, on average over six networks."""
    noise = _interference([{"n_circuits": 400}])
    return float((noise["measured"] / noise["leading"]).mean())


def noise_exponent() -> float:
    """Return the exponent of the noise's size in k T / (M D)."""
    sizes = [
        {"n_circuits": n, "n_active": k, "stream_width": width, "n_neurons": 2 * width}
        for width in (256, 512, 1024)
        for n, k in ((100, 1), (400, 1), (400, 4))
    ]
    noise = _interference(sizes, 1)
    scale = noise["n_active"] * noise["n_circuits"] / (noise["stream_width"] * noise["n_neurons"])
    return float(np.polyfit(np.log(scale), np.log(noise["measured"]) / 2, 1)[0])


def _interference(settings: list[dict[str, Any]], n_seeds: int = 6) -> pd.DataFrame:
    rng = np.random.default_rng(_SEED)
    return sweep(construction.interference, settings, n_seeds, rng, progress=False)


@cache
def deep_errors(n_circuits: int = 500) -> pd.DataFrame:
    """Return errors over four layers (D = 512, M = 1024), by layer: medians over eight networks."""
    rng = np.random.default_rng(_SEED)
    settings = [{"n_circuits": n_circuits}]
    measure = partial(construction.depth_errors, dtype=np.float32)
    table = sweep(measure, settings, 8, rng, progress=False)
    return table.groupby("layer").median()


def inactive_share() -> float:
    """Return an inactive circuit's squared reading after four layers, over an active state's."""
    last = deep_errors().iloc[-1]
    return float(last["inactive_mse"] / (last["mse"] / last["relative_mse"]))


def error_growth() -> float:
    """Return relative_mse after four layers, divided by relative_mse after one."""
    errors = deep_errors()["relative_mse"]
    return float(errors[4] / errors[1])


def chain_answers() -> float:
    """Return the share of right answers of a calculator's last adders in the post's network."""
    right, rng = [], np.random.default_rng(_SEED)
    for _ in range(3):
        calculator = Calculator.draw(50, 50, 5, rng, fan_in=2, tolerance=0)
        large = ResidualConstruction(2048, 4096).compress(calculator.graph, rng)
        paths = sample_paths(calculator.graph, 300, rng)
        operands = rng.integers(5, size=(300, 1, 3))
        said = calculator.read_answers(large.run(calculator.inputs(paths, operands), paths))
        right.append((said == calculator.answers(paths, operands))[:, -1].mean())
    return float(np.mean(right))


def neuron_purity() -> float:
    """Return how far one large neuron of the digits network tells which circuit is active.

    It is the mean `purity` of the first layer's neurons, on eight images. Each task is active
    alone. A neuron's purity is the share of its squared activity that comes with the task for which
    it is most active.
    """
    found, _ = activities(digits.digits_superposition(), load_tasks().test_inputs[:8])
    return float(found.purity.mean())


NUMBERS: dict[str, Callable[[], float]] = {
    function.__name__: function
    for function in (
        kept_accuracy,
        growth_exponent,
        deep_width_exponent,
        shape_dependence,
        averaging_gain,
        overlap_size,
        needed_redundancy,
        largest_load,
        random_walk,
        noise_exponent,
        kept_when_quiet,
        inactive_share,
        error_growth,
        chain_answers,
        neuron_purity,
    )
} | ROTATION_NUMBERS


def measure_all(path: str | Path) -> None:
    """Measures the number of every claim, and writes numbers and verdicts to `path` (.csv)."""
    check_writable(path)
    text = assess(load_claims()).to_csv(index=False, lineterminator="\n")
    with atomic_write(path) as out:
        out.write(text.encode())


MADE = {"ledger": measure_all}
