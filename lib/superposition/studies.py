"""The book's stored results: what was measured, at which settings, from which seed.

`python -m superposition.studies NAME book/data/NAME.csv` regenerates one of them; an interrupted
run continues where it stopped. A test recomputes a sample of each table's rows.
"""

from __future__ import annotations

import argparse
import math
import platform
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import scipy
from scipy.optimize import isotonic_regression

from superposition.circuits import ResidualCircuits
from superposition.constructions import ResidualConstruction, Superposition
from superposition.digits import N_TASKS, load_circuits, load_tasks, superposed_scores
from superposition.measure import measure_error, sample_active, unit_inputs
from superposition.sweep import Setting, setting_rng, sweep

# The digits chapter's one large network: fewer neurons than the small networks have together,
# everything else the construction's defaults.
DIGITS_CONSTRUCTION = ResidualConstruction(stream_width=2048, n_neurons=4096)
DIGITS_NETWORK_SEED = 20241014
_DATA = Path("book/data")
_BLOCK = 7  # tasks measured in one run of the study "digit_tasks"


@dataclass(frozen=True)
class Study:
    """One stored table: `measure(**setting, rng)` for all settings and seeds, from one `seed`."""

    measure: Callable[..., pd.DataFrame]
    settings: list[Setting]
    n_seeds: int
    seed: int

    def run(self, path: str | Path, *, name: str, n_jobs: int = 1) -> pd.DataFrame:
        """The whole table, from `path` as far as it is there already."""
        header = {
            "command": f"python -m superposition.studies {name} book/data/{name}.csv",
            "seed": str(self.seed),
            "versions": f"python {platform.python_version()}, numpy {np.__version__}, "
            f"scipy {scipy.__version__}",
        }
        rng = np.random.default_rng(self.seed)
        return sweep(
            self.measure, self.settings, self.n_seeds, rng, path=path, n_jobs=n_jobs, header=header
        )

    def recompute(self, setting: Setting, seed: int) -> pd.DataFrame:
        """The rows of one setting and seed number, computed afresh."""
        words = np.random.default_rng(self.seed).integers(2**32, size=4)
        return self.measure(**setting, rng=setting_rng([int(w) for w in words], setting, seed))


def claim_error(
    stream_width: int, n_layers: int, n_circuits: int, rng: np.random.Generator
) -> pd.DataFrame:
    """Errors after the last layer of T random circuits (d = 4, m = 8), one active; M = 2D.

    `nothing` is the relative_mse of a network that computes nothing and leaves inputs as they are.
    """
    circuits = ResidualCircuits.random(n_circuits, 4, 8, n_layers, rng).astype(np.float32)
    construction = ResidualConstruction(stream_width, 2 * stream_width)
    errors = measure_error(construction.compress(circuits, rng), 1, 300, rng).tail(1)
    active = sample_active(n_circuits, 1, 1000, rng)
    states = circuits.run(unit_inputs(4)(active, rng), active)
    change = np.mean((states[-1] - states[0]) ** 2) / np.mean(states[-1] ** 2)
    return errors.drop(columns="layer").assign(nothing=float(change))


def digit_accuracy(
    stream_width: int, n_active: int, images: str, rng: np.random.Generator
) -> pd.DataFrame:
    """Balanced accuracy over all digit tasks (four passes each) with M = 2D; one row."""
    construction = ResidualConstruction(stream_width, 2 * stream_width)
    superposition = construction.compress(_digit_networks(), rng)
    which = np.tile(np.arange(N_TASKS), 4)
    shown = rng.integers(len(load_tasks().test_inputs), size=len(which))
    scores = superposed_scores(
        superposition, which, shown, n_active, rng, same_image=images == "same"
    )
    return pd.DataFrame({"balanced_accuracy": [scores.mean()], "passes": [len(which)]})


