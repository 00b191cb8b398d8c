"""Sphinx extension of the book: notebooks to download, a sidebar made quickly, narrower tables."""

from __future__ import annotations

import gc
import re
import shutil
from functools import cache
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx


def load_mathjax(app: Sphinx) -> None:
    """Let the book in one page load MathJax, though its first page has no equation."""
    if app.builder.name == "singlehtml":
        app.set_html_assets_policy("always")


def offer_notebook(
    app: Sphinx,
    page: str,
    template: str,
    context: dict[str, Any],
    doctree: object,
) -> None:
    """Put the committed notebook of a page, if it has one, into the theme's download menu."""
    notebook = Path(app.srcdir) / f"{page}.ipynb"
    if notebook.exists():
        target = Path(app.outdir) / "_sources" / f"{page}.ipynb"
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(notebook, target)
        context["ipynb_source"] = f"{page}.ipynb"


@cache
def titles(app: Sphinx) -> dict[str, nodes.bullet_list]:
    """Each page's title and the pages below it, without its headings."""
    found = {page: toc.deepcopy() for page, toc in app.env.tocs.items()}
    for entry in (entry for toc in found.values() for entry in toc.children if len(entry) > 1):
        below = list(entry.findall(addnodes.toctree))
        entry[1:] = [nodes.bullet_list("", *below)] if below else []
    return found


def copy_titles(
    app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: object
) -> None:
    """For the sidebar Sphinx copies all headings of the book, on each page, to drop them again."""
    whole = context["toctree"]

    def toctree(**options: Any) -> str:
        tocs = app.env.tocs
        app.env.tocs = titles(app) if options.get("titles_only") else tocs
        try:
            return str(whole(**options))
        finally:
            app.env.tocs = tocs

    context["toctree"] = toctree


def break_names(
    app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: object
) -> None:
    """Let the names in tables' headings break after underscores, so that tables fit on phones."""
    if "body" in context:
        heading = r"(?<=>)\w+_\w+(?=</th>)"
        context["body"] = re.sub(heading, lambda m: m[0].replace("_", "_<wbr>"), context["body"])


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the extension with Sphinx, whose trees are many, and stay: look for waste seldom."""
    gc.set_threshold(200_000, 20, 100)
    app.connect("builder-inited", load_mathjax)
    app.connect("html-page-context", copy_titles, priority=400)
    app.connect("html-page-context", offer_notebook, priority=400)
    app.connect("html-page-context", break_names)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
