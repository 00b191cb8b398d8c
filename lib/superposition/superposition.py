"""A superposition is the large network together with what embeds circuits in it and reads them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from superposition._check import Floats, Integers, whole_array
from superposition.certificate.bounds import ROUNDED
from superposition.certificate.certificate import gated_certificate
from superposition.circuits import CircuitGraph, Circuits, MLPCircuits, ResidualCircuits
from superposition.maps import Code, SparseCode, StreamCodes
from superposition.network import MLPNetwork, Network, ResidualNetwork

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, eq=False, repr=False)
class Superposition(ABC):
    """Many circuits in one network, with the maps by which their states go in and come out.

    circuits: the small networks as given, T of them with L layers.
    construction: the parameters by which they were compressed.
    network: the large network, which knows nothing of the circuits.
    checkpoints: L+1 integers; after that many large layers small layer l can be read.

    Each construction's `compress` returns one.

    >>> import numpy
    >>> from superposition import GatedConstruction, MLPCircuits, Superposition
    >>> rng = numpy.random.default_rng(0)
    >>> circuits = MLPCircuits.random(25, [2, 2, 2], rng)
    >>> large = GatedConstruction().compress(circuits, rng)
    >>> isinstance(large, Superposition), large.network
    (True, MLPNetwork(widths 20 → 20 → 20))
    >>> inputs, active = numpy.array([[[0.6, 0.8]]]), numpy.array([[11]])
    >>> estimates, truths = large.run(inputs, active), circuits.run(inputs, active)
    >>> numpy.allclose(estimates[-1], truths[-1])
    True
    """

    circuits: Circuits
    construction: Any
    network: Network
    checkpoints: tuple[int, ...]

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.circuits!r} in {self.network!r})"

    @abstractmethod
    def embed(self, inputs: Floats, active: Integers) -> Floats:
        """Return the first large state (batch, D) for inputs (batch, k, d_0) of active circuits.

        Raises as the circuits' own `run` does.
        """

    @abstractmethod
    def read(self, state: Floats, which: Integers, layer: int) -> Floats:
        """Return what circuits `which` (batch, j) read after small layer `layer`, (batch, j, d_l).

        This is a linear map of the state (batch, D) that does not depend on which circuits are
        active.
        """

    @abstractmethod
    def read_all(self, state: Floats, layer: int) -> Floats:
        """Return what every circuit reads of states (batch, D), (batch, T, d_l), as `read` does."""

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

    def certificate(self, n_active: int, *, n_layers: int | None = None) -> pd.DataFrame:
        """Return bounds on errors for every active set and every input: (eq-certificate).

        Raises TypeError unless the superposition is gated. In others inactive circuits pass noise
        on, and only the sum over all of them would be a sure bound.
        """
        raise TypeError(
            "superposition: wanted GatedSuperposition, where what is not in use is silenced, got "
            f"{type(self).__name__}, where inactive circuits pass noise on"
        )

    def _layer(self, layer: int) -> int:
        return int(whole_array("layer", layer, "", {}, self.circuits.n_layers + 1))

    def _bounded(self, inputs: Floats, active: Integers) -> tuple[Floats, Integers]:
        """Return checked inputs that are no longer than the construction's `input_bound`."""
        inputs, active = self.circuits.check_inputs(inputs, active)
        bound = self.construction.input_bound
        if (longest := float(np.linalg.norm(inputs, axis=-1).max(initial=0))) > bound * ROUNDED:
            raise ValueError(f"inputs: wanted none longer than {bound}, the bound, got {longest}")
        return inputs, active


@dataclass(frozen=True, eq=False, repr=False)
class ResidualSuperposition(Superposition):
    """Residual circuits in a residual network.

    stream_code: how the circuits' states, indicator last, lie in the large stream.
    neuron_codes: one code for each large layer, of which large neurons carry which small ones.

    `embed` sets each active circuit's indicator to 1; `read` leaves indicators out.
    """

    circuits: ResidualCircuits | CircuitGraph
    network: ResidualNetwork
    stream_code: Code
    neuron_codes: tuple[Code, ...]

    def embed(self, inputs: Floats, active: Integers) -> Floats:
        inputs, active = self.circuits.check_inputs(inputs, active)
        on = np.ones((*active.shape, 1), self.circuits.dtype)
        return self.stream_code.encode(np.concatenate([inputs, on], axis=-1), active)

    def read(self, state: Floats, which: Integers, layer: int) -> Floats:
        self._layer(layer)
        return self.stream_code.decode(state, which)[..., :-1]

    def read_all(self, state: Floats, layer: int) -> Floats:
        self._layer(layer)
        return self.stream_code.decode_all(state)[..., :-1]


