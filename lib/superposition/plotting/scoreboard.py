"""Figures of the scoreboard: errors by layer, and how many circuits fit."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from textwrap import fill
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from superposition._check import Floats
from superposition.plotting.style import COLOURS, GREY, INK, MARKERS

_LARGEST, _LEAST = 10.0, 1e-3  # errors beyond are cut off, below they run into zero
_LINES = ("-", "--", ":")


def board(table: pd.DataFrame, titles: Mapping[str, str], names: Sequence[str]) -> Figure:
    """Error by layer, a row of panels per task and a column per number of active circuits.

    Columns entry, task, n_active, layer, relative_mse (NaN where circuits do not fit). Entries that
    are exact are named at the foot of a panel. titles: task → title. names: entries, in the order
    of their styles.
    """
    counts = sorted(table["n_active"].unique())
    size = (2.05 * len(counts) + 0.4, 2.6 * len(titles) + 1.2)
    figure, panels = plt.subplots(
        len(titles), len(counts), figsize=size, sharex=True, sharey=True, squeeze=False
    )
    for row, (task, title) in zip(panels, titles.items(), strict=True):
        for axes, k in zip(row, counts, strict=True):
            _panel(axes, table[(table["task"] == task) & (table["n_active"] == k)], names)
            axes.set_title(f"{title}, k = {k}", fontsize=10)
        row[0].set_ylabel("relative squared error")
    for axes in panels[-1]:
        axes.set_xlabel("layer")
    handles: dict[str, Any] = {}
    for axes in panels.flat:
        artists, labels = axes.get_legend_handles_labels()
        handles |= dict(zip(labels, artists, strict=True))
    shown = [name for name in names if name in handles]
    keys = [handles[name] for name in shown]
    figure.legend(keys, shown, loc="outside lower center", ncols=4, fontsize=9)
    return figure


def _panel(axes: Axes, table: pd.DataFrame, names: Sequence[str]) -> None:
    exact = []
    for i, name in enumerate(names):
        rows = table[(table["entry"] == name) & (table["layer"] > 0)].groupby("layer")
        line = rows["relative_mse"].mean()
        if line.isna().all():
            continue
        if (line == 0).all():
            exact.append(name)
            continue
        axes.plot(line.index, line.clip(upper=2 * _LARGEST), label=name, **_style(i))
    axes.axhline(1, color=GREY, ls=":", lw=1)
    axes.set_yscale("symlog", linthresh=_LEAST, linscale=0.9)
    axes.set_ylim(-2.4e-3, _LARGEST)
    axes.set_yticks([0, *10.0 ** np.arange(-3, 2)])
    axes.set_xticks(sorted(table.query("layer > 0")["layer"].unique()))
    if exact:
        text = fill("exact: " + "; ".join(exact), 26)
        note = axes.text(0.5, 0.015, text, transform=axes.transAxes, fontsize=7.5, ha="center")
        note.set(color=INK, in_layout=False)


def _style(i: int) -> dict[str, Any]:
    return {
        "color": COLOURS[i % len(COLOURS)],
        "marker": MARKERS[i % len(MARKERS)],
        "ls": _LINES[i // len(COLOURS)],
        "ms": 4,
        "lw": 1.5,
    }


def room(
    table: pd.DataFrame,
    bounds: Mapping[int, Mapping[str, Callable[[Floats, int], Floats]]],
    names: Sequence[str],
) -> Figure:
    """How many circuits fit, against the weights of a layer; a panel per number of active ones.

    Columns entry, n_active, weights, n_circuits (means over seeds). bounds: n_active → name → how
    many circuits for so many weights and active ones. names: entries, in the order of their styles.
    """
    figure, panels = plt.subplots(
        1, len(bounds), figsize=(2.7 * len(bounds) + 0.4, 5.0), sharey=True, squeeze=False
    )
    for axes, (k, lines) in zip(panels[0], bounds.items(), strict=True):
        for i, name in enumerate(names):
            rows = table[(table["entry"] == name) & (table["n_active"] == k)]
            means = rows[rows["n_circuits"] > 0].groupby("weights")["n_circuits"].mean()
            if len(means):
                axes.plot(means.index, means, label=name, **_style(i))
        at = np.array(sorted(table["weights"].unique()), float)
        for (name, bound), style in zip(lines.items(), ("-", ":"), strict=False):
            axes.plot(at, bound(at, k), color=INK, ls=style, lw=1.2, label=name)
        axes.set(xscale="log", yscale="log", xlabel="weights for each small layer")
        axes.set_title(f"{k} active")
    panels[0, 0].set_ylabel("circuits that fit")
    handles: dict[str, Any] = {}
    for axes in panels.flat:
        artists, labels = axes.get_legend_handles_labels()
        handles |= dict(zip(labels, artists, strict=True))
    figure.legend(
        list(handles.values()), list(handles), loc="outside lower center", ncols=3, fontsize=9
    )
    return figure
