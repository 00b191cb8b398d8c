"""Tables of what each kind of part of a figure shows.

Columns: kind and some of x, y, their _low and _high, piece (where a part has several), value (of a
cell, or a contour's level), size (where points differ in it).
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.collections import (
    Collection,
    LineCollection,
    PathCollection,
    PolyCollection,
    QuadMesh,
)
from matplotlib.container import BarContainer, ErrorbarContainer
from matplotlib.contour import ContourSet
from matplotlib.image import AxesImage
from matplotlib.lines import AxLine, Line2D
from matplotlib.patches import Patch, Polygon, Rectangle, StepPatch
from matplotlib.transforms import Transform


def straight_table(line: AxLine) -> pd.DataFrame:
    """A straight line without ends: points on it."""
    first: Any = line.get_xy1()
    second: Any = line.get_xy2()
    if second is None:
        steep = not np.isfinite(line.get_slope())
        second = first[0] + (not steep), first[1] + (1 if steep else line.get_slope())
    points = np.array([first, second], float)
    return pd.DataFrame({"kind": "line without ends", "x": points[:, 0], "y": points[:, 1]})


def line_table(line: Line2D) -> pd.DataFrame:
    """A line's points; as steps, the points between which it steps."""
    x, y = (np.asarray(values, float) for values in line.get_data(orig=False))
    return pd.DataFrame({"kind": _line_kind(line), "x": x, "y": y})


def _line_kind(line: Line2D) -> str:
    drawn = str(line.get_linestyle()) not in ("None", "none", "", " ")
    marked = line.get_marker() not in ("None", "none", "", " ", None)
    name = "steps" if line.get_drawstyle().startswith("steps") else "line"
    return (f"{name} and points" if marked else name) if drawn else "points"


def error_bar_table(container: ErrorbarContainer) -> pd.DataFrame:
    """Points, or a line, with the ends of their bars."""
    line, _, bars = container.lines
    ends = [[path.vertices for path in bar.get_paths()] for bar in bars]
    horizontal = ends.pop(0) if container.has_xerr else []
    vertical = ends.pop(0) if container.has_yerr else []
    if line is not None:
        table = line_table(line)
    else:
        middles = np.array([np.mean(end, axis=0) for end in vertical or horizontal]).reshape(-1, 2)
        table = pd.DataFrame({"kind": "points", "x": middles[:, 0], "y": middles[:, 1]})
    table["kind"] += " with error bars"
    for name, column, segments in (("x", 0, horizontal), ("y", 1, vertical)):
        if segments:
            reach = np.array(segments)[:, :, column]
            low, high = np.full((2, len(table)), np.nan)
            # With bars at every other point, those drawn are found by their place along the axis.
            at = np.isin(table[["y", "x"][column]], np.array(segments)[:, 0, 1 - column])
            at = at if at.sum() == len(reach) else np.arange(len(table)) < len(reach)
            low[at], high[at] = reach.min(axis=1), reach.max(axis=1)
            table[f"{name}_low"], table[f"{name}_high"] = low, high
    return table


def bar_table(container: BarContainer) -> pd.DataFrame:
    """Bars by middle and length; ends if one does not start at zero, edges if they touch."""
    boxes = np.array([[*bar.get_xy(), bar.get_width(), bar.get_height()] for bar in container])
    if not len(boxes):
        return pd.DataFrame()
    along, across = ("x", "y") if container.orientation == "horizontal" else ("y", "x")
    a = ["x", "y"].index(along)
    start, length, edge, width = boxes[:, a], boxes[:, 2 + a], boxes[:, 1 - a], boxes[:, 3 - a]
    table = pd.DataFrame({"kind": "bars", across: edge + width / 2, along: length})
    if start.any():
        table[f"{along}_low"], table[f"{along}_high"] = start, start + length
    if len(boxes) > 1 and np.allclose(
        edge[1:], (edge + width)[:-1], rtol=0, atol=1e-9 * width.max()
    ):
        table["kind"] = "histogram"
        table[f"{across}_low"], table[f"{across}_high"] = edge, edge + width
    return table


def point_table(points: PathCollection) -> pd.DataFrame:
    """A scatter's points, with values behind their colours and sizes if those differ."""
    at: np.ndarray = np.ma.filled(np.ma.asarray(points.get_offsets(), float), np.nan)
    table = pd.DataFrame({"kind": "points", "x": at[:, 0], "y": at[:, 1]})
    values, sizes = points.get_array(), np.asarray(points.get_sizes())
    if values is not None:
        table["value"] = np.ma.filled(np.ma.asarray(values, float), np.nan)
    if len(sizes) == len(table) and len(set(sizes)) > 1:
        table["size"] = sizes
    return table


