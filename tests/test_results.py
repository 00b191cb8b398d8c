"""Results files: whole or refused, never half-written, and nothing finished is lost."""

import errno
import os
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace

import joblib
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from companion import ledger
from companion.__main__ import main
from superposition import results, sweep
from superposition.results import read_table, table_text

SETTINGS = [{"size": size, "kind": kind} for size in (2, 3.5) for kind in ("flat", "steep")]
FULL = Path("/dev/full")
needs_full = pytest.mark.skipif(not FULL.exists(), reason="this system has no full device")


def draw(size: float, kind: str, rng: np.random.Generator) -> pd.DataFrame:
    return pd.DataFrame({"layer": [0, 1], "value": size * rng.standard_normal(2)})


def run(settings=SETTINGS, measure=draw, seed=0, n_seeds=2, **options):
    rng = np.random.default_rng(seed)
    return sweep(measure, settings, n_seeds, rng, progress=False, **options)


def names(folder):
    return sorted(path.name for path in folder.iterdir())


@pytest.fixture(scope="module")
def stored(tmp_path_factory):
    """A results file, as bytes, and its table."""
    file = tmp_path_factory.mktemp("results") / "t.csv"
    run(path=file, header={"command": "python -m nothing"})
    return file.read_bytes(), read_table(file)[0]


def without_digest(content: bytes) -> bytes:
    lines = content.splitlines(keepends=True)
    return b"".join(line for line in lines if not line.startswith(b"# sha256"))


# a table's rows are those that were written, or it is refused


def test_a_file_cut_off_anywhere_is_refused(tmp_path, stored):
    """After any byte: within a number, after a line, after a run."""
    content, _ = stored
    for end in range(len(content)):
        (tmp_path / "t.csv").write_bytes(content[:end])
        with pytest.raises(ValueError, match="wanted a table written by sweep"):
            read_table(tmp_path / "t.csv")


def test_a_file_without_digest_cut_off_anywhere_gives_whole_rows_or_is_refused(tmp_path, stored):
    content, table = stored
    content, n_read = without_digest(content), 0
    for end in range(len(content) + 1):
        (tmp_path / "t.csv").write_bytes(content[:end])
        with suppress(ValueError):
            read = read_table(tmp_path / "t.csv")[0]
            pd.testing.assert_frame_equal(
                read, table[: len(read)], check_exact=True, check_dtype=len(read) > 0
            )
            assert content[:end].endswith(b"\n")
            n_read += 1
    assert n_read == len(table) + 1


cells = st.one_of(
    st.floats(allow_nan=False),
    st.integers(-(2**53), 2**53),
    st.text("ab,\"'\n #:é-0.1", max_size=5),
)


@given(
    rows=st.lists(st.tuples(st.floats(allow_nan=False), cells), min_size=1, max_size=5),
    cut=st.floats(0, 1, exclude_max=True),
)
def test_no_table_reads_back_from_a_part_of_its_file(tmp_path_factory, rows, cut):
    file = tmp_path_factory.mktemp("part") / "t.csv"
    table = pd.DataFrame(rows, columns=["value", "said"]).assign(seed=0)
    content = table_text(table, {"entropy": "[1]"}).encode()
    file.write_bytes(content)
    assert (read_table(file)[0]["value"] == table["value"]).all()
    file.write_bytes(content[: int(cut * len(content))])
    with pytest.raises(ValueError, match="wanted a table written by sweep"):
        read_table(file)


@given(place=st.floats(0, 1, exclude_max=True), byte=st.integers(0, 255))
def test_a_changed_byte_never_changes_a_number(tmp_path_factory, stored, place, byte):
    """Within the name of the digest it changes nothing else; anywhere else it is found."""
    content, table = stored
    at = int(place * len(content))
    file = tmp_path_factory.mktemp("byte") / "t.csv"
    file.write_bytes(content[:at] + bytes([byte]) + content[at + 1 :])
    line = content[:at].count(b"\n")
    if content[at] != byte and not content.splitlines()[line].startswith(b"# sha256"):
        with pytest.raises(ValueError, match="wanted a table written by sweep"):
            read_table(file)
    else:
        with suppress(ValueError):
            pd.testing.assert_frame_equal(read_table(file)[0], table, check_exact=True)


