"""Circuits that are measured on their own data, random rows of tables."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from superposition._check import Floats, Integers, instance, real_array
from superposition.circuits import MLPCircuits


@dataclass(frozen=True, eq=False, repr=False)
class RowInputs:
    """A sampler that draws random rows of each circuit's own table.

    rows: (n, d_0), all tables one after the other.
    starts: (T,), the row at which each circuit's table begins.
    counts: (T,), how many rows each circuit's table has.

    A call maps active circuits (batch, k) and a generator to inputs (batch, k, d_0).

    >>> import numpy
    >>> from superposition.interop import RowInputs
    >>> rows = numpy.array([[1.0], [2.0], [30.0]])
    >>> sampler = RowInputs(
    ...     rows, starts=numpy.array([0, 2]), counts=numpy.array([2, 1])
    ... )
    >>> sampler(numpy.array([[1], [1]]), numpy.random.default_rng(0)).tolist()
    [[[30.0]], [[30.0]]]
    >>> sampler.longest
    30.0
    """

    rows: Floats
    starts: Integers
    counts: Integers

    def __call__(self, active: Integers, rng: np.random.Generator) -> Floats:
        return np.asarray(self.rows[self.starts[active] + rng.integers(self.counts[active])])

    def take(self, which: Integers) -> RowInputs:
        """Return the sampler of circuits `which`, (n,), in that order."""
        return RowInputs(self.rows, self.starts[which], self.counts[which])

    def __repr__(self) -> str:
        return f"RowInputs({len(self.rows)} rows in {len(self.counts)} tables)"

    @property
    def longest(self) -> float:
        """The largest length of a row, which a construction's `input_bound` must allow for."""
        return float(np.linalg.norm(self.rows, axis=1).max())


if TYPE_CHECKING:

    class MeasuredCircuits(MLPCircuits):
        """Circuits whose sampler draws rows, for type checkers; it is MLPCircuits that run."""

        sampler: RowInputs


def with_inputs(circuits: MLPCircuits, tables: Sequence[Any]) -> MeasuredCircuits:
    """Return the same circuits with random rows of tables as their inputs.

    tables: tables[t] has shape (n_t, d), arrays or data frames. d is the number of columns of the
        model that became circuit t, or at most d_0 for other circuits; missing columns are zero.

    Circuits of `from_arrays` and the like take zeros in entries that they do not use. Measurements
    and predictions use the new inputs. The circuits' `sampler` is then a `RowInputs`; its `longest`
    is the least `input_bound` that does for these rows.
    Raises TypeError or ValueError for another number of tables, tables without rows or of other
    columns, columns in another order than in a model's fit, and what is not finite: the message
    names the table.

    >>> import numpy
    >>> from superposition import MLPCircuits
    >>> from superposition.interop import with_inputs
    >>> rng = numpy.random.default_rng(0)
    >>> circuits = MLPCircuits.random(2, [3, 3, 1], rng)
    >>> measured = with_inputs(
    ...     circuits, [numpy.ones((5, 3)), numpy.zeros((9, 2))]
    ... )
    >>> measured.default_inputs(numpy.array([[0, 1]]), rng).tolist()
    [[[1.0, 1.0, 1.0], [0.0, 0.0, 0.0]]]
    """
    instance("circuits", circuits, MLPCircuits)
    instance("tables", tables, Sequence)
    if len(tables) != circuits.n_circuits:
        raise ValueError(f"tables: wanted {circuits.n_circuits}, one each, got {len(tables)}")
    width, padded = circuits.widths[0], []
    for t, table in enumerate(tables):
        model = circuits.models[t] if circuits.models is not None else None
        if model is not None:
            rows = model.rows(f"tables[{t}]", table, circuits.dtype)
        else:
            rows = real_array(f"tables[{t}]", table, "rows columns", {}, circuits.dtype)
        if not (len(rows) and rows.shape[1] <= width):
            raise ValueError(
                f"tables[{t}]: wanted at least one row, of at most {width} columns, got shape "
                f"{rows.shape}"
            )
        padded.append(np.pad(rows, [(0, 0), (0, width - rows.shape[1])]))
    counts = np.array([len(rows) for rows in padded])
    sampler = RowInputs(np.concatenate(padded), np.cumsum(counts) - counts, counts)
    return cast("MeasuredCircuits", replace(circuits, sampler=sampler))
