"""Print the book, built as one page, into a PDF with Chromium: `make pdf`.

`python book/tools/pdf.py` reads _build/singlehtml and writes _build/circuits-in-superposition.pdf.
"""

from __future__ import annotations

import functools
import os
import shutil
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playwright.sync_api import Browser

BUILD = Path(__file__).resolve().parents[2] / "_build"
NAMES = ("chromium", "chromium-browser", "google-chrome")
ARGUMENTS = [
    "--no-sandbox", "--disable-gpu", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--no-first-run",
]  # fmt: skip
FOOT = (
    '<div style="font-size: 8px; width: 100%; text-align: center">'
    '<span class="pageNumber"></span> / <span class="totalPages"></span></div>'
)
UNDRAWN = """() => [...document.querySelectorAll(".math")]
  .filter((each) => !each.querySelector("mjx-container")).length
  + [...document.images].filter((each) => !each.naturalWidth).length"""


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        pass


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """The address of a server for a folder's files."""
    handler = functools.partial(_Quiet, directory=str(folder))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def pdf(folder: Path, target: Path, browser: Browser) -> int:
    """Print the one page of `folder` to `target`, whole or not at all; pages are tagged, outlined.

    Returns how many equations and images were not drawn: none, if all is well.
    """
    # its images are named from the folder's root, where the builder leaves a page that redirects
    shutil.copy2(folder / "book/index.html", folder / "whole.html")
    partial = target.with_suffix(".partial.pdf")
    with served(folder) as address:
        page = browser.new_page()
        page.set_default_timeout(300_000)
        page.goto(f"{address}/whole.html", wait_until="networkidle")
        page.evaluate("() => document.querySelectorAll('img').forEach((i) => i.loading = 'eager')")
        page.evaluate("() => MathJax.startup.promise")
        page.emulate_media(media="print", color_scheme="light")
        undrawn = int(page.evaluate(UNDRAWN))
        page.pdf(
            path=partial, format="A4", tagged=True, outline=True, print_background=True,
            margin={"top": "18mm", "bottom": "18mm", "left": "16mm", "right": "16mm"},
            display_header_footer=True, header_template="<span></span>", footer_template=FOOT,
        )  # fmt: skip
        page.close()
    os.replace(partial, target)
    return undrawn


def chromium_here() -> str | None:
    """Where Chromium is; None if it is not installed."""
    return next(filter(None, map(shutil.which, NAMES)), None)


def main() -> int:
    """Print; 1 without a browser, or where something is missing on a page."""
    from playwright.sync_api import sync_playwright  # tests use the rest without it

    if (chromium := chromium_here()) is None:
        print("error: Chromium is not installed: apt-get install chromium", file=sys.stderr)
        return 1
    target = BUILD / "circuits-in-superposition.pdf"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=ARGUMENTS)
        undrawn = pdf(BUILD / "singlehtml", target, browser)
    if undrawn:
        print(f"error: {undrawn} equations or images are not drawn in {target}", file=sys.stderr)
        return 1
    print(f"{target}: {target.stat().st_size / 1e6:.1f} MB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
