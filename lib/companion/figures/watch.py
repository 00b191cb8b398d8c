"""Dials: where vectors should be, and where two networks have them."""

from __future__ import annotations

from collections.abc import Mapping

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from companion.figures.figure_data import carries
from companion.figures.style import COLOURS, GREY
from superposition._check import Floats

_WANTED, _FOUND = ["wanted_0", "wanted_1"], ["found_0", "found_1"]


def dials(vectors: Mapping[str, Floats], titles: Mapping[str, str]) -> Figure:
    """Draw vectors (L+1, k, 2) as they should be, "true", and of networks of `titles`, by layer.

    The figure carries a row for each network, layer and circuit: columns network, layer, circuit,
    wanted_0, wanted_1, found_0 and found_1, also where the drawn vector is cut off.
    """
    tables = {title: _tips(vectors["true"], vectors[name]) for name, title in titles.items()}
    table = pd.concat(tables, names=["network"]).reset_index("network")
    n_layers = len(vectors["true"]) - 1
    size = 1.4 * n_layers, 1.9 * len(titles)
    figure, axes = plt.subplots(len(titles), n_layers, squeeze=False, figsize=size)
    for row, title in zip(axes, titles.values(), strict=True):
        for layer, ax in enumerate(row, start=1):
            here = table[(table["network"] == title) & (table["layer"] == layer)]
            wanted, found = (here[columns].to_numpy() for columns in (_WANTED, _FOUND))
            _dial(ax, wanted, found)
            off = np.sqrt(np.mean(np.sum((found - wanted) ** 2, axis=-1)))
            ax.set_xlabel(f"off by {off:.2f}", fontsize=9)
            ax.set_title(f"layer {layer}", fontsize=9)
        row[0].set_ylabel(title, fontsize=9)
    handles, words = axes[0, 0].get_legend_handles_labels()
    figure.legend(handles, words, loc="outside lower center", ncols=2)
    return carries(figure, table)


def _tips(wanted: Floats, found: Floats) -> pd.DataFrame:
    """Return the vectors of one network after its layers, from the first on."""
    layer, circuit = np.indices(wanted[1:, :, 0].shape).reshape(2, -1)
    table = pd.DataFrame({"layer": layer + 1, "circuit": circuit + 1})
    table[_WANTED], table[_FOUND] = wanted[1:].reshape(-1, 2), found[1:].reshape(-1, 2)
    return table


def _dial(axes: Axes, true: Floats, read: Floats) -> None:
    """Draw one dial; vectors too long for it end at its edge."""
    turn = np.linspace(0, 2 * np.pi, 100)
    axes.plot(np.cos(turn), np.sin(turn), color=GREY, lw=0.7)
    length = np.linalg.norm(read, axis=-1, keepdims=True)
    shown = read * np.minimum(1, 1.5 / np.maximum(length, 1e-12))
    for i, (wanted, found) in enumerate(zip(true, shown, strict=True)):
        for tip, colour, label, fill, width, size in (
            (wanted, GREY, "should be", "none", 1.2, 8),
            (found, COLOURS[i % len(COLOURS)], "is", "full", 2.2, 5),
        ):
            (line,) = axes.plot([0, tip[0]], [0, tip[1]], color=colour, lw=width)
            line.set(marker="o", markevery=[1], fillstyle=fill, ms=size)
            line.set_label(label if i == 0 else "_")
    axes.set(xlim=(-1.6, 1.6), ylim=(-1.6, 1.6), xticks=[], yticks=[], aspect="equal")
    axes.grid(False)
    axes.spines[:].set_visible(False)
