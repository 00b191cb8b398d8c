"""The plan: what each row promises, the construction that it names keeps."""

from itertools import pairwise

import numpy as np
import pytest

import superposition
from superposition import (
    MLPCircuits,
    MLPConstruction,
    ResidualCircuits,
    measure_error,
    plan,
    rotation_circuits,
)

TINY = MLPCircuits.random(3, [2, 3, 1], np.random.default_rng(1))
CASES = {
    "mlp": (MLPCircuits.random(20, [2, 3, 2], np.random.default_rng(2)), 2, 0.2),
    "one active": (MLPCircuits.random(30, [1, 2, 1], np.random.default_rng(3)), 1, 1e-6),
    "rotations": (rotation_circuits(30, 2, np.random.default_rng(4)), 2, 0.2),
    "residual": (ResidualCircuits.random(15, 2, 4, 2, np.random.default_rng(5)), 2, 0.5),
    "one layer": (ResidualCircuits.random(15, 3, 2, 1, np.random.default_rng(6)), 2, 0.5),
}
TABLES = {}
BASELINES = ("separately", "private neurons")


def table(case):
    if case not in TABLES:
        TABLES[case] = plan(*CASES[case])
    return TABLES[case]


def rows(case):
    """The rows that name a construction with its size, and that construction."""
    for _, row in table(case).iterrows():
        if row["why"] == "" and row["construction"] not in BASELINES:
            yield row, eval(row["construction"], vars(superposition))


def named(found, name):
    return found.set_index("construction").loc[name]


def error_of(construction, circuits, n_active):
    law = {}
    if isinstance(construction, MLPConstruction) and circuits.moments(RNG()).step is None:
        law = {"law": "small noise"}
    if construction.sampled:
        law = {"law": "sampled"}
    return construction.predict_error(circuits, n_active, **law).iloc[-1]


def RNG():  # noqa: N802
    return np.random.default_rng(0)


def test_baselines_by_hand():
    """Three circuits of 2 · 3 + 3 · 1 = 9 weights and 4 biases; layers of 6, 9 and 3 neurons."""
    found = plan(TINY, 1, 1.0)
    alone, together = (named(found, name) for name in BASELINES)
    assert (alone["neurons"], alone["parameters"], alone["multiplications"]) == (9, 39, 9)
    wanted = (9, 6 * 9 + 9 * 3 + 9 + 3, 6 * 9 + 9 * 3)
    assert tuple(together[["neurons", "parameters", "multiplications"]]) == wanted
    assert (together["nonzero"], together["in_factors"]) == (39, 27)
    assert alone["nonzero"] == 39
    assert np.isnan(alone["in_factors"])
    assert (alone["told"], together["told"]) == ("who is active at the input", "nothing")
    for row in (alone, together):
        assert row["predicted_error"] == 0
        assert row["exact_for_one"]


def test_baselines_of_residual_circuits_by_hand():
    """Two layers of 2 · 2 · 4 weights and 4 biases; 15 of them in a stream of 30, 60 neurons."""
    found = table("residual")
    alone, together = (named(found, name) for name in BASELINES)
    wanted = (60, 15 * 2 * (16 + 4), 2 * 2 * 16)
    assert tuple(alone[["neurons", "parameters", "multiplications"]]) == wanted
    wanted = (60, 2 * (2 * 30 * 60 + 60), 2 * 2 * 30 * 60, 15 * 2 * 16)
    columns = ["neurons", "parameters", "multiplications", "in_factors"]
    assert tuple(together[columns]) == wanted


def test_a_private_network_is_as_large_as_it_says():
    """Its blocks, written out, are a network that computes every circuit."""
    widths = [3 * width for width in TINY.widths]
    weights = [np.zeros((b, a)) for a, b in pairwise(widths)]
    for large, small in zip(weights, TINY.weights, strict=True):
        _, after, before = small.shape
        for t in range(3):
            large[t * after : (t + 1) * after, t * before : (t + 1) * before] = small[t]
    network = superposition.MLPNetwork(weights, [bias.ravel() for bias in TINY.biases])
    inputs = RNG().standard_normal((5, 3, 2))
    wanted = TINY.run(inputs, np.tile(np.arange(3), (5, 1)))[-1]
    np.testing.assert_allclose(network.run(inputs.reshape(5, 6))[-1], wanted.reshape(5, 3))
    row = named(plan(TINY, 1, 1.0), "private neurons")
    assert (row["parameters"], row["neurons"]) == (network.n_parameters, max(network.widths))


