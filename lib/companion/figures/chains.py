"""Figures of chains: how often active circuits find none."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from companion.figures.figure_data import carries
from companion.figures.style import look, name_lines, name_upright, numbered


def failures(
    tables: Mapping[str, pd.DataFrame], derived: pd.DataFrame, copies: int, of_note: Sequence[str]
) -> Figure:
    """Draw how many active circuits are not read exactly, against their number.

    There is a panel for each of the tables, by title: columns way, n_active and circuits (a share,
    with a row for each seed). Derived lines have columns title, way, n_active, circuits. A vertical
    line marks how many active circuits as many copies of a network for one would take. The ways of
    note have colours. The figure carries means over seeds and the lines: columns panel, way, source
    ("measured" or "derived"), n_active and share_not_exact.
    """
    figure, panels = plt.subplots(1, len(tables), figsize=(8.2, 4.2), sharey=True, squeeze=False)
    found = _shares(tables, derived)
    for axes, title in zip(panels[0], tables, strict=True):
        rows = found[found["panel"] == title]
        ways = tables[title]["way"].unique()
        for style, way in numbered(ways, of_note):
            _way(axes, style, rows[rows["way"] == way], way)
        axes.set_yscale("symlog", linthresh=1e-3, linscale=0.5)
        axes.set(title=title, xlabel="active circuits", ylim=(0, 1))
        name_upright(axes, "most for copies", copies)
    panels[0, 0].set_ylabel("share that is not exact")
    name_lines(*panels[0])
    return carries(figure, found)


def _shares(tables: Mapping[str, pd.DataFrame], derived: pd.DataFrame) -> pd.DataFrame:
    """Return measured means and derived lines of the panels, in one table."""
    measured = pd.concat(tables, names=["title"]).groupby(["title", "way", "n_active"])
    lines = derived[derived["title"].isin([*tables])]
    both = {"measured": measured["circuits"].mean().reset_index(), "derived": lines}
    found = pd.concat(both, names=["source"]).reset_index("source")
    found = found[["title", "way", "source", "n_active", "circuits"]]
    return found.rename(columns={"title": "panel", "circuits": "share_not_exact"})


def _way(axes: Axes, style: int | None, rows: pd.DataFrame, label: str) -> None:
    """Draw a way's points, and its derived line or thin dots between points."""
    measured, line = (rows[rows["source"] == source] for source in ("measured", "derived"))
    x, y, seen = "n_active", "share_not_exact", look(style)
    thin: dict[str, Any] = {"lw": 0.8, "ls": ":"} if line.empty else {}
    data = measured if line.empty else line
    axes.plot(x, y, data=data, color=seen["color"], label="_", **thin)
    axes.plot(x, y, data=measured, clip_on=False, zorder=3, ls="none", label=label, **seen)
