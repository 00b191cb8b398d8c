"""The figure of a million networks in one: what they cost, and their errors."""

from __future__ import annotations

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.figure import Figure

from companion.figures.figure_data import carries
from companion.figures.style import COLOURS, GREY, MARKERS, name_lines


def cost_and_error(sizes: pd.DataFrame, errors: dict[str, pd.DataFrame]) -> Figure:
    """Draw parameters and errors against the number of circuits, T.

    The sizes have columns n_circuits and small, gated, dense: parameters. The errors map a
    precision to columns n_circuits, rms and path (see `million.stored`), after the last layer. The
    figure carries columns series (as in the legends), n_circuits, and relative_parameters or
    relative_error.
    """
    figure, panels = plt.subplots(1, 2, figsize=(9.4, 3.7))
    table = _lines(sizes, errors)
    costs = table[table["relative_parameters"].notna()]
    for i, (label, rows) in enumerate(costs.groupby("series", sort=False)):
        look = {"color": COLOURS[i], "marker": MARKERS[i], "label": label}
        panels[0].plot(rows["n_circuits"], rows["relative_parameters"], **look)
    panels[0].axhline(1, color=GREY, ls=":", label="all small networks together")
    panels[0].set_ylabel("parameters, relative to theirs")
    for i, (label, rows) in enumerate(table.drop(costs.index).groupby("series", sort=False)):
        colour, largest = COLOURS[2 + i // 2], i % 2 == 0
        look = {"color": colour, "marker": MARKERS[2 + i // 2], "label": label}
        look |= {"ls": "--", "mfc": "none"} if largest else {"ls": "-", "mfc": colour}
        panels[1].plot(rows["n_circuits"], rows["relative_error"], **look)
    panels[1].set_ylabel("relative error after two layers")
    for axes in panels:
        axes.set(xscale="log", yscale="log", xlabel="small networks in one, T")
    panels[0].set_ylim(0.4)
    panels[1].set_ylim(1e-17, 1e-4)
    for axes in panels:
        name_lines(axes)
    return carries(figure, table)


def _lines(sizes: pd.DataFrame, errors: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """Return the points of all lines, those of each precision's largest error before its rms."""
    n, parameters, error = "n_circuits", "relative_parameters", "relative_error"
    lines = {
        label: pd.DataFrame({n: sizes[n], parameters: sizes[name] / sizes["small"]})
        for name, label in (("dense", "side by side, dense"), ("gated", "gated superposition"))
    }
    lines |= {
        f"{label}, {precision}": pd.DataFrame({n: table[n], error: table[name]})
        for precision, table in errors.items()
        for name, label in (("path", "largest"), ("rms", "root mean square"))
    }
    return pd.concat(lines, names=["series"]).reset_index("series").reset_index(drop=True)