def test_one_active_circuit_by_hand():
    """Thirty circuits lie in the plane over 7, with 7 slots of two entries and two gates."""
    row = named(table("one active"), "GatedConstruction(width=28)")
    assert (row["neurons"], row["predicted_error"]) == (28, 0)
    assert row["parameters"] == 21 * 28 + 28 * 21 + 28 + 21
    assert row["multiplications"] == 2 * 21 * 28


@pytest.mark.parametrize("case", CASES)
def test_each_network_is_as_large_as_its_row_says(case):
    circuits = CASES[case][0]
    found = list(rows(case))
    assert len(found) >= 4
    for row, construction in found:
        network = construction.compress(circuits, RNG()).network
        residual = isinstance(network, superposition.ResidualNetwork)
        neurons = network.n_neurons if residual else max(network.widths)
        biases = network.bias.size if residual else sum(bias.size for bias in network.biases)
        assert row["parameters"] == network.n_parameters
        assert row["neurons"] == neurons
        assert row["multiplications"] == network.n_parameters - biases
        assert np.isnan(row["nonzero"])


@pytest.mark.parametrize("case", CASES)
def test_products_in_factors_are_those_of_the_network_in_factors(case):
    """And where the row says nothing, there are not fewer."""
    circuits, n = CASES[case][0], 0
    for row, construction in rows(case):
        network = construction.compress(circuits, RNG()).in_factors().network
        products = network.n_parameters - sum(layer.bias.size for layer in network.layers)
        if products < row["multiplications"]:
            assert row["in_factors"] == products
            n += 1
        else:
            assert np.isnan(row["in_factors"])
    assert n >= 1


@pytest.mark.parametrize("case", CASES)
def test_predictions_are_the_constructions_own_and_within_tolerance(case):
    circuits, n_active, tolerance = CASES[case]
    for row, construction in rows(case):
        last = error_of(construction, circuits, n_active)
        assert row["predicted_error"] == last["relative_mse"] <= tolerance
        assert row.get("failure_probability") == pytest.approx(
            last.get("failure_probability", np.nan), abs=0, nan_ok=True
        )
        assert not row["failure_probability"] > tolerance


@pytest.mark.parametrize("case", CASES)
def test_rows_are_in_order_and_say_what_must_be_told(case):
    found = table(case)
    assert found["parameters"].dropna().is_monotonic_increasing
    assert set(found["told"]) <= {
        "who is active at the input",
        "placement of all active",
        "nothing",
    }
    for row, construction in rows(case):
        published = type(construction).__name__ in ("MLPConstruction", "ResidualConstruction")
        assert row["exact_for_one"] != published


def test_the_rows_are_of_all_constructions():
    kinds = {case: [name.split("(")[0] for name in table(case)["construction"]] for case in CASES}
    mlp = ["ChainConstruction"] * 2 + ["GatedConstruction"] * 3 + ["MLPConstruction", *BASELINES]
    residual = ["GatedResidualConstruction"] * 3 + ["ResidualConstruction", *BASELINES]
    for case, found in kinds.items():
        wanted = residual if case in ("residual", "one layer") else mlp
        assert sorted(found) == sorted(wanted)


def test_what_cannot_be_had_stays_in_the_table_with_its_reason():
    row = named(table("mlp"), "MLPConstruction")
    assert row["why"].startswith("biases[0]: wanted one bias vector for all circuits, since they s")
    assert row[["neurons", "parameters", "multiplications", "predicted_error"]].isna().all()
    assert table("mlp")["why"].iloc[-1] == row["why"]
    row = named(plan(CASES["one layer"][0], 1, 1e-12), "ResidualConstruction")
    limit = 2**24
    assert row["why"] == (
        f"tolerance: wanted one that up to {limit} dimensions and neurons can meet, got 1e-12"
    )


