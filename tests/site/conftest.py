"""The built pages, a server for them and a browser; skipped, and said so, where one is missing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import pdf

ROOT = Path(__file__).parents[2]
HTML = ROOT / "_build/html"


@pytest.fixture(scope="session")
def site() -> Iterator[str]:
    """Where the built book is served: http://127.0.0.1:…/."""
    if not (HTML / "index.html").exists():
        pytest.skip("the book is not built: make book")
    with pdf.served(HTML) as address:
        yield f"{address}/"


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """Chromium, driven by playwright."""
    api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    if (chromium := pdf.chromium_here()) is None:
        pytest.skip("Chromium is not installed: apt-get install chromium")
    with api.sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=chromium, args=pdf.ARGUMENTS)
        yield launched
        launched.close()
