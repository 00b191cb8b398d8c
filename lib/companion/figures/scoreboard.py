"""Figures of the scoreboard: who is right when more are active, and how many circuits fit."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from companion.figures.figure_data import carries
from companion.figures.style import COLOURS, INK, MARKERS, REST, name_lines
from superposition._check import Floats

_LEAST, _LOST = 1e-3, 3.0  # errors below run into zero; those above 1 are drawn at one height


def board(
    table: pd.DataFrame, titles: Mapping[str, str], names: Mapping[str, Mapping[str, int]]
) -> Figure:
    """Draw errors after the last layer against the number of active circuits, a panel per task.

    The table has columns entry, task, n_active, layer and relative_mse (NaN where circuits do not
    fit). An error above 1 is drawn as lost. The titles map a task to its title. The names map a
    task to the entries that have a colour, by its number; all others are grey. The figure carries
    means over seeds.
    """
    deepest = table.groupby("task")["layer"].transform("max")
    last = table[(table["layer"] == deepest) & table["task"].isin([*titles])]
    keys = ["entry", "task", "n_active"]
    found = last.groupby(keys)["relative_mse"].mean().dropna().reset_index()
    figure, panels = plt.subplots(
        1, len(titles), figsize=(3.3 * len(titles), 3.9), sharey=True, squeeze=False
    )
    for axes, (task, title) in zip(panels[0], titles.items(), strict=True):
        rows = found[found["task"] == task]
        errors = rows["relative_mse"]
        shown = rows.assign(relative_mse=errors.where(errors <= 1, _LOST))
        _contest(axes, shown, ("n_active", "relative_mse"), names[task])
        axes.set_title(title)
        axes.set_xlabel("active circuits k")
        axes.set_xticks(sorted(found["n_active"].unique()))
    axes.set_yscale("symlog", linthresh=_LEAST, linscale=0.9)
    axes.set_ylim(-4e-4, 1.7 * _LOST)
    ticks = 10.0 ** np.arange(-3, 1)
    axes.set_yticks([0, *ticks, _LOST], ["exact", *(f"{tick:g}" for tick in ticks), "lost"])
    panels[0, 0].set_ylabel("relative squared error")
    for axes in panels[0]:
        name_lines(axes)
    return carries(figure, found)


def _contest(
    axes: Axes, table: pd.DataFrame, columns: tuple[str, str], names: Mapping[str, int]
) -> None:
    """Draw a line for each entry: in a colour and with a name, or in grey, below and without."""
    for entry, rows in table.groupby("entry", sort=False):
        x, y = (rows[column] for column in columns)
        if entry not in names:
            axes.plot(x, y, color=REST, lw=0.8, marker=".", ms=4)
    for name, i in names.items():
        x, y = (table.loc[table["entry"] == name, column] for column in columns)
        if len(x):
            dashes = "-" if i % 2 == 0 else (0, (4, 2))  # both are seen where two lines are one
            axes.plot(x, y, color=COLOURS[i], marker=MARKERS[i], ls=dashes, label=name, zorder=3)


def room(
    table: pd.DataFrame,
    bounds: Mapping[int, Mapping[str, Callable[[Floats, int], Floats]]],
    names: Mapping[str, int],
) -> Figure:
    """Draw how many circuits fit, against the weights of a layer; a panel per number active.

    The table has columns entry, n_active, weights and n_circuits. The bounds map n_active to names
    and functions: how many circuits for so many weights and active ones. The names map the entries
    that have a colour to its number, all others are grey. The figure carries means over seeds of
    entries that fit, and rows of each bound with its name as the entry.
    """
    found = _sizes(table, bounds)
    figure, panels = plt.subplots(
        1, len(bounds), figsize=(2.4 * len(bounds) + 1.8, 3.9), sharey=True, squeeze=False
    )
    for axes, (k, lines) in zip(panels[0], bounds.items(), strict=True):
        rows = found[found["n_active"] == k]
        fit = rows[~rows["entry"].isin([*lines])]
        _contest(axes, fit, ("weights", "n_circuits"), names)
        for name, style in zip(lines, ("-", ":"), strict=False):
            bound = rows[rows["entry"] == name]
            axes.plot("weights", "n_circuits", data=bound, color=INK, ls=style, lw=1.2, label=name)
        axes.set(xscale="log", yscale="log", xlabel="weights of a layer", title=f"{k} active")
    panels[0, 0].set_ylabel("circuits that fit")
    name_lines(*panels[0])
    return carries(figure, found)


def _sizes(
    table: pd.DataFrame, bounds: Mapping[int, Mapping[str, Callable[[Floats, int], Floats]]]
) -> pd.DataFrame:
    """Return the means over seeds of what `room` draws, and its bounds at the same weights."""
    at = np.array(sorted(table["weights"].unique()), float)
    fits = (table["n_circuits"] > 0) & table["n_active"].isin([*bounds])
    means = table[fits].groupby(["entry", "n_active", "weights"])["n_circuits"].mean()
    lines = [
        pd.DataFrame({"entry": name, "n_active": k, "weights": at, "n_circuits": bound(at, k)})
        for k, of_k in bounds.items()
        for name, bound in of_k.items()
    ]
    return pd.concat([means.reset_index(), *lines])