def test_a_sweep_takes_the_cheapest():
    """No other redundancy has fewer parameters, where the mean counts and holds as derived."""
    circuits, n_active, tolerance = CASES["mlp"]
    moments = circuits.moments(RNG())
    widths = []
    for r in (2, 3, 4):
        start = superposition.GatedConstruction(redundancy=r)
        sized = start.size_for(20, moments, n_active, tolerance)
        assert sized.predict_error(circuits, n_active)["relative_mse"].iloc[-1] < tolerance
        widths.append(sized.width)
    found = plan(circuits, n_active, tolerance, quantile="mean")
    made = [eval(name, vars(superposition)) for name in found["construction"] if "Gated" in name]
    best = [c for c in made if c.quiet and c.redundancy > 1]
    assert [c.width for c in best] == [min(widths)]


def test_no_circuit_is_ruined_in_a_plan():
    """Four of forty have answers a hundred times as large; the mean alone would hide the others."""
    drawn = MLPCircuits.random(40, [3, 6, 2], np.random.default_rng(8))
    times = np.where(np.arange(40) % 10 == 0, 100.0, 1.0)
    weights = [drawn.weights[0], drawn.weights[1] * times[:, None, None]]
    biases = [drawn.biases[0], drawn.biases[1] * times[:, None]]
    circuits = MLPCircuits(weights, biases, ["relu", "linear"])
    found = {q: plan(circuits, 2, 0.1, quantile=q) for q in ("worst", "median", "mean")}
    sizes = {}
    for quantile, planned in found.items():
        row = planned[planned["construction"].str.match(r"GatedConstruction\(width=\d+\)")].iloc[0]
        sizes[quantile] = row["parameters"]
        large = eval(row["construction"], vars(superposition)).compress(circuits, RNG())
        last = measure_error(large, 2, 1000, RNG()).iloc[-1]
        assert last["relative_mse"] < 0.2
        if quantile != "mean":
            column = f"circuit_{quantile}"
            assert row[column] <= 0.1
            assert last[column] < 0.2
    assert sizes["worst"] >= sizes["median"] >= sizes["mean"]


def test_gates_are_made_for_all_active_circuits():
    circuits = MLPCircuits.random(20, [1, 1], np.random.default_rng(7))
    found = plan(circuits, 18, 1e3)
    made = [eval(name, vars(superposition)) for name in found["construction"] if "headroom" in name]
    assert {construction.headroom for construction in made} == {18.0}
    assert len(made) == sum(found["construction"].str.match("(Gated|Chain)Construction.*width"))


def test_given_moments_are_used(monkeypatch):
    circuits, n_active, tolerance = CASES["one layer"]
    moments, wanted = circuits.moments(RNG()), table("one layer")
    monkeypatch.setattr(ResidualCircuits, "moments", None)
    assert plan(circuits, n_active, tolerance, moments=moments).equals(wanted)


BAD = [
    (lambda: plan("it", 1, 0.1), "circuits: wanted MLPCircuits or ResidualCircuits, got str"),
    (lambda: plan(TINY, 4, 0.1), "n_active: wanted at most 3, the number of circuits, got 4"),
    (lambda: plan(TINY, 0, 0.1), "n_active: wanted at least 1, got 0"),
    (lambda: plan(TINY, 1.5, 0.1), "n_active: wanted a whole number, got 1.5"),
    (lambda: plan(TINY, 1, 0), "tolerance: wanted a finite number above 0, got 0.0"),
    (lambda: plan(TINY, 1, "0.1"), "tolerance: wanted a number, got '0.1'"),
    (
        lambda: plan(TINY, 1, 0.1, quantile="best"),
        "quantile: wanted one of ('worst', 'median', 'mean'), got 'best'",
    ),
    (
        lambda: plan(TINY.take(np.array([0])), 1, 0.1),
        "circuits: wanted at least two, to measure pairs",
    ),
    (
        lambda: plan(TINY, 1, 0.1, moments=CASES["one layer"][0].moments(RNG())),
        "moments: wanted MLPMoments, got Moments",
    ),
]


@pytest.mark.parametrize(("call", "message"), BAD)
def test_questions_that_make_no_sense_are_refused_word_for_word(call, message):
    with pytest.raises((TypeError, ValueError)) as refused:
        call()
    assert str(refused.value) == message
