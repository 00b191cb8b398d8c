"""The book's stored results tell what was measured, at which settings, from which seed.

`python -m superposition.studies NAME book/data/NAME.csv` regenerates one of them. An interrupted
run continues where it stopped. A test recomputes a sample of each table's rows.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

import joblib
import numpy as np
import pandas as pd

from superposition.baseline_studies import BASELINE_STUDIES
from superposition.boolean_studies import BOOLEAN_STUDIES
from superposition.certificate_studies import CERTIFICATE_STUDIES
from superposition.chain_studies import CHAIN_STUDIES
from superposition.circuits import ResidualCircuits
from superposition.constructions import ResidualConstruction, ResidualSuperposition
from superposition.digits import N_TASKS, load_circuits, load_tasks, small_scores, superposed_scores
from superposition.error_studies import ERROR_STUDIES
from superposition.fits import private_circuits, residual_parameters
from superposition.gated_studies import GATED_STUDIES
from superposition.measure import doing_nothing, measure_error
from superposition.million import MILLION_STUDIES
from superposition.rotation_studies import ROTATION_STUDIES
from superposition.scoreboard_studies import SCOREBOARD_STUDIES
from superposition.seizure_studies import SEIZURE_STUDIES
from superposition.study import Study, data
from superposition.sweep import Setting, read_table

# The claim (chapter *Introduction*)


def claim_error(
    stream_width: int, n_layers: int, n_circuits: int, rng: np.random.Generator
) -> pd.DataFrame:
    """Measure the error after the last layer of T random circuits, of which one is active.

    The sizes are M = 2D, d = 4 and m = 8. The T at which errors reach a limit is the subject of
    (eq-claim). The table has one row. `nothing` is the relative_mse of `doing_nothing`.
    """
    circuits = ResidualCircuits.random(n_circuits, 4, 8, n_layers, rng).astype(np.float32)
    construction = ResidualConstruction(stream_width, 2 * stream_width)
    errors = measure_error(construction.compress(circuits, rng), 1, 300, rng).tail(1)
    change = doing_nothing(circuits, 1000, rng)[-1]
    return errors.drop(columns="layer").assign(nothing=change)


def _claim_settings() -> list[Setting]:
    return [
        {"stream_width": width, "n_layers": layers, "n_circuits": int(n)}
        for width in (128, 192, 256, 384, 512, 768, 1024)
        for layers in (1, 2, 4)
        for n in np.geomspace(width**2 / 4000, width**2 / 150, 10).round()
    ]


CLAIM_STUDIES = {"claim": Study(claim_error, _claim_settings, n_seeds=3, seed=1)}

# The digits (chapter *It works on real networks*)

# The chapter's one large network: fewer neurons than the small networks have together, everything
# else the construction's defaults.
DIGITS_CONSTRUCTION = ResidualConstruction(stream_width=2048, n_neurons=4096)
DIGITS_NETWORK_SEED = 20241014
_BLOCK = 7  # tasks measured in one run of the study "digit_tasks"
_WAYS = [(1, "own"), (2, "own"), (2, "same"), (3, "own"), (3, "same")]


def digit_accuracy(
    stream_width: int, n_active: int, images: str, rng: np.random.Generator
) -> pd.DataFrame:
    """Measure balanced accuracy over all digit tasks, four passes each, with M = 2D; one row."""
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
    """Measure balanced accuracy of a few tasks in the chapter's network, on every test image."""
    tasks = np.arange(first_task, first_task + _BLOCK)
    n_images = len(load_tasks().test_inputs)
    which, shown = np.repeat(tasks, n_images), np.tile(np.arange(n_images), _BLOCK)
    scores = superposed_scores(
        digits_superposition(), which, shown, n_active, rng, same_image=images == "same"
    )
    accuracy = scores.reshape(_BLOCK, n_images).mean(axis=1)
    return pd.DataFrame({"task": tasks, "balanced_accuracy": accuracy})


@cache
def digits_superposition() -> ResidualSuperposition:
    """Return all 511 digit networks in the chapter's one large network."""
    rng = np.random.default_rng(DIGITS_NETWORK_SEED)
    return DIGITS_CONSTRUCTION.compress(_digit_networks(), rng)


