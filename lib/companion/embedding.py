"""Overlaps between random directions, and the largest of them."""

from __future__ import annotations

import numpy as np
import pandas as pd

from companion._study import row
from superposition.maps import GaussianCode
from superposition.theory import embedding, symbols
from superposition.theory.derivation import evaluate


def overlaps(size: int, kind: str, rng: np.random.Generator) -> pd.DataFrame:
    """Measure overlaps between the directions of 60 circuits with four directions each.

    The row has the overlaps' mean and mean square, and the spread of squared lengths. `predicted`
    is (eq-overlap-variance). `predicted_spread`, for entries N(0, 1/D), is (eq-length-variance).
    `kind` is "gaussian" or "orthonormal".
    """
    code = GaussianCode.draw(60, 4, size, rng, orthonormal=kind == "orthonormal")
    gram = code.matrix @ code.matrix.T
    others = np.kron(np.eye(60), np.ones((4, 4))) == 0
    values = {symbols.D: size}
    return row(
        mean=gram[others].mean(),
        square=np.mean(gram[others] ** 2),
        predicted=evaluate(embedding.overlap_variance(), values),
        spread=np.diag(gram).var(),
        predicted_spread=evaluate(embedding.length_variance(), values),
    )


def largest_overlap(n_circuits: int, size: int, rng: np.random.Generator) -> pd.DataFrame:
    """Measure the largest overlap among T random unit vectors; `leading` is (eq-largest)."""
    matrix = GaussianCode.draw(n_circuits, 1, size, rng).matrix
    overlaps = matrix @ matrix.T
    np.fill_diagonal(overlaps, 0)
    n_pairs = n_circuits * (n_circuits - 1) / 2
    values = {symbols.T: n_circuits, symbols.D: size}
    return row(
        measured=max(overlaps.max(), -overlaps.min()),
        predicted=embedding.largest_overlap(n_pairs, size),
        leading=evaluate(embedding.leading_largest_overlap(), values),
    )
