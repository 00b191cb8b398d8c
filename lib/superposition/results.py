"""Results files hold the finished runs of a sweep in one table, which is read whole or refused."""

from __future__ import annotations

import csv
import errno
import hashlib
import io
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import takewhile
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any
from uuid import uuid4

import numpy as np

if TYPE_CHECKING:
    import pandas as pd


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


Key = tuple[str, ...]
_DIGEST = "sha256 of the other lines"


def read_table(path: str | Path) -> tuple[pd.DataFrame, dict[str, str]]:
    """Return the table and the header of a stored sweep.

    Files written by `sweep` hold a digest of their own lines. A file that was cut off or changed is
    refused. Without the line of the digest, a file is accepted if its lines are whole.

    Raises ValueError, naming the file and where possible the line, for a file that is no table or
    not whole; OSError for one that cannot be read.
    """

    import pandas as pd

    try:
        # a visit to Windows changes line ends and nothing else
        text = Path(path).read_bytes().replace(b"\r\n", b"\n").decode()
        lines = list(io.StringIO(text))
        comments = list(takewhile(lambda line: line.startswith("# "), lines))
        header = dict(line[2:].rstrip("\n").split(": ", 1) for line in comments if ": " in line)
        body = lines[len(comments) :]
        _check_lines(body, first=len(comments) + 1)
        if header.pop(_DIGEST, digest := _digest(comments, body)) != digest:
            raise ValueError("lines were lost or changed since it was written")
        # this engine reads floats exactly; "NA" and the like are texts, only nothing is nothing
        table = pd.read_csv(
            io.StringIO("".join(body)), engine="python", keep_default_na=False, na_values=[""]
        )
        if "entropy" not in header or "seed" not in table:
            raise ValueError("there is no entropy in its header or no column seed")
    except (ValueError, csv.Error) as error:
        raise ValueError(
            f"path: wanted a table written by sweep, got {path}: {error}. Restore it from a copy, "
            f"or move it away to have its runs made again"
        ) from error
    return table, header


def table_text(table: pd.DataFrame, header: Mapping[str, str]) -> str:
    """Return the text that `read_table` reads: the header's lines, their digest, and the table."""
    lines = [f"# {name}: {value}\n" for name, value in header.items()]
    body = table.to_csv(index=False, lineterminator="\n")
    return "".join([*lines, f"# {_DIGEST}: {_digest(lines, [body])}\n", body])


def key_of(setting: Mapping[str, Any]) -> Key:
    """Return a setting's values as text, which a file does not change."""
    return tuple(
        repr(float(v)) if isinstance(v, (int, float, np.number)) else str(v)
        for v in setting.values()
    )


def _digest(comments: Sequence[str], body: Sequence[str]) -> str:
    others = [line for line in comments if not line.startswith(f"# {_DIGEST}: ")]
    return hashlib.sha256("".join([*others, *body]).encode()).hexdigest()


def _check_lines(body: Sequence[str], first: int) -> None:
    """Raise ValueError unless all lines are whole and have as many fields as the first.

    first: the number of the body's first line in its file.
    """
    reader = csv.reader(body, strict=True)
    n_fields = len(next(reader, []))
    if not n_fields:
        raise ValueError("it holds no table")
    for fields in reader:
        if len(fields) != n_fields:
            line = first + reader.line_num - 1
            raise ValueError(f"line {line} has {len(fields)} of {n_fields} fields")
    if not body[-1].endswith("\n"):
        raise ValueError(f"line {first + len(body) - 1} is cut off")