def test_a_visit_to_windows_changes_nothing(tmp_path, stored):
    content, table = stored
    (tmp_path / "t.csv").write_bytes(content.replace(b"\n", b"\r\n"))
    read, header = read_table(tmp_path / "t.csv")
    pd.testing.assert_frame_equal(read, table, check_exact=True)
    assert header["command"] == "python -m nothing"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda c: c[:-4], "line 20 is cut off"),
        (lambda c: c[:-1], "line 20 is cut off"),
        (lambda c: c[: c.rindex(b",")] + b"\n", "line 20 has 4 of 5 fields"),
        (lambda c: c + b"2.0,flat,0\n", "line 21 has 3 of 5 fields"),
        (lambda c: c[: c[:-1].rindex(b"\n") + 1], "lines were lost or changed"),
        (lambda c: c.replace(b"flat", b"step", 1), "lines were lost or changed"),
        (lambda c: b"\x89PNG\r\n\x1a\n\x00\xff" + c, "can't decode byte"),
        (lambda c: bytes(300), "line 1 is cut off"),
        (lambda c: c[: c.index(b"size")], "it holds no table"),
        (lambda c: without_digest(c).replace(b"# entropy", b"# source"), "no entropy in its"),
        (lambda c: without_digest(c).replace(b"seed", b"trial", 1), "or no column seed"),
        (lambda c: without_digest(c) + b'2,"open\n', "unexpected end of data"),
    ],
)
def test_what_is_wrong_with_a_file_is_said_and_the_file_stays(tmp_path, stored, change, message):
    file = tmp_path / "t.csv"
    file.write_bytes(change(stored[0]))
    before = file.read_bytes()
    with pytest.raises(ValueError, match=f"(?s)path: .* got {file}: .*({message}).*Restore"):
        run(path=file)
    assert file.read_bytes() == before
    assert names(tmp_path) == ["t.csv"]


def test_a_cut_partial_file_is_refused_and_stays(tmp_path, stored):
    partial = tmp_path / "t.partial.csv"
    partial.write_bytes(stored[0][:-3])
    with pytest.raises(ValueError, match=r"t\.partial\.csv: line 20 is cut off"):
        run(path=tmp_path / "t.csv", header={"command": "python -m nothing"})
    assert partial.read_bytes() == stored[0][:-3]


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"nowhere\.csv"):
        read_table(tmp_path / "nowhere.csv")


def test_single_precision_comes_back_digit_for_digit(tmp_path):
    """Else an interrupted sweep would write 0.1 as 0.10000000149011612, another not."""

    def measure(size, rng):
        if size == 2 and not (tmp_path / "told").exists():
            (tmp_path / "told").touch()
            raise InterruptedError
        return pd.DataFrame({"value": np.array([0.1], dtype=np.float32)})

    settings = [{"size": 1}, {"size": 2}]
    with pytest.raises(InterruptedError):
        run(settings, measure, path=tmp_path / "t.csv")
    run(settings, measure, path=tmp_path / "t.csv")
    run(settings, measure, path=tmp_path / "once.csv")
    assert (tmp_path / "t.csv").read_bytes() == (tmp_path / "once.csv").read_bytes()
    assert read_table(tmp_path / "t.csv")[0]["value"].eq(np.float64(np.float32(0.1))).all()


# nothing that is finished is lost


def test_a_shorter_sweep_keeps_what_a_longer_one_stored(tmp_path):
    whole = run(path=tmp_path / "t.csv", n_seeds=3)
    before = (tmp_path / "t.csv").read_bytes()
    few = run(SETTINGS[1:2], path=tmp_path / "t.csv", n_seeds=1)
    alone = run(SETTINGS[1:2], n_seeds=1)  # sizes are floats only beside others
    pd.testing.assert_frame_equal(few, alone, check_exact=True, check_dtype=False)
    assert (tmp_path / "t.csv").read_bytes() == before
    more = [*SETTINGS[1:2], {"size": 7, "kind": "flat"}]
    assert len(run(more, path=tmp_path / "t.csv", n_seeds=1)) == 4
    kept = read_table(tmp_path / "t.csv")[0]
    assert len(kept) == len(whole) + 2
    pd.testing.assert_frame_equal(run(n_seeds=3, path=tmp_path / "t.csv"), whole, check_exact=True)


