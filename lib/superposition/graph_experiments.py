"""These measure circuits that feed each other, for the chapter *Generalising to circuits*."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import pandas as pd

from superposition._check import Floats
from superposition.circuits import CircuitGraph, Edges, ResidualCircuits, Stage
from superposition.circuits.walks import sample_paths
from superposition.constructions import GatedResidualConstruction, ResidualConstruction
from superposition.paths import path_errors
from superposition.theory import chains, graphs, symbols
from superposition.theory.derivation import evaluate


def random_graph(
    n_circuits: int,
    rng: np.random.Generator,
    *,
    widths: Sequence[int] = (4, 4, 4),
    n_neurons: int = 8,
    n_layers: int = 1,
    fan_in: int = 2,
) -> CircuitGraph:
    """Return a graph of random circuits in stages.

    Each circuit may be fed by `fan_in` circuits of the stage before. A state consists of an input
    of width d and an output of width d. Circuits write to the output alone, and edges turn outputs
    into inputs.
    """
    stages = {
        f"stage {i + 1}": Stage(_with_ports(n_circuits, d, n_neurons, n_layers, rng), i * n_layers)
        for i, d in enumerate(widths)
    }
    edges = []
    for (source, target), (before, after) in zip(pairwise(stages), pairwise(widths), strict=True):
        targets = np.repeat(np.arange(n_circuits), fan_in)
        sources = np.concatenate([rng.permutation(n_circuits)[:fan_in] for _ in range(n_circuits)])
        maps = np.zeros((len(targets), 2 * after, 2 * before))
        maps[:, :after, before:] = _turns(len(targets), after, before, rng)
        edges.append(Edges(source, target, np.stack([sources, targets], axis=1), maps))
    return CircuitGraph(stages, edges)


def _with_ports(
    n_circuits: int, width: int, n_neurons: int, n_layers: int, rng: np.random.Generator
) -> ResidualCircuits:
    """Return random circuits of twice that width, scaled for states half of which are zero."""
    drawn = ResidualCircuits.random(n_circuits, 2 * width, n_neurons, n_layers, rng)
    write = np.sqrt(2) * drawn.write_out
    write[:, :, :width] = 0
    return ResidualCircuits(np.sqrt(2) * drawn.read_in, drawn.bias, write)


def _turns(n: int, after: int, before: int, rng: np.random.Generator) -> Floats:
    """Return random maps (n, after, before): the part of a random rotation that has room."""
    most = max(after, before)
    return np.linalg.qr(rng.standard_normal((n, most, most))).Q[:, :after, :before]


def along_paths(
    n_circuits: int,
    rng: np.random.Generator,
    *,
    n_paths: int = 1,
    fan_in: int = 2,
    margin: float = 1.0,
    stream_width: int = 1024,
    n_samples: int = 300,
) -> pd.DataFrame:
    """Measure and predict the errors of a random graph in the post's network with M = 2D.

    The table is that of `path_errors`, with a row for each stage. `predicted` is the relative_mse
    of `predict_paths`.
    """
    graph = random_graph(n_circuits, rng, fan_in=fan_in)
    construction = ResidualConstruction(stream_width, 2 * stream_width, margin=margin)
    errors = path_errors(construction.compress(graph, rng), n_paths, n_samples, rng)
    predicted = construction.predict_paths(graph, n_paths)["relative_mse"]
    return errors.assign(predicted=predicted)


def undisturbed_paths(
    stream_width: int, rng: np.random.Generator, *, n_paths: int = 2, n_circuits: int = 100
) -> pd.DataFrame:
    """Measure the share of circuits that nothing disturbs while several paths are active, by stage.

    The random graph is in gated superposition. `prime` belongs to the stages' planes, `free` is
    measured on 2,000 samples, and `predicted` is (eq-path-undisturbed).
    """
    graph = random_graph(n_circuits, rng)
    large = GatedResidualConstruction(stream_width).compress(graph, rng)
    active = sample_paths(graph, 2000, rng, n_paths=n_paths)
    free = large.undisturbed(active).reshape(-1, len(graph.stages)).mean(axis=0)
    prime, edges = large.codes.stages["stage 1"].stream.size, graph.edges[0]
    sizes = {
        symbols.T: n_circuits,
        symbols.k: n_paths,
        chains.side: prime,
        graphs.n_edges: len(edges.pairs),
        graphs.edge_slots: large.codes.edges[0][1],
        graphs.stream_slots: prime,
    }
    places = range(1, len(graph.stages) + 1)
    chance = graphs.path_undisturbed()
    chances = [float(evaluate(chance, {**sizes, graphs.stages: n})) for n in places]
    table = {"stage": list(graph.stages), "prime": prime, "free": free, "predicted": chances}
    return pd.DataFrame(table)
