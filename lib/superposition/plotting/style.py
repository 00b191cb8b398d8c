"""Colours, type and cards of all figures, told apart by colour-blind readers (Okabe & Ito 2008)."""

from __future__ import annotations

from typing import Any, cast

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from cycler import cycler
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from superposition.plotting.figure_data import svg_with_data

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
    """Figures as the book draws them: crisp SVG on an opaque card, readable on dark pages too.

    In a notebook each image carries what it shows: `figure_data.svg_with_data`.
    """
    from IPython.core.getipython import get_ipython
    from matplotlib_inline.backend_inline import set_matplotlib_formats

    plt.rcParams.update(cast(Any, _STYLE))
    set_matplotlib_formats("svg")  # type: ignore[no-untyped-call]
    shell = get_ipython()
    if shell is not None and shell.display_formatter is not None:
        shell.display_formatter.formatters["image/svg+xml"].for_type(Figure, svg_with_data)


def spread(
    axes: Axes, table: pd.DataFrame, x: str, y: str, style: int, label: str, *, line: bool = True
) -> None:
    """Means over seeds with bars from the smallest to the largest."""
    by = table.groupby(x)[y]
    mean = by.mean()
    bars = np.stack([mean - by.min(), by.max() - mean])
    axes.errorbar(
        mean.index,
        mean,
        yerr=np.maximum(bars, 0),
        color=COLOURS[style % len(COLOURS)],
        marker=MARKERS[style % len(MARKERS)],
        ls="-" if line else "none",
        capsize=2,
        elinewidth=1,
        label=label,
    )
