"""These measurements are for the chapter *A construction that survives depth*."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import sympy as sp
from numpy.typing import ArrayLike

from superposition._check import Floats, Integers
from superposition.circuits import MLPCircuits, rotation_circuits, rotation_vector
from superposition.circuits.conditional import conditional_weights
from superposition.constructions import MLPConstruction
from superposition.maps import SparseCode
from superposition.measure import measure_error
from superposition.network import MLPNetwork
from superposition.predict.rotations import share
from superposition.predict.sequel import published_law
from superposition.readers import balance, connections, shared_weights
from superposition.superposition import Superposition
from superposition.sweep import sweep
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


# How each assumption is dropped: which it is ("" for none), k, and what `_rotations` takes.
CASES: dict[str, tuple[str, int, dict[str, Any]]] = {
    "all hold": ("", 1, {}),
    "2 active": ("few are active", 2, {}),
    "3 active": ("few are active", 3, {}),
    "12 active": ("few are active", 12, {}),
    "inactive pass noise on: a step of gain 1": ("inactive are robust", 1, {"gain": 1.0}),
    "all turn by one angle": ("weights are uncorrelated", 1, {"alike": True}),
    "all hold: 1 along the signal, 1 across": ("", 1, {"across": 1.0}),
    "active amplify: 1 along, 2 across": ("active do not amplify", 1, {"across": 2.0}),
    "active amplify: 1 along, 3 across": ("active do not amplify", 1, {"across": 3.0}),
}


def dropped(case: str, rng: np.random.Generator) -> pd.DataFrame:
    """Measure the vector's mse after five layers in one of `CASES`.

    There are T = 200 circuits and 250 slots, with r = 6.
    """
    _, n_active, options = CASES[case]
    superposition = MLPConstruction(WIDTH, REDUNDANCY).compress(_rotations(rng, **options), rng)
    errors = measure_error(superposition, n_active, 300, rng, observe=rotation_vector)
    return errors[["layer", "mse"]].iloc[[-1]]


def assumptions(rng: np.random.Generator) -> pd.DataFrame:
    """Measure the cases that drop an assumption: means over three networks.

    The columns are `case`, `assumption`, `mse` and `factor`. The factor compares the mse with that
    of the case before in which all assumptions hold.
    """
    table = sweep(dropped, [{"case": case} for case in CASES], 3, rng, progress=False)
    found = table.groupby("case", sort=False)["mse"].mean().reset_index()
    found.insert(1, "assumption", [CASES[case][0] for case in found["case"]])
    found["factor"] = found["mse"] / found["mse"].where(found["assumption"] == "").ffill()
    return found[found["assumption"] != ""].reset_index(drop=True)


def judge_assumptions(found: pd.DataFrame) -> pd.Series:
    """Judge each assumption by a table as `assumptions` returns.

    It is needed if some way to drop it leaves an mse of ½ or more, where guessing has 1. It saves
    error if the mse grows by half or more. Else it is not needed.
    """
    most = found.groupby("assumption", sort=False)[["mse", "factor"]].max()
    words = np.where(most["factor"] >= 1.5, "not needed, but it saves error", "not needed")
    return pd.Series(np.where(most["mse"] >= 0.5, "needed", words), most.index, name="judged")


def with_equal_biases(circuits: MLPCircuits) -> tuple[MLPCircuits, list[Floats]]:
    """Rescale circuits whose biases are below zero, so that all biases are −1.

    A neuron's weights and bias are multiplied by s > 0, and so is what ReLU makes of them; the next
    layer's weights are divided by s. The second result is s, (T, d) for each layer. Raises
    ValueError for a bias of zero or above.
    """
    before, weights = np.ones(circuits.weights[0].shape[::2]), []
    scales: list[Floats] = []
    for weight, bias in zip(circuits.weights, circuits.biases, strict=True):
        if bias.max() >= 0:
            raise ValueError(f"biases: wanted all below 0, got {bias.max():.3g}")
        weights.append(weight / before[:, None] / -bias[..., None])
        before = -1 / bias
        scales.append(before)
    biases = [np.full_like(bias, -1) for bias in circuits.biases]
    return replace(circuits, weights=weights, biases=biases), scales


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


def _rotations(
    rng: np.random.Generator, gain: float = 2.0, alike: bool = False, across: float | None = None
) -> MLPCircuits:
    """Return 200 conditional rotations of five layers, changed in one respect.

    gain: that of the on-indicator's step.
    alike: whether all turn by one angle.
    across: what each layer multiplies errors by that are perpendicular to the true vector. It can,
        since each circuit then has one input only, whose way through the layers is known.
    """
    plain = rotation_circuits(200, 5, rng, gain=gain)
    weights, start = list(plain.weights), rng.uniform(0, 2 * np.pi, 200)
    if alike:
        weights = [np.repeat(weight[:1], 200, axis=0) for weight in weights]
    if across is None:
        return replace(plain, weights=weights)
    along = first = np.stack([np.cos(start), np.sin(start)], axis=1)
    for layer, weight in enumerate(weights):
        turns, signal = weight[:, 2:, 2:], along[:, :, None] * along[:, None]
        changed = turns @ (signal + across * (np.eye(2) - signal))
        weights[layer] = conditional_weights(changed, gain)
        along = np.einsum("tij,tj->ti", turns, along)

    def inputs(active: Integers, rng: np.random.Generator) -> Floats:
        on = plain.default_inputs(active, rng)[..., :2]
        return np.concatenate([on, first[active] + 1], axis=-1)

    return replace(plain, weights=weights, sampler=inputs)
