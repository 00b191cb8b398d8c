"""Sphinx extension: where the site and its source are, from SITE_URL and REPOSITORY_URL.

With the first of these environment variables pages name their own addresses, and links shared
elsewhere come with a card; the page for lost visitors finds its styles below a project's path. With
the second pages link to the repository, and notebooks open on Binder, which builds what `.binder`
says from the branch REPOSITORY_BRANCH, main if it is not given. Without them nothing names a host.
"""

from __future__ import annotations

import os
import re
from typing import Any
from urllib.parse import urlsplit

from sphinx.application import Sphinx
from sphinx.config import Config

from social_card import CARD, HEIGHT, WIDTH

LARGE = (
    '<meta name="twitter:card" content="summary_large_image" />',
    f'<meta property="og:image:width" content="{WIDTH}" />',
    f'<meta property="og:image:height" content="{HEIGHT}" />',
)
BINDER = "https://mybinder.org"
NO_ADDRESS = re.compile(r'<meta property="og:url"[^>]*>\n')


def address(name: str) -> str:
    """The address that this environment variable has, with a slash at its end; none stays none."""
    text = os.environ.get(name, "")
    parts = urlsplit(text)
    whole = parts.scheme in ("http", "https") and parts.netloc
    if text and (not whole or parts.query or parts.fragment):
        raise ValueError(f"{name}: wanted an address like https://example.org/book, got {text}")
    return f"{text.rstrip('/')}/" if text else ""


def tell(app: Sphinx, config: Config) -> None:
    """Let the extensions that name addresses know this one."""
    site, repository = address("SITE_URL"), address("REPOSITORY_URL")
    config.notfound_urls_prefix = urlsplit(site).path or "/"
    if site:
        config.html_baseurl = config.ogp_site_url = site
        config.ogp_image = site + CARD
        config.ogp_custom_meta_tags = LARGE
    if repository:
        config.html_theme_options |= {
            "launch_buttons": {"binderhub_url": BINDER, "notebook_interface": "jupyterlab"},
            "repository_branch": os.environ.get("REPOSITORY_BRANCH") or "main",
            "repository_url": repository.rstrip("/"),
            "use_repository_button": True,
        }


def name_no_host(
    app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: object
) -> None:
    """A page's address without a host is none: it is left out."""
    if not app.config.ogp_site_url:
        context["metatags"] = NO_ADDRESS.sub("", context.get("metatags", ""))


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the extension with Sphinx."""
    app.connect("config-inited", tell, priority=400)
    app.connect("html-page-context", name_no_host, priority=600)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