@dataclass(frozen=True, eq=False, repr=False)
class GraphSuperposition(ResidualSuperposition):
    """A graph of residual circuits in a residual network.

    reader: the code by which circuits read their states, with what edges lead to them.

    Before a circuit starts, `stream_code` reads what it brings.
    """

    circuits: CircuitGraph
    reader: Code

    def read(self, state: Floats, which: Integers, layer: int) -> Floats:
        begun = self._begun(layer)[np.asarray(which)]
        before = self.stream_code.decode(state, which)
        return np.where(begun[..., None], self.reader.decode(state, which), before)[..., :-1]

    def read_all(self, state: Floats, layer: int) -> Floats:
        begun, before = self._begun(layer), self.stream_code.decode_all(state)
        return np.where(begun[:, None], self.reader.decode_all(state), before)[..., :-1]

    def _begun(self, layer: int) -> NDArray[np.bool_]:
        """Return which circuits have their inputs after `layer` layers, (T,)."""
        stages, layer = self.circuits.stages.values(), self._layer(layer)
        counts = [stage.circuits.n_circuits for stage in stages]
        return np.repeat([stage.start <= layer for stage in stages], counts)


@dataclass(frozen=True, eq=False, repr=False)
class MLPSuperposition(Superposition):
    """MLP circuits in an MLP without a residual stream.

    codes: one for each layer, of which neurons hold which entries of the circuits' states after it.

    `embed` writes the inputs of the first layer's neurons, Σ_t w_t a_t, on their slots, and the
    network's first layer only adds the bias: (eq-layer-zero). So `read` at layer 0 undoes the first
    layer's weights. This is exact where a circuit's w_t is injective. Otherwise it is the shortest
    state that w_t maps to what is there.
    """

    circuits: MLPCircuits
    network: MLPNetwork
    codes: tuple[SparseCode, ...]

    def embed(self, inputs: Floats, active: Integers) -> Floats:
        inputs, active = self.circuits.check_inputs(inputs, active)
        weights = self.circuits.weights[0][active]
        return self.codes[0].encode(np.einsum("bkij,bkj->bki", weights, inputs), active)

    def read(self, state: Floats, which: Integers, layer: int) -> Floats:
        if (layer := self._layer(layer)) > 0:
            return self.codes[layer - 1].decode(state, which)
        which = whole_array("which", which, "batch circuits", {}, self.circuits.n_circuits)
        weighted = self.codes[0].decode(state, which)
        return np.einsum("bkij,bkj->bki", self._undo(np.unique(which))[which], weighted)

    def read_all(self, state: Floats, layer: int) -> Floats:
        if (layer := self._layer(layer)) > 0:
            return self.codes[layer - 1].decode_all(state)
        weighted = self.codes[0].decode_all(state).transpose(1, 2, 0)
        return np.matmul(self._undo_all, weighted).transpose(2, 0, 1)

    @cached_property
    def _undo_all(self) -> Floats:
        return self._undo(np.arange(self.circuits.n_circuits))

    def _undo(self, which: Integers) -> Floats:
        """Return pseudo-inverses (T, d_0, d_1) of the first weights, zero but for `which`."""
        first = self.circuits.weights[0]
        undo = np.zeros(first.swapaxes(1, 2).shape, first.dtype)
        undo[which] = np.linalg.pinv(first[which])
        return undo


