"""Figures of the construction, its noise and its depth."""

from __future__ import annotations

from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from superposition._check import Floats, Integers
from superposition.plotting.style import COLOURS, GREY, INK, MARKERS, spread


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
        spread(axes, rows, "parameters", "n_circuits", style, label)
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
    from scipy import stats  # slow to load, and seldom needed

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
    spread(axes, table, x, measured, 0, "measured (mean and range over seeds)", line=False)
    axes.set(xscale="log", yscale="log", xlabel=labels[0], ylabel=labels[1])
    axes.set_xticks(line.index, [f"{value:g}" for value in line.index])
    axes.set_xticks([], minor=True)
    axes.legend()
    return figure


def depth(table: pd.DataFrame, nothing: pd.Series) -> Figure:
    """Relative mean squared error by layer, a line per number of circuits, bars over seeds.

    nothing: the error of a network that leaves its input as it is, by layer.
    """
    figure, axes = plt.subplots(figsize=(6.8, 4.0))
    rows = table[table["layer"] > 0]
    for style, (n_circuits, group) in enumerate(rows.groupby("n_circuits")):
        spread(axes, group, "layer", "relative_mse", style, f"T = {n_circuits}")
    axes.plot(nothing.index, nothing, color=GREY, ls="--", label="computing nothing")
    axes.set(yscale="log", xlabel="layer", ylabel="relative_mse of active circuits")
    axes.set_xticks(sorted(rows["layer"].unique()))
    axes.legend(loc="upper left")
    return figure
