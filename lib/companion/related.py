"""Claims of related work that a few lines can run (chapter *The field on one page*)."""

from __future__ import annotations

from math import comb, log2

import numpy as np
import pandas as pd

from companion._study import row
from superposition.circuits import MLPCircuits
from superposition.constructions import GatedConstruction
from superposition.maps import SparseCode
from superposition.measure import measure_error
from superposition.readers import connections


def ping_pong(n_blocks: int, width: int, rng: np.random.Generator) -> pd.DataFrame:
    """Build gated superposition with r = 1 for all pairs of `n_blocks` blocks, a prime.

    `claimed` is D (1 + 2/d) with D = `n_blocks` d, `built` the neurons of the widest layer, and
    `worst` the largest error of 200 samples of one active circuit of four layers.
    """
    circuits = MLPCircuits.random(n_blocks**2, [width] * 5, rng)
    large = GatedConstruction(redundancy=1).compress(circuits, rng)
    worst = measure_error(large, 1, 200, rng)["worst"].max()
    claimed = n_blocks * width * (1 + 2 / width)
    return row(circuits=n_blocks**2, claimed=claimed, built=max(large.network.widths), worst=worst)


def half_served(n_features: int, n_neurons: int, rng: np.random.Generator) -> pd.DataFrame:
    """Compare two ways to compute ReLUs of many features, one of which is active.

    A feature has a neuron, as long as neurons last, or eight random neurons, which are read by the
    pseudoinverse. The errors are means over features of Σ|δ|² and Σ|δ|⁴ over outputs, for an active
    feature of 1.
    """
    code = SparseCode.draw("random", n_features, 1, n_neurons, 8, rng).set_matrix.toarray().T
    own = np.eye(n_neurons, n_features)
    misses = [np.eye(n_features) - np.linalg.pinv(w) @ w for w in (own, code)]
    columns = {f"power {p}": [float((m**p).sum()) / n_features for m in misses] for p in (2, 4)}
    return pd.DataFrame(columns, ["a neuron each", "in superposition"])


def willshaw(n_slots: int, redundancy: int, rng: np.random.Generator) -> pd.DataFrame:
    """Store pairs of random sets of r slots in a 0/1 matrix, half of which they fill.

    `density` is the share of ones, and `false` is the share of the other slots that all r slots of
    a set lead to. `bits` is what the memory then tells of its pairs, for each entry of the matrix.
    """
    n_pairs = round(np.log(2) * (n_slots / redundancy) ** 2)
    cue, answer = (
        SparseCode.draw("random", n_pairs, 1, n_slots, redundancy, rng) for _ in range(2)
    )
    full = connections(answer, cue) > 0
    found = np.array([full[:, slots].all(axis=1).sum() for slots in cue.sets[:500]])
    told = [log2(comb(n_slots, redundancy) / comb(int(n), redundancy)) for n in found]
    false = (found.mean() - redundancy) / (n_slots - redundancy)
    bits = n_pairs * np.mean(told) / n_slots**2
    return row(slots=n_slots, pairs=n_pairs, density=full.mean(), false=false, bits=bits)


def false_alarms(
    code: SparseCode, n_active: int, n_samples: int, rng: np.random.Generator
) -> float:
    """Return the share of silent circuits all of whose slots are in use by active ones."""
    wrong, n = 0, code.n_circuits
    for _ in range(n_samples):
        open_slots = np.isin(code.sets, code.sets[rng.choice(n, n_active, replace=False)])
        wrong += int(open_slots.all(axis=1).sum()) - n_active
    return wrong / (n_samples * (n - n_active))
