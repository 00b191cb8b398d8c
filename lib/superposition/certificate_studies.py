"""These stored results compare certificates with a search for the worst case and with samples."""

from __future__ import annotations

import numpy as np
import pandas as pd

from superposition.adversary import search_worst
from superposition.circuits import MLPCircuits, rotation_circuits
from superposition.constructions import GatedConstruction
from superposition.measure import measure_error
from superposition.study import Study, data
from superposition.sweep import Setting, read_table

N_CIRCUITS, REDUNDANCY, N_SAMPLES = 557, 6, 1000
WIDTHS = {"rotations": 1000, "relu": 1476}  # of the large network
_ZERO = 1e-12


def certified_errors(
    task: str, n_active: int, n_layers: int, rng: np.random.Generator
) -> pd.DataFrame:
    """Compare the certificate of one gated network with the largest errors that are found.

    The network holds 557 circuits with r = 6. The task is "rotations", which are not conditional,
    or "relu", random circuits of width 4. The table has a row for each layer. `bound` and `size`
    are the certificate's, `found` is the largest error that `search_worst` finds, `worst` is the
    largest ‖δ‖ in 1,000 random samples, and `rms` is its root mean square.
    """
    if task == "relu":
        circuits = MLPCircuits.random(N_CIRCUITS, [4] * (n_layers + 1), rng)
    else:
        circuits = rotation_circuits(N_CIRCUITS, n_layers, rng, conditional=False)
    superposition = GatedConstruction(WIDTHS[task], REDUNDANCY).compress(circuits, rng)
    table = superposition.certificate(n_active).set_index("layer")[["bound", "size"]][1:]
    search = [search_worst(superposition, n_active, layer, rng).error for layer in table.index]
    sampled = measure_error(superposition, n_active, N_SAMPLES, rng).set_index("layer")
    table = table.assign(found=search, worst=sampled["worst"], rms=np.sqrt(sampled["mse"]))
    for name in table:
        table[name] = [float(f"{v:.4g}") if v > _ZERO else 0.0 for v in table[name]]
    return table.reset_index()


def _settings() -> list[Setting]:
    # as many layers as have a bound below the values' own size, with two and three active
    depths = [("relu", 1, 2), ("relu", 2, 2), ("relu", 3, 1)]
    depths += [("rotations", 1, 2), ("rotations", 2, 2), ("rotations", 3, 1)]
    return [dict(zip(("task", "n_active", "n_layers"), row, strict=True)) for row in depths]


CERTIFICATE_STUDIES = {"certificate": Study(certified_errors, _settings, n_seeds=3, seed=67)}


def certificates() -> pd.DataFrame:
    """Return the study "certificate" as means over networks, by task, n_active and layer."""
    table = read_table(data("certificate.csv"))[0]
    return table.groupby(["task", "n_active", "layer"]).mean().drop(columns=["n_layers", "seed"])
