"""Small residual networks, and their on-indicator."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from superposition._check import (
    Floats,
    Integers,
    active_sets,
    generator,
    instance,
    no_empty_axis,
    positive_int,
    positive_real,
    real_array,
    whole_array,
)
from superposition._memory import check_circuits, check_memory
from superposition.circuits.inputs import InputSampler, UnitInputs, sample_active
from superposition.circuits.moments import N_NODES, Moments, residual_moments


@dataclass(frozen=True, eq=False, repr=False)
class ResidualCircuits:
    """T small residual ReLU networks of one shape, equation (eq-small) of *The construction*.

    Layer l maps a circuit's state a to a + write_out · relu(read_in · a + bias).

    read_in: (L, T, m, d), from the small residual stream to the neurons.
    bias: (L, T, m), one for each neuron.
    write_out: (L, T, d, m), from the neurons back to the small stream.

    There are L layers, T circuits and m neurons in a layer; d is the width of a circuit's stream.
    The arrays are kept as read-only views, of float32 or float64. Whole numbers become float64.

    Raises TypeError for complex, boolean or object arrays, ValueError for NaN, infinity, empty axes
    or shapes that do not fit together.

    >>> import numpy
    >>> from superposition import ResidualCircuits
    >>> rng = numpy.random.default_rng(0)
    >>> circuits = ResidualCircuits.random(
    ...     n_circuits=5, width=2, n_neurons=4, n_layers=3, rng=rng
    ... )
    >>> circuits
    ResidualCircuits(5 circuits, 3 layers, width 2, neurons 4)
    >>> states = circuits.run(
    ...     numpy.ones((1, 2, 2)), active=numpy.array([[0, 3]])
    ... )
    >>> len(states), states[-1].shape
    (4, (1, 2, 2))
    """

    read_in: Floats
    bias: Floats
    write_out: Floats

    def __post_init__(self) -> None:
        sizes: dict[str, int] = {}
        axes = {
            "read_in": "layers circuits neurons width",
            "bias": "layers circuits neurons",
            "write_out": "layers circuits width neurons",
        }
        for name, words in axes.items():
            object.__setattr__(self, name, real_array(name, getattr(self, name), words, sizes))
        no_empty_axis("read_in", sizes)
        if len({a.dtype for a in (self.read_in, self.bias, self.write_out)}) > 1:
            raise TypeError("read_in, bias, write_out: wanted one dtype, float32 or float64")

    @classmethod
    def random(
        cls, n_circuits: int, width: int, n_neurons: int, n_layers: int, rng: np.random.Generator
    ) -> ResidualCircuits:
        """Draw random circuits whose states stay of order one at every depth.

        Rows of read_in have mean squared length 1. Biases have standard deviation 1/√width, which
        is as large as a pre-activation for an input of length 1. The scale of write_out is such
        that all layers together add about as much squared length as a unit input brings.

        Raises TypeError or ValueError for sizes below 1, MemoryError for more circuits than fit.
        """
        shape = [
            positive_int(name, value)
            for name, value in (
                ("n_layers", n_layers),
                ("n_circuits", n_circuits),
                ("n_neurons", n_neurons),
                ("width", width),
            )
        ]
        n_layers, n_circuits, n_neurons, width = shape
        rng = generator(rng)
        one = 8 * n_layers * n_neurons * (3 * width + 1)
        check_circuits(n_circuits, one)
        scale = 1 / np.sqrt(width)
        # relu(x) of a Gaussian x has second moment var(x)/2, and var(x) = 2/width here
        write_scale = np.sqrt(1 / (n_layers * n_neurons))
        return cls(
            read_in=scale * rng.standard_normal((n_layers, n_circuits, n_neurons, width)),
            bias=scale * rng.standard_normal((n_layers, n_circuits, n_neurons)),
            write_out=write_scale * rng.standard_normal((n_layers, n_circuits, width, n_neurons)),
        )

    def __repr__(self) -> str:
        sizes = f"{self.n_layers} layers, width {self.width}, neurons {self.n_neurons}"
        return f"ResidualCircuits({self.n_circuits} circuits, {sizes})"

    @property
    def n_circuits(self) -> int:
        """The number of circuits, T."""
        return self.read_in.shape[1]

    @property
    def n_layers(self) -> int:
        """The number of layers, L."""
        return self.read_in.shape[0]

    @property
    def n_neurons(self) -> int:
        """The number m of neurons of one circuit in one layer."""
        return self.read_in.shape[2]

    @property
    def width(self) -> int:
        """The width d of one circuit's residual stream."""
        return self.read_in.shape[3]

    @property
    def widths(self) -> tuple[int, ...]:
        """The width of a circuit's state after 0 … L layers, which is always the same."""
        return (self.width,) * (self.n_layers + 1)

    @property
    def n_parameters(self) -> int:
        """The number of weights and biases of all circuits together."""
        return self.read_in.size + self.bias.size + self.write_out.size

    @property
    def dtype(self) -> np.dtype[Any]:
        """The precision, float32 or float64, in which a superposition is built and run."""
        return self.read_in.dtype

    @property
    def default_inputs(self) -> InputSampler:
        """A sampler of random unit vectors."""
        return UnitInputs(self.width)

    def astype(self, dtype: DTypeLike) -> ResidualCircuits:
        """Return the same circuits in another precision."""
        return ResidualCircuits(
            self.read_in.astype(dtype), self.bias.astype(dtype), self.write_out.astype(dtype)
        )

    def take(self, which: Integers) -> ResidualCircuits:
        """Return the circuits `which`, (n,), in that order; raise ValueError out of range."""
        which = whole_array("which", which, "circuits", {}, self.n_circuits)
        return ResidualCircuits(
            self.read_in[:, which], self.bias[:, which], self.write_out[:, which]
        )

    def run(self, inputs: Floats, active: Integers) -> tuple[Floats, ...]:
        """Return the exact states of the active circuits after 0 … L layers.

        inputs: (batch, k, d), what the circuits start from.
        active: (batch, k), the numbers of the active circuits, distinct within a row.

        Returns L+1 arrays (batch, k, d).
        Raises TypeError or ValueError for arrays of another kind, shape or range.
        """
        inputs, active = self.check_inputs(inputs, active)
        states = [inputs]
        for layer in range(self.n_layers):
            states.append(self.step(states[-1], active, layer))
        return tuple(states)

    def check_inputs(self, inputs: Floats, active: Integers) -> tuple[Floats, Integers]:
        """Return inputs (batch, k, d) and active sets (batch, k), or raise the errors of `run`."""
        sizes = {"width": self.width}
        active = active_sets(active, self.n_circuits, sizes)
        return real_array("inputs", inputs, "batch active width", sizes, self.dtype), active

    def moments(
        self,
        rng: np.random.Generator,
        *,
        n_samples: int = 2000,
        sample_inputs: InputSampler | None = None,
    ) -> Moments:
        """Return what predictions need to know, as means over random circuits and inputs.

        sample_inputs: (active, rng) → (batch, 1, d); None: random unit vectors.

        Weights are averaged over all circuits. Raises ValueError for fewer than 64 samples,
        MemoryError for more than fit.
        """
        if positive_int("n_samples", n_samples) < N_NODES:
            raise ValueError(f"n_samples: wanted at least {N_NODES}, got {n_samples}")
        one = self.dtype.itemsize * self.width * (self.n_layers * self.width + 3 * self.n_neurons)
        check_memory("n_samples", n_samples, lambda n: n * one, fits="{:,} samples".format)
        active = sample_active(self.n_circuits, 1, n_samples, rng)
        sample_inputs = self.default_inputs if sample_inputs is None else sample_inputs
        states = [state[:, 0] for state in self.run(sample_inputs(active, rng), active)]
        return residual_moments(self.read_in, self.bias, self.write_out, active[:, 0], states)

    def weighted_inputs(self, states: Floats, active: Integers, layer: int) -> Floats:
        """Return w · a, the inputs of active circuits' neurons before the bias, (batch, k, m).

        states: (batch, k, d), the circuits' own states.
        active: (batch, k), the numbers of the active circuits.

        Nothing is checked.
        """
        # b batch, k active, m neurons, d width
        return np.einsum("bkmd,bkd->bkm", self.read_in[layer][active], states)

    def step(self, states: Floats, active: Integers, layer: int) -> Floats:
        """Return active circuits' states after one layer, (batch, k, d). Nothing is checked."""
        inner = np.maximum(
            self.weighted_inputs(states, active, layer) + self.bias[layer][active], 0
        )
        return states + np.einsum("bkdm,bkm->bkd", self.write_out[layer][active], inner)


