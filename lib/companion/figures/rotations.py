"""Figures of rotations in superposition: traces, errors by layer, size and variant."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from companion.figures.figure_data import carries
from companion.figures.style import (
    COLOURS,
    GREY,
    INK,
    WORDS,
    look,
    name_lines,
    named_range,
    numbered,
    over_seeds,
    spread,
)

NAMES = {"x": "vector x", "on": "on-indicator α"}
_EXACT = 1e-4  # errors below are drawn on a linear scale down to zero


def traces(tables: Mapping[int, pd.DataFrame]) -> Figure:
    """Draw true and estimated vectors over the layers, a row of panels per k, a panel per sample.

    The tables map k to columns sample, layer, true_0, true_1, estimate_0 and estimate_1. The figure
    carries them in one table with k in the column n_active.
    """
    drawn = ["sample", "layer", "true_0", "true_1", "estimate_0", "estimate_1"]
    found = pd.concat(tables, names=["n_active"]).reset_index("n_active")[["n_active", *drawn]]
    found = found.sort_values(["n_active", "sample", "layer"])
    n_samples = max(table["sample"].nunique() for table in tables.values())
    size = 1.7 * n_samples + 0.6, 1.7 * len(tables) + 0.7
    grid: dict[str, Any] = {"sharex": True, "sharey": True, "squeeze": False}
    figure, panels = plt.subplots(len(tables), n_samples, figsize=size, **grid)
    for row, k in zip(panels, tables, strict=True):
        paths = found[found["n_active"] == k].groupby("sample")
        for axes, (_, path) in zip(row, paths, strict=False):
            _trace(axes, path)
        row[0].set_ylabel(f"k = {k}\n$x_1$")
    for axes in panels[-1]:
        axes.set_xlabel("$x_0$")
    panels[0, 0].set_xlabel("$x_0$")
    corner: dict[str, Any] = {"size": 10, "va": "top", "transform": panels[0, 0].transAxes}
    panels[0, 0].text(0.02, 1, "true", color=GREY, **corner)
    panels[0, 0].text(0.98, 1, "read", color=WORDS[1], ha="right", **corner)
    return carries(figure, found)


def _trace(axes: Axes, path: pd.DataFrame) -> None:
    """Draw one sample: the truth in grey, the estimate in colour, its start marked."""
    axes.plot("true_0", "true_1", data=path, color=GREY, marker="o", ms=5, lw=2.4, label="true")
    guess = path[["estimate_0", "estimate_1"]].to_numpy().T
    axes.plot(*guess, color=COLOURS[1], marker="x", ms=5, lw=1.3, label="read")
    first = path.iloc[0]
    axes.plot(first["true_0"], first["true_1"], marker="s", ms=7, mfc="none", mec=INK, label="_")
    axes.set(xlim=(-1.9, 1.9), ylim=(-1.9, 1.9), xticks=[-1, 0, 1], yticks=[-1, 0, 1])
    axes.set_aspect("equal", "box")


def by_layer(table: pd.DataFrame, what: str) -> Figure:
    """Draw mean squared and worst errors by layer, of active and inactive circuits, a line per k.

    The text what is "x" or "on". The table has columns n_active, layer, seed, mse_what, worst_what,
    inactive_what and inactive_worst_what. The figure carries means over seeds, and the smallest and
    largest value in columns that end in _min and _max.
    """
    figure, panels = plt.subplots(2, 2, figsize=(8.4, 6.4))
    columns = [[f"mse_{what}", f"inactive_{what}"], [f"worst_{what}", f"inactive_worst_{what}"]]
    table = over_seeds(table, ["n_active", "layer"], [*columns[0], *columns[1]])
    for row, names, kind in zip(panels, columns, ("mean squared", "worst"), strict=True):
        for axes, name, whose in zip(row, names, ("active", "inactive"), strict=True):
            for style, (k, rows) in enumerate(table.groupby("n_active")):
                spread(axes, rows, "layer", name, style, f"k = {k}")
            axes.set(title=f"{whose} circuits, {NAMES[what]}", ylabel=f"{kind} error")
            axes.set_xticks(sorted(table["layer"].unique()))
            axes.set_ylim(bottom=0)
            axes.set_xlabel("layer")
    name_lines(*panels[:, 1])
    return carries(figure, table)


def firing(table: pd.DataFrame) -> Figure:
    """Draw the share of neurons that fire by layer, a panel per block, a line per k.

    The table has columns n_active, block, layer, share, and expected: dashed lines. The figure
    carries them, the last two as share_firing and share_expected.
    """
    table = table[["n_active", "block", "layer", "share", "expected"]]
    table = table.rename(columns={"share": "share_firing", "expected": "share_expected"})
    blocks = sorted(table["block"].unique())
    figure, panels = plt.subplots(1, len(blocks), figsize=(9.2, 3.4), sharey=True)
    for axes, block in zip(panels, blocks, strict=True):
        for style, (k, rows) in enumerate(table.query("block == @block").groupby("n_active")):
            thin: dict[str, Any] = {"color": COLOURS[style], "ls": "--", "lw": 1.2, "label": "_"}
            axes.plot("layer", "share_firing", data=rows, label=f"k = {k}", **look(style))
            axes.plot("layer", "share_expected", data=rows, **thin)
        axes.set(title=f"block {block}", xlabel="layer")
        axes.set_xticks(sorted(table["layer"].unique()))
    panels[0].set_ylabel("share of neurons that fire")
    name_lines(*panels)
    return carries(figure, table)


def scaling(
    table: pd.DataFrame,
    quantity: str,
    law: pd.DataFrame | None = None,
    followed: pd.DataFrame | None = None,
) -> Figure:
    """Draw errors of networks of many sizes against T d²/D², a panel per layer, a colour per k.

    The table has columns load, width, n_active, layer and `quantity`; law and followed have the
    same, one line for each k and width, solid and dashed. The scale is linear below 10⁻⁴, so that
    errors of zero are seen. The figure carries these columns of all three, told apart by source.
    """
    given = {"measured": table, "law": law, "followed": followed}
    found = pd.concat({name: rows for name, rows in given.items() if rows is not None})
    found = found.rename_axis(["source", None]).reset_index("source")
    found = found[["source", "n_active", "width", "layer", "load", quantity]]
    layers = sorted(table["layer"].unique())
    shape = 2, (len(layers) + 1) // 2
    figure, panels = plt.subplots(*shape, figsize=(8.6, 7.0), sharex=True, sharey=True)
    least = table[quantity].min()
    low = -0.1 * _EXACT if least < _EXACT else 0.7 * least
    for axes, layer in zip(panels.flat, layers, strict=False):
        here = found[found["layer"] == layer]
        points = here[here["source"] == "measured"]
        for style, (k, rows) in enumerate(points.sort_values("load").groupby("n_active")):
            dots = {"ms": 4, "ls": "none", "label": f"k = {k}"}
            axes.plot(rows["load"], rows[quantity], **look(style), **dots)
        for name, ls in (("law", "-"), ("followed", "--")):
            _lines(axes, here[here["source"] == name], quantity, ls)
        axes.set_yscale("symlog", linthresh=_EXACT)
        axes.set(title=f"layer {layer}", xlabel="T d²/D²", ylabel="mean squared error")
        axes.set_ylim(low, 1.6 * table[quantity].max())
        axes.tick_params(labelbottom=True, labelleft=True)
    name_lines(*panels.flat[: len(layers)])
    return carries(figure, found)


def _lines(axes: Axes, theory: pd.DataFrame, quantity: str, ls: str) -> None:
    styles = {k: style for style, k in enumerate(sorted(theory["n_active"].unique()))}
    for (k, _), line in theory.groupby(["n_active", "width"]):
        axes.plot("load", quantity, data=line, color=COLOURS[styles[k]], lw=1, ls=ls, label="_")


def tuning(table: pd.DataFrame, of_note: Sequence[str]) -> Figure:
    """Draw the mean squared error of x by layer, a panel per k, a line per variant.

    The table has columns variant, n_active, layer, and mean, min and max over networks. Variants of
    note have colours. The dotted line is the error of guessing zero. The figure carries the table
    with mse_x, mse_x_min and mse_x_max as names.
    """
    table = named_range(table, "mse_x")
    table = table[["variant", "n_active", "layer", "mse_x", "mse_x_min", "mse_x_max"]]
    figure, panels = plt.subplots(1, table["n_active"].nunique(), figsize=(9.2, 3.8), sharey=True)
    for axes, (k, part) in zip(panels, table.groupby("n_active"), strict=True):
        axes.axhline(1, color=GREY, ls=":", label="_")
        for style, name in numbered(part["variant"].unique(), of_note):
            spread(axes, part[part["variant"] == name], "layer", "mse_x", style, name)
        axes.set_yscale("symlog", linthresh=1e-3)
        axes.set(title=f"k = {k}", xlabel="layer", xticks=sorted(table["layer"].unique()))
        axes.set_ylim(-1e-4, 1.6 * table["mse_x_max"].max())
    panels[0].set_ylabel("mean squared error of x")
    name_lines(*panels)
    return carries(figure, table)
