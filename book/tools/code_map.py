"""Sphinx extension: `{code-map}`, the table from the post's sections to chapters, code and tests.

One rule says where what belongs to the page book/X.md lies (`PLACES`); a cell is filled if the file
is there. Which library modules a chapter uses is read from the syntax trees of its code and cells.
The role `{source}` links a module to its source, where `sphinx.ext.viewcode` makes a page of it.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from docutils import nodes
from docutils.statemachine import StringList
from sphinx.application import Sphinx
from sphinx.util.docutils import ReferenceRole, SphinxDirective

from equation_code import SOURCES
from notebooks import code_cells, read_chapter

LIBRARY = "superposition"
# What belongs to a page: in which folder, under which name.
PLACES = {
    "code": ("lib/companion", "{}.py"),
    "derivations": ("lib/superposition/theory", "{}.py"),
    "tests": ("tests/companion", "test_{}.py"),
}
# The pages that follow a section of the post, or a later post.
SECTIONS = {
    "introduction": "Introduction",
    "construction": "The construction",
    "embedding": "Embedding matrix",
    "reading": "Reading from the residual stream",
    "neurons": "Writing to the neurons",
    "writing_back": "Writing back to the residual stream",
    "read_in": "Error analysis: read-in interference",
    "read_out": "Error analysis: read-out interference",
    "over_layers": "Error analysis: over the layers",
    "generalising": "Generalising to circuits",
    "implications": "Some very tentative implications; Future work",
    "survives": "*Circuits in Superposition 2*",
    "rotations": "*Rotations in Superposition*",
}
ENTRY = re.compile(r"^\s*(?:-\s+)?(?:file|root):\s*book/(\S+)", re.MULTILINE)


@dataclass(frozen=True)
class Row:
    """A page, the section that it follows, and its files, by `PLACES`; empty where is none."""

    page: str
    section: str
    files: dict[str, str]
    modules: list[str]

    @property
    def cells(self) -> list[str]:
        """The row in Markdown."""
        files = [source(place if path else "", module(path)) for place, path in self.files.items()]
        used = [source(name.removeprefix(f"{LIBRARY}."), name) for name in self.modules]
        return [self.section, f"{{doc}}`/book/{self.page}`", *files, ", ".join(used)]


def source(text: str, target: str) -> str:
    """The role that links a module to its source, in Markdown; empty for an empty text."""
    return f"{{source}}`{text} <{target}>`" if text else ""


def module(path: str) -> str:
    """The dotted name of a Python file, as lib/ and the repository's root are searched for it."""
    return path.removeprefix("lib/").removesuffix(".py").replace("/", ".")


def pages(root: Path) -> list[str]:
    """The book's pages in their order, by name."""
    return ENTRY.findall((root / "_toc.yml").read_text(encoding="utf-8"))


def rows(root: Path) -> list[Row]:
    """The map of the repository at `root`, a row for each page."""
    return [row(root, page) for page in pages(root)]


def row(root: Path, page: str) -> Row:
    """What belongs to a page."""
    paths = {place: f"{folder}/{name.format(page)}" for place, (folder, name) in PLACES.items()}
    files = {place: path if (root / path).exists() else "" for place, path in paths.items()}
    return Row(page, SECTIONS.get(page, ""), files, modules_used(root, page))


def without_page(root: Path) -> list[str]:
    """Modules of the book's own code, private ones aside, that belong to no page."""
    folder = root / PLACES["code"][0]
    names = {path.stem for path in folder.glob("*.py") if not path.stem.startswith("_")}
    return sorted(names - set(pages(root)))


def modules_used(root: Path, page: str) -> list[str]:
    """The library's modules that a page's cells or code import, besides its own derivations."""
    cells = code_cells(read_chapter(root / "book" / f"{page}.md"))
    texts = [cell.source for cell in cells]
    code = root / PLACES["code"][0] / PLACES["code"][1].format(page)
    if code.exists():
        texts.append(code.read_text(encoding="utf-8"))
    found = {name for text in texts for name in imported(ast.parse(text), root / "lib")}
    return sorted(found - {LIBRARY, f"{LIBRARY}.theory.{page}"})


def imported(tree: ast.Module, lib: Path) -> Iterator[str]:
    """The modules of the library in which what a syntax tree imports is defined."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (each.name for each in node.names if within(each.name))
        elif isinstance(node, ast.ImportFrom) and node.module and within(node.module):
            yield from (home(lib, node.module, each.name) for each in node.names)


def within(name: str) -> bool:
    """Is this the library, or a module of it?"""
    return name == LIBRARY or name.startswith(f"{LIBRARY}.")


def home(lib: Path, package: str, name: str) -> str:
    """The module behind `from package import name`, through what packages pass on."""
    folder = lib.joinpath(*package.split("."))
    if (folder / f"{name}.py").exists() or (folder / name / "__init__.py").exists():
        return f"{package}.{name}"
    if not (folder / "__init__.py").exists():
        return package
    for node in ast.parse((folder / "__init__.py").read_text(encoding="utf-8")).body:
        if isinstance(node, ast.ImportFrom) and node.module and within(node.module):
            given = [each.name for each in node.names if (each.asname or each.name) == name]
            if given:
                return home(lib, node.module, given[0])
    return package


def table(root: Path) -> list[str]:
    """The map as lines of Markdown."""
    head = ["section of the post", "chapter", *PLACES, f"modules of `{LIBRARY}`"]
    cells = [head, ["---"] * len(head), *(each.cells for each in rows(root))]
    return [f"| {' | '.join(line)} |" for line in cells]


class CodeMap(SphinxDirective):
    """The directive, without argument or content. Its page is read again at every build."""

    def run(self) -> list[nodes.Node]:
        """The table, which the page's own parser makes of its Markdown."""
        self.env.note_reread()
        parsed = nodes.container(classes=["code-map"])
        lines = StringList(table(Path(self.env.srcdir)), source=__name__)
        self.state.nested_parse(lines, self.content_offset, parsed)
        return [parsed]


class Source(ReferenceRole):
    """The role: a text as code, and in angle brackets the module to which it shall lead."""

    def run(self) -> tuple[list[nodes.Node], list[nodes.system_message]]:
        """A literal that remembers its module."""
        return [nodes.literal(self.rawtext, self.title, module=self.target)], []


def link_sources(app: Sphinx, doctree: nodes.document, page: str) -> None:
    """What names a module leads to the page of its source, where the site has one."""
    if app.builder.name not in ("html", "dirhtml"):
        return
    modules = {name for name, entry in getattr(app.env, "_viewcode_modules", {}).items() if entry}
    for literal in list(doctree.findall(nodes.literal)):
        name = literal.get("module")
        if name in modules:
            path = SOURCES + name.replace(".", "/")
            uri = app.builder.get_relative_uri(page, path)
            link = nodes.reference("", "", refuri=uri, internal=True)
            literal.replace_self(link)
            link += literal


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the extension with Sphinx."""
    app.add_directive("code-map", CodeMap)
    app.add_role("source", Source())
    app.connect("doctree-resolved", link_sources)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
