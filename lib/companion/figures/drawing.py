"""The drawing language: pictures in vectors, whose colours follow the page.

- A colour is a circuit: blue, orange and green are three circuits, the same ones in all of a
  picture. What they share is grey. Words are never coloured.
- Filled is active, hollow is idle. A wire is a weight, so it has its colour while its circuit is
  idle. Dots are signal where there should be none, or a strength that noise took away.
- A circle is a neuron; a large neuron has the colour of the circuit that it carries, and two halves
  where it carries two. On a plane a circle is a circuit. A ring in ink is where to look.
- A line or a band along the picture is a residual stream: up from it is reading, down is writing.
- A bar is how strongly a neuron fires, colour by colour; thin grey on top is noise.
- A rounded square is a slot. It is filled where its gate is open. A bar before it is a closed gate,
  in ink where it stops something.
- A dot in ink is a neuron that fires wrongly; its area is how strongly.
"""

from __future__ import annotations

import html
from collections.abc import Container, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from companion.figures.figure_data import as_metadata

LIGHT = {
    "ink": "#1f262c",
    "mute": "#5d6771",
    "line": "#8f99a3",
    "shared": "#b3bbc3",
    "band": "#e8ebee",
    "paper": "#ffffff",
    "k1": "#0072b2",
    "k2": "#e69f00",
    "k3": "#009e73",
}
DARK = {
    "ink": "#eceff2",
    "mute": "#a7b1ba",
    "line": "#7d8892",
    "shared": "#626d77",
    "band": "#2a3239",
    "paper": "#14181c",
    "k1": "#3d9fdc",
    "k2": "#f2b134",
    "k3": "#1fbf92",
}
INK, MUTE, LINE, SHARED, BAND = (f"var(--{n})" for n in ("ink", "mute", "line", "shared", "band"))
PAPER = "var(--paper)"
START = '<svg xmlns="http://www.w3.org/2000/svg" class="pic '  # how an image is known to be one
LEADING = 19  # from one line of words to the next


def _colours(names: dict[str, str]) -> str:
    """Return the colours as CSS; on a page the paper is the page's own."""
    page = {"paper": f"var(--pst-color-background,{names['paper']})"}
    return ";".join(f"--{name}:{colour}" for name, colour in (names | page).items())


# Rules of one class alone: one with an ancestor in it would not reach what <use> copies.
STYLE = f"""
.pic{{{_colours(LIGHT)}}}
@media(prefers-color-scheme:dark){{.pic{{{_colours(DARK)}}}}}
[data-theme=light] .pic{{{_colours(LIGHT)}}}
[data-theme=dark] .pic{{{_colours(DARK)}}}
.pic{{--c1:var(--k1);--c2:var(--k2);--c3:var(--k3);display:block;width:100%;height:auto;
font-family:system-ui,-apple-system,"Segoe UI",Roboto,"Liberation Sans",sans-serif}}
.pic-box{{container-type:inline-size}}
.pic-t{{fill:var(--ink);font-size:14px}}
.pic-h{{fill:var(--ink);font-size:16px;font-weight:600}}
.pic-s{{fill:var(--mute);font-size:14px}}
.pic-m{{fill:var(--ink);font-size:17px;font-style:italic;
font-family:"STIX Two Text","Cambria Math",Cambria,Georgia,"Liberation Serif",serif}}
.pic-i{{font-size:13px}}
.pic-c{{fill:var(--paper);font-size:14px;font-weight:600}}
.pic-w{{fill:none;stroke-linecap:round;stroke-linejoin:round}}
"""


@dataclass(frozen=True)
class Layout:
    """A drawing in one shape.

    widest: the most pixels of width for which it is taken; None: the first choice.
    size: the width and height of its box.
    content: what is drawn, as SVG.
    """

    widest: int | None
    size: tuple[int, int]
    content: str


