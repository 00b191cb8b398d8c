"""Figures of the mathematical chapters: a derived line, and measured points on it."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from companion.figures.figure_data import carries
from companion.figures.style import COLOURS, GREY, PAPER, name_at, name_lines, over_seeds, spread
from superposition._check import Floats, Integers


def extremes(table: pd.DataFrame) -> Figure:
    """Draw the largest overlap against T, measured and as derived.

    The table has columns n_circuits, seed, measured, predicted, and leading: the leading order. The
    figure carries means over seeds: largest_overlap with its _min and _max, predicted, and
    predicted_leading_order.
    """
    figure, axes = plt.subplots(figsize=(6.6, 3.8))
    y, leading = "largest_overlap", "predicted_leading_order"
    table = table.rename(columns={"measured": y, "leading": leading})
    table = over_seeds(table, ["n_circuits"], [y], ["predicted", leading])
    exact = "derived, no limit taken"
    axes.plot("n_circuits", "predicted", data=table, color=COLOURS[1], label=exact)
    axes.plot("n_circuits", leading, data=table, color=GREY, ls="--", label="leading order")
    spread(axes, table, "n_circuits", y, 0, "measured", line=False)
    axes.set(xscale="log", xlabel="number of circuits T", ylabel="largest overlap", ylim=(0, None))
    name_lines(axes)
    return carries(figure, table)


def read_errors(table: pd.DataFrame) -> Figure:
    """Draw what an active circuit misreads, measured and as derived.

    The table has columns kind, n_active, seed, active (the squared error) and predicted. The figure
    carries means over seeds, with squared_error, squared_error_min and squared_error_max.
    """
    figure, axes = plt.subplots(figsize=(6.6, 3.8))
    y, table = "squared_error", table.rename(columns={"active": "squared_error"})
    table = over_seeds(table, ["kind", "n_active"], [y], ["predicted"])
    for style, (kind, rows) in enumerate(table.groupby("kind")):
        axes.plot("n_active", "predicted", data=rows, color=COLOURS[style], label="_")
        spread(axes, rows, "n_active", y, style, str(kind), line=False)
    axes.set(xlabel="active circuits k", ylabel="squared error of what is read")
    name_lines(axes)
    return carries(figure, table)


def load_histogram(load: Integers, probability: Callable[[Integers], Floats]) -> Figure:
    """Draw how many large neurons carry how many small ones, beside a predicted distribution.

    The load is of each large neuron. The figure carries columns small_neurons, large_neurons (how
    many carry so many small ones) and binomial, the number predicted.
    """
    figure, axes = plt.subplots(figsize=(6.6, 3.4))
    values = np.arange(load.min(), load.max() + 1)
    table = pd.DataFrame({"small_neurons": values, "large_neurons": np.bincount(load)[values]})
    table["binomial"] = load.size * probability(values)
    axes.bar(values, table["large_neurons"], color=COLOURS[5])
    axes.plot(values, table["binomial"], color=COLOURS[1], marker="o", ms=3)
    peak, half = table["binomial"].max(), table[table["binomial"] > table["binomial"].max() / 2]
    left, right = half["small_neurons"].iloc[[0, -1]]
    name_at(axes, "measured", (left, 0.75 * peak), COLOURS[5], "left")
    name_at(axes, "binomial\ndistribution", (right, 0.75 * peak), COLOURS[1], "right")
    axes.set(xlabel="small neurons carried", ylabel="large neurons")
    return carries(figure, table)


def averaging(table: pd.DataFrame) -> Figure:
    """Draw the noise of one carrier and of the mean of carriers against r, for each k.

    The table has columns redundancy, n_active, seed, one_carrier, predicted_one, carrier_mean and
    predicted_mean. The figure carries means over seeds, with _min and _max of what is measured.
    """
    figure, axes = plt.subplots(figsize=(6.8, 4.0))
    x, noises = "redundancy", ["one_carrier", "carrier_mean"]
    table = over_seeds(table, ["n_active", x], noises, ["predicted_one", "predicted_mean"])
    style = 0
    for k, rows in table.groupby("n_active"):
        for measured, predicted, what in (
            ("one_carrier", "predicted_one", "one carrier"),
            ("carrier_mean", "predicted_mean", "mean of r carriers"),
        ):
            axes.plot(rows[x], rows[predicted], color=COLOURS[style])
            spread(axes, rows, x, measured, style, f"{what}, k = {k}", line=False)
            style += 1
    axes.set(xscale="log", yscale="log", xlabel="redundancy r", ylabel="variance of interference")
    axes.set_xticks(sorted(table[x].unique()), sorted(table[x].unique()))
    axes.minorticks_off()
    name_lines(axes)
    return carries(figure, table)


def purities(shares: Mapping[str, Floats]) -> Figure:
    """Draw histograms of shares between 0 and 1, one over the other: name → (n,).

    The figure carries a row for each bar: columns series, share_from, share_to, share_of_units.
    """
    figure, axes = plt.subplots(figsize=(6.8, 3.8))
    edges = np.linspace(0, 1, 41)
    tables = []
    for i, (name, values) in enumerate(shares.items()):
        bars = pd.DataFrame({"series": name, "share_from": edges[:-1], "share_to": edges[1:]})
        weights = np.full(len(values), 1 / len(values))
        bars["share_of_units"] = np.histogram(values, edges, weights=weights)[0]
        axes.hist(
            edges[:-1].tolist(), edges.tolist(), weights=bars["share_of_units"], color=COLOURS[i],
            alpha=0.75, hatch=["", "//"][i % 2], edgecolor=PAPER,
        )  # fmt: skip
        high = bars["share_of_units"].argmax()
        name_at(axes, name, (edges[high + 1], bars["share_of_units"][high]), COLOURS[i], "right")
        tables.append(bars)
    axes.set(xlabel="share of activity with one circuit", ylabel="share of units", xlim=(0, 1))
    return carries(figure, pd.concat(tables))
