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

from companion.figures.figure_data import carries
from companion.figures.style import COLOURS, GREY, INK, MARKERS
from superposition.chain_maps import ChainCodes

_FREE, _TAKEN = COLOURS[2], COLOURS[1]


def rectangles(panels: Mapping[str, tuple[ChainCodes, tuple[int, int, int]]]) -> Figure:
    """Draw a chain's circuits by their even and odd slots, and rectangles of active ones.

    The panels map a title to codes, of which the first chain is shown, and three active circuits:
    their rectangles with the first are drawn, in one colour where they conflict, in another where
    not. The figure carries a row for each point: columns panel, point ("circuit", "active circuit",
    "free corner" or "taken corner"), even_slot and odd_slot.
    """
    figure, axes = plt.subplots(1, len(panels), figsize=(8.2, 4.4), squeeze=False)
    tables = {title: _points(*given) for title, given in panels.items()}
    for one, (title, (codes, active)) in zip(axes[0], panels.items(), strict=True):
        _chain(one, tables[title], codes, active)
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
    return carries(figure, pd.concat(tables, names=["panel"]).reset_index("panel"))


def _points(codes: ChainCodes, active: tuple[int, int, int]) -> pd.DataFrame:
    """Return the circuits of the first chain and the corners of the active ones' rectangles."""
    even, odd = codes.even[:, 0].tolist(), codes.odd[:, 0].tolist()
    rows = [
        ("active circuit" if circuit in active else "circuit", *slots)
        for circuit, slots in enumerate(zip(even, odd, strict=True))
    ]
    first, *others = active
    for other in others:
        for corner in ((even[first], odd[other]), (even[other], odd[first])):
            rows.append(("taken corner" if codes.joined[0][corner] else "free corner", *corner))
    return pd.DataFrame(rows, columns=["point", "even_slot", "odd_slot"])


def _chain(
    axes: Axes, points: pd.DataFrame, codes: ChainCodes, active: tuple[int, int, int]
) -> None:
    corners = points[points["point"].str.endswith("corner")]
    points = points.drop(corners.index)
    axes.plot(points["even_slot"], points["odd_slot"], ".", color=GREY, ms=5)
    even, odd = codes.even[:, 0], codes.odd[:, 0]
    first, *others = active
    for i, other in enumerate(others):
        pair = corners.iloc[2 * i : 2 * i + 2]
        colour = _TAKEN if (pair["point"] == "taken corner").any() else _FREE
        low = min(even[first], even[other]), min(odd[first], odd[other])
        size = abs(even[first] - even[other]), abs(odd[first] - odd[other])
        axes.add_patch(Rectangle(low, *size, fill=False, ec=colour, lw=1.8))
        for point, *corner in pair.itertuples(index=False):
            on = point == "taken corner"
            face = colour if on else "none"
            axes.plot(*corner, "X" if on else "s", color=colour, ms=9, mfc=face, mew=1.6)
    shown = points.loc[list(active)]
    axes.plot(shown["even_slot"], shown["odd_slot"], "o", color=INK, ms=8)
    ticks = range(0, codes.n_slots, 2)
    axes.set(aspect="equal", xticks=ticks, yticks=ticks)


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
