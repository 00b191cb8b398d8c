"""These measurements are for the chapter *What must any construction pay?*"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from sympy import prevprime

from companion._places import Places
from superposition._check import Floats, Integers
from superposition.circuits import MLPCircuits
from superposition.circuits.inputs import sample_active
from superposition.constructions import GatedConstruction
from superposition.maps import GATES, SparseCode, TwoCodes, draw_codes
from superposition.measure import measure_error
from superposition.readers import reading_weights
from superposition.superposition import Superposition
from superposition.theory import limits, symbols
from superposition.theory.derivation import evaluate


def crosstalk_beside_floors(prime: int, redundancy: int, counts: Sequence[int]) -> pd.DataFrame:
    """Compare what a layer adds with two active circuits with its lower bounds.

    What it adds is relative to |w a|². All pairs of circuits count, also those that share slots.
    The table has a row for each number of circuits in `counts`. The columns (own, ·) are for random
    weights, and (mean, ·) for weights that are the same in all circuits. "floor" is the least for
    any codes and weights, (eq-layer-floor) and (eq-read-floor). "codes" is the least for these
    codes. "quiet" and "equal" are (eq-quiet) and (eq-plain). "one slot" has equal weights with r =
    1, in no more slots.
    """
    rows = {}
    for n_circuits in counts:
        two = draw_codes(prime, redundancy, n_circuits, np.random.default_rng(0))
        one = draw_codes(prevprime(two.n_slots + 1), 1, n_circuits, np.random.default_rng(0))
        best = np.linalg.inv(code_shares(two))
        sums = [
            [best.trace(), best.sum()],
            squared_crosstalk(two, True),
            squared_crosstalk(two, False),
            squared_crosstalk(one, False),
        ]
        relative = (np.array(sums) / n_circuits - 1) / (n_circuits - 1)
        rows[n_circuits] = np.vstack([_floors(two), relative]).T.ravel()
    names = ["floor", "codes", "quiet", "equal", "one slot"]
    columns = pd.MultiIndex.from_product([["own", "mean"], names])
    return pd.DataFrame.from_dict(rows, "index", columns=columns).rename_axis("T")


def _floors(two: TwoCodes) -> list[float]:
    sizes = {symbols.T: len(two.sets[0]), symbols.k: 2, symbols.d: 1, symbols.m: 1}
    sizes |= {symbols.D: two.n_slots, symbols.M: two.n_slots}
    return [float(evaluate(f, sizes)) for f in (limits.layer_floor(), limits.read_floor())]


def price_by_width(
    n_circuits: int, widths: Sequence[int], rng: np.random.Generator
) -> pd.DataFrame:
    """Count the parameters of gated networks with r = 1, for each one of their circuits'.

    The table has columns width, measured, derived, (eq-price-one), and bound, (eq-count). Each
    network has random circuits of two layers.
    """
    rows = []
    for width in widths:
        circuits = MLPCircuits.random(n_circuits, [width] * 3, rng)
        large = GatedConstruction(redundancy=1).compress(circuits, rng).network
        sizes = {symbols.T: n_circuits, symbols.d: width}
        price = float(evaluate(limits.price_of_one(), sizes))
        rows.append((width, large.n_parameters / circuits.n_parameters, price, 1.0))
    return pd.DataFrame(rows, columns=["width", "measured", "derived", "bound"])


def code_shares(two: TwoCodes) -> Floats:
    """Return Γ of (eq-shares), (T, T), for the codes that the first layer reads and writes."""
    return _span(two.slots(0).matrix.toarray()) * _span(two.slots(1).matrix.toarray())


def _span(vectors: Floats) -> Floats:
    """Return the projection on the columns' span.

    Its rank is below n, because the lines of each slope have the same sum.
    """
    left, sizes, _ = np.linalg.svd(vectors, full_matrices=False)
    left = left[:, sizes > 1e-9 * sizes[0]]
    return left @ left.T


def squared_crosstalk(two: TwoCodes, quiet: bool) -> list[float]:
    """Return |K|² of the first layer, for independent weights of mean square 1, and for ones."""
    read = two.slots(0).matrix.toarray().astype(float)
    n, r = len(read), two.sets[0].shape[1]
    own, each, same = 0.0, np.zeros((n, n)), np.zeros((n, n))
    for _, on, weights in reading_weights(two.slots(0), two.slots(1), quiet):
        parts = read @ weights / r  # u, v: what v's weights make of u's state
        own += (len(on) - 1) * (parts**2).sum()  # by others than v
        each[:, on] += parts  # by v itself, on all its slots
        same[:, on] += parts.sum(axis=1)[:, None]
    return [own + (each**2).sum(), (same**2).sum()]


def linear_circuits(n_circuits: int, width: int, rng: np.random.Generator) -> MLPCircuits:
    """Return circuits of one linear layer with independent weights N(0, 1/width), no biases."""
    weights = rng.standard_normal((n_circuits, width, width)) / np.sqrt(width)
    return MLPCircuits([weights], [np.zeros((n_circuits, width))], "linear")


def networks_of_places(
    circuits: MLPCircuits, places: Places, rng: np.random.Generator
) -> list[Superposition]:
    """Return a gated network, r = 1, for each place, of the circuits that have a copy there."""
    construction = GatedConstruction(redundancy=1)
    return [
        construction.compress(circuits.take(places.members(place)), rng)
        for place in range(places.n_places)
    ]


def placed_errors(
    circuits: MLPCircuits, places: Places, n_active: int, n_samples: int, rng: np.random.Generator
) -> pd.Series:
    """Send random active sets to places, and measure what the networks there compute.

    `unplaced` is the share of circuits that found no place. `error` is the largest |δ| of any entry
    of the others, divided by the largest |a|. `width` is that of all networks together.
    `parameters` counts those within networks, for each parameter of the circuits. `square` is
    width² for each weight of a circuit layer.
    """
    networks = networks_of_places(circuits, places, rng)
    active = sample_active(circuits.n_circuits, n_active, n_samples, rng)
    inputs, where = circuits.default_inputs(active, rng), places.assign(active)
    wrong = largest = 0.0
    for place, network in enumerate(networks):
        sent = where == place
        truth, found = _both(circuits, network, places.members(place), active[sent], inputs[sent])
        wrong = max(
            wrong, *(np.abs(a - b).max(initial=0) for a, b in zip(truth, found, strict=True))
        )
        largest = max(largest, *(np.abs(a).max(initial=0) for a in truth))
    width = sum(max(network.network.widths) for network in networks)
    parameters = sum(network.network.n_parameters for network in networks)
    return pd.Series(
        {
            "unplaced": (where < 0).mean(),
            "error": wrong / largest,
            "width": width,
            "parameters": parameters / circuits.n_parameters,
            "square": width**2 / circuits.weights[0].size,
        }
    )


def _both(
    circuits: MLPCircuits,
    network: Superposition,
    members: Integers,
    active: Integers,
    inputs: Floats,
) -> tuple[Sequence[Floats], Sequence[Floats]]:
    """Return the true states of circuits (n,) alone with inputs (n, d), and a place's network's."""
    one = np.searchsorted(members, active)[:, None]
    return circuits.run(inputs[:, None], active[:, None]), network.run(inputs[:, None], one)


def redundancy_over_layers(
    redundancies: Sequence[int],
    n_circuits: int,
    n_layers: int,
    n_active: int,
    rng: np.random.Generator,
) -> pd.DataFrame:
    """Measure gated networks of random circuits of width 4 by redundancy, with about 246 slots.

    The table has a row for each redundancy. The columns are relative_mse after layer 1 and after
    the last, and the worst square |δ|² after the last in 2,000 samples, over the states' own.
    """
    circuits = MLPCircuits.random(n_circuits, [4] * (n_layers + 1), rng)
    rows = {}
    for r in redundancies:
        large = GatedConstruction(246 * (4 + GATES), r).compress(circuits, rng)
        errors = measure_error(large, n_active, 2000, rng).set_index("layer")
        relative, last = errors["relative_mse"], errors.loc[n_layers]
        size = last["mse"] / last["relative_mse"]
        rows[r] = [relative[1], relative[n_layers], last["worst"] ** 2 / size]
    names = ["layer 1", f"layer {n_layers}", "worst square"]
    return pd.DataFrame.from_dict(rows, "index", columns=names).rename_axis("r")


def one_code_or_two(
    circuits: MLPCircuits, prime: int, redundancy: int, n_active: int, rng: np.random.Generator
) -> pd.DataFrame:
    """Measure relative_mse by layer of gated networks with quiet weights, with 500 samples.

    The column "two codes" has both codes of the plane over `prime`; "one code" has the first of
    them in all layers.
    """
    two, table = draw_codes(prime, redundancy, circuits.n_circuits, rng), {}
    even, odd = (SparseCode(slots[:, None], two.n_slots) for slots in two.sets)
    for name, codes in (("two codes", (even, odd)), ("one code", (even, even))):
        large = GatedConstruction(redundancy=redundancy).compress(circuits, rng, codes=codes)
        errors = measure_error(large, n_active, 500, rng)
        table[name] = errors.set_index("layer")["relative_mse"]
    return pd.DataFrame(table)
