"""Scikit-learn trains thirty-seven small models of four classic tables.

The models are those of the chapter *Compress your own networks*. Each regressor predicts one column
of a table from its other columns. Each classifier predicts the table's classes.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from superposition._check import Floats
from superposition.circuits.inputs import with_companions
from superposition.superposition import Superposition

_COLUMNS = 10  # of each table, at most
_PASSES = 60  # over the rows: enough to be better than guessing, few enough for seconds
_SHAPES = ((8,), (6, 6), (5, 5, 5))  # hidden layers, in turn


@dataclass(frozen=True, eq=False)
class Trained:
    """This is a fitted model with the rows that it was not fitted on.

    `inputs` has the shape (n, d), and `wanted` (n,).
    """

    name: str
    model: Any
    inputs: Floats
    wanted: Floats


def train_models() -> list[Trained]:
    """Train the same models each time, with three shapes, in a few seconds."""
    from sklearn.datasets import load_breast_cancer, load_diabetes, load_iris, load_wine
    from sklearn.neural_network import MLPClassifier, MLPRegressor

    trained: list[Trained] = []
    for load in (load_iris, load_wine, load_diabetes, load_breast_cancer):
        table, name = load(), load.__name__.removeprefix("load_").replace("_", " ")
        columns = np.asarray(table.data)[:, :_COLUMNS]
        columns = (columns - columns.mean(axis=0)) / columns.std(axis=0)
        if hasattr(table, "target_names"):
            trained.append(_fit(MLPClassifier, f"{name}: class", columns, table.target, trained))
        for j, column in enumerate(table.feature_names[: columns.shape[1]]):
            inputs, wanted = np.delete(columns, j, axis=1), columns[:, j]
            trained.append(_fit(MLPRegressor, f"{name}: {column}", inputs, wanted, trained))
    return trained


def _fit(kind: Any, name: str, inputs: Floats, wanted: Floats, before: list[Trained]) -> Trained:
    """Fit one model on three quarters of the rows."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.model_selection import train_test_split

    number = len(before)
    parts = train_test_split(inputs, wanted, test_size=0.25, random_state=number)
    model = kind(
        hidden_layer_sizes=_SHAPES[number % len(_SHAPES)],
        learning_rate_init=0.01,
        max_iter=_PASSES,
        random_state=number,
    )
    with warnings.catch_warnings():
        # it warns that the loss still falls after so many passes: stopping there is meant
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(parts[0], parts[2])
    return Trained(name, model, parts[1], parts[3])


def scores_inside(
    trained: Sequence[Trained], large: Superposition, n_active: int, rng: np.random.Generator
) -> pd.DataFrame:
    """Score models on held-out rows, alone and inside `large`; the table has a row for each model.

    Circuit t of `large` is model t. Inside, n_active − 1 other random models are active with it,
    each on a random row of its table. `alone` and `inside` are the accuracy of classifiers, and R²
    of regressors. Raises ValueError for another number of models, and for n_active > T.
    """
    n = large.circuits.n_circuits
    if len(trained) != n:
        raise ValueError(f"trained: wanted {n} models, as many as circuits, got {len(trained)}")
    rows = []
    for t, one in enumerate(trained):
        active = with_companions(np.full(len(one.inputs), t), n, n_active, rng)
        inputs = large.circuits.default_inputs(active, rng)
        inputs[:, 0] = 0
        inputs[:, 0, : one.inputs.shape[1]] = one.inputs
        output = large.run(inputs, active)[-1][:, 0]
        rows.append([one.name, one.model.score(one.inputs, one.wanted), _score(one, output)])
    return pd.DataFrame(rows, columns=["name", "alone", "inside"])


def _score(one: Trained, output: Floats) -> float:
    """Return accuracy or R² of outputs (n, d_L), whose first entries are the model's."""
    from sklearn.metrics import r2_score

    if not hasattr(one.model, "classes_"):
        return float(r2_score(one.wanted, output[:, 0]))
    n_outputs = len(one.model.coefs_[-1].T)
    best = output[:, 0] > 0 if n_outputs == 1 else output[:, :n_outputs].argmax(axis=1)
    return float(np.mean(one.model.classes_[best.astype(int)] == one.wanted))
