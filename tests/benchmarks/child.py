"""One measurement in a fresh process, so that its peak of memory is its own.

`python -m tests.benchmarks.child TASKS` prints one JSON object for each task of a JSON list.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict
from functools import partial
from pathlib import Path

import numpy as np

from superposition import GatedConstruction, MLPCircuits, MLPConstruction, measure_error
from superposition.circuits import rotation_circuits
from tests.benchmarks import networks, published
from tests.benchmarks.sizes import REDUNDANCY, Task
from tests.benchmarks.timing import Job, resident_peak, seconds, traced_peak

Results = dict[str, float]
_MOST_RUNS = 5


def measure(tasks: Iterable[Task]) -> list[Results]:
    """What `here` finds of each task, in one new process.

    Raises RuntimeError, with what the process said, where it fails.
    """
    argument = json.dumps([asdict(task) for task in tasks])
    command = [sys.executable, "-m", "tests.benchmarks.child", argument]
    root = Path(__file__).parents[2]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"benchmarks.child: wanted results, got {done.stderr}")
    return [json.loads(line) for line in done.stdout.splitlines()]


def here(tasks: Iterable[Task]) -> Iterator[Results]:
    """The same, measured in this process.

    seconds: the shortest of a few runs; traced, resident: peaks in bytes. traced is of NumPy's
    arrays and Python's objects in one run, beyond those there before, and resident of the process,
    beyond what it had ever taken before the first task: circuits, networks and all.
    """
    before = resident_peak()
    for task in tasks:
        yield _measured(task, before)


def _measured(task: Task, resident_before: int) -> Results:
    job = KINDS[task.kind](task)
    taken = [seconds(job), seconds(job)]  # the system's first pages may be slow to come
    while sum(taken) < task.seconds and len(taken) < _MOST_RUNS:
        taken.append(seconds(job))
    resident = resident_peak() - resident_before
    return {"seconds": min(taken), "traced": traced_peak(job), "resident": resident}


def _gated(task: Task, redundancy: int, quiet: bool) -> Job:
    """Building two layers of width 4 with every point of a plane in use, in float32."""
    rng = np.random.default_rng(task.n_circuits)
    circuits = MLPCircuits.random(task.n_circuits, [4, 4, 4], rng).astype(np.float32)
    construction = GatedConstruction(redundancy=redundancy, quiet=quiet)
    return lambda: construction.compress(circuits, np.random.default_rng(0))


def _sequel(task: Task) -> Job:
    """Building two layers of conditional rotations, in float32."""
    rng = np.random.default_rng(task.n_circuits)
    circuits = rotation_circuits(task.n_circuits, 2, rng).astype(np.float32)
    construction = MLPConstruction(task.width, REDUNDANCY)
    return lambda: construction.compress(circuits, np.random.default_rng(0))


def _measuring(task: Task, dtype: type[np.floating]) -> Job:
    """`measure_error` of the published network with as many inputs as circuits."""
    large = networks.published_network(task.n_circuits, task.width, dtype)
    return lambda: measure_error(large, 1, task.n_circuits, np.random.default_rng(0))


def _naive(task: Task, dtype: type[np.floating]) -> Job:
    """The same by dense products. What both need at the door is built before."""
    large = networks.published_network(task.n_circuits, task.width, dtype)
    inputs, active = networks.samples(large, task.n_circuits)
    dense = published.build(*networks.given(large))
    return lambda: published.measure(dense, inputs, active)


KINDS: dict[str, Callable[[Task], Job]] = {
    "gated": partial(_gated, redundancy=1, quiet=False),
    "quiet": partial(_gated, redundancy=3, quiet=True),
    "sequel": _sequel,
    "measuring, float64": partial(_measuring, dtype=np.float64),
    "measuring, float32": partial(_measuring, dtype=np.float32),
    "naive measuring, float64": partial(_naive, dtype=np.float64),
    "naive measuring, float32": partial(_naive, dtype=np.float32),
}

if __name__ == "__main__":
    for results in here(Task(**task) for task in json.loads(sys.argv[1])):
        print(json.dumps(results))
