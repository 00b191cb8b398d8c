"""The list of contents in book/README.md has what the book has, in its order."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CONTENTS = (ROOT / "book/README.md").read_text(encoding="utf-8").splitlines()
PAGES = [line for line in CONTENTS if line.startswith("- [")]


def test_parts_pages_and_places_of_chapters_to_come_are_those_of_the_table_of_contents():
    table = (ROOT / "_toc.yml").read_text(encoding="utf-8")
    entry = r"^(?:root: book/|  - caption: |      - file: book/|      # )"
    wanted = [re.sub(entry, "", line) for line in table.splitlines() if re.match(entry, line)]
    found = [
        re.match(r"(?:## |- \*To come:\* |- \[.*\]\()(.*?)(?:\.md\).*)?$", line)
        for line in CONTENTS
    ]
    assert [each[1] for each in found if each] == wanted
    assert len(wanted) > 45


@pytest.mark.parametrize("line", PAGES)
def test_a_page_has_its_title_and_one_question(line):
    title, page, question = re.fullmatch(r"- \[(.*)\]\((\w+\.md)\): (.*)", line).groups()
    heading = re.search(r"^# (.*)$", (ROOT / "book" / page).read_text(encoding="utf-8"), re.M)
    assert heading[1] == title
    assert question.count("?") == question.endswith("?") == 1
