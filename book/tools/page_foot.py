"""Sphinx extension: pages say which version they are of, and how long their notebook runs."""

from __future__ import annotations

import html
import subprocess
from importlib.metadata import version
from pathlib import Path
from typing import Any

from sphinx.application import Sphinx
from sphinx.config import Config


def built_from(root: Path) -> str:
    """Version of the library, and commit and its date where there is a repository."""
    text = f"Version {version('circuits-in-superposition')}"
    command = ["git", "-C", str(root), "log", "-1", "--format=commit %h of %cs"]
    try:
        found = subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return text
    return f"{text}, {found}" if found else text


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


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the extension with Sphinx."""
    app.connect("config-inited", add_footer)
    app.connect("html-page-context", say_runtime)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
