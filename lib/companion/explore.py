"""A figure computes in the page how many circuits fit; these are its rows, laws and numbers.

`book/tools/formulas.py` prints them as JavaScript, and tests compare both. The rows of the post's
network follow the law of `ResidualConstruction.predict_error` from layer to layer.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import pandas as pd
import sympy as sp
from numpy.typing import ArrayLike

from companion._study import data
from companion.introduction import largest_loads
from superposition._check import Floats, positive_int, positive_real
from superposition.circuits.moments import N_NODES, Moments
from superposition.constructions import ResidualConstruction
from superposition.results import read_table
from superposition.theory import limits, neurons, over_layers, read_in, symbols
from superposition.theory.derivation import Derivation, evaluate
from superposition.theory.symbols import D, M, T, d, k, m, margin, r, tolerance

Sizes = Mapping[str, float | None]
Step = dict[sp.Symbol, sp.Expr]

# what the sliders begin with: the sizes at the right end of (fig-claim), and its tolerance
START: dict[str, float | None] = {
    "D": 1024, "M": 2048, "d": 4, "m": 8, "k": 1, "r": None, "tolerance": 0.25
}  # fmt: skip
NAMES = dict(zip((D, M, d, m, k, r, tolerance), START, strict=True))
# variance of what a neuron of `ResidualCircuits.random` is to read of a unit input: of its weights
# times the input 1/d, of its bias as much
INPUT_VARIANCE = 2 / d
L, layer = sp.symbols("L layer", nonnegative=True)
misreading, deviation = sp.symbols("misreading deviation", real=True)
relative_mse, nothing = sp.symbols("relative_mse nothing", real=True)


@dataclass(frozen=True)
class Row:
    """This is one row of the figure.

    `words` are for the reader. A row has a `count` of circuits that fit, or it follows the law of
    errors over so many `layers`. `holds` is the condition under which the row says anything; None:
    always. `only` is that condition in words, which the page shows in the place of the number where
    the condition fails.
    """

    words: str
    count: sp.Expr | None = None
    layers: int | None = None
    holds: sp.Basic | None = None
    only: str = ""


@cache
def rows() -> dict[str, Row]:
    """Return the figure's rows, for circuits of `ResidualCircuits.random`."""
    # what others add is ν of what the weights alone read, whose variance is 1/d
    most = limits.most_under_floor().subs(tolerance, tolerance * INPUT_VARIANCE * d)
    return {
        "private": Row("private neurons", sp.Min(D / d, M / m)),
        "one": Row("the post's, one layer", layers=1),
        "two": Row("the post's, two layers", layers=2),
        "four": Row("the post's, four layers", layers=4),
        "gated": Row("gated, told who is on", _gated(), holds=sp.Eq(k, 1), only="k = 1 only"),
        "most": Row("most of a linear code", most, holds=k > 1, only="k ≥ 2 only"),
    }


def _gated() -> sp.Expr:
    """Return the T at which a full gated network has D neurons, from (eq-price-one)."""
    (neurons,) = limits.ONE_SLOT.values.values()
    return sp.solve(sp.Eq(neurons, D), T)[0]


def random_circuits() -> dict[str, sp.Expr]:
    """Return the `Moments` of `ResidualCircuits.random` at unit inputs, before one of its L layers.

    Entries of read_in and biases have variance 1/d, those of write_out 1/(L m). A pre-activation
    has the variance (|a|² + 1)/d, of which a ReLU passes on half, so that each layer adds (|a|² +
    1)/(2 L) to |a|². Pre-activations are taken for Gaussian, which they are in the first layer.
    Weights of different layers are independent, so that no errors are fed back.
    """
    return {
        "state2": 2 * (1 + 1 / (2 * L)) ** layer - 1,
        "weight2": sp.Integer(1),
        "weight_sum2": m,
        "bias2": 1 / d,
        "bias_sum2": m / d,
        "write2": d / (L * m),
    }


