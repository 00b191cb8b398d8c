"""Colours and type of all figures, told apart by colour-blind readers (Okabe & Ito 2008)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from textwrap import fill
from typing import Any, cast

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from cycler import cycler
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.container import BarContainer
from matplotlib.figure import Figure

from companion.figures.figure_data import svg_with_data
from superposition._check import Floats

# Names of colours, as on light pages and as on dark ones. `PAPER` is the page itself.
INK, PAPER, GREY = "#1f2328", "#ffffff", "#6b7280"
GRID, REST = "#e3e1da", "#8a9099"  # the rest: lines that a figure does not speak of
COLOURS = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#c48200", "#2f97d3"]
# Words in a line's colour are darker, since thin strokes need more contrast.
WORDS = ["#0072b2", "#b84f00", "#007d5b", "#a8447e", "#946200", "#1879b0"]
_LIGHTER = ["#5aa9e6", "#ff8c42", "#35c99a", "#e79ac6", "#ffc04d", "#a6dcff"]
_WORDS_OF = dict(zip([*COLOURS, REST], [*WORDS, GREY], strict=True))
DARK = {INK: "#e6e8eb", PAPER: "#121212", GREY: "#9aa3af", GRID: "#2b313a", REST: "#757d88"}
DARK |= dict(zip([*COLOURS, *WORDS], 2 * _LIGHTER, strict=True))
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
    "axes.axisbelow": True,
    "grid.color": GRID,
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
    """Set figures up as the book draws them: SVG in the colours of a light page.

    In a notebook each image carries the table that it was drawn from: `svg_with_data`.
    """
    from IPython.core.getipython import get_ipython
    from matplotlib_inline.backend_inline import set_matplotlib_formats

    plt.rcParams.update(cast(Any, _STYLE))
    set_matplotlib_formats("svg")  # type: ignore[no-untyped-call]
    shell = get_ipython()
    if shell is not None and shell.display_formatter is not None:
        shell.display_formatter.formatters["image/svg+xml"].for_type(Figure, svg_with_data)


def darkened(svg: str) -> str:
    """Return an image in the colours of a dark page."""
    return re.sub("#[0-9a-f]{6}", lambda found: DARK.get(found[0], found[0]), svg)


def name_lines(
    *panels: Axes, words: Mapping[str, str] | None = None, width: int = 18, gap: float = 0.075
) -> None:
    """Write labels at the right ends of their lines, in their colours, instead of a legend.

    A label that several panels have stands in the last of them. `words` replaces labels by others.
    They are broken at `width` signs; a line of text takes the share `gap` of the height.
    """
    named: set[str] = set()
    for axes in reversed(panels):
        axes.get_ylim()  # which brings the axes' limits up to date
        ends = []
        for artist, label in zip(*axes.get_legend_handles_labels(), strict=True):
            if label not in named:
                points, colour = _drawn(artist)
                at = _end(axes, points)
                ends.append((at, fill((words or {}).get(label, label), width), colour))
            named.add(label)
        for place, (_, text, colour) in zip(_apart(ends, gap), sorted(ends), strict=True):
            dark = _WORDS_OF.get(colour, colour)
            axes.text(1.02, place, text, color=dark, transform=axes.transAxes, va="center", size=10)


def _drawn(artist: Any) -> tuple[Floats, str]:
    """Return points (n, 2) and the colour of a line, of error bars' line, or of bars' tops."""
    if isinstance(artist, BarContainer):
        tops = [(bar.get_x(), bar.get_height()) for bar in artist.patches]
        return np.array(tops, float), to_hex(artist.patches[0].get_facecolor())
    line = artist[0] if isinstance(artist, tuple) else artist
    return np.array(line.get_xydata(), float), line.get_color()


def name_at(axes: Axes, text: str, at: tuple[float, float], colour: str, side: str) -> None:
    """Write a label beside a point, to its left or right, in the colour of what stands there."""
    away, edge = (7, "left") if side == "right" else (-7, "right")
    place: dict[str, Any] = {"textcoords": "offset points", "ha": edge, "va": "center"}
    axes.annotate(
        text, at, (away, 0), **place, size=10,
        bbox={"color": PAPER, "alpha": 0.7, "pad": 0.5},
        color=_WORDS_OF.get(colour, colour),
    )  # fmt: skip


def name_upright(axes: Axes, text: str, x: float) -> None:
    """Draw an upright line of the frame's height in grey, with a label along it."""
    axes.axvline(x, color=GREY, ls="--", lw=1, label="_")
    axes.annotate(
        text, (x, 0.02), (-3, 0), ("data", "axes fraction"), "offset points", rotation=90,
        ha="right", va="bottom", size=9, color=INK,
    )  # fmt: skip


def _end(axes: Axes, points: Floats) -> float:
    """Return the height of a line's last point, as a share of the panel's."""
    last = points[np.isfinite(points).all(axis=1)][-1]
    height = axes.transAxes.inverted().transform(axes.transData.transform(last))[1]
    return float(np.clip(height, 0.02, 0.98))


def _apart(ends: list[tuple[float, str, str]], gap: float) -> list[float]:
    """Return heights for labels, sorted, near the ends of their lines and clear of each other."""
    ends = sorted(ends)
    half = [gap * (label.count("\n") + 1) / 2 for _, label, _ in ends]
    places = [at for at, _, _ in ends]
    for _ in range(200):  # neighbours that overlap each give way by half
        for i in range(len(places) - 1):
            short = half[i] + half[i + 1] - (places[i + 1] - places[i])
            if short > 1e-6:
                places[i] -= short / 2
                places[i + 1] += short / 2
    ceiling = 1.05
    for i in reversed(range(len(places))):
        places[i] = min(places[i], ceiling - half[i])
        ceiling = places[i] - half[i]
    return places


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


def look(style: int | None) -> dict[str, Any]:
    """Return the colour and marker of a series by its number; None is one of the rest, in grey."""
    if style is None:
        return {"color": REST, "marker": "."}
    return {"color": COLOURS[style % len(COLOURS)], "marker": MARKERS[style % len(MARKERS)]}


def numbered(names: Iterable[Any], of_note: Sequence[Any]) -> Iterator[tuple[int | None, Any]]:
    """Yield names, each after its place among those of note, which have colours, or None."""
    return ((of_note.index(name) if name in of_note else None, name) for name in names)


def spread(
    axes: Axes, table: pd.DataFrame, x: str, y: str, style: int | None, label: str, *,
    line: bool = True,
) -> None:  # fmt: skip
    """Draw points of a table as `over_seeds` makes it, with bars from y_min to y_max."""
    bars = np.stack([table[y] - table[f"{y}_min"], table[f"{y}_max"] - table[y]])
    ends: dict[str, Any] = {"yerr": np.maximum(bars, 0), "capsize": 2, "elinewidth": 1}
    axes.errorbar(
        table[x], table[y], ls="-" if line else "none", label=label, **look(style), **ends
    )
