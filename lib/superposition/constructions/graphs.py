"""Where graphs of circuits lie in a gated residual network, and which of them are disturbed."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from superposition._check import Floats, Integers, active_sets, instance, real_array
from superposition._memory import check_memory
from superposition.circuits.graph import CircuitGraph
from superposition.maps import (
    SparseCode,
    StreamCodes,
    check_reads,
    check_state,
    draw_stream_codes,
)
from superposition.packings import smallest_plane
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

    def of(self, name: str, which: Integers) -> tuple[Integers, Integers, Integers]:
        """Return rows and columns of circuits of a stage, and their numbers in that stage."""
        own = which - self.graph.first[name]
        inside = (own >= 0) & (own < self.graph.stages[name].circuits.n_circuits)
        rows, columns = np.nonzero(inside)
        return rows, columns, own[rows, columns]

    @property
    def n_circuits(self) -> int:
        """The number of circuits, T."""
        return self.graph.n_circuits

    @property
    def of_all(self) -> StreamCodes:
        """The codes of the only stage, where circuits are no graph."""
        (only,) = self.stages.values()
        return only

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


@dataclass(frozen=True, eq=False)
class StageCode:
    """Where the entries of all circuits of a graph lie, stage by stage; narrow ones have fewer.

    codes: the codes of the graph's stages and edges.
    """

    codes: GraphCodes

    @property
    def n_circuits(self) -> int:
        """The number of circuits, T."""
        return self.codes.graph.n_circuits

    @property
    def width(self) -> int:
        """The most entries of one circuit's state."""
        return self.codes.graph.width

    @property
    def size(self) -> int:
        """The number D of dimensions of the stream."""
        return self.codes.size

    def encode(self, values: Floats, active: Integers) -> Floats:
        """Return the states (batch, D) that hold the values (batch, k, d) of active circuits."""
        state = np.zeros((len(active), self.size), values.dtype)
        for name, codes in self.codes.stages.items():
            rows, columns, own = self.codes.of(name, active)
            width = self.codes.graph.stages[name].circuits.width
            places = rows[:, None, None], codes.entries(width).slots[own]
            block = state[:, self.codes.blocks[name]]
            np.add.at(block, places, values[rows, columns, :width, None])
        return state

    def decode(self, state: Floats, which: Integers) -> Floats:
        """Return what circuits `which` (batch, j) read of states (batch, D), (batch, j, d)."""
        state, which = check_state(self, state, which)
        out = np.zeros((*which.shape, self.width), state.dtype)
        for name, codes in self.codes.stages.items():
            rows, columns, own = self.codes.of(name, which)
            width = self.codes.graph.stages[name].circuits.width
            slots = codes.entries(width).slots[own] + self.codes.blocks[name].start
            out[rows, columns, :width] = state[rows[:, None, None], slots].mean(axis=-1)
        return out

    def decode_all(self, state: Floats) -> Floats:
        """Return what every circuit reads of states (batch, D), (batch, T, d)."""
        state = real_array("state", state, "batch size", {"size": self.size})
        check_reads(self.n_circuits * self.width, len(state))
        out = np.zeros((len(state), self.n_circuits, self.width), state.dtype)
        for name, codes in self.codes.stages.items():
            width, first = (
                self.codes.graph.stages[name].circuits.width,
                self.codes.graph.first[name],
            )
            own = codes.entries(width).decode_all(state[:, self.codes.blocks[name]])
            out[:, first : first + own.shape[1], :width] = own
        return out


@dataclass(frozen=True, eq=False)
class StageGate:
    """The gates of one stage's slots of the stream, or of neurons, which are closed.

    codes: the codes of the graph.
    name: the stage.
    of_neurons: whether the gates are those of neurons' slots.
    """

    codes: GraphCodes
    name: str
    of_neurons: bool

    def write(self, state: Floats, active: Integers) -> None:
        """Set the gates of states (batch, D) for active circuits (batch, k)."""
        rows, _, own = self.codes.of(self.name, active)
        gates = state[:, self._place]
        gates[:] = self.of_neurons
        gates[rows[:, None], self._code.slots[own, 0]] = not self.of_neurons

    def read(self, state: Floats) -> Floats:
        """Return which share of circuits' slots is in use, (batch, T); 1 for other stages."""
        gates = np.ascontiguousarray(state[:, self._place])
        first, out = self.codes.graph.first[self.name], np.ones((len(state), self.codes.n_circuits))
        shares = self._code.decode_all(1 - gates if self.of_neurons else gates)[..., 0]
        out[:, first : first + shares.shape[1]] = shares
        return out

    @property
    def _code(self) -> SparseCode:
        codes = self.codes.stages[self.name]
        return codes.neurons if self.of_neurons else codes.stream

    @property
    def _place(self) -> slice:
        width = self.codes.graph.stages[self.name].circuits.width
        gates = self.codes.stages[self.name].gates(width)[self.of_neurons]
        start = self.codes.blocks[self.name].start
        return slice(start + gates.start, start + gates.stop)


