"""Make the committed notebooks (book/*.ipynb) from the chapters (book/*.md), and check them.

`sync [NAME …]` runs the chapters and writes the notebooks; `check` compares the two and runs
nothing. `run [NAME …]` runs what the book's build would run, and keeps it where the build looks.
"""

from __future__ import annotations

import argparse
import fcntl
import os
import re
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import jupytext
import nbformat
from jupyter_cache import get_cache
from jupyter_cache.base import CacheBundleIn
from myst_nb.core.config import NbParserConfig
from myst_nb.core.read import create_nb_reader
from myst_parser.config.main import MdParserConfig
from nbclient import NotebookClient
from nbclient.exceptions import CellControlSignal, CellExecutionError, DeadKernelError
from nbformat import NotebookNode

import fresh

BOOK = Path(__file__).resolve().parents[1]
TIMEOUT = 120
ADDRESS = re.compile(r"\bat 0x[0-9a-f]{6,}")
METADATA = {
    "kernelspec": {
        "display_name": "Python 3",
        "language": "python",
        "name": "python3",
    },
    "language_info": {"name": "python"},
}


def chapters(book: Path) -> list[Path]:
    """The pages of the book that hold code cells."""
    return [page for page in sorted(book.glob("*.md")) if code_cells(read_chapter(page))]


def read_chapter(page: Path) -> NotebookNode:
    """The page as a notebook that has not run; without cells if it is a page of prose."""
    text = page.read_text(encoding="utf-8")
    header = re.match(r"---\n(.*?)\n---\n", text, re.DOTALL)
    if not header or not re.search(r"^file_format:\s*mystnb\b", header[1], re.MULTILINE):
        return nbformat.v4.new_notebook()
    notebook = jupytext.reads(text, fmt="md:myst")
    notebook.metadata = nbformat.from_dict(METADATA)
    notebook.nbformat_minor = 5
    for number, cell in enumerate(notebook.cells):
        cell.id = f"cell-{number}"
    return notebook


def code_cells(notebook: NotebookNode) -> list[NotebookNode]:
    """The cells that run."""
    return [cell for cell in notebook.cells if cell.cell_type == "code" and cell.source.strip()]


def normalise(notebook: NotebookNode) -> None:
    """Drop what differs from run to run, and images, which no test compares."""
    for cell in code_cells(notebook):
        cell.metadata.pop("execution", None)
        for output in cell.outputs:
            for kind in images(output):
                del output.data[kind]
                output.metadata.pop(kind, None)


def images(output: NotebookNode) -> list[str]:
    """The image types that an output holds."""
    return [kind for kind in output.get("data", {}) if kind.startswith("image/")]


def execute(page: Path) -> str:
    """Run a chapter and write its notebook. Returns what went wrong: nothing, if all is well.

    It takes no copy that has run, so that what is committed and what is compared with it are
    two runs.
    """
    notebook = read_chapter(page)
    if fault := run(notebook, page):
        return fault
    normalise(notebook)
    faults = notebook_faults(notebook, page.with_suffix(".ipynb").name)
    if not faults:
        write(notebook, page.with_suffix(".ipynb"))
    return "\n".join(faults)


def run(notebook: NotebookNode, page: Path) -> str:
    """Run the cells of a chapter. Returns what went wrong; the cell that failed has no number."""
    reached = [0]
    client = NotebookClient(
        notebook,
        timeout=TIMEOUT,
        kernel_name="python3",
        record_timing=False,
        coalesce_streams=True,
        resources={"metadata": {"path": str(page.parent)}},
        on_cell_start=lambda cell, cell_index: reached.append(cell_index),
    )
    try:
        client.execute()
    except (CellExecutionError, CellControlSignal, DeadKernelError) as error:
        notebook.cells[reached[-1]].execution_count = None
        return f"{page.name}: {describe(notebook, reached[-1])} failed:\n{error}"
    return ""


