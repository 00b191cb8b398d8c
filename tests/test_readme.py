"""The README: short, its links lead somewhere, its numbers and its example are the book's."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from companion.digits import digits_summary
from companion.scoreboard import stored

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
NEW = re.findall(r"^- \[[^]]+\]\((book/\w+\.md)\)(.*)$", README, re.MULTILINE)


def numbers(text):
    """Numbers in a text, without commas between thousands."""
    return re.findall(r"\d+", re.sub(r"(?<=\d),(?=\d{3})", "", text))


def test_it_is_read_in_a_few_minutes():
    assert len(README.encode()) <= 5_000


def test_every_link_leads_to_a_file_that_is_there():
    targets = re.findall(r"\]\(([^)#]+)[^)]*\)", README)
    inside = [target for target in targets if not target.startswith("https://")]
    assert len(inside) > 10
    assert [target for target in inside if not (ROOT / target).exists()] == []


def test_what_it_costs_is_what_is_stored():
    fits = stored("scoreboard_sizes").query("n_active == 3 and width == 1024")
    fits = fits.groupby("entry")["n_circuits"].mean()
    copies, mixed, alone = (fits[n] for n in ("k copies", "gated", "private neurons"))
    said = f"{copies:,.0f} circuits in plain copies, {mixed:.0f} mixed and {alone:.0f} in private"
    assert f"{said} neurons" in README
    kept = digits_summary()
    assert (
        f"{kept['parameter_ratio']:.0f} times their parameters, and keep {kept['kept_1']:.0f} %"
        in (README)
    )


def test_what_is_new_is_five_sentences_with_a_number_and_a_chapter_each():
    assert len({chapter for chapter, _ in NEW}) == len(NEW) == 5
    for _, sentence in NEW:
        assert len(re.findall(r"\*\*[\d,]+\*\*", sentence)) == 1
        assert sentence.endswith(".")
        assert ". " not in sentence


def test_the_example_passes_a_strict_type_checker(tmp_path):
    """And so does the bound of circuits that were given rows; scikit-learn ships no types."""
    (example,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    more = "bound: float = circuits.sampler.longest\ninterop.to_torch(large, ends='active')\n"
    (tmp_path / "example.py").write_text(example + more)
    command = [sys.executable, "-m", "mypy", "--strict", "--disable-error-code=import-untyped"]
    command += ["--cache-dir", str(tmp_path), str(tmp_path / "example.py")]
    environment = {"MYPYPATH": str(ROOT / "lib"), "PYTHONPATH": str(ROOT / "lib")}
    run = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert run.returncode == 0, run.stdout + run.stderr


@pytest.mark.parametrize(("chapter", "sentence"), NEW)
def test_the_number_of_what_is_new_is_in_its_chapter(chapter, sentence):
    """As its notebook, which holds what was computed, has it."""
    (number,) = numbers(re.search(r"\*\*([\d,]+)\*\*", sentence)[1])
    assert number in numbers((ROOT / chapter).with_suffix(".ipynb").read_text(encoding="utf-8"))


def test_the_example_runs_alone_as_it_is_printed(tmp_path):
    """Eleven lines; inside the large network model 2 says what it says alone, and what is told."""
    (example,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    assert len([line for line in example.splitlines() if line]) == 11
    command = [sys.executable, "-W", "error", "-c", example]
    environment = {"PYTHONPATH": str(ROOT / "lib"), "OPENBLAS_NUM_THREADS": "1"}
    run = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    inside, alone = re.fullmatch(r"inside (0\.\d{4}), alone (0\.\d{4})\n", run.stdout).groups()
    assert inside == alone
    told = re.search(r"about `inside (0\.\d{4}), alone (0\.\d{4})`", README)
    assert told[1] == told[2]
    assert float(told[1]) == pytest.approx(float(inside), abs=0.01)
