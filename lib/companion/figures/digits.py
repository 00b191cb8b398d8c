"""Figures of the digit tasks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from companion.figures.figure_data import carries
from companion.figures.style import COLOURS, GREY, INK, name_lines, name_upright, over_seeds, spread
from superposition._check import Floats


def digit_images(images: Floats, titles: Sequence[str]) -> Figure:
    """Draw a row of 8 × 8 images, each with its title. The figure carries no table."""
    figure, panels = plt.subplots(1, len(images), figsize=(9, 1.7))
    for axes, image, title in zip(panels, images, titles, strict=True):
        axes.imshow(image, cmap="gray_r")
        axes.set_title(title, fontsize=9)
        axes.set_axis_off()
    return figure


def tasks_kept(
    small: Floats, large: Floats, n_private: int, labels: tuple[str, str], strip: bool = True
) -> Figure:
    """Draw balanced accuracy task by task: alone, in superposition, and with private neurons.

    The arrays small and large have shape (tasks,). Private neurons serve the first `n_private`
    tasks of the drawing exactly; the others are left to guess. The figure carries a row for each
    task: columns rank, task (its place in the arrays), alone, in_superposition, private_neurons.
    """
    figure, axes = plt.subplots(figsize=(8.6, 4.2))
    small, large = np.asarray(small), np.asarray(large)
    order = np.argsort(-large)
    table = pd.DataFrame({"rank": np.arange(1, len(order) + 1), "task": order})
    rank = table["rank"]
    table["alone"], table["in_superposition"] = small[order], large[order]
    table["private_neurons"] = table["alone"].where(rank <= n_private, 0.5)
    steps: dict[str, Any] = {"lw": 1.2, "ls": "--", "drawstyle": "steps-mid"}
    axes.plot("rank", "private_neurons", data=table, color=GREY, label=labels[1], **steps)
    dots: dict[str, Any] = {"marker": "o", "ls": "none", "mew": 0}
    alone = "each small network by itself"
    axes.plot("rank", "alone", data=table, ms=2.2, color=COLOURS[1], label=alone, **dots)
    dots |= {"color": COLOURS[0], "label": labels[0]}
    axes.plot("rank", "in_superposition", data=table, ms=3, **dots)
    axes.axhline(0.5, color=INK, lw=0.8)
    axes.annotate("guessing", (2, 0.507), fontsize=9, color=INK)
    axes.set(ylabel="balanced accuracy on held-out images", ylim=(0.47, 1.01))
    axes.set(xlabel="task, best kept first", xlim=(0, len(rank) + 1))
    name_lines(axes)
    return carries(figure, table)


def digit_sizes(
    table: pd.DataFrame, small: float, private: pd.DataFrame, marks: Mapping[str, float]
) -> Figure:
    """Draw balanced accuracy against D·M: measured lines, private neurons, sizes worth marking.

    The table has columns size, n_active, images ("own" or "same": dotted), seed and
    balanced_accuracy, those with private neurons size and balanced_accuracy. The number small is
    the accuracy of small networks by themselves. The figure carries all of it with a column named
    series: means over seeds have balanced_accuracy_min and _max, small has no size, marks have a
    size alone.
    """
    figure, axes = plt.subplots(figsize=(8.2, 4.6))
    x, y = "size", "balanced_accuracy"
    alone, few = "small networks by themselves", "private neurons and dimensions"
    axes.axhline(small, color=INK, lw=1, label=alone)
    axes.plot(x, y, data=private, color=GREY, ls="--", label=few)
    found = over_seeds(table, ["images", "n_active", x], [y])
    for style, (k, rows) in enumerate(found[found["images"] == "own"].groupby("n_active")):
        spread(axes, rows, x, y, style, f"k = {k}")
        same = found[(found["images"] == "same") & (found["n_active"] == k)]
        if len(same):
            axes.plot(x, y, data=same, color=COLOURS[style], ls=":", label="_")
    for text, size in marks.items():
        name_upright(axes, text, size)
    axes.set(xscale="log", xlabel="D · M", ylabel="balanced accuracy, all 511 tasks",
             ylim=(0.46, 1.0))  # fmt: skip
    axes.margins(x=0.1)
    name_lines(axes)
    series = {"in superposition": found, few: private[[x, y]], alone: pd.DataFrame({y: [small]})}
    series |= {text: pd.DataFrame({x: [size]}) for text, size in marks.items()}
    return carries(figure, pd.concat(series, names=["series"]).reset_index("series"))
