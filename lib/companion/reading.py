"""What circuits read from the residual stream."""

from __future__ import annotations

import numpy as np
import pandas as pd

from companion._study import row
from superposition._check import Floats, Integers
from superposition.circuits.inputs import UnitInputs, sample_active
from superposition.maps import GaussianCode
from superposition.theory import reading, symbols
from superposition.theory.derivation import evaluate


def read_errors(
    n_circuits: int, n_active: int, kind: str, rng: np.random.Generator
) -> pd.DataFrame:
    """Measure what active circuits misread, and what inactive circuits read.

    States have length 1, with d = 4 and D = 256. `predicted` is (eq-active-read), plus
    (eq-self-read) for the kind "gaussian". `predicted_idle` is (eq-inactive-read).
    """
    code = GaussianCode.draw(n_circuits, 4, 256, rng, orthonormal=kind == "orthonormal")
    active = sample_active(n_circuits, n_active, 300, rng)
    truth = UnitInputs(4)(active, rng)
    reads = code.decode_all(code.encode(truth, active))
    misread = reads[np.arange(300)[:, None], active] - truth
    values = {symbols.D: 256, symbols.d: 4, symbols.a2: 1, symbols.k: n_active}
    alone = evaluate(reading.self_read_error(), values) if kind == "gaussian" else 0
    return row(
        active=np.mean(np.sum(misread**2, axis=-1)),
        predicted=alone + evaluate(reading.active_read_error(), values),
        idle=np.mean(np.sum(of_inactive(reads, active) ** 2, axis=-1)),
        predicted_idle=evaluate(reading.inactive_read(), values),
    )


def total_crosstalk(n_circuits: int, rng: np.random.Generator) -> pd.DataFrame:
    """Measure the squared sum of what all inactive circuits read of one active one; D = 256."""
    code = GaussianCode.draw(n_circuits, 4, 256, rng)
    active = sample_active(n_circuits, 1, 300, rng)
    reads = code.decode_all(code.encode(UnitInputs(4)(active, rng), active))
    heard = of_inactive(reads, active).sum(axis=1)
    return row(measured=np.mean(heard**2), predicted=(n_circuits - 1) / 256)


def of_inactive(reads: Floats, active: Integers) -> Floats:
    """Return the reads (batch, T, d) of inactive circuits alone, (batch, T − k, d)."""
    inactive = np.ones(reads.shape[:2], bool)
    inactive[np.arange(len(active))[:, None], active] = False
    return reads[inactive].reshape(len(reads), -1, reads.shape[-1])
