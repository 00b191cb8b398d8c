"""The large networks are ordinary: nothing in them knows about circuits."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from superposition._check import (
    Floats,
    instance,
    layer_arrays,
    no_empty_axis,
    real_array,
    whole_array,
)

ACTIVATIONS = ("relu", "linear")


def activate(values: Floats, name: str) -> Floats:
    """Apply the named activation to `values` in place, and return them."""
    return np.maximum(values, 0, out=values) if name == "relu" else values


def activation_names(names: str | Sequence[str], n_layers: int) -> tuple[str, ...]:
    """Return one name for each layer.

    Raises ValueError for another number of names, or a name that is not in ACTIVATIONS.
    """
    if isinstance(names, str):
        names = (names,) * n_layers
    instance("activations", names, Sequence)
    names = tuple(names)
    if len(names) != n_layers:
        raise ValueError(f"activations: wanted {n_layers}, one per layer, got {len(names)}")
    for name in names:
        if name not in ACTIVATIONS:
            raise ValueError(f"activations: wanted one of {ACTIVATIONS}, got {name!r}")
    return names


class Network(Protocol):
    """What measuring needs of a large network."""

    def step(self, state: Floats, layer: int) -> tuple[Floats, Floats]: ...
    def run(self, state: Floats) -> tuple[Floats, ...]: ...
    @property
    def n_layers(self) -> int: ...
    @property
    def widths(self) -> tuple[int, ...]: ...
    @property
    def n_parameters(self) -> int: ...


@dataclass(frozen=True, eq=False, repr=False)
class ResidualNetwork:
    """A residual ReLU network in which layer l maps A to A + write_out · relu(read_in · A + bias).

    read_in: (L, M, D), from the residual stream of D dimensions to the M neurons of each layer.
    bias: (L, M), one for each neuron.
    write_out: (L, D, M), from the neurons back to the stream.

    Raises TypeError or ValueError for arrays of another kind or shape.

    >>> import numpy
    >>> from superposition import ResidualNetwork
    >>> unit = numpy.eye(2)[None]
    >>> keep_positive = ResidualNetwork(-unit, numpy.zeros((1, 2)), unit)
    >>> keep_positive
    ResidualNetwork(1 layers, stream 2, neurons 2)
    >>> keep_positive.run(numpy.array([[3.0, -3.0]]))[-1].tolist()
    [[3.0, 0.0]]
    """

    read_in: Floats
    bias: Floats
    write_out: Floats

    def __post_init__(self) -> None:
        sizes: dict[str, int] = {}
        axes = {
            "read_in": "layers neurons stream",
            "bias": "layers neurons",
            "write_out": "layers stream neurons",
        }
        for name, words in axes.items():
            object.__setattr__(self, name, real_array(name, getattr(self, name), words, sizes))
        no_empty_axis("read_in", sizes)

    def __repr__(self) -> str:
        sizes = f"{self.n_layers} layers, stream {self.stream_width}, neurons {self.n_neurons}"
        return f"ResidualNetwork({sizes})"

    @property
    def n_layers(self) -> int:
        """The number of layers of the large network."""
        return self.read_in.shape[0]

    @property
    def n_neurons(self) -> int:
        """The number M of neurons in each layer."""
        return self.read_in.shape[1]

    @property
    def stream_width(self) -> int:
        """The number D of dimensions of the residual stream."""
        return self.read_in.shape[2]

    @property
    def matrices(self) -> tuple[Floats, ...]:
        """The weight matrices in the order of layers: each reads, then writes."""
        both = self.read_in, self.write_out
        return tuple(weights[i] for i in range(self.n_layers) for weights in both)

    @property
    def widths(self) -> tuple[int, ...]:
        """The width of the state after 0 … L layers, which is always D."""
        return (self.stream_width,) * (self.n_layers + 1)

    @property
    def n_parameters(self) -> int:
        """The number N of weights and biases of all layers."""
        return self.read_in.size + self.bias.size + self.write_out.size

    def step(self, state: Floats, layer: int) -> tuple[Floats, Floats]:
        """Return the state (batch, D) after one layer, and the layer's neurons (batch, M).

        This is the inner loop of all measurements, so `state` is not checked. Raises ValueError for
        a layer that does not exist.
        """
        whole_array("layer", layer, "", {}, self.n_layers)
        neurons = state @ self.read_in[layer].T + self.bias[layer]
        np.maximum(neurons, 0, out=neurons)
        return state + neurons @ self.write_out[layer].T, neurons

    def run(self, state: Floats) -> tuple[Floats, ...]:
        """Return the states after 0 … L layers, each (batch, D), from a first state (batch, D)."""
        return run_layers(self, state, {"stream": self.stream_width})


@dataclass(frozen=True, eq=False, repr=False)
class MLPNetwork:
    """A network without a residual stream; layer l maps A to f(weights[l] · A + biases[l]).

    weights: one array for each layer, (D_out, D_in).
    biases: one array for each layer, (D_out,).
    activations: f, "relu" or "linear", one for all layers or one for each.

    Raises TypeError or ValueError for arrays of another kind or shape, or another activation.

    >>> import numpy
    >>> from superposition import MLPNetwork
    >>> network = MLPNetwork([numpy.ones((1, 2))], [numpy.array([-1.0])])
    >>> network
    MLPNetwork(widths 2 → 1)
    >>> network.run(numpy.array([[1.0, 1.0], [0.0, 0.0]]))[-1].tolist()
    [[1.0], [0.0]]
    """

    weights: Sequence[Floats]
    biases: Sequence[Floats]
    activations: str | Sequence[str] = "relu"

    def __post_init__(self) -> None:
        weights, biases = layer_arrays(self.weights, self.biases)
        object.__setattr__(self, "weights", weights)
        object.__setattr__(self, "biases", biases)
        names = activation_names(self.activations, len(weights))
        object.__setattr__(self, "activations", names)

    def __repr__(self) -> str:
        return f"MLPNetwork(widths {' → '.join(map(str, self.widths))})"

    @property
    def n_layers(self) -> int:
        """The number of layers of the large network."""
        return len(self.weights)

    @property
    def matrices(self) -> tuple[Floats, ...]:
        """The weight matrices in the order of layers."""
        return tuple(self.weights)

    @property
    def widths(self) -> tuple[int, ...]:
        """The numbers of neurons before the first layer and after each layer."""
        return (self.weights[0].shape[1], *(len(weight) for weight in self.weights))

    @property
    def n_parameters(self) -> int:
        """The number N of weights and biases of all layers."""
        return sum(array.size for array in (*self.weights, *self.biases))

    def step(self, state: Floats, layer: int) -> tuple[Floats, Floats]:
        """Return the state (batch, D_out) after one layer, twice, since all of it is neurons.

        This is the inner loop of all measurements, so `state` is not checked. Raises ValueError for
        a layer that does not exist.
        """
        whole_array("layer", layer, "", {}, self.n_layers)
        inner = state @ self.weights[layer].T
        inner += self.biases[layer]
        state = activate(inner, self.activations[layer])
        return state, state

    def run(self, state: Floats) -> tuple[Floats, ...]:
        """Return the states after 0 … L layers, each (batch, D_l), from a first state."""
        return run_layers(self, state, {"width": self.widths[0]})


@dataclass(frozen=True, eq=False, repr=False)
class NetworkInFactors:
    """A large network whose weight matrices are sums that are not multiplied out.

    layers: the sums of each layer, one in an MLP, reading and writing in a residual network; and
        its biases.
    activations: a name for each layer of an MLP; None for a residual network, which is of ReLUs.
    """

    layers: Sequence[tuple[tuple[Any, ...], Floats]]
    activations: Sequence[str] | None = None

    def __repr__(self) -> str:
        return f"NetworkInFactors(widths {' → '.join(map(str, self.widths))})"

    @property
    def n_layers(self) -> int:
        """The number of layers of the large network."""
        return len(self.layers)

    @property
    def widths(self) -> tuple[int, ...]:
        """The width of the state before the first layer and after each layer."""
        sums = [sums for sums, _ in self.layers]
        return (sums[0][0].shape[1], *(each[-1].shape[0] for each in sums))

    @property
    def n_parameters(self) -> int:
        """The number of products for one sample, and of biases, in place of weights."""
        products = sum(one.n_products for sums, _ in self.layers for one in sums)
        return products + sum(bias.size for _, bias in self.layers)

    def step(self, state: Floats, layer: int) -> tuple[Floats, Floats]:
        """Return the state after one layer, and the layer's neurons, as the dense network does."""
        whole_array("layer", layer, "", {}, self.n_layers)
        sums, bias = self.layers[layer]
        if self.activations is None:
            neurons = activate(sums[0](state) + bias, "relu")
            return state + sums[1](neurons), neurons
        state = activate(sums[0](state) + bias, self.activations[layer])
        return state, state

    def run(self, state: Floats) -> tuple[Floats, ...]:
        """Return the states after 0 … L layers from a first state."""
        sizes = {"stream" if self.activations is None else "width": self.widths[0]}
        return run_layers(self, state, sizes)


