"""Graphs of circuits: stages of circuits, and edges along which one feeds another."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from graphlib import CycleError, TopologicalSorter
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray
from scipy import sparse

from superposition._check import (
    Floats,
    Integers,
    active_sets,
    generator,
    instance,
    positive_int,
    real_array,
    whole_array,
    whole_number,
)
from superposition.circuits.inputs import InputSampler
from superposition.circuits.residual import ResidualCircuits

_ANY = 2**62  # circuits beyond their stage are refused by name


@dataclass(frozen=True, eq=False)
class Stage:
    """Circuits of one shape that compute on the same layers.

    circuits: the circuits.
    start: how many layers of the graph come before their first one.

    Raises TypeError or ValueError for other circuits, or a start below 0.
    """

    circuits: ResidualCircuits
    start: int = 0

    def __post_init__(self) -> None:
        instance("circuits", self.circuits, ResidualCircuits)
        whole_number("start", self.start, 0)

    @property
    def end(self) -> int:
        """The number of the graph's layers after which the circuits are done."""
        return self.start + self.circuits.n_layers


@dataclass(frozen=True, eq=False)
class Edges:
    """Maps that carry outputs of one stage's circuits to inputs of another stage's circuits.

    source: the name of the stage that the edges come from.
    target: the name of the stage that they lead to.
    pairs: (n, 2), which of the source's circuits feeds which of the target's.
    maps: (n, d_target, d_source), or one map (d_target, d_source) for all edges.

    A map is applied to the final state of its source circuit. The result is added to the state of
    the target circuit right before that circuit's first layer.
    """

    source: str
    target: str
    pairs: Integers
    maps: Floats

    @property
    def entries(self) -> Integers:
        """The entries of target states to which any of the maps adds something."""
        return np.flatnonzero(np.any(self.maps, axis=(0, 2)))


def checked_edges(edges: Sequence[Edges], stages: Mapping[str, Stage]) -> tuple[Edges, ...]:
    """Return the edges with full arrays (n, 2) and (n, d_target, d_source), without empty groups.

    Raises TypeError or ValueError for what does not fit the stages, an edge given twice, a cycle,
    and circuits read before they are done; the message names the circuits.
    """
    every = [_checked(f"edges[{i}]", each, stages) for i, each in enumerate(edges)]
    checked = tuple(each for each in every if len(each.pairs))
    _check_twice(checked)
    _check_cycles(checked)
    for i, each in enumerate(checked):
        done, start = stages[each.source].end, stages[each.target].start
        if done > start:
            raise ValueError(
                f"edges[{i}]: wanted circuits that are done before they are read, but "
                f"{' → '.join(next(_ends(each)))} is read after {start} layers, done after {done}"
            )
    return checked


def _checked(label: str, edges: Edges, stages: Mapping[str, Stage]) -> Edges:
    instance(label, edges, Edges)
    for which, end in (("source", edges.source), ("target", edges.target)):
        if end not in stages:
            raise ValueError(f"{label}.{which}: wanted one of {[*stages]}, got {end!r}")
    circuits = [stages[end].circuits for end in (edges.source, edges.target)]
    counts = [each.n_circuits for each in circuits]
    pairs = whole_array(f"{label}.pairs", edges.pairs, "edges two", {"two": 2}, _ANY)
    for end, column, count in zip((edges.source, edges.target), pairs.T, counts, strict=True):
        if (beyond := column[column >= count]).size:
            raise ValueError(
                f"{label}.pairs: wanted {end}[0] to {end}[{count - 1}], got {end}[{beyond[0]}]"
            )
    maps, before, after = np.asarray(edges.maps), circuits[0].width, circuits[1].width
    if maps.shape not in ((after, before), (len(pairs), after, before)):
        named = Edges(edges.source, edges.target, pairs, maps)
        both = next((" → ".join(ends) for ends in _ends(named)), "no edge")
        raise ValueError(
            f"{label}.maps: wanted shape ({len(pairs)}, {after}, {before}) or ({after}, {before}), "
            f"for states of width {before} that are added to those of width {after}, got "
            f"{maps.shape} for {both}"
        )
    if not maps.any() and len(pairs):
        raise ValueError(f"{label}.maps: wanted some that are not all zero")
    maps = np.broadcast_to(maps, (len(pairs), after, before))
    maps = real_array(f"{label}.maps", maps, "edges after before", {}, circuits[0].dtype)
    return Edges(edges.source, edges.target, pairs, maps)


def _ends(edges: Edges) -> Iterator[tuple[str, str]]:
    """Yield the names of the circuits at both ends of each edge: "adder[3]"."""
    for source, target in edges.pairs.tolist():
        yield f"{edges.source}[{source}]", f"{edges.target}[{target}]"