def collection_table(collection: Collection) -> pd.DataFrame:
    """Meshes, contours, lines and bands; empty for other collections."""
    if isinstance(collection, QuadMesh):
        return _mesh(collection)
    paths = [np.asarray(path.vertices) for path in collection.get_paths()]
    if isinstance(collection, ContourSet):
        table = _pieces("filled contour" if collection.filled else "contour", paths)
        return table.assign(value=np.asarray(collection.levels)[table["piece"] - 1])
    if isinstance(collection, LineCollection):
        return _pieces("lines", paths)
    if isinstance(collection, PolyCollection):
        return pd.concat([_band(path) for path in paths], ignore_index=True)
    return pd.DataFrame()


def _pieces(kind: str, paths: list[np.ndarray]) -> pd.DataFrame:
    """Vertices of several lines, numbered from 1."""
    number = np.repeat(np.arange(len(paths)) + 1, [len(path) for path in paths])
    at = np.concatenate([np.zeros((0, 2)), *paths])
    return pd.DataFrame({"kind": kind, "piece": number, "x": at[:, 0], "y": at[:, 1]})


def _band(path: np.ndarray) -> pd.DataFrame:
    """What `fill_between` and `fill_betweenx` fill; of other polygons, the outline."""
    n = (len(path) - 3) // 2
    there, back = path[1 : n + 1], path[n + 2 : 2 * n + 2][::-1]
    for column, name, other in ((0, "x", "y"), (1, "y", "x")):
        if n > 0 and len(path) == 2 * n + 3 and np.array_equal(there[:, column], back[:, column]):
            ends = np.sort([there[:, 1 - column], back[:, 1 - column]], axis=0)
            data = {name: there[:, column], f"{other}_low": ends[0], f"{other}_high": ends[1]}
            return pd.DataFrame({"kind": "band", **data})
    return _pieces("outline", [path]).drop(columns="piece")


def _cells(kind: str, x: np.ndarray, y: np.ndarray, values: Any) -> pd.DataFrame:
    """One row for each cell: x and y of the middles, of values' shape."""
    flat: np.ndarray = np.ma.filled(np.ma.asarray(values, float), np.nan).ravel()
    return pd.DataFrame({"kind": kind, "x": x.ravel(), "y": y.ravel(), "value": flat})


def image_table(image: AxesImage) -> pd.DataFrame:
    """An image's cells; empty for one of colours without values, such as a photograph."""
    values = image.get_array()
    if values is None or values.ndim != 2:
        return pd.DataFrame()
    rows, columns = values.shape
    left, right, bottom, top = image.get_extent()
    first, last = (top, bottom) if image.origin == "upper" else (bottom, top)
    x = left + (right - left) * (np.arange(columns) + 0.5) / columns
    y = first + (last - first) * (np.arange(rows) + 0.5) / rows
    across, down = np.meshgrid(x, y)
    return _cells("image", across, down, values)


def _mesh(mesh: QuadMesh) -> pd.DataFrame:
    at = np.asarray(mesh.get_coordinates(), float)
    values: np.ma.MaskedArray = np.ma.asarray(mesh.get_array())
    if values.size == (len(at) - 1) * (len(at[0]) - 1):  # corners: take the middles
        at = (at[1:, 1:] + at[:-1, 1:] + at[1:, :-1] + at[:-1, :-1]) / 4
    return _cells("image", at[..., 0], at[..., 1], values)


def patch_table(patch: Patch, transform: Transform, axes: Axes) -> pd.DataFrame:
    """Histograms, outlines, and bands right across a panel; empty for drawings."""
    if isinstance(patch, StepPatch):
        values, edges, _ = patch.get_data()
        places = {"x": (edges[1:] + edges[:-1]) / 2, "x_low": edges[:-1], "x_high": edges[1:]}
        return pd.DataFrame({"kind": "histogram", **places, "y": values})
    if type(patch) is Polygon:  # others are arrows and the like
        return _pieces("outline", [patch.get_xy()]).drop(columns="piece")
    if isinstance(patch, Rectangle) and not all(
        transform.contains_branch_seperately(axes.transData)
    ):  # right across; in two directions it is a drawing
        (x, y), width, height = patch.get_xy(), patch.get_width(), patch.get_height()
        ends = {"x_low": x, "x_high": x + width, "y_low": y, "y_high": y + height}
        return pd.DataFrame({"kind": "band", **ends}, index=[0])
    return pd.DataFrame()
