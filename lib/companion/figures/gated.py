"""Figures of gated superposition: meeting slots, errors beside published ones, and by layer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from companion.figures.figure_data import carries
from companion.figures.style import (
    COLOURS,
    GREY,
    GRID,
    INK,
    look,
    name_at,
    name_lines,
    over_seeds,
    spread,
)
from superposition.packings import plane_lines


def meeting_slots(prime: int, redundancy: int, circuits: Sequence[Sequence[int]]) -> Figure:
    """Draw circuits (x, y) on the plane over `prime` with their lines, and their slots.

    Two codes have r slopes each; a slot of several circuits has a square around it. The figure
    carries a row for each circuit's slot: columns circuit, x, y, code, slope (that of vertical
    lines is the prime), line, and whether the slot is shared.
    """
    figure, (plane_axes, slot_axes) = plt.subplots(1, 2, figsize=(7.6, 4.1))
    x, y = np.divmod(np.arange(prime**2), prime)
    plane_axes.plot(x, y, ".", color=GREY, ms=6, label="_")
    lines = plane_lines(prime, 2 * redundancy) % prime
    own = lines[[prime * at_x + at_y for at_x, at_y in circuits]]
    table = _slots(own, redundancy, circuits)
    for i, ((at_x, at_y), style) in enumerate(zip(circuits, ("-", "--", ":"), strict=False)):
        for slope, line in enumerate(own[i]):
            width = 3 if (own[:, slope] == line).sum() > 1 else 1
            where = _wrapped(prime, slope, line)
            plane_axes.plot(*where, style, color=COLOURS[i], lw=width, label="_")
        mark = look(i) | {"ls": "none"}
        plane_axes.plot(at_x, at_y, ms=10, label=f"circuit {i + 1}", **mark)
        name_at(plane_axes, f"circuit {i + 1}", (at_x, at_y - 0.5), COLOURS[i], "right")
        offset = 0.18 * (2 * i - len(circuits) + 1)
        rows = table[table["circuit"] == i + 1]
        slot_axes.plot(rows["line"] + offset, rows["slope"], ms=6, label="_", **mark)
    met = table.loc[table["shared"], ["line", "slope"]].drop_duplicates()
    box: dict[str, Any] = {"color": INK, "marker": "s", "ms": 19, "mfc": "none", "ls": "none"}
    slot_axes.plot(met["line"], met["slope"], label="_", **box)
    for line, slope in met.itertuples(index=False):
        name_at(slot_axes, "slot of both", (line + 0.4, slope), INK, "right")
    _slot_rows(slot_axes, prime, redundancy)
    plane_axes.set(title="circuits: points", xlabel="x", ylabel="y", aspect="equal")
    plane_axes.set(xticks=range(prime), yticks=range(prime))
    plane_axes.grid(visible=False)
    return carries(figure, table)


def _slots(own: np.ndarray, redundancy: int, circuits: Sequence[Sequence[int]]) -> pd.DataFrame:
    """Return the slots of circuits whose lines are `own`, (circuits, slopes)."""
    circuit, slope = np.indices(own.shape).reshape(2, -1)
    table = pd.DataFrame({"circuit": circuit + 1, "slope": slope, "line": own.ravel()})
    table["x"], table["y"] = np.array(circuits)[circuit].T
    table["code"] = np.where(slope < redundancy, "A", "B")
    table["shared"] = table.duplicated(["slope", "line"], keep=False)
    return table[["circuit", "x", "y", "code", "slope", "line", "shared"]]


def _wrapped(prime: int, slope: int, line: int) -> tuple[np.ndarray, np.ndarray]:
    """Return a line's points across the square −½ … prime − ½, NaN where it wraps."""
    ends = np.linspace(-0.5, prime - 0.5, 40 * prime + 1)
    if slope == prime:
        return np.full_like(ends, line), ends
    step = slope if 2 * slope < prime else slope - prime  # the same line, less steep
    heights = (line + step * ends + 0.5) % prime - 0.5
    wraps = np.abs(np.diff(heights, prepend=heights[0])) > prime / 2
    return ends, np.where(wraps, np.nan, heights)


