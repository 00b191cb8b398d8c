"""The sequel's small-noise law: errors before noise switches on what should be silent."""

from __future__ import annotations

import numpy as np
import pandas as pd
import sympy as sp
from numpy.typing import ArrayLike, NDArray

from superposition.circuits.moments import MLPMoments
from superposition.theory import survives, symbols
from superposition.theory.derivation import evaluate


def published_law(
    n_circuits: ArrayLike,
    layers: ArrayLike,
    width: ArrayLike,
    redundancy: int,
    n_active: ArrayLike,
) -> pd.DataFrame:
    """Return the published predictions for conditional rotations, as `predict_error` does.

    The arguments are numbers, or arrays of one length.
    """
    square = overlap_square(n_circuits, width, 4, redundancy)
    values = {symbols.T: n_circuits, symbols.k: n_active, survives.overlap: square}
    read = evaluate(survives.inactive_square(), {**values, symbols.a2: 1.0})
    mse = evaluate(survives.rotation_law(), {**values, survives.layer: layers})
    names = ["layer", "mse", "relative_mse", "inactive_mse", "on_mse", "inactive_on_mse"]
    columns = np.broadcast_arrays(np.atleast_1d(layers), mse, mse, read, 0.0, read)
    return pd.DataFrame(dict(zip(names, columns, strict=True)))


def small_noise_law(
    n_circuits: int, moments: MLPMoments, width: int, redundancy: int, n_active: int
) -> pd.DataFrame:
    """Return the same law for any circuits, by their moments.

    The columns are layer, mse, relative_mse and inactive_mse. The law is (eq-linear-law), layer by
    layer. Each layer changes the error that comes in by the factor `growth`.
    """
    rows, error = [], 0.0
    for layer, size in enumerate(moments.widths[1:]):
        values: dict[sp.Symbol, ArrayLike] = {
            symbols.T: n_circuits,
            symbols.k: n_active,
            survives.overlap: max(float(overlap_square(n_circuits, width, size, redundancy)), 0.0),
            survives.difference2: moments.difference2[layer],
            survives.mean2: moments.mean2[layer],
            survives.doubled2: moments.doubled2[layer],
            symbols.a2: moments.state2[layer + 1],
        }
        once = evaluate(survives.linear_law(), {**values, survives.layer: 1})
        added = evaluate(survives.linear_law(), {**values, survives.layer: 2}) - once
        error = float(once) if layer == 0 else moments.growth[layer] * error + float(added)
        read = evaluate(survives.inactive_square(), values)
        rows.append([layer + 1, error, error / moments.state2[layer + 1], float(read)])
    return pd.DataFrame(rows, columns=["layer", "mse", "relative_mse", "inactive_mse"])


def overlap_square(
    n_circuits: ArrayLike, width: ArrayLike, entries: int, redundancy: int
) -> NDArray[np.floating]:
    """Return q of (eq-overlap-square) at numbers, or arrays of one length.

    entries: d, the entries of a circuit's state.
    """
    sizes: dict[sp.Symbol, ArrayLike] = {
        symbols.T: n_circuits,
        symbols.D: width,
        symbols.d: entries,
        symbols.r: redundancy,
    }
    return evaluate(survives.overlap_square(), sizes)


def last_error(table: pd.DataFrame) -> float:
    """Return relative_mse after the last layer."""
    return float(np.nan_to_num(table["relative_mse"].iloc[-1], nan=np.inf))
