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

from companion.figures.figure_data import carries
from companion.figures.style import COLOURS, GREY, INK, MARKERS
from superposition._check import Floats

_LARGEST, _LEAST = 10.0, 1e-3  # errors beyond are cut off, below they run into zero
_LINES = ("-", "--", ":")


def board(table: pd.DataFrame, titles: Mapping[str, str], names: Sequence[str]) -> Figure:
    """Draw errors by layer, a row of panels per task and a column per number of active circuits.

    The table has columns entry, task, n_active, layer and relative_mse (NaN where circuits do not
    fit). Entries that are exact are named at the foot of a panel. The titles map a task to its
    title; the names are entries, in the order of their styles. The figure carries means over seeds
    after layer 0, also those above the panels.
    """
    counts = sorted(table["n_active"].unique())
    table = table[table["task"].isin([*titles]) & table["entry"].isin(names) & (table["layer"] > 0)]
    keys = ["entry", "task", "n_active", "layer"]
    table = table.groupby(keys)["relative_mse"].mean().reset_index()
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
    figure.legend(
        [handles[name] for name in shown], shown, loc="outside lower center", ncols=4, fontsize=9
    )
    return carries(figure, table)


def _panel(axes: Axes, table: pd.DataFrame, names: Sequence[str]) -> None:
    exact = []
    for i, name in enumerate(names):
        rows = table[table["entry"] == name]
        line = rows["relative_mse"]
        if line.isna().all():
            continue
        if (line == 0).all():
            exact.append(name)
            continue
        axes.plot(rows["layer"], line.clip(upper=2 * _LARGEST), label=name, **_style(i))
    axes.axhline(1, color=GREY, ls=":", lw=1)
    axes.set_yscale("symlog", linthresh=_LEAST, linscale=0.9)
    axes.set_ylim(-2.4e-3, _LARGEST)
    axes.set_yticks([0, *10.0 ** np.arange(-3, 2)])
    axes.set_xticks(sorted(table["layer"].unique()))
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
    """Draw how many circuits fit, against the weights of a layer; a panel per number active.

    The table has columns entry, n_active, weights and n_circuits. The bounds map n_active to names
    and functions: how many circuits for so many weights and active ones. The names are entries, in
    the order of their styles. The figure carries means over seeds of entries that fit, and rows of
    each bound with its name as the entry.
    """
    found = _sizes(table, bounds, names)
    figure, panels = plt.subplots(
        1, len(bounds), figsize=(2.7 * len(bounds) + 0.4, 5.0), sharey=True, squeeze=False
    )
    for axes, (k, lines) in zip(panels[0], bounds.items(), strict=True):
        for i, name in enumerate(names):
            rows = found[(found["entry"] == name) & (found["n_active"] == k)]
            if len(rows):
                axes.plot("weights", "n_circuits", data=rows, label=name, **_style(i))
        for name, style in zip(lines, ("-", ":"), strict=False):
            rows = found[(found["entry"] == name) & (found["n_active"] == k)]
            axes.plot("weights", "n_circuits", data=rows, color=INK, ls=style, lw=1.2, label=name)
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
    return carries(figure, found)


def _sizes(
    table: pd.DataFrame,
    bounds: Mapping[int, Mapping[str, Callable[[Floats, int], Floats]]],
    names: Sequence[str],
) -> pd.DataFrame:
    """Return the means over seeds of what `room` draws, and its bounds at the same weights."""
    at = np.array(sorted(table["weights"].unique()), float)
    fits = (
        (table["n_circuits"] > 0) & table["entry"].isin(names) & table["n_active"].isin([*bounds])
    )
    means = table[fits].groupby(["entry", "n_active", "weights"])["n_circuits"].mean()
    lines = [
        pd.DataFrame({"entry": name, "n_active": k, "weights": at, "n_circuits": bound(at, k)})
        for k, of_k in bounds.items()
        for name, bound in of_k.items()
    ]
    return pd.concat([means.reset_index(), *lines])
