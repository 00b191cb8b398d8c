"""The figure of a million networks in one: what they cost, and their errors."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from superposition.plotting.style import COLOURS, GREY, MARKERS


def cost_and_error(sizes: pd.DataFrame, errors: dict[str, pd.DataFrame]) -> Figure:
    """Parameters and errors against the number of circuits, T.

    sizes: columns n_circuits, small, gated, dense (parameters). errors: precision → columns
    n_circuits, rms, path (see `million.stored`), after the last layer.
    """
    figure, panels = plt.subplots(1, 2, figsize=(8.2, 3.7))
    names = {"dense": "side by side, dense", "gated": "gated superposition"}
    for i, (name, label) in enumerate(names.items()):
        panels[0].plot(
            sizes["n_circuits"],
            sizes[name] / sizes["small"],
            color=COLOURS[i],
            marker=MARKERS[i],
            label=label,
        )
    panels[0].axhline(1, color=GREY, ls=":", label="all small networks together")
    panels[0].set_ylabel("parameters, relative to theirs")
    for i, (precision, table) in enumerate(errors.items()):
        _errors(panels[1], table, precision, i + 2)
    panels[1].set_ylabel("relative error after two layers")
    for axes in panels:
        axes.set(xscale="log", yscale="log", xlabel="small networks in one, T")
        axes.legend(fontsize=8)
    panels[0].set_ylim(0.4)
    panels[1].set_ylim(1e-17, 1e-4)
    return figure


def _errors(axes: Axes, table: pd.DataFrame, precision: str, i: int) -> None:
    for name, label, line in (("path", "largest", "--"), ("rms", "root mean square", "-")):
        axes.plot(
            table["n_circuits"],
            np.asarray(table[name]),
            color=COLOURS[i],
            marker=MARKERS[i],
            ls=line,
            mfc=COLOURS[i] if name == "rms" else "none",
            label=f"{label}, {precision}",
        )
