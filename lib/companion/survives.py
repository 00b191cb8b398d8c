"""These measurements are for the chapter *A construction that survives depth*."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import sympy as sp
from numpy.typing import ArrayLike

from superposition._check import Floats
from superposition.circuits import MLPCircuits, rotation_circuits, rotation_vector
from superposition.constructions import MLPConstruction
from superposition.maps import SparseCode
from superposition.measure import measure_error
from superposition.network import MLPNetwork
from superposition.predict.rotations import share
from superposition.predict.sequel import published_law
from superposition.readers import balance, connections, shared_weights
from superposition.superposition import Superposition
from superposition.theory import survives, symbols
from superposition.theory.derivation import evaluate

WIDTH, REDUNDANCY, ENTRIES = 1000, 6, 4  # D, r, d as published


def shared_slots(n_circuits: int, code: str, rng: np.random.Generator) -> pd.DataFrame:
    """Measure and predict how two layers' codes share and connect slots.

    The sizes are D = 1000, d = 4 and r = 6. `least_load` and `largest_load` are loads of slots.
    `overlap` is the mean square of what a circuit reads of another's entry 1, `density` the share
    of connected slots, and `chi` the suppression that balances them. Their predictions are
    `overlap_predicted`, `density_predicted` and `chi_predicted`.
    """
    write, read = _codes(n_circuits, code, 2, rng)
    loads = np.asarray(write.set_matrix.sum(axis=0))
    connected = np.minimum(connections(write, read), 1)
    overlap = write.overlaps.power(2).sum() / REDUNDANCY**2 / (n_circuits * (n_circuits - 1))
    density = float(evaluate(survives.connection_density(), _sizes(n_circuits)))
    share_of = {survives.density: density, symbols.r: REDUNDANCY}
    row = {
        "least_load": loads.min(),
        "largest_load": loads.max(),
        "overlap": overlap,
        "overlap_predicted": float(evaluate(survives.overlap_square(), _sizes(n_circuits))),
        "density": connected.mean(),
        "density_predicted": density,
        "chi": balance(connected, write, read),
        "chi_predicted": float(evaluate(survives.balanced(), share_of)),
    }
    return pd.DataFrame([row])


def connected_slots(n_circuits: int, code: str, rng: np.random.Generator) -> pd.DataFrame:
    """Measure to how many of an active circuit's r slots a slot of the next layer is connected.

    All circuits count, with all slots that the circuit does not have. `connections` is that number,
    and `measured` the share of slots with it. `binomial` predicts the share if each connection has
    probability ρ, `by_circuits` by `Sharing.hits`, averaged over loads. `heard` is what such a slot
    reads of the active circuit's indicator.
    """
    from scipy.stats import binom  # slow to load, and seldom needed

    write, read = _codes(n_circuits, code, 2, rng)
    connected = np.minimum(connections(write, read), 1)
    found = (connected @ read.set_matrix.T.toarray()).round().astype(int)
    found = found[write.set_matrix.T.toarray() == 0]
    how = share(write.sets, 1, 1.0)
    weights = how.counts * (1 - how.loads / n_circuits)
    pairs = zip(how.loads, weights, strict=True)
    by_circuits = sum((w * how.hits(int(c)).sum(axis=0) for c, w in pairs), np.zeros(7))
    n = np.arange(REDUNDANCY + 1)
    chi = balance(connected, write, read)
    heard: dict[sp.Symbol, ArrayLike]
    heard = {survives.connections: n, symbols.r: REDUNDANCY, survives.chi: chi}
    return pd.DataFrame(
        {
            "connections": n,
            "measured": np.bincount(found, minlength=REDUNDANCY + 1) / found.size,
            "binomial": binom.pmf(n, REDUNDANCY, connected.mean()),
            "by_circuits": by_circuits / weights.sum(),
            "heard": evaluate(survives.input_from_active(), heard),
        }
    )


def inactive_reads(n_circuits: int, n_active: int, rng: np.random.Generator) -> pd.DataFrame:
    """Measure and predict what inactive rotations read after the first layer, with D = 1000."""
    circuits = rotation_circuits(n_circuits, 1, rng)
    superposition = MLPConstruction(WIDTH, REDUNDANCY).compress(circuits, rng)
    errors = measure_error(superposition, n_active, 300, rng, observe=rotation_vector)
    predicted = published_law(n_circuits, 1, WIDTH, REDUNDANCY, n_active)["inactive_mse"]
    row = {"measured": errors["inactive_mse"].iloc[1], "predicted": predicted.iloc[0]}
    return pd.DataFrame([row])


def growth(n_circuits: int, rng: np.random.Generator) -> pd.DataFrame:
    """Measure and predict the mse of rotation vectors over twelve layers, with k = 1 and D = 1000.

    The table has the columns `layer`, `mse`, `followed` (the prediction) and `published` (the law
    for small noise).
    """
    circuits = rotation_circuits(n_circuits, 12, rng)
    construction = MLPConstruction(WIDTH, REDUNDANCY)
    errors = measure_error(
        construction.compress(circuits, rng), 1, 300, rng, observe=rotation_vector
    )
    table = errors[["layer", "mse"]].iloc[1:].reset_index(drop=True)
    table["followed"] = construction.predict_error(circuits, 1)["mse"]
    table["published"] = construction.predict_error(circuits, 1, law="published")["mse"]
    return table


ASSUMPTIONS = {
    "all hold": (1, (0.5, 2.0), False),
    "2 active": (2, (0.5, 2.0), False),
    "3 active": (3, (0.5, 2.0), False),
    "12 active": (12, (0.5, 2.0), False),
    "inactive circuits pass noise on: gain 1": (1, (0.5, 1.0), False),
    "all hold, step at ¾": (1, (0.75, 2.0), False),
    "the same, not flat at 1: noise amplified": (1, (0.75, 2.0), True),
}


def dropped(assumption: str, rng: np.random.Generator) -> pd.DataFrame:
    """Measure the vector's mse after five layers with one of `ASSUMPTIONS` dropped.

    There are T = 200 circuits and 250 slots, with r = 6.
    """
    n_active, (threshold, gain), amplify = ASSUMPTIONS[assumption]
    if amplify:
        circuits, width, observe = _amplifying(200, 5, rng), 3 * WIDTH // 4, _plain_vector
    else:
        circuits = rotation_circuits(200, 5, rng, threshold=threshold, gain=gain)
        width, observe = WIDTH, rotation_vector
    superposition = MLPConstruction(width, REDUNDANCY).compress(circuits, rng)
    errors = measure_error(superposition, n_active, 300, rng, observe=observe)
    return errors[["layer", "mse"]].iloc[[-1]]


def uncapped(superposition: Superposition) -> Superposition:
    """Return the superposition with connections counted, Σ_t e_t e_t^T / r, in place of 𝒲.

    Slots that no circuit connects inhibit each other as before, balanced for the larger sum.
    """
    circuits, codes, network = superposition.circuits, superposition.codes, superposition.network
    weights = [network.weights[0]]
    for layer in range(1, circuits.n_layers):
        write, read, mean = codes[layer], codes[layer - 1], circuits.weights[layer].mean(axis=0)
        change = _counted(write, read) - shared_weights(write, read)
        weights.append(network.weights[layer] + np.kron(mean, change))
    return replace(superposition, network=MLPNetwork(weights, network.biases))


def _counted(write: SparseCode, read: SparseCode) -> Floats:
    """Return connections counted over r, and −χ where there are none."""
    n, r, counts = write.n_circuits, write.redundancy, connections(write, read)
    load_write, load_read = (code.set_matrix.sum(axis=0) for code in (write, read))
    own = (write.set_matrix @ counts).reshape(n, -1)[np.arange(n)[:, None], read.sets].sum()
    made = (load_write @ counts @ load_read - own) / (n * (n - 1))
    joined = (load_write @ np.minimum(counts, 1) @ load_read - n * r**2) / (n * (n - 1))
    return np.where(counts > 0, counts / r, -made / r / (r**2 - joined))


def _codes(n: int, code: str, layers: int, rng: np.random.Generator) -> list[SparseCode]:
    draws = range(layers)
    return [SparseCode.draw(code, n, ENTRIES, WIDTH, REDUNDANCY, rng) for _ in draws]


def _sizes(n_circuits: int) -> dict[sp.Symbol, float]:
    sizes = {symbols.T: n_circuits, symbols.D: WIDTH, symbols.d: ENTRIES, symbols.r: REDUNDANCY}
    return {symbol: float(size) for symbol, size in sizes.items()}


def _plain_vector(states: Floats) -> Floats:
    """Return x of `_amplifying` circuits' states: the last two entries minus the indicator."""
    return states[..., 1:] - states[..., :1]


def _amplifying(n_circuits: int, n_layers: int, rng: np.random.Generator) -> MLPCircuits:
    """Return conditional rotations whose indicator, ReLU(2α − 1), doubles errors at 1; width 3."""
    turning = rotation_circuits(n_circuits, 1, rng)
    turns = turning.weights[0][:, 2:, 2:]
    weights = np.zeros((n_circuits, 3, 3))
    weights[:, 0, 0] = 2
    weights[:, 1:, 0] = 2 - turns.sum(axis=2)
    weights[:, 1:, 1:] = turns
    biases = -np.ones((n_circuits, 3))

    def inputs(active: np.ndarray, rng: np.random.Generator) -> Floats:
        return turning.default_inputs(active, rng)[..., 1:] + [0.5, 0, 0]

    return MLPCircuits([weights] * n_layers, [biases] * n_layers, sampler=inputs)
