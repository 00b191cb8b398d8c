"""How many mutants were killed, by module, and who survived."""

from __future__ import annotations

import datetime
import platform
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

from mutants import KILLED, SURVIVED, TIMEOUT, Mutant

README = Path(__file__).with_name("README.md")
LEAST = 0.9  # of all mutants, however many survivors are excused
MARK = "<!-- written by run.py -->\n"
Excuses = dict[tuple[str, str, str, str], str]


def below(mutants: Sequence[Mutant], excused: Excuses) -> bool:
    """Whether too few were killed, or a survivor has no excuse."""
    return share(mutants) < LEAST or bool(_unexcused(mutants, excused))


def share(mutants: Sequence[Mutant]) -> float:
    """Killed or timed out, of all; 1 for none."""
    return sum(m.verdict in (KILLED, TIMEOUT) for m in mutants) / max(len(mutants), 1)


def report(mutants: Sequence[Mutant], excused: Excuses) -> str:
    """Survivors that nobody excuses, then the table."""
    lines = [
        f"survived: {m.name}\n  {m.module}, {m.function}\n  - {m.was}\n  + {m.now}"
        for m in _unexcused(mutants, excused)
    ]
    return "\n".join([*lines, "", table(mutants, excused)])


def table(mutants: Sequence[Mutant], excused: Excuses) -> str:
    """Rows of modules, in Markdown; the last is of all of them."""
    names = ("module", "mutants", "killed", "timeout", "survived", "excused", "score")
    lines = [" | ".join(["", *names, ""]).strip(), "|---|" + "--:|" * 6]
    modules = sorted({m.module for m in mutants})
    for name, some in [(n, [m for m in mutants if m.module == n]) for n in modules]:
        lines.append(_row(name, some, excused))
    told = [m for m in mutants if not m.message]
    lines.append(_row("all but those that only change messages", told, excused))
    lines.append(_row("all of them", mutants, excused))
    return "\n".join(lines) + "\n"


def write_table(mutants: Sequence[Mutant], excused: Excuses) -> None:
    """The table in README.md, with date and versions."""
    tools = ", ".join(f"{name} {version(name)}" for name in ("mutmut", "pytest", "numpy"))
    told = f"{datetime.date.today()}, Python {platform.python_version()}, {tools}"
    text = README.read_text().partition(MARK)[0]
    README.write_text(f"{text}{MARK}\n{told}.\n\n{table(mutants, excused)}")


def _row(name: str, mutants: Sequence[Mutant], excused: Excuses) -> str:
    left = [m for m in mutants if m.verdict not in (KILLED, TIMEOUT)]
    counts = [
        len(mutants),
        sum(m.verdict == KILLED for m in mutants),
        sum(m.verdict == TIMEOUT for m in mutants),
        len(left),
        sum(m.key in excused for m in left),
    ]
    return f"| {name} | " + " | ".join(map(str, counts)) + f" | {share(mutants):.1%} |"


def _unexcused(mutants: Sequence[Mutant], excused: Excuses) -> list[Mutant]:
    return [m for m in mutants if m.verdict in (SURVIVED, None) and m.key not in excused]
