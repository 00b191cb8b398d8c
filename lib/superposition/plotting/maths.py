"""Figures of the mathematical chapters: a derived line, and measured points on it."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from superposition._check import Floats, Integers
from superposition.plotting.style import COLOURS, GREY, PAPER, spread


def extremes(table: pd.DataFrame) -> Figure:
    """The largest overlap against T: columns n_circuits, seed, measured, predicted, leading."""
    figure, axes = plt.subplots(figsize=(6.6, 3.8))
    lines = table.groupby("n_circuits")[["predicted", "leading"]].mean()
    axes.plot(lines.index, lines["predicted"], color=COLOURS[1], label="derived, no limit taken")
    axes.plot(lines.index, lines["leading"], color=GREY, ls="--", label="leading order")
    spread(axes, table, "n_circuits", "measured", 0, "measured", line=False)
    axes.set(xscale="log", xlabel="number of circuits T", ylabel="largest overlap", ylim=(0, None))
    axes.legend(loc="lower right")
    return figure


def read_errors(table: pd.DataFrame) -> Figure:
    """What an active circuit misreads: columns kind, n_active, seed, active, predicted."""
    figure, axes = plt.subplots(figsize=(6.6, 3.8))
    for style, (kind, rows) in enumerate(table.groupby("kind")):
        line = rows.groupby("n_active")["predicted"].mean()
        axes.plot(line.index, line, color=COLOURS[style], label=f"{kind}, derived")
        spread(axes, rows, "n_active", "active", style, f"{kind}, measured", line=False)
    axes.set(xlabel="active circuits k", ylabel="squared error of what is read")
    axes.legend()
    return figure


def load_histogram(load: Integers, probability: Callable[[Integers], Floats]) -> Figure:
    """How many large neurons carry how many small ones, beside a predicted distribution."""
    figure, axes = plt.subplots(figsize=(6.6, 3.4))
    values = np.arange(load.min(), load.max() + 1)
    counts = np.bincount(load, minlength=values[-1] + 1)[values]
    axes.bar(values, counts, color=COLOURS[5], label="measured")
    axes.plot(values, load.size * probability(values), color=COLOURS[1], marker="o", ms=3,
              label="binomial distribution")  # fmt: skip
    axes.set(xlabel="small neurons carried", ylabel="large neurons")
    axes.legend()
    return figure


def averaging(table: pd.DataFrame) -> Figure:
    """Noise of one carrier and of the mean of carriers against r, for each k.

    Columns redundancy, n_active, seed, one_carrier, predicted_one, carrier_mean, predicted_mean.
    """
    figure, axes = plt.subplots(figsize=(6.8, 4.0))
    style = 0
    for k, rows in table.groupby("n_active"):
        for measured, predicted, what in (
            ("one_carrier", "predicted_one", "one carrier"),
            ("carrier_mean", "predicted_mean", "mean of r carriers"),
        ):
            line = rows.groupby("redundancy")[predicted].mean()
            axes.plot(line.index, line, color=COLOURS[style])
            spread(axes, rows, "redundancy", measured, style, f"{what}, k = {k}", line=False)
            style += 1
    axes.set(xscale="log", yscale="log", xlabel="redundancy r", ylabel="variance of interference")
    axes.set_xticks(sorted(table["redundancy"].unique()), sorted(table["redundancy"].unique()))
    axes.minorticks_off()
    axes.legend(fontsize=9)
    return figure


def purities(shares: Mapping[str, Floats]) -> Figure:
    """Histograms of shares between 0 and 1, one over the other: name → (n,)."""
    figure, axes = plt.subplots(figsize=(6.8, 3.8))
    edges = np.linspace(0, 1, 41).tolist()
    for i, (name, values) in enumerate(shares.items()):
        weights = np.full(len(values), 1 / len(values))
        axes.hist(
            values, edges, weights=weights, color=COLOURS[i], alpha=0.75, label=name,
            hatch=["", "//"][i % 2], edgecolor=PAPER,
        )  # fmt: skip
    axes.set(xlabel="share of activity with one circuit", ylabel="share of units", xlim=(0, 1))
    axes.legend()
    return figure
