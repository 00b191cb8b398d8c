"""Figures of networks in and out: scores inside a large network, what methods find."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from companion import explore
from companion.figures.figure_data import carries
from companion.figures.style import COLOURS, GREY, INK, MARKERS, PAPER, named_range


def scores_inside(scores: pd.DataFrame, active: Sequence[int]) -> Figure:
    """Draw scores inside one network against scores alone, for each model and number active.

    The scores have a row for each model and columns alone and one for each of `active`. The figure
    carries columns model (the row's label), alone, and inside_K_active for each number K.
    """
    figure, axes = plt.subplots(figsize=(6.2, 4.6))
    axes.axline((0, 0), slope=1, color=GREY, lw=1)
    table = scores[["alone", *active]].rename(columns={k: f"inside_{k}_active" for k in active})
    for style, k in enumerate(active):
        axes.plot(
            table["alone"], table[f"inside_{k}_active"], MARKERS[style], color=COLOURS[style],
            alpha=0.8, label=f"{k} active",
        )  # fmt: skip
    axes.set(xlabel="score alone (R² or accuracy)", ylabel="score inside the large network")
    axes.legend()
    return carries(figure, table.rename_axis("model").reset_index())


def found_by_methods(
    best: Mapping[str, pd.DataFrame], targets: Sequence[str], methods: Sequence[str]
) -> Figure:
    """Draw MMCS and F1 of methods on targets, in order, with their range over seeds.

    The tables under "mmcs" and "f1" have an index (target, method), that column, and the ends of
    its range in columns that end in _low and _high. The figure carries both in one table.
    """
    figure, panels = plt.subplots(1, 2, figsize=(9.4, 4.2), sharey=True)
    colours = [INK, GREY, *COLOURS]
    names = {"mmcs": "directions: MMCS", "f1": "active sets: F1"}
    ends = {name: [name, f"{name}_low", f"{name}_high"] for name in names}
    both = pd.concat([best[name][columns] for name, columns in ends.items()], axis="columns")
    rows_of = pd.MultiIndex.from_product([methods, targets], names=["method", "target"])
    table = both.reorder_levels(["method", "target"]).reindex(rows_of).reset_index()
    for axes, (column, label) in zip(panels, names.items(), strict=True):
        for style, method in enumerate(methods):
            rows = table[table["method"] == method]
            x = [i + 0.12 * (style - len(methods) / 2) for i in range(len(targets))]
            low, high = rows[column] - rows[f"{column}_low"], rows[f"{column}_high"] - rows[column]
            axes.errorbar(
                x, rows[column], [low.clip(lower=0), high.clip(lower=0)],
                fmt=[*MARKERS, "X", "*"][style], color=colours[style], label=method, lw=1,
            )  # fmt: skip
        axes.set_xticks(range(len(targets)), targets, rotation=30, ha="right")
        axes.set(ylabel=label, ylim=(-0.03, 1.05))
    panels[0].set_xlabel("target, easy to hard")
    panels[1].set_xlabel("target, easy to hard")
    figure.legend(*panels[0].get_legend_handles_labels(), loc="outside upper center", ncols=3)
    return carries(figure, table)


def capacity_bars(capacities: Mapping[str, float | None], measured: pd.DataFrame) -> Figure:
    """Draw how many circuits fit, by row of `explore.capacities`, on a log scale.

    Each row has the colour that it has in the page. Points are what was measured: `measured` has
    columns layers, mean, min and max. The figure carries columns network, circuits, and measured,
    measured_min and measured_max where there are such points.
    """
    rows = explore.rows()
    others = {"private": GREY, "gated": COLOURS[2], "most": COLOURS[3]}
    shown = {name: n for name, n in capacities.items() if n is not None}
    table = pd.DataFrame({"layers": [rows[name].layers for name in shown]})
    table = table.assign(network=[rows[name].words for name in shown], circuits=[*shown.values()])
    points = named_range(measured[["layers", "mean", "min", "max"]], "measured")
    table = table.merge(points, on="layers", how="left").drop(columns="layers")
    figure, axes = plt.subplots(figsize=(8.0, 0.6 + 0.6 * len(shown)))
    colours = [others.get(name, COLOURS[0]) for name in shown]  # as in the page
    bars = axes.barh("network", "circuits", data=table, color=colours)
    axes.bar_label(bars, [f"{int(n):,}" for n in table["circuits"]], padding=8)
    found = table.dropna()
    ends = found["measured"] - found["measured_min"], found["measured_max"] - found["measured"]
    axes.errorbar(
        found["measured"], found.index, xerr=np.stack(ends), fmt="o", color=INK,
        mfc=PAPER, capsize=3, label="measured: mean and range over three networks",
    )  # fmt: skip
    axes.invert_yaxis()
    axes.set(xscale="log", xlabel="circuits that fit", xlim=(1, 10 * table["circuits"].max()))
    axes.set_axisbelow(True)
    figure.legend(loc="outside upper right")
    return carries(figure, table)
