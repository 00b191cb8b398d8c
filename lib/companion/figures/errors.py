"""Figures of the error analysis: predicted lines and measured points."""

from __future__ import annotations

from collections.abc import Mapping

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from companion.figures.figure_data import carries
from companion.figures.style import (
    COLOURS,
    GREY,
    INK,
    MARKERS,
    PAPER,
    name_lines,
    named_range,
    over_seeds,
    spread,
)
from superposition._check import Floats


def neuron_errors(table: pd.DataFrame) -> Figure:
    """Draw the squared error of a small neuron against its pre-activation, for each k.

    The table has columns n_active, pre_activation, measured and predicted. The figure carries them,
    with the name squared_error for what is measured.
    """
    figure, axes = plt.subplots(figsize=(6.8, 4.0))
    table = table.rename(columns={"measured": "squared_error"})
    table = table[["n_active", "pre_activation", "squared_error", "predicted"]]
    for style, (k, rows) in enumerate(table.groupby("n_active")):
        axes.plot("pre_activation", "predicted", data=rows, color=COLOURS[style], label="_")
        axes.plot(
            "pre_activation",
            "squared_error",
            data=rows,
            color=COLOURS[style],
            marker=MARKERS[style],
            ls="none",
            label=f"k = {k}",
        )
    axes.set(
        xlabel="pre-activation w·a + b", ylabel="squared error of the activation", yscale="log"
    )
    name_lines(axes)
    return carries(figure, table)


def error_terms(terms: pd.DataFrame, measured: pd.Series) -> Figure:
    """Draw predicted terms stacked, a bar for each row, and measured totals: both by label.

    The figure carries a row for each bar: its label in the column network, each term's column, and
    the total as measured.
    """
    figure, axes = plt.subplots(figsize=(7.4, 0.9 + 0.5 * len(terms)))
    table = terms.assign(measured=measured).rename_axis("network").reset_index()
    left, hatches = np.zeros(len(terms)), ["", "//", "..", "xx", "\\\\", "--", "", "++"]
    colours = [*COLOURS, GREY, INK]
    for place, name in enumerate(terms.columns):
        axes.barh(
            table["network"],
            table[name],
            left=left,
            color=colours[place % len(colours)],
            hatch=hatches[place % len(hatches)],
            edgecolor=PAPER,
            label=name,
        )
        left += table[name].to_numpy()
    total = table["measured"], table["network"]
    axes.plot(*total, color=INK, marker="D", ls="none", label="measured, all")
    axes.set(xlabel="mse after one layer", ylabel="network")
    axes.invert_yaxis()
    axes.legend(ncols=2, fontsize=9)
    return carries(figure, table)


def ratios(table: pd.DataFrame, band: tuple[float, float]) -> Figure:
    """Draw predicted / measured error against read-in noise, and a band of ratios.

    The table has columns kind, noise (predicted read-in variance), ratio, and standard_error of
    the measured mse. The figure carries kind, noise, ratio and ratio_error, the bars' length.
    """
    figure, axes = plt.subplots(figsize=(6.8, 4.0))
    bars = table["ratio"] * table["standard_error"] / table["mse"]
    table = table[["kind", "noise", "ratio"]].assign(ratio_error=bars)
    axes.axhspan(*band, color=GREY, alpha=0.15, label=f"{band[0]:g} to {band[1]:g}")
    axes.axhline(1, color=GREY, lw=1)
    for style, (kind, rows) in enumerate(table.groupby("kind", sort=False)):
        axes.errorbar(
            rows["noise"],
            rows["ratio"],
            yerr=rows["ratio_error"],
            color=COLOURS[style],
            marker=MARKERS[style],
            ls="none",
            elinewidth=1,
            label=str(kind),
        )
    axes.set(xscale="log", xlabel="predicted read-in variance", ylabel="predicted / measured mse")
    axes.set_ylim(min(0.7, axes.get_ylim()[0]), max(1.3, axes.get_ylim()[1]))
    axes.legend(fontsize=9)
    return carries(figure, table)


