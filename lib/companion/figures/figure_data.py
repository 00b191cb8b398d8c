"""The table that a figure was drawn from, and SVG images that carry it."""

from __future__ import annotations

import html
import re
from typing import Any
from weakref import WeakKeyDictionary

import pandas as pd
from matplotlib.figure import Figure

from companion.figures.narrow import narrowed

_TABLES: WeakKeyDictionary[Figure, pd.DataFrame] = WeakKeyDictionary()
_HEAD = "What this figure shows, as CSV:\n"
_CARRIED = re.compile(rf"<dc:description>{_HEAD}(.*?)</dc:description>\s*", re.DOTALL)
_NARROW = re.compile('<metadata class="narrow">(.*?)</metadata>', re.DOTALL)


def carries(figure: Figure, table: pd.DataFrame) -> Figure:
    """Record the table that a figure was drawn from, without its index; return the figure."""
    _TABLES[figure] = table.reset_index(drop=True)
    return figure


def figure_data(figure: Figure) -> pd.DataFrame | None:
    """Return the table that a figure was drawn from.

    A picture, such as photographs of digits, was drawn from no table: the answer is None.
    """
    return _TABLES.get(figure)


def as_csv(table: pd.DataFrame) -> str:
    """Write a table as CSV, with six significant digits and whole numbers as they are."""
    return str(table.map(_short).to_csv(index=False, lineterminator="\n"))


def _short(value: Any) -> Any:
    if isinstance(value, float) and value == value:
        whole = value == round(value, 0) and abs(value) < 1e15
        return str(int(value)) if whole else f"{value:.6g}"
    return value


def svg_with_data(figure: Figure) -> str | None:
    """Draw a figure as SVG whose description is the figure's table, as notebooks show it.

    It also carries the figure as phones show it: `narrowed`. A figure without panels, which a
    notebook does not show, gives None.
    """
    from IPython.core.pylabtools import print_figure  # only notebooks need it

    metadata: dict[str, str | None] = {"Date": None}  # the same image whenever it is made
    table = figure_data(figure)
    if table is not None:
        metadata["Description"] = _HEAD + as_csv(table)
    if not figure.axes:
        return None
    wide = print_figure(figure, fmt="svg", metadata=metadata)  # type: ignore[no-untyped-call]
    narrow = print_figure(narrowed(figure), fmt="svg", metadata={"Date": None})  # type: ignore[no-untyped-call]
    carried = f'<metadata class="narrow">{html.escape(narrow, quote=False)}</metadata>'
    return str(wide.replace("</svg>", carried + "</svg>"))


def as_metadata(table: pd.DataFrame) -> str:
    """Return the part of an SVG that carries a table, as Matplotlib would write it."""
    dc = 'xmlns:dc="http://purl.org/dc/elements/1.1/"'
    text = html.escape(_HEAD + as_csv(table), quote=False)
    return f"<metadata {dc}><dc:description>{text}</dc:description></metadata>"


def split(svg: str) -> tuple[str, str | None, str | None]:
    """Return an image by itself, and what it carries, or None: its table as CSV, a narrow image."""
    carried = [kind.search(svg) for kind in (_CARRIED, _NARROW)]
    csv, narrow = (found and html.unescape(found[1]) for found in carried)
    return _NARROW.sub("", _CARRIED.sub("", svg, 1)), csv, narrow
