"""Ground truth, scores and targets for methods that take networks apart into circuits.

`TARGETS` holds the networks to take apart, by name. `METHODS` holds the book's methods, by name.

>>> from superposition.bench import METHODS, TARGETS
>>> TARGETS["ping-pong"].hard
'circuits share neurons, a slot each; one active at a time'
>>> sorted(METHODS["NMF of states"].settings)
['one a circuit', 'one a dimension']
"""

from __future__ import annotations

from superposition.bench.contest import Contest, score
from superposition.bench.methods import METHODS, Found, Given, Method
from superposition.bench.scores import (
    active_sets_found,
    component_scores,
    match,
    ml2r,
    ml2r_columns,
    mmcs,
    mmcs_columns,
)
from superposition.bench.targets import TARGETS, Target
from superposition.bench.truth import Batch, GroundTruth, ground_truth

__all__ = [
    "METHODS",
    "TARGETS",
    "Batch",
    "Contest",
    "Found",
    "Given",
    "GroundTruth",
    "Method",
    "Target",
    "active_sets_found",
    "component_scores",
    "ground_truth",
    "match",
    "ml2r",
    "ml2r_columns",
    "mmcs",
    "mmcs_columns",
    "score",
]
