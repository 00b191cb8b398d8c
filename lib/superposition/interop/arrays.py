"""Plain networks of any widths and depths, which become circuits of one shape."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np

from superposition._check import Floats, instance, real_array
from superposition._memory import check_circuits
from superposition.circuits import MLPCircuits
from superposition.circuits.interface import Interface

Layer = tuple[Floats, Floats]
Models = Iterable[Any] | Mapping[str, Any]


def from_arrays(networks: Models) -> MLPCircuits:
    """Make circuits of small networks that are given layer by layer: (eq-padding).

    networks: networks[t][l] is a pair, weight (d', d) and bias (d',) of layer l of network t. They
        may be a dictionary, whose keys are kept as names.

    A ReLU follows all layers but the last, which is linear. Widths and depths may differ. Narrow
    layers get neurons that are always zero, and shallow networks get layers that copy what is
    there. Circuit t reads the first entries of its input and answers in the first entries of its
    output. The other entries are not used, and zero.

    Raises TypeError or ValueError for no networks, a network without layers, arrays that are not
    real, finite or do not fit together, and precisions that differ: the message names network and
    layer. MemoryError for more than fits.

    >>> import numpy
    >>> from superposition.interop import from_arrays
    >>> double = [([[2.0]], [0.0])]
    >>> size = [([[1.0], [-1.0]], [0.0, 0.0]), ([[1.0, 1.0]], [0.0])]
    >>> circuits = from_arrays([double, size])
    >>> circuits
    MLPCircuits(2 circuits, widths 1 → 2 → 1)
    >>> inputs, active = numpy.array([[[-3.0], [-3.0]]]), numpy.array([[0, 1]])
    >>> circuits.run(inputs, active)[-1].tolist()
    [[[-6.0], [3.0]]]
    """
    return circuits_of("networks", networks, checked_network)


def joined(*parts: MLPCircuits) -> MLPCircuits:
    """Return the circuits of several calls as one family, in order: models of several libraries.

    Each circuit is padded anew, and what is remembered of models goes along. Samplers do not; call
    `with_inputs` afterwards.
    Raises TypeError for other objects, and precisions that differ, which `astype` makes equal;
    ValueError for circuits with another activation than ReLU in all layers but the last.

    >>> from superposition.interop import from_arrays, joined
    >>> one = from_arrays({"double": [([[2.0]], [0.0])]})
    >>> two = from_arrays({"sum": [([[1.0, 1.0]], [0.0])]})
    >>> both = joined(one, two)
    >>> both, [model.name for model in both.models]
    (MLPCircuits(2 circuits, widths 2 → 1), ['double', 'sum'])
    """
    networks = []
    for i, part in enumerate(parts):
        instance(f"parts[{i}]", part, MLPCircuits)
        if tuple(part.activations) != ("relu",) * (part.n_layers - 1) + ("linear",):
            wanted = "ReLU after all layers but the last"
            raise ValueError(f"parts[{i}]: wanted {wanted}, got {part.activations}")
        for t, model in enumerate(part.models or [None] * part.n_circuits):
            layers = [(w[t], b[t]) for w, b in zip(part.weights, part.biases, strict=True)]
            if model is not None:
                layers[0] = layers[0][0][:, : model.n_inputs], layers[0][1]
                layers[-1] = layers[-1][0][: model.n_outputs], layers[-1][1][: model.n_outputs]
            networks.append(PlainNetwork(f"parts[{i}]", tuple(layers), model))
    return as_circuits(networks)


@dataclass(frozen=True)
class PlainNetwork:
    """One small network with a ReLU after all layers but the last.

    label: what error messages call it.
    layers: a pair of weight and bias for each layer.
    model: what is remembered of what it was.
    """

    label: str
    layers: tuple[Layer, ...]
    model: Interface | None

    @property
    def widths(self) -> tuple[int, ...]:
        """The widths d_0 … d_L."""
        return (self.layers[0][0].shape[1], *(len(bias) for _, bias in self.layers))

    @property
    def dtype(self) -> np.dtype[Any]:
        """The precision, float32 or float64."""
        return self.layers[0][0].dtype


def circuits_of(
    label: str, models: Models, network: Callable[[str, Any], PlainNetwork]
) -> MLPCircuits:
    """Return circuits of models, each made a network by a function of its label and itself.

    models: in any order that can be run through once; of a dictionary, keys are kept as names.
    """
    if isinstance(models, (str, bytes)) or not isinstance(models, Iterable):
        raise TypeError(f"{label}: wanted a sequence of them, got {type(models).__name__}")
    if not isinstance(models, Mapping):
        return as_circuits([network(f"{label}[{t}]", one) for t, one in enumerate(models)])
    made = {key: network(f"{label}[{key!r}]", one) for key, one in models.items()}
    named = ((one, one.model and replace(one.model, name=str(key))) for key, one in made.items())
    return as_circuits([replace(one, model=model) for one, model in named])


def checked_network(label: str, layers: object, **about: Any) -> PlainNetwork:
    """Return a network of checked arrays, or raise an error that names it and the layer.

    about: what is remembered of the model, as of `Interface`, apart from its sizes.
    """
    if not check_sequence(label, layers, "of layers"):
        raise ValueError(f"{label}: wanted at least one layer, got none")
    checked: list[Layer] = []
    sizes: dict[str, int] = {}
    for i, layer in enumerate(check_sequence(label, layers, "of layers")):
        name = f"{label}, layer {i}"
        if not isinstance(layer, Sequence) or len(layer) != 2:
            raise TypeError(f"{name}: wanted a pair (weight, bias)")
        after = f"width_{i + 1}"
        weight = _array(f"{name}, weight", layer[0], f"{after} width_{i}", sizes)
        bias = _array(f"{name}, bias", layer[1], after, sizes)
        if weight.size == 0:
            raise ValueError(f"{name}: wanted no empty axis, got shape {weight.shape}")
        if len({weight.dtype, bias.dtype, *(w.dtype for w, _ in checked)}) > 1:
            raise TypeError(f"{name}: wanted one precision in the whole network")
        checked.append((weight, bias))
    sizes = {"n_inputs": checked[0][0].shape[1], "n_outputs": len(checked[-1][1])}
    return PlainNetwork(label, tuple(checked), Interface(**{"library": "arrays", **sizes, **about}))


def check_sequence(name: str, value: object, what: str) -> Sequence[Any]:
    """Return the value if it is a sequence and no text, or raise TypeError that names it."""
    if isinstance(value, (str, bytes)) or not isinstance(value, Sequence):
        raise TypeError(f"{name}: wanted a sequence {what}, got {type(value).__name__}")
    return value


def _array(name: str, value: object, axes: str, sizes: dict[str, int]) -> Floats:
    """Return the value as `real_array` does, but in no other precision than its own."""
    try:
        array = np.asarray(value)
    except (RuntimeError, TypeError, ValueError) as error:
        raise TypeError(f"{name}: wanted an array, got {type(value).__name__}: {error}") from error
    if array.dtype.kind == "f" and array.dtype not in (np.float32, np.float64):
        raise TypeError(f"{name}: wanted float32 or float64, got {array.dtype}")
    return real_array(name, array, axes, sizes)


def as_circuits(networks: Sequence[PlainNetwork]) -> MLPCircuits:
    """Make circuits of networks of different shapes, padded to one shape: (eq-padding)."""
    if not networks:
        raise ValueError("networks: wanted at least one, got none")
    for network in networks:
        if network.dtype != networks[0].dtype:
            raise TypeError(
                f"{network.label}: wanted {networks[0].dtype}, as in {networks[0].label}, got "
                f"{network.dtype}"
            )
    depth = max(len(network.layers) for network in networks)
    deep = np.array([_deep_widths(network.widths, depth) for network in networks])
    widths = deep.max(axis=0).tolist()
    per_circuit = sum(after * (before + 1) for before, after in pairwise(widths))
    largest = sum(after * (before + 1) for before, after in pairwise(deep[deep.sum(1).argmax()]))
    dtype, n = networks[0].dtype, len(networks)
    check_circuits(n, dtype.itemsize * (per_circuit + int(largest)))
    weights = [np.zeros((n, after, before), dtype) for before, after in pairwise(widths)]
    biases = [np.zeros((n, after), dtype) for after in widths[1:]]
    for t, network in enumerate(networks):
        for i, (weight, bias) in enumerate(_deepened(network.layers, depth)):
            after, before = weight.shape
            weights[i][t, :after, :before], biases[i][t, :after] = weight, bias
    models = [network.model for network in networks]
    return MLPCircuits(weights, biases, ["relu"] * (depth - 1) + ["linear"], None, models)


def _deep_widths(widths: Sequence[int], depth: int) -> list[int]:
    """Return widths with as many more layers as `_deepened` adds."""
    *hidden, last = widths
    missing = depth + 1 - len(widths)
    copied = hidden[-1] if len(hidden) > 1 else 2 * hidden[-1]
    return [*hidden, *[copied] * missing, last]


def _deepened(layers: Sequence[Layer], depth: int) -> list[Layer]:
    """Return `depth` layers, where added ones copy states before the last layer.

    A network without hidden layers gets one that splits its input, x = max(x, 0) − max(−x, 0).
    """
    missing = depth - len(layers)
    *hidden, (last, bias) = layers
    if missing and not hidden:
        unit = np.eye(last.shape[1], dtype=last.dtype)
        hidden = [(np.vstack([unit, -unit]), np.zeros(2 * len(unit), last.dtype))]
        last, missing = np.hstack([last, -last]), missing - 1
    copy = np.eye(last.shape[1], dtype=last.dtype), np.zeros(last.shape[1], last.dtype)
    return [*hidden, *[copy] * missing, (last, bias)]


def product(layers: Sequence[Layer]) -> Layer:
    """Return layers that follow each other with no ReLU between as one, computed in double.

    The result has the precision of the narrowest.
    """
    dtype = min(weight.dtype for weight, _ in layers)
    weight, bias = layers[0]
    for after, more in layers[1:]:
        weight, bias = after.astype(float) @ weight, after.astype(float) @ bias + more
    return weight.astype(dtype), bias.astype(dtype)