def test_a_finished_sweep_reads_from_a_folder_that_cannot_be_written(tmp_path, monkeypatch):
    made = run(path=tmp_path / "t.csv")

    def fail(*args, **options):
        raise OSError(errno.EROFS, "Read-only file system")

    for step in ("replace", "unlink", "mkdir", "write_bytes"):
        monkeypatch.setattr(Path, step, fail)
    monkeypatch.setattr(results, "atomic_write", fail)
    pd.testing.assert_frame_equal(run(path=tmp_path / "t.csv"), made, check_exact=True)


def test_two_sweeps_at_once_share_their_runs(tmp_path):
    """While the first is at its third run, a longer one begins and ends on the same path."""
    seen = []

    def measure(size, kind, rng):
        seen.append(kind)
        if len(seen) == 3:
            run(path=tmp_path / "t.csv", n_seeds=3)
        return draw(size, kind, rng)

    table = run(measure=measure, path=tmp_path / "t.csv")
    pd.testing.assert_frame_equal(table, run(), check_exact=True)
    stored = read_table(tmp_path / "t.csv")[0]
    assert len(stored) == 4 * 3 * 2
    wanted = run(n_seeds=3).sort_values(["size", "kind", "seed", "layer"], ignore_index=True)
    sorted_ = stored.sort_values(["size", "kind", "seed", "layer"], ignore_index=True)
    pd.testing.assert_frame_equal(sorted_, wanted, check_exact=True)
    assert names(tmp_path) == ["t.csv"]


@pytest.mark.parametrize("file", ["t.csv", "t.partial.csv"])
def test_a_file_put_there_meanwhile_stays_and_the_runs_are_kept_beside_it(tmp_path, file):
    def measure(size, kind, rng):
        if size == 3.5:
            (tmp_path / file).write_text("not ours")
        return draw(size, kind, rng)

    with pytest.raises(ValueError, match=r"not.* ours|the runs of this sweep are in") as caught:
        run(measure=measure, path=tmp_path / "t.csv")
    assert (tmp_path / file).read_text() == "not ours"
    (rescued,) = [path for path in tmp_path.iterdir() if str(path) in str(caught.value).split()[-1]]
    assert len(read_table(rescued)[0]) >= 2 * 2 * 2
    (tmp_path / file).unlink()
    rescued.replace(tmp_path / "t.partial.csv")
    pd.testing.assert_frame_equal(run(path=tmp_path / "t.csv"), run(), check_exact=True)


def test_writing_takes_at_most_a_tenth_of_the_time(tmp_path, monkeypatch):
    """Runs of a second, writes of two: one write each 20 seconds, and one at the end."""
    clock, writes = [0.0], []
    atomic_write = results.atomic_write

    def slow_write(file):
        clock[0] += 2
        writes.append((clock[0], file.name))
        return atomic_write(file)

    def measure(size, rng):
        clock[0] += 1
        return pd.DataFrame({"value": [rng.random()]})

    monkeypatch.setattr(results, "atomic_write", slow_write)
    monkeypatch.setattr(results, "time", SimpleNamespace(monotonic=lambda: clock[0]))
    run([{"size": n} for n in range(60)], measure, n_seeds=1, path=tmp_path / "t.csv")
    partial = "t.partial.csv"
    assert writes == [(3, partial), (23, partial), (43, partial), (63, partial), (70, "t.csv")]


# what cannot be written is known before anything is computed


def never(size, kind, rng):
    pytest.fail("this was not to be computed")


@pytest.mark.parametrize(
    ("path", "error", "reason"),
    [
        ("taken", IsADirectoryError, "Is a directory"),
        ("file/t.csv", OSError, "Not a directory|File exists"),
        ("n" * 250, OSError, "name too long"),
    ],
)
def test_a_path_that_cannot_be_written_is_refused_before_any_run(tmp_path, path, error, reason):
    (tmp_path / "taken").mkdir()
    (tmp_path / "file").write_text("a file")
    with pytest.raises(error, match=f"path: wanted a file that can be .*, got .*({reason})"):
        run(measure=never, path=tmp_path / path)
    assert names(tmp_path) == ["file", "taken"]


