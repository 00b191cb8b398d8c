"""What a legend and named ticks say of the parts of a figure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from matplotlib.axis import Axis
from matplotlib.category import StrCategoryFormatter
from matplotlib.colors import to_hex
from matplotlib.container import BarContainer, ErrorbarContainer
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedFormatter, FuncFormatter

_NAMING = (FixedFormatter, FuncFormatter, StrCategoryFormatter)  # of ticks set by hand, or of words


class Style(NamedTuple):
    """How a line or its points look."""

    colour: str
    look: tuple[str, str]


class Entry(NamedTuple):
    """A name in a legend, its style, and whether nothing but the name has that style."""

    text: str
    style: Style
    only_a_key: bool


def style(artist: Any) -> Style | None:
    """Colour, marker and dashes of a line or of error bars' points; None of other parts."""
    line = artist.lines[0] if isinstance(artist, ErrorbarContainer) else artist
    if not isinstance(line, Line2D):
        return None
    marker, dashes = str(line.get_marker()), str(line.get_linestyle())
    return Style(to_hex(line.get_color()), (marker, dashes))


def entries(figure: Figure) -> list[Entry]:
    """The names of a figure: labels of its parts, and what only its legends name."""
    found: dict[str, Entry] = {}
    for artist in _artists(figure):
        text, seen = label(artist), style(artist)
        if text and seen:
            empty = isinstance(artist, Line2D) and not np.size(artist.get_xdata())
            found.setdefault(text, Entry(text, seen, empty))
    for legend in [*figure.legends, *(axes.get_legend() for axes in figure.axes)]:
        for handle, words in zip(*_legend(legend), strict=True):
            seen = style(handle)
            if seen:
                found.setdefault(words, Entry(words, seen, True))
    return list(found.values())


def _artists(figure: Figure) -> Iterator[Any]:
    for axes in figure.axes:
        yield from (*axes.containers, *axes.lines)


def _legend(legend: Any) -> tuple[Sequence[Any], Sequence[str]]:
    if legend is None:
        return [], []
    return legend.legend_handles, [text.get_text() for text in legend.get_texts()]


def label(artist: Any) -> str:
    """The label that a legend would show; empty for one that starts with an underscore."""
    text = str(artist.get_label() or "")
    if text.startswith("_") and isinstance(artist, BarContainer) and len(artist):
        text = str(artist[0].get_label())  # where `hist` puts it
    return "" if text.startswith("_") else text


def series(artist: Any, known: Sequence[Entry], fallback: str, across: bool = False) -> str:
    """What a part is called: its label, what the legend says of its style, or the fallback.

    A line may have the dashes of one entry, a key in a neutral colour, and the colour of another:
    then it has both names. Lines right across a panel have colours that mean nothing.
    """
    if label(artist):
        return label(artist)
    mine = style(artist)
    if mine is None:
        return fallback
    exact = [entry.text for entry in known if entry.style == mine]
    key = [e.text for e in known if e.only_a_key and e.style.look == mine.look]
    colour = [e.text for e in known if e.style.colour == mine.colour]
    if exact or across:
        return exact[0] if exact else fallback
    if colour:
        return f"{key[0] if key else fallback} (colour of: {colour[0]})"
    return key[0] if key else fallback


def bar_names(artist: Any) -> list[str]:
    """Names of bars that are labelled one by one; empty otherwise."""
    names = [label(bar) for bar in artist] if isinstance(artist, BarContainer) else []
    return names if all(names) else []


def tick_names(axis: Axis, values: np.ndarray, exactly: bool = False) -> list[str]:
    """Names of the ticks at these values, where all have one that says more than its number.

    Values beside a tick, as of points next to each other, have its name if it is the nearest and
    closer than half of the smallest distance between ticks; unless they have to match `exactly`.
    """
    formatter = axis.get_major_formatter()
    if not isinstance(formatter, _NAMING) or not len(values):
        return []
    ticks = np.asarray(axis.get_majorticklocs(), float)
    texts = [str(text).replace("\n", " ") for text in formatter.format_ticks(list(ticks))]
    if not any(texts):
        return []
    reach = np.diff(np.sort(ticks)).min() / 2 if len(ticks) > 1 else 0.5
    nearest = np.abs(values[:, None] - ticks).argmin(axis=1)
    if not np.all(np.abs(values - ticks[nearest]) < (1e-9 if exactly else reach)):
        return []
    numbers = all(_is_number(texts[i], ticks[i]) for i in {*nearest.tolist()})
    return [] if numbers else [texts[i] for i in nearest]


def _is_number(text: str, value: float) -> bool:
    try:
        return bool(np.isclose(float(text), value))
    except ValueError:
        return False
