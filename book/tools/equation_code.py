"""Sphinx extension: beside each numbered equation, a link to the code that is this equation.

The library's docstrings and comments cite equations as (eq-…). They are read from the source, not
by import: for each label the functions, methods, classes and constants that cite it, and of these
the one to show, on the page that `sphinx.ext.viewcode` makes of its module.
"""

from __future__ import annotations

import ast
import html
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any

from sphinx.application import Sphinx

CITED = re.compile(r"\((eq-[\w-]+)\)")
LABEL = re.compile(r"^:label: (eq-[\w-]+)|^\$\$ \((eq-[\w-]+)\)", re.MULTILINE)
# As Sphinx writes an equation and its number, before MathJax sees it.
NUMBERED = re.compile(
    r'id="equation-(?P<label>[\w-]+)">\s*'
    r'<span class="eqno">(?P<number>\([^)]*\))(?P<mark>.*?)</span>'
)
LIBRARY = "lib"
SOURCES = "_modules/"
# Where a formula is derived comes before where it is used, and that before where it is measured.
FOLDERS = (
    *("theory", "circuits", "packings", "maps", "chain_maps", "sums", "readers", "constructions"),
    *("predict", "certificate", "bench", "interop"),
)


@dataclass(frozen=True)
class Place:
    """A definition that cites an equation: its module and its name there, both with dots."""

    module: str
    name: str
    claims: bool  # in the docstring's first line, not below it
    line: int

    @property
    def rank(self) -> tuple[int, bool, bool, str, int]:
        """The smallest is shown: derivations first, then claims, then what is public."""
        package, folder, *_ = self.module.split(".")
        order = FOLDERS.index(folder) if folder in FOLDERS else len(FOLDERS)
        order += len(FOLDERS) * (package == "companion")
        private = any(part.startswith("_") for part in self.name.split("."))
        return order, not self.claims, private, self.module, self.line


def definitions(body: list[ast.stmt], inside: str = "") -> Iterator[tuple[str, ast.stmt]]:
    """Functions, classes and constants with their names, the outer before the inner."""
    for node in body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            name = f"{inside}{node.name}"
            yield name, node
            yield from definitions(node.body, f"{name}.")
        elif isinstance(node, ast.Assign | ast.AnnAssign) and not inside:
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            yield from ((each.id, node) for each in targets if isinstance(each, ast.Name))


def cited(text: str, module: str) -> Iterator[tuple[str, Place]]:
    """Labels that a module's text names, with the innermost definition around each."""
    found = list(definitions(ast.parse(text).body))
    for number, line in enumerate(text.splitlines(), start=1):
        for match in CITED.finditer(line):
            around = [(n, d) for n, d in found if d.lineno <= number <= (d.end_lineno or 0)]
            name, node = around[-1] if around else ("", None)
            claims = isinstance(node, ast.FunctionDef) and number == node.body[0].lineno
            yield match[1], Place(module, name, claims, number)


@cache
def citations(library: Path) -> dict[str, list[Place]]:
    """For each label the places that cite it, the one to show first; `library` holds packages."""
    places: dict[str, list[Place]] = {}
    for path in sorted(library.rglob("*.py")):
        module = ".".join(path.relative_to(library).with_suffix("").parts)
        for label, place in cited(path.read_text(encoding="utf-8"), module):
            places.setdefault(label, []).append(place)
    return {label: sorted(each, key=lambda p: p.rank) for label, each in places.items()}


def shown(places: Mapping[str, list[Place]], modules: Collection[str]) -> dict[str, Place]:
    """For each label the first place in one of these modules, those whose source is a page."""
    found = {label: [p for p in each if p.module in modules] for label, each in places.items()}
    return {label: each[0] for label, each in found.items() if each}


def labels(book: Path) -> list[str]:
    """The labels of all numbered equations in the chapters' sources."""
    texts = [path.read_text(encoding="utf-8") for path in sorted(book.glob("*.md"))]
    return [a or b for text in texts for a, b in LABEL.findall(text)]


def link(place: Place, number: str, to_module: str) -> str:
    """A word beside an equation's number that leads to its code."""
    name = html.escape(place.name or place.module)
    fragment = f"#{name}" if place.name else ""
    return (
        f'<a class="equation-code" href="{to_module}{fragment}" title="{name}" '
        f'aria-label="Code of equation {number}: {name}">code</a>'
    )


def beside_equations(body: str, places: Mapping[str, Place], uri: Callable[[str], str]) -> str:
    """A page's text with a link beside each numbered equation that has code."""

    def add(match: re.Match[str]) -> str:
        place = places.get(match["label"])
        if place is None:
            return match[0]
        shown_at = uri(SOURCES + place.module.replace(".", "/"))
        return match[0][: -len("</span>")] + link(place, match["number"], shown_at) + "</span>"

    return NUMBERED.sub(add, body)


def definition(name: str) -> re.Pattern[str]:
    """Where highlighted source defines a function, a class or a constant of the module."""
    anchored = r'<span(?: id="[^"]*")?'
    kinds = rf'{anchored} class="(?:nf|nc|fm)">|^{anchored} class="n">'
    return re.compile(rf"(?:{kinds}){re.escape(name)}</span>", re.MULTILINE)


def with_anchors(body: str, names: Iterable[str]) -> str:
    """Highlighted source with an anchor at each of these definitions that has none."""
    for name in sorted(set(names) - {""}):
        if f'id="{name}"' in body:
            continue
        start = 0
        for part in name.split("."):
            found = definition(part).search(body, start)
            if found is None:
                raise ValueError(f"{name}: wanted its definition in the highlighted source")
            start = found.start()
        body = f'{body[:start]}<span id="{name}"{body[start + len("<span") :]}'
    return body


def add_links(
    app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: object
) -> None:
    """Chapters get their links, pages of source the anchors where they lead."""
    if "body" not in context:
        return
    modules = {name for name, entry in getattr(app.env, "_viewcode_modules", {}).items() if entry}
    places = shown(citations(Path(app.srcdir) / LIBRARY), modules)
    if page.startswith(SOURCES):
        module = page.removeprefix(SOURCES).replace("/", ".")
        names = [place.name for place in places.values() if place.module == module]
        context["body"] = with_anchors(context["body"], names)
    else:
        uri = partial(app.builder.get_relative_uri, page)
        context["body"] = beside_equations(context["body"], places, uri)


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the extension with Sphinx."""
    app.connect("html-page-context", add_links, priority=400)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
