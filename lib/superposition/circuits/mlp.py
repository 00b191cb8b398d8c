"""Small networks without a residual stream."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from superposition._check import (
    Floats,
    Integers,
    active_sets,
    generator,
    instance,
    layer_arrays,
    positive_int,
    real_array,
    whole_array,
)
from superposition._memory import check_circuits, check_memory
from superposition.circuits.conditional import find_step
from superposition.circuits.inputs import InputSampler, UnitInputs, sample_active, take_inputs
from superposition.circuits.interface import Interface, check_interfaces
from superposition.circuits.moments import MLPMoments, mlp_moments
from superposition.circuits.normal import Form, exponents_of, form_of, held_states, scaled
from superposition.network import activate, activation_names


@dataclass(frozen=True, eq=False, repr=False)
class MLPCircuits:
    """T small networks of one shape, in which layer l maps a state a to f(weights · a + bias).

    weights: one array for each layer, (T, d_out, d_in); widths may change from layer to layer.
    biases: one array for each layer, (T, d_out).
    activations: f, "relu" or "linear", one for all layers or one for each.
    sampler: the inputs to measure with, (active, rng) → (batch, k, d_0); None: random unit vectors.
    models: for circuits that were models, what each reads and how it answers; None for others.

    Raises TypeError for arrays that are not real or of mixed dtypes, ValueError for NaN, infinity,
    empty axes, shapes that do not fit together, an unknown activation, or models that do not fit.

    >>> import numpy
    >>> from superposition import MLPCircuits
    >>> double = MLPCircuits([2 * numpy.eye(2)[None]], [numpy.zeros((1, 2))])
    >>> double.n_circuits, double.widths
    (1, (2, 2))
    >>> double.run(numpy.array([[[1.0, -1.0]]]), numpy.array([[0]]))[-1].tolist()
    [[[2.0, 0.0]]]
    """

    weights: Sequence[Floats]
    biases: Sequence[Floats]
    activations: str | Sequence[str] = "relu"
    sampler: InputSampler | None = None
    models: Sequence[Interface | None] | None = None

    def __post_init__(self) -> None:
        weights, biases = layer_arrays(self.weights, self.biases, "circuits")
        if len({array.dtype for array in (*weights, *biases)}) > 1:
            raise TypeError("weights, biases: wanted one dtype, float32 or float64")
        object.__setattr__(self, "weights", weights)
        object.__setattr__(self, "biases", biases)
        names = activation_names(self.activations, len(weights))
        object.__setattr__(self, "activations", names)
        if self.models is not None:
            check_interfaces(self.models, self.n_circuits, self.widths[0], self.widths[-1])
            object.__setattr__(self, "models", tuple(self.models))

    @classmethod
    def random(
        cls, n_circuits: int, widths: Sequence[int], rng: np.random.Generator
    ) -> MLPCircuits:
        """Draw random ReLU circuits of widths d_0 … d_L, with states of order one.

        Weights are N(0, 2/d_in), which keeps the mean square of an entry from layer to layer where
        biases are small. Biases are N(0, 1/d_out), of both signs.

        Raises TypeError or ValueError for sizes below 1, MemoryError for more circuits than fit.
        """
        n_circuits, rng = positive_int("n_circuits", n_circuits), generator(rng)
        instance("widths", widths, Sequence)
        if len(widths) < 2:
            raise ValueError(f"widths: wanted at least an input and an output, got {widths}")
        widths = [positive_int(f"widths[{i}]", width) for i, width in enumerate(widths)]
        layers = [after * (before + 1) for before, after in pairwise(widths)]
        one = 8 * (sum(layers) + max(layers))
        check_circuits(n_circuits, one)
        weights, biases = [], []
        for before, after in pairwise(widths):
            scale = np.sqrt(2 / before)
            weights.append(scale * rng.standard_normal((n_circuits, after, before)))
            biases.append(rng.standard_normal((n_circuits, after)) / np.sqrt(after))
        return cls(weights, biases)

    def __repr__(self) -> str:
        widths = " → ".join(map(str, self.widths))
        return f"MLPCircuits({self.n_circuits} circuits, widths {widths})"

    @property
    def n_circuits(self) -> int:
        """The number of circuits, T."""
        return self.weights[0].shape[0]

    @property
    def n_layers(self) -> int:
        """The number of layers, L."""
        return len(self.weights)

    @property
    def widths(self) -> tuple[int, ...]:
        """The width d_0 … d_L of a circuit's state after 0 … L layers."""
        return (self.weights[0].shape[2], *(weight.shape[1] for weight in self.weights))

    @property
    def n_parameters(self) -> int:
        """The number of weights and biases of all circuits together."""
        return sum(array.size for array in (*self.weights, *self.biases))

    @property
    def dtype(self) -> np.dtype[Any]:
        """The precision, float32 or float64, in which a superposition is built and run."""
        return self.weights[0].dtype

    @property
    def default_inputs(self) -> InputSampler:
        """The sampler, or random unit vectors."""
        return self.sampler or UnitInputs(self.widths[0])

    @cached_property
    def form(self) -> Form:
        """How many neurons of a network of ReLUs hold states: signed ones may be in pairs."""
        return form_of(self)

    @cached_property
    def exponents(self) -> tuple[Integers, ...] | None:
        """Powers of two by which networks hold states smaller, L+1 arrays (T, d_l).

        They are found from weights and biases, and are None for circuits that are held as they are,
        with entries of about one size.
        """
        return exponents_of(self)

    def astype(self, dtype: DTypeLike) -> MLPCircuits:
        """Return the same circuits in another precision."""
        weights = [weight.astype(dtype) for weight in self.weights]
        biases = [bias.astype(dtype) for bias in self.biases]
        return replace(self, weights=weights, biases=biases)

    def take(self, which: Integers) -> MLPCircuits:
        """Return the circuits `which`, (n,), in that order; raise ValueError out of range.

        A sampler with a `take` method is asked for its sampler of these circuits. Another one is
        kept.
        """
        which = whole_array("which", which, "circuits", {}, self.n_circuits)
        weights = [weight[which] for weight in self.weights]
        biases = [bias[which] for bias in self.biases]
        sampler = None if self.sampler is None else take_inputs(self.sampler, which)
        models = None if self.models is None else [self.models[i] for i in which]
        return replace(self, weights=weights, biases=biases, sampler=sampler, models=models)

    def moments(self, rng: np.random.Generator, *, n_samples: int = 2000) -> MLPMoments:
        """Return what predictions need to know, as means over `n_samples` random pairs of circuits.

        They are those of circuits as networks hold them, with entries of about one size where the
        circuits' own are very different. Inputs are the circuits' own. Raises ValueError for a
        single circuit, MemoryError for more samples than fit.
        """
        if self.n_circuits < 2:
            raise ValueError("circuits: wanted at least two, to measure pairs")
        n_samples = positive_int("n_samples", n_samples)
        largest = max(after * before for before, after in pairwise(self.widths))
        one = 2 * self.dtype.itemsize * (2 * largest + 5 * sum(self.widths))
        check_memory("n_samples", n_samples, lambda n: n * one, fits="{:,} samples".format)
        which = sample_active(self.n_circuits, 2, n_samples, rng)
        states = self.run(self.default_inputs(which, rng), which)
        step, kept = find_step(self.weights, self.biases), scaled(self)
        layers = kept.weights, kept.biases, tuple(self.activations)
        small = [held_states(self, state, which, i) for i, state in enumerate(states)]
        return mlp_moments(*layers, which, small, step, rng, self.form, states)

    def run(self, inputs: Floats, active: Integers) -> tuple[Floats, ...]:
        """Return the exact states of the active circuits after 0 … L layers.

        inputs: (batch, k, d_0), what the circuits start from.
        active: (batch, k), the numbers of the active circuits, distinct within a row.

        Returns L+1 arrays (batch, k, d_l).
        Raises TypeError or ValueError for arrays of another kind, shape or range.
        """
        inputs, active = self.check_inputs(inputs, active)
        states = [inputs]
        layers = zip(self.weights, self.biases, self.activations, strict=True)
        for weight, bias, name in layers:
            # b batch, k active, i and j entries of the states after and before
            inner = np.einsum("bkij,bkj->bki", weight[active], states[-1]) + bias[active]
            states.append(activate(inner, name))
        return tuple(states)

    def check_inputs(self, inputs: Floats, active: Integers) -> tuple[Floats, Integers]:
        """Return inputs (batch, k, d_0) and active sets (batch, k), or raise as `run` does."""
        sizes = {"width": self.widths[0]}
        active = active_sets(active, self.n_circuits, sizes)
        return real_array("inputs", inputs, "batch active width", sizes, self.dtype), active
