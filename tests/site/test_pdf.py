"""The PDF is printed whole, and what is not drawn on it is counted."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

PAGE = """<!doctype html><title>A book</title><script>
window.MathJax = {{startup: {{promise: Promise.resolve()}}}};
</script><h1>One</h1><span class="math"><mjx-container>x</mjx-container></span>
<img alt="a dot" src="{dot}">{more}"""
DOT = "data:image/svg+xml,<svg xmlns='http://www.w3.org/2000/svg' width='5' height='5'/>"


@pytest.fixture
def printed(tmp_path: Path, browser: Any) -> Any:
    """Prints a page of so much more, and gives the file and what was not drawn."""
    import pdf

    def run(more: str) -> tuple[Path, int]:
        (tmp_path / "book").mkdir(exist_ok=True)
        (tmp_path / "book/index.html").write_text(PAGE.format(dot=DOT, more=more))
        target = tmp_path / "book.pdf"
        return target, pdf.pdf(tmp_path, target, browser)

    return run


def test_a_page_is_printed(printed: Any) -> None:
    target, undrawn = printed("")
    assert undrawn == 0
    assert target.read_bytes().startswith(b"%PDF")
    assert [*target.parent.glob("*.partial*")] == []


def test_what_is_not_drawn_is_counted(printed: Any) -> None:
    _, undrawn = printed('<img alt="" src="gone.png"><span class="math">\\(x\\)</span>')
    assert undrawn == 2


def test_without_a_browser_it_says_so(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("playwright", reason="playwright is not installed")
    import pdf

    monkeypatch.setattr(pdf.shutil, "which", lambda _: None)
    assert pdf.main() == 1
    assert "Chromium is not installed" in capsys.readouterr().err