def _slot_rows(axes: Axes, prime: int, redundancy: int) -> None:
    """Give axes of slots a row for each slope, code by code, a column for each line."""
    n_slopes = 2 * redundancy
    names = [f"slope {s}" if s < prime else "vertical" for s in range(n_slopes)]
    names = [f"{'AB'[s // redundancy]}, {name}" for s, name in enumerate(names)]
    axes.set(title="their slots: lines", xlabel="line", ylabel="code, slope")
    axes.set(xlim=(-0.5, prime - 0.5), ylim=(n_slopes - 0.5, -0.5))
    axes.set_xticks(range(prime))
    axes.set_yticks(range(n_slopes), names)
    axes.grid(visible=False)
    axes.hlines(np.arange(0.5, n_slopes - 1), -0.5, prime - 0.5, color=GRID, lw=0.7)
    axes.vlines(np.arange(0.5, prime - 1), -0.5, n_slopes - 0.5, color=GRID, lw=0.7)
    axes.axhline(redundancy - 0.5, color=GREY, lw=1.2)


def beside_published(table: pd.DataFrame) -> Figure:
    """Draw the error by layer of both published networks and of the gated one, for each k.

    The table has columns n_active, layer, published, told and gated; zeros stand at the foot of a
    panel. The figure carries them, the errors as mse_published, mse_told and mse_gated.
    """
    names = ["published", "told", "gated"]
    table = table[["n_active", "layer", *names]].sort_values(["n_active", "layer"])
    table = table.rename(columns={name: f"mse_{name}" for name in names})
    counts = sorted(table["n_active"].unique())
    figure, panels = plt.subplots(1, len(counts), figsize=(8.2, 3.4), sharey=True)
    for axes, k in zip(panels, counts, strict=True):
        rows = table[table["n_active"] == k]
        for label, i in (("published", 1), ("told", 2), ("gated", 0)):
            axes.plot(rows["layer"], rows[f"mse_{label}"], clip_on=False, label=label, **look(i))
        axes.axhline(1, color=GREY, ls=":", label="answering zero")
        axes.set_yscale("symlog", linthresh=1e-3, linscale=0.4)
        axes.set(title=f"{k} active", xlabel="layer", xticks=rows["layer"], ylim=(0, 10))
        if (rows["mse_gated"] == 0).all():
            axes.annotate("exact", (rows["layer"].mean(), 2.5e-4), ha="center")
    panels[0].set_ylabel("mean squared error")
    name_lines(*panels)
    return carries(figure, table)


def wrong_gates(table: pd.DataFrame) -> Figure:
    """Draw errors against the chance that a gate is wrong: missed ones with a line, false ones.

    The table has columns chance, missed, false and predicted.
    """
    figure, axes = plt.subplots(figsize=(5.6, 3.4))
    axes.plot("chance", "predicted", data=table, color=COLOURS[0], label="_")
    for name, i, dashes in (("missed", 0, ""), ("false", 1, "-")):
        axes.plot("chance", name, data=table, label=name, **(look(i) | {"ls": dashes}))
    axes.axhline(1, color=GREY, ls=":", label="answering zero")
    axes.set(xscale="log", yscale="log", ylabel="relative squared error")
    axes.set_xlabel("probability that a gate is wrong")
    name_lines(axes)
    return carries(figure, table)


def noise_by_layer(table: pd.DataFrame, titles: dict[str, str]) -> Figure:
    """Draw measured errors by layer, over seeds, and predicted ones as lines; a panel per task.

    The table has columns task, n_active, layer, mse and predicted; the titles map a task to its
    panel's title. The figure carries means over seeds with mse_min and mse_max.
    """
    table = table[table["task"].isin([*titles])]
    table = over_seeds(table, ["task", "n_active", "layer"], ["mse"], ["predicted"])
    figure, panels = plt.subplots(1, len(titles), figsize=(8.2, 3.6), squeeze=False)
    for axes, (task, title) in zip(panels[0], titles.items(), strict=True):
        rows = table[table["task"] == task]
        for i, (k, at) in enumerate(rows.groupby("n_active")):
            spread(axes, at, "layer", "mse", i, f"k = {k}", line=False)
            axes.plot("layer", "predicted", data=at, color=COLOURS[i], label="_")
        axes.set(title=title, xlabel="layer", yscale="log")
        axes.set_ylabel("mean squared error")
    name_lines(*panels[0])
    return carries(figure, table)
