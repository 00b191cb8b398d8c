"""Figures of circuits that share neurons."""

from __future__ import annotations

from collections.abc import Mapping

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from companion.figures.figure_data import carries
from companion.figures.style import (
    COLOURS,
    GREY,
    INK,
    look,
    name_at,
    name_lines,
    name_upright,
    over_seeds,
    spread,
)
from superposition._check import Integers


def slot_loads(loads: Mapping[str, Integers]) -> Figure:
    """Draw how many slots carry how many circuits, given the load of each slot, for each code.

    The figure carries columns code, circuits_on_slot and slots, their number.
    """
    figure, axes = plt.subplots(figsize=(6.6, 3.6))
    width = 0.8 / len(loads)
    counts = {name: pd.DataFrame({"slots": np.bincount(load)}) for name, load in loads.items()}
    table = pd.concat(counts, names=["code", "circuits_on_slot"]).reset_index()
    for style, (name, rows) in enumerate(table.groupby("code", sort=False)):
        places = rows["circuits_on_slot"] + (style - (len(loads) - 1) / 2) * width
        axes.bar(places, rows["slots"], width, color=COLOURS[style])
        high = rows["slots"].idxmax()
        at = places[high] + width / 2, rows["slots"][high]
        name_at(axes, str(name), at, COLOURS[style], "right")
    axes.set(xlabel="circuits on one slot", ylabel="slots", xlim=(-0.7, None))
    axes.locator_params(axis="x", integer=True)
    return carries(figure, table)


def connected_slots(table: pd.DataFrame, threshold: float) -> Figure:
    """Draw the chance of N connections, measured and predicted in two ways, on a log scale.

    A vertical line marks the threshold of false on-indicators. The figure carries the table's
    columns connections, measured, binomial and by_circuits.
    """
    table = table[["connections", "measured", "binomial", "by_circuits"]]
    figure, axes = plt.subplots(figsize=(6.6, 4.0))
    n = table["connections"]
    axes.bar(n, table["measured"], 0.6, color=COLOURS[5], label="measured")
    axes.plot(n, table["binomial"], ls="--", label="binomial", **look(1))
    axes.plot(n, table["by_circuits"], color=INK, marker="o", label="through circuits")
    name_upright(axes, "false on-indicators from here", threshold)
    axes.set(yscale="log", ylim=(1e-4, 1), ylabel="share of slots")
    axes.set_xlabel("slots of an active circuit that a slot is connected to, N")
    name_lines(axes)
    return carries(figure, table)


def followed(table: pd.DataFrame) -> Figure:
    """Draw mse by layer for each T, measured and by two laws.

    The table has columns n_circuits, layer, seed, mse, and the laws followed and published; layer 1
    is left out. The figure carries means over seeds with mse_min and mse_max; the laws are called
    false_indicators_followed and published_law.
    """
    figure, axes = plt.subplots(figsize=(6.8, 4.4))
    laws = {"followed": "false_indicators_followed", "published": "published_law"}
    table = table[table["layer"] > 1].rename(columns=laws)
    table = over_seeds(table, ["n_circuits", "layer"], ["mse"], [*laws.values()])
    for style, (n, rows) in enumerate(table.groupby("n_circuits")):
        colour = COLOURS[style]
        axes.plot("layer", laws["followed"], data=rows, color=colour, label="_")
        axes.plot("layer", laws["published"], data=rows, color=colour, ls=":", lw=1.3, label="_")
        spread(axes, rows, "layer", "mse", style, f"T = {n}", line=False)
    axes.axhline(1, color=GREY, lw=1, ls="--", label="guessing the mean")
    axes.set(yscale="log", xlabel="layer", ylabel="mse of an active circuit's vector")
    axes.locator_params(axis="x", integer=True)
    name_lines(axes)
    return carries(figure, table)
