"""Which construction to choose: the size, the predicted error and the price of each."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import MISSING, dataclass, fields
from itertools import pairwise
from math import isqrt
from typing import TYPE_CHECKING, Any

import numpy as np

from superposition._check import positive_int, positive_real
from superposition.circuits import MLPCircuits, ResidualCircuits
from superposition.circuits.moments import MLPMoments, Moments
from superposition.constructions import (
    ChainConstruction,
    GatedConstruction,
    GatedResidualConstruction,
    MLPConstruction,
    ResidualConstruction,
)
from superposition.constructions.gated_residual import cleaners
from superposition.constructions.sequel import check_alike, check_silent
from superposition.constructions.sizing import WIDEST, Sized, check_quantile, neurons_of_slot
from superposition.maps import GATES

if TYPE_CHECKING:
    import pandas as pd

AT_INPUT, PLACES, NOTHING = "who is active at the input", "placement of all active", "nothing"
REDUNDANCIES = (2, 3, 4)  # that are tried of gated superposition
OF_SEQUEL = (2, 3, 4, 6, 8)
MOST_CHAINS = 6
COLUMNS = {
    "construction": "",
    "neurons": np.nan,
    "parameters": np.nan,
    "nonzero": np.nan,
    "multiplications": np.nan,
    "in_factors": np.nan,
    "predicted_error": np.nan,
    "circuit_median": np.nan,
    "circuit_worst": np.nan,
    "failure_probability": np.nan,
    "exact_for_one": False,
    "told": "",
    "why": "",
}
Row = dict[str, Any]


@dataclass(frozen=True)
class _Choice:
    """One row to be: constructions, whose sizes do not count yet, of which the smallest is taken.

    price: the row's numbers for a construction with its size.
    refuse: raises ValueError for circuits that the construction does not accept.
    """

    starts: Sequence[Sized[Any]]
    told: str
    exact: bool
    price: Callable[[Any], Row]
    refuse: Callable[[], None] = lambda: None


def plan(
    circuits: MLPCircuits | ResidualCircuits,
    n_active: int,
    tolerance: float,
    *,
    moments: MLPMoments | Moments | None = None,
    quantile: str = "worst",
) -> pd.DataFrame:
    """Return what each construction would cost for these circuits, the fewest parameters first.

    n_active: how many circuits are active at once.
    tolerance: the largest predicted relative_mse after the last layer or, for chains, the largest
        failure probability.
    moments: what `circuits.moments` returned; None: moments sampled here from one fixed seed, as
        `predict_error` does.
    quantile: whose error must be within the tolerance, too, over its own spread as `measure_error`
        has it: of the "worst" circuit or the "median" one; "mean": nobody's but the mean.

    The table has a row for each construction, in the smallest size that meets the tolerance by its
    own predictions, and for two baselines: "separately", each circuit by itself, and "private
    neurons", one network in which each circuit has its own. Of gated superposition one row has
    redundancy 1; the others, and the rows of the sequel and of chains, have the redundancy of the
    fewest parameters among a few. Nothing is compressed. The columns are

    construction: the sizes, in words that Python evaluates; without sizes where there are none.
    neurons: of the widest layer, the input's state included. A residual stream has none.
    parameters: all weights and biases; `nonzero`: those that are not zero, for the baselines.
    multiplications: for one input in the dense network, or of the active circuits, separately.
    in_factors: the same where the network is kept in factors, NaN where that is no cheaper.
    predicted_error: the relative_mse after the last layer, 0 for chains that do not fail.
    circuit_median: the median circuit's error over its own spread; of the sequel's networks the
        mean alone is predicted.
    circuit_worst: the worst circuit's.
    failure_probability: the chance that active circuits cannot be read exactly, for chains. With a
        local embedding they are read by `read_undisturbed`.
    exact_for_one: whether a single active circuit is computed without error, up to rounding.
    told: what embedding must be told beside the inputs.
    why: why there is no such construction, otherwise empty. Numbers are NaN then.

    Inputs may be as long as a construction's `input_bound`, which changes no size; gates are made
    for all active circuits. Many circuits take minutes, as their `size_for` does.
    Raises TypeError for other circuits or moments, ValueError for n_active > T, a tolerance ≤ 0,
    another quantile, or a single MLP circuit, of which there are no moments.

    >>> import numpy
    >>> from superposition import MLPCircuits, plan
    >>> circuits = MLPCircuits.random(
    ...     100, [2, 2, 2], numpy.random.default_rng(0)
    ... )
    >>> table = plan(circuits, n_active=1, tolerance=0.01)
    >>> table = table.set_index("construction")
    >>> sizes = table.loc["GatedConstruction(width=44)"]
    >>> int(sizes["neurons"]), int(sizes["parameters"])
    (44, 3960)
    >>> table.index[0], table.index[-1]  # what cannot be had comes last
    ('separately', 'MLPConstruction')
    """

    import pandas as pd

    if not isinstance(circuits, (MLPCircuits, ResidualCircuits)):
        wanted = "MLPCircuits or ResidualCircuits"
        raise TypeError(f"circuits: wanted {wanted}, got {type(circuits).__name__}")
    because = ", the number of circuits"
    n_active = positive_int("n_active", n_active, circuits.n_circuits, because)
    tolerance = positive_real("tolerance", tolerance)
    check_quantile(quantile)
    moments = circuits.moments(np.random.default_rng(0)) if moments is None else moments
    if isinstance(circuits, MLPCircuits):
        rows, choices = _mlp_baselines(circuits, n_active), _mlp_choices(circuits, n_active)
    else:
        rows, choices = (
            _residual_baselines(circuits, n_active),
            _residual_choices(circuits, n_active),
        )
    question = circuits, moments, n_active, tolerance, quantile
    rows += [_row(choice, *question) for choice in choices]
    table = pd.DataFrame([{**COLUMNS, **row} for row in rows])
    return table.sort_values("parameters", kind="stable", ignore_index=True)


def _row(
    choice: _Choice, circuits: Any, moments: Any, n_active: int, tolerance: float, quantile: str
) -> Row:
    """Return the row of the smallest construction, or of why there is none."""
    n_circuits = circuits.n_circuits
    row: Row = {"told": choice.told, "exact_for_one": choice.exact}
    found: list[tuple[Row, Sized[Any]]] = []
    reasons: list[str] = []
    for start in choice.starts:
        try:
            choice.refuse()
            errors: Row = {}
            if start.sampled:
                sized, last = start.size_by_circuit(
                    circuits, moments, n_active, tolerance, quantile
                )
                errors = {"predicted_error": last["relative_mse"]}
                errors |= {name: last[name] for name in ("circuit_median", "circuit_worst")}
            else:
                sized = start.size_for(n_circuits, moments, n_active, tolerance)
            found.append((choice.price(sized) | errors, sized))
        except (ValueError, MemoryError) as error:
            reasons.append(str(error))
    if not found:
        return row | {"construction": type(choice.starts[0]).__name__, "why": reasons[0]}
    price, best = min(found, key=lambda each: each[0]["parameters"])
    if not best.sampled:
        predicted = best.predicted(moments, n_circuits, n_active)
        row |= {"predicted_error": predicted}
        if isinstance(best, ChainConstruction):
            row |= {"predicted_error": 0.0, "failure_probability": predicted}
    return row | price | {"construction": short(best)}


def short(construction: Any) -> str:
    """Return the construction as Python writes it, without the fields that are as by default."""
    values = {
        field.name: getattr(construction, field.name)
        for field in fields(construction)
        if field.default is MISSING or getattr(construction, field.name) != field.default
    }
    inside = ", ".join(f"{name}={value!r}" for name, value in values.items())
    return f"{type(construction).__name__}({inside})"


def _mlp_choices(circuits: MLPCircuits, n_active: int) -> Iterable[_Choice]:
    def refuse() -> None:
        check_alike(circuits)
        check_silent(circuits)

    def sequel(sized: MLPConstruction) -> Row:
        large = [sized.width] * (circuits.n_layers + 1)
        return _cheaper(_of_layers(large), _sequel_in_factors(circuits, sized))

    def gated(sized: GatedConstruction | ChainConstruction) -> Row:
        neurons = circuits.form.neurons(sized.input_bound, room=False)
        slots = (sized.width or 0) // neurons_of_slot(neurons)
        row = _of_layers([slots * (width + GATES) for width in neurons])
        held = circuits.n_circuits, neurons
        if isinstance(sized, ChainConstruction):
            return _cheaper(row, _gated_in_factors(held, slots, 1, sized.n_chains, False))
        r = sized.redundancy
        return _cheaper(row, _gated_in_factors(held, slots, r, 1, sized.quiet))

    def gates(redundancies: Iterable[int], quiet: bool = True) -> _Choice:
        made = [GatedConstruction(None, r, headroom=room, quiet=quiet) for r in redundancies]
        return _Choice(made, AT_INPUT, True, gated)

    def chains(embedding: str, told: str) -> _Choice:
        numbers = sorted({*range(1, MOST_CHAINS + 1), n_active})
        made = [
            ChainConstruction(r, None, embedding, headroom=room, buckets=buckets)
            for r in numbers
            for buckets in (None, 1)
        ]
        return _Choice(made, told, True, gated)

    room = max(GatedConstruction.headroom, float(n_active))
    yield _Choice([MLPConstruction(WIDEST, r) for r in OF_SEQUEL], NOTHING, False, sequel, refuse)
    yield gates([1])
    yield gates(REDUNDANCIES)
    yield gates(REDUNDANCIES, quiet=False)
    yield chains("local", AT_INPUT)
    yield chains("coordinated", PLACES)


def _residual_choices(circuits: ResidualCircuits, n_active: int) -> Iterable[_Choice]:
    layers, width = circuits.n_layers, circuits.width

    def post(sized: ResidualConstruction) -> Row:
        row = _of_stream(layers, sized.stream_width, sized.n_neurons)
        return _cheaper(row, _post_in_factors(circuits, sized))

    def gated(sized: GatedResidualConstruction) -> Row:
        prime = isqrt(sized.holds(width))
        slots = sized.redundancy * prime, sized.neuron_redundancy * prime
        cleaning = cleaners(circuits, sized.sparing) * slots[0]
        neurons = max(circuits.n_neurons * slots[1], cleaning)
        row = _of_stream(2 * layers - 1, sized.stream_width or 0, neurons)
        return _cheaper(row, _gated_residual_in_factors(circuits, sized, slots))

    def gates(redundancies: Iterable[int], sparing: bool = False) -> _Choice:
        made = [
            GatedResidualConstruction(None, r, r, headroom=room, sparing=sparing)
            for r in redundancies
        ]
        return _Choice(made, AT_INPUT, True, gated)

    room = max(GatedResidualConstruction.headroom, float(n_active))
    yield _Choice([ResidualConstruction(1, 1)], AT_INPUT, False, post)
    yield gates([1])
    yield gates(REDUNDANCIES)
    yield gates([1, *REDUNDANCIES], sparing=True)


def _mlp_baselines(circuits: MLPCircuits, n_active: int) -> list[Row]:
    weights = sum(weight[0].size for weight in circuits.weights)
    together = _of_layers([circuits.n_circuits * width for width in circuits.widths])
    return _baselines(circuits, n_active * weights, together, circuits.n_circuits * weights)


def _residual_baselines(circuits: ResidualCircuits, n_active: int) -> list[Row]:
    n, weights = circuits.n_circuits, circuits.read_in[:, 0].size + circuits.write_out[:, 0].size
    together = _of_stream(circuits.n_layers, n * circuits.width, n * circuits.n_neurons)
    return _baselines(circuits, n_active * weights, together, n * weights)


def _baselines(
    circuits: MLPCircuits | ResidualCircuits, of_active: int, together: Row, of_all: int
) -> list[Row]:
    """Return both rows.

    of_active: the multiplications of the active circuits.
    of_all: the multiplications of all circuits.
    """
    size: Row = {"nonzero": circuits.n_parameters, "predicted_error": 0.0, "exact_for_one": True}
    alone = {"neurons": together["neurons"], "parameters": circuits.n_parameters}
    alone |= {"construction": "separately", "told": AT_INPUT, "multiplications": of_active}
    return [
        size | alone,
        size | _cheaper(together, of_all) | {"construction": "private neurons", "told": NOTHING},
    ]


def _of_layers(widths: Sequence[int]) -> Row:
    """Return the numbers of an MLP of widths D_0 … D_L."""
    weights = sum(before * after for before, after in pairwise(widths))
    parameters = weights + sum(widths[1:])
    return {"neurons": max(widths), "parameters": parameters, "multiplications": weights}


def _of_stream(layers: int, stream: int, neurons: int) -> Row:
    """Return the numbers of a residual network."""
    weights = 2 * layers * stream * neurons
    parameters = weights + layers * neurons
    return {"neurons": neurons, "parameters": parameters, "multiplications": weights}


def _cheaper(row: Row, in_factors: int) -> Row:
    """Return the row with the products that a network in factors takes, if these are fewer."""
    return row | ({"in_factors": in_factors} if in_factors < row["multiplications"] else {})


def _between(n: int, r: int, slots: int, s: int, after: int, before: int, quiet: bool) -> int:
    """Return the products of n circuits' part between two codes: read, multiply, write.

    r: how many of the `slots` slots each circuit reads.
    s: how many it writes.
    quiet: whether each slot that is written reads with weights of its own.
    """
    if quiet and r > 1:
        return n * s * (before * slots + after * before + after)
    return n * (r * before + after * before + s * after)


def _gated_in_factors(
    held: tuple[int, tuple[int, ...]], slots: int, r: int, chains: int, quiet: bool
) -> int:
    """Return the products of circuits, or of their copies in chains, and of gates.

    held: how many circuits, and how many neurons of a slot hold a state after each layer.

    Where no two circuits of a plane share a slot, nothing arrives elsewhere by quiet weights, so
    that no slot has to be closed.
    """
    n, neurons = chains * held[0], held[1]
    closing = not quiet or n > slots // r
    return sum(
        _between(n, r, slots, r, after, before + 1, quiet) + slots * (closing * after + GATES)
        for before, after in pairwise(neurons)
    )


def _gated_residual_in_factors(
    circuits: ResidualCircuits, sized: GatedResidualConstruction, slots: tuple[int, int]
) -> int:
    """Return the products of circuits and their gates, and of the layers that clean."""
    n, d, m, quiet = circuits.n_circuits, circuits.width, circuits.n_neurons, sized.quiet
    (a, b), r, s = slots, sized.redundancy, sized.neuron_redundancy
    computing = _between(n, r, a, s, m, d + 1, quiet) + _between(n, s, b, r, d, m, quiet) + m * b
    cleaning = (4 * d + 1) * a if sized.sparing else 6 * d * a
    return circuits.n_layers * computing + (circuits.n_layers - 1) * cleaning


def _post_in_factors(circuits: ResidualCircuits, sized: ResidualConstruction) -> int:
    """Return the products of circuits whose directions in the stream are dense."""
    n, d, m = circuits.n_circuits, circuits.width + 1, circuits.n_neurons
    carrying = m * sized.sizes(n, 1).redundancy
    return 2 * circuits.n_layers * n * (d * sized.stream_width + d * m + carrying)


def _sequel_in_factors(circuits: MLPCircuits, sized: MLPConstruction) -> int:
    """Return products of circuits that read, multiply and write, and of the mean's blocks."""
    n, r, total = circuits.n_circuits, sized.redundancy, sized.width
    for before, after in pairwise(circuits.widths[1:]):  # the first layer only adds the bias
        columns, rows = sized.width // before, sized.width // after
        total += _between(n, r, columns, r, after, before, quiet=False)
        total += rows * (before * columns + after * before + after)
    return total
