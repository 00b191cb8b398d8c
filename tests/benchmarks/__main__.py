"""`python -m tests.benchmarks`: print the benchmark's page; with --write, keep it, too."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from datetime import date
from pathlib import Path

from tqdm import tqdm

from tests.benchmarks import ratios, scaling
from tests.benchmarks.machine import versions
from tests.benchmarks.report import Results, page
from tests.benchmarks.sizes import FULL, QUICK, Sizes

RESULTS = Path(__file__).parent / "results"


def measure(sizes: Sizes) -> Results:
    """Everything, with bars on stderr that say how far it is."""
    times = list(tqdm(ratios.all_ratios(sizes), "ratios", ratios.N_RATIOS))
    points = tqdm(scaling.points(sizes), "sizes", len(scaling.tasks(sizes)))
    return Results(sizes, versions(), times, {point.task: point for point in points})


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, print and, if asked, write `results/YYYY-MM-DD.md`, over one of the same day."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="tiny sizes, to see that it runs")
    keep = "keep the page in tests/benchmarks/results"
    parser.add_argument("--write", action="store_true", help=keep)
    options = parser.parse_args(arguments)
    if options.quick and options.write:
        parser.error("--write: wanted full sizes, got --quick")
    today = date.today().isoformat()
    text = page(measure(QUICK if options.quick else FULL), today)
    print(text, end="")
    if options.write:
        RESULTS.mkdir(exist_ok=True)
        (RESULTS / f"{today}.md").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
