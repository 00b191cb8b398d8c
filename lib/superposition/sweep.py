"""Sweeps: one measurement over many settings and seeds, in one tidy, restartable table."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import takewhile
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pandas as pd
from tqdm import tqdm

from superposition._check import generator, positive_int
from superposition._files import atomic_write

Setting = Mapping[str, Any]
Measurement = Callable[..., pd.DataFrame]
Key = tuple[str, ...]


def sweep(
    measure: Measurement,
    settings: Iterable[Setting],
    n_seeds: int,
    rng: np.random.Generator,
    *,
    path: str | Path | None = None,
    n_jobs: int = 1,
    progress: bool = True,
    header: Mapping[str, str] | None = None,
) -> pd.DataFrame:
    """`measure(**setting, rng=…)` for every setting and seed; all its rows in one tidy table.

    settings: dicts of numbers and texts with the same keys, no two alike. Each pair of setting
    and seed number 0 … n_seeds − 1 gets a generator of its own, made from one draw of `rng`, the
    setting itself and the seed number: workers, order and neighbours change nothing.

    With a `path`, finished pairs are kept in `<name>.partial.csv` (each write atomic) and the
    whole table goes to `path` once all are done; a sweep begun before continues from either file.
    `header` lines stand above the table as comments; a file with another header is refused.

    Returns settings' columns, `seed`, then the measurement's columns, in the order of settings.
    Raises ValueError for settings that repeat, differ in their keys or hold other kinds of value
    (text that reads as a number or is empty included), for headers of more than one line, for a
    measurement without rows, or for a file that belongs to another sweep.
    """
    settings = _check_settings(settings)
    n_seeds = positive_int("n_seeds", n_seeds)
    entropy = [int(word) for word in generator(rng).integers(2**32, size=4)]
    store = _Store(path, list(settings[0]), {"entropy": str(entropy), **(header or {})})
    jobs = {_key({**s, "seed": n}): (s, n) for s in settings for n in range(n_seeds)}
    todo = [joblib.delayed(_run)(measure, *jobs[k], entropy) for k in jobs if k not in store.done]
    results = joblib.Parallel(n_jobs=n_jobs, return_as="generator_unordered")(todo)
    for key, table in tqdm(results, total=len(todo), disable=not progress, unit="run"):
        store.add(key, table, jobs)
    return store.finish(jobs)


def setting_rng(entropy: Sequence[int], setting: Setting, seed: int) -> np.random.Generator:
    """The generator that a sweep with this `entropy` gives to one setting and seed number."""
    named = {**setting, "seed": seed}
    text = json.dumps(dict(zip(named, _key(named), strict=True)), sort_keys=True)
    words = np.frombuffer(hashlib.sha256(text.encode()).digest(), dtype=">u4")
    sequence = np.random.SeedSequence(list(entropy), spawn_key=[int(word) for word in words])
    return np.random.default_rng(sequence)


def read_table(path: str | Path) -> tuple[pd.DataFrame, dict[str, str]]:
    """A stored sweep and its header. Raises ValueError for a file that is not one."""
    lines = Path(path).read_text(encoding="utf-8").splitlines(keepends=True)
    comments = list(takewhile(lambda line: line.startswith("# "), lines))
    header = dict(line[2:].rstrip("\n").split(": ", 1) for line in comments if ": " in line)
    body = io.StringIO("".join(lines[len(comments) :]))
    try:
        # this engine reads floats exactly; "NA" and the like are texts, only nothing is nothing
        table = pd.read_csv(body, engine="python", keep_default_na=False, na_values=[""])
    except (pd.errors.ParserError, pd.errors.EmptyDataError, UnicodeDecodeError) as error:
        raise ValueError(f"path: wanted a table written by sweep, got {path}: {error}") from None
    if "entropy" not in header or "seed" not in table:
        raise ValueError(f"path: wanted a table written by sweep, got {path}")
    return table, header


def _run(
    measure: Measurement, setting: Setting, seed: int, entropy: list[int]
) -> tuple[Key, pd.DataFrame]:
    table = measure(**setting, rng=setting_rng(entropy, setting, seed))
    if not isinstance(table, pd.DataFrame):
        raise TypeError(f"measure: wanted a DataFrame, got {type(table).__name__} at {setting}")
    if table.empty or set(table) & {*setting, "seed"}:
        raise ValueError(
            f"measure: wanted at least one row and columns other than {[*setting, 'seed']}, got "
            f"{len(table)} rows of {list(table)} at {setting}"
        )
    named = {**setting, "seed": seed}
    columns = {name: table[name] for name in table}
    return _key(named), pd.DataFrame({**named, **columns}, index=table.index)


def _key(setting: Setting) -> Key:
    """A setting's values as text, alike before and after a visit to a file."""
    return tuple(
        repr(float(v)) if isinstance(v, (int, float, np.number)) else str(v)
        for v in setting.values()
    )


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
    if len({_key(row) for row in rows}) < len(rows):
        raise ValueError("settings: wanted no setting twice")
    return rows