@dataclass(frozen=True, eq=False, repr=False)
class Drawing:
    """A picture in several layouts, of which the space that it is given chooses one.

    name: a word that the names of its parts begin with.
    title: what it shows, in words.
    layouts: the first choice, then narrower ones.
    parts: SVG that layouts use, by name.
    table: what it was drawn from.
    """

    name: str
    title: str
    layouts: Sequence[Layout]
    parts: dict[str, str]
    table: pd.DataFrame

    def __repr__(self) -> str:
        return f"Drawing({self.title!r})"

    def _repr_svg_(self) -> str:
        """Return the picture as notebooks and pages show it, with its table."""
        width, height = self.layouts[0].size
        parts = (f'<g id="{self.name}-{part}">{svg}</g>' for part, svg in self.parts.items())
        shapes = (
            f'<svg class="pic-{n}" viewBox="0 0 {each.size[0]} {each.size[1]}" width="100%" '
            f'height="100%">{each.content}</svg>'
            for n, each in enumerate(self.layouts)
        )
        return (
            f'{START}pic-{self.name}" width="{width}" '
            f'height="{height}" role="img" aria-label="{html.escape(self.title)}">'
            f"{as_metadata(self.table)}<style>{STYLE}{self._rules()}</style>"
            f"<defs>{''.join(parts)}</defs>{''.join(shapes)}</svg>"
        )

    def _rules(self) -> str:
        """Return the CSS that shows one layout, by the width of an image or of a box in a page."""
        rules = []
        for at in ("@media", "@container"):
            for n, each in enumerate(self.layouts):
                whole = f".pic-{self.name}"
                others = [f"{whole} .pic-{m}" for m in range(len(self.layouts)) if m != n]
                rule = f"{whole}{{aspect-ratio:{each.size[0]}/{each.size[1]}}}"
                rule += f"{whole} .pic-{n}{{display:inline}}{','.join(others)}{{display:none}}"
                if each.widest is not None:
                    rules.append(f"{at}(max-width:{each.widest}px){{{rule}}}")
                elif at == "@media":
                    rules.append(rule)
        return "".join(rules)


def colour(circuit: int) -> str:
    """Return the colour of a circuit, which is below three."""
    return f"var(--c{circuit + 1})"


def num(value: float) -> str:
    """Return a coordinate in tenths of a pixel."""
    text = f"{value:.1f}".removesuffix(".0")
    return "0" if text == "-0" else text


def path(way: str, stroke: str, width: float = 2, dash: str = "") -> str:
    """Return a line with round ends along `way`."""
    dashed = f' stroke-dasharray="{dash}"' if dash else ""
    return f'<path class="pic-w" d="{way}" stroke="{stroke}" stroke-width="{width:g}"{dashed}/>'


def segments(ways: Iterable[Iterable[tuple[float, float]]]) -> str:
    """Return the way along several polygons, each given by its corners."""
    return "".join("M" + "L".join(f"{num(x)} {num(y)}" for x, y in each) for each in ways)


def circle(
    x: float, y: float, r: float, fill: str = "none", stroke: str = "none", width: float = 2
) -> str:
    """Return a circle."""
    ring = "" if stroke == "none" else f' stroke="{stroke}" stroke-width="{width:g}"'
    return f'<circle cx="{num(x)}" cy="{num(y)}" r="{num(r)}" fill="{fill}"{ring}/>'


def box(
    corner: tuple[float, float],
    size: tuple[float, float],
    fill: str = "none",
    stroke: str = "none",
    width: float = 2,
    r: float = 0,
) -> str:
    """Return a rectangle with its upper left corner, and rounded corners of radius r."""
    edge = "" if stroke == "none" else f' stroke="{stroke}" stroke-width="{width:g}"'
    round_ = f' rx="{num(r)}"' if r else ""
    (x, y), (w, h) = corner, size
    at = f'x="{num(x)}" y="{num(y)}" width="{num(w)}" height="{num(h)}"'
    return f'<rect {at}{round_} fill="{fill}"{edge}/>'


