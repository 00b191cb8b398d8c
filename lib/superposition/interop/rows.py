"""Circuits that are measured on data of their own: random rows of tables."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from superposition._check import Floats, Integers, instance, real_array
from superposition.circuits import MLPCircuits


@dataclass(frozen=True, eq=False)
class RowInputs:
    """Random rows of each circuit's own table: active (batch, k), rng → (batch, k, d_0).

    rows: (n, d_0), all tables one after the other. starts, counts: (T,), where each circuit's
    begins, and how many rows it has.
    """

    rows: Floats
    starts: Integers
    counts: Integers

    def __call__(self, active: Integers, rng: np.random.Generator) -> Floats:
        return np.asarray(self.rows[self.starts[active] + rng.integers(self.counts[active])])

    def take(self, which: Integers) -> RowInputs:
        """Of circuits `which`, (n,), in that order."""
        return RowInputs(self.rows, self.starts[which], self.counts[which])

    @property
    def longest(self) -> float:
        """Largest length of a row: what `input_bound` of a construction must allow for."""
        return float(np.linalg.norm(self.rows, axis=1).max())


def with_inputs(circuits: MLPCircuits, tables: Sequence[Any]) -> MLPCircuits:
    """The same circuits, measured and predicted on random rows of tables, one for each of them.

    tables[t]: (n_t, d), with d at most d_0; columns that are missing are zero, as circuits of
    `from_arrays` and the like take them. Their `sampler` is then a `RowInputs`.
    Raises TypeError or ValueError for another number of tables, tables without rows or of too many
    columns, and what is not finite: the message names the table.
    """
    instance("circuits", circuits, MLPCircuits)
    instance("tables", tables, Sequence)
    if len(tables) != circuits.n_circuits:
        raise ValueError(f"tables: wanted {circuits.n_circuits}, one each, got {len(tables)}")
    width, padded = circuits.widths[0], []
    for t, table in enumerate(tables):
        rows = real_array(f"tables[{t}]", table, "rows columns", {}, circuits.dtype)
        if not (len(rows) and rows.shape[1] <= width):
            raise ValueError(
                f"tables[{t}]: wanted at least one row, of at most {width} columns, got shape "
                f"{rows.shape}"
            )
        padded.append(np.pad(rows, [(0, 0), (0, width - rows.shape[1])]))
    counts = np.array([len(rows) for rows in padded])
    sampler = RowInputs(np.concatenate(padded), np.cumsum(counts) - counts, counts)
    return replace(circuits, sampler=sampler)
