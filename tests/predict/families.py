"""Kinds of circuits that predictions are tried on; `python -m tests.predict.families` prints all.

Each is made from a seed. Predicted errors stand beside measured ones, with the interval that was
predicted, and how many circuits are worse than their own mean.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from itertools import product

import numpy as np
import pandas as pd

from superposition import (
    GatedConstruction,
    GatedResidualConstruction,
    MLPCircuits,
    ResidualCircuits,
    ResidualConstruction,
    measure_error,
)
from superposition.interop import from_sklearn, with_inputs

N = 150
Family = Callable[[np.random.Generator, int], MLPCircuits]


def drawn(
    rng: np.random.Generator, n_layers: int, scales=1.0, shape=None, **changes
) -> MLPCircuits:
    """Random circuits of width 4, linear at the end, with weights by `shape(rng, weights)`."""
    base = MLPCircuits.random(N, [4] * (n_layers + 1), rng)
    scale = np.broadcast_to(scales, N)
    weights = [w if shape is None else shape(rng, w) for w in base.weights]
    weights = [w * scale[:, None, None] for w in weights]
    biases = [changes.get("bias", lambda b: b)(b) * scale[:, None] for b in base.biases]
    names = ["relu"] * (n_layers - 1) + ["linear"]
    return MLPCircuits(weights, biases, names, changes.get("sampler"))


def last_scaled(rng: np.random.Generator, n_layers: int, scales) -> MLPCircuits:
    """Random circuits with answers in other units."""
    base = drawn(rng, n_layers)
    weights = [*base.weights[:-1], base.weights[-1] * scales[:, None, None]]
    biases = [*base.biases[:-1], base.biases[-1] * scales[:, None]]
    return MLPCircuits(weights, biases, base.activations)


def shared_mean(times: float) -> Callable:
    def shape(rng, weights):
        mean = rng.standard_normal(weights.shape[1:]) * np.sqrt(2 / weights.shape[2])
        return (times * mean + weights) / np.sqrt(1 + times**2)

    return shape


def low_rank(rng, weights):
    left, sizes, right = np.linalg.svd(weights)
    return 1.5 * np.einsum("ti,t,tj->tij", left[:, :, 0], sizes[:, 0], right[:, 0])


def heavy(freedom: float) -> Callable:
    def shape(rng, weights):
        return rng.standard_t(freedom, weights.shape) * np.sqrt(0.5 / weights.shape[2])

    return shape


def sparse(rng, weights):
    return weights * (rng.random(weights.shape) < 0.15) * 2.5


def prototypes(rng, weights):
    return 0.95 * weights[:5][rng.integers(5, size=N)] + 0.3 * weights


def dead(share: float) -> Callable:
    return lambda rng: np.where(rng.random(N) < share, 0.0, 1.0)


def one_hot(active, rng):
    return np.eye(4)[rng.integers(4, size=active.shape)]


def mostly_zero(active, rng):
    inputs = rng.standard_normal((*active.shape, 4)) * (rng.random(active.shape) < 0.1)[..., None]
    return inputs / np.maximum(1, np.linalg.norm(inputs, axis=-1, keepdims=True))


def alike(active, rng):
    inputs = rng.standard_normal((len(active), 1, 4))
    inputs /= np.linalg.norm(inputs, axis=-1, keepdims=True)
    return np.repeat(inputs, active.shape[1], axis=1)


def trained(table: str, raw: bool = False) -> Family:
    """Sixty scikit-learn models of one hidden layer, on random halves of a table."""

    def make(rng: np.random.Generator, n_layers: int) -> MLPCircuits:
        from sklearn import datasets
        from sklearn.neural_network import MLPClassifier, MLPRegressor

        data = getattr(datasets, f"load_{table}")(**({"scaled": False} if raw else {}))
        x, y = data.data, data.target
        if not raw:
            x = (x - x.mean(axis=0)) / np.maximum(x.std(axis=0), 1e-9) / np.sqrt(x.shape[1])
        models, tables = [], []
        for _ in range(60):
            rows = rng.permutation(len(x))[: len(x) // 2]
            kind = MLPRegressor if table == "diabetes" else MLPClassifier
            seed = int(rng.integers(2**31))
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                shape = (8,) * (n_layers - 1)
                model = kind(hidden_layer_sizes=shape, max_iter=60, random_state=seed)
                models.append(model.fit(x[rows], y[rows]))
            tables.append(x)
        return with_inputs(from_sklearn(models), tables)

    return make


def normal(sigma: float) -> Callable:
    return lambda rng: np.exp(sigma * rng.standard_normal(N))


FAMILIES: dict[str, Family] = {
    "random": lambda rng, n: drawn(rng, n),
    "shared mean, half": lambda rng, n: drawn(rng, n, shape=shared_mean(0.5)),
    "shared mean": lambda rng, n: drawn(rng, n, shape=shared_mean(1.0)),
    "shared mean, twice": lambda rng, n: drawn(rng, n, shape=shared_mean(2.0)),
    "low rank": lambda rng, n: drawn(rng, n, shape=low_rank),
    "heavy tails, 3": lambda rng, n: drawn(rng, n, shape=heavy(3)),
    "heavy tails, 2": lambda rng, n: drawn(rng, n, shape=heavy(2)),
    "lognormal": lambda rng, n: drawn(rng, n, normal(1.0)(rng)),
    "lognormal, twice": lambda rng, n: drawn(rng, n, normal(2.0)(rng)),
    "units, lognormal": lambda rng, n: last_scaled(rng, n, normal(1.0)(rng)),
    "units, half × 10": lambda rng, n: last_scaled(rng, n, np.where(np.arange(N) % 2, 1, 10.0)),
    "units, tenth × 100": lambda rng, n: last_scaled(rng, n, np.where(np.arange(N) % 10, 1, 100.0)),
    "one giant": lambda rng, n: drawn(rng, n, np.where(np.arange(N) == 3, 1000 ** (1 / n), 1)),
    "half dead": lambda rng, n: drawn(rng, n, dead(0.5)(rng)),
    "most dead": lambda rng, n: drawn(rng, n, dead(0.9)(rng)),
    "large biases": lambda rng, n: drawn(rng, n, bias=lambda b: 10 * b),
    "no biases": lambda rng, n: drawn(rng, n, bias=lambda b: 0 * b),
    "negative biases": lambda rng, n: drawn(rng, n, bias=lambda b: -1.5 * np.abs(b)),
    "sparse weights": lambda rng, n: drawn(rng, n, shape=sparse),
    "prototypes": lambda rng, n: drawn(rng, n, shape=prototypes),
    "positive weights": lambda rng, n: drawn(rng, n, shape=lambda rng, w: np.abs(w)),
    "one-hot inputs": lambda rng, n: drawn(rng, n, sampler=one_hot),
    "sparse states": lambda rng, n: drawn(rng, n, sampler=mostly_zero),
    "inputs alike": lambda rng, n: drawn(rng, n, sampler=alike),
    "trained on digits": trained("digits"),
    "trained on wine": trained("wine"),
    "trained on diabetes": trained("diabetes"),
    "raw units": trained("diabetes", raw=True),
}
SIZES = ((2, 1), (2, 4), (4, 4))  # layers, slots
NUMBERS = (2, 4)  # of active circuits


def compared(name: str, n_layers: int, redundancy: int, n_active: int, seed: int = 0) -> dict:
    """One row: predicted and measured relative_mse after the last layer."""
    circuits = FAMILIES[name](np.random.default_rng([seed, len(name)]), n_layers)
    longest = getattr(circuits.sampler, "longest", 1.0)
    construction = GatedConstruction(redundancy=redundancy, input_bound=longest)
    predicted = construction.predict_error(circuits, n_active).iloc[-1]
    law = construction.predict_error(circuits, n_active, law="derived").iloc[-1]
    large = construction.compress(circuits, np.random.default_rng([seed, 1]))
    measured = measure_error(large, n_active, 1500, np.random.default_rng([seed, 2])).iloc[-1]
    about = {"family": name, "layers": n_layers, "slots": redundancy, "active": n_active}
    return about | beside(predicted, law, measured)


def beside(predicted: pd.Series, law: pd.Series, measured: pd.Series) -> dict:
    """The columns that tables of all kinds of circuits have: what samples predict, and the law."""
    inside = predicted["low"] <= measured["relative_mse"] <= predicted["high"]
    return {
        "predicted": predicted["relative_mse"],
        "low": predicted["low"],
        "high": predicted["high"],
        "measured": measured["relative_mse"],
        "derived": law["relative_mse"],
        "ratio": predicted["relative_mse"] / measured["relative_mse"],
        "inside": bool(inside),
        "lost, predicted": predicted["circuit_lost"],
        "lost, measured": measured["circuit_lost"],
    }


def table(names=tuple(FAMILIES), sizes=SIZES, numbers=NUMBERS) -> pd.DataFrame:
    """All rows."""
    cases = [(name, *size, k) for name in names for size in sizes for k in numbers]
    return pd.DataFrame([compared(*case) for case in cases])


# residual circuits

RESIDUAL = (
    "random",
    "lognormal",
    "one giant",
    "positive write",
    "a mean in common",
    "negative biases",
    "heavy tails",
    "low rank",
    "most dead",
)
CONSTRUCTIONS = {
    "post": ResidualConstruction(300, 600),
    "gated": GatedResidualConstruction(None, 3, 3),
}


def residual(name: str, n_layers: int, seed: int = 3) -> ResidualCircuits:
    """A hundred residual circuits of a kind."""
    rng = np.random.default_rng(seed)
    drawn = ResidualCircuits.random(100, 3, 6, n_layers, rng)
    read, bias, write = (x.copy() for x in (drawn.read_in, drawn.bias, drawn.write_out))
    scale = np.ones(100)
    if name == "lognormal":
        scale = np.exp(rng.standard_normal(100))
    if name == "one giant":
        scale[3] = 10
    if name == "most dead":
        scale = dead(0.9)(rng)[:100]
    if name == "positive write":
        write = np.abs(write)
    if name == "a mean in common":
        read = (read + read[:, :1]) / np.sqrt(2)
        write = (write + write[:, :1]) / np.sqrt(2)
    if name == "negative biases":
        bias -= 2
    if name == "heavy tails":
        read, write = (heavy(3)(rng, x) / np.sqrt(2) for x in (read, write))
    if name == "low rank":
        left, sizes, right = np.linalg.svd(read, full_matrices=False)
        read = left[..., :1] * sizes[..., None, :1] @ right[..., :1, :]
    column = scale[:, None, None]
    return ResidualCircuits(read * column, bias * scale[:, None], write * column)


def compared_residual(name: str, kind: str, n_layers: int, n_active: int) -> dict:
    """One row: predicted relative_mse, and measured in three drawings of codes."""
    circuits, construction = residual(name, n_layers), CONSTRUCTIONS[kind]
    predicted = construction.predict_error(circuits, n_active, law="sampled").iloc[-1]
    law = construction.predict_error(circuits, n_active, law="derived").iloc[-1]
    runs = []
    for seed in (1, 2, 3):
        large = construction.compress(circuits, np.random.default_rng(seed))
        rng = np.random.default_rng([seed, 1])
        runs.append(measure_error(large, n_active, 500, rng).iloc[-1])
    measured = pd.DataFrame(runs).mean()
    about = {"family": name, "construction": kind, "layers": n_layers, "active": n_active}
    idle = {
        "inactive, predicted": predicted["inactive_mse"],
        "inactive, measured": measured["inactive_mse"],
    }
    return about | beside(predicted, law, measured) | idle


def residual_table() -> pd.DataFrame:
    """All rows of residual circuits."""
    cases = product(RESIDUAL, CONSTRUCTIONS, (1, 3), (2, 3))
    return pd.DataFrame([compared_residual(*case) for case in cases])


def summary(found: pd.DataFrame) -> str:
    """How often predictions are right, and the derived law."""
    within = found["ratio"].between(0.5, 2).mean()
    wide = (found["high"] / found["low"]).max()
    law = found["derived"] / found["measured"]
    return (
        f"within a factor of two: {within:.0%}; in the interval: {found['inside'].mean():.0%}\n"
        f"ratios {found['ratio'].min():.2f} … {found['ratio'].max():.2f}; widest {wide:.1f}\n"
        f"the derived law: {law.between(0.5, 2).mean():.0%}, {law.min():.3f} … {law.max():.2f}"
    )


if __name__ == "__main__":
    for found in (table(), residual_table()):
        print(found.round(3).to_string())
        print(summary(found))
