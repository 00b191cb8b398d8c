"""The book's stored results: `python -m companion NAME FILE` makes one of them again.

An interrupted run of a table continues where it stopped. A test recomputes a sample of each
table's rows.
"""

from __future__ import annotations

import argparse
import importlib
import pkgutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

import joblib

import companion
from companion._study import Study

_PATIENCE = "10s"  # for a scheduler to answer


def chapters() -> list[ModuleType]:
    """The modules of all chapters."""
    names = [found.name for found in pkgutil.iter_modules(companion.__path__) if not found.ispkg]
    return [importlib.import_module(f"companion.{n}") for n in names if not n.startswith("_")]


def studies() -> dict[str, Study]:
    """The stored tables of all chapters, by name: each chapter's `STUDIES`."""
    return {name: s for m in chapters() for name, s in getattr(m, "STUDIES", {}).items()}


def others() -> dict[str, Callable[[Path], None]]:
    """What else is stored, by name: each chapter's `MADE`, functions that write one file."""
    return {name: make for m in chapters() for name, make in getattr(m, "MADE", {}).items()}


@contextmanager
def _cluster(scheduler: str | None) -> Iterator[None]:
    """Run sweeps inside on the Dask cluster of the scheduler at this address, if one is given."""
    if scheduler is None:
        yield
        return
    from distributed import Client  # an extra: installed only where there is a cluster

    try:
        client = Client(scheduler, timeout=_PATIENCE)
    except OSError as error:
        text = f"scheduler: wanted a Dask scheduler, got none at {scheduler}: {error}"
        raise OSError(text) from error
    with client, joblib.parallel_config("dask", client=client):
        yield


def main(arguments: list[str] | None = None) -> None:
    """Makes one stored result, or completes it, as the command line says."""
    tables, files = studies(), others()
    parser = argparse.ArgumentParser(
        prog="python -m companion", description="Make one of the book's stored results again."
    )
    parser.add_argument("name", choices=sorted([*tables, *files]))
    parser.add_argument("path", type=Path, help="the file to write; a table is completed")
    where = parser.add_mutually_exclusive_group()
    where.add_argument(
        "--jobs", type=int, help="worker processes on this machine, for tables (default: 1)"
    )
    where.add_argument(
        "--scheduler",
        metavar="ADDRESS",
        help="compute a table on the Dask cluster of this scheduler, such as "
        "tcp://192.0.2.1:8786; needs the package distributed",
    )
    options = parser.parse_args(arguments)
    if options.name in files:
        if options.jobs is not None or options.scheduler is not None:
            parser.error(f"{options.name} is made by one process: wanted no --jobs, no --scheduler")
        files[options.name](options.path)
        return
    with _cluster(options.scheduler):
        tables[options.name].run(options.path, name=options.name, n_jobs=options.jobs)


if __name__ == "__main__":
    main()
