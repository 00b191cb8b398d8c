"""All constructions are compared on the same circuits, in as many weights, by one error.

A row is an `Entry`. It says what a construction makes of a number of weights, and what it is told
about which circuits are active. `ENTRIES` are the book's, and `errors` takes any other, too.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from superposition import contenders, noiseless
from superposition._check import instance, positive_int
from superposition.circuits import MLPCircuits
from superposition.contenders import Build
from superposition.inputs import sample_active


@dataclass(frozen=True)
class Entry:
    """An entry is one row of the scoreboard.

    `build` takes the circuits, the weights per small layer, n_active and rng to a `Compiled`
    network; it raises ValueError where the circuits do not fit. `told` is what the embedding is
    told about which circuits are active. `reads` is what the read-out uses besides the state.
    """

    build: Build
    told: str
    reads: str = "nothing"


def errors(
    entry: Entry,
    circuits: MLPCircuits,
    weights: int,
    n_active: int,
    n_samples: int,
    rng: np.random.Generator,
) -> pd.DataFrame:
    """Measure relative squared errors of `n_active` random circuits, and the network's size.

    The table has a row for each layer. `weights` is the number of weights that the large network
    may have for each layer of the small ones. A state that a construction marks as unknown counts
    as zero, an error of 1; `failed` is the share of such states. The other columns are `layer`,
    `relative_mse`, `neurons`, `layers` and `weights`. The errors are NaN and the sizes 0 if the
    circuits do not fit. Raises TypeError or ValueError for arguments of another kind or counts out
    of range.
    """
    instance("entry", entry, Entry)
    instance("circuits", circuits, MLPCircuits)
    positive_int("weights", weights)
    active = sample_active(circuits.n_circuits, n_active, n_samples, rng)
    inputs = circuits.default_inputs(active, rng)
    rows: list[list[float]]
    columns = ["layer", "relative_mse", "failed", "neurons", "layers", "weights"]
    try:
        large = entry.build(circuits, weights, n_active, rng)
    except ValueError:
        rows = [[i, np.nan, np.nan, 0, 0, 0] for i in range(circuits.n_layers + 1)]
        return pd.DataFrame(rows, columns=columns)
    found, truth = large.run(inputs, active), circuits.run(inputs, active)
    sizes = large.width, large.layers, large.weights
    rows = []
    for layer, (read, true) in enumerate(zip(found, truth, strict=True)):
        wrong = float(np.mean((np.nan_to_num(read) - true) ** 2) / np.mean(true**2))
        unknown = float(np.isnan(read).any(axis=-1).mean())
        rows.append([layer, wrong, unknown, *sizes])
    return pd.DataFrame(rows, columns=columns)


ENTRIES = {
    "the post's": Entry(contenders.post(), "an indicator for each circuit, carried along"),
    "the post's, tuned": Entry(
        contenders.post(3, True), "an indicator for each circuit, carried along"
    ),
    "the sequel's, as published": Entry(
        contenders.sequel(), "indicators, found again in each layer"
    ),
    "the sequel's, tuned": Entry(
        contenders.sequel("finite_plane", 3, 0.75, 4.0), "indicators, found again in each layer"
    ),
    "ping-pong": Entry(noiseless.ping_pong, "which of the circuits; one only"),
    "gated": Entry(contenders.gated, "gates: slots in use, copied along"),
    "gated, found again": Entry(
        contenders.recomputed_gates, "gates: slots in use, found again in each layer"
    ),
    "gated residual": Entry(contenders.gated_residual, "gates: slots in use, kept in the stream"),
    "chains, local": Entry(noiseless.chains("local"), "gates: slots in use, copied along", "gates"),
    "chains, placed": Entry(
        noiseless.chains("coordinated"), "gates, and a place for each", "gates"
    ),
    "k copies": Entry(noiseless.copies, "gates, and a copy for each", "gates"),
    "private neurons": Entry(noiseless.private, "nothing"),
}
