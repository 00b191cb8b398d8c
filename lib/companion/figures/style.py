"""Colours, type and cards of all figures, told apart by colour-blind readers (Okabe & Ito 2008)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from cycler import cycler
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from companion.figures.figure_data import svg_with_data

INK, PAPER, GREY = "#1f2328", "#fcfbf8", "#6b7280"
COLOURS = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9"]
MARKERS = ["o", "s", "^", "D", "v", "P"]
_STYLE: dict[str, Any] = {
    "figure.facecolor": PAPER,
    "savefig.facecolor": PAPER,
    "axes.facecolor": PAPER,
    "figure.dpi": 110,
    "figure.constrained_layout.use": True,
    "font.size": 11,
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.edgecolor": GREY,
    "xtick.color": INK,
    "ytick.color": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "#e3e1da",
    "grid.linewidth": 0.7,
    "legend.facecolor": PAPER,
    "legend.edgecolor": "none",
    "legend.framealpha": 0.9,
    "lines.linewidth": 1.8,
    "lines.markersize": 5,
    "axes.prop_cycle": cycler(color=COLOURS),
    "svg.hashsalt": "superposition",
}


def use_style() -> None:
    """Set figures up as the book draws them: SVG on an opaque card, readable on dark pages too.

    In a notebook each image carries the table that it was drawn from: `svg_with_data`.
    """
    from IPython.core.getipython import get_ipython
    from matplotlib_inline.backend_inline import set_matplotlib_formats

    plt.rcParams.update(cast(Any, _STYLE))
    set_matplotlib_formats("svg")  # type: ignore[no-untyped-call]
    shell = get_ipython()
    if shell is not None and shell.display_formatter is not None:
        shell.display_formatter.formatters["image/svg+xml"].for_type(Figure, svg_with_data)


def over_seeds(
    table: pd.DataFrame, keys: list[str], measured: list[str], predicted: Sequence[str] = ()
) -> pd.DataFrame:
    """Return a row for each setting of `keys`, sorted, with means over seeds of other columns.

    A measured column also gets its smallest and largest value, in NAME_min and NAME_max.
    """
    groups = table.groupby(keys)
    found = {}
    for name in (*measured, *predicted):
        found[name] = groups[name].mean()
        if name in measured:
            found |= {f"{name}_min": groups[name].min(), f"{name}_max": groups[name].max()}
    return pd.DataFrame(found).reset_index()


def named_range(table: pd.DataFrame, name: str) -> pd.DataFrame:
    """Rename columns mean, min and max to NAME, NAME_min and NAME_max, as in `over_seeds`."""
    return table.rename(columns={"mean": name, "min": f"{name}_min", "max": f"{name}_max"})


def spread(
    axes: Axes, table: pd.DataFrame, x: str, y: str, style: int, label: str, *, line: bool = True
) -> None:
    """Draw points of a table as `over_seeds` makes it, with bars from y_min to y_max."""
    bars = np.stack([table[y] - table[f"{y}_min"], table[f"{y}_max"] - table[y]])
    axes.errorbar(
        table[x],
        table[y],
        yerr=np.maximum(bars, 0),
        color=COLOURS[style % len(COLOURS)],
        marker=MARKERS[style % len(MARKERS)],
        ls="-" if line else "none",
        capsize=2,
        elinewidth=1,
        label=label,
    )