def standard_groups() -> Floats:
    """Return the means of equally likely groups of standard Gaussian values, (n,)."""
    from scipy.stats import norm  # slow to load, and seldom needed

    density = norm.pdf(norm.ppf(np.linspace(0, 1, N_NODES + 1)))
    return np.asarray(-N_NODES * np.diff(density))


@cache
def moments(width: int, n_neurons: int, n_layers: int) -> Moments:
    """Return the moments of random circuits of this shape, by `random_circuits`."""
    layers = np.arange(n_layers + 1)
    given: dict[sp.Symbol, ArrayLike] = {d: width, m: n_neurons, L: n_layers, layer: layers}
    found = {
        name: np.broadcast_to(evaluate(sp.sympify(each), given), layers.shape)
        for name, each in random_circuits().items()
    }
    deviations, none = np.sqrt((found["state2"][:-1] + 1) / width), np.zeros(n_layers + 1)
    of_layers: dict[str, Any] = {n: each[:-1] for n, each in found.items() if n != "state2"}
    return Moments(
        width,
        n_neurons,
        found["state2"],
        bias=none[:-1],
        pre_activations=np.outer(deviations, standard_groups()),
        feedback=none,
        self_feedback=none,
        **of_layers,
    )


@cache
def law() -> dict[str, Step]:
    """Return the steps of `predict.post.predict_layers`, each the values that it gives by symbol.

    That code takes them for orthonormal embeddings and random carriers. The first step has what it
    reads of `Moments`, for `random_circuits`.
    """
    return {
        name: {s: e.result if isinstance(e, Derivation) else e for s, e in step.items()}
        for name, step in (_steps_of_the_stream() | _steps_of_a_carrier()).items()
    }


def _steps_of_the_stream() -> dict[str, Mapping[sp.Symbol, sp.Expr | Derivation]]:
    return {
        "circuits": _circuits(),
        "held": {symbols.state2: over_layers.active_state()},
        "contained": {symbols.content: over_layers.stream_content()},
        "written": {
            symbols.garbage: over_layers.next_garbage(),
            symbols.delta2: over_layers.next_error(),
            symbols.drift: over_layers.next_drift(),
        },
        "readOut": {relative_mse: over_layers.active_read_out().result / (symbols.a2 - 1)},
    }


def _steps_of_a_carrier() -> dict[str, Mapping[sp.Symbol, sp.Expr | Derivation]]:
    jump_mean, jump_variance = over_layers.jump()
    both_mean, both_square, alone_mean = read_in.on_both()
    carrying, pair = neurons.chances_of_carriers()
    return {
        "meeting": {symbols.chance: carrying, symbols.both_chance: pair},
        "heard": {
            symbols.noise: over_layers.own_noise_of_a_carrier(),
            symbols.common_noise: over_layers.common_noise_of_carriers(),
            symbols.jump_mean: jump_mean,
            symbols.jump_variance: jump_variance,
        },
        "inactive": {misreading: over_layers.inactive_misreading()},
        "active": {
            symbols.carrier_input: over_layers.drifted(),
            misreading: over_layers.active_misreading(),
        },
        "shared": {
            symbols.both_mean: both_mean,
            symbols.both_square: both_square,
            symbols.alone_mean: alone_mean,
        },
        "collided": {
            symbols.firing_share: read_in.firing(),
            symbols.mean_activation: read_in.carrier_mean(),
            symbols.square_activation: read_in.carrier_square(),
        },
        "estimated": {symbols.estimate_square: read_in.estimated_square()},
        "mistaken": {
            symbols.squared_error: read_in.estimation_error(),
            symbols.error_product: read_in.estimation_drift(),
        },
    }


