"""Throw away what a build must not reuse: results of other code, pages of an earlier version.

`begin` runs before a build, `done` after one that passed, `fail` after one that did not.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
RESULTS = ("lib", "book/data", "requirements.txt")
CACHE = "_build/.jupyter_cache"  # chapters that have run; the tests' runs and the build's use it
PAGES = ("book", "_config.yml", "_toc.yml")
IGNORED = ("__pycache__", ".ipynb_checkpoints")
SUFFIXES_IGNORED = (".ipynb", ".pyc", ".egg-info", ".tmp")


def files(path: Path) -> Iterator[Path]:
    """The files at or below `path` that a person wrote."""
    if path.is_file():
        yield path
    for child in sorted(path.iterdir()) if path.is_dir() else ():
        ignored = child.name in IGNORED or child.suffix in SUFFIXES_IGNORED
        if not ignored and ".partial" not in child.name:
            yield from files(child)


def digest(root: Path, names: Iterable[str]) -> str:
    """A hash of the names and contents of these files and folders, and of Python's version."""
    total = hashlib.sha256(sys.version.encode())
    for path in (path for name in names for path in files(root / name)):
        content = hashlib.sha256(path.read_bytes()).hexdigest()
        total.update(f"{path.relative_to(root).as_posix()} {content}\n".encode())
    return total.hexdigest()


def forget(root: Path) -> dict[str, str]:
    """Remove chapters that ran with other code or data. Returns what the last build noted."""
    build, results = root / "_build", digest(root, RESULTS)
    last = read_stamp(build)
    if results != last.get("results"):
        remove(build, ".jupyter_cache", "jupyter_execute")
        write_stamp(build, {**last, "results": results})
    return last


def is_current(root: Path) -> bool:
    """Are the chapters that are kept of today's code and data?"""
    return read_stamp(root / "_build").get("results") == digest(root, RESULTS)


def begin(root: Path) -> None:
    """Remove executed chapters of other code, and pages unless the last build of these passed."""
    last, building = forget(root), digest(root, (*RESULTS, *PAGES))
    # Sphinx repeats no warning of a page that it does not read again, and a number or a label
    # may be shown on another page: any change means that all pages are written anew.
    if building != last.get("built"):
        remove(root / "_build", "html", ".doctrees")
    stamp = read_stamp(root / "_build")
    write_stamp(root / "_build", {"results": stamp["results"], "building": building})


def done(root: Path) -> None:
    """Record that the pages of the state seen by `begin` were built without a warning."""
    stamp = read_stamp(root / "_build")
    write_stamp(root / "_build", {**stamp, "built": stamp.get("building", "")})


def fail(root: Path) -> None:
    """Remove the pages of a failed build, so that the next one fails for the same reason."""
    remove(root / "_build", "html", ".doctrees")


def remove(build: Path, *names: str) -> None:
    """Remove folders of the build where they are there."""
    for name in names:
        shutil.rmtree(build / name, ignore_errors=True)


def read_stamp(build: Path) -> dict[str, str]:
    """What the last build noted; nothing where there was none or its note is damaged."""
    try:
        return dict(json.loads((build / "fresh.json").read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return {}


def write_stamp(build: Path, stamp: dict[str, str]) -> None:
    """Note the state of a build."""
    build.mkdir(exist_ok=True)
    (build / "fresh.json").write_text(json.dumps(stamp, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    {"begin": begin, "done": done, "fail": fail}[sys.argv[1]](ROOT)
