"""Figures of the error analysis: predicted lines and measured points."""

from __future__ import annotations

from collections.abc import Mapping

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from superposition._check import Floats
from superposition.plotting.style import COLOURS, GREY, INK, MARKERS, PAPER, spread


def neuron_errors(table: pd.DataFrame) -> Figure:
    """Squared error of a small neuron against its pre-activation, for each k.

    Columns n_active, pre_activation, measured, predicted.
    """
    figure, axes = plt.subplots(figsize=(6.8, 4.0))
    for style, (k, rows) in enumerate(table.groupby("n_active")):
        axes.plot("pre_activation", "predicted", data=rows, color=COLOURS[style], label="_")
        axes.plot(
            "pre_activation",
            "measured",
            data=rows,
            color=COLOURS[style],
            marker=MARKERS[style],
            ls="none",
            label=f"k = {k}, measured",
        )
    axes.plot([], [], color=GREY, label="predicted")
    axes.set(
        xlabel="pre-activation w·a + b", ylabel="squared error of the activation", yscale="log"
    )
    axes.legend()
    return figure


def error_terms(terms: pd.DataFrame, measured: pd.Series) -> Figure:
    """Predicted terms stacked, a bar per row, and measured totals: both by label."""
    figure, axes = plt.subplots(figsize=(7.4, 0.9 + 0.5 * len(terms)))
    left, hatches = np.zeros(len(terms)), ["", "//", "..", "xx", "\\\\", "--", "", "++"]
    colours = [*COLOURS, GREY, INK]
    for place, name in enumerate(terms.columns):
        axes.barh(
            terms.index,
            terms[name],
            left=left,
            color=colours[place % len(colours)],
            hatch=hatches[place % len(hatches)],
            edgecolor=PAPER,
            label=name,
        )
        left += terms[name].to_numpy()
    axes.plot(measured, measured.index, color=INK, marker="D", ls="none", label="measured, all")
    axes.set(xlabel="mse after one layer", ylabel="network")
    axes.invert_yaxis()
    axes.legend(ncols=2, fontsize=9)
    return figure


def ratios(table: pd.DataFrame, band: tuple[float, float]) -> Figure:
    """Predicted / measured error against read-in noise: columns kind, noise, ratio, error."""
    figure, axes = plt.subplots(figsize=(6.8, 4.0))
    axes.axhspan(*band, color=GREY, alpha=0.15, label=f"{band[0]:g} to {band[1]:g}")
    axes.axhline(1, color=GREY, lw=1)
    for style, (kind, rows) in enumerate(table.groupby("kind", sort=False)):
        axes.errorbar(
            rows["noise"],
            rows["ratio"],
            yerr=rows["ratio"] * rows["standard_error"] / rows["mse"],
            color=COLOURS[style],
            marker=MARKERS[style],
            ls="none",
            elinewidth=1,
            label=str(kind),
        )
    axes.set(xscale="log", xlabel="predicted read-in variance", ylabel="predicted / measured mse")
    axes.set_ylim(min(0.7, axes.get_ylim()[0]), max(1.3, axes.get_ylim()[1]))
    axes.legend(fontsize=9)
    return figure


def growth(table: pd.DataFrame) -> Figure:
    """relative_mse by layer, measured (range over seeds) and predicted, a line per T.

    Columns n_circuits, layer, seed, relative_mse, predicted, unremembered.
    """
    figure, axes = plt.subplots(figsize=(6.8, 4.2))
    for style, (n, rows) in enumerate(table.groupby("n_circuits")):
        line = rows.groupby("layer")[["predicted", "unremembered"]].mean()
        axes.plot(line.index, line["predicted"], color=COLOURS[style], label="_")
        axes.plot(line.index, line["unremembered"], color=COLOURS[style], ls=":", lw=1.2, label="_")
        spread(axes, rows, "layer", "relative_mse", style, f"T = {n}, measured", line=False)
    axes.plot([], [], color=GREY, label="predicted")
    axes.plot([], [], color=GREY, ls=":", lw=1.2, label="if inactive circuits stayed inactive")
    axes.set(yscale="log", xlabel="layer", ylabel="relative_mse of active circuits")
    axes.legend(fontsize=9)
    return figure


def ignition(gains: Mapping[str, Floats], garbage: Floats) -> Figure:
    """What a little more garbage adds in a layer against the garbage there: (n,) for each load."""
    figure, axes = plt.subplots(figsize=(6.6, 4.0))
    axes.axhline(1, color=GREY, ls="--", label="as much again in each layer")
    for style, (name, gain) in enumerate(gains.items()):
        axes.plot(garbage, gain, color=COLOURS[style], marker=MARKERS[style], ms=4, label=name)
    axes.set(
        xscale="log",
        yscale="log",
        xlabel="held for an inactive circuit before the layer, |g|²",
        ylabel="gain Γ of one layer",
    )
    axes.legend(fontsize=9)
    return figure