@dataclass(frozen=True, eq=False, repr=False)
class GatedSuperposition(Superposition):
    """MLP circuits in an MLP where gates, which `embed` sets, say which circuits are active.

    codes: after 0 … L layers, where states are read: their entries, then the gates of the code.
    door: the input map, where inputs are written, and then the gates of both codes.
    offsets: (L+1,), what is added to values in use so that they may be below zero: (eq-offset).
    """

    circuits: MLPCircuits
    network: MLPNetwork
    codes: tuple[SparseCode, ...]
    door: SparseCode
    offsets: tuple[float, ...]

    def embed(self, inputs: Floats, active: Integers) -> Floats:
        """Return the first large state (batch, D) for inputs (batch, k, d_0) of active circuits.

        Let n be the number of active circuits on a slot. A gate of the first code is min(1, n), and
        a gate of the other code is 1 − min(1, n). The minimum is taken here.
        Raises ValueError for inputs longer than the construction's `input_bound`; otherwise as the
        circuits' own `run` does.
        """
        inputs, active = self._bounded(inputs, active)
        on = np.ones((*active.shape, 2), inputs.dtype)
        state = self.door.encode(np.concatenate([inputs, on], axis=-1), active)
        n_slots = self.door.size // self.door.width
        np.minimum(state[:, -2 * n_slots :], 1, out=state[:, -2 * n_slots :])
        np.subtract(1, state[:, -n_slots:], out=state[:, -n_slots:])
        return state

    def read(self, state: Floats, which: Integers, layer: int) -> Floats:
        layer = self._layer(layer)
        return self.without_offset(self.codes[layer].decode(state, which), layer)

    def read_all(self, state: Floats, layer: int) -> Floats:
        layer = self._layer(layer)
        return self.without_offset(self.codes[layer].decode_all(state), layer)

    def certificate(self, n_active: int, *, n_layers: int | None = None) -> pd.DataFrame:
        """Return bounds on errors, by layer, for every active set and every input in bounds.

        The bounds follow from the weights of `network` as they are, in exact arithmetic, for every
        set of `n_active` circuits: (eq-certificate). There is a row for each small layer 0 …
        n_layers, by default for all. The columns are these:

        layer: the small layer.
        bound: the bound on ‖δ‖, which is `worst` of `measure_error`.
        size: the bound on the length of any state, (eq-value-bound).
        circuit: the circuit with the largest bound.

        The bound is zero for one active circuit if the weights say so. A slot's reading of its own
        circuit may be wrong by 1e-12 of the size, offset included, which counts as rounding.
        Raises TypeError or ValueError for counts ≤ 0, n_active > T or n_layers > L; ValueError for
        a bound above the size, saying how many layers have a lower one, and for a network whose
        gates are not copied exactly, or may leave slots open that are not in use.
        """
        return gated_certificate(self, n_active, n_layers)

    def without_offset(self, read: Floats, layer: int) -> Floats:
        """Return the entries less the offset times the gate, which is read last."""
        values, gate = read[..., :-1], read[..., -1:]
        return values - self.offsets[layer] * gate if self.offsets[layer] else values


@dataclass(frozen=True, eq=False, repr=False)
class GatedResidualSuperposition(Superposition):
    """Residual circuits in a residual network where gates say which circuits are active.

    codes: which slots each circuit has in the stream, and which slots of neurons.

    A small layer is read right after the large layer that computes it. Slots not in use then hold
    what was written for other slots, which the next layer removes.
    """

    circuits: ResidualCircuits
    network: ResidualNetwork
    codes: StreamCodes

    def embed(self, inputs: Floats, active: Integers) -> Floats:
        """Return the first large state (batch, D) for inputs (batch, k, d) of active circuits.

        Let n be the number of active circuits on a slot. A gate of the stream is min(1, n), and a
        gate of the neurons is 1 − min(1, n). The minimum is taken here.
        Raises ValueError for inputs longer than the construction's `input_bound`; otherwise as the
        circuits' own `run` does.
        """
        inputs, active = self._bounded(inputs, active)
        on = np.ones((*active.shape, 1), inputs.dtype)
        input_map = self.codes.input_map(self.circuits.width)
        state = input_map.encode(np.concatenate([inputs, on], axis=-1), active)
        of_stream, of_neurons = self.codes.gates(self.circuits.width)
        state[:, of_stream] = np.minimum(state[:, of_stream], 1)
        state[:, of_neurons] = 1 - np.minimum(self.codes.neurons.encode(on, active), 1)
        return state

    def read(self, state: Floats, which: Integers, layer: int) -> Floats:
        self._layer(layer)
        return self.codes.entries(self.circuits.width).decode(state, which)

    def read_all(self, state: Floats, layer: int) -> Floats:
        self._layer(layer)
        return self.codes.entries(self.circuits.width).decode_all(state)