def with_indicator(circuits: ResidualCircuits, margin: float) -> ResidualCircuits:
    """Return the same circuits with an on-indicator, which is 1 while a circuit is active.

    Every bias b moves onto the indicator: w·a + b = w·a + (b + margin)·1 − margin, equation
    (eq-indicator) of *The construction*. An active circuit computes what it did before. All neurons
    now share the bias −margin. A circuit whose state is all zeros, indicator included, has every
    neuron `margin` below its threshold.

    The circuits returned have width d + 1. Raises ValueError for margin ≤ 0.

    >>> import numpy
    >>> from superposition import ResidualCircuits, with_indicator
    >>> rng = numpy.random.default_rng(0)
    >>> circuits = ResidualCircuits.random(
    ...     5, width=2, n_neurons=4, n_layers=1, rng=rng
    ... )
    >>> switched = with_indicator(circuits, margin=1.0)
    >>> switched.width, numpy.unique(switched.bias).tolist()
    (3, [-1.0])
    """
    instance("circuits", circuits, ResidualCircuits)
    margin = positive_real("margin", margin)
    column = circuits.bias + np.asarray(margin, circuits.dtype)
    silent = np.zeros_like(circuits.write_out[:, :, :1])
    return ResidualCircuits(
        read_in=np.concatenate([circuits.read_in, column[..., None]], axis=-1),
        bias=np.full_like(circuits.bias, -margin),
        write_out=np.concatenate([circuits.write_out, silent], axis=2),
    )
