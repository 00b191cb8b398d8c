"""A million networks in one: each run through it, and what building it costs."""

from __future__ import annotations

import json
import os
import platform
import resource
import subprocess
import sys
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from itertools import pairwise
from pathlib import Path
from time import perf_counter, process_time

import numpy as np
import pandas as pd
from numpy.typing import DTypeLike
from tqdm import tqdm

from companion._study import Study, Tolerance, data
from superposition._check import Floats, Integers, instance, positive_int, whole_array
from superposition.circuits import MLPCircuits
from superposition.constructions import GatedConstruction
from superposition.maps import GATES, TwoCodes
from superposition.packings import smallest_plane
from superposition.results import atomic_write, read_table
from superposition.superposition import Superposition
from superposition.sweep import Setting

WIDTHS = (4, 4, 4)
N_CIRCUITS = (100, 1_000, 10_000, 100_000, 1_000_000)
NETWORK_SEED = 1009
SAMPLE = 2_000  # circuits looked at in double precision
ABOVE = 1e-4  # relative errors larger than that are counted
_RUN, _BATCH = 10_000, 1_000  # circuits in one run of the study, and in memory at once


def random_network(n_circuits: int, dtype: DTypeLike = np.float32) -> Superposition:
    """Compress random circuits of widths 4, 4, 4 into one gated network of that precision; r = 1.

    One seed draws the same circuits in either precision. Raises as `MLPCircuits.random` does.
    """
    rng = np.random.default_rng(NETWORK_SEED)
    circuits = MLPCircuits.random(n_circuits, WIDTHS, rng).astype(dtype)
    return GatedConstruction(redundancy=1).compress(circuits, rng)


def one_by_one(
    superposition: Superposition, which: Integers, rng: np.random.Generator
) -> pd.DataFrame:
    """Measure the errors of circuits `which`, (n,), each as the only active one, by layer 0 … L.

    Each circuit takes one input through the network's own steps between `embed` and `read`. The
    truth is the circuit by itself in float64. δ is the error of a state a. The table has a row for
    each layer, with these columns:

    circuits: the number n of circuits.
    mse: the mean of |δ|².
    square: the mean of |a|².
    worst: the largest |δ|.
    relative: the largest |δ| / |a| where a is not zero.
    circuit: the number of the circuit with that relative error.
    length: its |a|.
    above: the number of circuits with a relative error above 1e-4.
    above_length: the largest |a| of those circuits.
    zero: the number of circuits whose a is zero.
    path: the largest |δ| of any entry, divided by the largest |a| of any entry on the trajectory.
    others: the number of neurons above zero that hold other circuits' entries, in all runs.

    Raises TypeError for other superpositions, and ValueError for no circuits or numbers out of
    range.
    """
    instance("superposition", superposition, Superposition)
    instance("superposition.codes", superposition.codes, TwoCodes)
    which = whole_array("which", which, "circuits", {}, superposition.circuits.n_circuits)
    if not which.size:
        raise ValueError("which: wanted at least one circuit, got none")
    batches = np.split(which, np.arange(_BATCH, which.size, _BATCH))
    found = [_alone(superposition, batch, rng) for batch in batches]
    truth, error, others = (np.concatenate(parts, axis=1) for parts in zip(*found, strict=True))
    return pd.DataFrame(_rows(which, truth, error, others))


def _alone(
    superposition: Superposition, which: Integers, rng: np.random.Generator
) -> tuple[Floats, Floats, Integers]:
    """Return exact states and errors, (L+1, n, widest), zero-padded, and `others`, (L+1, n)."""
    circuits, active = superposition.circuits, which[:, None]
    inputs = circuits.default_inputs(active, rng).astype(circuits.dtype)
    few = circuits.take(which).astype(np.float64)
    exact = few.run(inputs, np.arange(which.size)[:, None])
    shape = (circuits.n_layers + 1, which.size, max(circuits.widths))
    truth, error, others = np.zeros(shape), np.zeros(shape), np.zeros(shape[:2], int)
    states = _states(superposition, superposition.embed(inputs, active))
    for layer, state in enumerate(states):
        width = circuits.widths[layer]
        truth[layer, :, :width] = exact[layer][:, 0]
        read = superposition.read(state, active, layer)[:, 0]
        error[layer, :, :width] = read - exact[layer][:, 0]
        others[layer] = _firing_elsewhere(superposition, state, which, layer)
    return truth, error, others


