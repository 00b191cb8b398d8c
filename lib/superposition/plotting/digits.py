"""Figures of the digit tasks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from superposition._check import Floats
from superposition.plotting.style import COLOURS, GREY, INK, spread


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
        spread(axes, rows, "size", "balanced_accuracy", style, label)
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
