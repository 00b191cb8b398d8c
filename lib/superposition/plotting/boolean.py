"""Figures of AND gates in superposition."""

from __future__ import annotations

from collections.abc import Mapping

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from superposition._check import Floats
from superposition.plotting.style import COLOURS, GREY, INK, spread

_DASHES = [(0, (5, 2)), (0, (1, 1.5)), (0, (6, 2, 1, 2))]


def gates_by_neurons(table: pd.DataFrame, bounds: Mapping[str, Floats]) -> Figure:
    """How many gates n neurons compute: measured, predicted, and published lines.

    table: columns kind, n_neurons, seed, n_gates, predicted_gates. bounds: a line's name → values
    at 2^7 … 2^12 neurons.
    """
    figure, axes = plt.subplots(figsize=(7.2, 5.0))
    neurons = np.array(sorted(table["n_neurons"].unique()))
    for style, (kind, rows) in enumerate(table.groupby("kind", sort=False)):
        line = rows.groupby("n_neurons")["predicted_gates"].mean()
        axes.plot(line.index, line, color=COLOURS[style], label="_")
        spread(axes, rows, "n_neurons", "n_gates", style, f"{kind}, measured", line=False)
    axes.plot([], [], color=INK, label="predicted")
    for dashes, (name, values) in zip(_DASHES, bounds.items(), strict=True):
        axes.plot(neurons, values, color=GREY, ls=dashes, lw=1.4, label=name)
    axes.plot(neurons, neurons, color=GREY, lw=0.8, label="a neuron for each gate")
    axes.set(xscale="log", yscale="log", xlabel="neurons n (stream D = n/2)", ylabel="AND gates")
    axes.set_xticks(neurons, [str(n) for n in neurons])
    axes.set_xticks([], minor=True)
    axes.legend(fontsize=8.5)
    return figure
