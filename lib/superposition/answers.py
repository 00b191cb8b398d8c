"""What models that became circuits say inside the large network, in their own words."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Integral
from typing import TYPE_CHECKING, Any

import numpy as np

from superposition._check import instance, whole_array
from superposition.circuits.interface import CLASSIFIERS

if TYPE_CHECKING:
    from superposition.superposition import Superposition


def answers(large: Superposition, which: Any, rows: Any, *, probabilities: bool = False) -> Any:
    """Return what `Superposition.predict` or `predict_proba` does, with its errors."""
    if isinstance(which, (str, Integral)):
        return answers(large, [which], [rows], probabilities=probabilities)[0]
    instance("which", which, Sequence)
    instance("rows", rows, Sequence)
    circuits, sizes = large.circuits, [len(table) for table in rows]
    numbers = [number_of(circuits, one) for one in which]
    models = [circuits.models[number] for number in numbers]
    if len(sizes) != len(models) or len(set(sizes)) != 1:
        wanted = f"{len(models)} tables, of as many rows each"
        raise ValueError(f"rows: wanted {wanted}, got tables of {sizes} rows")
    inputs = np.zeros((sizes[0], len(models), circuits.widths[0]), circuits.dtype)
    for i, (model, table) in enumerate(zip(models, rows, strict=True)):
        if probabilities and model.answer not in CLASSIFIERS:
            raise TypeError(f"which: wanted classifiers, got {which[i]!r}, {model.answer}")
        inputs[:, i, : model.n_inputs] = model.rows(f"rows[{i}]", table, circuits.dtype)
    outputs, found = large.run(inputs, np.tile(numbers, (sizes[0], 1)))[-1], []
    for i, (model, table) in enumerate(zip(models, rows, strict=True)):
        dtype = np.result_type(np.asarray(table).dtype, circuits.dtype)
        own = outputs[:, i, : model.n_outputs].astype(dtype)
        found.append(model.probabilities(own) if probabilities else model.predict(own))
    return found


def number_of(circuits: Any, which: Any) -> int:
    """Return the number of a model, given by number or by name."""
    models = getattr(circuits, "models", None) or ()
    names = [one.name for one in models if one and one.name]
    if isinstance(which, str) and which in names:
        return [one and one.name for one in models].index(which)
    if isinstance(which, str) and names:
        raise ValueError(f"which: wanted one of {names}, got {which!r}")
    number = int(whole_array("which", which, "", {}, circuits.n_circuits))
    if not models or models[number] is None:
        raise ValueError(
            f"which: wanted a model of from_sklearn, from_torch or from_arrays, got circuit "
            f"{number}, of which no model is remembered; `run` runs it"
        )
    return number