def digit_scores() -> pd.DataFrame:
    """Return the balanced accuracy of each task, one active at a time.

    `alone` is that of the small network, and `in_one` that inside the one large network.
    """
    table = read_table(data("digit_tasks.csv"))[0].query("n_active == 1").sort_values("task")
    in_one = table["balanced_accuracy"].to_numpy()
    return pd.DataFrame({"alone": small_scores(_digit_networks()).mean(axis=1), "in_one": in_one})


def digits_summary() -> dict[str, float]:
    """Summarise what the one network keeps and what it costs.

    `kept_1`, `kept_2` and `kept_3` are percentages of the accuracy above guessing, with one, two or
    three tasks active. `n_private` is the number of tasks whose networks would fit side by side
    into as many weights.
    """
    networks, large = _digit_networks(), DIGITS_CONSTRUCTION
    alone = digit_scores()["alone"].mean() - 0.5
    table = read_table(data("digit_tasks.csv"))[0].query("images == 'own'")
    above_guessing = table.groupby("n_active")["balanced_accuracy"].mean() - 0.5
    parameters = networks.n_layers * residual_parameters(large.stream_width)
    return {
        **{f"kept_{k}": 100 * above_guessing[k] / alone for k in (1, 2, 3)},
        "small_neurons": networks.n_circuits * networks.n_neurons,
        "large_neurons": large.n_neurons,
        "parameter_ratio": parameters / networks.n_parameters,
        "n_private": private_circuits(
            large.stream_width, large.n_neurons, networks.width, networks.n_neurons
        ),
    }


def private_digits(stream_widths: list[int]) -> pd.DataFrame:
    """Return the mean accuracy of networks with M = 2D whose circuits lie side by side.

    Tasks without room are guessed. The table has the columns `size` (D · M) and
    `balanced_accuracy`.
    """
    networks, alone = _digit_networks(), digit_scores()["alone"].mean()
    rows = []
    for width in stream_widths:
        n = private_circuits(width, 2 * width, networks.width, networks.n_neurons)
        share = min(n / networks.n_circuits, 1)
        rows.append([2 * width**2, 0.5 + share * (alone - 0.5)])
    return pd.DataFrame(rows, columns=["size", "balanced_accuracy"])


def parity_width() -> int:
    """Return the largest D at which a network (M = 2D) has no more parameters than the digits'."""
    networks, width = _digit_networks(), 1
    while networks.n_layers * residual_parameters(width + 1) <= networks.n_parameters:
        width += 1
    return width


@cache
def _digit_networks() -> ResidualCircuits:
    return load_circuits(data("digit_networks.npz"))


DIGIT_STUDIES = {
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

# The command line

_PATIENCE = "10s"  # for a scheduler to answer

STUDIES = {
    **CLAIM_STUDIES,
    **DIGIT_STUDIES,
    **BASELINE_STUDIES,
    **BOOLEAN_STUDIES,
    **CHAIN_STUDIES,
    **ERROR_STUDIES,
    **GATED_STUDIES,
    **CERTIFICATE_STUDIES,
    **MILLION_STUDIES,
    **ROTATION_STUDIES,
    **SCOREBOARD_STUDIES,
    **SEIZURE_STUDIES,
}


@contextmanager
def _cluster(scheduler: str | None) -> Iterator[None]:
    """Run sweeps inside on the Dask cluster of the scheduler at this address, if one is given."""
    if scheduler is None:
        yield
        return
    from distributed import Client  # an extra: installed only where there is a cluster

    try:
        client = Client(scheduler, timeout=_PATIENCE)
    except OSError as error:
        text = f"scheduler: wanted a Dask scheduler, got none at {scheduler}: {error}"
        raise OSError(text) from error
    with client, joblib.parallel_config("dask", client=client):
        yield


def _main() -> None:
    parser = argparse.ArgumentParser(description="Regenerate one of the book's stored results.")
    parser.add_argument("name", choices=STUDIES)
    parser.add_argument("path", help="the table to write or complete (.csv)")
    where = parser.add_mutually_exclusive_group()
    where.add_argument("--jobs", type=int, help="worker processes on this machine (default: 1)")
    where.add_argument(
        "--scheduler",
        metavar="ADDRESS",
        help="compute on the Dask cluster of this scheduler, such as tcp://192.0.2.1:8786; needs "
        "the package distributed",
    )
    options = parser.parse_args()
    with _cluster(options.scheduler):
        STUDIES[options.name].run(options.path, name=options.name, n_jobs=options.jobs)


if __name__ == "__main__":
    _main()