def _states(superposition: Superposition, state: Floats) -> Iterator[Floats]:
    yield state
    for layer in range(superposition.network.n_layers):
        state, _ = superposition.network.step(state, layer)
        yield state


def _firing_elsewhere(
    superposition: Superposition, state: Floats, which: Integers, layer: int
) -> Integers:
    """Count neurons (n,) above zero that hold entries, without those on the circuits' own slots."""
    code = superposition.read_maps[layer].code
    fires = state[:, : code.size - GATES * superposition.codes.n_slots] > 0
    own = code.slots[which, :-1].reshape(len(which), -1)
    return fires.sum(axis=1) - np.take_along_axis(fires, own, axis=1).sum(axis=1)


def _rows(
    which: Integers, truth: Floats, error: Floats, others: Integers
) -> Iterator[dict[str, float]]:
    longest = np.abs(truth).max(axis=(0, 2))
    for layer, (state, wrong) in enumerate(zip(truth, error, strict=True)):
        sizes, errors = np.linalg.norm(state, axis=1), np.linalg.norm(wrong, axis=1)
        relative = np.divide(errors, sizes, out=np.zeros(len(sizes)), where=sizes > 0)
        largest = int(relative.argmax())
        yield {
            "layer": layer,
            "circuits": len(which),
            "mse": float((errors**2).mean()),
            "square": float((sizes**2).mean()),
            "worst": float(errors.max()),
            "relative": float(relative[largest]),
            "circuit": int(which[largest]),
            "length": float(sizes[largest]),
            "above": int((relative > ABOVE).sum()),
            "above_length": float(sizes[relative > ABOVE].max(initial=0)),
            "zero": int((sizes == 0).sum()),
            "path": float((np.abs(wrong).max(axis=1) / longest).max()),
            "others": int(others[layer].sum()),
        }


def block_errors(n_circuits: int, block: int, rng: np.random.Generator) -> pd.DataFrame:
    """Measure `one_by_one` in float32 for block 0, 1 … of 10,000 circuits, or what is left."""
    last = min((block + 1) * _RUN, n_circuits)
    return _stored(_built(n_circuits, "float32"), np.arange(block * _RUN, last), rng)


def sample_errors(n_circuits: int, rng: np.random.Generator) -> pd.DataFrame:
    """Measure `one_by_one` in float64 for 2,000 random circuits, or for all if there are fewer."""
    which = rng.permutation(n_circuits)[:SAMPLE]
    return _stored(_built(n_circuits, "float64"), which, rng)


def _stored(
    superposition: Superposition, which: Integers, rng: np.random.Generator
) -> pd.DataFrame:
    table = one_by_one(superposition, which, rng)
    for name in table.select_dtypes("floating"):
        table[name] = [float(f"{value:.4g}") for value in table[name]]
    return table


@lru_cache(maxsize=1)  # runs of one size follow each other
def _built(n_circuits: int, dtype: str) -> Superposition:
    """Return `random_network`, and print how long it took to make."""
    start = perf_counter()
    superposition = random_network(n_circuits, dtype)
    took = perf_counter() - start
    width = max(superposition.network.widths)
    tqdm.write(f"{n_circuits:,} circuits in {width:,} neurons: made in {took:.1f} s", sys.stderr)
    return superposition


