"""A superposition is the large network together with what embeds circuits in it and reads them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import chain
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from superposition._check import Floats, Integers, whole_array
from superposition.circuits.bounds import ROUNDED
from superposition.maps import Code
from superposition.network import NetworkInFactors
from superposition.sums import Layer, Sum

if TYPE_CHECKING:
    import pandas as pd


class Writes(Protocol):
    """What writes circuits' values into a large state."""

    def encode(self, values: Floats, active: Integers) -> Floats: ...


class Reads(Protocol):
    """What reads circuits' values from large states."""

    def decode(self, state: Floats, which: Integers) -> Floats: ...
    def decode_all(self, state: Floats) -> Floats: ...


class Gates(Protocol):
    """What says in a large state which circuits are active."""

    def write(self, state: Floats, active: Integers) -> None: ...
    def read(self, state: Floats) -> Floats: ...


class Inputs(Protocol):
    """What makes first large states of inputs (batch, k, d_0) of active circuits."""

    def write(self, inputs: Floats, active: Integers) -> Floats: ...


class Readings(Protocol):
    """What reads circuits' states (batch, j, d), or those of all, from large states (batch, D)."""

    def read(self, state: Floats, which: Integers) -> Floats: ...
    def read_all(self, state: Floats) -> Floats: ...


class Construction(Protocol):
    """What a superposition asks of the construction by which it was made.

    `codes` is what the construction's `compress` drew or was given: where everything lies.
    """

    def layers(self, circuits: Any, codes: Any) -> Iterator[Layer]: ...
    def input_map(self, circuits: Any, codes: Any) -> Inputs: ...
    def read_map(self, circuits: Any, codes: Any, layer: int) -> Readings: ...
    def gates(self, circuits: Any, codes: Any, layer: int) -> tuple[Gates, ...]: ...


@dataclass(frozen=True, eq=False)
class Gate:
    """Neurons that say which slots of a code are in use.

    code: of width 1, the slots of each circuit.
    place: where the gates of its slots are in the large state.
    closed: whether a gate is 1 on slots not in use, or on slots in use.
    """

    code: Code
    place: slice
    closed: bool

    def write(self, state: Floats, active: Integers) -> None:
        """Set the gates of states (batch, D) for active circuits (batch, k)."""
        on = self.code.encode(np.ones((*active.shape, 1), state.dtype), active)
        in_use = np.minimum(on, 1)
        state[:, self.place] = 1 - in_use if self.closed else in_use

    def read(self, state: Floats) -> Floats:
        """Return which share of each circuit's slots states (batch, D) show in use, (batch, T)."""
        gates = np.ascontiguousarray(state[:, self.place])
        return self.code.decode_all(1 - gates if self.closed else gates)[..., 0]


@dataclass(frozen=True, eq=False)
class InputMap:
    """How inputs enter the large state: Σ_t E_t · w_t · [a_t, 1], and gates.

    code: E_t, where the circuits' entries are written.
    weights: w_t, (T, width, d_0), applied first; None for none.
    indicator: whether an entry of 1 follows each circuit's inputs.
    gates: what says which slots are in use.
    bound: the largest length of an input; longer ones are refused.
    """

    code: Writes
    weights: Floats | None = None
    indicator: bool = False
    gates: tuple[Gates, ...] = ()
    bound: float = np.inf

    def write(self, inputs: Floats, active: Integers) -> Floats:
        """Return first states (batch, D) for inputs (batch, k, d_0) of active circuits."""
        if np.isfinite(self.bound):
            lengths = np.linalg.norm(inputs, axis=-1).max(axis=1, initial=0)
            if (beyond := np.flatnonzero(lengths > self.bound * ROUNDED)).size:
                longest, rows = float(lengths.max()), ", ".join(map(str, beyond[:5]))
                more = f" and {len(beyond) - 5} more" if len(beyond) > 5 else ""
                raise ValueError(
                    f"inputs: wanted none longer than {self.bound}, the bound, got {longest} in "
                    f"rows {rows}{more}; compress with an input_bound of {np.ceil(longest):g}"
                )
        if self.weights is not None:
            inputs = np.einsum("bkij,bkj->bki", self.weights[active], inputs)
        if self.indicator:
            on = np.ones((*active.shape, 1), inputs.dtype)
            inputs = np.concatenate([inputs, on], axis=-1)
        state = self.code.encode(inputs, active)
        for gate in self.gates:
            gate.write(state, active)
        return state


