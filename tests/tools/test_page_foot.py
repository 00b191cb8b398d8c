"""What pages say at their foot: version and commit, and how long their notebook ran."""

import subprocess
from importlib.metadata import version
from types import SimpleNamespace

import pytest

import page_foot
from page_foot import add_footer, built_from, say_runtime


@pytest.fixture
def repository(tmp_path):
    commands = (
        ["init", "-q"],
        ["-c", "user.name=A", "-c", "user.email=a@example.org", "commit", "-q", "--allow-empty",
         "-m", "one", "--date", "2026-01-02T00:00:00"],
    )  # fmt: skip
    for command in commands:
        subprocess.run(["git", "-C", str(tmp_path), *command], check=True)
    return tmp_path


def test_a_build_from_a_repository_names_its_commit(repository):
    command = ["git", "-C", str(repository), "rev-parse", "--short", "HEAD"]
    commit = subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    assert built_from(repository).startswith(
        f"Version {version('circuits-in-superposition')}, commit {commit} "
    )


def test_elsewhere_the_version_is_enough(tmp_path, monkeypatch):
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert built_from(tmp_path) == f"Version {version('circuits-in-superposition')}"
    monkeypatch.setenv("PATH", "")
    assert built_from(tmp_path) == f"Version {version('circuits-in-superposition')}"


def test_the_footer_says_where_mistakes_are_told(repository):
    config = SimpleNamespace(html_theme_options={})
    add_footer(SimpleNamespace(srcdir=str(repository)), config)
    footer = config.html_theme_options["extra_footer"]
    assert built_from(repository) in footer
    assert "CONTRIBUTING.md" in footer


@pytest.mark.parametrize(
    ("metadata", "said"),
    [
        ({"a": {"exec_data": {"runtime": 12.6}}}, "ran in 13 s"),
        ({"a": {"exec_data": {"runtime": 0.2}}}, "ran in 1 s"),
        ({"a": {"exec_data": {"runtime": None}}}, None),
        ({"b": {"exec_data": {"runtime": 5}}}, None),
        ({}, None),
    ],
)
def test_chapters_say_how_long_they_ran(metadata, said):
    context = {"body": "<p>text</p>"}
    say_runtime(SimpleNamespace(env=SimpleNamespace(nb_metadata=metadata)), "a", "", context, None)
    assert context["body"].startswith("<p>text</p>")
    assert ("ran in" in context["body"]) == (said is not None)
    assert said is None or said in context["body"]


def test_a_build_ends_with_what_each_chapter_took_and_their_sum(monkeypatch):
    said = []
    monkeypatch.setattr(
        page_foot.logging, "getLogger", lambda name: SimpleNamespace(info=said.append)
    )
    runs = {"b": 12.34, "a": 0.5, "none": None}
    metadata = {page: {"exec_data": {"runtime": runtime}} for page, runtime in runs.items()}
    app = SimpleNamespace(env=SimpleNamespace(nb_metadata={**metadata, "prose": {}}))
    page_foot.print_runtimes(app, None)
    assert said == ["    0.5 s  a\n   12.3 s  b\n   12.8 s  2 chapters, 6.4 s each"]
