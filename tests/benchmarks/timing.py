"""Times taken alternately, and peaks of memory."""

from __future__ import annotations

import resource
import sys
import timeit
import tracemalloc
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import numpy as np

from superposition._check import positive_int

Job = Callable[[], object]


@dataclass(frozen=True)
class Ratio:
    """Times of one thing beside those of another, both in seconds.

    what, over:           what is compared with what.
    seconds, over_seconds: times of repeats, in the order in which they were taken.
    at_most, at_least:    the aim, if there is one, on the ratio of minima.
    """

    what: str
    over: str
    seconds: tuple[float, ...]
    over_seconds: tuple[float, ...]
    at_most: float | None = None
    at_least: float | None = None

    @property
    def of_minima(self) -> float:
        """Shortest time over shortest time: what is least disturbed."""
        return min(self.seconds) / min(self.over_seconds)

    @property
    def of_medians(self) -> float:
        """Median over median."""
        return median(self.seconds) / median(self.over_seconds)

    @property
    def aim(self) -> str:
        """The aim as text."""
        if self.at_most is not None:
            return f"≤ {self.at_most:g}"
        return "" if self.at_least is None else f"≥ {self.at_least:g}"

    @property
    def met(self) -> str:
        """Whether the ratio of minima is as aimed at: yes, no, or nothing without an aim."""
        if not self.aim:
            return ""
        high, low = self.at_most, self.at_least
        within = (high is None or self.of_minima <= high) and (low is None or self.of_minima >= low)
        return "yes" if within else "no"


def alternate(jobs: Mapping[str, Job], repeats: int) -> dict[str, tuple[float, ...]]:
    """Seconds of each job, by name: all of them in turn, `repeats` times, after one round to warm.

    Whatever disturbs the machine for a while so disturbs all of them. Each round has another order
    (always the same ones): what a job leaves behind, in the cache or asleep, is not always met by
    the same other. Raises ValueError for no repeats.
    """
    positive_int("repeats", repeats)
    times: dict[str, list[float]] = {name: [] for name in jobs}
    for job in jobs.values():
        job()
    shuffled = np.random.default_rng(0).permuted([list(jobs)] * repeats, axis=1)
    for name in shuffled.ravel().tolist():
        times[name].append(seconds(jobs[name]))
    return {name: tuple(taken) for name, taken in times.items()}


def seconds(job: Job) -> float:
    """How long one run takes, without the garbage collector."""
    return timeit.Timer(job).timeit(1)


def traced_peak(job: Job) -> int:
    """Most bytes of arrays and objects at once during one run: only what it makes is traced."""
    tracemalloc.start()
    try:
        job()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def resident_peak() -> int:
    """Most bytes of memory that this process ever had: VmHWM on Linux, elsewhere ru_maxrss.

    Linux's ru_maxrss begins at what the process that started this one had.
    """
    status = Path("/proc/self/status")
    lines = status.read_text(encoding="utf-8").splitlines() if status.exists() else []
    for line in lines:
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