@dataclass(frozen=True, eq=False)
class ReadMap:
    """How circuits' states are read from the large state: one linear map for each circuit.

    code: where the circuits' entries are read.
    width: how many entries are read.
    weights: (T, d, width), applied to what is read; None: the entries are the state.
    offset: how many times one entry more, a gate, is taken off the others first.
    """

    code: Reads
    width: int
    weights: Floats | None = None
    offset: float = 0.0

    def read(self, state: Floats, which: Integers) -> Floats:
        """Return what circuits `which` (batch, j) read of states (batch, D), (batch, j, d)."""
        read = self._entries(self.code.decode(state, which))
        if self.weights is None:
            return read
        return np.einsum("bkij,bkj->bki", self.weights[which], read)

    def read_all(self, state: Floats) -> Floats:
        """Return what every circuit reads of states (batch, D), (batch, T, d)."""
        read = self._entries(self.code.decode_all(state))
        if self.weights is None:
            return read
        return np.matmul(self.weights, read.transpose(1, 2, 0)).transpose(2, 0, 1)

    def _entries(self, read: Floats) -> Floats:
        entries = read[..., : self.width]
        return entries - self.offset * read[..., -1:] if self.offset else entries


@dataclass(frozen=True, eq=False, repr=False)
class Superposition:
    """Many circuits in one network, with the maps by which their states go in and come out.

    circuits: the small networks as given, T of them with L layers.
    construction: the parameters by which they were compressed, a `Construction`.
    network: the large network, which knows nothing of the circuits.
    checkpoints: L+1 integers; after that many large layers small layer l can be read.
    codes: where everything lies, as the construction drew it or was given it.

    Each construction's `compress` returns one. Everything else follows: `sums`, the large weights
    as sums over circuits; `input_map`, which embeds; and `read_maps`, which read.

    >>> import numpy
    >>> from superposition import GatedConstruction, MLPCircuits, Superposition
    >>> rng = numpy.random.default_rng(0)
    >>> circuits = MLPCircuits.random(25, [2, 2, 2], rng)
    >>> large = GatedConstruction().compress(circuits, rng)
    >>> isinstance(large, Superposition), large.network
    (True, MLPNetwork(widths 20 → 20 → 20))
    >>> inputs, active = numpy.array([[[0.6, 0.8]]]), numpy.array([[11]])
    >>> estimates = large.run(inputs, active)
    >>> truths = circuits.run(inputs, active)
    >>> numpy.allclose(estimates[-1], truths[-1])
    True
    """

    circuits: Any
    construction: Any
    network: Any
    checkpoints: tuple[int, ...]
    codes: Any

    def __repr__(self) -> str:
        kind = type(self.construction).__name__
        return f"Superposition({self.circuits!r} in {self.network!r} by {kind})"

    @property
    def sums(self) -> tuple[Sum, ...]:
        """The large weight matrices as sums over circuits, in the order of the layers.

        Raises ValueError where `network` has other weights, so that these are not its sums.
        """
        return tuple(chain.from_iterable(layer.sums for layer in self._layers()))

    @cached_property
    def input_map(self) -> Any:
        """How inputs enter the first large state."""
        return self.construction.input_map(self.circuits, self.codes)

    @cached_property
    def read_maps(self) -> tuple[Any, ...]:
        """How circuits' states are read after each small layer, L+1 linear maps."""
        layers = range(len(self.checkpoints))
        return tuple(self.construction.read_map(self.circuits, self.codes, i) for i in layers)

    def gates(self, layer: int) -> tuple[Gates, ...]:
        """Return the gates that say which circuits are active, after small layer `layer`."""
        return self.construction.gates(self.circuits, self.codes, self._layer(layer))

    def embed(self, inputs: Floats, active: Integers) -> Floats:
        """Return the first large state (batch, D) for inputs (batch, k, d_0) of active circuits.

        Gates are set here, where there are any: min(1, n) for n active circuits on a slot, or one
        less that. Raises ValueError for inputs longer than the construction's `input_bound`, if it
        has one; otherwise as the circuits' own `run` does.
        """
        return self.input_map.write(*self.circuits.check_inputs(inputs, active))

    def read(self, state: Floats, which: Integers, layer: int) -> Floats:
        """Return what circuits `which` (batch, j) read after small layer `layer`, (batch, j, d_l).

        This is a linear map of the state (batch, D) that does not depend on which circuits are
        active.
        """
        layer = self._layer(layer)
        which = whole_array("which", which, "batch circuits", {}, self.circuits.n_circuits)
        return self.read_maps[layer].read(state, which)

    def read_all(self, state: Floats, layer: int) -> Floats:
        """Return what every circuit reads of states (batch, D), (batch, T, d_l), as `read` does."""
        return self.read_maps[self._layer(layer)].read_all(state)

    def run(self, inputs: Floats, active: Integers) -> tuple[Floats, ...]:
        """Return estimated states of the active circuits after 0 … L small layers.

        inputs: (batch, k, d_0), what the circuits start from.
        active: (batch, k), the numbers of the active circuits, distinct within a row.

        Returns L+1 arrays (batch, k, d_l), made by `embed`, the network and `read` alone.
        """
        states = self.network.run(self.embed(inputs, active))
        return tuple(
            self.read(states[checkpoint], active, layer)
            for layer, checkpoint in enumerate(self.checkpoints)
        )

    def predict(self, which: Any, rows: Any) -> Any:
        """Return what model `which` says of rows, as its own `predict` would, from inside.

        which: the number of a model that became a circuit, or its name if it came in a dictionary;
            or a sequence of these, which are then active together.
        rows: a table of the model's own columns; or a sequence of tables, one for each model, with
            as many rows each.

        The large network runs on these rows with no other circuit active. The answer has the
        model's shape, precision and labels. For a sequence of models it is a list. A PyTorch
        model's answer is an array.
        Raises ValueError for circuits that were not models, a model that does not exist, tables of
        other columns or in another order than in the fit, and longer rows than the construction's
        `input_bound`.

        >>> import numpy
        >>> from superposition import GatedConstruction
        >>> from superposition.interop import from_arrays
        >>> circuits = from_arrays({"half": [([[0.5]], [0.0])]})
        >>> rng = numpy.random.default_rng(0)
        >>> large = GatedConstruction(input_bound=9).compress(circuits, rng)
        >>> large.predict("half", [[8.0], [2.0]]).tolist()
        [[4.0], [1.0]]
        """
        from superposition.answers import answers

        return answers(self, which, rows)

    def predict_proba(self, which: Any, rows: Any) -> Any:
        """Return a classifier's probabilities, as its own `predict_proba` would: see `predict`.

        Raises TypeError for a model that is no classifier, otherwise as `predict` does.
        """
        from superposition.answers import answers

        return answers(self, which, rows, probabilities=True)

    def certificate(self, n_active: int, *, n_layers: int | None = None) -> pd.DataFrame:
        """Return bounds on errors, by layer, for every active set and every input in bounds.

        The bounds follow from the weights of `network` as they are, for every set of `n_active`
        circuits: (eq-certificate). There is a row for each small layer 0 … n_layers, by default for
        all. The columns are these:

        layer: the small layer.
        bound: the bound on ‖δ‖, which is `worst` of `measure_error`, in exact arithmetic.
        size: the bound on the length of any state, (eq-value-bound).
        rounding: the bound on what arithmetic in the circuits' precision adds to ‖δ‖, for the
            circuit where it is largest: (eq-rounding).
        circuit: the circuit with the largest bound.

        The bound is zero for one active circuit if the weights say so. A slot's reading of its own
        circuit may be wrong by 1e-12 of the size, offset included, which counts as rounding.
        Raises TypeError unless the superposition is by `GatedConstruction`. In others inactive
        circuits pass noise on, and only the sum over all of them would be a sure bound. Raises
        TypeError or ValueError for counts ≤ 0, n_active > T or n_layers > L; ValueError for a bound
        above the size, saying how many layers have a lower one, and for a network whose gates are
        not copied exactly, or may leave slots open that are not in use.
        """
        from superposition.certificate.certificate import gated_certificate

        return gated_certificate(self, n_active, n_layers)

    def in_factors(self) -> Superposition:
        """Return the same superposition with its network in factors, equal up to rounding.

        A dense layer costs as many products as it has weights. In factors it costs what its
        circuits do: each reads its slots, multiplies by its own weights and writes. The new
        `network.n_parameters` says how many products one sample takes. Factors are cheaper where
        that number is far smaller, since a product with a sparse matrix takes a few times as long
        as one with a dense matrix. Raises ValueError where `network` has other weights.
        """
        names = getattr(self.network, "activations", None)
        return replace(self, network=NetworkInFactors(tuple(self._layers()), names))

    def _layers(self) -> Iterator[Layer]:
        """Yield the layers that the construction makes, if they are those of the network."""
        wanted = "superposition.network: wanted the weights that its construction makes, got"
        dense = not isinstance(self.network, NetworkInFactors)
        matrices = iter(self.network.matrices if dense else ())
        for layer in self.construction.layers(self.circuits, self.codes):
            for one in layer.sums:
                if dense and not _equal(one, next(matrices, None)):
                    raise ValueError(f"{wanted} others in {one.name}")
            yield layer
        if next(matrices, None) is not None:
            raise ValueError(f"{wanted} more layers")

    def _layer(self, layer: int) -> int:
        return int(whole_array("layer", layer, "", {}, len(self.checkpoints)))


def _equal(one: Sum, weights: Floats | None) -> bool:
    """Return whether a matrix is a sum, by a product of both with the same vector.

    A row may differ by the square root of the precision, times its length, and by rounding.
    """
    if weights is None or one.shape != weights.shape:
        return False
    probe = np.cos(np.arange(1.0, one.shape[1] + 1)).astype(one.dtype)
    differ = np.abs(one(probe[None])[0] - weights @ probe)
    rows = np.sqrt(np.einsum("ij,ij->i", weights, weights)) * np.linalg.norm(probe)
    eps = np.finfo(one.dtype).eps
    return bool((differ <= np.sqrt(eps) * rows + 1000 * eps * rows.max()).all())
