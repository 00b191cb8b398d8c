"""Times of the published network beside those of what they are to be compared with."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial

import numpy as np
import pandas as pd

from superposition import MLPConstruction, measure_error, sweep
from superposition._check import Floats
from tests.benchmarks import networks, published
from tests.benchmarks.machine import blas_threads
from tests.benchmarks.sizes import PUBLISHED_SECONDS, Sizes
from tests.benchmarks.timing import Job, Ratio, alternate

AIM_BUILD, AIM_RUN = 0.5, 1.15
AIM_MEASURE = {"float64": 80.0, "float32": 150.0}
N_RATIOS = 13  # of `all_ratios`
PUBLISHED = "the published code (earlier, elsewhere)"
_SAMPLES = 300  # of each measurement in the sweep


def all_ratios(sizes: Sizes) -> Iterator[Ratio]:
    """Those of one network in either precision, then that of workers."""
    yield from network_ratios(sizes)
    yield sweep_ratio(sizes)


def network_ratios(sizes: Sizes) -> Iterator[Ratio]:
    """Building, running and measuring the published network, in either precision."""
    for dtype in (np.float64, np.float32):
        name = np.dtype(dtype).name
        times = alternate(_jobs(sizes, dtype), sizes.repeats)
        pairs: list[tuple[str, str, float | None]] = [
            ("building", "bare products", AIM_BUILD),
            ("naive building", "building", None),
            ("running", "bare products", AIM_RUN),
            ("running, factored", "running", None),
            ("naive measuring", "measuring", None),
        ]
        for what, over, aim in pairs:
            labels = f"{what}, {name}", f"{over}, {name}"
            yield Ratio(*labels, times[what], times[over], at_most=aim)
        labels = PUBLISHED, f"measuring, {name}"
        yield Ratio(*labels, PUBLISHED_SECONDS, times["measuring"], at_least=AIM_MEASURE[name])


def _jobs(sizes: Sizes, dtype: type[np.floating]) -> dict[str, Job]:
    """All that is timed in one precision, by name; each run does all of it afresh."""
    n = sizes.n_circuits
    large = networks.published_network(n, sizes.width, dtype)
    construction: MLPConstruction = large.construction
    given, (inputs, active) = networks.given(large), networks.samples(large, n)
    dense, state = published.build(*given), large.embed(inputs, active)
    factors = large.in_factors().network
    return {
        "bare products": partial(_products, large.network.weights, state),
        "building": lambda: construction.compress(large.circuits, np.random.default_rng(0)),
        "naive building": lambda: published.build(*given),
        "running": lambda: large.network.run(state),
        "running, factored": lambda: factors.run(state),
        "measuring": lambda: measure_error(large, 1, n, np.random.default_rng(0)),
        "naive measuring": lambda: published.measure(dense, inputs, active),
    }


def _products(weights: Sequence[Floats], state: Floats) -> None:
    """The matrix products of a forward pass, and nothing else."""
    for weight in weights:
        state = state @ weight.T


def sweep_ratio(sizes: Sizes) -> Ratio:
    """A sweep by one worker, against the same by two."""
    tables: dict[str, pd.DataFrame] = {}

    def swept(name: str, n_jobs: int) -> None:
        rng, settings = np.random.default_rng(0), [{"n": sizes.n_circuits, "width": sizes.width}]
        tables[name] = sweep(_error, settings, sizes.n_sweep, rng, n_jobs=n_jobs, progress=False)

    jobs: dict[str, Job] = {"one": partial(swept, "one", 1), "two": partial(swept, "two", 2)}
    times = alternate(jobs, sizes.sweep_repeats)
    one, two = (_threads(tables[name]) for name in ("one", "two"))
    what, over = f"a sweep by one worker ({one})", f"a sweep by two workers ({two} in each)"
    return Ratio(what, over, times["one"], times["two"])


def _threads(table: pd.DataFrame) -> str:
    """Most BLAS threads that a measurement found."""
    most = int(table["threads"].max())
    return f"{most} BLAS thread{'s' if most > 1 else ''}"


def _error(n: int, width: int, rng: np.random.Generator) -> pd.DataFrame:
    """Building and measuring, as for one point of a figure; how many threads BLAS had."""
    large = networks.published_network(n, width, np.float64)
    return measure_error(large, 1, _SAMPLES, rng).assign(threads=blas_threads())
