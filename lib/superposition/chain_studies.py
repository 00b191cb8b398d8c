"""These stored results tell how often each way of embedding fails."""

from __future__ import annotations

import numpy as np
import pandas as pd

from superposition.chain_experiments import codes_of
from superposition.chain_ways import WAYS
from superposition.inputs import sample_active
from superposition.study import Study, data
from superposition.sweep import Setting, read_table

N_CIRCUITS, N_SETS = 557, 500
# about 250 slots in all
DESIGNS = [("plane", 61, 4), ("plane", 83, 3), ("buckets", 7, 4)]
_ACTIVE = (2, 3, 4, 5, 6, 8, 10, 12, 15, 20, 24, 28)


def coordination(
    kind: str, size: int, n_chains: int, n_active: int, rng: np.random.Generator
) -> pd.DataFrame:
    """Measure how often each way of embedding fails, in 500 random active sets of 557 circuits.

    The table has a row for each way of `chain_ways.WAYS`. `circuits` is the share of active
    circuits that are not read exactly, and `sets` the share of active sets with such a circuit.
    """
    codes = codes_of(kind, size, n_chains, N_CIRCUITS, rng)
    active = sample_active(N_CIRCUITS, n_active, N_SETS, rng)
    failing = {name: way(codes, active, rng) for name, way in WAYS.items()}
    return pd.DataFrame(
        {
            "way": list(failing),
            "circuits": [round(float(which.mean()), 7) for which in failing.values()],
            "sets": [float(which.any(axis=1).mean()) for which in failing.values()],
        }
    )


_SETTINGS: list[Setting] = [
    {"kind": kind, "size": size, "n_chains": n_chains, "n_active": k}
    for kind, size, n_chains in DESIGNS
    for k in _ACTIVE
]
CHAIN_STUDIES = {"chains": Study(coordination, _SETTINGS, n_seeds=2, seed=67)}


def chains() -> pd.DataFrame:
    """Return the study "chains"."""
    return read_table(data("chains.csv"))[0]