def neuron(x: float, y: float, circuits: Sequence[int], active: Container[int], r: float) -> str:
    """Return a neuron of circuits: grey for none, in halves for two, hollow where it is idle."""
    if len(circuits) > 1:
        return _half(x, y, r, circuits[0], 0) + _half(x, y, r, circuits[1], 1)
    if not circuits:
        return circle(x, y, r, SHARED)
    tint = colour(circuits[0])
    if circuits[0] in active:
        return circle(x, y, r, tint)
    edge = min(2.0, r / 2)
    return circle(x, y, r - edge / 2, PAPER, tint, edge)


def _half(x: float, y: float, r: float, circuit: int, side: int) -> str:
    way = f"M{num(x)} {num(y - r)}A{num(r)} {num(r)} 0 0 {side} {num(x)} {num(y + r)}Z"
    return f'<path d="{way}" fill="{colour(circuit)}"/>'


def ring(x: float, y: float, r: float) -> str:
    """Return the mark of what is talked about."""
    return circle(x, y, r, "none", INK, 1.5)


def dots(points: Iterable[tuple[float, float]], r: float, fill: str) -> str:
    """Return dots of one size, as one path."""
    way = "".join(f"M{num(x)} {num(y)}h0" for x, y in points)
    return path(way, fill, round(2 * r, 1)) if way else ""


def arrow(
    start: tuple[float, float],
    end: tuple[float, float],
    stroke: str,
    width: float = 2.5,
    head: float = 9,
    dash: str = "",
) -> str:
    """Return a straight arrow, whose tip ends at `end`."""
    tip = np.array(end)
    ahead = (tip - start) / np.hypot(*(tip - start))
    side, back = 0.5 * head * ahead[::-1] * [-1, 1], tip - head * ahead
    way = segments([[start, (back[0], back[1])]])
    corners = segments([[(x, y) for x, y in (tip, back + side, back - side)]])
    return path(way, stroke, width, dash) + f'<path d="{corners}Z" fill="{stroke}"/>'


def text(x: float, y: float, words: str, kind: str = "t", anchor: str = "start") -> str:
    """Return words: of kind t (plain), h (heading), s (quiet), m (symbol) or c (on ink)."""
    at = "" if anchor == "start" else f' text-anchor="{anchor}"'
    return f'<text x="{num(x)}" y="{num(y)}" class="pic-{kind}"{at}>{words}</text>'


def symbol(x: float, y: float, base: str, index: str, anchor: str = "start") -> str:
    """Return a symbol with its index, such as E_t."""
    return text(x, y, f'{base}<tspan class="pic-i" dy="4">{index}</tspan>', "m", anchor)


def symbol_after(base: str, index: str) -> str:
    """Return a symbol with its index that stands after other words."""
    below = f'<tspan class="pic-i" dy="4">{index}</tspan>'
    return f'<tspan class="pic-m" dx="8" style="font-weight:400">{base}{below}</tspan>'


def heading(x: float, y: float, title: str, words: str) -> str:
    """Return a heading and, after it, its explanation."""
    after = f'<tspan class="pic-s" dx="10" style="font-weight:400">{words}</tspan>'
    return text(x, y, f"{title}{after}", "h")


def lines(x: float, y: float, words: Sequence[str], anchor: str = "start") -> str:
    """Return quiet words, line below line."""
    rows = enumerate(words)
    return "".join(text(x, y + LEADING * n, row, "s", anchor) for n, row in rows)


def place(x: float, y: float, content: str) -> str:
    """Return content moved to (x, y)."""
    return f'<g transform="translate({num(x)} {num(y)})">{content}</g>'


def use(name: str, part: str, x: float, y: float) -> str:
    """Return a copy of a part of the drawing of that name, moved to (x, y)."""
    return f'<use href="#{name}-{part}" x="{num(x)}" y="{num(y)}"/>'


def key(entries: Sequence[tuple[str, str]], at: Sequence[tuple[float, float]]) -> str:
    """Return a legend: glyphs, which are drawn around (0, 0), and words at the given places."""
    return "".join(
        place(x, y, glyph) + text(x + 18, y + 5, words, "s")
        for (glyph, words), (x, y) in zip(entries, at, strict=True)
    )
