"""The book's figures. Colours are told apart by colour-blind readers (Okabe & Ito 2008)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from cycler import cycler
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from scipy import stats

from superposition._check import Floats, Integers

INK, PAPER, GREY = "#1f2328", "#fcfbf8", "#6b7280"
COLOURS = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9"]
MARKERS = ["o", "s", "^", "D", "v", "P"]
_STYLE: dict[str, Any] = {
    "figure.facecolor": PAPER,
    "savefig.facecolor": PAPER,
    "axes.facecolor": PAPER,
    "figure.dpi": 110,
    "figure.constrained_layout.use": True,
    "font.size": 11,
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.edgecolor": GREY,
    "xtick.color": INK,
    "ytick.color": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "#e3e1da",
    "grid.linewidth": 0.7,
    "legend.facecolor": PAPER,
    "legend.edgecolor": "none",
    "legend.framealpha": 0.9,
    "lines.linewidth": 1.8,
    "lines.markersize": 5,
    "axes.prop_cycle": cycler(color=COLOURS),
    "svg.hashsalt": "superposition",
}


def use_style() -> None:
    """Figures as the book draws them: crisp SVG on an opaque card, readable on dark pages too."""
    from matplotlib_inline.backend_inline import set_matplotlib_formats

    plt.rcParams.update(cast(Any, _STYLE))
    set_matplotlib_formats("svg")  # type: ignore[no-untyped-call]


def claim(loads: pd.DataFrame, private: pd.DataFrame) -> Figure:
    """How many circuits fit against the large network's size, for each number of layers.

    loads: columns parameters, n_layers, seed, n_circuits; private: parameters, n_circuits.
    """
    figure, axes = plt.subplots(figsize=(7.2, 4.4))
    axes.plot(
        "parameters",
        "n_circuits",
        data=private,
        color=GREY,
        ls="--",
        label="private neurons and dimensions",
    )
    for style, (layers, rows) in enumerate(loads.groupby("n_layers")):
        label = f"in superposition, {layers} layer{'s' if layers > 1 else ''}"
        _spread(axes, rows, "parameters", "n_circuits", style, label)
    first = loads[loads["n_layers"] == loads["n_layers"].min()]
    top = first.groupby("parameters")["n_circuits"].mean().iloc[-1]
    x = np.array([first["parameters"].max() / 100, first["parameters"].max()])
    axes.plot(x, 1.5 * top * x / x[-1], color=INK, lw=0.8, ls=":", label="slope 1: T ∝ parameters")
    axes.set(
        xscale="log",
        yscale="log",
        xlabel="parameters of the large network, per layer",
        ylabel="small networks that fit, T",
    )
    axes.legend(loc="upper left")
    return figure


def terms(pieces: Sequence[Floats], names: Sequence[str]) -> Figure:
    """Weight matrices side by side on one colour scale, blue below and red above zero."""
    figure, panels = plt.subplots(1, len(pieces), figsize=(9.2, 3.4), sharey=True)
    top = max(np.abs(piece).max() for piece in pieces)
    for axes, piece, name in zip(panels, pieces, names, strict=True):
        image = axes.imshow(piece, cmap="RdBu_r", vmin=-top, vmax=top, aspect="auto")
        axes.set_title(name, fontsize=10)
        axes.set_xlabel("stream dimension")
        axes.grid(visible=False)
    panels[0].set_ylabel("large neuron")
    figure.colorbar(image, ax=panels, label="weight", shrink=0.85)
    return figure


def carriers(slots: Integers, size: int) -> Figure:
    """Which large neurons carry which small ones, a row each: slots (circuits, m, r)."""
    n_circuits, m, _ = slots.shape
    figure, axes = plt.subplots(figsize=(8.2, 0.5 + 0.22 * n_circuits * m))
    for t in range(n_circuits):
        rows = np.repeat(np.arange(m) + t * m, slots.shape[2])
        marker, colour = MARKERS[t % len(MARKERS)], COLOURS[t % len(COLOURS)]
        axes.scatter(
            slots[t].ravel(), rows, s=36, marker=marker, color=colour, label=f"circuit {t}"
        )
    axes.set(
        xlabel="large neuron", ylabel="small neuron", xlim=(-1, size), xticks=range(0, size, 4)
    )
    axes.set_yticks(range(n_circuits * m), [str(i % m) for i in range(n_circuits * m)])
    axes.invert_yaxis()
    axes.legend(loc="center left", bbox_to_anchor=(1, 0.5))
    return figure


def interference(values: Floats, variance: float) -> Figure:
    """Histogram of read-in interference beside a normal curve of the predicted variance."""
    figure, axes = plt.subplots(figsize=(6.6, 3.6))
    spread = float(np.sqrt(variance))
    grid = np.linspace(-5 * spread, 5 * spread, 400)
    bins = np.linspace(-5 * spread, 5 * spread, 81).tolist()
    axes.hist(values.ravel(), bins=bins, density=True, color=COLOURS[5], label="measured")
    density = stats.norm.pdf(grid, scale=spread)
    axes.plot(grid, density, color=COLOURS[1], label="normal curve of the predicted variance")
    axes.set(xlabel="interference in a large neuron's pre-activation", ylabel="density")
    axes.legend(loc="upper left", fontsize=9)
    axes.set_ylim(0, 1.35 * axes.get_ylim()[1])
    return figure


def predicted_and_measured(
    table: pd.DataFrame, x: str, measured: str, predicted: str, labels: tuple[str, str]
) -> Figure:
    """Measured points with their spread over seeds, and the predicted line, on log axes."""
    figure, axes = plt.subplots(figsize=(6.6, 3.8))
    line = table.groupby(x)[predicted].mean()
    axes.plot(line.index, line, color=COLOURS[1], label="predicted")
    _spread(axes, table, x, measured, 0, "measured (mean and range over seeds)", line=False)
    axes.set(xscale="log", yscale="log", xlabel=labels[0], ylabel=labels[1])
    axes.legend()
    return figure


def depth(table: pd.DataFrame, nothing: pd.Series) -> Figure:
    """Relative mean squared error by layer, a line per number of circuits, bars over seeds.

    nothing: the error of a network that leaves its input as it is, by layer.
    """
    figure, axes = plt.subplots(figsize=(6.8, 4.0))
    rows = table[table["layer"] > 0]
    for style, (n_circuits, group) in enumerate(rows.groupby("n_circuits")):
        _spread(axes, group, "layer", "relative_mse", style, f"T = {n_circuits}")
    axes.plot(nothing.index, nothing, color=GREY, ls="--", label="computing nothing")
    axes.set(yscale="log", xlabel="layer", ylabel="relative_mse of active circuits")
    axes.set_xticks(sorted(rows["layer"].unique()))
    axes.legend(loc="upper left")
    return figure


def digit_images(images: Floats, titles: Sequence[str]) -> Figure:
    """A row of 8 × 8 images, each with its title."""
    figure, panels = plt.subplots(1, len(images), figsize=(9, 1.7))
    for axes, image, title in zip(panels, images, titles, strict=True):
        axes.imshow(image, cmap="gray_r")
        axes.set_title(title, fontsize=9)
        axes.set_axis_off()
    return figure


def tasks_kept(
    small: Floats, large: Floats, n_private: int, labels: tuple[str, str], strip: bool = True
) -> Figure:
    """Balanced accuracy task by task: alone, in superposition, and with private neurons.

    small, large: (tasks,). Private neurons serve the first `n_private` tasks of the drawing
    exactly; the others are left to guess.
    """
    figure, axes = plt.subplots(figsize=(8.6, 4.2))
    order = np.argsort(-large)
    rank = np.arange(1, len(order) + 1)
    private = np.where(rank <= n_private, small[order], 0.5)
    axes.plot(rank, private, color=GREY, lw=1.2, ls="--", label=labels[1], drawstyle="steps-mid")
    axes.scatter(rank, small[order], s=5, color=COLOURS[4], label="each small network by itself")
    axes.scatter(rank, large[order], s=9, color=COLOURS[0], label=labels[0])
    axes.axhline(0.5, color=INK, lw=0.8)
    axes.annotate("guessing", (2, 0.507), fontsize=9, color=INK)
    axes.set(
        xlabel="task, best kept first",
        ylabel="balanced accuracy on held-out images",
        ylim=(0.47, 1.01),
        xlim=(0, len(rank) + 1),
    )
    axes.legend(loc="lower right", bbox_to_anchor=(1, 0.08))
    return figure


def digit_sizes(
    table: pd.DataFrame, small: float, private: pd.DataFrame, marks: Mapping[str, float]
) -> Figure:
    """Balanced accuracy against D·M: measured lines, private neurons, sizes worth marking.

    table: size, n_active, images, seed, balanced_accuracy; private: size, balanced_accuracy.
    """
    figure, axes = plt.subplots(figsize=(8.2, 4.6))
    axes.axhline(small, color=INK, lw=1, label="small networks by themselves")
    axes.plot(
        "size",
        "balanced_accuracy",
        data=private,
        color=GREY,
        ls="--",
        label="private neurons and dimensions",
    )
    own = table[table["images"] == "own"]
    for style, (k, rows) in enumerate(own.groupby("n_active")):
        label = "k = 1" if k == 1 else f"k = {k}, an image each"
        _spread(axes, rows, "size", "balanced_accuracy", style, label)
        same = table[(table["images"] == "same") & (table["n_active"] == k)]
        mean = same.groupby("size")["balanced_accuracy"].mean()
        if len(mean):
            axes.plot(mean.index, mean, color=COLOURS[style], ls=":", label=f"k = {k}, one image")
    for text, size in marks.items():
        axes.axvline(size, color=GREY, lw=0.8)
        axes.annotate(text, (size, 0.468), rotation=90, fontsize=8.5, color=INK, ha="right",
                      xytext=(-3, 0), textcoords="offset points")  # fmt: skip
    axes.set(xscale="log", xlabel="D · M", ylabel="balanced accuracy, all 511 tasks",
             ylim=(0.46, 1.0))  # fmt: skip
    axes.legend(loc="upper left", fontsize=9, bbox_to_anchor=(0.05, 0.93))
    return figure


def _spread(
    axes: Axes, table: pd.DataFrame, x: str, y: str, style: int, label: str, *, line: bool = True
) -> None:
    """Means over seeds with bars from the smallest to the largest."""
    by = table.groupby(x)[y]
    mean = by.mean()
    bars = np.stack([mean - by.min(), by.max() - mean])
    axes.errorbar(
        mean.index,
        mean,
        yerr=np.maximum(bars, 0),
        color=COLOURS[style % len(COLOURS)],
        marker=MARKERS[style % len(MARKERS)],
        ls="-" if line else "none",
        capsize=2,
        elinewidth=1,
        label=label,
    )
