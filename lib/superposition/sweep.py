"""Sweeps measure one thing at many settings and seeds, and continue where they were interrupted."""

from __future__ import annotations

import hashlib
import json
import sys
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from threading import Lock
from types import TracebackType
from typing import TYPE_CHECKING, Any

import joblib
import numpy as np
from threadpoolctl import ThreadpoolController

from superposition._check import generator, positive_int
from superposition.results import Key, Results, key_of

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Measurement", "Setting", "setting_rng", "sweep"]


class _OneThread:
    """A context in which linear algebra (BLAS, OpenMP) runs on one thread.

    The libraries have one setting for a whole process. With several users at once, in threads of
    one process, the first to enter sets it and the last to leave restores the earlier setting.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._users = 0
        self._n_modules = 0
        self._controller = ThreadpoolController()

    def __enter__(self) -> None:
        with self._lock:
            if not self._users:
                # looking for the libraries takes milliseconds; only imports bring new ones
                if self._n_modules != len(sys.modules):
                    self._controller = ThreadpoolController()
                    self._n_modules = len(sys.modules)
                self._limits = self._controller.limit(limits=1)
                self._release()
            self._users += 1

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with self._lock:
            self._users -= 1
            if not self._users:
                self._limits.restore_original_limits()
                self._release()

    def _release(self) -> None:
        """Let any thread change the setting next, not only this one, which has just changed it."""
        with self._controller.limit(limits=None):
            pass


one_thread = _OneThread()

Setting = Mapping[str, Any]
Measurement = Callable[..., "pd.DataFrame"]


def sweep(
    measure: Measurement,
    settings: Iterable[Setting],
    n_seeds: int,
    rng: np.random.Generator,
    *,
    path: str | Path | None = None,
    n_jobs: int | None = None,
    progress: bool = True,
    header: Mapping[str, str] | None = None,
) -> pd.DataFrame:
    """Run `measure(**setting, rng=…)` for every setting and seed, and return one tidy table.

    settings: dicts of numbers and texts with the same keys, no two alike.
    n_seeds: how many runs each setting has, with seed numbers 0 … n_seeds − 1.
    path: the file for the table, or None.
    n_jobs: how many processes compute the runs; None: as joblib is configured.
    progress: whether to show a progress bar.
    header: lines that stand above the table as comments.

    Each run has its own generator. The generator is made from one draw of `rng`, the setting and
    the seed number, so that workers, order and other settings do not change a run.

    Runs are computed in `n_jobs` processes, or as the surrounding `joblib.parallel_config` says,
    else one after the other. With a `distributed.Client`, `joblib.parallel_config("dask")` takes
    them to its cluster, whatever n_jobs is. Each run computes on one thread, because sums depend on
    the number of threads. The rows are the same everywhere, digit for digit.

    With a `path`, finished runs are kept in `<name>.partial.csv`. The whole table goes to `path`
    once all runs are done (`results.Results`). A sweep that was interrupted continues from either
    file, on any machine. Whether the files can be written is tried first. A file with another
    header is refused.

    The columns are those of the settings, `seed`, then those of the measurement, in the order of
    the settings.
    Raises ValueError for settings that repeat, differ in their keys or hold other kinds of value
    (text that reads as a number, is empty or has several lines included), for headers of more than
    one line, for a measurement without rows, or for a file that is not whole or belongs to another
    sweep; OSError, naming the file, if it cannot be read or written.

    >>> import numpy, pandas
    >>> from superposition import sweep
    >>> def dice(sides, rng):
    ...     return pandas.DataFrame({"roll": [rng.integers(1, sides + 1)]})
    >>> settings = [{"sides": 6}, {"sides": 20}]
    >>> rng = numpy.random.default_rng(0)
    >>> table = sweep(dice, settings, n_seeds=3, rng=rng, progress=False)
    >>> list(table), len(table)
    (['sides', 'seed', 'roll'], 6)
    """
    settings = _check_settings(settings)
    n_seeds = positive_int("n_seeds", n_seeds)
    entropy = [int(word) for word in generator(rng).integers(2**32, size=4)]
    jobs = {key_of({**s, "seed": n}): (s, n) for s in settings for n in range(n_seeds)}
    store = Results(path, list(settings[0]), _check_header(header, entropy), list(jobs))
    todo = [joblib.delayed(_run)(measure, *jobs[k], entropy) for k in jobs if k not in store.tables]
    if todo:
        store.check_writable()
        _compute(todo, n_jobs, store, progress)
    return store.finish()


def setting_rng(entropy: Sequence[int], setting: Setting, seed: int) -> np.random.Generator:
    """Return the generator that a sweep with this `entropy` gives to a setting and a seed."""
    named = {**setting, "seed": seed}
    text = json.dumps(dict(zip(named, key_of(named), strict=True)), sort_keys=True)
    words = np.frombuffer(hashlib.sha256(text.encode()).digest(), dtype=">u4")
    sequence = np.random.SeedSequence(list(entropy), spawn_key=[int(word) for word in words])
    return np.random.default_rng(sequence)


def _compute(todo: list[Any], n_jobs: int | None, store: Results, progress: bool) -> None:
    """Compute runs in any order, and store finished ones even if this is interrupted."""

    from tqdm import tqdm

    runs = joblib.Parallel(n_jobs=n_jobs, return_as="generator_unordered")(todo)
    try:
        with tqdm(total=len(todo), disable=not progress, unit="run") as bar:
            for key, table in runs:
                store.add(key, table)
                bar.update()
    except BaseException:
        with warnings.catch_warnings(action="ignore"):  # joblib's: some results were not used
            runs.close()
        store.save()
        raise


def _run(
    measure: Measurement, setting: Setting, seed: int, entropy: list[int]
) -> tuple[Key, pd.DataFrame]:
    import pandas as pd

    with one_thread:
        table = measure(**setting, rng=setting_rng(entropy, setting, seed))
    if not isinstance(table, pd.DataFrame):
        raise TypeError(f"measure: wanted a DataFrame, got {type(table).__name__} at {setting}")
    if table.empty or set(table) & {*setting, "seed"}:
        raise ValueError(
            f"measure: wanted at least one row and columns other than {[*setting, 'seed']}, got "
            f"{len(table)} rows of {list(table)} at {setting}"
        )
    named = {**setting, "seed": seed}
    columns = {name: _kept(name, table[name]) for name in table}
    return key_of(named), pd.DataFrame({**named, **columns}, index=table.index)


def _kept(name: str, column: pd.Series) -> pd.Series:
    """Return a column as a file returns it: floats are double, texts have no carriage returns."""

    import pandas as pd

    if pd.api.types.is_float_dtype(column.dtype):
        return column.astype(float)
    if not pd.api.types.is_numeric_dtype(column.dtype) and any("\r" in str(v) for v in column):
        raise ValueError(f"measure: wanted texts without carriage returns, got some in {name}")
    return column


def _check_header(header: Mapping[str, str] | None, entropy: list[int]) -> dict[str, str]:
    for key, value in (header or {}).items():
        if not (isinstance(value, str) and value.strip() == value and value.isprintable()):
            raise ValueError(f"header: wanted one line of text for {key}, got {value!r}")
        if ":" in key or not key.isprintable() or key == "entropy":
            raise ValueError(
                f"header: wanted names without colons, other than entropy, got {key!r}"
            )
    return {"entropy": str(entropy), **(header or {})}


def _check_settings(settings: Iterable[Setting]) -> list[dict[str, Any]]:
    rows = [dict(setting) for setting in settings]
    if not rows:
        raise ValueError("settings: wanted at least one, got none")
    if {"seed", "rng"} & set(rows[0]):
        raise ValueError(f"settings: wanted names other than seed and rng, got {list(rows[0])}")
    for row in rows:
        if set(row) != set(rows[0]):
            raise ValueError(f"settings: wanted the keys {list(rows[0])}, got {list(row)}")
        for name, value in row.items():
            _check_value(name, value, rows[0][name])
    rows = [{name: row[name] for name in rows[0]} for row in rows]
    if len({key_of(row) for row in rows}) < len(rows):
        raise ValueError("settings: wanted no setting twice")
    return rows


def _check_value(name: str, value: object, first: object) -> None:
    """Raise ValueError unless a file keeps the value, and the column's values are of one kind."""
    is_text = isinstance(value, str)
    if not (is_text or isinstance(value, (int, float, np.number))) or value != value:
        raise ValueError(f"settings: wanted a number or text for {name}, got {value!r}")
    if is_text != isinstance(first, str):
        raise ValueError(f"settings: wanted all numbers or all texts for {name}, got {value!r}")
    if is_text and (str(value).strip() != value or not value or _is_number(str(value))):
        raise ValueError(f"settings: wanted a text that is no number for {name}, got {value!r}")
    if is_text and len(str(value).splitlines()) > 1:
        raise ValueError(f"settings: wanted one line of text for {name}, got {value!r}")


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
