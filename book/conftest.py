"""Comparing notebooks: without figures, and if asked with the book's runs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from nbval.plugin import IPyNbFile

import fresh
import notebooks

ROOT = Path(__file__).resolve().parents[1]


def pytest_addoption(parser: pytest.Parser) -> None:
    """Without the option each notebook runs, and no run is kept."""
    parser.addoption(
        "--nbval-built",
        action="store_true",
        help="compare with the runs that the book's build shows, or make them",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Forget runs of other code and data, once, before workers start."""
    worker = hasattr(config, "workerinput")
    if config.getoption("nbval_built") and not worker:
        fresh.forget(ROOT)


def pytest_collectstart(collector: pytest.Collector) -> None:
    """nbval leaves out PNG and JPEG by itself, but not SVG."""
    if isinstance(collector, IPyNbFile):
        collector.skip_compare += ("image/svg+xml",)
        if collector.config.getoption("nbval_built"):
            collector.setup = lambda: replay(collector)


def replay(collector: IPyNbFile) -> None:
    """What nbval does before the first cell, but with a replay as kernel."""
    collector.kernel = Replay(collector.path.with_suffix(".md"))
    collector.setup_sanitize_files()


class Replay:
    """Answers nbval as a kernel does, with what a page's cells once gave."""

    def __init__(self, page: Path) -> None:
        notebook, self.fault = notebooks.executed(page)
        self.cells = iter(notebooks.code_cells(notebook))
        self.source = ""
        self.messages: Iterator[tuple[str, Any]] = iter(())

    def execute_cell_input(self, source: str, allow_stdin: bool) -> str:
        """Turn to the cell with this source; one that never ran failed."""
        cell = next((c for c in self.cells if c.source == source), None)
        if cell is None:
            raise RuntimeError("no such cell in the page; run `make sync`")
        answers = [(output.output_type, output) for output in cell.outputs]
        if cell.execution_count is None:
            error = {"ename": "", "evalue": "", "traceback": [self.fault]}
            answers = [("error", error)]
        idle = {"execution_state": "idle"}
        self.messages = iter([*answers, ("status", idle)])
        self.source = source
        return source

    def get_message(self, stream: str, timeout: float) -> dict[str, Any]:
        """The next answer, whose parent is the cell."""
        kind, content = next(self.messages)
        parent = {"msg_id": self.source}
        return {"msg_type": kind, "content": content, "parent_header": parent}

    def is_alive(self) -> bool:
        """A replay never dies."""
        return True

    def await_reply(self, msg_id: str, timeout: float) -> None:
        """All answers are there."""

    def await_idle(self, msg_id: str, timeout: float) -> None:
        """All answers are there."""

    def stop(self) -> None:
        """There is nothing to stop."""
