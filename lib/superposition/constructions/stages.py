"""A graph of circuits in one residual network: which circuits compute when, and how edges are read.

A circuit whose inputs are others' outputs reads them where they are in the stream. The rows that
read its state are its own directions and, through the maps, those of all circuits that lead to it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from superposition._check import Floats, Integers, instance
from superposition.circuits import ResidualCircuits, with_indicator
from superposition.circuits.graph import CircuitGraph, Stage
from superposition.maps import Code, GaussianCode


@dataclass(frozen=True)
class Step:
    """One large layer, in which the circuits of one layer of the graph compute.

    layer: the layer of the graph.
    n_circuits: n, how many circuits compute.
    n_neurons: m, the most neurons that one of them has.
    """

    layer: int
    n_circuits: int
    n_neurons: int


def as_graph(circuits: ResidualCircuits | CircuitGraph) -> CircuitGraph:
    """Return the graph, or one of a single stage without edges; TypeError for other circuits."""
    if isinstance(circuits, CircuitGraph):
        return circuits
    instance("circuits", circuits, ResidualCircuits)
    return CircuitGraph({"circuits": Stage(circuits)})


def steps_of(graph: CircuitGraph) -> tuple[tuple[Step, ...], tuple[int, ...]]:
    """Return the large layers in order, and their number at 0 … L layers of the graph."""
    steps: list[Step] = []
    checkpoints = [0]
    for layer in range(graph.n_layers):
        if living := [stage.circuits for stage in graph.stages_computing(layer).values()]:
            sizes = sum(c.n_circuits for c in living), max(c.n_neurons for c in living)
            steps.append(Step(layer, *sizes))
        checkpoints.append(len(steps))
    return tuple(steps), tuple(checkpoints)


def circuits_in(graph: CircuitGraph, step: Step) -> Integers:
    """Return the numbers of the circuits that compute in a step, (n,)."""
    living = graph.stages_computing(step.layer).items()
    return np.concatenate([graph.first[n] + np.arange(s.circuits.n_circuits) for n, s in living])


def step_weights(graph: CircuitGraph, step: Step, margin: float) -> tuple[Floats, Floats]:
    """Return what a step's neurons read, (n, m, d + 1), and write, (n, d + 1, m), indicator last.

    Biases are on the indicators, apart from −margin, which all large neurons have. Circuits smaller
    than the largest are filled with neurons and entries that nothing reads or writes.
    """
    n, most, width = step.n_circuits, step.n_neurons, graph.width + 1
    read, write = (np.zeros((n, *shape), graph.dtype) for shape in ((most, width), (width, most)))
    start = 0
    for stage in graph.stages_computing(step.layer).values():
        inner, own = with_indicator(stage.circuits, margin), step.layer - stage.start
        weights, part = inner.read_in[own], slice(start, start := start + inner.n_circuits)
        m, d = stage.circuits.n_neurons, stage.circuits.width
        read[part, :m, :d], read[part, :m, -1] = weights[..., :d], weights[..., d]
        write[part, :d, :m] = inner.write_out[own][:, :d]
    return read, write


def code_of(code: Code, which: Integers) -> Code:
    """Return the code of circuits `which`, or the code itself if these are all in order."""
    return code if np.array_equal(which, np.arange(code.n_circuits)) else code.take(which)


def linked(graph: CircuitGraph, code: Code) -> Code:
    """Return the code by which circuits read, with what edges lead to them: (eq-linked).

    code: the code of all circuits, indicators last, where they write.

    The result is `code` itself if there are no edges. Otherwise it is a `GaussianCode` with R_t =
    E_t + Σ C_tu R_u, over the edges that lead to t.
    """
    if not graph.n_edges:
        return code
    instance("codes.stream", code, GaussianCode)
    directions = np.array(code.matrix.reshape(code.n_circuits, code.width, code.size))
    for layer in range(graph.n_layers):
        for edges in graph.edges_into(layer):
            sources, targets = graph.numbers(edges)
            _, after, before = edges.maps.shape
            for map_, source, target in zip(edges.maps, sources, targets, strict=True):
                directions[target, :after] += map_ @ directions[source, :before]
    return GaussianCode(directions)


def started(graph: CircuitGraph, code: Code, layer: int) -> Code:
    """Return the code by which all circuits' states are read after `layer` layers of the graph.

    Circuits that have started are read with what edges lead to them, (eq-linked), and others as
    they are in the stream.
    """
    if not graph.n_edges:
        return code
    reader = linked(graph, code)
    counts = [stage.circuits.n_circuits for stage in graph.stages.values()]
    begun = np.repeat([stage.start <= layer for stage in graph.stages.values()], counts)
    parts = (each.matrix.reshape(code.n_circuits, code.width, -1) for each in (reader, code))
    return GaussianCode(np.where(begun[:, None, None], *parts))
