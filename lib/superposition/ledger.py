"""The claims ledger computes a verdict on each claim, from a number and its threshold.

`python -m superposition.ledger book/data/ledger.csv` measures every number again. The claims stand
in `book/data/claims.toml`.
"""

from __future__ import annotations

import argparse
import tomllib
from collections.abc import Callable, Mapping
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from superposition import error_tables, experiments, fits, studies
from superposition._files import atomic_write, check_writable
from superposition.calculator import Calculator
from superposition.circuits import ResidualCircuits
from superposition.circuits.walks import sample_paths
from superposition.constructions import ResidualConstruction
from superposition.digits import load_tasks
from superposition.measure import doing_nothing, measure_error
from superposition.rotation_ledger import ROTATION_NUMBERS
from superposition.sweep import read_table, sweep
from superposition.units import activities

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
    brief = studies.digits_summary()
    return min(brief[f"kept_{k}"] for k in (1, 2, 3)) / 100


def kept_when_quiet() -> float:
    """Return the share of the accuracy above guessing that the largest measured network keeps.

    One task is active.
    """
    table = read_table(_DATA / "digit_sizes.csv")[0].query("n_active == 1")
    largest = table[table["stream_width"] == table["stream_width"].max()]
    above_guessing = largest["balanced_accuracy"].mean() - 0.5
    return float(above_guessing / (studies.digit_scores()["alone"].mean() - 0.5))


def growth_exponent() -> float:
    """Return the exponent of T in the large layer's parameters: one layer, mean over seeds."""
    table = read_table(_DATA / "claim.csv")[0]
    return float(fits.growth_exponents(table, 0.25)[1].mean())


def deep_width_exponent() -> float:
    """Return the exponent of T in the stream's width over four layers, mean over seeds."""
    found = error_tables.exponents().set_index(["size", "n_layers"])
    return float(found.loc[("stream_width", 4), "measured"])


def shape_dependence() -> float:
    """Return the largest error of circuits of one size but different shapes, over the smallest."""
    rng, errors = np.random.default_rng(_SEED), []
    for width, neurons in ((8, 4), (4, 8), (2, 16)):
        found = []
        for _ in range(12):
            circuits = ResidualCircuits.random(300, width, neurons, 1, rng)
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
    row = experiments.overlaps(256, "gaussian", np.random.default_rng(_SEED)).iloc[0]
    return float(row["square"] / row["predicted"])


def needed_redundancy() -> float:
    """Return the smallest safe redundancy at M = 4096 with three active at a time, over ln M."""
    return float(experiments.safe_redundancy(4096, 3) / np.log(4096))


def largest_load() -> float:
    """Return the largest load of any large neuron, divided by T m ln M / M."""
    row = experiments.loads(400, 7, np.random.default_rng(_SEED)).iloc[0]
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
    return sweep(experiments.interference, settings, n_seeds, rng, progress=False)


@cache
def deep_errors(n_circuits: int = 500) -> pd.DataFrame:
    """Return errors over four layers (D = 512, M = 1024), by layer: medians over eight networks."""
    rng = np.random.default_rng(_SEED)
    settings = [{"n_circuits": n_circuits}]
    measure = partial(experiments.depth_errors, dtype=np.float32)
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
    neurons, _ = activities(studies.digits_superposition(), load_tasks().test_inputs[:8])
    return float(neurons.purity.mean())


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


def _main() -> None:
    parser = argparse.ArgumentParser(description="Measure every number of the claims ledger.")
    parser.add_argument("file", help="where to write numbers and verdicts (.csv)")
    file = parser.parse_args().file
    check_writable(file)
    text = assess(load_claims()).to_csv(index=False, lineterminator="\n")
    with atomic_write(file) as out:
        out.write(text.encode())


if __name__ == "__main__":
    _main()