def growth(table: pd.DataFrame) -> Figure:
    """Draw relative_mse by layer, measured (range over seeds) and predicted, a line per T.

    The table has columns n_circuits, layer, seed, relative_mse, predicted, and unremembered: what
    is predicted if inactive circuits stay inactive. The figure carries means over seeds with
    relative_mse_min and relative_mse_max; unremembered is called predicted_inactive_stay_inactive.
    """
    figure, axes = plt.subplots(figsize=(6.8, 4.2))
    quiet = "predicted_inactive_stay_inactive"
    table = table.rename(columns={"unremembered": quiet})
    table = over_seeds(table, ["n_circuits", "layer"], ["relative_mse"], ["predicted", quiet])
    for style, (n, rows) in enumerate(table.groupby("n_circuits")):
        colour = COLOURS[style]
        axes.plot("layer", "predicted", data=rows, color=colour, label="_")
        axes.plot("layer", quiet, data=rows, color=colour, ls=":", lw=1.2, label="_")
        spread(axes, rows, "layer", "relative_mse", style, f"T = {n}", line=False)
    axes.set(yscale="log", xlabel="layer", ylabel="relative_mse of active circuits")
    name_lines(axes)
    return carries(figure, table)


def ignition(gains: Mapping[str, Floats], garbage: Floats) -> Figure:
    """Draw what a little more garbage adds in a layer against the garbage there.

    The gains map a load's name to values (n,), as many as garbage has. The figure carries columns
    load, garbage and gain.
    """
    figure, axes = plt.subplots(figsize=(6.6, 4.0))
    table = pd.DataFrame({"garbage": garbage, **gains})
    table = table.melt("garbage", var_name="load", value_name="gain")
    axes.axhline(1, color=GREY, ls="--", label="as much again in each layer")
    for style, (name, rows) in enumerate(table.groupby("load", sort=False)):
        colour, marker = COLOURS[style], MARKERS[style]
        axes.plot("garbage", "gain", data=rows, color=colour, marker=marker, ms=4, label=name)
    axes.set(
        xscale="log",
        yscale="log",
        xlabel="held for an inactive circuit before the layer, |g|²",
        ylabel="gain Γ of one layer",
    )
    name_lines(axes)
    return carries(figure, table[["load", "garbage", "gain"]])


def depths(table: pd.DataFrame, last: int, what: str = "collapse") -> Figure:
    """Draw the predicted against the measured layer of `what`; the area says how many settings.

    The table has columns measured and predicted, a row for each setting; the layer after the last
    stands for never. The figure carries columns measured_layer, predicted_layer and settings.
    """
    figure, axes = plt.subplots(figsize=(5.6, 5.0))
    ends = np.array([0.5, last + 1.5])
    axes.fill_between(ends, ends - 1, ends + 1, color=GREY, alpha=0.15, label="within one layer")
    table = table.rename(columns={name: f"{name}_layer" for name in ("measured", "predicted")})
    x, y = "measured_layer", "predicted_layer"
    counts = table.groupby([x, y]).size().reset_index(name="settings")
    area = 36 * counts["settings"]
    axes.scatter(x, y, s=area, data=counts, color=COLOURS[0], alpha=0.8, label="settings")
    for *place, n in counts[counts["settings"] > 1].itertuples(index=False):
        axes.annotate(str(n), place, color=PAPER, fontsize=8, ha="center", va="center")
    ticks = range(1, last + 2)
    names = [*(str(layer) for layer in range(1, last + 1)), "never"]
    axes.set_xticks(ticks, names, rotation=45)
    axes.set_yticks(ticks, names)
    axes.set(xlabel=f"layer of {what}, measured", ylabel=f"layer of {what}, predicted")
    axes.legend(loc="upper left", fontsize=9, markerscale=0.6)
    return carries(figure, counts)