def depths(table: pd.DataFrame, last: int, what: str = "collapse") -> Figure:
    """Predicted against measured layer of `what`; the area says how many settings."""
    figure, axes = plt.subplots(figsize=(5.6, 5.0))
    ends = np.array([0.5, last + 1.5])
    axes.fill_between(ends, ends - 1, ends + 1, color=GREY, alpha=0.15, label="within one layer")
    counts = table.groupby(["measured", "predicted"]).size().reset_index(name="n")
    axes.scatter(
        counts["measured"],
        counts["predicted"],
        s=36 * counts["n"],
        color=COLOURS[0],
        alpha=0.8,
        label="settings",
    )
    for _, row in counts[counts["n"] > 1].iterrows():
        axes.annotate(str(row["n"]), (row["measured"], row["predicted"]), color=PAPER, fontsize=8,
                      ha="center", va="center")  # fmt: skip
    ticks = range(1, last + 2)
    names = [*(str(layer) for layer in range(1, last + 1)), "never"]
    axes.set_xticks(ticks, names, rotation=45)
    axes.set_yticks(ticks, names)
    axes.set(xlabel=f"layer of {what}, measured", ylabel=f"layer of {what}, predicted")
    axes.legend(loc="upper left", fontsize=9, markerscale=0.6)
    return figure


def fitting(series: Mapping[str, pd.DataFrame]) -> Figure:
    """T that fit against one size at a time, measured (mean, range) and predicted, by n_layers.

    series: by column name; columns that size, n_layers, mean, min, max, predicted.
    """
    figure, panels = plt.subplots(2, 3, figsize=(8.6, 5.6), sharey=False)
    for axes, (name, table) in zip(panels.flat, series.items(), strict=False):
        for style, (layers, rows) in enumerate(table.sort_values(name).groupby("n_layers")):
            _ranges(axes, rows, name, style, f"{layers} layer{'s' if layers > 1 else ''}")
        axes.set(xscale="log", yscale="log", xlabel=AXES[name])
        axes.minorticks_off()
        ticks = sorted(table[name].unique())[:: 1 if table[name].nunique() < 6 else 2]
        axes.set_xticks(ticks, [str(tick) for tick in ticks])
    for axes in panels[:, 0]:
        axes.set_ylabel("circuits that fit, T")
    panels.flat[0].plot([], [], color=GREY, label="predicted")
    panels.flat[0].legend(fontsize=8)
    for axes in panels.flat[len(series) :]:
        axes.set_visible(False)
    return figure


AXES = {
    "stream_width": "stream width D",
    "n_neurons": "neurons M",
    "width": "circuits' width d",
    "small_neurons": "circuits' neurons m",
    "n_active": "active circuits k",
}


def design(table: pd.DataFrame, name: str, label: str) -> Figure:
    """relative_mse against a choice of design, for each k and layer, measured and predicted.

    Columns `name`, n_active, layer, mean, min, max, predicted.
    """
    figure, panels = plt.subplots(1, 2, figsize=(8.4, 3.8))
    for axes, (k, part) in zip(panels, table.groupby("n_active"), strict=True):
        for style, (layer, rows) in enumerate(part.sort_values(name).groupby("layer")):
            _ranges(axes, rows, name, style, f"layer {layer}, measured")
        axes.plot([], [], color=GREY, label="predicted")
        axes.set(xscale="log", yscale="log", xlabel=label, title=f"k = {k}")
        axes.minorticks_off()
        ticks = sorted(table[name].unique())[::2]
        axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    panels[0].set_ylabel("relative_mse")
    panels[0].legend(fontsize=8)
    return figure


def capacities(table: pd.DataFrame) -> Figure:
    """Predicted capacity against the stream's width, by n_layers, and private circuits.

    Columns stream_width, n_layers, n_circuits, private.
    """
    figure, axes = plt.subplots(figsize=(6.8, 4.2))
    private = table.groupby("stream_width")["private"].first()
    axes.plot(private.index, private, color=GREY, ls="--", label="private neurons and dimensions")
    for style, (layers, rows) in enumerate(table.groupby("n_layers")):
        axes.plot(
            "stream_width",
            "n_circuits",
            data=rows,
            color=COLOURS[style],
            marker=MARKERS[style],
            label=f"in superposition, {layers} layer{'s' if layers > 1 else ''}",
        )
    axes.set(xscale="log", yscale="log", xlabel="stream width D (M = 2D)", ylabel="circuits T")
    axes.legend(fontsize=9)
    return figure


def _ranges(axes: Axes, rows: pd.DataFrame, x: str, style: int, label: str) -> None:
    bars = [rows["mean"] - rows["min"], rows["max"] - rows["mean"]]
    colour = COLOURS[style]
    axes.plot(rows[x], rows["predicted"], color=colour, label="_")
    axes.errorbar(rows[x], rows["mean"], yerr=bars, color=colour, marker=MARKERS[style], ls="none",
                  capsize=2, elinewidth=1, label=label)  # fmt: skip
