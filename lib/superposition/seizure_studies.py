"""Conditional rotations leave the published law at some layer, which is measured and predicted.

The settings are random.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from superposition.circuits import rotation_circuits, rotation_vector
from superposition.codes.packings import capacity
from superposition.constructions import MLPConstruction
from superposition.error_tables import best_constant, within_one
from superposition.measure import measure_error
from superposition.study import Study, data
from superposition.sweep import Setting, read_table

N_LAYERS = 12
SLOTS, REDUNDANCIES, ACTIVE, FULL = (100, 500), (3, 8), (1, 3), (0.15, 1.0)
N_DRAWN = 130
KINDS = {"early": (14, 2, 3), "late": (13, 4, N_LAYERS), "never": (13, N_LAYERS + 1, N_LAYERS + 1)}
FACTOR = 2.0
_ROUNDING = 1e-9  # of float32, in squares


def errors_and_laws(
    n_slots: int, redundancy: int, n_circuits: int, n_active: int, rng: np.random.Generator
) -> pd.DataFrame:
    """Measure and predict the mse of rotation vectors over twelve layers of one network.

    There are 300 samples. The columns are `layer`, `mse`, and the predictions `followed` and
    `published`. The network is in float32, and errors that are only rounding are stored as 0.
    """
    circuits = rotation_circuits(n_circuits, N_LAYERS, rng).astype(np.float32)
    construction = MLPConstruction(4 * n_slots, redundancy)
    superposition = construction.compress(circuits, rng)
    errors = measure_error(superposition, n_active, 300, rng, observe=rotation_vector)
    table = errors[["layer", "mse"]].iloc[1:].reset_index(drop=True)
    table["mse"] = table["mse"].where(table["mse"] > _ROUNDING, 0.0)
    for law in ("followed", "published"):
        table[law] = construction.predict_error(circuits, n_active, law)["mse"]
    return table


def _settings() -> list[Setting]:
    """Draw settings: slots and T log-uniform, r and k uniform whole numbers, from the ranges above.

    T is at least 15 % of the code's capacity. A setting is drawn again where slots would not be
    shared (T r < 2 n).
    """
    rng = np.random.default_rng(57)
    settings: list[Setting] = []
    while len(settings) < N_DRAWN:
        n_slots = round(float(np.exp(rng.uniform(*np.log(SLOTS)))))
        redundancy = int(rng.integers(REDUNDANCIES[0], REDUNDANCIES[1] + 1))
        n_active = int(rng.integers(ACTIVE[0], ACTIVE[1] + 1))
        most = capacity("prime_step", n_slots, redundancy)
        n_circuits = round(most * float(np.exp(rng.uniform(*np.log(FULL)))))
        if n_circuits * redundancy >= 2 * n_slots:
            sizes = {"n_slots": n_slots, "redundancy": redundancy}
            settings.append({**sizes, "n_circuits": n_circuits, "n_active": n_active})
    return settings


SEIZURE_STUDIES = {"seizures": Study(errors_and_laws, _settings, n_seeds=2, seed=58)}


def layer_of_departure(layers: np.ndarray, mse: np.ndarray, law: np.ndarray) -> int:
    """Return the first layer at which mse is more than twice the law's, or one past the last.

    (At layer 1, k = 1, both are 0.)
    """
    beyond = np.flatnonzero(mse > FACTOR * law)
    return int(layers[beyond[0]]) if beyond.size else int(layers[-1]) + 1


def seizures() -> pd.DataFrame:
    """Return the layer at which each setting leaves the published law, measured and predicted.

    The table has a row for each setting, with its sizes. `measured` is the layer for the mean over
    both networks; `first` and `again` are those of each network. `measured_end` and `predicted_end`
    are the errors after the last layer, in units of the law's. `kind` is early, late or never.
    `chosen` marks the first settings of each kind, forty in all.
    """
    table = read_table(data("seizures.csv"))[0]
    sizes = ["n_slots", "redundancy", "n_circuits", "n_active"]
    rows = [
        {**dict(zip(sizes, key, strict=True)), **_crossings(mine)}
        for key, mine in table.groupby(sizes, sort=False)
    ]
    found = pd.DataFrame(rows)
    found["kind"] = ""
    found["chosen"] = False
    for kind, (wanted, first, last) in KINDS.items():
        of_kind = found.index[found["measured"].between(first, last)]
        found.loc[of_kind, "kind"] = kind
        found.loc[of_kind[:wanted], "chosen"] = True
    return found


def scores(found: pd.DataFrame) -> pd.Series:
    """Return the share of settings whose layer of departure is met within one, by rival guesses.

    The rivals of the theory are: one guess for all settings; one guess each for loads T/n below and
    above a border, all three the best for these very settings; never, as the published law says;
    and a second network for the first.
    """
    load = found["n_circuits"] / found["n_slots"]
    halves = ((found[load <= border], found[load > border]) for border in load)
    pairs = [sum(len(half) * best_constant(half) for half in pair if len(half)) for pair in halves]
    return pd.Series(
        {
            "false indicators followed": within_one(found, "predicted"),
            "two guesses, by load": max(pairs) / len(found),
            "one guess": best_constant(found),
            "published law: never": float((found["measured"] >= N_LAYERS).mean()),
            "one network for another": float(((found["first"] - found["again"]).abs() <= 1).mean()),
        }
    )


def _crossings(rows: pd.DataFrame) -> dict[str, float]:
    """Return the layers at which measured and predicted errors leave the law, and last errors."""
    by_seed = rows.pivot(index="layer", columns="seed", values="mse")
    lines = rows[rows["seed"] == 0].set_index("layer")
    curves = {"measured": by_seed.mean(axis=1), "first": by_seed[0], "again": by_seed[1]}
    curves["predicted"] = lines["followed"]
    law, layers = lines["published"].to_numpy(), by_seed.index.to_numpy()
    found = {
        name: layer_of_departure(layers, curve.to_numpy(), law) for name, curve in curves.items()
    }
    ends = {name: float(curves[name].iloc[-1] / law[-1]) for name in ("measured", "predicted")}
    return {**found, **{f"{name}_end": end for name, end in ends.items()}}
