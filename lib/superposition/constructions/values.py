"""Numbers for the symbols of `theory`, for given circuits and sizes."""

from __future__ import annotations

import numpy as np
import sympy as sp

from superposition.circuits import ResidualCircuits, with_indicator
from superposition.constructions.residual import ResidualConstruction
from superposition.theory import symbols


def symbol_values(
    construction: ResidualConstruction, circuits: ResidualCircuits, n_active: int
) -> dict[sp.Symbol, float]:
    """Return values of T, m, d, k, D, M, r, |w|², |Σw|² (first layer) and |a|² for unit inputs.

    They include the indicator, which adds its weight to |w|², its 1 to |a|², and one to the width.
    """
    weights = with_indicator(circuits, construction.margin).read_in[0]
    return {
        symbols.T: circuits.n_circuits,
        symbols.m: circuits.n_neurons,
        symbols.d: circuits.width + 1,
        symbols.k: n_active,
        symbols.D: construction.stream_width,
        symbols.M: construction.n_neurons,
        symbols.r: construction.n_carriers,
        symbols.w2: float(np.mean(np.sum(weights**2, axis=-1))),
        symbols.sum2: float(np.mean(np.sum(weights.sum(axis=1) ** 2, axis=-1))),
        symbols.a2: 2,
    }
