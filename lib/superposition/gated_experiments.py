"""These measurements are for the chapter *Gated superposition*."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd
import sympy as sp

from superposition.circuits import MLPCircuits
from superposition.codes import SparseCode
from superposition.codes.packings import plane_lines
from superposition.codes.two import TwoCodes, draw_codes
from superposition.constructions import (
    GatedConstruction,
    GatedResidualSuperposition,
    Superposition,
)
from superposition.constructions.quiet import crosstalk
from superposition.measure import measure_error
from superposition.network import ResidualNetwork
from superposition.theory import gating, symbols
from superposition.theory.derivation import evaluate

_CHUNK = 512  # circuits in memory at once


def single_circuit_errors(superposition: Superposition, rng: np.random.Generator) -> pd.DataFrame:
    """Run every circuit alone on one input; the table has a row for each circuit.

    `error` is the largest |δ| of any entry after any layer, divided by the largest |a| on the
    trajectory. `output` is the largest |a| after the last layer.
    """
    circuits, rows = superposition.circuits, []
    for start in range(0, circuits.n_circuits, _CHUNK):
        active = np.arange(start, min(start + _CHUNK, circuits.n_circuits))[:, None]
        inputs = circuits.default_inputs(active, rng)
        truth, found = circuits.run(inputs, active), superposition.run(inputs, active)
        pairs = zip(truth, found, strict=True)
        wrong = np.max([np.abs(a - b).max(axis=(1, 2)) for a, b in pairs], axis=0)
        sizes = np.array([np.abs(a).max(axis=(1, 2)) for a in truth])
        rows.append(pd.DataFrame({"error": wrong / sizes.max(axis=0), "output": sizes[-1]}))
    return pd.concat(rows, ignore_index=True)


def plane_facts(prime: int) -> pd.DataFrame:
    """Count what the proof needs of the plane over `prime`, pair by pair.

    The table has a row for each fact, with the least and the most count of any pair.
    """
    lines = plane_lines(prime, prime + 1)
    points = [set(row) for row in lines]
    shared = [len(a & b) for a, b in combinations(points, 2)]
    on = [set(np.flatnonzero((lines == line).any(axis=1))) for line in range(prime * (prime + 1))]
    pairs = list(combinations(range(len(on)), 2))
    met = [len(on[a] & on[b]) for a, b in pairs if a // prime != b // prime]
    alike = [len(on[a] & on[b]) for a, b in pairs if a // prime == b // prime]
    rows = {
        "lines that two points share": shared,
        "points that two lines share": met,
        "the same, lines of one slope": alike,
    }
    return pd.DataFrame({name: [min(n), max(n)] for name, n in rows.items()}, ["least", "most"]).T


def reused_slopes(
    circuits: MLPCircuits, prime: int, redundancy: int, rng: np.random.Generator
) -> pd.DataFrame:
    """Errors of the worst circuit if both codes have 0 … r of their r slopes in common.

    The table has a row for each number of common slopes, `reused`. The columns `plain` and `quiet`
    hold the largest error of `single_circuit_errors` with equal weights and with quiet ones. They
    are NaN where the circuits on a slot cannot be distinguished any longer.
    """
    two, rows = draw_codes(prime, redundancy, circuits.n_circuits, rng), []
    for reused in range(redundancy + 1):
        odd = np.column_stack([two.sets[0][:, :reused], two.sets[1][:, reused:]])
        codes = [SparseCode(slots[:, None], two.n_slots) for slots in (two.sets[0], odd)]
        row: dict[str, float] = {"reused": reused}
        for name, quiet in (("plain", False), ("quiet", True)):
            construction = GatedConstruction(None, redundancy, quiet=quiet)
            try:
                large = construction.compress(circuits, rng, codes=(codes[0], codes[1]))
                row[name] = single_circuit_errors(large, rng)["error"].max()
            except ValueError:
                row[name] = np.nan
        rows.append(row)
    return pd.DataFrame(rows).astype({"reused": int})


def crosstalk_geometry(prime: int, redundancy: int, n_circuits: int) -> pd.DataFrame:
    """Compare how much of another active circuit's state reaches a circuit, by weights.

    A circuit's own weights would make 1 of its own state. The rows are equal weights as derived,
    equal weights and quiet weights. `own` and `mean` are mean squares averaged over r slots: what
    arrives through the circuits' own parts of their weights, and through a mean that all circuits
    share.
    """
    rng = np.random.default_rng(0)  # which circuit is which point makes no difference
    two = draw_codes(prime, redundancy, n_circuits, rng)
    rows = {"equal weights": _heard(two, False), "quiet weights": _heard(two, True)}
    sizes: dict[sp.Symbol, Any] = {symbols.T: n_circuits, gating.slots: two.n_slots}
    sizes |= {symbols.r: redundancy}
    chance, shared = (
        float(evaluate(which(), sizes)) for which in (gating.slots_meet, gating.slot_shared)
    )
    values = {**sizes, gating.chance: chance, gating.shared: shared, symbols.k: 2}
    derived = []
    for own, mean in ((1, 0), (0, 1)):
        values |= {gating.own2: own, gating.mean2: mean, gating.joined2: 0}
        values |= {gating.crosstalk2: evaluate(gating.circuit_crosstalk(), values)}
        values |= {gating.crosstalk_past2: evaluate(gating.crosstalk_past_shared(), values)}
        derived.append(float(evaluate(gating.new_error(), values)))
    rows = {"equal weights, derived": derived, **rows}
    return pd.DataFrame(rows, index=["own", "mean"]).T


def _heard(two: TwoCodes, quiet: bool) -> list[float]:
    heard = crosstalk(two, quiet)
    elsewhere = 1 - heard.shared
    return [elsewhere * heard.own / two.sets[0].shape[1], elsewhere * heard.mean_average]


def with_mean(circuits: MLPCircuits, mean: float) -> MLPCircuits:
    """Return the circuits with `mean` added to all their weights."""
    weights = [weight + mean for weight in circuits.weights]
    return MLPCircuits(weights, circuits.biases, circuits.activations, circuits.sampler)


def measured_and_predicted(
    construction: GatedConstruction, circuits: MLPCircuits, n_active: int, rng: np.random.Generator
) -> pd.DataFrame:
    """Measure errors with 500 samples, beside the relative error that is `predicted`."""
    superposition = construction.compress(circuits, rng)
    table = measure_error(superposition, n_active, 500, rng)
    return table.assign(predicted=construction.predict_error(circuits, n_active)["relative_mse"])


def without_cleaning(superposition: GatedResidualSuperposition) -> GatedResidualSuperposition:
    """Return the superposition without the layers that clean, (eq-cleaning).

    It is not exact after the first layer.
    """
    network, checkpoints = superposition.network, range(superposition.circuits.n_layers + 1)
    arrays = (network.read_in, network.bias, network.write_out)
    raw = ResidualNetwork(*(array[::2] for array in arrays))
    return replace(superposition, network=raw, checkpoints=tuple(checkpoints))