def digit_task_accuracy(
    first_task: int, n_active: int, images: str, rng: np.random.Generator
) -> pd.DataFrame:
    """Balanced accuracy of a few tasks in the chapter's one network, on every test image."""
    tasks = np.arange(first_task, first_task + _BLOCK)
    n_images = len(load_tasks().test_inputs)
    which, shown = np.repeat(tasks, n_images), np.tile(np.arange(n_images), _BLOCK)
    scores = superposed_scores(
        digits_superposition(), which, shown, n_active, rng, same_image=images == "same"
    )
    accuracy = scores.reshape(_BLOCK, n_images).mean(axis=1)
    return pd.DataFrame({"task": tasks, "balanced_accuracy": accuracy})


@cache
def digits_superposition() -> Superposition:
    """All 511 digit networks in the chapter's one large network."""
    rng = np.random.default_rng(DIGITS_NETWORK_SEED)
    return DIGITS_CONSTRUCTION.compress(_digit_networks(), rng)


@cache
def _digit_networks() -> ResidualCircuits:
    folder = _DATA if _DATA.exists() else Path("data")  # from the repository's root, or a chapter
    return load_circuits(folder / "digit_networks.npz")


def largest_loads(table: pd.DataFrame, tolerance: float) -> pd.DataFrame:
    """The T at which the error reaches `tolerance` times that of doing nothing, by width and seed.

    Read off a curve fitted to each seed's errors that never falls as T grows (isotonic, both on
    log scales). Where, for any seed, all T measured are beyond the tolerance, or none is, a width
    has no row for that number of layers: the mean of the seeds that are left would be biased.
    Columns: n_layers, stream_width, parameters (of the large network, per layer), seed, n_circuits.
    """
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


def growth_exponent(loads: pd.DataFrame) -> float:
    """s of the least-squares fit n_circuits ∝ parameters^s, over all widths and seeds."""
    fit = np.polyfit(np.log(loads["parameters"]), np.log(loads["n_circuits"]), 1)
    return float(fit[0])


def residual_parameters(stream_width: int) -> int:
    """Weights and biases of one layer of a residual network with M = 2D neurons."""
    return 2 * stream_width * 2 * stream_width + 2 * stream_width


def private_circuits(stream_width: int, n_neurons: int, width: int, small_neurons: int) -> int:
    """How many circuits fit side by side, with dimensions and neurons of their own.

    In a network of as many weights, D · M, at the split between dimensions and neurons that suits
    them best: d · n dimensions and m · n neurons for n circuits.
    """
    return math.isqrt(stream_width * n_neurons // (width * small_neurons))


def _claim_settings() -> list[Setting]:
    return [
        {"stream_width": width, "n_layers": layers, "n_circuits": int(n)}
        for width in (128, 192, 256, 384, 512, 768, 1024)
        for layers in (1, 2, 4)
        for n in np.geomspace(width**2 / 4000, width**2 / 150, 10).round()
    ]


_WAYS = [(1, "own"), (2, "own"), (2, "same"), (3, "own"), (3, "same")]

STUDIES = {
    "claim": Study(claim_error, _claim_settings(), n_seeds=3, seed=1),
    "digit_sizes": Study(
        digit_accuracy,
        [
            {"stream_width": width, "n_active": k, "images": images}
            # 170: as many parameters as the small networks; 3066: as many neurons
            for width in (170, 256, 384, 512, 768, 1024, 1536, 2048, 3066, 4096)
            for k, images in _WAYS
        ],
        n_seeds=3,
        seed=2,
    ),
    "digit_tasks": Study(
        digit_task_accuracy,
        [
            {"first_task": first, "n_active": k, "images": images}
            for k, images in _WAYS
            for first in range(0, N_TASKS, _BLOCK)
        ],
        n_seeds=1,
        seed=3,
    ),
}


def _main() -> None:
    parser = argparse.ArgumentParser(description="Regenerate one of the book's stored results.")
    parser.add_argument("name", choices=STUDIES)
    parser.add_argument("path", help="the table to write or complete (.csv)")
    parser.add_argument("--jobs", type=int, default=1, help="worker processes")
    options = parser.parse_args()
    STUDIES[options.name].run(options.path, name=options.name, n_jobs=options.jobs)


if __name__ == "__main__":
    _main()
