"""Graphs of circuits in one gated residual network."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial

import numpy as np
from numpy.typing import NDArray

from superposition._check import Floats, Integers, active_sets, whole_array
from superposition._memory import check_memory, layers_in_words
from superposition.certificate.bounds import residual_bounds
from superposition.circuits.graph import CircuitGraph
from superposition.constructions.cleaning import cleaning_layer, computing_layer
from superposition.maps import SparseCode, StreamCodes, draw_stream_codes
from superposition.network import ResidualNetwork
from superposition.packings import smallest_plane
from superposition.sums import superpose
from superposition.superposition import Superposition


@dataclass(frozen=True, eq=False)
class GraphCodes:
    """Codes of all stages and edges, and where their blocks of the stream are.

    graph: the graph.
    stages: by name, the codes of each stage, which has its own block for entries and gates.
    edges: for each group of edges, the slot of neurons of each edge, (n,), and the number of slots.

    The gates of edges are 1 on slots not in use. They lie in their own blocks after those of
    stages.
    """

    graph: CircuitGraph
    stages: Mapping[str, StreamCodes]
    edges: tuple[tuple[Integers, int], ...]

    @cached_property
    def blocks(self) -> dict[str, slice]:
        """The block of the stream of each stage."""
        sizes = [
            codes.size(self.graph.stages[n].circuits.width) for n, codes in self.stages.items()
        ]
        return dict(zip(self.stages, _parts(0, sizes), strict=True))

    @cached_property
    def gates(self) -> tuple[slice, ...]:
        """The block of the gates of each group of edges."""
        start = max(block.stop for block in self.blocks.values())
        return _parts(start, [n_slots for _, n_slots in self.edges])

    @property
    def size(self) -> int:
        """The number D of dimensions of the stream."""
        return max(part.stop for part in (*self.blocks.values(), *self.gates))


def draw_graph_codes(
    graph: CircuitGraph,
    redundancies: tuple[int, int],
    stream_width: int | None,
    rng: np.random.Generator,
) -> GraphCodes:
    """Draw codes of the smallest planes that hold the stages, or of larger ones in a given stream.

    redundancies: how many slopes the stream's codes and the neurons' codes have.
    stream_width: the dimensions available, or None.

    With a `stream_width`, no plane is smaller than the largest prime for which everything fits, and
    edges have as many slots as that prime. Raises ValueError for a stream that is too narrow.
    """

    from sympy import prevprime

    codes = _draw(graph, redundancies, 1, rng)
    if stream_width is None:
        return codes
    if codes.size > stream_width:
        raise ValueError(
            f"stream_width: wanted at least {codes.size} for {graph.n_circuits} circuits and "
            f"{graph.n_edges} edges, got {stream_width}"
        )
    prime = _largest_prime(codes, redundancies, stream_width)
    while prime > 2:
        larger = _draw(graph, redundancies, prime, rng)
        if larger.size <= stream_width:
            return larger
        prime = int(prevprime(prime))  # edges took more slots than before
    return codes


def _largest_prime(codes: GraphCodes, redundancies: tuple[int, int], stream_width: int) -> int:
    """Return the largest prime over which planes and edges fit, or 2 if none is larger.

    Raises MemoryError for planes that do not fit.
    """

    from sympy import prevprime

    r, more = redundancies
    lines = [
        (r * (stage.circuits.width + 1) + more, code.neurons.size // more)
        for stage, code in zip(codes.graph.stages.values(), codes.stages.values(), strict=True)
    ]

    def size(prime: int) -> int:
        stages = sum(max(least, prime) * per_line for per_line, least in lines)
        return stages + sum(max(n_slots, prime) for _, n_slots in codes.edges)

    largest = bisect_right(range(stream_width), stream_width, key=size)
    per_line = stream_width / largest  # a plane is drawn as all of its points
    check_memory(
        "stream_width",
        stream_width,
        lambda width: 2 * 8 * (width / per_line) ** 2 * (r + more + 1),
        fits="{:,}".format,
    )
    return int(prevprime(max(largest, 3)))


def _draw(
    graph: CircuitGraph, redundancies: tuple[int, int], least: int, rng: np.random.Generator
) -> GraphCodes:
    """Draw planes over `least`, or larger where circuits need them, and as many slots for edges."""
    stages = {}
    for name, stage in graph.stages.items():
        n = stage.circuits.n_circuits
        prime = max(smallest_plane(n, sum(redundancies)), least)
        stages[name] = draw_stream_codes(prime, *redundancies, n, rng, graph.dtype)
    coloured = []
    for edges in graph.edges:
        ends = zip((edges.source, edges.target), edges.pairs.T, strict=True)
        sources, targets = (stages[name].stream.take(which) for name, which in ends)
        coloured.append(colour_edges(sources, targets, least, rng))
    return GraphCodes(graph, stages, tuple(coloured))


def colour_edges(
    sources: SparseCode, targets: SparseCode, at_least: int, rng: np.random.Generator
) -> tuple[Integers, int]:
    """Return a slot of neurons for each of n edges, (n,), and the number of slots: (eq-edge-slots).

    sources: a code of width 1 of the edges' sources.
    targets: a code of width 1 of the edges' targets.
    at_least: the least number of slots.

    Two edges have different slots if their sources share a slot of the stream, or their targets do.
    Edges are treated in random order. Each takes the least used of the slots that it may have, or a
    new slot.
    """
    ends = [code.slots[:, 0] for code in (sources, targets)]
    taken = [np.zeros((code.size, at_least), bool) for code in (sources, targets)]
    slots, load = np.empty(sources.n_circuits, int), np.zeros(at_least, int)
    for edge in rng.permutation(sources.n_circuits):
        pairs = list(zip(taken, (end[edge] for end in ends), strict=True))
        busy = np.logical_or(*(used[own].any(axis=0) for used, own in pairs))
        if busy.all():
            taken = [np.pad(used, [(0, 0), (0, 1)]) for used in taken]
            busy, load = np.append(busy, False), np.append(load, 0)
        slot = np.where(busy, len(slots), load).argmin()
        for used, end in zip(taken, ends, strict=True):
            used[end[edge], slot] = True
        slots[edge], load[slot] = slot, load[slot] + 1
    return slots, len(load)


def _parts(start: int, sizes: Sequence[int]) -> tuple[slice, ...]:
    """Return parts of these sizes, one after the other."""
    ends = (start + np.cumsum(sizes, dtype=int)).tolist()
    return tuple(slice(end - size, end) for end, size in zip(ends, sizes, strict=True))


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
