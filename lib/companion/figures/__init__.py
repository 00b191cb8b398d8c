"""The book's figures."""

from __future__ import annotations

from companion.figures.boolean import gates_by_neurons
from companion.figures.chains import failures
from companion.figures.construction import (
    claim,
    depth,
    interference,
    predicted_and_measured,
    terms,
)
from companion.figures.digits import digit_images, digit_sizes, tasks_kept
from companion.figures.errors import (
    capacities,
    depths,
    design,
    error_terms,
    fitting,
    growth,
    ignition,
    neuron_errors,
    ratios,
)
from companion.figures.five_steps import strip
from companion.figures.gated import beside_published, meeting_slots, noise_by_layer, wrong_gates
from companion.figures.graphs import path_errors_by, stream_in_use
from companion.figures.landing import stills
from companion.figures.limits import beside_floor, price_of_exactness
from companion.figures.maths import averaging, extremes, load_histogram, purities, read_errors
from companion.figures.million import cost_and_error
from companion.figures.planes import three_chains, two_codes
from companion.figures.rotations import by_layer, firing, scaling, traces, tuning
from companion.figures.scoreboard import board, room
from companion.figures.seizures import seizure
from companion.figures.sharing import connected_slots, followed, slot_loads
from companion.figures.style import use_style
from companion.figures.toolkit import capacity_bars, found_by_methods, scores_inside
from companion.figures.watch import dials

__all__ = [
    "averaging",
    "beside_floor",
    "beside_published",
    "board",
    "by_layer",
    "capacities",
    "capacity_bars",
    "claim",
    "connected_slots",
    "cost_and_error",
    "depth",
    "depths",
    "design",
    "dials",
    "digit_images",
    "digit_sizes",
    "error_terms",
    "extremes",
    "failures",
    "firing",
    "fitting",
    "followed",
    "found_by_methods",
    "gates_by_neurons",
    "growth",
    "ignition",
    "interference",
    "load_histogram",
    "meeting_slots",
    "neuron_errors",
    "noise_by_layer",
    "path_errors_by",
    "predicted_and_measured",
    "price_of_exactness",
    "purities",
    "ratios",
    "read_errors",
    "room",
    "scaling",
    "scores_inside",
    "seizure",
    "slot_loads",
    "stills",
    "stream_in_use",
    "strip",
    "tasks_kept",
    "terms",
    "three_chains",
    "traces",
    "tuning",
    "two_codes",
    "use_style",
    "wrong_gates",
]
