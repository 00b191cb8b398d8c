"""The README's first screen has a figure, which is drawn from stored results.

`python -m superposition.headline book/_static/gated.svg` draws it.
"""

from __future__ import annotations

import argparse
from io import StringIO
from pathlib import Path

import matplotlib as mpl

from superposition import plotting
from superposition._files import atomic_write
from superposition.gated_studies import beside_published


def headline() -> str:
    """Draw the published error and ours by layer, at the published size, as SVG without a date."""
    mpl.use("svg")
    plotting.use_style()
    figure = plotting.beside_published(beside_published().query("width == 1000"))
    out = StringIO()
    figure.savefig(out, format="svg", metadata={"Date": None})
    return out.getvalue()


def _main() -> None:
    parser = argparse.ArgumentParser(description="Draw the figure of the README's first screen.")
    parser.add_argument("path", type=Path, help="where to write it (.svg)")
    with atomic_write(parser.parse_args().path) as out:
        out.write(headline().encode())


if __name__ == "__main__":
    _main()
