"""The weights of a gated graph, in large layers that carry, clean, compute and clean."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, partial

import numpy as np

from superposition._check import Floats
from superposition._memory import check_memory, layers_in_words
from superposition.circuits.graph import CircuitGraph
from superposition.codes import SparseCode, superpose
from superposition.constructions.bounds import residual_bounds
from superposition.constructions.graph_codes import GraphCodes
from superposition.constructions.stream_gates import cleaning_layer, computing_layer
from superposition.network import ResidualNetwork

Parts = list[tuple[slice, Floats]]
# what some neurons of a layer read of parts of the stream, (neurons, part) each, and write
Piece = tuple[Parts, Parts]
Task = tuple[int, Callable[[], Piece]]  # how many neurons, and their weights


@dataclass(frozen=True, eq=False)
class GraphGates:
    """The maker of a gated graph's large layers, in which no neuron has a bias.

    graph: the graph.
    codes: the codes of its stages and edges.
    input_bound: the largest length of what circuits bring.
    headroom: how many times as large as for one active circuit of each stage gates are.
    quiet: whether to use the weights with least crosstalk.
    """

    graph: CircuitGraph
    codes: GraphCodes
    input_bound: float
    headroom: float
    quiet: bool

    def network(self) -> tuple[ResidualNetwork, tuple[int, ...]]:
        """Return the large network, and its number of layers at 0 … L layers of the graph.

        Raises MemoryError for a network that does not fit.
        """
        layers: list[list[Task]] = []
        checkpoints = []
        for layer in range(self.graph.n_layers + 1):
            layers += [tasks for tasks in self._arriving(layer) if tasks]
            checkpoints.append(len(layers))
            layers += [tasks for tasks in self._own(layer) if tasks]
        return self._assembled(layers), tuple(checkpoints)

    def _arriving(self, layer: int) -> Iterator[list[Task]]:
        """Yield layers that carry states along edges, and layers that clean up after them."""
        into = [
            i for i, edges in enumerate(self.graph.edges) if edges in self.graph.edges_into(layer)
        ]
        yield [self._carrying(i) for i in into]
        targets = dict.fromkeys(self.graph.edges[i].target for i in into)
        yield [self._cleaning(name, 0) for name in targets]

    def _own(self, layer: int) -> Iterator[list[Task]]:
        """Yield layers in which circuits compute, and layers that clean up after them."""
        living = self.graph.stages_computing(layer)
        yield [self._computing(name, layer - stage.start) for name, stage in living.items()]
        sources = {edges.source for edges in self.graph.edges}
        read = [n for n, stage in living.items() if layer + 1 < stage.end or n in sources]
        yield [self._cleaning(name, layer + 1 - living[name].start) for name in read]

    def _computing(self, name: str, own_layer: int) -> Task:
        circuits, codes = self.graph.stages[name].circuits, self.codes.stages[name]
        pre_activations = self.headroom * self._bounds[name][1][own_layer]

        def made() -> Piece:
            (read, _, write), _ = computing_layer(
                circuits, codes, own_layer, self.quiet, pre_activations
            )
            return self._within(name, read, write)

        return circuits.n_neurons * codes.neurons.size, made

    def _cleaning(self, name: str, own_layers: int) -> Task:
        circuits, codes = self.graph.stages[name].circuits, self.codes.stages[name]
        size = self.headroom * self._bounds[name][0][own_layers].max()

        def made() -> Piece:
            read, _, write = cleaning_layer(circuits.width, codes, size, circuits.dtype)
            return self._within(name, read, write)

        return 2 * circuits.width * codes.stream.size, made

    def _carrying(self, i: int) -> Task:
        """Return neurons with inputs ±C a, two for each entry: (eq-gated-carry)."""
        n_neurons = 2 * len(self.graph.edges[i].entries) * self.codes.edges[i][1]
        return n_neurons, partial(self._carriers, i)

    def _carriers(self, i: int) -> Piece:
        edges, (slots, n_slots) = self.graph.edges[i], self.codes.edges[i]
        dtype, (come, go) = self.graph.dtype, edges.pairs.T
        entries = np.tile(edges.entries, 2)
        n, signs = len(entries), np.repeat([1, -1], len(entries) // 2)
        places = slots[:, None, None] + n_slots * np.arange(n)[:, None]
        neurons = SparseCode(places, n_slots * n, dtype)
        maps = signs[:, None] * edges.maps[:, entries]
        back = np.zeros((len(slots), edges.maps.shape[1], n), dtype)
        back[:, entries, np.arange(n)] = signs
        read = superpose(neurons, maps, self._entries(edges.source).take(come))
        write = superpose(self._entries(edges.target).take(go), back, neurons)
        loudest = np.linalg.norm(maps, axis=2).max() * self._bounds[edges.source][0][-1].max()
        closed = np.tile(np.eye(n_slots, dtype=dtype), (n, 1)) * (-self.headroom * loudest)
        source, target = (self.codes.blocks[name] for name in (edges.source, edges.target))
        return [(source, read), (self.codes.gates[i], closed)], [(target, write)]

    def _within(self, name: str, read: Floats, write: Floats) -> Piece:
        block = self.codes.blocks[name]
        return [(block, read)], [(block, write)]

    def _entries(self, name: str) -> SparseCode:
        return self.codes.stages[name].entries(self.graph.stages[name].circuits.width)

    @cached_property
    def _bounds(self) -> dict[str, tuple[Floats, Floats]]:
        """Bounds of each stage on states, (L+1, T), and on pre-activations, (L,)."""
        found: dict[str, tuple[Floats, Floats]] = {}
        for name, stage in sorted(self.graph.stages.items(), key=lambda item: item[1].start):
            first = np.full(stage.circuits.n_circuits, self.input_bound)
            for edges in (each for each in self.graph.edges if each.target == name):
                come, go = edges.pairs.T
                norms = np.linalg.norm(edges.maps, 2, axis=(1, 2))
                np.add.at(first, go, norms * found[edges.source][0][-1][come])
            states, pre_activations, _ = residual_bounds(stage.circuits, first)
            found[name] = states, pre_activations
        return found

    def _assembled(self, layers: Sequence[Sequence[Task]]) -> ResidualNetwork:
        n_neurons = max(sum(n for n, _ in tasks) for tasks in layers)
        shape, dtype = (len(layers), n_neurons, self.codes.size), self.graph.dtype
        self._check_memory(shape)
        read_in, write_out = np.zeros(shape, dtype), np.zeros((shape[0], shape[2], shape[1]), dtype)
        for i, tasks in enumerate(layers):
            start = 0
            for n, made in tasks:
                rows, (reads, writes) = slice(start, start := start + n), made()
                for part, weights in reads:
                    read_in[i, rows, part] = weights
                for part, weights in writes:
                    write_out[i, part, rows] = weights
        return ResidualNetwork(read_in, np.zeros(shape[:2], dtype), write_out)

    def _check_memory(self, shape: tuple[int, int, int]) -> None:
        """Raise MemoryError unless all layers fit, and pieces as large as two more layers."""
        n_layers, neurons, width = shape

        def needs(size: int) -> float:
            return 2 * (n_layers + 2) * self.graph.dtype.itemsize * size**2 * neurons / width

        made = layers_in_words(n_layers, 2 * neurons, width, self.graph.dtype)
        fits = "a stream width of {:,}".format
        check_memory("stream_width", width, needs, fits=fits, kind="a network", made=made)
