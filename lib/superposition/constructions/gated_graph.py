"""Gated superposition of a graph of circuits, exact while one circuit of each stage is active."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from superposition._check import Floats, Integers, active_sets, whole_array
from superposition.circuits.graph import CircuitGraph
from superposition.constructions.compiled import Superposition
from superposition.constructions.graph_codes import GraphCodes
from superposition.network import ResidualNetwork


@dataclass(frozen=True, eq=False, repr=False)
class GatedGraphSuperposition(Superposition):
    """A graph of circuits in a residual network where gates say which circuits are active.

    codes: which slots circuits and edges have, and where they are in the stream.

    A circuit's state is read in the block of its own stage. It stays there, so that it can be read
    at any later layer.
    """

    circuits: CircuitGraph
    network: ResidualNetwork
    codes: GraphCodes

    def embed(self, inputs: Floats, active: Integers) -> Floats:
        """Return the first large state (batch, D) for inputs (batch, k, d) of active circuits.

        Gates of a stage's stream are 1 on slots of active circuits. Gates of its neurons are 0 on
        slots of active circuits, and gates of edges are 0 on slots of edges whose two ends are
        active.
        Raises ValueError for inputs longer than the construction's `input_bound`; otherwise as the
        graph's own `run` does.
        """
        inputs, active = self._bounded(inputs, active)
        state = np.zeros((len(active), self.codes.size), inputs.dtype)
        for name, codes in self.codes.stages.items():
            rows, columns, which = self._of(name, active)
            width = self.circuits.stages[name].circuits.width
            block = state[:, self.codes.blocks[name]]
            places = rows[:, None, None], codes.entries(width).slots[which]
            np.add.at(block, places, inputs[rows, columns, :width, None])
            of_stream, of_neurons = codes.gates(width)
            block[:, of_stream][rows[:, None], codes.stream.slots[which, 0]] = 1
            block[:, of_neurons] = 1
            block[:, of_neurons][rows[:, None], codes.neurons.slots[which, 0]] = 0
        for edges, (slots, _), gates in zip(
            self.circuits.edges, self.codes.edges, self.codes.gates, strict=True
        ):
            rows, carried, *_ = self.circuits.active_edges(active, edges)
            state[:, gates] = 1
            state[:, gates][rows, slots[carried]] = 0
        return state

    def read(self, state: Floats, which: Integers, layer: int) -> Floats:
        self._layer(layer)
        which = whole_array("which", which, "batch circuits", {}, self.circuits.n_circuits)
        out = np.zeros((*which.shape, self.circuits.width), state.dtype)
        for name, codes in self.codes.stages.items():
            rows, columns, own = self._of(name, which)
            width = self.circuits.stages[name].circuits.width
            slots = codes.entries(width).slots[own] + self.codes.blocks[name].start
            out[rows, columns, :width] = state[rows[:, None, None], slots].mean(axis=-1)
        return out

    def read_all(self, state: Floats, layer: int) -> Floats:
        self._layer(layer)
        out = np.zeros((len(state), self.circuits.n_circuits, self.circuits.width), state.dtype)
        for name, codes in self.codes.stages.items():
            width, first = self.circuits.stages[name].circuits.width, self.circuits.first[name]
            own = codes.entries(width).decode_all(state[:, self.codes.blocks[name]])
            out[:, first : first + own.shape[1], :width] = own
        return out

    def undisturbed(self, active: Integers) -> NDArray[np.bool_]:
        """Return which active circuits nothing disturbs, so that they are exact, (batch, k).

        Another circuit of the stage disturbs a circuit if the two share a slot, or if some circuit
        leads from slots of one to slots of the other. An edge disturbs a circuit if it reads or
        writes the slots of others, on the circuit's own way or that of a circuit that leads to it.
        Circuits that are disturbed may be exact all the same. The statement holds as long as no
        disturbed circuit grows beyond the gates' headroom. Raises as the graph's own `run` does.
        """
        active = active_sets(active, self.circuits.n_circuits, {})
        free = np.ones(active.shape, bool)
        for name, codes in self.codes.stages.items():
            rows, columns, own = self._of(name, active)
            every = codes.stream.slots[:, 0], codes.neurons.slots[:, 0]
            one, other = _pairs(rows)
            meet = _meet(every, own[one], own[other]) | _meet(every, own[other], own[one])
            for slots in every:
                meet |= (slots[own[one]][:, :, None] == slots[own[other]][:, None]).any(axis=(1, 2))
            free[rows[one[meet]], columns[one[meet]]] = False
        stages = self.circuits.stages
        for i in sorted(range(len(self.codes.edges)), key=lambda i: stages[self._target(i)].start):
            rows, which, come, go = self.circuits.active_edges(active, self.circuits.edges[i])
            reads, written = self._reached(i, active[rows], which, come, go)
            np.logical_and.at(free, (rows, go), ~reads.any(axis=1))
            edge, other = np.nonzero(written)
            free[rows[edge], other] = False
            np.logical_and.at(free, (rows, go), free[rows, come])
        return free

    def _target(self, i: int) -> str:
        return self.circuits.edges[i].target

    def _reached(
        self, i: int, active: Integers, which: Integers, come: Integers, go: Integers
    ) -> list[NDArray[np.bool_]]:
        """Return which active circuits, besides its two ends, an active edge reads and writes.

        active: (n, k), the row of each active edge; the other arguments are as of `active_edges`.

        The two arrays have shape (n, k).
        """
        edges, slots, found = self.circuits.edges[i], self.codes.edges[i][0], []
        both = (edges.source, edges.target), edges.pairs.T, (come, go)
        for name, ends, own in zip(*both, strict=True):
            stream = self.codes.stages[name].stream
            joined = np.zeros((stream.size, self.codes.edges[i][1]), bool)
            joined[stream.slots[ends, 0], slots[:, None]] = True
            local = active - self.circuits.first[name]
            inside = (local >= 0) & (local < stream.n_circuits)
            theirs = stream.slots[np.where(inside, local, 0), 0]
            meets = inside & joined[theirs, slots[which][:, None, None]].any(axis=2)
            meets[np.arange(len(which)), own] = False
            found.append(meets)
        return found

    def _of(self, name: str, which: Integers) -> tuple[Integers, Integers, Integers]:
        """Return rows and columns of circuits of a stage, and their numbers in that stage."""
        own = which - self.circuits.first[name]
        inside = (own >= 0) & (own < self.circuits.stages[name].circuits.n_circuits)
        rows, columns = np.nonzero(inside)
        return rows, columns, own[rows, columns]


def _pairs(rows: Integers) -> tuple[Integers, Integers]:
    """Return all pairs of different places with the same number.

    rows: the numbers in ascending order.
    """
    pairs = [np.empty((2, 0), int)]
    for apart in range(1, int(np.bincount(rows).max(initial=0))):
        first = np.flatnonzero(rows[apart:] == rows[:-apart])
        pairs += [np.stack([first, first + apart]), np.stack([first + apart, first])]
    one, other = np.concatenate(pairs, axis=1)
    return one, other


def _meet(
    slots: tuple[Integers, Integers], of_stream: Integers, of_neurons: Integers
) -> NDArray[np.bool_]:
    """Return whether anything has a slot of one circuit's stream and a slot of the other's neurons.

    slots: (n, r) of the stream and (n, r') of neurons, of all circuits or edges.
    """
    stream, neurons = slots
    joined = np.zeros((stream.max() + 1, neurons.max() + 1), bool)
    joined[stream[:, :, None], neurons[:, None]] = True
    corners = joined[stream[of_stream][:, :, None], neurons[of_neurons][:, None]]
    return np.asarray(corners.any(axis=(1, 2)))
