"""Fitted scikit-learn MLPs as circuits, with the linear steps before and after them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from superposition._check import Floats
from superposition.circuits import MLPCircuits
from superposition.interop.arrays import (
    Layer,
    Models,
    PlainNetwork,
    checked_network,
    circuits_of,
    product,
)

# what comes after the last linear layer, of which a circuit's output is the argument
_OUTPUTS = {"MLPClassifier": ("logistic", "softmax"), "MLPRegressor": ("identity",)}
_MODELS = (
    "MLPClassifier or MLPRegressor, a Pipeline that ends with one, or a TransformedTargetRegressor "
    "of one"
)
# linear steps, and what to do with others
_BEFORE = (
    "StandardScaler, MinMaxScaler or PCA",
    "transform rows by it yourself, and give a pipeline without it",
)
_AFTERWARDS = (
    "StandardScaler or MinMaxScaler",
    "give `regressor_` alone, and transform its answers yourself",
)


def from_sklearn(models: Models) -> MLPCircuits:
    """Make circuits that compute the same as fitted MLPClassifiers and MLPRegressors with ReLU.

    models: in a sequence, or in a dictionary, whose keys are kept as names.

    `predict` of the superposition answers as a model's own does. In the circuits' outputs, a
    regressor's is its prediction, and a classifier's is the argument of its logistic function or
    softmax. For two classes it is one entry; above zero it stands for the second of `classes_`. For
    more classes it has one entry for each, and the largest wins. For several labels it has one
    entry for each, above zero if the label is there. Shapes may differ, as in `from_arrays`.

    A Pipeline may have StandardScaler, MinMaxScaler and PCA before its model. They are linear, and
    are multiplied into the first layer in double precision, so that circuits read rows as the
    pipeline does. A StandardScaler or MinMaxScaler of a TransformedTargetRegressor is multiplied
    into the last layer.
    Raises TypeError for other models or steps, ValueError for models that are not fitted, or have
    another activation: the message names the model. Otherwise as
    `from_arrays`.

    >>> import numpy
    >>> from sklearn.neural_network import MLPRegressor
    >>> from superposition.interop import from_sklearn
    >>> x = numpy.linspace(-1, 1, 20)[:, None]
    >>> model = MLPRegressor(
    ...     hidden_layer_sizes=[4], solver="lbfgs", max_iter=500, random_state=0
    ... )
    >>> model = model.fit(x, x[:, 0] / 2)
    >>> circuits = from_sklearn([model])
    >>> circuits
    MLPCircuits(1 circuits, widths 1 → 4 → 1)
    >>> answers = circuits.run(x[:, None], numpy.zeros((20, 1), int))[-1]
    >>> numpy.allclose(answers.ravel(), model.predict(x))
    True
    """
    return circuits_of("models", models, _network)


def _network(label: str, model: Any) -> PlainNetwork:
    """Return a model's layers with its linear steps in them, and what is remembered of it."""
    from sklearn.compose import TransformedTargetRegressor
    from sklearn.neural_network import MLPClassifier, MLPRegressor
    from sklearn.pipeline import Pipeline

    before: list[Layer] = []
    after: list[Layer] = []
    inner, column = model, False
    while type(inner) in (Pipeline, TransformedTargetRegressor):
        if type(inner) is Pipeline:
            before += _linear_steps(label, inner.steps[:-1])
            inner = inner.steps[-1][1]
            continue
        _check_fitted(label, inner, "regressor_")
        if not _does_nothing(target := inner.transformer_):
            scale, shift = _scaling(f"{label}, transformer", target, _AFTERWARDS)
            after.insert(0, (np.diag(1 / scale), -shift / scale))
        inner, column = inner.regressor_, inner._training_dim > 1
    if type(inner) not in (MLPClassifier, MLPRegressor):  # a subclass may predict otherwise
        raise TypeError(f"{label}: wanted {_MODELS}, got {type(inner).__name__}")
    _check_mlp(label, inner)
    pairs = zip(inner.coefs_, inner.intercepts_, strict=True)
    layers: list[Layer] = [(weight.T, bias) for weight, bias in pairs]
    layers[0] = product([*before, layers[0]])
    layers[-1] = product([layers[-1], *after])
    about: dict[str, Any] = {"library": "scikit-learn"}
    about["answer"] = "plain" if column else _answer(inner)
    if hasattr(model, "feature_names_in_"):
        about["columns"] = tuple(model.feature_names_in_.tolist())
    if hasattr(inner, "classes_"):
        about |= {"classes": tuple(inner.classes_.tolist()), "dtype": inner.classes_.dtype.str}
    return checked_network(label, layers, **about)


