"""Figures of rotations in superposition: traces, errors by layer, size and variant."""

from __future__ import annotations

from collections.abc import Mapping

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from superposition.plotting.style import COLOURS, GREY, INK, MARKERS, spread

NAMES = {"x": "vector x", "on": "on-indicator α"}
_EXACT = 1e-4  # errors below are drawn on a linear scale down to zero


def traces(tables: Mapping[int, pd.DataFrame]) -> Figure:
    """True and estimated vectors over the layers, a row of panels per k, a panel per sample.

    tables: k → columns sample, layer, true_0, true_1, estimate_0, estimate_1.
    """
    n_samples = max(table["sample"].nunique() for table in tables.values())
    figure, panels = plt.subplots(
        len(tables),
        n_samples,
        figsize=(1.7 * n_samples + 0.6, 1.7 * len(tables) + 0.7),
        sharex=True,
        sharey=True,
        squeeze=False,
    )
    for row, (k, table) in zip(panels, tables.items(), strict=True):
        for axes, (_, path) in zip(row, table.groupby("sample"), strict=False):
            _trace(axes, path)
        row[0].set_ylabel(f"k = {k}\n$x_1$")
    for axes in panels[-1]:
        axes.set_xlabel("$x_0$")
    panels[0, 0].set_xlabel("$x_0$")
    handles, labels = panels[0, 0].get_legend_handles_labels()
    panels[0, 0].legend(handles, labels, fontsize=7, loc="upper left", borderpad=0.2)
    return figure


def _trace(axes: Axes, path: pd.DataFrame) -> None:
    """One sample: the truth in grey, the estimate in colour, its start marked."""
    path = path.sort_values("layer")
    axes.plot("true_0", "true_1", data=path, color=GREY, marker="o", ms=5, lw=2.4, label="true")
    guess = path[["estimate_0", "estimate_1"]].to_numpy().T
    axes.plot(*guess, color=COLOURS[1], marker="x", ms=5, lw=1.3, label="estimated")
    first = path.iloc[0]
    axes.plot(first["true_0"], first["true_1"], marker="s", ms=7, mfc="none", mec=INK, label="_")
    axes.set(xlim=(-1.9, 1.9), ylim=(-1.9, 1.9), xticks=[-1, 0, 1], yticks=[-1, 0, 1])
    axes.set_aspect("equal", "box")


def by_layer(table: pd.DataFrame, what: str) -> Figure:
    """Mean squared and worst errors by layer, of active and inactive circuits, a line per k.

    what: "x" or "on". Columns n_active, layer, seed, mse_what, worst_what, inactive_what and
    inactive_worst_what; bars from the smallest to the largest network.
    """
    figure, panels = plt.subplots(2, 2, figsize=(8.4, 6.4))
    columns = [[f"mse_{what}", f"inactive_{what}"], [f"worst_{what}", f"inactive_worst_{what}"]]
    for row, names, kind in zip(panels, columns, ("mean squared", "worst"), strict=True):
        for axes, name, whose in zip(row, names, ("active", "inactive"), strict=True):
            for style, (k, rows) in enumerate(table.groupby("n_active")):
                spread(axes, rows, "layer", name, style, f"k = {k}")
            axes.set(title=f"{whose} circuits, {NAMES[what]}", ylabel=f"{kind} error")
            axes.set_xticks(sorted(table["layer"].unique()))
            axes.set_ylim(bottom=0)
            axes.set_xlabel("layer")
    panels[0, 0].legend(fontsize=9)
    return figure


def firing(table: pd.DataFrame) -> Figure:
    """Share of neurons that fire, a panel per block, by layer, a line per k; dashed: expected.

    Columns n_active, block, layer, share, expected.
    """
    blocks = sorted(table["block"].unique())
    figure, panels = plt.subplots(1, len(blocks), figsize=(9.2, 3.4), sharey=True)
    for axes, block in zip(panels, blocks, strict=True):
        for style, (k, rows) in enumerate(table.query("block == @block").groupby("n_active")):
            colour, marker = COLOURS[style], MARKERS[style]
            axes.plot("layer", "share", data=rows, color=colour, marker=marker, label=f"k = {k}")
            axes.plot("layer", "expected", data=rows, color=colour, ls="--", lw=1.2, label="_")
        axes.set(title=f"block {block}", xlabel="layer")
        axes.set_xticks(sorted(table["layer"].unique()))
    panels[0].set_ylabel("share of neurons that fire")
    panels[0].plot([], [], color=GREY, ls="--", lw=1.2, label="k r d/D")
    panels[0].legend(fontsize=8)
    return figure


