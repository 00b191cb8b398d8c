"""This measures once how long a network of a million takes to make, and in how much memory.

`python -m superposition.million_build book/data/million_build.csv` makes networks of 10,000,
100,000 and 1,000,000 circuits, each three times in a process of its own. The numbers are those of
one machine on one day, which the file names. No test compares them with another machine.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from time import perf_counter, process_time

import numpy as np
import pandas as pd
from tqdm import tqdm

from superposition._check import positive_int
from superposition._files import atomic_write
from superposition.circuits import MLPCircuits
from superposition.constructions import GatedConstruction
from superposition.million import NETWORK_SEED, WIDTHS
from superposition.study import data

N_CIRCUITS = (10_000, 100_000, 1_000_000)
_TIMES = 3


def build_cost(n_circuits: int) -> dict[str, float]:
    """Draw so many circuits in float32, compress them into a network, and measure the cost.

    `width` is the number of neurons in a layer. `draw` is the time in seconds to draw the circuits,
    `layer` the time for each layer of the network, codes and gates included, and `cpu` the part of
    it that this process spent. `peak` is the most memory in megabytes, Python and the libraries
    included.
    """
    rng = np.random.default_rng(NETWORK_SEED)
    start = perf_counter()
    circuits = MLPCircuits.random(n_circuits, WIDTHS, rng).astype(np.float32)
    drawn, before = perf_counter(), process_time()
    network = GatedConstruction(redundancy=1).compress(circuits, rng).network
    done, after = perf_counter(), process_time()
    return {
        "n_circuits": n_circuits,
        "width": max(network.widths),
        "draw": drawn - start,
        "layer": (done - drawn) / network.n_layers,
        "cpu": (after - before) / network.n_layers,
        "peak": _peak() / 1e6,
    }


def measure(path: str | Path, sizes: tuple[int, ...] = N_CIRCUITS) -> pd.DataFrame:
    """Measure `build_cost` of all sizes in fresh processes; write the best of three to `path`."""
    runs = [n for n in sizes for _ in range(_TIMES)]
    found = pd.DataFrame([_apart(n) for n in tqdm(runs, unit="network")])
    table = found.groupby("n_circuits", sort=False).min().reset_index()
    with atomic_write(path) as out:
        text = "".join(f"# {name}: {value}\n" for name, value in _header().items())
        out.write((text + table.to_csv(index=False, float_format="%.4g")).encode())
    return table


def build_table() -> tuple[pd.DataFrame, dict[str, str]]:
    """Return the stored table and its header: command, date, machine, versions."""
    path = data("million_build.csv")
    lines = [line for line in path.read_text().splitlines() if line.startswith("# ")]
    header = dict(line[2:].split(": ", 1) for line in lines)
    return pd.read_csv(path, skiprows=len(lines)), header


def _peak() -> float:
    """Return the most memory this process has had, in bytes."""
    status = Path("/proc/self/status")
    if status.exists():  # Linux counts what the process that started this one had, too, below
        words = status.read_text().split()
        return 1024 * float(words[words.index("VmHWM:") + 1])
    return float(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)  # macOS: in bytes


def _apart(n_circuits: int) -> dict[str, float]:
    command = [sys.executable, "-m", "superposition.million_build", "--one", str(n_circuits)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return json.loads(done.stdout)


def _header() -> dict[str, str]:
    return {
        "command": "python -m superposition.million_build book/data/million_build.csv",
        "date": f"{datetime.now(UTC):%Y-%m-%d}",
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, {platform.system()}",
        "versions": f"python {platform.python_version()}, numpy {np.__version__}",
    }


def _main() -> None:
    parser = argparse.ArgumentParser(description="How long a network of a million takes to make.")
    parser.add_argument("path", nargs="?", help="the table to write (.csv)")
    parser.add_argument("--one", type=int, help="print one size's cost as JSON instead")
    options = parser.parse_args()
    if options.one is not None:
        print(json.dumps(build_cost(positive_int("one", options.one))))
    elif options.path is not None:
        measure(options.path)
    else:
        parser.error("wanted a path, or --one with a number of circuits")


if __name__ == "__main__":
    _main()
