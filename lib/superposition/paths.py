"""Errors of a compiled graph's circuits along its paths."""

from __future__ import annotations

import numpy as np
import pandas as pd

from superposition._check import Floats, instance
from superposition.circuits import CircuitGraph
from superposition.circuits.walks import sample_paths
from superposition.constructions.compiled import Superposition

EXACT = 1e-9  # of the largest entry on the way: what is below counts as rounding


def path_errors(
    superposition: Superposition, n_paths: int, n_samples: int, rng: np.random.Generator
) -> pd.DataFrame:
    """Measure errors of active circuits when they are done, in a row for each stage.

    Each of `n_samples` samples has `n_paths` of the graph's longest paths active, with the graph's
    own inputs. Let δ = estimate − truth of a circuit's state. The columns are `stage`, `layer` and
    these:

    mse: the mean of ‖δ‖² over samples and active circuits of the stage.
    relative_mse: mse divided by the mean of ‖truth‖².
    worst: the largest ‖δ‖.
    exact: the share of circuits without an error beyond rounding.

    Raises TypeError for a superposition of anything but a graph, ValueError as `sample_paths` does.
    """
    instance("superposition", superposition, Superposition)
    graph = superposition.circuits
    if not isinstance(graph, CircuitGraph):
        raise TypeError(f"superposition: wanted one of a CircuitGraph, got {type(graph).__name__}")
    active = sample_paths(graph, n_samples, rng, n_paths=n_paths)
    inputs = graph.default_inputs(active, rng)
    truths, found = graph.run(inputs, active), superposition.run(inputs, active)
    largest = max(float(np.abs(truth).max()) for truth in truths)
    rows = []
    for name, stage in graph.stages.items():
        own = active - graph.first[name]
        which = (own >= 0) & (own < stage.circuits.n_circuits)
        truth, estimate = truths[stage.end][which], found[stage.end][which]
        if len(truth):
            rows.append([name, stage.end, *_errors(truth, estimate, EXACT * largest)])
    columns = ["stage", "layer", "mse", "relative_mse", "worst", "exact"]
    return pd.DataFrame(rows, columns=columns).sort_values("layer", ignore_index=True)


def _errors(truth: Floats, estimate: Floats, exact: float) -> tuple[float, ...]:
    """Return mse, relative_mse, worst and exact, of states (n, d)."""
    error = np.asarray(estimate, float) - truth
    squares = np.sum(error**2, axis=1)
    size = float(np.mean(np.sum(np.asarray(truth, float) ** 2, axis=1)))
    right = float(np.mean(np.abs(error).max(axis=1) <= exact))
    mse = float(squares.mean())
    return mse, mse / size if size > 0 else np.nan, float(np.sqrt(squares.max())), right
