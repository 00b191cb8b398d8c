"""A figure's data as one table, and SVG images that carry it."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from superposition.plotting.names import Entry, bar_names, entries, series, tick_names
from superposition.plotting.shown import shown

COLUMNS = [
    "panel", "title", "x_label", "y_label", "series", "kind", "piece", "x", "x_name", "x_low",
    "x_high", "y", "y_name", "y_low", "y_high", "value", "value_label", "size", "note",
]  # fmt: skip
_ALWAYS = ["panel", "x_label", "y_label", "series", "kind", "x", "y"]
_HEAD = "What this figure shows, as CSV:\n"
_CARRIED = re.compile(rf"<dc:description>{_HEAD}(.*?)</dc:description>\s*", re.DOTALL)


def figure_data(figure: Figure) -> pd.DataFrame:
    """A row for each point, bar or cell of a figure, in data coordinates; empty for a drawing.

    Of `COLUMNS`, those that say something: panel (from 1), its title and labels; series, as the
    legend says, or kind and number; kind; x, y and what `shown` has; names of named ticks.
    """
    known = entries(figure)
    tables = [
        table
        for number, axes in enumerate(_panels(figure), start=1)
        for table in _panel(axes, number, known)
    ]
    table = pd.concat([pd.DataFrame(columns=COLUMNS), *(t.astype(object) for t in tables)])
    said = table.notna().any() & (table != "").any()
    return table[[name for name in COLUMNS if name in _ALWAYS or said[name]]].reset_index(drop=True)


def _panels(figure: Figure) -> Iterator[Axes]:
    """Axes with what is inset in them; not the scales of colours."""
    for axes in figure.axes:
        if axes.get_visible() and not hasattr(axes, "_colorbar"):
            yield axes
            yield from (inset for inset in axes.child_axes if isinstance(inset, Axes))


def _panel(axes: Axes, number: int, known: list[Entry]) -> Iterator[pd.DataFrame]:
    head: dict[str, Any] = {
        "panel": number,
        "title": axes.get_title().replace("\n", " "),
        "x_label": _axis_label(axes, "x"),
        "y_label": _axis_label(axes, "y"),
    }
    counts: dict[str, int] = {}
    for artist, table in shown(axes):
        kind = str(table["kind"].iloc[0])
        counts[kind] = counts.get(kind, 0) + 1
        across = not {"x", "y"} <= {*table}
        name = series(artist, known, f"{kind} {counts[kind]}", across)
        table = table.assign(**head, series=bar_names(artist) or name)
        for column, axis in (("x", axes.xaxis), ("y", axes.yaxis)):
            if column in table:
                values = table[column].to_numpy(float)
                names = tick_names(axis, values, exactly=across or "value" in table)
                if names:
                    table[f"{column}_name"] = names
        if "value" in table:
            table["value_label"] = _value_label(artist, axes)
        yield table


def _axis_label(axes: Axes, which: str) -> str:
    """The panel's label, that of one with the same scale or in line with it, or the figure's."""
    shared = axes.get_shared_x_axes() if which == "x" else axes.get_shared_y_axes()
    others = [
        *shared.get_siblings(axes),
        *(o for o in axes.figure.axes if _in_line(axes, o, which)),
    ]
    labels = [getattr(each, f"get_{which}label")() for each in (axes, *others)]
    if isinstance(axes.figure, Figure):
        labels.append(getattr(axes.figure, f"get_sup{which}label")())
    return next((text.replace("\n", " ") for text in labels if text), "")


def _in_line(axes: Axes, other: Axes, which: str) -> bool:
    """Whether two panels stand in one column (x) or in one row (y)."""
    one, two = axes.get_subplotspec(), other.get_subplotspec()
    if one is None or two is None or one.get_gridspec() is not two.get_gridspec():
        return False
    return one.colspan == two.colspan if which == "x" else one.rowspan == two.rowspan


def _value_label(artist: Any, axes: Axes) -> str:
    """What the scale of colours is of: a part's own, or the figure's only one."""
    scales = [each for each in axes.figure.axes if hasattr(each, "_colorbar")]
    own = getattr(artist, "colorbar", None)
    found = own.ax if own else scales[0] if len(scales) == 1 else None
    return found.get_ylabel() or found.get_xlabel() if found else ""


def as_csv(table: pd.DataFrame) -> str:
    """A table as CSV: six significant digits, and whole numbers as they are."""
    return str(table.map(_short).to_csv(index=False, lineterminator="\n"))


def _short(value: Any) -> Any:
    if isinstance(value, float) and value == value:
        whole = value == round(value, 0) and abs(value) < 1e15
        return str(int(value)) if whole else f"{value:.6g}"
    return value


def svg_with_data(figure: Figure) -> str | None:
    """A figure as a notebook shows it, in SVG, with its data as the description of the image.

    None for a figure without panels, which a notebook does not show.
    """
    from IPython.core.pylabtools import print_figure  # only notebooks need it

    metadata: dict[str, str | None] = {"Date": None}  # the same image whenever it is made
    table = figure_data(figure)
    if len(table):
        metadata["Description"] = _HEAD + as_csv(table)
    return print_figure(figure, fmt="svg", metadata=metadata)  # type: ignore[no-untyped-call]


def split(svg: str) -> tuple[str, str | None]:
    """An image without its data, and the data as CSV; None where it carries none."""
    carried = _CARRIED.search(svg)
    if carried is None:
        return svg, None
    return svg[: carried.start()] + svg[carried.end() :], html.unescape(carried[1])
