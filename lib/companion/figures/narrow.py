"""A figure again, for phones: as wide as their pages, with panels below each other."""

from __future__ import annotations

import pickle
from itertools import pairwise

import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.gridspec import GridSpec, SubplotSpec

WIDTH = 4.6  # inches, so that words of 11 points have 11 pixels on a phone's page
_LEAST = 0.8  # the share of its width that a panel keeps at least, if it is to have neighbours
_HIGHEST = 3.0  # inches, of panels one below the other


def narrowed(figure: Figure) -> Figure:
    """Return a copy of a figure of `plt.subplots` in `WIDTH`, its panels in fewer columns.

    A row of panels becomes several, and the first of each has the label and ticks of that row. Rows
    of one label count as one. Ticks whose words would overlap are turned.
    """
    other: Figure = pickle.loads(pickle.dumps(figure))
    plt.close(other)  # which no window shows
    specs = {axes: axes.get_subplotspec() for axes in other.axes if axes.get_visible()}
    panels = {axes: spec for axes, spec in specs.items() if spec is not None}
    other.set_size_inches(WIDTH, _rearrange(other, panels) if panels else other.get_figheight())
    for legend in other.legends:
        legend.set_ncols(2)
    other.draw_without_rendering()
    for axes in panels:
        _turn(axes)
    return other


def _rearrange(figure: Figure, panels: dict[Axes, SubplotSpec]) -> float:
    """Put panels in as many columns as have room; return the figure's new height."""
    grid = next(iter(panels.values())).get_gridspec()
    wide, high = figure.get_figwidth() / grid.ncols, figure.get_figheight() / grid.nrows
    rows_each = -(-grid.ncols // max(1, int(WIDTH / (_LEAST * wide))))
    n_columns = -(-grid.ncols // rows_each)
    at = {(spec.rowspan.start, spec.colspan.start): axes for axes, spec in panels.items()}
    if len({axes.get_ylabel() for (_, column), axes in at.items() if column == 0}) == 1:
        at = {(0, n): axes for n, axes in enumerate(panels)}  # one row of many panels
    n_rows = 1 + max(row * rows_each + column // n_columns for row, column in at)
    high *= min(1, WIDTH / n_columns / wide) if n_columns > 1 else 1
    high = min(high, _HIGHEST) if n_rows > grid.nrows else high
    new = GridSpec(n_rows, n_columns, figure=figure)
    for (row, column), axes in at.items():
        axes.set_subplotspec(new[row * rows_each + column // n_columns, column % n_columns])
        if column and column % n_columns == 0:
            axes.tick_params(labelleft=True)
            label = at[row, 0].yaxis.label
            axes.set_ylabel(axes.get_ylabel() or label.get_text(), size=label.get_fontsize())
    return float(high * n_rows)


def _turn(axes: Axes) -> None:
    """Turn words below ticks that overlap."""
    words = [word for word in axes.get_xticklabels() if word.get_text()]
    boxes = [word.get_window_extent() for word in words]
    if any(left.x1 > right.x0 for left, right in pairwise(boxes)):
        for word in words:
            word.set(rotation=40, ha="right", rotation_mode="anchor")
