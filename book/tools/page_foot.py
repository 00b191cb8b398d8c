"""Sphinx extension: pages say which version they are of, and how long their notebook runs."""

from __future__ import annotations

import html
from pathlib import Path
from typing import Any

from sphinx.application import Sphinx
from sphinx.config import Config
from sphinx.util import logging

from fresh import built_from


def add_footer(app: Sphinx, config: Config) -> None:
    """The theme's footer, with the version; and where mistakes are to be told."""
    words = html.escape(built_from(Path(app.srcdir)))
    config.html_theme_options["extra_footer"] = (
        f'<p class="built-from">{words}. A mistake? How to tell, and what was corrected: '
        "CONTRIBUTING.md and CHANGELOG.md in the repository.</p>"
    )


def say_runtime(
    app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: object
) -> None:
    """At the end of a chapter: how long its cells took when they were last run."""
    data = getattr(app.env, "nb_metadata", {}).get(page, {}).get("exec_data")
    if data and data.get("runtime") is not None and "body" in context:
        seconds = max(1, round(data["runtime"]))
        words = f"All cells of this page ran in {seconds} s when it was built."
        context["body"] += f'\n<p class="runtime">{words}</p>\n'


def print_runtimes(app: Sphinx, error: Exception | None) -> None:
    """At the end of a build: how long each chapter ran when it was last run, and all of them."""
    data = getattr(app.env, "nb_metadata", {}).items()
    runs = {page: each.get("exec_data") or {} for page, each in data}
    found = {page: run["runtime"] for page, run in runs.items() if run.get("runtime") is not None}
    lines = [f"{seconds:7.1f} s  {page}" for page, seconds in sorted(found.items())]
    total = sum(found.values())
    lines.append(f"{total:7.1f} s  {len(found)} chapters, {total / max(len(found), 1):.1f} s each")
    logging.getLogger(__name__).info("\n".join(lines))


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the extension with Sphinx."""
    app.connect("config-inited", add_footer)
    app.connect("html-page-context", say_runtime)
    app.connect("build-finished", print_runtimes)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