def _check_twice(edges: Sequence[Edges]) -> None:
    seen: set[tuple[str, str]] = set()
    for ends in (ends for each in edges for ends in _ends(each)):
        if ends in seen:
            raise ValueError(f"edges: wanted each once, got {' → '.join(ends)} twice")
        seen.add(ends)


def _check_cycles(edges: Sequence[Edges]) -> None:
    sorter: TopologicalSorter[str] = TopologicalSorter()
    for source, target in (ends for each in edges for ends in _ends(each)):
        sorter.add(target, source)
    try:
        sorter.prepare()
    except CycleError as error:
        raise ValueError(f"edges: wanted no cycle, got {' → '.join(error.args[1])}") from None


@dataclass(frozen=True, eq=False)
class CircuitGraph:
    """T small networks, some of which take the outputs of others: (eq-graph) of *Generalising*.

    stages: the groups of circuits, by name.
    edges: the maps between circuits of different stages.
    sampler: the inputs that circuits bring, or None for the default.

    By default a circuit that no edge leads to brings a random unit vector, and the others bring
    zeros. Circuits are numbered through all stages in order. All states are as wide as the widest
    circuit's, and zero beyond a circuit's own width. What arrives along edges is added to what a
    circuit brings.

    Raises TypeError or ValueError for stages or edges of another kind, an unknown stage, a map of
    another shape, an edge that is given twice, a cycle, and a circuit that would be read before it
    is done. The message names the circuits.

    >>> import numpy
    >>> from superposition import CircuitGraph, ResidualCircuits
    >>> from superposition.circuits import Edges, Stage
    >>> rng = numpy.random.default_rng(0)
    >>> small = ResidualCircuits.random(
    ...     3, width=2, n_neurons=4, n_layers=1, rng=rng
    ... )
    >>> stages = {"first": Stage(small), "second": Stage(small, start=1)}
    >>> edges = Edges(
    ...     "first", "second", pairs=numpy.array([[0, 2]]), maps=numpy.eye(2)
    ... )
    >>> graph = CircuitGraph(stages, [edges])
    >>> graph.n_circuits, graph.n_edges, graph.n_layers
    (6, 1, 2)
    >>> graph.name(5)
    'second[2]'
    """

    stages: Mapping[str, Stage]
    edges: Sequence[Edges] = ()
    sampler: InputSampler | None = None

    def __post_init__(self) -> None:
        instance("stages", self.stages, Mapping)
        instance("edges", self.edges, Sequence)
        if not self.stages:
            raise ValueError("stages: wanted at least one, got none")
        for name, stage in self.stages.items():
            instance(f"stages[{name!r}]", stage, Stage)
        if len(dtypes := {stage.circuits.dtype for stage in self.stages.values()}) > 1:
            raise TypeError(f"stages: wanted one dtype, got {sorted(map(str, dtypes))}")
        object.__setattr__(self, "stages", dict(self.stages))
        object.__setattr__(self, "edges", checked_edges(self.edges, self.stages))

    @property
    def n_circuits(self) -> int:
        """The number T of circuits in all stages."""
        return sum(stage.circuits.n_circuits for stage in self.stages.values())

    @property
    def n_edges(self) -> int:
        """The number of maps between circuits."""
        return sum(len(edges.pairs) for edges in self.edges)

    @property
    def n_layers(self) -> int:
        """The number of layers after which the last circuits are done."""
        return max(stage.end for stage in self.stages.values())

    @property
    def width(self) -> int:
        """The width of the widest circuits' states."""
        return max(stage.circuits.width for stage in self.stages.values())

    @property
    def widths(self) -> tuple[int, ...]:
        """The width of the states after 0 … L layers, which is always the same."""
        return (self.width,) * (self.n_layers + 1)

    @property
    def n_parameters(self) -> int:
        """The number of weights and biases of all circuits, and of entries of all maps."""
        small = sum(stage.circuits.n_parameters for stage in self.stages.values())
        return small + sum(edges.maps.size for edges in self.edges)

    @property
    def dtype(self) -> np.dtype[Any]:
        """The precision of all arrays, float32 or float64."""
        return next(iter(self.stages.values())).circuits.dtype

    @cached_property
    def first(self) -> dict[str, int]:
        """The number of each stage's first circuit."""
        counts = [stage.circuits.n_circuits for stage in self.stages.values()]
        return dict(zip(self.stages, np.cumsum([0, *counts[:-1]]).tolist(), strict=True))

    def name(self, number: int) -> str:
        """Return a circuit's name, its stage and its number in that stage: "adder[3]"."""
        number = int(whole_array("number", number, "", {}, self.n_circuits))
        stage = [name for name, first in self.first.items() if first <= number][-1]
        return f"{stage}[{number - self.first[stage]}]"

    def numbers(self, edges: Edges) -> tuple[Integers, Integers]:
        """Return the numbers of the circuits that edges come from and lead to, (n,) each."""
        ends = np.array([self.first[edges.source], self.first[edges.target]])
        sources, targets = (edges.pairs + ends).T
        return sources, targets

    def edges_into(self, layer: int) -> tuple[Edges, ...]:
        """Return the edges to circuits that start after `layer` layers of the graph."""
        return tuple(e for e in self.edges if self.stages[e.target].start == layer and len(e.pairs))

    def stages_computing(self, layer: int) -> dict[str, Stage]:
        """Return the stages that compute in the layer after `layer` layers of the graph."""
        return {n: stage for n, stage in self.stages.items() if stage.start <= layer < stage.end}

    @property
    def default_inputs(self) -> InputSampler:
        """The sampler, or random unit vectors for circuits that no edge leads to."""
        return self.sampler or self._unit_inputs

    def astype(self, dtype: DTypeLike) -> CircuitGraph:
        """Return the same graph in another precision."""
        stages = {n: replace(s, circuits=s.circuits.astype(dtype)) for n, s in self.stages.items()}
        edges = [replace(e, maps=e.maps.astype(dtype)) for e in self.edges]
        return CircuitGraph(stages, edges, self.sampler)

    def check_inputs(self, inputs: Floats, active: Integers) -> tuple[Floats, Integers]:
        """Return inputs (batch, k, d) and active sets (batch, k), or raise the errors of `run`.

        Inputs are zero beyond a circuit's own width.
        """
        sizes = {"width": self.width}
        active = active_sets(active, self.n_circuits, sizes)
        inputs = real_array("inputs", inputs, "batch active width", sizes, self.dtype)
        beyond = np.arange(self.width) >= self._own_widths[active][..., None]
        if (extra := np.argwhere(beyond & (inputs != 0))).size:
            row, column, _ = extra[0]
            one = active[row, column]
            raise ValueError(
                f"inputs: wanted zeros beyond the {self._own_widths[one]} entries of "
                f"{self.name(one)}, got {inputs[row, column].tolist()}"
            )
        return inputs, active

    def run(self, inputs: Floats, active: Integers) -> tuple[Floats, ...]:
        """Return the active circuits' exact states after 0 … L layers of the graph, (eq-graph).

        inputs: (batch, k, d), what the circuits bring, without what comes along edges.
        active: (batch, k), the numbers of the active circuits, distinct within a row.

        Returns L+1 arrays (batch, k, d). A circuit's state starts as what it brings. What comes
        along edges is added right before the circuit's first layer, and after its last layer the
        state stays. Only edges between active circuits count.
        Raises TypeError or ValueError for arrays of another kind, shape or range.
        """
        inputs, active = self.check_inputs(inputs, active)
        states = [self.arrive(inputs, active, 0)]
        for layer in range(self.n_layers):
            state = states[-1].copy()
            for name, stage in self.stages_computing(layer).items():
                _step(state, active - self.first[name], stage, layer)
            states.append(self.arrive(state, active, layer + 1))
        return tuple(states)

    def arrive(self, state: Floats, active: Integers, layer: int) -> Floats:
        """Return states (batch, k, d) with what edges add after `layer` layers, without checks."""
        if self.edges_into(layer):
            state = state.copy()
        for edges in self.edges_into(layer):
            rows, which, come, go = self.active_edges(active, edges)
            maps = edges.maps[which]
            carried = np.einsum("nij,nj->ni", maps, state[rows, come, : maps.shape[2]])
            np.add.at(state[..., : maps.shape[1]], (rows, go), carried)
        return state

    def active_edges(self, active: Integers, edges: Edges) -> tuple[Integers, ...]:
        """Return which edges have two active ends.

        The arrays, (n,) each, are the rows of `active`, the numbers of the edges, and the columns
        of the edges' sources and targets.
        """
        place = np.full((len(active), self.n_circuits), -1)
        place[np.arange(len(active))[:, None], active] = np.arange(active.shape[1])
        come, go = (place[:, ends] for ends in self.numbers(edges))
        rows, which = np.nonzero((come >= 0) & (go >= 0))
        return rows, which, come[rows, which], go[rows, which]

    @cached_property
    def _own_widths(self) -> Integers:
        stages = self.stages.values()
        return np.repeat(
            [stage.circuits.width for stage in stages],
            [stage.circuits.n_circuits for stage in stages],
        )

    @cached_property
    def adjacency(self) -> sparse.csr_array:
        """The matrix (T, T) that is 1 where an edge leads from one circuit to another."""
        ends = [self.numbers(edges) for edges in self.edges] or [(np.array([], int),) * 2]
        sources, targets = (np.concatenate(each) for each in zip(*ends, strict=True))
        ones = np.ones(len(sources), np.int8)
        return sparse.csr_array((ones, (sources, targets)), (self.n_circuits,) * 2)

    @cached_property
    def without_predecessors(self) -> NDArray[np.bool_]:
        """Whether each circuit is one that no edge leads to, (T,)."""
        return np.asarray(self.adjacency.sum(axis=0) == 0)

    def _unit_inputs(self, active: Integers, rng: np.random.Generator) -> Floats:
        draws = rng.standard_normal((*active.shape, self.width))
        draws *= np.arange(self.width) < self._own_widths[active][..., None]
        draws /= np.linalg.norm(draws, axis=-1, keepdims=True)
        return draws * self.without_predecessors[active][..., None]


