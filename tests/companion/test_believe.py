"""What we now believe: ten sentences, each labelled, with one number of the page that it links."""

import json
import re
from pathlib import Path

import pytest

BOOK = Path(__file__).parents[2] / "book"
PAGE = (BOOK / "believe.md").read_text(encoding="utf-8")
ITEMS = re.findall(r"^(\d+)\. (.*)$", PAGE, re.MULTILINE)


def glued(page):
    """The names that a page's notebook has glued."""
    cells = json.loads((BOOK / page).with_suffix(".ipynb").read_text(encoding="utf-8"))["cells"]
    outputs = [output for cell in cells for output in cell.get("outputs", [])]
    return {each.get("metadata", {}).get("scrapbook", {}).get("name") for each in outputs}


def test_there_are_ten():
    assert [int(number) for number, _ in ITEMS] == list(range(1, 11))
    assert "Ten sentences" in PAGE


@pytest.mark.parametrize("item", [item for _, item in ITEMS])
def test_each_is_one_labelled_sentence_with_one_number_and_its_link(item):
    (said,) = re.fullmatch(r"\*(?:Measured|Derived) here:\* (.*)\.", item).groups()
    words, found = re.subn(r"\{glue:text\}`(\w+)\.md::(\w+):[^`]+`", "N", said)
    ((page, name),) = re.findall(r"\{glue:text\}`(\w+)\.md::(\w+)", said)
    assert found == 1
    assert re.findall(r"\{doc\}`(\w+)`", said) == [page]
    assert not re.search(r"[.?!] ", words)
    assert name in glued(f"{page}.md")
