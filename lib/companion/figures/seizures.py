"""A seizure, neuron by neuron, and the same circuits with gates."""

from __future__ import annotations

import numpy as np
import pandas as pd

from companion.figures.drawing import (
    INK,
    LINE,
    SHARED,
    Drawing,
    Layout,
    circle,
    colour,
    dots,
    heading,
    key,
    num,
    path,
    text,
    use,
)
from companion.rotations import FIRES

_PITCH, _AREAS = 8.6, 4  # pixels between neurons, and how many sizes of dots there are
_WORDS = {
    "Without gates": "silent neurons ignite",
    "With gates": "the silent stay silent",
}


def seizure(table: pd.DataFrame, n_columns: int) -> Drawing:
    """Draw neurons, layer by layer, of a network without gates and one with them.

    The table has a row for each neuron: columns network ("Without gates", "With gates"), layer,
    neuron, fires (how strongly: 1 as an active circuit's should), active (whether it is an active
    circuit's) and closed (whether a gate closes it). Neurons of a layer are drawn column by column.
    The drawing carries the rows of neurons that fire.
    """
    parts = {
        str(n): _network(table[table["network"] == name], n_columns)
        for n, name in enumerate(_WORDS)
    }
    rows = table["neuron"].nunique() // n_columns
    tall = 68 + _PITCH * rows + 40
    width = round((n_columns + 0.9) * _PITCH * table["layer"].nunique())
    side, stack = _panels(width + 36, 0), _panels(0, tall + 20)
    wide = side + key(_key(), [(x, tall + 26) for x in (12, 165, 318, 465, 565)])
    narrow = stack + key(
        _key(), [((12, 190)[n % 2], 2 * tall + 44 + 28 * (n // 2)) for n in range(5)]
    )
    shapes = (
        Layout(None, (2 * width + 48, round(tall + 44)), wide),
        Layout(560, (width + 12, round(2 * tall + 120)), narrow),
    )
    title = "A seizure without gates, and none with them"
    firing = table[table["fires"] > FIRES].drop(columns="closed")
    return Drawing("seizure", title, shapes, parts, firing)


def _panels(across: float, down: float) -> str:
    return "".join(
        heading(6 + across * n, 20 + down * n, name, words)
        + use("seizure", str(n), 6 + across * n, 62 + down * n)
        for n, (name, words) in enumerate(_WORDS.items())
    )


def _network(table: pd.DataFrame, n_columns: int) -> str:
    """Return the layers of a network next to each other, each with the number that fire wrongly."""
    found = ""
    for n, (layer, rows) in enumerate(table.groupby("layer")):
        n_rows, x = len(rows) // n_columns, n * (n_columns + 0.9) * _PITCH
        column, row = np.divmod(rows["neuron"].to_numpy(), n_rows)
        found += _layer(rows, x + _PITCH * (column + 0.5), _PITCH * (row + 0.5))
        middle, below = x + _PITCH * n_columns / 2, _PITCH * n_rows + 24
        wrong = int(wrongly(rows).sum())
        words = ("layer 1", f"{wrong} wrong") if n == 0 else (str(layer), str(wrong))
        found += text(middle, -14, words[0], "s", "middle")
        found += text(middle, below, words[1], "h" if wrong else "s", "middle")
    return found


def wrongly(table: pd.DataFrame) -> pd.Series[bool]:
    """Return which neurons fire that no active circuit has."""
    return (table["fires"] > FIRES) & ~table["active"]


def _layer(rows: pd.DataFrame, x: np.ndarray, y: np.ndarray) -> str:
    fires, closed = rows["fires"].to_numpy(), rows["closed"].to_numpy()
    on, wrong = fires > FIRES, wrongly(rows).to_numpy()
    half = 0.17 * _PITCH
    gates = zip(x[closed], y[closed], strict=True)
    found = path("".join(f"M{num(a - half)} {num(b)}h{num(2 * half)}" for a, b in gates), LINE, 1)
    lost = ~on & rows["active"].to_numpy()
    silent = ~on & ~closed & ~lost
    found += "".join(
        circle(a, b, 0.36 * _PITCH, "none", colour(0), 1)
        for a, b in zip(x[lost], y[lost], strict=True)
    )
    found += dots(zip(x[silent], y[silent], strict=True), 1.2, SHARED)
    area = np.ceil(_AREAS * np.clip(fires, 0, 1))
    for tint, who in ((INK, wrong), (colour(0), on & ~wrong)):
        for size in range(1, _AREAS + 1):
            these = who & (area == size)
            radius = 0.44 * _PITCH * (size / _AREAS) ** 0.5
            found += dots(zip(x[these], y[these], strict=True), radius, tint)
    return found


def _key() -> list[tuple[str, str]]:
    return [
        (dots([(0, 0)], 4, colour(0)), "active circuit"),
        (circle(0, 0, 3.4, "none", colour(0), 1), "its own, silent"),
        (dots([(0, 0)], 4, INK), "fires wrongly"),
        (dots([(0, 0)], 1.2, SHARED), "silent"),
        (path("M-3 0h6", LINE, 1), "closed gate"),
    ]
