"""What is remembered of a model that became a circuit: what it reads, and how it answers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, softmax

from superposition._check import Floats, real_array

# how a model's answer follows from a circuit's output, its last linear layer
CLASSIFIERS = ("binary", "multiclass", "multilabel")
ANSWERS = ("plain", "regressor", "sigmoid", "softmax", *CLASSIFIERS)


@dataclass(frozen=True)
class Interface:
    """A model's own inputs and answers, beside the circuit that computes what it does.

    library: where the model comes from.
    n_inputs: how many columns its rows have.
    n_outputs: how many entries of the circuit's output are its own.
    answer: one of ANSWERS; "plain" for the output itself, "regressor" for a regressor's, which is
        one number for each row if there is one output; others for what a function makes of it.
    name: the key of the model, if it was in a dictionary.
    columns: the names of its columns, if it was fitted on a data frame.
    classes: a classifier's labels.
    dtype: the dtype of these labels, as NumPy writes it.
    flat: whether it takes rows of more axes, which it lays out in one.

    Raises ValueError for counts below 1, an unknown answer, and columns or classes that are not as
    many as inputs or outputs.
    """

    library: str
    n_inputs: int
    n_outputs: int
    answer: str = "plain"
    name: str | None = None
    columns: tuple[str, ...] | None = None
    classes: tuple[Any, ...] | None = None
    dtype: str = "int64"
    flat: bool = False

    def __post_init__(self) -> None:
        n_classes = {"binary": (1, 2), "multiclass": (self.n_outputs,)}.get(self.answer)
        fits = self.answer in ANSWERS and min(self.n_inputs, self.n_outputs) > 0
        fits &= self.columns is None or len(self.columns) == self.n_inputs
        if not fits or (n_classes and len(self.classes or ()) not in n_classes):
            raise ValueError(f"models: wanted counts, answer and names that fit, got {self}")

    def rows(self, label: str, table: Any, dtype: Any) -> Floats:
        """Return a table as rows (n, n_inputs), refused where scikit-learn would refuse it.

        Raises TypeError or ValueError, by `label`, for another number of columns, columns of other
        names or in another order than in the fit, no rows, and what is not finite.
        """
        names = _names(table)
        if self.columns and names and names != self.columns:
            missing = [name for name in self.columns if name not in names]
            more = f"without {missing[:5]}" if missing else "others or in another order"
            raise ValueError(
                f"{label}: wanted the columns of the fit, in their order, got {list(names[:5])}, "
                f"{more}"
            )
        if self.flat and np.ndim(table) > 2:
            table = np.reshape(table, (len(table), -1))
        rows = real_array(label, table, "rows columns", {}, dtype)
        if not len(rows) or rows.shape[1] != self.n_inputs:
            wanted = f"wanted at least one row, of {self.n_inputs} columns"
            raise ValueError(f"{label}: {wanted}, got shape {rows.shape}")
        return rows

    def predict(self, outputs: Floats) -> NDArray[Any]:
        """Return the model's answers to rows, of the circuit's outputs (n, n_outputs)."""
        if self.answer in ("binary", "multiclass"):
            binary = self.answer == "binary"
            best = (outputs[:, 0] > 0).astype(int) if binary else outputs.argmax(axis=1)
            return np.array(self.classes, self.dtype).take(best, mode="clip")
        if self.answer == "multilabel":
            return (outputs > 0).astype(int)
        one = self.answer == "regressor" and self.n_outputs == 1
        return outputs[:, 0] if one else self.probabilities(outputs)

    def probabilities(self, outputs: Floats) -> Floats:
        """Return a logistic function or a softmax of the circuit's outputs (n, n_outputs)."""
        if self.answer in ("plain", "regressor"):
            return outputs
        if self.answer in ("multiclass", "softmax"):
            return np.asarray(softmax(outputs, axis=1))
        one = np.asarray(expit(outputs))
        return np.hstack([1 - one, one]) if self.answer == "binary" else one


def check_interfaces(models: Sequence[Any], n_circuits: int, first: int, last: int) -> None:
    """Raise ValueError unless there is one model, or None, for each circuit, and none is wider."""
    fits = len(models) == n_circuits
    for one in models:
        known = isinstance(one, Interface)
        fits &= one is None or (known and one.n_inputs <= first and one.n_outputs <= last)
    if not fits:
        wanted = f"{n_circuits}, each None or of at most {first} inputs and {last} outputs"
        raise ValueError(f"models: wanted {wanted}, got {models!r}")


def _names(table: Any) -> tuple[str, ...]:
    """Return the names of a data frame's columns, or none where they are not all texts."""
    names = tuple(getattr(table, "columns", ()))
    return names if all(isinstance(name, str) for name in names) else ()
