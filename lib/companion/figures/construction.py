"""Figures of the construction, its noise and its depth."""

from __future__ import annotations

from collections.abc import Sequence
from textwrap import fill

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure

from companion.figures.figure_data import carries
from companion.figures.style import (
    COLOURS,
    GREY,
    INK,
    name_at,
    name_lines,
    numbered,
    over_seeds,
    spread,
)
from superposition._check import Floats

# Zero is the page itself, light or dark.
_FADING = LinearSegmentedColormap.from_list(
    "fading", [(0, COLOURS[0]), (0.5, COLOURS[0] + "00"), (0.5, COLOURS[1] + "00"), (1, COLOURS[1])]
)


def claim(loads: pd.DataFrame, private: pd.DataFrame) -> Figure:
    """Draw how many circuits fit against the large network's size, for each number of layers.

    The loads have columns parameters, n_layers, in_full (whether each layer writes as much as an
    only one), seed and n_circuits, those with private neurons parameters and n_circuits. The figure
    carries means over seeds with n_circuits_min and n_circuits_max; a column named series tells the
    three kinds of lines apart.
    """
    figure, axes = plt.subplots(figsize=(7.2, 4.4))
    found = over_seeds(loads, ["n_layers", "in_full", "parameters"], ["n_circuits"])
    first = found[found["n_layers"] == found["n_layers"].min()]
    ends = np.array([first["parameters"].max() / 100, first["parameters"].max()])
    through = 1.5 * first["n_circuits"].iloc[-1] * ends / ends[-1]
    steep = pd.DataFrame({"parameters": ends, "n_circuits": through})
    alone, slope = "private neurons and dimensions", "slope 1: T ∝ parameters"
    x, y = "parameters", "n_circuits"
    axes.plot(x, y, data=private, color=GREY, ls="--", label=alone)
    for style, ((layers, in_full), rows) in enumerate(found.groupby(["n_layers", "in_full"])):
        label = f"in superposition, {layers} layer{'s' if layers > 1 else ''}"
        label += " that write in full" if in_full else ""
        spread(axes, rows, x, y, style, label)
    axes.plot(x, y, data=steep, color=INK, lw=0.8, ls=":", label=slope)
    axes.set(xscale="log", yscale="log", ylabel="small networks that fit, T")
    axes.set_xlabel("parameters of the large network, per layer")
    name_lines(axes)
    kinds = {"in superposition": found, alone: private[[x, y]], slope: steep}
    return carries(figure, pd.concat(kinds, names=["series"]).reset_index("series"))


def terms(pieces: Sequence[Floats], names: Sequence[str]) -> Figure:
    """Draw weight matrices next to each other on one colour scale, blue below and red above zero.

    The figure carries a row for each weight: columns matrix, large_neuron, stream_dimension and
    weight.
    """
    figure, panels = plt.subplots(1, len(pieces), figsize=(9.2, 3.4), sharey=True)
    top = max(np.abs(piece).max() for piece in pieces)
    for axes, piece, name in zip(panels, pieces, names, strict=True):
        image = axes.imshow(piece, cmap=_FADING, vmin=-top, vmax=top, aspect="auto")
        axes.set_title(name, fontsize=10)
        axes.set_xlabel("stream dimension")
        axes.grid(visible=False)
    panels[0].set_ylabel("large neuron")
    figure.colorbar(image, ax=panels, label="weight", shrink=0.85)
    cells = pd.concat(map(pd.DataFrame, pieces), keys=names, names=["matrix", "large_neuron"])
    cells = cells.rename_axis(columns="stream_dimension").stack().rename("weight")
    return carries(figure, cells.reset_index())


def interference(values: Floats, variance: float) -> Figure:
    """Draw a histogram of read-in interference beside a normal curve of the predicted variance.

    The figure carries the bars and points of the curve: columns series, interference (a bar's
    middle), density, and for bars bin_low and bin_high.
    """
    from scipy import stats  # slow to load, and seldom needed

    figure, axes = plt.subplots(figsize=(6.6, 3.6))
    spread = float(np.sqrt(variance))
    edges = np.linspace(-5 * spread, 5 * spread, 81)
    low, high = edges[:-1], edges[1:]
    bars = pd.DataFrame({"interference": (low + high) / 2, "bin_low": low, "bin_high": high})
    bars["density"] = np.histogram(values.ravel(), edges, density=True)[0]
    curve = pd.DataFrame({"interference": np.linspace(-5 * spread, 5 * spread, 400)})
    curve["density"] = stats.norm.pdf(curve["interference"], scale=spread)
    normal = "normal curve of the predicted variance"
    axes.hist(low.tolist(), edges.tolist(), weights=bars["density"], color=COLOURS[5])
    axes.plot("interference", "density", data=curve, color=COLOURS[1], label=normal)
    height = float(stats.norm.pdf(spread, scale=spread))
    name_at(axes, "measured", (-spread, height), COLOURS[5], "left")
    name_at(axes, fill(normal, 18), (spread, height), COLOURS[1], "right")
    axes.set(xlabel="interference in a large neuron's pre-activation", ylabel="density")
    both = pd.concat({"measured": bars, normal: curve}, names=["series"])
    return carries(figure, both.reset_index("series"))


def predicted_and_measured(
    table: pd.DataFrame, x: str, measured: str, predicted: str, labels: tuple[str, str]
) -> Figure:
    """Draw measured points with their spread over seeds, and the predicted line, on log axes.

    The table has the columns named by x, measured and predicted. The figure carries means over
    seeds, with the smallest and largest measured value in columns that end in _min and _max.
    """
    figure, axes = plt.subplots(figsize=(6.6, 3.8))
    found = over_seeds(table, [x], [measured], [predicted])
    axes.plot(x, predicted, data=found, color=COLOURS[1], label="predicted")
    spread(axes, found, x, measured, 0, "measured", line=False)
    axes.set(xscale="log", yscale="log", xlabel=labels[0], ylabel=labels[1])
    axes.set_xticks(found[x], [f"{value:g}" for value in found[x]])
    axes.set_xticks([], minor=True)
    name_lines(axes)
    return carries(figure, found)


def depth(table: pd.DataFrame, nothing: pd.Series, of_note: Sequence[int]) -> Figure:
    """Draw the relative mean squared error by layer, a line for each number of circuits.

    Those of note have colours. The table has columns n_circuits, layer, seed and relative_mse;
    layer 0 is left out. The series nothing is the error of a network that leaves its input as it
    is, by layer. The figure carries both: means over seeds with relative_mse_min and
    relative_mse_max, and a column named series.
    """
    figure, axes = plt.subplots(figsize=(6.8, 4.0))
    found = over_seeds(table[table["layer"] > 0], ["n_circuits", "layer"], ["relative_mse"])
    for style, n in numbered(found["n_circuits"].unique(), of_note):
        spread(axes, found[found["n_circuits"] == n], "layer", "relative_mse", style, f"T = {n}")
    idle = pd.DataFrame({"layer": nothing.index, "relative_mse": nothing.to_numpy()})
    idle_name = "computing nothing"
    axes.plot("layer", "relative_mse", data=idle, color=INK, ls="--", label=idle_name)
    axes.set(yscale="log", xlabel="layer", ylabel="relative_mse of active circuits")
    axes.set_xticks(sorted(found["layer"].unique()))
    name_lines(axes)
    both = pd.concat({"in superposition": found, idle_name: idle}, names=["series"])
    return carries(figure, both.reset_index("series"))
