"""The book's figures."""

from superposition.plotting.boolean import gates_by_neurons
from superposition.plotting.chains import failures, rectangles
from superposition.plotting.construction import (
    carriers,
    claim,
    depth,
    interference,
    predicted_and_measured,
    terms,
)
from superposition.plotting.digits import digit_images, digit_sizes, tasks_kept
from superposition.plotting.errors import (
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
from superposition.plotting.gated import (
    beside_published,
    meeting_slots,
    noise_by_layer,
    plane,
)
from superposition.plotting.graphs import path_errors_by, stream_in_use
from superposition.plotting.maths import (
    averaging,
    extremes,
    load_histogram,
    purities,
    read_errors,
)
from superposition.plotting.million import cost_and_error
from superposition.plotting.rotations import by_layer, firing, scaling, traces, tuning
from superposition.plotting.scoreboard import board, room
from superposition.plotting.sharing import connected_slots, followed, slot_loads
from superposition.plotting.style import COLOURS, GREY, INK, MARKERS, PAPER, use_style
from superposition.plotting.toolkit import (
    capacity_bars,
    found_by_methods,
    scores_inside,
)
from superposition.plotting.watch import dials
from superposition.plotting.woven import woven

__all__ = [
    "COLOURS",
    "GREY",
    "INK",
    "MARKERS",
    "PAPER",
    "averaging",
    "beside_published",
    "board",
    "by_layer",
    "capacities",
    "capacity_bars",
    "carriers",
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
    "plane",
    "predicted_and_measured",
    "purities",
    "ratios",
    "read_errors",
    "rectangles",
    "room",
    "scaling",
    "scores_inside",
    "slot_loads",
    "stream_in_use",
    "tasks_kept",
    "terms",
    "traces",
    "tuning",
    "use_style",
    "woven",
]
