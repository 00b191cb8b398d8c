"""The chapter's table of stored results: every file, and the command that makes it again."""

import re
from pathlib import Path

import pandas as pd
import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "book/reproduce.md").read_text(encoding="utf-8")
ROWS = re.findall(r"^\| `([\w.]+)` \| `([^`]+)` \| ([^|]+) \|$", PAGE, re.MULTILINE)
# A list that is written by hand, and what other people's code measured, which is no part of this
# project: the file names the commit, and ours is compared with all of it elsewhere.
WITHOUT_COMMAND = {"claims.toml", *(f"published_{n}.csv" for n in ("rotations", "changes", "told"))}


def test_every_stored_file_is_named_once_and_no_other():
    named = [file for file, _, _ in ROWS]
    assert len(set(named)) == len(named)
    # what a command has not finished does not count
    stored = {path.name for path in (ROOT / "book/data").iterdir() if ".partial" not in path.name}
    assert set(named) | WITHOUT_COMMAND == stored
    assert all(f"`{name}`" in PAGE for name in WITHOUT_COMMAND)


@pytest.mark.parametrize(("file", "command", "time"), ROWS)
def test_a_files_command_has_its_name_and_writes_it(file, command, time):
    name = file.rpartition(".")[0]
    wanted = f"python -m companion {name} book/data/{file}"
    assert re.fullmatch(re.escape(wanted) + r"(?: --jobs \d+)?", command)
    assert re.search("minute|hour|second", time)


def test_a_file_without_a_command_names_none_itself():
    for name in WITHOUT_COMMAND:
        assert "# command:" not in (ROOT / "book/data" / name).read_text(encoding="utf-8")


def test_changes_to_the_published_code_are_those_between_its_two_versions():
    """One change at a time moves each number as both together do, to a standard error."""
    files = (ROOT / f"book/data/published_{name}.csv" for name in ("changes", "rotations"))
    one, both = (pd.read_csv(file, comment="#") for file in files)
    found = one[one["change"] != "our sets"].merge(both)  # on all sizes and the quantity
    assert len(found) == len(one) - 1 == 3
    apart = found["changed"] / found["published"] - 1 - found["relative"]
    assert (apart.abs() < found["se"]).all()
