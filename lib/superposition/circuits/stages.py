"""The parts of a graph of circuits: stages of circuits, and edges between them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter

import numpy as np

from superposition._check import Floats, Integers, instance, real_array, whole_array, whole_number
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