def _check_value(name: str, value: object, first: object) -> None:
    """A value must be the same before and after a visit to a file, and of one kind per column."""
    is_text = isinstance(value, str)
    if not (is_text or isinstance(value, (int, float, np.number))) or value != value:
        raise ValueError(f"settings: wanted a number or text for {name}, got {value!r}")
    if is_text != isinstance(first, str):
        raise ValueError(f"settings: wanted all numbers or all texts for {name}, got {value!r}")
    if is_text and (str(value).strip() != value or not value or _is_number(str(value))):
        raise ValueError(f"settings: wanted a text that is no number for {name}, got {value!r}")


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


class _Store:
    """Finished rows, in memory and (with a path) on disk."""

    def __init__(self, path: str | Path | None, names: list[str], header: dict[str, str]) -> None:
        self.path = Path(path) if path is not None else None
        self.names = [*names, "seed"]
        self.header = header
        for key, value in header.items():
            if not isinstance(value, str) or value.strip() != value or "\n" in value:
                raise ValueError(f"header: wanted one line of text for {key}, got {value!r}")
        self.tables: dict[Key, pd.DataFrame] = {}
        for file in (self.path, self._partial):
            if file is not None and file.exists():
                self._load(file)

    @property
    def done(self) -> set[Key]:
        return set(self.tables)

    @property
    def _partial(self) -> Path | None:
        return self.path.with_suffix(".partial.csv") if self.path else None

    def _load(self, file: Path) -> None:
        table, header = read_table(file)
        wanted = {k: v for k, v in self.header.items() if header.get(k) != v}
        if wanted or not set(self.names) <= set(table):
            raise ValueError(
                f"path: {file} belongs to another sweep (wanted columns {self.names} and header "
                f"{wanted}); move it away or choose another path"
            )
        for _, rows in table.groupby(self.names, sort=False):
            self.tables[_key(rows[self.names].iloc[0].to_dict())] = rows

    def add(self, key: Key, table: pd.DataFrame, order: Iterable[Key]) -> None:
        self.tables[key] = table
        if self._partial is not None:
            self._write(self._partial, order)

    def finish(self, order: Iterable[Key]) -> pd.DataFrame:
        if self.path is not None and self._partial is not None:
            self._write(self.path, order)
            self._partial.unlink(missing_ok=True)
        return self._table(order)

    def _table(self, order: Iterable[Key]) -> pd.DataFrame:
        return pd.concat([self.tables[k] for k in order if k in self.tables], ignore_index=True)

    def _write(self, file: Path, order: Iterable[Key]) -> None:
        file.parent.mkdir(parents=True, exist_ok=True)
        text = "".join(f"# {name}: {value}\n" for name, value in self.header.items())
        text += self._table(order).to_csv(index=False)
        with atomic_write(file) as out:
            out.write(text.encode())
