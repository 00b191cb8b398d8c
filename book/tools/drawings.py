"""Sphinx extension: drawings stand in pages, with the pages' colours, and in which step one is.

An image that is a drawing becomes part of its page. Chapters on the post's sections open with the
five steps of the construction; the step that the chapter is about is lit.
"""

from __future__ import annotations

import html
import re
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from docutils import nodes
from sphinx.application import Sphinx

from companion.construction import small_example
from companion.figures import drawing, five_steps

ALL = tuple(range(len(five_steps.STEPS)))
CHAPTERS = "introduction", "embedding", "neurons", "read_in", "writing_back"  # one for each step
PLACES: dict[str, tuple[tuple[int, ...], str]] = {
    "introduction": ((0,), "many small networks, of which few are active."),
    "embedding": ((1,), "each circuit's state gets directions in one stream."),
    "reading": ((1,), "each circuit reads its state back along its directions."),
    "neurons": ((2,), "several large neurons carry each small one."),
    "read_in": ((3,), "the large neurons compute, and hear more than they should."),
    "writing_back": ((4,), "the mean of the carriers is written back."),
    "read_out": ((4,), "what was written back is read from the stream."),
    "over_layers": (ALL, "This chapter lets layer follow layer."),
    "how_many": (ALL, "This chapter asks how many small networks can take them."),
    "generalising": (ALL, "In this chapter small networks feed each other."),
}


def inline(app: Sphinx, doctree: nodes.document) -> None:
    """Put drawings themselves in the place of images."""
    page = app.env.docname
    if app.builder.format != "html":
        return
    for image in [*doctree.findall(nodes.image)]:
        path = Path(app.env.relfn2path(unquote(image["uri"]), page)[1])
        if path.suffix != ".svg" or not path.is_file():
            continue
        svg = path.read_text(encoding="utf-8")
        if svg.startswith(drawing.START):
            content = standing(svg, page.replace("/", "-"), image.get("alt"))
            image.replace_self(nodes.raw("", content, format="html"))


def standing(svg: str, page: str, alt: str | None) -> str:
    """A drawing as part of a page: its names are unique, its alternative text is the image's."""
    svg = re.sub(r' (id="|href="#)', rf" \1{page}-", svg)
    if alt:
        svg = re.sub(
            r'(?<= aria-label=")[^"]*', html.escape(alt).replace("\\", r"\\"), svg, count=1
        )
    return f'<div class="pic-box">{svg}</div>'


def add_steps(app: Sphinx, doctree: nodes.document) -> None:
    """Make room for the steps below a chapter's title, until links can be made."""
    title = next(iter(doctree.findall(nodes.title)), None)
    if app.builder.format == "html" and title and app.env.docname.split("/")[-1] in PLACES:
        title.parent.insert(1, nodes.container("", steps=app.env.docname))


def draw_steps(app: Sphinx, doctree: nodes.document, page: str) -> None:
    """Draw the steps, with links to the chapters of each."""
    for node in [n for n in doctree.findall(nodes.container) if "steps" in n]:
        folder, chapter = node["steps"].rsplit("/", 1)
        links = [app.builder.get_relative_uri(page, f"{folder}/{name}") for name in CHAPTERS]
        node.replace_self(nodes.raw("", steps(chapter, links), format="html"))


def steps(chapter: str, links: list[str]) -> str:
    """The five steps as links, those of the chapter lit, and a line of words."""
    lit, words = PLACES[chapter]
    box, items = f"0 0 {five_steps.WIDTH} {five_steps.HEIGHT}", ""
    pictures = five_steps.steps(small_example())
    for n, (name, svg, link) in enumerate(zip(five_steps.STEPS, pictures, links, strict=True)):
        current = ' aria-current="step"' if lit == (n,) else ""
        shape = f'<svg class="pic" viewBox="{box}" aria-hidden="true">'
        items += (
            f'<li{" class=lit" if n in lit else ""}><a href="{link}"{current}>{shape}{svg}</svg>'
            f"<span>{name}</span></a></li>"
        )
    where = (
        f"Step {lit[0] + 1} of {len(ALL)}:" if len(lit) == 1 else "All five steps are one layer."
    )
    return (
        f'<nav class="steps" aria-label="The construction in five steps">'
        f"<style>{drawing.STYLE}</style><ol>{items}</ol><p>{where} {words}</p></nav>"
    )


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the extension with Sphinx."""
    app.connect("doctree-read", inline, priority=450)  # after figures' data are taken out
    app.connect("doctree-read", add_steps)
    app.connect("doctree-resolved", draw_steps)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
