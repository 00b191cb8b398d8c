"""Predicted errors from samples: of active sets, their inputs and drawings of codes.

What a large network would do of a sample is found in `on_slots` and `in_stream`, without making it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from superposition._check import Floats, Integers
from superposition.circuits import MLPCircuits, ResidualCircuits
from superposition.predict.by_circuit import COLUMNS, by_circuit, own_errors

if TYPE_CHECKING:
    import pandas as pd

_MEANS = ["mse", "relative_mse", "inactive_mse"]
NAMES = ["layer", *_MEANS, "low", "high", *COLUMNS]
_NORMAL, _LEAST, _MOST = 1.96, 0.15, 0.5 * np.log(10)  # of intervals: no wider than tenfold


@dataclass(frozen=True, eq=False)
class Sampled:
    """Errors of sampled active sets in one drawing of codes, in the circuits' own units.

    active: (batch, k), the sets.
    inputs: (batch, k, d_0), what they start from.
    errors: (L+1, batch, k), the squared errors of active circuits.
    sizes: (L+1, batch, k), the squares of their states.
    idle: (L+1,), the mean squares of what inactive circuits read; NaN if none is inactive.
    firing: (L+1,), the shares of large neurons above zero; of no length where they are not known.
    """

    active: Integers
    inputs: Floats
    errors: Floats
    sizes: Floats
    idle: Floats
    firing: Floats = field(default_factory=lambda: np.zeros(0))


def sampled_law(
    circuits: MLPCircuits | ResidualCircuits,
    sample: Callable[[np.random.Generator], Sampled],
    n_drawings: int,
) -> pd.DataFrame:
    """Predict errors by layer 0 … L from sampled active sets, in codes drawn several times.

    sample: a function that draws codes, and the errors of some samples.

    The columns are layer, mse, relative_mse, inactive_mse, firing where it is known, those of
    `by_circuit`, and low and high: between these a measured relative_mse lies in 95 %. Which
    circuits meet which others is another matter in each drawing, and counts most where a few
    circuits are larger than the others.
    """

    import pandas as pd

    rng = np.random.default_rng(0)
    runs = [sample(rng) for _ in range(n_drawings)]
    samples = [(run.inputs, run.active) for run in runs]
    layers = range(circuits.n_layers + 1)
    errors = [np.concatenate([run.errors[i].ravel() for run in runs]) for i in layers]
    rows = []
    for i in layers:
        size = np.mean([run.sizes[i].mean() for run in runs])
        mse = float(errors[i].mean())
        relative = mse / size if size > 0 else np.nan
        far = _spread(runs, i, relative)
        idle = float(np.mean([run.idle[i] for run in runs]))
        rows.append([i, mse, relative, idle, relative / far, relative * far])
    table = pd.DataFrame(rows, columns=NAMES[:6])
    if runs[0].firing.size:
        table.insert(4, "firing", np.mean([run.firing for run in runs], axis=0))
    each = by_circuit(own_errors(circuits, samples, errors, circuits.default_inputs))
    return table.join(each)


def _spread(runs: Sequence[Sampled], layer: int, relative: float) -> float:
    """Return the factor above and below a relative error that holds 95 % of measurements.

    Each circuit in each drawing of codes is one of the independent parts of both means, of which a
    measurement has those of one drawing. Drawings may differ by more than that, as a whole.
    """
    each, sizes = [], [run.sizes[layer].sum() for run in runs]
    for run in runs:
        which, place = np.unique(run.active.ravel(), return_inverse=True)
        wrong = run.errors[layer].ravel() - relative * run.sizes[layer].ravel()
        each.append(np.bincount(place, wrong, len(which)))
    if not relative > 0:
        return 1.0
    n = len(runs)
    parts = np.sum(np.concatenate(each) ** 2) * n / sum(sizes) ** 2 / relative**2
    wholes = [one.sum() / size / relative for one, size in zip(each, sizes, strict=True)]
    variance = max(parts, float(np.var(wholes, ddof=1)))
    return float(np.exp(min(max(_NORMAL * np.sqrt(variance * (1 + 1 / n)), _LEAST), _MOST)))
