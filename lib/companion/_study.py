"""Stored results: one measurement at stated settings, from one seed, and where its table lies."""

from __future__ import annotations

import platform
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from importlib.metadata import version
from pathlib import Path
from typing import SupportsFloat

import numpy as np
import pandas as pd
import scipy

from superposition.sweep import Setting, one_thread, setting_rng, sweep

_DATA = Path("book/data")


@dataclass(frozen=True)
class Study:
    """A study is one stored table: `measure(**setting, rng)` for all settings and seeds.

    All generators come from the one `seed`. `drawn` holds the settings, or a function that draws
    them when they are first needed. `packages` are those besides NumPy and SciPy on whose versions
    the results depend.
    """

    measure: Callable[..., pd.DataFrame]
    drawn: list[Setting] | Callable[[], list[Setting]]
    n_seeds: int
    seed: int
    packages: tuple[str, ...] = ()

    @cached_property
    def settings(self) -> list[Setting]:
        """Return the settings in order, each with the arguments of `measure` by name."""
        return self.drawn() if callable(self.drawn) else self.drawn

    def run(self, path: str | Path, *, name: str, n_jobs: int | None = None) -> pd.DataFrame:
        """Return the whole table, and continue from what `path` holds already.

        Raises as `sweep` does.
        """
        header = {
            "command": f"python -m companion {name} book/data/{name}.csv",
            "seed": str(self.seed),
            "versions": f"python {platform.python_version()}, numpy {np.__version__}, "
            f"scipy {scipy.__version__}"
            + "".join(f", {name} {version(name)}" for name in self.packages),
        }
        rng = np.random.default_rng(self.seed)
        return sweep(
            self.measure, self.settings, self.n_seeds, rng, path=path, n_jobs=n_jobs, header=header
        )

    def rng(self, setting: Setting, seed: int) -> np.random.Generator:
        """Return the generator with which the run of one setting and seed number starts."""
        words = np.random.default_rng(self.seed).integers(2**32, size=4)
        return setting_rng([int(w) for w in words], setting, seed)

    def recompute(self, setting: Setting, seed: int) -> pd.DataFrame:
        """Compute the rows of one setting and seed number afresh, as `sweep` computes them."""
        with one_thread:
            return self.measure(**setting, rng=self.rng(setting, seed))


def data(name: str) -> Path:
    """Return the path of a stored file, seen from the repository's root or from a chapter."""
    return (_DATA if _DATA.exists() else Path("data")) / name


def row(**values: SupportsFloat) -> pd.DataFrame:
    """A table of one row, with a column for each of the values."""
    return pd.DataFrame([{name: float(value) for name, value in values.items()}])
