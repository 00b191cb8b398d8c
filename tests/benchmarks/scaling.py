"""Time and memory of building, against how many circuits there are."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from tests.benchmarks import child
from tests.benchmarks.sizes import Sizes, Task


@dataclass(frozen=True)
class Point:
    """What one task took.

    task:     what was measured.
    seconds:  shortest of a few runs.
    traced:   bytes of arrays at the peak of one run.
    resident: bytes of the process at its peak, beyond its imports.
    """

    task: Task
    seconds: float
    traced: float
    resident: float


@dataclass(frozen=True)
class Exponent:
    """s of the least-squares fit y ∝ T^s on log scales.

    slope:     s.
    low, high: its 95 % interval, if what is left is Gaussian.
    last:      s between the two largest sizes alone.
    """

    slope: float
    low: float
    high: float
    last: float


def points(sizes: Sizes) -> Iterator[Point]:
    """What each task took, in the order of `tasks`; each in a process of its own unless together.

    Raises RuntimeError where a process fails.
    """
    take = child.here if sizes.together else child.measure
    for task in tasks(sizes):
        for found in take([task]):
            yield Point(task, **found)


def tasks(sizes: Sizes) -> list[Task]:
    """All tasks: those of the series, then those whose memory alone is asked for."""
    series = [task for group in sizes.series.values() for task in group]
    return [*series, *memory_tasks(sizes).values()]


def memory_tasks(sizes: Sizes) -> dict[str, Task]:
    """Measuring the published network once, here and naively, in either precision."""
    names = [
        f"{way}, {d}" for d in ("float64", "float32") for way in ("measuring", "naive measuring")
    ]
    return {name: Task(name, sizes.n_circuits, sizes.width, 0.0) for name in names}


def exponent(n_circuits: Sequence[int], values: Sequence[float]) -> Exponent:
    """The exponent with which `values` grow. Raises ValueError for fewer than three of them."""
    if len(values) < 3 or len(values) != len(n_circuits):
        raise ValueError(
            f"values: wanted at least 3, one for each size, got {len(values)} of {len(n_circuits)}"
        )
    x, y = np.log(n_circuits), np.log(values)
    fit = stats.linregress(x, y)
    slope = float(fit.slope)
    margin = float(stats.t.ppf(0.975, len(x) - 2) * fit.stderr)
    return Exponent(slope, slope - margin, slope + margin, float(np.diff(y)[-1] / np.diff(x)[-1]))