def executed(page: Path) -> tuple[NotebookNode, str]:
    """A chapter that has run with today's code and data, and what went wrong.

    The copy in the cache of the book's build is taken, if there is one, and made otherwise: one
    run for each state of cells, code and data.
    """
    root, text = page.parents[1], page.read_text(encoding="utf-8")
    notebook = create_nb_reader(str(page), MdParserConfig(), NbParserConfig(), text).read(text)
    cache, current = get_cache(root / fresh.CACHE), fresh.is_current(root)
    with alone(root), suppress(KeyError):
        if current:
            return cache.merge_match_into_notebook(notebook)[1], ""
    start = time.monotonic()
    fault = run(notebook, page)
    data = {"execution_seconds": time.monotonic() - start}
    if current and not fault and fresh.is_current(root):
        bundle = CacheBundleIn(notebook, str(page), data=data)
        with alone(root):
            cache.cache_notebook_bundle(bundle, check_validity=False, overwrite=True)
    return notebook, fault


@contextmanager
def alone(root: Path) -> Iterator[None]:
    """Wait until no other process uses the cache: it makes its tables when it is first used."""
    with (root / "_build/cache.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def ran(page: Path) -> str:
    """What went wrong when a chapter ran for the book's build, now or before."""
    return executed(page)[1]


def describe(notebook: NotebookNode, index: int) -> str:
    """A cell's place among the code cells, and how it begins."""
    cell = notebook.cells[index]
    number = sum(cell.cell_type == "code" for cell in notebook.cells[: index + 1])
    return f"code cell {number} ({(cell.source.strip().splitlines() or [''])[0]!r})"


def write(notebook: NotebookNode, path: Path) -> None:
    """Write a notebook whole or not at all."""
    temporary = path.with_suffix(".tmp")
    temporary.write_text(nbformat.writes(notebook).rstrip("\n") + "\n", encoding="utf-8")
    os.replace(temporary, path)


def notebook_faults(notebook: NotebookNode, name: str) -> list[str]:
    """What is wrong with an executed notebook by itself."""
    faults = []
    for index, cell in enumerate(notebook.cells):
        if cell.cell_type != "code" or not cell.source.strip():
            continue
        where = f"{name}: {describe(notebook, index)}"
        if cell.get("execution_count") is None:
            faults.append(f"{where} has no execution count, so its outputs would not be compared")
        if any(images(output) for output in cell.outputs):
            faults.append(f"{where} stores an image")
        if ADDRESS.search(str(cell.outputs)):
            faults.append(f"{where} prints a memory address, which differs on every run")
    return faults


def inputs(notebook: NotebookNode) -> list[tuple[str, str, Any]]:
    """What a person wrote: each cell's type, source and metadata."""
    return [(cell.cell_type, cell.source, dict(cell.metadata)) for cell in notebook.cells]


def check(book: Path) -> list[str]:
    """Every fault of the notebooks of a book, in words."""
    pages = chapters(book)
    strangers = sorted({*book.glob("*.ipynb")} - {page.with_suffix(".ipynb") for page in pages})
    faults = [f"{path.name}: no chapter with code beside it; delete it" for path in strangers]
    for page in pages:
        path = page.with_suffix(".ipynb")
        if not path.exists():
            faults.append(f"{path.name}: missing; run `make sync`")
            continue
        notebook = nbformat.read(path, as_version=4)
        if inputs(notebook) != inputs(read_chapter(page)):
            faults.append(f"{path.name}: differs from {page.name} in its inputs; run `make sync`")
        faults += notebook_faults(notebook, path.name)
    return faults


def sync(book: Path, names: list[str], work: Callable[[Path], str] = execute) -> list[str]:
    """Run the named chapters (all of them without a name), two at a time; return what failed."""
    pages = [page for page in chapters(book) if not names or page.stem in names]
    unknown = sorted({*names} - {page.stem for page in pages})
    faults = [f"{name}: no such chapter with code" for name in unknown]
    with ProcessPoolExecutor(max_workers=2) as pool:
        for page, fault in zip(pages, pool.map(work, pages), strict=True):
            print(f"{'failed' if fault else 'ran   '}  {page.stem}", flush=True)
            faults += [fault] if fault else []
    return faults


def main() -> int:
    """Run one command; 1 if it found a fault."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("command", choices=["sync", "run", "check"])
    parser.add_argument(
        "names",
        nargs="*",
        help="only these chapters, such as: introduction",
    )
    parser.add_argument("--book", type=Path, default=BOOK, help=argparse.SUPPRESS)
    options = parser.parse_args()
    book = options.book.resolve()
    if options.command == "run":
        fresh.forget(book.parent)
    work = {"sync": execute, "run": ran}.get(options.command)
    faults = sync(book, options.names, work) if work else check(book)
    print("\n".join(faults), file=sys.stderr, end="\n" if faults else "")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