def stored(name: str) -> pd.DataFrame:
    """Return the study "million" or "million_double", with one row for each T and layer.

    The columns are `n_circuits`, `layer` and those of `one_by_one`, over all circuits together.
    Instead of mse and square, the table has `rms`: the root mean square of |δ|, divided by that of
    |a|.
    """
    table = read_table(data(f"{name}.csv"))[0]
    groups = table.groupby(["n_circuits", "layer"])
    return pd.DataFrame([_together(rows) for _, rows in groups])


def _together(rows: pd.DataFrame) -> dict[str, float]:
    squares = [(rows[name] * rows["circuits"]).sum() for name in ("mse", "square")]
    worst = rows.loc[rows["relative"].idxmax()]
    first = rows.iloc[0]
    return {
        "n_circuits": int(first["n_circuits"]),
        "layer": int(first["layer"]),
        "circuits": int(rows["circuits"].sum()),
        "rms": float(np.sqrt(squares[0] / squares[1])),
        **{name: float(rows[name].max()) for name in ("worst", "path")},
        **{name: float(worst[name]) for name in ("relative", "length")},
        "circuit": int(worst["circuit"]),
        "above_length": float(rows["above_length"].max()),
        **{name: int(rows[name].sum()) for name in ("above", "zero", "others")},
    }


def sizes(n_circuits: Sequence[int]) -> pd.DataFrame:
    """Return the sizes of T circuits of widths 4, 4, 4, and of networks that hold them.

    The table has a row for each T. `prime` is that of the smallest plane, and `small` counts the
    parameters of all circuits together. `width` and `gated` are the neurons of a layer and the
    parameters of gated superposition with r = 1. `private` and `dense` are those of an ordinary
    network with private neurons, zeros included. Raises TypeError or ValueError for numbers that
    are not whole or below 1.
    """
    rows = []
    for number in n_circuits:
        n = positive_int("n_circuits", number)
        prime = smallest_plane(n, 2)
        width, private = prime * (max(WIDTHS) + GATES), n * max(WIDTHS)
        row = {"n_circuits": n, "prime": prime, "small": n * _parameters(WIDTHS)}
        row |= {"width": width, "gated": _parameters([width] * len(WIDTHS))}
        row |= {"private": private, "dense": _parameters([private] * len(WIDTHS))}
        rows.append(row)
    return pd.DataFrame(rows)


def _parameters(widths: Sequence[int]) -> int:
    """Count the weights and biases of an MLP."""
    return sum(after * (before + 1) for before, after in pairwise(widths))


def _settings() -> list[Setting]:
    return [{"n_circuits": n, "block": block} for n in N_CIRCUITS for block in range(-(-n // _RUN))]


# Which circuit has the largest relative error is chance, and so is what is said of it.
_CHANCE = dict.fromkeys(("circuit", "length", "above", "above_length"), np.inf)
_ROUNDING = Tolerance(factors={"mse": 2.5, "worst": 2.5, "path": 2.5, "relative": 30.0, **_CHANCE})
_SIZES: list[Setting] = [{"n_circuits": n} for n in N_CIRCUITS]
STUDIES = {
    "million": Study(block_errors, _settings, 1, 1_000_000, tolerance=_ROUNDING),
    "million_double": Study(sample_errors, _SIZES, 1, 2_000_000, tolerance=_ROUNDING),
}

BUILD_CIRCUITS = (10_000, 100_000, 1_000_000)
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


def measure(path: str | Path, sizes: tuple[int, ...] = BUILD_CIRCUITS) -> pd.DataFrame:
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
    code = "import json; from companion import million; print(json.dumps(million.build_cost({})))"
    command = [sys.executable, "-c", code.format(n_circuits)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return json.loads(done.stdout)


def _header() -> dict[str, str]:
    return {
        "command": "python -m companion million_build book/data/million_build.csv",
        "date": f"{datetime.now(UTC):%Y-%m-%d}",
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, {platform.system()}",
        "versions": f"python {platform.python_version()}, numpy {np.__version__}",
    }


MADE = {"million_build": measure}
