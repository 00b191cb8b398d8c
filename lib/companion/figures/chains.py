"""Figures of chains: how often active circuits find none."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from companion.figures.figure_data import carries
from companion.figures.style import COLOURS, GREY, INK, MARKERS


def failures(tables: Mapping[str, pd.DataFrame], derived: pd.DataFrame, copies: int) -> Figure:
    """Draw how many active circuits are not read exactly, against their number.

    There is a panel for each of the tables, by title: columns way, n_active and circuits (a share,
    with a row for each seed). Derived lines have columns title, way, n_active, circuits. A vertical
    line marks how many active circuits as many copies of a network for one would take. The figure
    carries means over seeds and the lines: columns panel, way, source ("measured" or "derived"),
    n_active and share_not_exact.
    """
    figure, panels = plt.subplots(1, len(tables), figsize=(8.2, 4.2), sharey=True, squeeze=False)
    found = _shares(tables, derived)
    for axes, title in zip(panels[0], tables, strict=True):
        rows = found[found["panel"] == title]
        ways = tables[title]["way"].unique()
        handles = [_way(axes, i, rows[rows["way"] == way]) for i, way in enumerate(ways)]
        handles.append(axes.axvline(copies, color=GREY, ls="--", lw=1, label="_"))
        axes.set_yscale("symlog", linthresh=1e-3, linscale=0.5)
        axes.set(title=title, xlabel="active circuits", ylim=(0, 1))
    panels[0, 0].set_ylabel("share that is not exact")
    handles.append(Line2D([], [], color=INK))
    names = [*ways, "most for copies", "derived"]
    figure.legend(handles, names, loc="outside lower center", ncols=4, fontsize=9)
    return carries(figure, found)


def _shares(tables: Mapping[str, pd.DataFrame], derived: pd.DataFrame) -> pd.DataFrame:
    """Return measured means and derived lines of the panels, in one table."""
    measured = pd.concat(tables, names=["title"]).groupby(["title", "way", "n_active"])
    lines = derived[derived["title"].isin([*tables])]
    both = {"measured": measured["circuits"].mean().reset_index(), "derived": lines}
    found = pd.concat(both, names=["source"]).reset_index("source")
    found = found[["title", "way", "source", "n_active", "circuits"]]
    return found.rename(columns={"title": "panel", "circuits": "share_not_exact"})


def _way(axes: Axes, i: int, rows: pd.DataFrame) -> Line2D:
    """Draw a way's points, and its derived line or thin dots between points; return the points."""
    measured, line = (rows[rows["source"] == source] for source in ("measured", "derived"))
    x, y = "n_active", "share_not_exact"
    colour: str = COLOURS[i]
    if line.empty:
        axes.plot(x, y, data=measured, color=colour, lw=0.8, ls=":", label="_")
    else:
        axes.plot(x, y, data=line, color=colour, label="_")
    style: dict[str, Any] = {"color": colour, "marker": MARKERS[i], "ls": "none", "label": "_"}
    (points,) = axes.plot(x, y, data=measured, clip_on=False, zorder=3, **style)
    return points