def fitting(series: Mapping[str, pd.DataFrame]) -> Figure:
    """Draw the T that fit against one size at a time, measured and predicted, by n_layers.

    The series map a size's name to a table with columns of that name, n_layers, predicted, and
    mean, min and max over seeds. The figure carries them in one table: columns varied (the size's
    name), size, n_layers, n_circuits, n_circuits_min, n_circuits_max and predicted.
    """
    figure, panels = plt.subplots(2, 3, figsize=(8.6, 5.6), sharey=False)
    sorted_by = {n: table.assign(size=table[n]).sort_values("size") for n, table in series.items()}
    found = pd.concat(sorted_by, names=["varied"]).reset_index("varied")
    drawn = ["n_circuits", "n_circuits_min", "n_circuits_max", "predicted"]
    found = named_range(found, "n_circuits")[["varied", "size", "n_layers", *drawn]]
    for axes, name in zip(panels.flat, series, strict=False):
        table = found[found["varied"] == name]
        for style, (layers, rows) in enumerate(table.groupby("n_layers")):
            label = f"{layers} layer{'s' if layers > 1 else ''}"
            _ranges(axes, rows, "size", "n_circuits", style, label)
        axes.set(xscale="log", yscale="log", xlabel=AXES[name])
        axes.minorticks_off()
        ticks = sorted(table["size"].unique())[:: 1 if table["size"].nunique() < 6 else 2]
        axes.set_xticks(ticks, [str(tick) for tick in ticks])
    for axes in panels[:, 0]:
        axes.set_ylabel("circuits that fit, T")
    panels.flat[0].plot([], [], color=GREY, label="predicted")
    panels.flat[0].legend(fontsize=8)
    for axes in panels.flat[len(series) :]:
        axes.set_visible(False)
    return carries(figure, found)


AXES = {
    "stream_width": "stream width D",
    "n_neurons": "neurons M",
    "width": "circuits' width d",
    "small_neurons": "circuits' neurons m",
    "n_active": "active circuits k",
}


def design(table: pd.DataFrame, name: str, label: str) -> Figure:
    """Draw relative_mse against a choice of design, for each k and layer, and as predicted.

    The table has columns `name`, n_active, layer, predicted, and mean, min and max over seeds. The
    figure carries them, with relative_mse, relative_mse_min and relative_mse_max as names.
    """
    figure, panels = plt.subplots(1, 2, figsize=(8.4, 3.8))
    drawn = ["relative_mse", "relative_mse_min", "relative_mse_max", "predicted"]
    table = named_range(table, "relative_mse")[["n_active", "layer", name, *drawn]]
    for axes, (k, part) in zip(panels, table.groupby("n_active"), strict=True):
        for style, (layer, rows) in enumerate(part.sort_values(name).groupby("layer")):
            _ranges(axes, rows, name, "relative_mse", style, f"layer {layer}")
        axes.set(xscale="log", yscale="log", xlabel=label, title=f"k = {k}")
        axes.minorticks_off()
        ticks = sorted(table[name].unique())[::2]
        axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    panels[0].set_ylabel("relative_mse")
    name_lines(*panels)
    return carries(figure, table)


def capacities(table: pd.DataFrame) -> Figure:
    """Draw predicted capacity against the stream's width, by n_layers, and private circuits.

    The table has columns stream_width, n_layers, n_circuits and private: how many circuits fit
    with neurons and dimensions of their own. The figure carries them, the last as
    n_circuits_private.
    """
    figure, axes = plt.subplots(figsize=(6.8, 4.2))
    table = table[["stream_width", "n_layers", "n_circuits", "private"]]
    table = table.rename(columns={"private": "n_circuits_private"})
    private = table.groupby("stream_width")["n_circuits_private"].first()
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
    name_lines(axes)
    return carries(figure, table)


def _ranges(axes: Axes, rows: pd.DataFrame, x: str, y: str, style: int, label: str) -> None:
    axes.plot(rows[x], rows["predicted"], color=COLOURS[style], label="_")
    spread(axes, rows, x, y, style, label, line=False)
