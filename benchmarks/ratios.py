"""Times of the published network beside those of what they are to be compared with."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits

from benchmarks import networks, published
from benchmarks.machine import blas_threads
from benchmarks.sizes import PUBLISHED_SECONDS, Sizes
from benchmarks.timing import Job, Ratio, alternate
from superposition import MLPConstruction, measure_error, sweep
from superposition._check import Floats

AIM_BUILD, AIM_RUN = 0.5, 1.15
AIM_MEASURE = {"float64": 80.0, "float32": 150.0}
N_RATIOS = 10  # of `network_ratios`
PUBLISHED = "the published code (earlier, elsewhere)"
_SAMPLES = 300  # of each measurement in the sweep


def network_ratios(sizes: Sizes) -> Iterator[Ratio]:
    """Building, running and measuring the published network, in either precision."""
    for dtype in (np.float64, np.float32):
        name = np.dtype(dtype).name
        times = alternate(_jobs(sizes, dtype), sizes.repeats)
        pairs: list[tuple[str, str, float | None]] = [
            ("building", "bare products", AIM_BUILD),
            ("naive building", "building", None),
            ("running", "bare products", AIM_RUN),
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
    return {
        "bare products": partial(_products, large.network.weights, state),
        "building": lambda: construction.compress(large.circuits, np.random.default_rng(0)),
        "naive building": lambda: published.build(*given),
        "running": lambda: large.network.run(state),
        "measuring": lambda: measure_error(large, 1, n, np.random.default_rng(0)),
        "naive measuring": lambda: published.measure(dense, inputs, active),
    }


def _products(weights: Sequence[Floats], state: Floats) -> None:
    """The matrix products of a forward pass, and nothing else."""
    for weight in weights:
        state = state @ weight.T


def sweep_ratios(sizes: Sizes) -> Iterator[Ratio]:
    """A sweep by two workers, against the same by one: with one BLAS thread, and with all."""

    def swept(n_jobs: int) -> pd.DataFrame:
        rng, settings = np.random.default_rng(0), [{"n": sizes.n_circuits, "width": sizes.width}]
        return sweep(_error, settings, sizes.n_sweep, rng, n_jobs=n_jobs, progress=False)

    def alone() -> None:
        with threadpool_limits(1):
            swept(1)

    in_two = int(swept(2)["threads"].max())
    jobs: dict[str, Job] = {"two": lambda: swept(2), "free": lambda: swept(1), "alone": alone}
    times = alternate(jobs, sizes.sweep_repeats)
    two = f"a sweep by two workers (BLAS threads in each: {in_two})"
    for name, threads in (("alone", "one thread"), ("free", f"threads: {blas_threads()}")):
        yield Ratio(f"a sweep by one worker (BLAS, {threads})", two, times[name], times["two"])


def _error(n: int, width: int, rng: np.random.Generator) -> pd.DataFrame:
    """Building and measuring, as for one point of a figure; how many threads BLAS had."""
    large = networks.published_network(n, width, np.float64)
    return measure_error(large, 1, _SAMPLES, rng).assign(threads=blas_threads())
