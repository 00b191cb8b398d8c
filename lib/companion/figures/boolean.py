"""Figures of AND gates in superposition."""

from __future__ import annotations

from collections.abc import Mapping

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from companion.figures.figure_data import carries
from companion.figures.style import COLOURS, GREY, name_lines, over_seeds, spread
from superposition._check import Floats

_DASHES = [(0, (5, 2)), (0, (1, 1.5)), (0, (6, 2, 1, 2))]


def gates_by_neurons(table: pd.DataFrame, bounds: Mapping[str, Floats]) -> Figure:
    """Draw how many gates n neurons compute: measured, predicted, and published lines.

    The table has columns kind, n_neurons, seed, n_gates and predicted_gates. The bounds map a
    line's name to its values at the table's numbers of neurons, in order. The figure carries means
    over seeds with n_gates_min and n_gates_max; a line is a kind with n_gates alone.
    """
    figure, axes = plt.subplots(figsize=(7.2, 5.0))
    neurons = np.array(sorted(table["n_neurons"].unique()))
    found = over_seeds(table, ["kind", "n_neurons"], ["n_gates"], ["predicted_gates"])
    for style, kind in enumerate(table["kind"].unique()):
        rows = found[found["kind"] == kind]
        axes.plot("n_neurons", "predicted_gates", data=rows, color=COLOURS[style], label="_")
        spread(axes, rows, "n_neurons", "n_gates", style, str(kind), line=False)
    one_each = "a neuron for each gate"
    values = {"n_neurons": neurons, **bounds, one_each: neurons}
    lines = pd.DataFrame(values).melt("n_neurons", var_name="kind", value_name="n_gates")
    for dashes, name in zip([*_DASHES, "-"], [*bounds, one_each], strict=True):
        rows = lines[lines["kind"] == name]
        width = 0.8 if name == one_each else 1.4
        axes.plot("n_neurons", "n_gates", data=rows, color=GREY, ls=dashes, lw=width, label=name)
    axes.set(xscale="log", yscale="log", xlabel="neurons n (stream D = n/2)", ylabel="AND gates")
    axes.set_xticks(neurons, [str(n) for n in neurons])
    axes.set_xticks([], minor=True)
    name_lines(axes)
    return carries(figure, pd.concat([found, lines]))
