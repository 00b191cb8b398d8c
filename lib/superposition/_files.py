"""Writing files whole or not at all, and checking in time that a file can be written."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO
from uuid import uuid4


@contextmanager
def atomic_write(path: str | Path) -> Iterator[IO[bytes]]:
    """Yield a binary file that appears under `path` only once everything has been written to it.

    Raises OSError, naming the file, if it cannot be written; a file that was there stays.
    """
    path = Path(path)
    unfinished = path.with_name(f".{path.name}.{uuid4().hex}.partial")
    with named(path, "written"):
        try:
            with unfinished.open("wb") as out:
                yield out
                out.flush()
                os.fsync(out.fileno())  # a full or failing disk may say so only now
            unfinished.replace(path)
        finally:
            unfinished.unlink(missing_ok=True)


def check_writable(path: str | Path) -> None:
    """Raise OSError, naming the file, if `atomic_write` to `path` would fail. Its folder is made.

    The check writes a file beside `path`. A long computation should know the result before it
    starts.
    """
    path = Path(path)
    with named(path, "written"):
        if path.is_dir():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        if path.exists() and not os.access(path, os.W_OK):  # could be replaced, but is protected
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        path.parent.mkdir(parents=True, exist_ok=True)
        trial = path.with_name(f".{path.name}.{uuid4().hex}.trial")
        try:
            trial.write_bytes(b"\n")
        finally:
            trial.unlink(missing_ok=True)


@contextmanager
def named(path: Path, use: str) -> Iterator[None]:
    """Raise errors of the file system again, with the file and the use that it was for."""
    try:
        yield
    except OSError as error:
        reason = error.strerror or str(error)
        text = f"path: wanted a file that can be {use}, got {path}: {reason}"
        raise OSError(error.errno or errno.EIO, text) from error
