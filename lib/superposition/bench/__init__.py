"""Ground truth, scores and targets for methods that take networks apart into circuits."""

from superposition.bench.scores import (
    active_sets_found,
    match,
    ml2r,
    ml2r_columns,
    mmcs,
    mmcs_columns,
    most_active,
)
from superposition.bench.targets import TARGETS, Target
from superposition.bench.truth import Batch, GroundTruth, TrueMatrix, ground_truth

__all__ = [
    "TARGETS",
    "Batch",
    "GroundTruth",
    "Target",
    "TrueMatrix",
    "active_sets_found",
    "ground_truth",
    "match",
    "ml2r",
    "ml2r_columns",
    "mmcs",
    "mmcs_columns",
    "most_active",
]
