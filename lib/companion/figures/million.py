"""The figure of a million networks in one: what they cost, and their errors."""

from __future__ import annotations

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.figure import Figure

from companion.figures.figure_data import carries
from companion.figures.style import GREY, look, name_lines


def cost_and_error(sizes: pd.DataFrame, errors: dict[str, pd.DataFrame]) -> Figure:
    """Draw parameters and errors against the number of circuits, T.

    The sizes have columns n_circuits and small, gated, dense: parameters. The errors map a
    precision to columns n_circuits, rms and path (see `million.stored`), after the last layer. The
    figure carries columns series (a line's label), n_circuits, and relative_parameters or
    relative_error.
    """
    figure, panels = plt.subplots(1, 2, figsize=(9.4, 3.7))
    table = _lines(sizes, errors)
    costs = table[table["relative_parameters"].notna()]
    for i, (label, rows) in enumerate(costs.groupby("series", sort=False)):
        x, y = rows["n_circuits"], rows["relative_parameters"]
        panels[0].plot(x, y, label=label, **look(i))
    panels[0].axhline(1, color=GREY, ls=":", label="all small networks together")
    panels[0].set_ylabel("parameters, relative to theirs")
    for i, (label, rows) in enumerate(table.drop(costs.index).groupby("series", sort=False)):
        largest = {"ls": "--", "mfc": "none"} if i % 2 == 0 else {}
        x, y = rows["n_circuits"], rows["relative_error"]
        panels[1].plot(x, y, label=label, **look(2 + i // 2), **largest)
    panels[1].set_ylabel("relative error after two layers")
    for axes, limits in zip(panels, ((0.4, None), (1e-17, 1e-4)), strict=True):
        axes.set(ylim=limits, xscale="log", yscale="log", xlabel="small networks in one, T")
        name_lines(axes)
    return carries(figure, table)


def _lines(sizes: pd.DataFrame, errors: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """Return the points of all lines, those of each precision's largest error before its rms."""
    n, parameters, error = "n_circuits", "relative_parameters", "relative_error"
    lines = {
        label: pd.DataFrame({n: sizes[n], parameters: sizes[name] / sizes["small"]})
        for name, label in (("dense", "private neurons, dense"), ("gated", "gated superposition"))
    }
    lines |= {
        f"{label}, {precision}": pd.DataFrame({n: table[n], error: table[name]})
        for precision, table in errors.items()
        for name, label in (("path", "largest"), ("rms", "root mean square"))
    }
    return pd.concat(lines, names=["series"]).reset_index("series").reset_index(drop=True)
