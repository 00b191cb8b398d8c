"""Figures of bounds: what constructions pay, beside the least that any must pay."""

from __future__ import annotations

from collections.abc import Mapping

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.figure import Figure

from companion.figures.figure_data import carries
from companion.figures.style import COLOURS, INK, look, name_lines


def beside_floor(table: pd.DataFrame, floor: tuple[str, str], names: Mapping[str, str]) -> Figure:
    """Draw what codes add, against the number of circuits, above the least that any add.

    The table has circuits as its index, and a column for the floor and for each of the names, in
    the order of their colours. The floor is a column and its label. The figure carries columns
    circuits and those drawn.
    """
    figure, axes = plt.subplots(figsize=(7.2, 3.8))
    found = table[[floor[0], *names]].rename(columns=lambda name: name.replace(" ", "_"))
    found = found.rename_axis("circuits").reset_index()
    least = found[floor[0].replace(" ", "_")]
    axes.fill_between(found["circuits"], 0, least, color=INK, alpha=0.08, lw=0)
    axes.plot(found["circuits"], least, color=INK, label=floor[1])
    for style, (column, label) in enumerate(names.items()):
        values = found[column.replace(" ", "_")]
        axes.plot(found["circuits"], values, label=label, **look(style))
    axes.set(xlabel="number of circuits T", ylabel="what one other circuit adds", ylim=(0, None))
    name_lines(axes)
    return carries(figure, found)


def price_of_exactness(table: pd.DataFrame) -> Figure:
    """Draw parameters of the large network for each one of its circuits', against their width.

    The table has columns width, measured, derived and bound, which the figure carries.
    """
    figure, axes = plt.subplots(figsize=(7.2, 3.4))
    axes.plot("width", "bound", data=table, color=INK, label="no exact network has fewer")
    axes.plot("width", "derived", data=table, color=COLOURS[0], label="gated, one slot: derived")
    axes.plot("width", "measured", data=table, ls="none", **look(0))
    axes.set(xscale="log", xlabel="width d of the circuits", ylim=(0, None))
    axes.set_ylabel("parameters for each\none of the circuits'")
    axes.set_xticks(table["width"], table["width"].astype(str))
    axes.minorticks_off()
    name_lines(axes)
    return carries(figure, table)
