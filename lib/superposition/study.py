"""Stored results: one measurement at stated settings, from one seed, and where its table lies."""

from __future__ import annotations

import platform
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pandas as pd
import scipy

from superposition._threads import one_thread
from superposition.sweep import Setting, setting_rng, sweep

_DATA = Path("book/data")


@dataclass(frozen=True)
class Study:
    """One stored table: `measure(**setting, rng)` for all settings and seeds, from one `seed`.

    drawn: the settings, or a function that makes them, which is called when they are first needed.
    packages: whose versions the results depend on, besides NumPy's and SciPy's.
    """

    measure: Callable[..., pd.DataFrame]
    drawn: list[Setting] | Callable[[], list[Setting]]
    n_seeds: int
    seed: int
    packages: tuple[str, ...] = ()

    @cached_property
    def settings(self) -> list[Setting]:
        """What is measured, in order: of each setting its arguments of `measure`, by name."""
        return self.drawn() if callable(self.drawn) else self.drawn

    def run(self, path: str | Path, *, name: str, n_jobs: int | None = None) -> pd.DataFrame:
        """The whole table, from `path` as far as it is there already."""
        header = {
            "command": f"python -m superposition.studies {name} book/data/{name}.csv",
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
        """The generator that a run of one setting and seed number starts from."""
        words = np.random.default_rng(self.seed).integers(2**32, size=4)
        return setting_rng([int(w) for w in words], setting, seed)

    def recompute(self, setting: Setting, seed: int) -> pd.DataFrame:
        """The rows of one setting and seed number, computed afresh, as `sweep` computes them."""
        with one_thread:
            return self.measure(**setting, rng=self.rng(setting, seed))


def data(name: str) -> Path:
    """A stored file, seen from the repository's root or from a chapter."""
    return (_DATA if _DATA.exists() else Path("data")) / name
