"""The claims ledger: a verdict on each claim, computed from a number and its threshold.

`python -m superposition.ledger book/data/ledger.csv` measures every number again. The claims
stand in `book/data/claims.toml`.
"""

from __future__ import annotations

import argparse
import tomllib
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from superposition import studies, theory
from superposition._files import atomic_write
from superposition.circuits import ResidualCircuits, with_indicator
from superposition.codes import GaussianCode, SparseCode
from superposition.constructions import ResidualConstruction
from superposition.digits import load_circuits, small_scores
from superposition.measure import (
    measure_error,
    read_in_interference,
    sample_active,
    unit_inputs,
)
from superposition.sweep import read_table
from superposition.theory import carrying

Claim = Mapping[str, Any]
VERDICTS = ("holds", "holds with a correction", "fails", "untested yet")
_SEED = 15
_DATA = Path("book/data")


def load_claims(path: str | Path = _DATA / "claims.toml") -> list[Claim]:
    """The claims as written down, in order."""
    with Path(path).open("rb") as file:
        return list(tomllib.load(file)["claim"])


def verdict(claim: Claim, number: float | None) -> str:
    """What follows from the number: in `holds`, else in `corrected`, else it fails."""
    if "number" not in claim or number is None:
        return "untested yet"
    for name, words in (("holds", VERDICTS[0]), ("corrected", VERDICTS[1])):
        low, high = claim.get(name, (np.inf, -np.inf))
        if low <= number <= high:
            return words
    return VERDICTS[2]


def assess(claims: list[Claim]) -> pd.DataFrame:
    """Every claim's number, measured now, and its verdict: columns id, number, verdict."""
    rows = []
    for claim in claims:
        number = NUMBERS[claim["number"]]() if "number" in claim else None
        rows.append([claim["id"], number, verdict(claim, number)])
    return pd.DataFrame(rows, columns=["id", "number", "verdict"])


def kept_accuracy() -> float:
    """Share of the accuracy above guessing that the digit networks keep at k = 1."""
    return _kept(read_table(_DATA / "digit_tasks.csv")[0].query("n_active == 1"))


def kept_when_quiet() -> float:
    """The same in the largest network measured."""
    table = read_table(_DATA / "digit_sizes.csv")[0].query("n_active == 1")
    return _kept(table[table["stream_width"] == table["stream_width"].max()])


def _kept(table: pd.DataFrame) -> float:
    small = small_scores(load_circuits(_DATA / "digit_networks.npz")).mean()
    return float((table["balanced_accuracy"].mean() - 0.5) / (small - 0.5))


@cache
def _one_layer_loads() -> pd.DataFrame:
    loads = studies.largest_loads(read_table(_DATA / "claim.csv")[0], 0.25)
    return loads.query("n_layers == 1 and stream_width >= 256")


def growth_exponent() -> float:
    """Exponent of T in the large layer's parameters, mean over seeds."""
    return float(_one_layer_loads().groupby("seed").apply(studies.growth_exponent).mean())


def lead_over_private() -> float:
    """Circuits that fit at the largest width, over those with neurons of their own."""
    loads = _one_layer_loads()
    width = int(loads["stream_width"].max())
    fitting = loads.query("stream_width == @width")["n_circuits"].mean()
    return float(fitting / studies.private_circuits(width, 2 * width, 4, 8))


def shape_dependence() -> float:
    """Errors of circuits of one size but different shape: the largest over the smallest."""
    rng, errors = np.random.default_rng(_SEED), []
    for width, neurons in ((8, 4), (4, 8), (2, 16)):
        found = []
        for _ in range(6):
            circuits = ResidualCircuits.random(300, width, neurons, 1, rng)
            superposition = ResidualConstruction(512, 1024).compress(circuits, rng)
            last = measure_error(superposition, 1, 200, rng).iloc[-1]
            active = sample_active(300, 1, 500, rng)
            states = circuits.run(unit_inputs(width)(active, rng), active)
            change = np.mean(np.sum((states[1] - states[0]) ** 2, axis=-1))
            found.append(last["mse"] / change)
        errors.append(np.mean(found))
    return float(max(errors) / min(errors))


def averaging_gain() -> float:
    """Noise of the mean over eight carriers, over that of the only carrier at redundancy 1."""
    rng, noise = np.random.default_rng(_SEED), {}
    for redundancy in (1, 8):
        found = []
        for _ in range(6):
            circuits = ResidualCircuits.random(150, 4, 8, 1, rng)
            superposition = ResidualConstruction(512, 1024, redundancy).compress(circuits, rng)
            active = sample_active(150, 1, 200, rng)
            heard = read_in_interference(superposition, unit_inputs(4)(active, rng), active)
            found.append(np.mean(superposition.neuron_codes[0].decode(heard, active) ** 2))
        noise[redundancy] = np.mean(found)
    return float(noise[8] / noise[1])


