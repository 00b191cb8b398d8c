"""Sphinx extension: images for light and dark pages and for phones, and figures' data as files.

An image that carries its data is served without it, and the data beside it. On pages each image but
drawings, which become part of them, has a twin in the colours of dark pages, and both have narrow
ones where the image carries one for phones; the page's style shows one of them.
"""

from __future__ import annotations

import os
from pathlib import Path
from urllib.parse import unquote

from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx

from companion.figures import drawing
from companion.figures.figure_data import split
from companion.figures.style import darkened

LINK, WHOSE = "figure-data", "visually-hidden"
LIGHT, DARK, WIDE, NARROW = "figure-light", "figure-dark", "figure-wide", "figure-narrow"


def take_out(app: Sphinx, doctree: nodes.document) -> None:
    """Write images and their data apart, before Sphinx collects the files of a page."""
    page = app.env.docname
    # They last as long as the stored pages that name them.
    folder = Path(app.doctreedir) / "figure_files" / page
    for number, image in enumerate([*doctree.findall(nodes.image)], start=1):
        path = Path(app.env.relfn2path(unquote(image["uri"]), page)[1])
        if path.suffix != ".svg" or not path.is_file():
            continue
        plain, csv, narrow = split(path.read_text(encoding="utf-8"))
        figure = figure_of(image)
        name = figure["ids"][0] if figure and figure["ids"] else f"{Path(page).name}-{number}"
        if csv is not None or narrow is not None:
            image["uri"] = write(app, folder / f"{name}.svg", plain)
        if csv is not None:
            add_link(image, figure, write(app, folder / f"{name}.csv", csv))
        images = [(image, name, plain)]
        if narrow is not None:
            twin = add_twin(image, write(app, folder / f"{name}-narrow.svg", narrow), WIDE, NARROW)
            images.append((twin, f"{name}-narrow", narrow))
        for each, called, svg in images:
            if not svg.startswith(drawing.START) and (dark := darkened(svg)) != svg:
                add_twin(each, write(app, folder / f"{called}-dark.svg", dark), LIGHT, DARK)


def figure_of(node: nodes.Node | None) -> nodes.figure | None:
    """The figure that a node is in; None where there is none."""
    while node is not None and not isinstance(node, nodes.figure):
        node = node.parent
    return node


def write(app: Sphinx, path: Path, text: str) -> str:
    """Write a file; its address as pages name it, from the book's folder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return "/" + Path(os.path.relpath(path, app.srcdir)).as_posix()


def add_twin(image: nodes.image, uri: str, own: str, other: str) -> nodes.image:
    """The same image for dark pages or for phones, beside it; both get a class."""
    twin = image.deepcopy()
    twin["uri"] = uri
    image["classes"].append(own)
    twin["classes"].append(other)
    twin["loading"] = "lazy"  # fetched where it is shown
    image.parent.insert(image.parent.index(image) + 1, twin)
    return twin


def add_link(image: nodes.image, figure: nodes.figure | None, target: str) -> None:
    """A line with a link, below the caption or, without a figure, below the image."""
    link = addnodes.download_reference("", "Data (CSV)", reftarget=target)
    link += nodes.inline("", " of the figure above", classes=[WHOSE])
    line = nodes.paragraph("", "", link, classes=[LINK])
    if figure is None:
        image.parent.insert(image.parent.index(image) + 1, line)
        return
    legend = next(iter(figure.findall(nodes.legend)), None)
    if legend is None:
        legend = nodes.legend()
        figure += legend
    legend += line


def name_links(app: Sphinx, doctree: nodes.document, page: str) -> None:
    """Let links say whose data they lead to; without links, take their lines and twins away."""
    if app.builder.format != "html":
        for image in [n for n in doctree.findall(nodes.image) if {DARK, NARROW} & {*n["classes"]}]:
            image.parent.remove(image)
    numbers = app.env.toc_fignumbers.get(page, {}).get("figure", {})
    for line in [n for n in doctree.findall(nodes.paragraph) if LINK in n["classes"]]:
        figure = figure_of(line)
        if app.builder.format != "html":
            parent = line.parent
            parent.remove(line)
            if isinstance(parent, nodes.legend) and not parent.children:
                parent.parent.remove(parent)
        elif figure and figure["ids"] and figure["ids"][0] in numbers:
            number = ".".join(map(str, numbers[figure["ids"][0]]))
            whose = next(n for n in line.findall(nodes.inline) if WHOSE in n["classes"])
            whose.clear()
            whose += nodes.Text(f" of {app.config.numfig_format['figure'] % number}")


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the extension with Sphinx."""
    app.connect("doctree-read", take_out, priority=400)
    app.connect("doctree-resolved", name_links)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
