"""Small networks that feed each other: circuits on their layers, and maps between them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray
from scipy import sparse

from superposition._check import (
    Floats,
    Integers,
    active_sets,
    instance,
    real_array,
    whole_array,
)
from superposition.circuits.stages import Edges, Stage, checked_edges
from superposition.inputs import InputSampler


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
    >>> small = ResidualCircuits.random(3, width=2, n_neurons=4, n_layers=1, rng=rng)
    >>> stages = {"first": Stage(small), "second": Stage(small, start=1)}
    >>> edges = Edges("first", "second", pairs=numpy.array([[0, 2]]), maps=numpy.eye(2))
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
