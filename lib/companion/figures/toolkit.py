"""Figures of networks in and out: scores inside a large network, what methods find."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from companion import explore
from companion.figures.figure_data import carries
from companion.figures.style import (
    COLOURS,
    GREY,
    INK,
    MARKERS,
    PAPER,
    REST,
    look,
    name_at,
    name_lines,
    named_range,
)


def scores_inside(scores: pd.DataFrame, active: Sequence[int]) -> Figure:
    """Draw scores inside one network against scores alone, for each model and number active.

    The scores have a row for each model and columns alone and one for each of `active`. The figure
    carries columns model (the row's label), alone, and inside_K_active for each number K.
    """
    figure, axes = plt.subplots(figsize=(6.2, 4.6))
    axes.axline((0, 0), slope=1, color=GREY, lw=1)
    table = scores[["alone", *active]].rename(columns={k: f"inside_{k}_active" for k in active})
    for style, k in enumerate(active):
        first, scores = style == 0, table[f"inside_{k}_active"]
        row = table.loc[scores.idxmax() if first else scores.idxmin()]
        at, side = (row["alone"], row[scores.name]), "left" if first else "right"
        axes.plot(table["alone"], scores, ls="none", alpha=0.8, label="_", **look(style))
        name_at(axes, f"{k} active", at, COLOURS[style], side)
    axes.set(xlabel="score alone (R² or accuracy)", ylabel="score inside the large network")
    return carries(figure, table.rename_axis("model").reset_index())


def found_by_methods(
    best: pd.DataFrame, score: tuple[str, str], targets: Sequence[str], names: Mapping[str, str]
) -> Figure:
    """Draw a score of methods on targets, in order, with its range over seeds.

    The table has an index (target, method), the score's column, and the ends of its range in
    columns that end in _low and _high. The score is a column and its label. The names are the
    methods that have a colour, with their labels; the first is in ink, and all others are grey.
    The figure carries the table.
    """
    figure, axes = plt.subplots(figsize=(8.2, 3.7))
    column, label = score
    methods = best.index.unique("method")
    order = [*(name for name in methods if name not in names), *names]
    rows_of = pd.MultiIndex.from_product([order, targets], names=["method", "target"])
    table = best[[column, f"{column}_low", f"{column}_high"]]
    table = table.reorder_levels(["method", "target"]).reindex(rows_of).reset_index()
    styles = dict(zip(names, zip([INK, *COLOURS], MARKERS, strict=False), strict=False))
    for method in order:
        rows = table[table["method"] == method]
        colour, marker = styles.get(method, (REST, "."))
        bars = [rows[column] - rows[f"{column}_low"], rows[f"{column}_high"] - rows[column]]
        axes.errorbar(
            range(len(targets)), rows[column], [each.clip(lower=0) for each in bars],
            color=colour, marker=marker, lw=1.6 if method in names else 0.8, elinewidth=1,
            label=names.get(method),
        )  # fmt: skip
    axes.set_xticks(range(len(targets)), targets)
    axes.set(xlabel="target, easy to hard", ylabel=label, ylim=(0, 1.05))
    name_lines(axes)
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
        mfc=PAPER, capsize=3,
    )  # fmt: skip
    axes.invert_yaxis()
    axes.set(xscale="log", xlabel="circuits that fit", xlim=(1, 10 * table["circuits"].max()))
    axes.set_axisbelow(True)
    return carries(figure, table)
