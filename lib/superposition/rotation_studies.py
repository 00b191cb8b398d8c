"""These stored results are on rotations in superposition: as published, at other sizes, tuned."""

from __future__ import annotations

from itertools import product

import numpy as np
import pandas as pd

from superposition.codes import SparseCode
from superposition.rotation_experiments import rotation_errors, superpose_rotations
from superposition.sharing_experiments import ENTRIES, REDUNDANCY, WIDTH
from superposition.study import Study
from superposition.sweep import Setting

PUBLISHED = {"n_circuits": 557, "width": WIDTH}  # T, the most that its code holds, and D
DEPTH = 5
_DIGITS, _ZERO = 4, 1e-12  # significant digits stored; below that, an error is rounding


def published_errors(
    n_circuits: int, width: int, n_samples: int, rng: np.random.Generator
) -> pd.DataFrame:
    """Measure the published construction over five layers, with one to three active circuits.

    One network is drawn. The columns are `n_active`, `layer` and those of `rotation_errors`.
    """
    superposition = superpose_rotations(n_circuits, width, DEPTH, rng)
    tables = [
        rotation_errors(superposition, k, n_samples, rng).assign(n_active=k) for k in (1, 2, 3)
    ]
    return _stored(tables)


def errors_at_size(width: int, n_circuits: int, rng: np.random.Generator) -> pd.DataFrame:
    """Measure the published construction at another size over four layers, with one to four active.

    There are 400 samples.
    """
    superposition = superpose_rotations(n_circuits, width, 4, rng)
    tables = [rotation_errors(superposition, k, 400, rng).assign(n_active=k) for k in (1, 2, 3, 4)]
    return _stored(tables)


def tuned_errors(*, rng: np.random.Generator, **setting: float | str) -> pd.DataFrame:
    """Measure one variant of the published construction at its size, with 300 samples.

    `setting` has the code, suppression, redundancy, threshold and gain of `superpose_rotations`.
    The columns are `n_active`, `layer`, `mse_x`, `worst_x`, `mse_on` and `inactive_on`.
    """
    superposition = superpose_rotations(**PUBLISHED, n_layers=DEPTH, rng=rng, **setting)  # type: ignore[arg-type]
    columns = ["layer", "mse_x", "worst_x", "mse_on", "inactive_on"]
    tables = [
        rotation_errors(superposition, k, 300, rng)[columns].assign(n_active=k) for k in (1, 2, 3)
    ]
    return _stored(tables)


def _stored(tables: list[pd.DataFrame]) -> pd.DataFrame:
    """Join the tables with n_active first, to as many digits as seeds allow."""
    table = pd.concat(tables, ignore_index=True)
    for name in table.columns.difference(["layer", "n_active"]):
        table[name] = [float(f"{v:.{_DIGITS}g}") if v > _ZERO else 0.0 for v in table[name]]
    return table[["n_active", *table.columns.drop("n_active")]]


def _published_settings() -> list[Setting]:
    return [{**PUBLISHED, "n_samples": 557}, {"n_circuits": 1300, "width": 1600, "n_samples": 300}]


def _scaling_settings() -> list[Setting]:
    """Return sizes in the published range, as far as the code holds so many circuits."""
    loads = {
        800: range(200, 400, 100),
        1000: range(200, 600, 100),
        1200: range(200, 800, 100),
        1400: range(200, 1200, 200),
        1600: range(300, 1500, 200),
        1800: range(300, 1900, 200),
        2000: range(200, 2200, 200),
    }
    most = {width: SparseCode.capacity("prime_step", ENTRIES, width, REDUNDANCY) for width in loads}
    return [
        {"width": width, "n_circuits": n}
        for width, numbers in loads.items()
        for n in numbers
        if n <= most[width]
    ]


def _tuning_settings() -> list[Setting]:
    """Return variants whose code holds as many circuits as were published."""
    codes, suppressions, redundancies = ("prime_step", "finite_plane"), (1.0, 1.15), (2, 3, 4, 6)
    steps = ((0.5, 2.0), (0.6, 4.0), (0.75, 4.0), (0.85, 8.0))  # thresholds and gains
    n_circuits, width = PUBLISHED["n_circuits"], PUBLISHED["width"]
    large = {
        (code, r)
        for code, r in product(codes, redundancies)
        if n_circuits <= SparseCode.capacity(code, ENTRIES, width, r)
    }
    return [
        {"code": code, "suppression": chi, "redundancy": r, "threshold": at, "gain": gain}
        for code, chi, r, (at, gain) in product(codes, suppressions, redundancies, steps)
        if (code, r) in large
    ]


ROTATION_STUDIES = {
    "rotations": Study(published_errors, _published_settings, n_seeds=16, seed=9),
    "rotation_scaling": Study(errors_at_size, _scaling_settings, n_seeds=2, seed=10),
    # seeds 0 and 1 choose, the others report: `rotation_tables.tuned`
    "rotation_tuning": Study(tuned_errors, _tuning_settings, n_seeds=7, seed=11),
}
