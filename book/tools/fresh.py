"""Throw away what a build must not reuse: results of other code, pages of an earlier version.

`begin` runs before a build, `done` after one that passed, `fail` after one that did not. Where only
the text of pages has changed since a build that passed, Sphinx reads the changed pages again and
writes all of them: every link, label and number of another page is looked up again, or missed.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from importlib.metadata import version
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
RESULTS = ("lib", "book/data", "requirements.txt")
CACHE = "_build/.jupyter_cache"  # chapters that have run; the tests' runs and the build's use it
ADDRESSES = ("SITE_URL", "REPOSITORY_URL", "REPOSITORY_BRANCH")  # which pages name
PAGES = ("book", "_config.yml", "_toc.yml")
IGNORED = ("__pycache__", ".ipynb_checkpoints")
TITLE = re.compile(rb"^# .*", re.MULTILINE)
READ = ("html", ".doctrees", "jupyter_execute")  # what a build that reads all pages makes
WRITTEN = ("book", "_downloads", "_images", "_sources", "_static")  # anew; library sources stay
SUFFIXES_IGNORED = (".ipynb", ".pyc", ".egg-info", ".tmp")


def files(path: Path) -> Iterator[Path]:
    """The files at or below `path` that a person wrote."""
    if path.is_file():
        yield path
    for child in sorted(path.iterdir()) if path.is_dir() else ():
        ignored = child.name in IGNORED or child.suffix in SUFFIXES_IGNORED
        if not ignored and ".partial" not in child.name:
            yield from files(child)


def digest(
    root: Path, names: Iterable[str], read: Callable[[Path], bytes] = Path.read_bytes
) -> str:
    """A hash of the names and contents of these files and folders, and of Python's version."""
    total = hashlib.sha256(sys.version.encode())
    for path in (path for name in names for path in files(root / name)):
        content = hashlib.sha256(read(path)).hexdigest()
        total.update(f"{path.relative_to(root).as_posix()} {content}\n".encode())
    return total.hexdigest()


def forget(root: Path) -> dict[str, str]:
    """Remove chapters that ran with other code or data. Returns what the last build noted."""
    build, results = root / "_build", digest(root, RESULTS)
    last = read_stamp(build)
    if results != last.get("results"):
        remove(build, ".jupyter_cache")
        write_stamp(build, {**last, "results": results})
    return last


def is_current(root: Path) -> bool:
    """Are the chapters that are kept of today's code and data?"""
    return read_stamp(root / "_build").get("results") == digest(root, RESULTS)


def built_from(root: Path) -> str:
    """Version of the library, and commit and its date where there is a repository."""
    text = f"Version {version('circuits-in-superposition')}"
    command = ["git", "-C", str(root), "log", "-1", "--format=commit %h of %cs"]
    try:
        found = subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return text
    return f"{text}, {found}" if found else text


def frame(path: Path) -> bytes:
    """What pages of the library's source show of a file: of a chapter its title."""
    text = path.read_bytes()
    chapter = path.suffix == ".md" and b"automodule" not in text
    return b"\n".join(TITLE.findall(text)) if chapter else text


def begin(root: Path) -> None:
    """Remove executed chapters of other code, and pages unless the last build of these passed."""
    build, last = root / "_build", forget(root)
    around = digest(root, (*RESULTS, *PAGES), frame)
    chapters = {f"book/{path.stem}" for path in (root / "book").glob("*.md")}
    now = {page: digest(root, [f"{page}.md"]) for page in chapters} | {
        "results": read_stamp(build)["results"],
        "building": digest(root, (*RESULTS, *PAGES)),
        "frame": " ".join([around, built_from(root), *(os.environ.get(n, "") for n in ADDRESSES)]),
    }
    if now["frame"] != last.get("frame") or "built" not in last:
        remove(build, *READ)
    elif now["building"] != last["built"]:
        remove(build, *(f"html/{name}" for name in WRITTEN))
        for page in chapters:  # Sphinx sees no change in a file that has become older
            if now[page] != last.get(page):
                (build / ".doctrees" / f"{page}.doctree").unlink(missing_ok=True)
                (build / "jupyter_execute" / f"{page}.glue.json").unlink(missing_ok=True)
    write_stamp(build, now)


def done(root: Path) -> None:
    """Record that the pages of the state seen by `begin` were built without a warning."""
    stamp = read_stamp(root / "_build")
    write_stamp(root / "_build", {**stamp, "built": stamp.get("building", "")})


def fail(root: Path) -> None:
    """Remove the pages of a failed build, so that the next one fails for the same reason."""
    remove(root / "_build", *READ)


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