def _circuits() -> Step:
    """Return what the law needs of random circuits: biases are moved onto the indicator."""
    of = random_circuits()
    variance = (of["state2"] + 1) / d
    return {
        symbols.a2: of["state2"] + 1,
        symbols.bare_w2: of["weight2"],
        symbols.w2: of["weight2"] + of["bias2"] + margin**2,
        symbols.bare_sum2: of["weight_sum2"],
        symbols.sum2: of["weight_sum2"] + of["bias_sum2"] + (m * margin) ** 2,
        symbols.write2: of["write2"],
        symbols.pre_mean: sp.Integer(0),
        symbols.pre_variance: variance * sp.Float(float(standard_groups().var()), 17),
        symbols.feedback: sp.Integer(0),
        deviation: sp.sqrt(variance),
        nothing: (of["state2"] - 1) / of["state2"],  # of inputs that are returned as they came
    }


def capacities(sizes: Sizes) -> dict[str, float | None]:
    """Return how many circuits fit, by row, or None where a row says nothing.

    `sizes` has the keys of `START`; all values are whole numbers but the tolerance, which is the
    share of the error of computing nothing. A row is 0 if the active circuits alone have a larger
    error. Raises KeyError for a missing size, and TypeError or ValueError for a size that is not
    above zero; an r of None stands for the library's default.
    """
    checks = dict.fromkeys(START, positive_int) | {"tolerance": positive_real}
    given = {name: sizes[name] for name in START}
    for name, check in checks.items():
        if name != "r" or given[name] is not None:
            check(name, given[name])
    carriers = construction(given).n_carriers
    values = {s: carriers if s == r else given[name] for s, name in NAMES.items()}
    return {
        name: _fits(row, given, values) if row.holds is None or row.holds.subs(values) else None
        for name, row in rows().items()
    }


def construction(sizes: Sizes) -> ResidualConstruction:
    """Return the post's construction in these sizes, with the library's defaults."""
    n = {name: None if sizes[name] is None else int(sizes[name] or 0) for name in ("D", "M", "r")}
    assert n["D"] is not None
    assert n["M"] is not None
    return ResidualConstruction(n["D"], n["M"], n["r"])


def _fits(row: Row, sizes: Sizes, values: Mapping[sp.Symbol, Any]) -> float:
    if row.count is not None:
        return float(evaluate(row.count, values))
    assert row.layers is not None
    of = moments(values[d], values[m], row.layers)
    allowed = values[tolerance] * (1 - of.state2[0] / of.state2[-1])
    try:
        return construction(sizes).capacity(of, values[k], allowed)
    except ValueError:  # not even the active circuits alone
        return 0.0


def measured() -> pd.DataFrame:
    """Return the points of (fig-claim), with columns D, layers, mean, min and max over seeds."""
    table = read_table(data("claim.csv"))[0]
    loads = largest_loads(table, float(START["tolerance"] or 0))
    groups = loads.groupby(["stream_width", "n_layers"])["n_circuits"]
    found = groups.agg(["mean", "min", "max"]).reset_index()
    return found.rename(columns={"stream_width": "D", "n_layers": "layers"})


def beside_measured() -> pd.DataFrame:
    """Return the points of (fig-claim) beside `capacities` at their sizes.

    The table has columns D, layers, measured and predicted.
    """
    words = {row.layers: name for name, row in rows().items() if row.layers}
    points = measured().rename(columns={"mean": "measured"})[["D", "layers", "measured"]]
    at = {n: capacities({**START, "D": n, "M": 2 * n}) for n in points["D"].unique().tolist()}
    pairs = zip(points["D"], points["layers"], strict=True)
    return points.assign(predicted=[at[width][words[n_layers]] for width, n_layers in pairs])


def grid_step() -> float:
    """Return the ratio of neighbours among the loads that were tried at the largest width."""
    tried = read_table(data("claim.csv"))[0].query("stream_width == stream_width.max()")
    loads = tried["n_circuits"].unique()
    return float((loads.max() / loads.min()) ** (1 / (len(loads) - 1)))
