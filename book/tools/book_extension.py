"""Sphinx extension of the book: each page's notebook to download."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

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


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the extension with Sphinx."""
    app.connect("builder-inited", load_mathjax)
    app.connect("html-page-context", offer_notebook, priority=400)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