def _answer(model: Any) -> str:
    """Return how a classifier's or regressor's answers follow from its last linear layer."""
    if model.out_activation_ == "identity":
        return "regressor"
    one = "binary" if model.n_outputs_ == 1 else "multilabel"
    return "multiclass" if model.out_activation_ == "softmax" else one


def _check_fitted(label: str, model: Any, attribute: str) -> None:
    if not hasattr(model, attribute):
        raise ValueError(f"{label}: wanted a fitted model; call its fit first")


def _check_mlp(label: str, model: Any) -> None:
    """Raise ValueError for an MLP that is not fitted, or of other activations than ReLU."""
    _check_fitted(label, model, "coefs_")
    n_hidden = len(model.coefs_) - 1
    if model.activation != "relu" and n_hidden:
        hidden = "layer 0" if n_hidden == 1 else f"layers 0 to {n_hidden - 1}"
        raise ValueError(f"{label}, {hidden}: wanted activation 'relu', got {model.activation!r}")
    wanted = _OUTPUTS[type(model).__name__]
    if model.out_activation_ not in wanted:
        raise ValueError(
            f"{label}, layer {n_hidden}: wanted an output activation of {wanted}, got "
            f"{model.out_activation_!r}"
        )


def _does_nothing(step: Any) -> bool:
    """Return whether a step of a pipeline, or a target's transformer, changes nothing."""
    from sklearn.preprocessing import FunctionTransformer

    empty = type(step) is FunctionTransformer and step.func is step.inverse_func is None
    return empty or step is None or step == "passthrough"


def _linear_steps(label: str, steps: Sequence[tuple[str, Any]]) -> list[Layer]:
    """Return weight and bias of each step x ↦ w x + b of a pipeline, in double precision."""
    from sklearn.decomposition import PCA
    from sklearn.pipeline import Pipeline

    found: list[Layer] = []
    for step_name, step in steps:
        name = f"{label}, step {step_name!r}"
        if type(step) is Pipeline:
            found += _linear_steps(name, step.steps)
        elif type(step) is PCA:
            _check_fitted(name, step, "components_")
            weight = np.asarray(step.components_, float)
            if step.whiten:
                spread = np.sqrt(step.explained_variance_)
                weight = weight / np.maximum(spread, np.finfo(spread.dtype).eps)[:, None]
            found.append((weight, -weight @ step.mean_))
        elif not _does_nothing(step):
            scale, shift = _scaling(name, step, _BEFORE)
            found.append((np.diag(scale), shift))
    return found


def _scaling(label: str, step: Any, where: tuple[str, str]) -> tuple[Floats, Floats]:
    """Return scale and shift of a scaler x ↦ scale · x + shift, in double precision."""
    from sklearn.preprocessing import MinMaxScaler, StandardScaler

    wanted, instead = where
    clips = type(step) is MinMaxScaler and step.clip and where is _BEFORE
    if type(step) not in (StandardScaler, MinMaxScaler) or clips:
        got = type(step).__name__ + " with clip" * clips
        raise TypeError(f"{label}: wanted {wanted}, which are linear, got {got}; {instead}")
    _check_fitted(label, step, "n_features_in_")
    if type(step) is MinMaxScaler:
        return np.asarray(step.scale_, float), np.asarray(step.min_, float)
    one = np.ones(step.n_features_in_)
    scale = 1 / np.asarray(step.scale_, float) if step.with_std else one
    return scale, -step.mean_ * scale if step.with_mean else 0 * one