def _step(state: Floats, local: Integers, stage: Stage, layer: int) -> None:
    """Apply one layer of a stage's active circuits in place.

    local: the circuits' numbers in the stage; those out of range belong to other stages.
    """
    circuits = stage.circuits
    rows, columns = np.nonzero((local >= 0) & (local < circuits.n_circuits))
    own = state[rows, columns, : circuits.width][:, None]
    which = local[rows, columns][:, None]
    state[rows, columns, : circuits.width] = circuits.step(own, which, layer - stage.start)[:, 0]


_AT_ONCE = 1024  # walks that take a step together


def sample_paths(
    graph: CircuitGraph,
    n_samples: int,
    rng: np.random.Generator,
    *,
    length: int | None = None,
    n_paths: int = 1,
) -> Integers:
    """Draw random walks along edges, in which each circuit feeds the next.

    length: the number of circuits on a walk; None: that of the longest walk.
    n_paths: how many walks a row has; they share no circuit, and no edge connects two of them.

    A walk starts at a circuit that no edge leads to. It continues along any edge after which it can
    still reach its length, and each of these is equally likely. Returns the circuits' numbers,
    (n_samples, n_paths · length), the walks of a row one after the other.
    Raises ValueError where no walk has that length, or a row cannot hold so many separate walks.
    """
    instance("graph", graph, CircuitGraph)
    n_samples, rng = positive_int("n_samples", n_samples), generator(rng)
    n_paths = positive_int("n_paths", n_paths)
    ahead = _ahead(graph)
    longest = len(ahead)
    length = positive_int("length", longest if length is None else length, longest, ", the longest")
    starts = np.flatnonzero(ahead[length - 1] & graph.without_predecessors)
    if n_paths > len(starts):
        raise ValueError(
            f"n_paths: wanted at most {len(starts)}, the first circuits, got {n_paths}"
        )
    walks = _walks(graph, ahead[:length], starts, (n_samples, n_paths), rng)
    for _ in range(100):
        if not (again := _meet(graph, walks, length)).any():
            return walks
        walks[again] = _walks(graph, ahead[:length], starts, (int(again.sum()), n_paths), rng)
    raise ValueError(f"n_paths: wanted so few that they can be apart, got {n_paths}")


