"""Figures of circuits that share neurons."""

from __future__ import annotations

from collections.abc import Mapping

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from superposition._check import Integers
from superposition.plotting.style import COLOURS, GREY, INK, MARKERS, spread


def slot_loads(loads: Mapping[str, Integers]) -> Figure:
    """How many slots carry how many circuits, (slots,) for each code."""
    figure, axes = plt.subplots(figsize=(6.6, 3.6))
    width = 0.8 / len(loads)
    for style, (name, found) in enumerate(loads.items()):
        counts = np.bincount(found)
        places = np.arange(len(counts)) + (style - (len(loads) - 1) / 2) * width
        axes.bar(places, counts, width, color=COLOURS[style], label=name)
    axes.set(xlabel="circuits on one slot", ylabel="slots", xlim=(-0.7, None))
    axes.legend(fontsize=9)
    return figure


def connected_slots(table: pd.DataFrame, threshold: float) -> Figure:
    """Chance of N connections, log scale: columns connections, measured, binomial, by_circuits."""
    figure, axes = plt.subplots(figsize=(6.6, 4.0))
    n = table["connections"]
    axes.bar(n, table["measured"], 0.6, color=COLOURS[5], label="measured")
    axes.plot(n, table["binomial"], color=COLOURS[1], marker=MARKERS[1], ls="--", label="binomial")
    axes.plot(n, table["by_circuits"], color=INK, marker=MARKERS[0], label="through circuits")
    axes.axvline(threshold, color=GREY, ls=":", label="false on-indicators from here")
    axes.set(
        yscale="log",
        ylim=(1e-4, 1),
        xlabel="slots of an active circuit that a slot is connected to, N",
        ylabel="share of slots",
    )
    axes.legend(fontsize=9)
    return figure


def followed(table: pd.DataFrame) -> Figure:
    """mse by layer for each T: columns n_circuits, layer, seed, mse, followed, published."""
    figure, axes = plt.subplots(figsize=(6.8, 4.4))
    table = table[table["layer"] > 1]
    for style, (n, rows) in enumerate(table.groupby("n_circuits")):
        lines = rows.groupby("layer")[["followed", "published"]].mean()
        axes.plot(lines.index, lines["followed"], color=COLOURS[style], label="_")
        axes.plot(lines.index, lines["published"], color=COLOURS[style], ls=":", lw=1.3, label="_")
        spread(axes, rows, "layer", "mse", style, f"T = {n}, measured", line=False)
    axes.plot([], [], color=GREY, label="false indicators followed")
    axes.plot([], [], color=GREY, ls=":", lw=1.3, label="published law")
    axes.axhline(1, color=GREY, lw=1, ls="--", label="guessing the mean")
    axes.set(yscale="log", xlabel="layer", ylabel="mse of an active circuit's vector")
    axes.legend(fontsize=9)
    return figure
