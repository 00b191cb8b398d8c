"""Stored rows, computed afresh: `python -m tests.recompute` picks among all rows of all tables.

A run of a table is what one generator makes: the rows of one setting and seed number.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import tomllib
from collections.abc import Iterator, Sequence
from contextlib import suppress
from importlib.util import find_spec
from itertools import chain, zip_longest
from pathlib import Path
from time import process_time
from typing import NamedTuple

import numpy as np
import pandas as pd

from companion.__main__ import studies
from superposition.results import read_table
from superposition.sweep import Setting

ROOT = Path(__file__).parents[1]
STUDIES = studies()
COSTS = tomllib.loads((ROOT / "tests/recompute.toml").read_text(encoding="utf-8"))
SEED = "RECOMPUTE_SEED"  # the environment's variable that chooses the sample


class Run(NamedTuple):
    """One setting and seed number of a table, and about how long it takes."""

    name: str
    setting: Setting
    seed: int
    seconds: float


def default_seed() -> int:
    """The number in `RECOMPUTE_SEED`, else one made from the commit, else 0."""
    if given := os.environ.get(SEED):
        return int(given)
    git = ["git", "-C", str(ROOT), "rev-parse", "HEAD"]
    with suppress(OSError, subprocess.CalledProcessError):
        return int(subprocess.check_output(git, stderr=subprocess.DEVNULL)[:8], 16)
    return 0


def shuffled(name: str, seed: int) -> list[Run]:
    """All runs of a table that can be computed here, in an order that the seed draws."""
    study = STUDIES[name]
    costs = pd.DataFrame(study.settings).eval(COSTS.get(name, COSTS["others"]))
    costs = np.broadcast_to(costs, len(study.settings)).tolist()
    settings = list(zip(study.settings, costs, strict=True))
    runs = [Run(name, s, n, cost) for s, cost in settings for n in range(study.n_seeds)]
    if find_spec("torch") is None:  # an extra
        runs = [run for run in runs if run.setting.get("method") != "sparse autoencoder"]
    order = np.random.default_rng([seed, *name.encode()]).permutation(len(runs))
    return [runs[i] for i in order]


def sample(names: Sequence[str], seed: int, seconds: float, dearest: float) -> Iterator[Run]:
    """Yield a run of each table in turn, until they take so many seconds together.

    dearest: runs that take longer by themselves are left out.
    """
    for run in chain.from_iterable(zip_longest(*(shuffled(name, seed) for name in names))):
        if run and run.seconds <= dearest and seconds > 0:
            seconds -= run.seconds
            yield run


def stored(name: str) -> pd.DataFrame:
    """The table of a study as it is stored."""
    return read_table(ROOT / f"book/data/{name}.csv")[0]


def main(arguments: Sequence[str] | None = None) -> int:
    """Recompute a sample of rows, no run of which takes more than a quarter of the time.

    Prints how far the rows are off. Returns 1 if any is beyond its table's tolerance, else 0.
    """
    parser = argparse.ArgumentParser(prog="python -m tests.recompute", description=main.__doc__)
    parser.add_argument("names", nargs="*", help="tables, such as claim (default: all)")
    parser.add_argument("--seconds", type=float, default=600, help="of work (default: 600)")
    parser.add_argument("--seed", type=int, default=default_seed(), help="(default: the commit's)")
    options = parser.parse_args(arguments)
    if unknown := set(options.names) - set(STUDIES):
        parser.error(f"names: wanted some of {sorted(STUDIES)}, got {sorted(unknown)}")
    print(f"seed {options.seed}")
    names, found = options.names or list(STUDIES), []
    for run in sample(names, options.seed, options.seconds, options.seconds / 4):
        begun = process_time()
        off = STUDIES[run.name].deviations(*run[1:3], stored(run.name))
        took = process_time() - begun
        found.append({"table": run.name, "runs": 1, "seconds": took, "deviation": off.max()})
        print("red" if off.max() > 1 else "ok", *run[:3], f"{took:.1f} s", off.idxmax(), flush=True)
    how = {"runs": "sum", "seconds": "sum", "deviation": "max"}
    table = pd.DataFrame(found).groupby("table", sort=False).agg(how)
    print(table.assign(passes=table["deviation"] <= 1).to_string(float_format="{:.2g}".format))
    return int((table["deviation"] > 1).any())


if __name__ == "__main__":
    raise SystemExit(main())
