"""Predicted errors of gated circuits, from the geometry of their codes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from superposition._check import Floats
from superposition.constructions.coupling import Coupling
from superposition.constructions.quiet import Crosstalk
from superposition.moments import MLPMoments
from superposition.theory import gating, symbols
from superposition.theory.derivation import evaluate


def gated_law(
    moments: MLPMoments,
    crosstalk: Crosstalk,
    coupled: Coupling,
    redundancy: int,
    n_active: int,
) -> pd.DataFrame:
    """Predict errors by layer 0 … L, (eq-gated-law), from crosstalk and coupling.

    The columns are layer, mse, relative_mse and inactive_mse. What arrives of one other circuit and
    of two, A and A', is (eq-arrivals).
    """
    values = _geometry(crosstalk, coupled) | {symbols.r: redundancy, symbols.k: n_active}
    values |= {gating.common: 0.0, gating.own_noise: 0.0}
    rows = []
    for layer, state2 in enumerate(moments.state2):
        alike = np.outer(coupled.means, coupled.means)
        values |= {
            symbols.a2: state2,
            gating.joined2: moments.arrived[layer, 0, 0],
            gating.both2: moments.both2[layer],
            gating.alike: moments.alike[layer],
            gating.layer: max(layer, 1),
            gating.coupled: max(_by_mean(alike, moments.arrived[layer]) / state2, 0.0) ** 0.5,
            gating.of_one: (coupled.squares * moments.arrived[layer]).sum(),
            gating.of_two: (alike * moments.arrived_apart[layer]).sum(),
        }
        values[gating.arrived2] = evaluate(gating.arrived(), values)
        values[gating.joint2] = evaluate(gating.joint_error(), values)
        mse = float(evaluate(gating.state_error(), values))
        read = float(evaluate(gating.inactive_square(), values))
        rows.append([layer, mse, mse / state2, read])
        if layer < len(moments.own2):
            values |= {
                gating.growth: moments.own_growth[layer],
                gating.own2: moments.own2[layer],
                gating.itself2: moments.itself2[layer],
                gating.bias2: moments.own_bias2[layer],
            }
            after = (gating.next_common, gating.next_own)
            common, own = (float(evaluate(formula(), values)) for formula in after)
            values |= {gating.common: common, gating.own_noise: own}
    return pd.DataFrame(rows, columns=["layer", "mse", "relative_mse", "inactive_mse"])


def _geometry(crosstalk: Crosstalk, coupled: Coupling) -> dict[Any, Any]:
    return {
        gating.shared: crosstalk.shared,
        gating.own_share: crosstalk.own,
        gating.noise_share: crosstalk.noise,
        gating.itself: crosstalk.itself,
        gating.own_bias: coupled.own_bias,
        gating.spread: crosstalk.spread,
    }


def _by_mean(alike: Floats, arrived: Floats) -> float:
    """Return the square of what arrives by the mean, without what lies on shared slots."""
    return float((alike * arrived)[1:, 1:].sum())
