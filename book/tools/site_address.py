"""Sphinx extension: where the site will be, from the environment variable SITE_URL.

With it pages name their own addresses, and links shared elsewhere come with a card; the page for
lost visitors finds its styles below a project's path. Without it nothing names a host.
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
NO_ADDRESS = re.compile(r'<meta property="og:url"[^>]*>\n')


def address(text: str) -> str:
    """A site's address with a slash at its end; none stays none."""
    parts = urlsplit(text)
    whole = parts.scheme in ("http", "https") and parts.netloc
    if text and (not whole or parts.query or parts.fragment):
        raise ValueError(f"SITE_URL: wanted an address like https://example.org/book, got {text}")
    return f"{text.rstrip('/')}/" if text else ""


def tell(app: Sphinx, config: Config) -> None:
    """Let the extensions that name addresses know this one."""
    site = address(os.environ.get("SITE_URL", ""))
    config.notfound_urls_prefix = urlsplit(site).path or "/"
    if site:
        config.html_baseurl = config.ogp_site_url = site
        config.ogp_image = site + CARD
        config.ogp_custom_meta_tags = LARGE


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