class Results:
    """Finished runs of one sweep, in memory and, with a path, in files.

    names: the columns of the settings.
    header: lines above the table.
    order: the keys of all runs of the sweep.

    Until the sweep is done its runs are in `<name>.partial.csv`, which is always whole. A new file
    replaces it when writing takes less than a tenth of the time since the last one, and when the
    sweep ends for any reason. Nothing is removed from a file. Further runs in it stay, and runs
    that another sweep has added in the meantime are kept.
    """

    def __init__(
        self,
        path: str | Path | None,
        names: Sequence[str],
        header: Mapping[str, str],
        order: Sequence[Key],
    ) -> None:
        self.tables: dict[Key, pd.DataFrame] = {}
        self._path = Path(path) if path is not None else None
        self._names = [*names, "seed"]
        self._header = dict(header)
        self._order = order
        self._seen: dict[Path, tuple[int, ...]] = {}
        self._n_safe = 0
        self._unsaved = False
        self._due = -np.inf
        self._catch_up()

    def check_writable(self) -> None:
        """Raise OSError, naming the file, if the results could not be written."""
        for file in self._files:
            check_writable(file)

    def add(self, key: Key, table: pd.DataFrame) -> None:
        """Add one more finished run."""
        self.tables[key] = table
        self._unsaved = True
        if time.monotonic() >= self._due:
            self.save()

    def save(self) -> None:
        """Put all runs into the partial file, if it lacks any of them."""
        if self._files and self._unsaved:
            self._unsaved = False
            begun = time.monotonic()
            self._write(self._files[1])
            self._due = time.monotonic() + 9 * (time.monotonic() - begun)

    def finish(self) -> pd.DataFrame:
        """Return the sweep's own runs, in its order, once all are there."""
        if self._files:
            whole, partial = self._files
            if self._unsaved or partial.exists() or not whole.exists():
                self._write(whole)
                partial.unlink(missing_ok=True)
        return self._table(self._order)

    @property
    def _files(self) -> list[Path]:
        """The place of the whole table, and of its runs until it is whole."""
        return [self._path, self._path.with_suffix(".partial.csv")] if self._path else []

    def _table(self, keys: Sequence[Key]) -> pd.DataFrame:
        import pandas as pd

        return pd.concat([self.tables[k] for k in keys if k in self.tables], ignore_index=True)

    def _write(self, file: Path) -> None:
        """Write all runs as `file`, with those that others have written in the meantime."""
        try:
            self._catch_up()
            self._put(file)
        except ValueError as error:  # what is there is no longer ours, and is not overwritten
            rescue = file.with_suffix(f".{uuid4().hex[:8]}.csv")
            self._put(rescue)
            raise ValueError(f"{error}; the runs of this sweep are in {rescue}") from error
        except OSError as error:
            raise OSError(
                error.errno,
                f"{error.strerror}; {self._n_safe} finished runs are safe: once that is mended, "
                f"start the same sweep again and it continues from them",
            ) from error
        self._n_safe = len(self.tables)

    def _put(self, file: Path) -> None:
        text = table_text(
            self._table(list(dict.fromkeys([*self._order, *self.tables]))), self._header
        )
        with atomic_write(file) as out:
            out.write(text.encode())
        self._seen[file] = _stamp(file)

    def _catch_up(self) -> None:
        """Take over the runs of files that this sweep has not written itself."""
        for file in self._files:
            with named(file, "read"):
                if file.exists() and self._seen.get(file) != (stamp := _stamp(file)):
                    self._load(file)
                    self._seen[file] = stamp
                    self._n_safe = len(self.tables)

    def _load(self, file: Path) -> None:
        table, header = read_table(file)
        wanted = {k: v for k, v in self._header.items() if header.get(k) != v}
        if wanted or not set(self._names) <= set(table):
            raise ValueError(
                f"path: {file} belongs to another sweep (wanted columns {self._names} and header "
                f"{wanted}); move it away or choose another path"
            )
        for _, rows in table.groupby(self._names, sort=False):
            self.tables.setdefault(key_of(rows[self._names].iloc[0].to_dict()), rows)


def _stamp(file: Path) -> tuple[int, ...]:
    """Return numbers that change whenever another file has taken this one's place."""
    status = file.stat()
    return status.st_ino, status.st_size, status.st_mtime_ns