def overlap_size() -> float:
    """Mean squared overlap of different circuits' directions, times D."""
    code = GaussianCode.draw(200, 4, 256, np.random.default_rng(_SEED), orthonormal=False)
    gram = code.matrix @ code.matrix.T
    others = np.kron(np.eye(200), np.ones((4, 4))) == 0
    return float(256 * np.mean(gram[others] ** 2))


def needed_redundancy() -> float:
    """Smallest safe redundancy for all T m small neurons, over ln M, at M = 4096."""
    size = 4096
    return float(carrying.smallest_redundancy(size, 8, size**2 // 200 * 8, 0.99) / np.log(size))


def mean_load() -> float:
    """Mean load of random carriers over T m r / M."""
    code = SparseCode.draw("random", 400, 8, 1024, 7, np.random.default_rng(_SEED))
    formula = carrying.load_mean()
    values = {theory.T: 400, theory.m: 8, theory.r: 7, theory.M: 1024}
    return float(code.load.mean() / theory.evaluate(formula, values))


def _noise(n_circuits: int, stream: int, n_active: int, rng: np.random.Generator) -> list[float]:
    """Measured read-in variance, and that of the random walk alone; M = 2D."""
    circuits = ResidualCircuits.random(n_circuits, 4, 8, 1, rng)
    construction = ResidualConstruction(stream, 2 * stream)
    active = sample_active(n_circuits, n_active, 100, rng)
    superposition = construction.compress(circuits, rng)
    heard = read_in_interference(superposition, unit_inputs(4)(active, rng), active)
    weights = with_indicator(circuits, construction.margin).read_in[0]
    values = {theory.T: n_circuits, theory.m: 8, theory.k: n_active, theory.a2: 2}
    values |= {theory.D: stream, theory.M: 2 * stream, theory.r: construction.n_carriers}
    values |= {theory.w2: np.mean(np.sum(weights**2, axis=-1))}
    walk = theory.evaluate(theory.leading_read_in_variance(), values)
    return [float(np.mean(heard**2)), float(walk)]


def random_walk() -> float:
    """Read-in variance over that of a random walk, on average over six networks."""
    rng = np.random.default_rng(_SEED)
    pairs = np.array([_noise(400, 512, 1, rng) for _ in range(6)])
    return float(np.mean(pairs[:, 0] / pairs[:, 1]))


def noise_exponent() -> float:
    """Exponent of the noise's size in k T / (M D)."""
    rng, points = np.random.default_rng(_SEED), []
    for stream in (256, 512, 1024):
        for n_circuits, n_active in ((100, 1), (400, 1), (400, 4)):
            variance = _noise(n_circuits, stream, n_active, rng)[0]
            points.append([n_active * n_circuits / (2 * stream**2), np.sqrt(variance)])
    x, y = np.log(np.array(points)).T
    return float(np.polyfit(x, y, 1)[0])


@cache
def _deep() -> pd.DataFrame:
    """Errors over four layers where one layer would do, mean over four networks."""
    rng, tables = np.random.default_rng(_SEED), []
    for _ in range(4):
        circuits = ResidualCircuits.random(500, 4, 8, 4, rng)
        superposition = ResidualConstruction(512, 1024).compress(circuits, rng)
        tables.append(measure_error(superposition, 1, 300, rng))
    return pd.concat(tables).groupby("layer").mean()


def inactive_share() -> float:
    """What an inactive circuit reads after four layers, over an active circuit's state."""
    last = _deep().iloc[-1]
    return float(last["inactive_mse"] / (last["mse"] / last["relative_mse"]))


def error_growth() -> float:
    """relative_mse after four layers over that after one."""
    errors = _deep()["relative_mse"]
    return float(errors[4] / errors[1])


def single_circuit_neurons() -> float:
    """Share of the digits network's large neurons (first layer) that carry one circuit only."""
    slots = studies.digits_superposition().neuron_codes[0].slots  # type: ignore[attr-defined]
    served = np.zeros((slots.shape[0], studies.DIGITS_CONSTRUCTION.n_neurons), bool)
    served[np.arange(len(slots))[:, None, None], slots] = True
    return float(np.mean(served.sum(axis=0) == 1))


NUMBERS: dict[str, Callable[[], float]] = {
    function.__name__: function
    for function in (
        kept_accuracy,
        growth_exponent,
        lead_over_private,
        shape_dependence,
        averaging_gain,
        overlap_size,
        needed_redundancy,
        mean_load,
        random_walk,
        noise_exponent,
        kept_when_quiet,
        inactive_share,
        error_growth,
        single_circuit_neurons,
    )
}


def _main() -> None:
    parser = argparse.ArgumentParser(description="Measure every number of the claims ledger.")
    parser.add_argument("file", help="where to write numbers and verdicts (.csv)")
    text = assess(load_claims()).to_csv(index=False)
    with atomic_write(parser.parse_args().file) as out:
        out.write(text.encode())


if __name__ == "__main__":
    _main()