def _walks(
    graph: CircuitGraph,
    ahead: list[NDArray[np.bool_]],
    starts: Integers,
    shape: tuple[int, int],
    rng: np.random.Generator,
) -> Integers:
    now = rng.choice(starts, shape).ravel()
    walk = [now]
    for enough in ahead[-2::-1]:
        parts = [now[i : i + _AT_ONCE] for i in range(0, len(now), _AT_ONCE)]
        now = np.concatenate([_next(graph, part, enough, rng) for part in parts])
        walk.append(now)
    return np.stack(walk, axis=1).reshape(shape[0], -1)


def _next(
    graph: CircuitGraph, now: Integers, enough: NDArray[np.bool_], rng: np.random.Generator
) -> Integers:
    """Draw, for each circuit, one that follows it and from which the walk can reach its length."""
    may = graph.adjacency[now].toarray() * enough
    return np.asarray((rng.random(may.shape) * may).argmax(axis=1))


def _ahead(graph: CircuitGraph) -> list[NDArray[np.bool_]]:
    """Return, for walks of 1, 2, … circuits, whether one starts at each circuit, (T,)."""
    ahead = [np.ones(graph.n_circuits, bool)]
    while (more := graph.adjacency @ ahead[-1].astype(int) > 0).any():
        ahead.append(more)
    return ahead


def _meet(graph: CircuitGraph, walks: Integers, length: int) -> NDArray[np.bool_]:
    """Return whether two of a row's walks share a circuit, or have an edge between them, (n,)."""
    ordered = np.sort(walks, axis=1)
    meet = (ordered[:, 1:] == ordered[:, :-1]).any(axis=1)
    walk = np.arange(walks.shape[1]) // length
    for one, other in np.argwhere(walk[:, None] != walk):
        meet |= np.asarray(graph.adjacency[walks[:, one], walks[:, other]] > 0).ravel()
    return np.asarray(meet)
