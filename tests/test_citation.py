"""Who cites the software finds the same everywhere. `make citation` validates CITATION.cff."""

import re
import tomllib
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[1]
CITATION = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))


def test_the_version_is_the_library_s():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert CITATION["version"] == project["version"]
    assert set(CITATION["license"]) == set(project["license"].split(" AND "))
    assert f"## {project['version']}" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


def test_bibtex_on_the_page_is_that_of_the_file():
    entries = re.findall(r"@(\w+)\{(\w+),\n(.*?)\n\}", (ROOT / "book/index.md").read_text(), re.S)
    lines = {key: re.sub(r"\n {8,}", " ", body) for _, key, body in entries}  # long ones are broken
    found = {
        key: dict(re.findall(r"^\s*(\w+)\s*= \{(.*)\},?$", body, re.M))
        for key, body in lines.items()
    }
    software = found["superposition2026"]
    assert software["title"] == CITATION["title"]
    assert software["version"] == CITATION["version"]
    assert software["year"] == str(CITATION["date-released"].year)
    assert software["author"] == "{" + CITATION["authors"][0]["name"] + "}"
    post = CITATION["references"][0]
    assert found["bushnaq2024circuits"]["title"] == post["title"]
    assert found["bushnaq2024circuits"]["url"] == post["url"]
    authors = [f"{one['family-names']}, {one['given-names']}" for one in post["authors"]]
    assert found["bushnaq2024circuits"]["author"] == " and ".join(authors)
