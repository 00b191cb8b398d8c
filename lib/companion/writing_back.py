"""What inactive circuits write back, and how errors depend on the redundancy."""

from __future__ import annotations

import numpy as np
import pandas as pd

from companion._study import row
from companion.reading import of_inactive
from superposition.circuits import ResidualCircuits, with_indicator
from superposition.circuits.inputs import UnitInputs, sample_active
from superposition.constructions import ResidualConstruction
from superposition.maps import SparseCode
from superposition.theory import symbols, writing_back
from superposition.theory.derivation import evaluate
from superposition.theory.rectifier import relu_second


def idle_activation(redundancy: int, n_active: int, rng: np.random.Generator) -> pd.DataFrame:
    """Measure the squared activation that inactive circuits read, without noise.

    The sizes are d = 4, m = 8 and M = 512. Carriers read the active circuits' neurons exactly, as
    in an endlessly wide stream, so only collisions count. The mean is taken over 100 codes.
    `predicted` is (eq-inactive-read-back), with the mean 0 and variance 2/d that random circuits'
    pre-activations have; `leading` is (eq-inactive-leading).
    """
    circuits = ResidualCircuits.random(40, 4, 8, 1, rng)
    inner = with_indicator(circuits, 1.0)
    found = []
    for _ in range(100):
        code = SparseCode.draw("random", 40, 8, 512, redundancy, rng)
        active = sample_active(40, n_active, 10, rng)
        states = np.concatenate([UnitInputs(4)(active, rng), np.ones((10, n_active, 1))], axis=-1)
        wanted = inner.weighted_inputs(states, active, 0)
        neurons = np.maximum(code.encode(wanted, active) - 1.0, 0)
        reads = code.decode(neurons, np.tile(np.arange(40), (10, 1)))
        found.append(np.mean(of_inactive(reads, active) ** 2))
    values = {symbols.k: n_active, symbols.m: 8, symbols.M: 512, symbols.r: redundancy}
    values |= {symbols.pre_mean: 0, symbols.pre_variance: 2 / 4, symbols.margin: 1}
    h2 = evaluate(relu_second(symbols.pre_mean, symbols.pre_variance), values)
    return row(
        idle=np.mean(found),
        predicted=evaluate(writing_back.inactive_read_back(), values),
        leading=evaluate(writing_back.leading_inactive_read_back(), {**values, symbols.h2: h2}),
    )


def redundancy_errors(redundancy: int, n_active: int, rng: np.random.Generator) -> pd.DataFrame:
    """Measure errors after one layer of 200 random circuits at one redundancy, D = 512, M = 1024.

    `large` is the share of states whose error is above half the mean length of a state. `worst` is
    the largest error.
    """
    circuits = ResidualCircuits.random(200, 4, 8, 1, rng).astype(np.float32)
    superposition = ResidualConstruction(512, 1024, redundancy).compress(circuits, rng)
    active = sample_active(200, n_active, 500, rng)
    inputs = UnitInputs(4)(active, rng)
    truth = circuits.run(inputs, active)[-1]
    squares = np.sum((superposition.run(inputs, active)[-1] - truth) ** 2, axis=-1)
    state = np.mean(np.sum(truth**2, axis=-1))
    return row(mse=squares.mean(), large=np.mean(squares > state / 4), worst=squares.max() ** 0.5)
