"""Figures of circuits that feed each other."""

from __future__ import annotations

from collections.abc import Mapping

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure

from companion.figures.figure_data import carries
from companion.figures.style import COLOURS, GREY, INK, name_lines, over_seeds, spread
from superposition._check import Floats


def path_errors_by(table: pd.DataFrame, x: str, label: str) -> Figure:
    """Draw relative_mse of each stage, measured and predicted, against one setting.

    The table has columns stage, seed, relative_mse, predicted and the one named x. The figure
    carries means over seeds with relative_mse_min and relative_mse_max.
    """
    figure, axes = plt.subplots(figsize=(6.8, 4.2))
    found = over_seeds(table, ["stage", x], ["relative_mse"], ["predicted"])
    for style, stage in enumerate(table["stage"].unique()):
        rows = found[found["stage"] == stage]
        axes.plot(x, "predicted", data=rows, color=COLOURS[style], label="_")
        spread(axes, rows, x, "relative_mse", style, str(stage), line=False)
    ticks = sorted(table[x].unique())
    axes.set(xscale="log", yscale="log", xlabel=label, ylabel="relative_mse of active circuits")
    axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    axes.set_xticks([], minor=True)
    name_lines(axes)
    return carries(figure, found)


def stream_in_use(states: Floats, parts: Mapping[str, slice], names: list[str]) -> Figure:
    """Draw what is not zero in a stream after 0 … L large layers, (L+1, D), part by part.

    The parts say where each kind of entry is, in order; the names are those of the states, from the
    first on. The figure carries a row for each dimension in use: columns state (from 0), after (the
    state's name), part and dimension.
    """
    figure, axes = plt.subplots(figsize=(8.2, 4.6))
    shown = np.zeros(states.shape)
    for number, part in enumerate(parts.values(), start=1):
        shown[:, part] = number * (np.abs(states[:, part]) > 1e-9)
    colours = ["none", *(COLOURS[i % len(COLOURS)] for i in range(len(parts)))]
    axes.imshow(
        shown, aspect="auto", cmap=ListedColormap(colours), vmin=0, vmax=len(parts),
        interpolation="nearest",
    )  # fmt: skip
    for part in list(parts.values())[1:]:
        axes.axvline(part.start - 0.5, color=GREY, lw=0.8)
    for row in range(1, len(states)):
        axes.axhline(row - 0.5, color=GREY, lw=0.4)
    middles = [(part.start + part.stop) / 2 for part in parts.values()]
    axes.set_xticks(middles, list(parts), rotation=20, ha="right", color=INK)
    axes.set_yticks(range(len(states)), names)
    axes.set(xlabel="dimensions of the stream", ylabel="after")
    axes.grid(False)
    state, dimension = np.nonzero(shown)
    used = pd.DataFrame({"state": state, "after": np.array(names)[state]})
    used["part"] = np.array([*parts])[shown[state, dimension].astype(int) - 1]
    return carries(figure, used.assign(dimension=dimension))
