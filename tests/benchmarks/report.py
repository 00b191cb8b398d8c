"""Results as a Markdown page."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from tests.benchmarks.scaling import Exponent, Point, exponent, memory_tasks
from tests.benchmarks.sizes import PUBLISHED_PEAK, Sizes, Task
from tests.benchmarks.timing import Ratio

AIM_EXPONENT = 1.1
AIM_PEAK = 0.25e9
_NO_SIZE = "Tiny sizes, to see that everything runs: these numbers say nothing."


@dataclass(frozen=True)
class Results:
    """All that one run found.

    sizes:    what was measured.
    versions: of what it was measured with, by name.
    ratios:   times beside times.
    points:   what each task took.
    """

    sizes: Sizes
    versions: Mapping[str, str]
    ratios: Sequence[Ratio]
    points: Mapping[Task, Point]


def page(results: Results, date: str) -> str:
    """The whole page; `tests/benchmarks/README.md` says what each row means."""
    sizes = results.sizes
    network = f"T = {sizes.n_circuits}, D = {sizes.width}, {sizes.n_circuits} inputs"
    parts = [
        f"# Benchmark of {date}",
        _NO_SIZE
        if sizes.together
        else "Made by `make bench`. What rows mean: [README](../README.md).",
        "## Measured with",
        _table([{"": name, "version": text} for name, text in results.versions.items()]),
        f"## Ratios of times ({network})",
        _table(_ratio(ratio) for ratio in results.ratios),
        f"## Peak memory of measuring ({network})",
        _table(_memory(results)),
        "## Growth of building with T, y ∝ T^s",
        _table(row for name in sizes.series for row in _growth(name, results)),
        "## Building, by size",
        _table(row for name in sizes.series for row in _sizes(name, results)),
    ]
    return "\n\n".join(parts) + "\n"


def _ratio(ratio: Ratio) -> dict[str, str]:
    return {
        "time of": ratio.what,
        "over that of": ratio.over,
        "ratio of minima": f"{ratio.of_minima:.3g}",
        "of medians": f"{ratio.of_medians:.3g}",
        "aim": ratio.aim,
        "met": ratio.met,
        "shortest, s": f"{min(ratio.seconds):.3g}",
        "the other's, s": f"{min(ratio.over_seconds):.3g}",
    }


def _memory(results: Results) -> Iterable[dict[str, str]]:
    for name, task in memory_tasks(results.sizes).items():
        point = results.points[task]
        ours = not name.startswith("naive")
        ways = {"arrays of one run": point.traced, "process, beyond imports": point.resident}
        for way, size in ways.items():
            yield {
                "what": name,
                "peak of": way,
                "GB": f"{size / 1e9:.3g}",
                "aim": f"≤ {AIM_PEAK / 1e9:g}" if ours else "",
                "met": ("yes" if size <= AIM_PEAK else "no") if ours else "",
            }
    published = "the published code (earlier, elsewhere)"
    yield {"what": published, "peak of": "process", "GB": f"{PUBLISHED_PEAK / 1e9:g}"}


def _growth(name: str, results: Results) -> Iterable[dict[str, str]]:
    series = results.sizes.series[name]
    numbers, points = [task.n_circuits for task in series], [results.points[t] for t in series]
    found = {
        "time": exponent(numbers, [point.seconds for point in points]),
        "memory of arrays": exponent(numbers, [point.traced for point in points]),
    }
    for what, fit in found.items():
        yield {
            "building": name,
            "T": f"{numbers[0]} … {numbers[-1]}",
            "y": what,
            **_fitted(fit),
            "aim": f"≤ {AIM_EXPONENT:g}",
            "met": "yes" if fit.slope <= AIM_EXPONENT else "no",
        }


def _fitted(fit: Exponent) -> dict[str, str]:
    return {
        "s": f"{fit.slope:.2f}",
        "95 % interval": f"{fit.low:.2f} … {fit.high:.2f}",
        "s of the last two": f"{fit.last:.2f}",
    }


def _sizes(name: str, results: Results) -> Iterable[dict[str, str]]:
    for task in results.sizes.series[name]:
        point = results.points[task]
        yield {
            "building": name,
            "T": str(task.n_circuits),
            "s": f"{point.seconds:.3g}",
            "µs per circuit": f"{1e6 * point.seconds / task.n_circuits:.3g}",
            "arrays, MB": f"{point.traced / 1e6:.3g}",
            "process, MB": f"{point.resident / 1e6:.3g}",
        }


def _table(rows: Iterable[dict[str, str]]) -> str:
    table = pd.DataFrame(list(rows)).fillna("")
    return table.to_markdown(index=False, disable_numparse=True)