def scaling(
    table: pd.DataFrame,
    quantity: str,
    law: pd.DataFrame | None = None,
    followed: pd.DataFrame | None = None,
) -> Figure:
    """Errors of networks of many sizes against T d²/D², a panel per layer, a colour per k.

    Columns load, width, n_active, layer and `quantity`; law, followed: the same, one line per k
    and width, solid and dashed. The scale is linear below 10⁻⁴, so that errors of zero are seen.
    """
    layers = sorted(table["layer"].unique())
    shape = 2, (len(layers) + 1) // 2
    figure, panels = plt.subplots(*shape, figsize=(8.6, 7.0), sharex=True, sharey=True)
    least = table[quantity].min()
    low = -0.1 * _EXACT if least < _EXACT else 0.7 * least
    for axes, layer in zip(panels.flat, layers, strict=False):
        for style, (k, rows) in enumerate(table.query(f"layer == {layer}").groupby("n_active")):
            points = rows[["load", quantity]].to_numpy().T
            colour, marker = COLOURS[style], MARKERS[style]
            axes.plot(*points, color=colour, marker=marker, ms=4, ls="none", label=f"k = {k}")
        for theory, name, ls in ((law, "law", "-"), (followed, "followed", "--")):
            if theory is not None:
                _lines(axes, theory.query(f"layer == {layer}"), quantity, name, ls)
        axes.set_yscale("symlog", linthresh=_EXACT)
        axes.set(title=f"layer {layer}", xlabel="T d²/D²", ylabel="mean squared error")
        axes.set_ylim(low, 1.6 * table[quantity].max())
        axes.tick_params(labelbottom=True, labelleft=True)
    panels.flat[0].legend(fontsize=8)
    return figure


def _lines(axes: Axes, theory: pd.DataFrame, quantity: str, name: str, ls: str) -> None:
    styles = {k: style for style, k in enumerate(sorted(theory["n_active"].unique()))}
    for (k, _), line in theory.groupby(["n_active", "width"]):
        axes.plot("load", quantity, data=line, color=COLOURS[styles[k]], lw=1, ls=ls, label="_")
    axes.plot([], [], color=GREY, lw=1, ls=ls, label=name)


def tuning(table: pd.DataFrame) -> Figure:
    """Mean squared error of x by layer, a panel per k, a line per variant.

    Columns variant, n_active, layer, mean, min, max; bars from the smallest to the largest
    network. The dotted line is the error of guessing zero.
    """
    figure, panels = plt.subplots(1, table["n_active"].nunique(), figsize=(9.2, 3.8), sharey=True)
    for axes, (k, part) in zip(panels, table.groupby("n_active"), strict=True):
        axes.axhline(1, color=GREY, ls=":", label="_")
        for style, (name, rows) in enumerate(part.groupby("variant", sort=False)):
            bars = np.stack([rows["mean"] - rows["min"], rows["max"] - rows["mean"]])
            axes.errorbar(
                rows["layer"],
                rows["mean"],
                yerr=np.maximum(bars, 0),
                color=COLOURS[style],
                marker=MARKERS[style],
                capsize=2,
                elinewidth=1,
                label=str(name),
            )
        axes.set_yscale("symlog", linthresh=1e-3)
        axes.set(title=f"k = {k}", xlabel="layer", xticks=sorted(table["layer"].unique()))
        axes.set_ylim(-1e-4, 1.6 * table["max"].max())
    panels[0].set_ylabel("mean squared error of x")
    panels[-1].legend(fontsize=8, loc="lower right")
    return figure
