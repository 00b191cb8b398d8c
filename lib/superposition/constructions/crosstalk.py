"""Predicted errors of gated circuits, from the geometry of their codes."""

from __future__ import annotations

import pandas as pd

from superposition.constructions.quiet import Crosstalk
from superposition.moments import MLPMoments


def gated_law(
    moments: MLPMoments, heard: Crosstalk, redundancy: int, n_active: int
) -> pd.DataFrame:
    """Errors by layer 0 … L, (eq-gated-law): columns layer, mse, relative_mse, inactive_mse.

    `common` is noise that a circuit's r slots share, `own` what differs from slot to slot, and
    `joint` comes with circuits that share a slot. Each layer adds what is heard of others, noise
    on their slots included, and passes on what was there, as its ReLUs let it.
    """
    others, r, shared = n_active - 1, redundancy, heard.shared
    common, own, joint = 0.0, 0.0, others * shared * moments.state2[0]
    itself = heard.itself / shared if shared else 0.0
    rows = []
    for layer, state2 in enumerate(moments.state2):
        mse, apart = common + (own + joint) / r, own + joint
        inactive = n_active * shared / r * (state2 + common + apart)
        rows.append([layer, mse, mse / state2, inactive])
        if layer == len(moments.growth):
            break
        own2, mean2 = moments.own2[layer], moments.biased_mean2[layer]
        through = own2 * (heard.own * (1 + common / state2) + heard.noise * apart / state2)
        slot = through + mean2 * heard.mean
        average = through / r + mean2 * heard.mean_average
        alike = (r * average - slot) / max(r - 1, 1)  # mean product of what two slots hear
        growth, elsewhere = moments.growth[layer], others * (1 - shared)
        common = growth * (common + own / r + itself * joint) + elsewhere * alike
        own = growth * own * heard.spread + elsewhere * (slot - alike)
        joint = others * shared * moments.joined2[layer]
    return pd.DataFrame(rows, columns=["layer", "mse", "relative_mse", "inactive_mse"])
