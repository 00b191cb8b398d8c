"""What the parts of one panel of a figure show, as tables: lines, points, bars, bands, images.

Left out: text, annotations, and shapes other than bars, histograms and bands.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.collections import Collection, PathCollection
from matplotlib.container import BarContainer, ErrorbarContainer
from matplotlib.image import AxesImage
from matplotlib.lines import AxLine, Line2D
from matplotlib.patches import Patch
from matplotlib.transforms import Transform

from superposition.plotting.parts import (
    bar_table,
    collection_table,
    error_bar_table,
    image_table,
    line_table,
    patch_table,
    point_table,
    straight_table,
)

LARGEST = 50_000  # an image with more cells, a part with more points, is named but left out
_X, _Y = ["x", "x_low", "x_high"], ["y", "y_low", "y_high"]


def shown(axes: Axes) -> Iterator[tuple[Any, pd.DataFrame]]:
    """The parts of a panel that can be seen, each with its table; empty tables are passed over.

    Columns as in `parts`, and a note in place of what is too large.
    """
    for artist, table, transform in _parts(axes):
        x_in_data, y_in_data = transform.contains_branch_seperately(axes.transData)
        # A line or a band right across has a place in one direction only.
        away = [*([] if x_in_data else _X), *([] if y_in_data else _Y)]
        table = table.drop(columns=away, errors="ignore")
        places = [name for name in (*_X, *_Y) if name in table]
        if not places:
            continue
        table = table.drop_duplicates() if away else table
        table = table.dropna(subset=[name for name in ("x", "y") if name in places])
        if len(table):
            yield artist, _capped(table)


def _capped(table: pd.DataFrame) -> pd.DataFrame:
    if len(table) <= LARGEST:
        return table
    what = f"left out: {len(table):,} rows, more than {LARGEST:,}"
    return pd.DataFrame({"kind": table["kind"].iloc[:1], "note": what})


def _parts(axes: Axes) -> Iterator[tuple[Any, pd.DataFrame, Transform]]:
    """Every visible part, also of no use; what belongs to bars or error bars comes once."""
    claimed: set[Any] = set()
    for container in axes.containers:
        if isinstance(container, ErrorbarContainer):
            claimed.update(_flat(container.lines))
            yield container, error_bar_table(container), axes.transData
        elif isinstance(container, BarContainer):
            claimed.update(container.patches)
            yield container, bar_table(container), axes.transData
    for artist in [*axes.lines, *axes.collections, *axes.images, *axes.patches]:
        if artist not in claimed and artist.get_visible():
            yield from _part(artist, axes)


def _flat(parts: Any) -> Iterator[Any]:
    for part in parts:
        if isinstance(part, tuple | list):
            yield from _flat(part)
        elif part is not None:
            yield part


def _part(artist: Any, axes: Axes) -> Iterator[tuple[Any, pd.DataFrame, Transform]]:
    if isinstance(artist, AxLine):
        yield artist, straight_table(artist), axes.transData
    elif isinstance(artist, Line2D):
        yield artist, line_table(artist), artist.get_transform()
    elif isinstance(artist, PathCollection):
        yield artist, point_table(artist), artist.get_offset_transform()
    elif isinstance(artist, Collection):
        yield artist, collection_table(artist), artist.get_transform()
    elif isinstance(artist, AxesImage):
        yield artist, image_table(artist), axes.transData
    elif isinstance(artist, Patch):
        table = patch_table(artist, artist.get_data_transform(), axes)
        yield artist, table, artist.get_data_transform()
