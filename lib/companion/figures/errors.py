"""Figures of the error analysis: predicted lines and measured points."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from textwrap import fill
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
    INK,
    PAPER,
    REST,
    WORDS,
    look,
    name_at,
    name_lines,
    named_range,
    numbered,
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
        dots = look(style) | {"ls": "none", "label": f"k = {k}"}
        axes.plot("pre_activation", "squared_error", data=rows, **dots)
    axes.set(xlabel="pre-activation w·a + b", yscale="log")
    axes.set_ylabel("squared error of the activation")
    name_lines(axes)
    return carries(figure, table)


def error_terms(terms: pd.DataFrame, measured: pd.Series) -> Figure:
    """Draw predicted terms stacked, a bar for each row, and measured totals: both by label.

    The three largest terms have colours, and names below the longest bar. The figure carries a row
    for each bar: its label in the column network, each term's column, and the total as measured.
    """
    figure, axes = plt.subplots(figsize=(7.4, 1.3 + 0.5 * len(terms)))
    table = terms.assign(measured=measured).rename_axis("network").reset_index()
    left, longest = np.zeros(len(terms)), int(terms.sum(axis=1).argmax())
    order = terms.sum().sort_values(ascending=False).index
    grey: dict[str, Any] = {"color": REST}
    for place, name in enumerate(order):
        seen = {"color": COLOURS[place], "hatch": ("", "//", "..")[place]} if place < 3 else grey
        axes.barh(table["network"], table[name], 0.6, left, label=name, edgecolor=PAPER, **seen)
        left += table[name].to_numpy()
    parts = terms.iloc[longest][order]
    named = pd.concat([parts[:3], pd.Series({"rest": parts[3:].sum()})])
    middles = named.cumsum() - named / 2
    for (name, middle), colour in zip(middles.items(), (*WORDS[:3], GREY), strict=False):
        axes.text(middle, longest + 0.5, name, color=colour, size=10, ha="center", va="center")
    axes.plot("measured", "network", data=table, color=INK, marker="D", ls="none", label="_")
    name_at(axes, "measured", (table["measured"][0], 0), INK, "right")
    axes.set(xlabel="mse after one layer", ylabel="network", ylim=(len(terms) - 0.2, -0.6))
    axes.set_yticks(range(len(terms)), [fill(name, 20) for name in table["network"]])
    return carries(figure, table)


def ratios(table: pd.DataFrame, band: tuple[float, float]) -> Figure:
    """Draw predicted / measured error against read-in noise, and a band of ratios.

    The table has columns kind, noise (predicted read-in variance), ratio, and standard_error of
    the measured mse. The figure carries kind, noise, ratio and ratio_error, the bars' length.
    """
    figure, axes = plt.subplots(figsize=(6.8, 4.0))
    bars = table["ratio"] * table["standard_error"] / table["mse"]
    table = table[["kind", "noise", "ratio"]].assign(ratio_error=bars)
    axes.axhspan(*band, color=GREY, alpha=0.15)
    for edge in band:
        axes.annotate(f"{edge:g}", (1.01, edge), xycoords=("axes fraction", "data"), color=GREY)
    axes.axhline(1, color=GREY, lw=1)
    for style, (kind, rows) in enumerate(table.groupby("kind", sort=False)):
        dots = look(style) | {"ls": "none", "elinewidth": 1, "label": str(kind)}
        axes.errorbar("noise", "ratio", yerr="ratio_error", data=rows, **dots)
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
    axes.locator_params(axis="x", integer=True)
    name_lines(axes)
    return carries(figure, table)


def ignition(gains: Mapping[str, Floats], garbage: Floats, of_note: Sequence[str]) -> Figure:
    """Draw what a little more garbage adds in a layer against the garbage there.

    The gains map a load's name to values (n,), as many as garbage has; those of note have colours.
    The figure carries columns load, garbage and gain.
    """
    figure, axes = plt.subplots(figsize=(6.6, 4.0))
    table = pd.DataFrame({"garbage": garbage, **gains})
    table = table.melt("garbage", var_name="load", value_name="gain")
    axes.axhline(1, color=GREY, ls="--", label="as much again in each layer")
    for style, name in numbered(gains, of_note):
        rows = table[table["load"] == name]
        axes.plot("garbage", "gain", data=rows, ms=4, label=name, **look(style))
    axes.set(xscale="log", yscale="log", ylabel="gain Γ of one layer")
    axes.set_xlabel("held for an inactive circuit before the layer, |g|²")
    name_lines(axes)
    return carries(figure, table[["load", "garbage", "gain"]])


def depths(table: pd.DataFrame, last: int, what: str = "collapse") -> Figure:
    """Draw the predicted against the measured layer of `what`; the area says how many settings.

    The table has columns measured and predicted, a row for each setting; the layer after the last
    stands for never. The figure carries columns measured_layer, predicted_layer and settings.
    """
    figure, axes = plt.subplots(figsize=(5.6, 5.0))
    ends = np.array([0.5, last + 1.5])
    axes.fill_between(ends, ends - 1, ends + 1, color=GREY, alpha=0.15)
    axes.text(
        0.75 * last, 0.75 * last - 1.2, "within one layer", color=GREY, ha="center", va="top",
        rotation=45, rotation_mode="anchor", transform_rotates_text=True,
    )  # fmt: skip
    table = table.rename(columns={name: f"{name}_layer" for name in ("measured", "predicted")})
    x, y = "measured_layer", "predicted_layer"
    counts = table.groupby([x, y]).size().reset_index(name="settings")
    area = 36 * counts["settings"]
    axes.scatter(x, y, s=area, data=counts, color=COLOURS[0], alpha=0.8)
    for *place, n in counts[counts["settings"] > 1].itertuples(index=False):
        axes.annotate(str(n), place, color=PAPER, fontsize=9, ha="center", va="center")
    ticks = range(1, last + 2)
    names = [*(str(layer) for layer in range(1, last + 1)), "never"]
    axes.set_xticks(ticks, names, rotation=45)
    axes.set_yticks(ticks, names)
    axes.set(xlabel=f"layer of {what}, measured", ylabel=f"layer of {what}, predicted")
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
    points, names = panels.flat[0].get_legend_handles_labels()
    for (line, *_), name, side in zip(points, names, ("left", "right"), strict=False):
        middle = line.get_xydata()[len(line.get_xydata()) // 2]
        name_at(panels.flat[0], name, middle, line.get_color(), side)
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
        label = f"in superposition, {layers} layer{'s' if layers > 1 else ''}"
        axes.plot("stream_width", "n_circuits", data=rows, label=label, **look(style))
    axes.set(xscale="log", yscale="log", xlabel="stream width D (M = 2D)", ylabel="circuits T")
    name_lines(axes)
    return carries(figure, table)


def _ranges(axes: Axes, rows: pd.DataFrame, x: str, y: str, style: int, label: str) -> None:
    axes.plot(rows[x], rows["predicted"], color=COLOURS[style], label="_")
    spread(axes, rows, x, y, style, label, line=False)
