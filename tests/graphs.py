"""Random graphs for tests of constructions."""

import numpy as np

from superposition import CircuitGraph, ResidualCircuits
from superposition.circuits import Edges, Stage


def ported(rng, n, width, n_neurons, n_layers):
    """Random circuits of twice that width that never write to the first half of their state."""
    drawn = ResidualCircuits.random(n, 2 * width, n_neurons, n_layers, rng)
    write = drawn.write_out.copy()
    write[:, :, :width] = 0
    return ResidualCircuits(np.sqrt(2) * drawn.read_in, drawn.bias, np.sqrt(2) * write)


def random_graph(rng, n=6, widths=(2, 2, 2), fan_in=2, n_layers=1, n_neurons=4):
    """Stages s0, s1 …, each circuit fed by `fan_in` of the stage before: second halves to first."""
    stages = {
        f"s{i}": Stage(ported(rng, n, d, n_neurons, n_layers), i * n_layers)
        for i, d in enumerate(widths)
    }
    edges = []
    for i in range(len(widths) - 1):
        before, after = widths[i : i + 2]
        targets = np.repeat(np.arange(n), fan_in)
        sources = np.concatenate([rng.permutation(n)[:fan_in] for _ in range(n)])
        most = max(before, after)
        turns = np.linalg.qr(rng.standard_normal((len(targets), most, most))).Q
        maps = np.zeros((len(targets), 2 * after, 2 * before))
        maps[:, :after, before:] = turns[:, :after, :before]
        edges.append(Edges(f"s{i}", f"s{i + 1}", np.stack([sources, targets], axis=1), maps))
    return CircuitGraph(stages, edges)
