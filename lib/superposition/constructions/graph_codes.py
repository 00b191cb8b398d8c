"""The slots of a gated graph's circuits and edges, and where they are in the stream."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from sympy import prevprime

from superposition._check import Integers
from superposition._memory import check_memory
from superposition.circuits.graph import CircuitGraph
from superposition.codes import SparseCode
from superposition.codes.packings import smallest_plane
from superposition.codes.stream import StreamCodes, draw_stream_codes


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