def test_a_protected_file_is_refused_before_any_run(tmp_path, monkeypatch):
    run(SETTINGS[:1], path=tmp_path / "t.csv")
    before = (tmp_path / "t.csv").read_bytes()
    (tmp_path / "t.csv").chmod(0o444)
    if os.access(tmp_path / "t.csv", os.W_OK):  # nothing is protected from an administrator
        monkeypatch.setattr(results.os, "access", lambda *_: False)
    with pytest.raises(PermissionError, match=r"got .*t\.csv: Permission denied"):
        run(measure=never, path=tmp_path / "t.csv")
    assert (tmp_path / "t.csv").read_bytes() == before


def fill(monkeypatch, file):
    """From now on the file system takes no byte of a new `file`."""
    monkeypatch.setattr(results, "uuid4", lambda: SimpleNamespace(hex="x"))
    file.with_name(f".{file.name}.x.partial").symlink_to(FULL)


@needs_full
def test_a_full_disk_is_known_before_any_run(tmp_path, monkeypatch):
    monkeypatch.setattr(results, "uuid4", lambda: SimpleNamespace(hex="x"))
    (tmp_path / ".t.csv.x.trial").symlink_to(FULL)
    with pytest.raises(OSError, match=r"got .*t\.csv: No space left") as caught:
        run(measure=never, path=tmp_path / "t.csv")
    assert caught.value.errno == errno.ENOSPC
    assert names(tmp_path) == []


@needs_full
@pytest.mark.parametrize("backend", ["sequential", "threading"])
def test_a_disk_that_fills_up_keeps_what_was_written(tmp_path, monkeypatch, backend):
    """The error says how many runs are safe and how to go on."""
    monkeypatch.setattr(
        results, "time", SimpleNamespace(monotonic=lambda: 0.0)
    )  # a write after each run
    save = results.Results.save

    def fill_before_the_third(self):
        if len(self.tables) == 3 and self._unsaved:
            fill(monkeypatch, tmp_path / "t.partial.csv")
        save(self)

    monkeypatch.setattr(results.Results, "save", fill_before_the_third)
    with (
        pytest.raises(OSError, match=r"t\.partial\.csv: No space left.*; 2 finished runs are safe"),
        joblib.parallel_config(backend, n_jobs=2),
    ):
        run(path=tmp_path / "t.csv")
    assert names(tmp_path) == ["t.partial.csv"]
    assert len(read_table(tmp_path / "t.partial.csv")[0]) == 2 * 2
    monkeypatch.undo()
    pd.testing.assert_frame_equal(run(path=tmp_path / "t.csv"), run(), check_exact=True)


@needs_full
def test_a_disk_that_is_full_at_the_end_keeps_every_run(tmp_path, monkeypatch):
    monkeypatch.setattr(results, "time", SimpleNamespace(monotonic=lambda: 0.0))
    run(SETTINGS[:1], path=tmp_path / "t.csv")
    before = (tmp_path / "t.csv").read_bytes()
    fill(monkeypatch, tmp_path / "t.csv")
    with pytest.raises(OSError, match=r"No space left.*; 8 finished runs are safe"):
        run(path=tmp_path / "t.csv")
    assert (tmp_path / "t.csv").read_bytes() == before
    assert len(read_table(tmp_path / "t.partial.csv")[0]) == 8 * 2


@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_a_write_that_fails_late_keeps_the_earlier_file(tmp_path, monkeypatch, step):
    """The disk fails when the bytes should reach it, or the renaming fails."""
    run(SETTINGS[:2], path=tmp_path / "t.csv")
    before = (tmp_path / "t.csv").read_bytes()

    def fail(*args, **options):
        raise OSError("disk failed")

    monkeypatch.setattr(*((results.os, "fsync", fail) if step == "fsync" else (Path, step, fail)))
    with pytest.raises(OSError, match=r"got .*: disk failed; 4 finished runs are safe") as caught:
        run(path=tmp_path / "t.csv")
    assert caught.value.errno == errno.EIO
    assert (tmp_path / "t.csv").read_bytes() == before
    assert names(tmp_path) == ["t.csv"]


def test_the_ledger_measures_nothing_that_it_cannot_write(tmp_path, monkeypatch):
    monkeypatch.setattr(ledger, "assess", never)
    with pytest.raises(IsADirectoryError, match="path: wanted a file that can be written"):
        main(["ledger", str(tmp_path)])
