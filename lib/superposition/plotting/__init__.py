"""The book's figures."""

from superposition.plotting.construction import (
    carriers,
    claim,
    depth,
    interference,
    predicted_and_measured,
    terms,
)
from superposition.plotting.digits import digit_images, digit_sizes, tasks_kept
from superposition.plotting.maths import averaging, extremes, load_histogram, read_errors
from superposition.plotting.style import COLOURS, GREY, INK, MARKERS, PAPER, use_style

__all__ = [
    "COLOURS",
    "GREY",
    "INK",
    "MARKERS",
    "PAPER",
    "averaging",
    "carriers",
    "claim",
    "depth",
    "digit_images",
    "digit_sizes",
    "extremes",
    "interference",
    "load_histogram",
    "predicted_and_measured",
    "read_errors",
    "tasks_kept",
    "terms",
    "use_style",
]