@dataclass(frozen=True, eq=False)
class EdgeGate:
    """The gates of a group of edges, closed unless both ends of an edge are active.

    codes: the codes of the graph.
    number: which group of edges.
    """

    codes: GraphCodes
    number: int

    def write(self, state: Floats, active: Integers) -> None:
        """Set the gates of states (batch, D) for active circuits (batch, k)."""
        graph, (slots, _) = self.codes.graph, self.codes.edges[self.number]
        rows, carried, *_ = graph.active_edges(active, graph.edges[self.number])
        gates = state[:, self.codes.gates[self.number]]
        gates[:] = 1
        gates[rows, slots[carried]] = 0

    def read(self, state: Floats) -> Floats:
        """Return ones, (batch, T): edges say nothing of circuits that are active without them."""
        return np.ones((len(state), self.codes.n_circuits))


def undisturbed(superposition: Superposition, active: Integers) -> NDArray[np.bool_]:
    """Return which active circuits nothing disturbs, so that they are exact, (batch, k).

    Another circuit of the stage disturbs a circuit if the two share a slot, or if some circuit
    leads from slots of one to slots of the other. An edge disturbs a circuit if it reads or
    writes the slots of others, on the circuit's own way or that of a circuit that leads to it.
    Circuits that are disturbed may be exact all the same. The statement holds as long as no
    disturbed circuit grows beyond the gates' headroom. Raises as the graph's own `run` does.
    """
    instance("superposition.codes", superposition.codes, GraphCodes)
    every_code: GraphCodes = superposition.codes
    graph = every_code.graph
    active = active_sets(active, graph.n_circuits, {})
    free = np.ones(active.shape, bool)
    for name, codes in every_code.stages.items():
        rows, columns, own = every_code.of(name, active)
        every = codes.stream.slots[:, 0], codes.neurons.slots[:, 0]
        one, other = _pairs(rows)
        meet = _meet(every, own[one], own[other]) | _meet(every, own[other], own[one])
        for slots in every:
            meet |= (slots[own[one]][:, :, None] == slots[own[other]][:, None]).any(axis=(1, 2))
        free[rows[one[meet]], columns[one[meet]]] = False
    starts = [graph.stages[edges.target].start for edges in graph.edges]
    for i in np.argsort(starts, kind="stable").tolist():
        rows, which, come, go = graph.active_edges(active, graph.edges[i])
        reads, written = _reached(every_code, i, active[rows], which, come, go)
        np.logical_and.at(free, (rows, go), ~reads.any(axis=1))
        edge, other = np.nonzero(written)
        free[rows[edge], other] = False
        np.logical_and.at(free, (rows, go), free[rows, come])
    return free


def _reached(
    codes: GraphCodes, i: int, active: Integers, which: Integers, come: Integers, go: Integers
) -> list[NDArray[np.bool_]]:
    """Return which active circuits, besides its two ends, an active edge reads and writes.

    active: (n, k), the row of each active edge; the other arguments are as of `active_edges`.

    The two arrays have shape (n, k).
    """
    edges, slots, found = codes.graph.edges[i], codes.edges[i][0], []
    both = (edges.source, edges.target), edges.pairs.T, (come, go)
    for name, ends, own in zip(*both, strict=True):
        stream = codes.stages[name].stream
        joined = np.zeros((stream.size, codes.edges[i][1]), bool)
        joined[stream.slots[ends, 0], slots[:, None]] = True
        local = active - codes.graph.first[name]
        inside = (local >= 0) & (local < stream.n_circuits)
        theirs = stream.slots[np.where(inside, local, 0), 0]
        meets = inside & joined[theirs, slots[which][:, None, None]].any(axis=2)
        meets[np.arange(len(which)), own] = False
        found.append(meets)
    return found


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
