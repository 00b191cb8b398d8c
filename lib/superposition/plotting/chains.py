"""Figures of chains: rectangles of active circuits, and how often they find no chain."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle

from superposition.codes.chains import ChainCodes
from superposition.plotting.style import COLOURS, GREY, INK, MARKERS

_FREE, _TAKEN = COLOURS[2], COLOURS[1]


def rectangles(panels: Mapping[str, tuple[ChainCodes, tuple[int, int, int]]]) -> Figure:
    """A chain's circuits by their even and odd slots, and rectangles of active ones.

    panels: title → codes, of which the first chain is shown, and three active circuits: their
    rectangles with the first are drawn, in one colour where they conflict, in another where not.
    """
    figure, axes = plt.subplots(1, len(panels), figsize=(8.2, 4.4), squeeze=False)
    for one, (title, (codes, active)) in zip(axes[0], panels.items(), strict=True):
        _chain(one, codes, active)
        one.set(title=title, xlabel="slot in even layers")
    axes[0, 0].set_ylabel("slot in odd layers")
    handles = [
        Line2D([], [], color=GREY, marker=".", ls="none"),
        Line2D([], [], color=INK, marker="o", ms=8, ls="none"),
        Line2D([], [], color=_FREE, marker="s", ms=9, mfc="none"),
        Line2D([], [], color=_TAKEN, marker="X", ms=9),
    ]
    names = ["a circuit", "an active one", "corners are free", "a corner is a circuit: conflict"]
    figure.legend(handles, names, loc="outside lower center", ncols=4, fontsize=9)
    return figure


def _chain(axes: Axes, codes: ChainCodes, active: tuple[int, int, int]) -> None:
    even, odd = codes.even[:, 0], codes.odd[:, 0]
    axes.plot(even, odd, ".", color=GREY, ms=5)
    first, *others = active
    for other in others:
        corners = [(even[first], odd[other]), (even[other], odd[first])]
        taken = [codes.joined[0][corner] for corner in corners]
        colour = _TAKEN if any(taken) else _FREE
        low = min(even[first], even[other]), min(odd[first], odd[other])
        size = abs(even[first] - even[other]), abs(odd[first] - odd[other])
        axes.add_patch(Rectangle(low, *size, fill=False, ec=colour, lw=1.8))
        for corner, on in zip(corners, taken, strict=True):
            face = colour if on else "none"
            axes.plot(*corner, "X" if on else "s", color=colour, ms=9, mfc=face, mew=1.6)
    axes.plot(even[list(active)], odd[list(active)], "o", color=INK, ms=8)
    ticks = range(0, codes.n_slots, 2)
    axes.set(aspect="equal", xticks=ticks, yticks=ticks)


def failures(tables: Mapping[str, pd.DataFrame], derived: pd.DataFrame, copies: int) -> Figure:
    """How many active circuits are not read exactly, against their number, a panel per table.

    tables: title → columns way, n_active, circuits (share, a row for each seed). derived: columns
    title, way, n_active, circuits: lines. copies: how many active circuits as many copies of a
    network for one would take.
    """
    figure, panels = plt.subplots(1, len(tables), figsize=(8.2, 4.2), sharey=True, squeeze=False)
    for axes, (title, table) in zip(panels[0], tables.items(), strict=True):
        lines = derived[derived["title"] == title]
        handles = [
            _way(axes, i, rows, lines[lines["way"] == way])
            for i, (way, rows) in enumerate(table.groupby("way", sort=False))
        ]
        handles.append(axes.axvline(copies, color=GREY, ls="--", lw=1, label="_"))
        axes.set_yscale("symlog", linthresh=1e-3, linscale=0.5)
        axes.set(title=title, xlabel="active circuits", ylim=(0, 1))
    panels[0, 0].set_ylabel("share that is not exact")
    handles.append(Line2D([], [], color=INK))
    names = [*table["way"].unique(), "most for copies", "derived"]
    figure.legend(handles, names, loc="outside lower center", ncols=4, fontsize=9)
    return figure


def _way(axes: Axes, i: int, rows: pd.DataFrame, line: pd.DataFrame) -> Line2D:
    """One way's points, its line as derived, or thin dots between points; what its legend shows."""
    mean = rows.groupby("n_active")["circuits"].mean()
    colour: str = COLOURS[i]
    if line.empty:
        axes.plot(mean.index, mean, color=colour, lw=0.8, ls=":", label="_")
    else:
        axes.plot(line["n_active"], line["circuits"], color=colour, label="_")
    style: dict[str, Any] = {"color": colour, "marker": MARKERS[i], "ls": "none", "label": "_"}
    (points,) = axes.plot(mean.index, mean, clip_on=False, zorder=3, **style)
    return points
