"""Stored results: one measurement at stated settings, from one seed, and where its table lies."""

from __future__ import annotations

import platform
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
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
class Tolerance:
    """How far stored numbers may be from those that another machine computes.

    relative, absolute: a stored x may be off by relative · |x| + absolute.
    factors: the columns that rounding decides, and the factor by which each may be off.
        Which circuit has the largest rounding error is chance: its columns have an infinite factor.

    Sums are in another order on other machines. States agree to rounding, which grows through the
    layers.
    """

    relative: float = 1e-3
    absolute: float = 1e-8
    factors: Mapping[str, float] = field(default_factory=dict)

    def deviation(self, fresh: pd.Series, stored: pd.Series) -> float:
        """Return the largest difference of two columns in units of what is allowed.

        Texts, truth values and missing numbers must be the same: others are infinitely far apart.
        """
        if np.isinf(factor := self.factors.get(str(stored.name), 0.0)):
            return 0.0
        numeric = all(pd.api.types.is_numeric_dtype(column) for column in (fresh, stored))
        differs = ~((fresh == stored) | (fresh.isna() & stored.isna())).to_numpy(bool)
        if not numeric or stored.dtype == bool:
            return np.inf if differs.any() else 0.0
        new, old = (column.to_numpy(float)[differs] for column in (fresh, stored))
        with np.errstate(divide="ignore", invalid="ignore"):
            off = np.abs(new - old) / (self.relative * np.abs(old) + self.absolute)
            if factor:
                off = np.abs(np.log(new / old)) / np.log(factor)
        return float(np.where(np.isfinite(off), off, np.inf).max(initial=0.0))


SINGLE = Tolerance(absolute=1e-6)  # in float32, where some errors are nothing but rounding


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
    tolerance: Tolerance = Tolerance()

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

    def deviations(self, setting: Setting, seed: int, table: pd.DataFrame) -> pd.Series:
        """Recompute a run. Return how far each column of the stored `table` is from its rows.

        The unit is what `tolerance` allows. Missing rows or columns are infinitely far.
        """
        where = {**setting, "seed": seed}
        fresh = self.recompute(setting, seed).reset_index(drop=True)
        kept = table[table[list(where)].eq(list(where.values())).all(axis=1)]
        kept = kept.drop(columns=list(where)).reset_index(drop=True)
        if len(fresh) != len(kept) or set(fresh) != set(kept):
            return pd.Series({"rows or columns": np.inf})
        return pd.Series({c: self.tolerance.deviation(fresh[c], kept[c]) for c in kept})


def data(name: str) -> Path:
    """Return the path of a stored file, seen from the repository's root or from a chapter."""
    return (_DATA if _DATA.exists() else Path("data")) / name


def row(**values: SupportsFloat) -> pd.DataFrame:
    """A table of one row, with a column for each of the values."""
    return pd.DataFrame([{name: float(value) for name, value in values.items()}])
