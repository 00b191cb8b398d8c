"""Fitted scikit-learn MLPs as circuits."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from superposition.circuits import MLPCircuits
from superposition.interop.arrays import PlainNetwork, as_circuits, check_sequence, checked_network

# what comes after the last linear layer, of which a circuit's output is the argument
_OUTPUTS = {"MLPClassifier": ("logistic", "softmax"), "MLPRegressor": ("identity",)}


def from_sklearn(models: Sequence[Any]) -> MLPCircuits:
    """Make circuits that compute the same as fitted MLPClassifiers and MLPRegressors with ReLU.

    A regressor's output is its prediction. A classifier's output is the argument of its logistic
    function or softmax. For two classes it is one entry; above zero it stands for the second of
    `classes_`. For more classes it has one entry for each, and the largest wins. For several labels
    it has one entry for each, above zero if the label is there. Shapes may differ, as in
    `from_arrays`.
    Raises TypeError for other models, ValueError for models that are not fitted, or have another
    activation: the message names the model. Otherwise as `from_arrays`.

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
    check_sequence("models", models, "of them")
    return as_circuits([_network(f"models[{i}]", model) for i, model in enumerate(models)])


def _network(label: str, model: Any) -> PlainNetwork:
    from sklearn.neural_network import MLPClassifier, MLPRegressor

    if type(model) not in (MLPClassifier, MLPRegressor):  # a subclass may predict otherwise
        raise TypeError(
            f"{label}: wanted MLPClassifier or MLPRegressor, got {type(model).__name__}"
        )
    if not hasattr(model, "coefs_"):
        raise ValueError(f"{label}: wanted a fitted model; call its fit first")
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
    pairs = zip(model.coefs_, model.intercepts_, strict=True)
    return checked_network(label, [(weight.T, bias) for weight, bias in pairs])