def mlp_of(
    layers: Iterable[tuple[tuple[Any, ...], Floats]], together: int | None = None
) -> MLPNetwork:
    """Return the dense MLP of layers' sums and biases, made one layer after the other.

    together: the number of layers, if all have one shape: then one block of memory holds them.
    """
    weights: list[Floats] = []
    biases: list[Floats] = []
    for i, ((only,), bias) in enumerate(layers):
        if together and i == 0:
            block = np.zeros((together, *only.shape), only.dtype)
        weights.append(only.dense(block[i] if together else None))
        biases.append(bias)
    return MLPNetwork(weights, biases)


def residual_of(layers: Iterable[tuple[tuple[Any, ...], Floats]], n_layers: int) -> ResidualNetwork:
    """Return the dense residual network of n_layers layers' sums, made one after the other."""
    for i, ((read, write), bias) in enumerate(layers):
        if i == 0:
            read_in = np.zeros((n_layers, *read.shape), read.dtype)
            write_out = np.zeros((n_layers, *write.shape), write.dtype)
            biases = np.zeros((n_layers, len(bias)), bias.dtype)
        read.dense(read_in[i])
        write.dense(write_out[i])
        biases[i] = bias
    return ResidualNetwork(read_in, biases, write_out)


def run_layers(network: Network, state: Floats, sizes: dict[str, int]) -> tuple[Floats, ...]:
    """Return the states after 0 … L layers from a first one, (batch, axis), as in `sizes`."""
    states = [real_array("state", state, f"batch {next(iter(sizes))}", sizes)]
    for layer in range(network.n_layers):
        states.append(network.step(states[-1], layer)[0])
    return tuple(states)
