"""The scoreboard: circuits in other forms, entries, errors, and how many circuits fit."""

from dataclasses import replace
from itertools import pairwise
from math import isqrt

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from companion import scoreboard
from companion.scoreboard import (
    ENTRIES,
    RESIDUAL,
    Compiled,
    Entry,
    board_circuits,
    counted_room,
    errors,
    from_superposition,
    in_words,
    least,
    linear_room,
    most_circuits,
    residual_room,
    tried,
)
from superposition import (
    GatedConstruction,
    GatedResidualConstruction,
    MLPCircuits,
    MLPConstruction,
    ResidualConstruction,
    rotation_circuits,
)
from superposition.circuits import as_residual, switched
from superposition.circuits.conditional import find_step

NAMES = st.sampled_from(["relu", "linear"])
WIDTHS = st.lists(st.integers(1, 4), min_size=2, max_size=5)
WEIGHTS = 40_000


def mixed(n_circuits, widths, names, rng):
    """Random circuits with biases of both signs."""
    layers = list(pairwise(widths))
    weights = [rng.standard_normal((n_circuits, b, a)) for a, b in layers]
    return MLPCircuits(weights, [rng.standard_normal((n_circuits, b)) for _, b in layers], names)


def one_by_one(n_circuits):
    return np.arange(n_circuits)[:, None]


def padded(states, width):
    return np.pad(states, [(0, 0), (0, 0), (0, width - states.shape[-1])])


# as residual networks


@given(
    seed=st.integers(0, 2**32),
    widths=WIDTHS,
    names=st.lists(NAMES, min_size=4, max_size=4),
    nonnegative=st.booleans(),
)
def test_as_residual_keeps_every_state(seed, widths, names, nonnegative):
    """Padded with zeros; inputs below zero too, unless said otherwise."""
    rng = np.random.default_rng(seed)
    names = names[: len(widths) - 1]
    circuits, width = mixed(3, widths, names, rng), max(widths)
    inner = as_residual(circuits, nonnegative=nonnegative)
    most = max(
        3 * width if name == "relu" and signed else 2 * width
        for name, signed in zip(
            names, [not nonnegative, *(name == "linear" for name in names)], strict=False
        )
    )
    assert inner.read_in.shape == (len(names), 3, most, width)
    inputs = rng.standard_normal((3, 1, widths[0]))
    inputs = np.abs(inputs) if nonnegative else inputs
    truth = circuits.run(inputs, one_by_one(3))
    found = inner.run(padded(inputs, width), one_by_one(3))
    atol = 1e-12 * max(1, *(np.abs(state).max() for state in truth))
    for a, b in zip(truth, found, strict=True):
        np.testing.assert_allclose(padded(a, width), b, rtol=0, atol=atol)


def test_as_residual_by_hand():
    """d = 1: max(2a − 1, 0), then −b + 3; neurons of the latter: −2b + 3 and what is below."""
    circuits = MLPCircuits(
        [np.full((1, 1, 1), 2.0), np.full((1, 1, 1), -1.0)],
        [np.full((1, 1), -1.0), np.full((1, 1), 3.0)],
        ["relu", "linear"],
    )
    inner = as_residual(circuits)
    np.testing.assert_array_equal(inner.read_in[:, 0, :, 0], [[2, 1, -1], [-2, 2, 0]])
    np.testing.assert_array_equal(inner.bias[:, 0], [[-1, 0, 0], [3, -3, 0]])
    np.testing.assert_array_equal(inner.write_out[:, 0, 0], [[1, -1, 1], [1, -1, 0]])
    assert as_residual(circuits, nonnegative=True).n_neurons == 2


def test_signed_inputs_need_the_neurons_that_nonnegative_ones_save(rng):
    circuits = MLPCircuits.random(4, [4] * 3, rng)
    all_, saved = as_residual(circuits), as_residual(circuits, nonnegative=True)
    assert (all_.n_neurons, saved.n_neurons) == (12, 8)
    inputs = -np.ones((4, 1, 4))
    truth = circuits.run(inputs, one_by_one(4))[1]
    np.testing.assert_allclose(all_.run(inputs, one_by_one(4))[1], truth)
    np.testing.assert_allclose(saved.run(inputs, one_by_one(4))[1], truth - 1)


def test_precision_stays(rng):
    circuits = MLPCircuits.random(4, [4] * 3, rng).astype(np.float32)
    assert as_residual(circuits).dtype == switched(circuits).dtype == np.float32


@pytest.mark.parametrize("change", [as_residual, switched])
def test_only_mlps_are_converted(change, make_circuits):
    with pytest.raises(TypeError, match="circuits: wanted MLPCircuits, got ResidualCircuits"):
        change(make_circuits())


# with an on-indicator in front

STEPS = pytest.mark.parametrize(("threshold", "gain"), [(0.5, 1.0), (0.5, 2.0), (0.75, 4.0)])


@STEPS
@pytest.mark.parametrize("margin", [0.5, 1.0, 3.0])
def test_switched_circuits_are_what_they_were_while_on(margin, threshold, gain, rng):
    circuits = mixed(5, [3, 2, 4], "relu", rng)
    inner = switched(circuits, margin=margin, threshold=threshold, gain=gain)
    assert inner.widths == (5, 4, 6)
    inputs = inner.default_inputs(one_by_one(5), rng)
    truth, found = circuits.run(inputs[..., 2:], one_by_one(5)), inner.run(inputs, one_by_one(5))
    above = gain * (1 - threshold)
    for a, b in zip(truth, found, strict=True):
        np.testing.assert_allclose(a, b[..., 2:], atol=1e-12)
        np.testing.assert_allclose(b[..., :2], np.full((5, 1, 2), [above + 0.5, above - 0.5]))


@STEPS
def test_switched_circuits_are_silent_while_off(threshold, gain, rng):
    inner = switched(mixed(5, [3, 2, 4], "relu", rng), threshold=threshold, gain=gain)
    for state in inner.run(np.zeros((5, 1, 5)), one_by_one(5)):
        np.testing.assert_array_equal(state, 0)


def test_switched_circuits_share_biases_and_have_a_margin_to_spare(rng):
    inner = switched(mixed(5, [3, 2, 4], "relu", rng), margin=0.7)
    for bias in inner.biases:
        np.testing.assert_array_equal(bias, np.broadcast_to(bias[0], bias.shape))
        np.testing.assert_allclose(bias[0, 2:], -0.7)
    # an indicator of .25 is rounded to 0 by the first step: after two layers nothing is left
    nearly_off = np.zeros((5, 1, 5))
    nearly_off[..., 0] = 0.25
    np.testing.assert_array_equal(inner.run(nearly_off, one_by_one(5))[2], 0)
    assert find_step([w[:, :4, :4] for w in inner.weights[1:]], inner.biases[1:]) is None


def test_switched_circuits_are_measured_with_the_inputs_they_had(rng):
    circuits = replace(
        mixed(5, [3, 2], "relu", rng), sampler=lambda active, _: np.full((*active.shape, 3), 7.0)
    )
    inputs = switched(circuits).default_inputs(np.array([[0, 1]]), rng)
    np.testing.assert_array_equal(inputs, np.full((1, 2, 5), [1.5, 0.5, 7, 7, 7]))


def test_what_cannot_be_switched_is_refused(rng):
    circuits = mixed(5, [3, 2, 2], ["relu", "linear"], rng)
    with pytest.raises(ValueError, match=r"activations: wanted ReLU in every layer, .* 'linear'"):
        switched(circuits)
    circuits = mixed(5, [3, 2, 2], "relu", rng)
    with pytest.raises(ValueError, match=r"threshold: wanted a step .* got 0.9 with gain 4"):
        switched(circuits, threshold=0.9, gain=4.0)
    for name in ("margin", "threshold", "gain"):
        with pytest.raises(ValueError, match=f"{name}: wanted a finite number above 0, got 0"):
            switched(circuits, **{name: 0.0})


# entries

EXACT_ALONE = (
    "ping-pong",
    "gated",
    "gated residual",
    "chains, local",
    "chains, placed",
    "k copies",
    "private neurons",
)
EXACT = ("chains, local", "chains, placed", "k copies", "private neurons")


@pytest.fixture(scope="module")
def results():
    """Of each entry, with one and with two active circuits, twenty circuits of two layers."""
    circuits = MLPCircuits.random(20, [4] * 3, np.random.default_rng(1))

    def table(entry, k):
        return errors(entry, circuits, WEIGHTS, k, 100, np.random.default_rng(2))

    return {(name, k): table(entry, k) for name, entry in ENTRIES.items() for k in (1, 2)}


@pytest.mark.parametrize("k", [1, 2])
@pytest.mark.parametrize("name", ENTRIES)
def test_errors_of_every_entry(name, k, results):
    """Numbers, and no more weights than given; nothing where circuits do not fit."""
    table = results[name, k]
    assert table["layer"].tolist() == [0, 1, 2]
    sizes = table[["neurons", "layers", "weights"]].drop_duplicates()
    assert len(sizes) == 1
    neurons, layers, weights = sizes.iloc[0]
    if name == "ping-pong" and k == 2:
        assert table[["relative_mse", "failed"]].isna().all(axis=None)
        assert (neurons, layers, weights) == (0, 0, 0)
        return
    assert np.isfinite(table["relative_mse"]).all()
    assert 0 < weights <= 2 * WEIGHTS
    assert layers == (3 if name == "gated residual" else 2)
    assert 4 <= neurons <= 200
    assert table["failed"].between(0, 1).all()


@pytest.mark.parametrize("name", EXACT_ALONE)
def test_those_that_claim_it_are_exact_for_one(name, results):
    assert results[name, 1]["relative_mse"].max() < 1e-20
    assert results[name, 1]["failed"].max() == 0


@pytest.mark.parametrize("name", [name for name in ENTRIES if name.startswith(("the ", "gated"))])
def test_others_are_not_for_two(name, results):
    """Errors of the last layer, which is why there is a board; twenty in a plane may not meet."""
    table = results[name, 2]
    if name == "gated":
        circuits = MLPCircuits.random(100, [4] * 3, np.random.default_rng(1))
        table = errors(ENTRIES[name], circuits, 66**2, 2, 100, np.random.default_rng(2))
    assert table["relative_mse"].iloc[-1] > 1e-3


@pytest.mark.parametrize("name", EXACT)
def test_those_that_claim_it_are_exact_for_two_where_all_are_known(name, results):
    table = results[name, 2]
    assert table["failed"].max() == 0
    assert table["relative_mse"].max() < 1e-20


@pytest.mark.parametrize("name", ["chains, local", "chains, placed"])
def test_chains_that_are_full_fail_and_nothing_else(name):
    """The error is the share of what is not known, of states of all sizes."""
    circuits = MLPCircuits.random(60, [4] * 3, np.random.default_rng(1))
    table = errors(ENTRIES[name], circuits, 100**2, 3, 300, np.random.default_rng(2))
    assert 0 < table["failed"].iloc[-1] < 1
    assert table["failed"].nunique() == 1
    np.testing.assert_allclose(table["relative_mse"], table["failed"], rtol=0.2)


@pytest.mark.parametrize("name", ["gated", "gated residual", "private neurons", "the post's"])
def test_widths_may_change_from_layer_to_layer(name):
    circuits = mixed(10, [2, 4, 3], ["relu", "linear"], np.random.default_rng(1))
    table = errors(ENTRIES[name], circuits, WEIGHTS, 1, 30, np.random.default_rng(2))
    assert np.isfinite(table["relative_mse"]).all()
    assert name == "the post's" or table["relative_mse"].max() < 1e-20


@pytest.mark.parametrize("name", ["the sequel's", "gated", "private neurons", "the post's"])
def test_rotations_too(name):
    """Linear layers, which the sequel has a way of its own for."""
    circuits = rotation_circuits(20, 3, np.random.default_rng(1), conditional=False)
    given = "finite_plane, r = 3, step at 0.75, gain 4" if name == "the sequel's" else None
    rng = np.random.default_rng(2)
    table = errors(ENTRIES[name], circuits, WEIGHTS, 1, 100, rng, setting=given)
    if name.startswith("the"):
        assert 1e-3 < table["relative_mse"].iloc[-1] < (0.05 if "sequel" in name else np.inf)
    else:
        assert table["relative_mse"].max() < 1e-20


@pytest.mark.parametrize("kind", ["bias", "no turn", "width"])
def test_the_sequel_takes_no_linear_circuits_but_rotations(kind):
    """It has no other way to silence them, and would not know of their biases."""
    rng = np.random.default_rng(1)
    circuits = rotation_circuits(20, 3, rng, conditional=False)
    if kind == "bias":
        circuits = replace(circuits, biases=[bias + 0.1 for bias in circuits.biases])
    elif kind == "no turn":
        circuits = replace(circuits, weights=[2 * weight for weight in circuits.weights])
    else:
        circuits = mixed(20, [3, 3, 3], "linear", rng)
    table = errors(ENTRIES["the sequel's"], circuits, WEIGHTS, 1, 5, rng)
    assert table["relative_mse"].isna().all()


# what is measured


def entry(run, size=(1, 2, 3)):
    return Entry({"": lambda *_: Compiled(run, *size)}, "nothing")


def measured(run, circuits, **how):
    return errors(entry(run), circuits, 1, 2, 5, np.random.default_rng(3), **how)


def test_errors_by_hand(rng):
    """An entry of one's own: twice the state is an error of 1; nothing known too, and it failed."""
    circuits = mixed(6, [2, 3, 2], "relu", rng)
    twice = measured(lambda *a: [2 * state for state in circuits.run(*a)], circuits)
    np.testing.assert_allclose(twice["relative_mse"], 1)
    assert twice["failed"].tolist() == [0] * 3
    assert twice[["neurons", "layers", "weights"]].to_numpy().tolist() == [[1, 2, 3]] * 3
    nothing = measured(lambda *a: [np.nan * state for state in circuits.run(*a)], circuits)
    np.testing.assert_allclose(nothing["relative_mse"], 1)
    assert nothing["failed"].tolist() == [1] * 3

    def no_second_one(inputs, active):
        states = circuits.run(inputs, active)
        return [np.where(np.arange(2)[:, None] == 1, np.nan, state) for state in states]

    half = measured(no_second_one, circuits)
    assert half["failed"].tolist() == [0.5] * 3
    assert half["relative_mse"][0] == pytest.approx(0.5)  # inputs are unit vectors


def test_a_build_is_told_what_there_is(rng):
    """And only its refusals count as not fitting: other errors are not hidden."""
    told, circuits = [], mixed(6, [2, 3], "relu", rng)

    def build(*arguments):
        told.append(arguments)
        raise ValueError("weights: wanted more")

    table = errors(Entry({"": build}, "nothing"), circuits, 77, 2, 5, rng)
    assert told == [(circuits, 77, 2, rng)]
    assert table["relative_mse"].isna().tolist() == [True, True]
    assert Entry({"": build}, "nothing").reads == "nothing"

    def broken(inputs, active):
        raise ValueError("run: broken")

    with pytest.raises(ValueError, match="run: broken"):
        measured(broken, circuits)


def off_by(share):
    """What builds a network whose states are off by a share of them, and refuses None."""

    def build(circuits, weights, n_active, rng):
        if share is None:
            raise ValueError("weights: wanted more")
        return Compiled(lambda *a: [(1 + share) * a for a in circuits.run(*a)], 1, 1, 1)

    return build


@pytest.mark.parametrize(
    ("shares", "wanted"),
    [
        ({"a": 0.5, "b": 0.1, "c": 0.3}, "b"),
        ({"a": 0.103, "b": 0.1}, "a"),  # errors within a tenth count as equal
        ({"a": 0.11, "b": 0.1}, "b"),
        ({"a": None, "b": 2.0}, "b"),
        ({"a": None, "b": None}, "a"),
        ({"a": 1e-3, "b": 0.0, "c": 0.0}, "b"),
    ],
)
def test_the_setting_with_the_least_error_is_taken(shares, wanted, rng):
    circuits = mixed(6, [2, 3], "relu", rng)
    entry = Entry({name: off_by(share) for name, share in shares.items()}, "nothing")
    found = tried(entry, circuits, 77, 2, rng)
    assert least(found) == wanted
    table = errors(entry, circuits, 77, 2, 5, rng)
    if shares[wanted] is None:
        assert table["relative_mse"].isna().all()
    else:
        assert table["relative_mse"].iloc[-1] == pytest.approx(shares[wanted] ** 2)
    with pytest.raises(ValueError, match=r"setting: wanted one of \['a', .*, got 'z'"):
        errors(entry, circuits, 77, 2, 5, rng, setting="z")


@pytest.mark.parametrize("k", [1, 2])
@pytest.mark.parametrize("name", RESIDUAL)
def test_residual_circuits_too(name, k):
    """The post's own kind: exact where that is claimed, and no more weights than given."""
    circuits = board_circuits("residual", 12, np.random.default_rng(1))
    table = errors(ENTRIES[name], circuits, 200**2, k, 100, np.random.default_rng(2))
    exact = name in ("k copies", "private neurons") or (name, k) == ("gated residual", 1)
    last = table["relative_mse"].iloc[-1]
    assert last < (1e-20 if exact else 1)
    assert name != "the post's" or last > 1e-6
    neurons, layers, weights = table[["neurons", "layers", "weights"]].iloc[0]
    assert 0 < weights <= 3 * 200**2
    if name == "private neurons":
        assert (neurons, layers, weights) == (12 * 8, 3, 3 * 2 * (12 * 4) * (12 * 8))


def test_every_tuned_row_has_a_setting_that_its_entry_has():
    for (name, _, _), setting in scoreboard.settings().items():
        assert setting in ENTRIES[name].settings
    for (name, _), setting in scoreboard.size_settings().items():
        assert setting in ENTRIES[name].settings
    several = {name for name, entry in ENTRIES.items() if len(entry.settings) > 1}
    assert {name for name, _, _ in scoreboard.settings()} == several


def test_wrong_arguments_are_refused(rng):
    circuits = mixed(6, [2, 3], "relu", rng)
    good = ENTRIES["private neurons"]
    with pytest.raises(TypeError, match="entry: wanted Entry, got str"):
        errors("gated", circuits, 100, 1, 5, rng)
    wanted = "circuits: wanted MLPCircuits or ResidualCircuits, got str"
    with pytest.raises(TypeError, match=wanted):
        errors(good, "circuits", 100, 1, 5, rng)
    with pytest.raises(ValueError, match="weights: wanted at least 1, got 0"):
        errors(good, circuits, 0, 1, 5, rng)
    with pytest.raises(TypeError, match=r"weights: wanted a whole number, got 1\.5"):
        errors(good, circuits, 1.5, 1, 5, rng)
    with pytest.raises(ValueError, match="n_active: wanted at most 6"):
        errors(good, circuits, 100, 7, 5, rng)


def test_sizes_are_those_of_the_arrays(rng):
    circuits = MLPCircuits.random(9, [4, 3, 4], rng)
    mlps = [
        GatedConstruction(redundancy=2).compress(circuits, rng),
        MLPConstruction(200, 2, "finite_plane").compress(switched(circuits), rng),
    ]
    for large in mlps:
        weights = [np.asarray(weight) for weight in large.network.weights]
        size = from_superposition(large)
        assert size.width == max(max(weight.shape) for weight in weights)
        assert (size.layers, size.weights) == (len(weights), sum(w.size for w in weights))
    inner = as_residual(circuits)
    for construction in (ResidualConstruction(70, 90), GatedResidualConstruction()):
        network = construction.compress(inner, rng).network
        size = from_superposition(construction.compress(inner, rng))
        assert size.width == max(network.read_in.shape[1:])
        assert (size.layers, size.weights) == (
            len(network.read_in),
            2 * network.read_in.size,
        )


@settings(max_examples=50)
@given(
    weights=st.integers(3000, 10**6),
    layers=st.integers(1, 6),
    redundancy=st.integers(1, 3),
    width=st.integers(1, 4),
)
def test_a_residual_room_is_the_largest_that_has_no_more_weights(
    weights, layers, redundancy, width
):
    """D = r (d + 2) q, M = 3 d r q: 2 D M in each of 2 L − 1 layers, and no line more."""
    stream, neurons = width + 2, 3 * width
    room = residual_room(weights, layers, redundancy, stream, neurons)
    lines, rest = divmod(room, redundancy * stream)
    assert rest == 0

    def taken(q):
        return 2 * (redundancy * stream * q) * (redundancy * neurons * q) * (2 * layers - 1)

    assert taken(lines) <= weights * layers < taken(lines + 1)


# how many fit

CLOSED = [
    ("ping-pong", 1),
    ("gated", 1),
    ("gated residual", 1),
    ("k copies", 1),
    ("k copies", 3),
    ("private neurons", 1),
    ("private neurons", 3),
]


@pytest.mark.parametrize("width", [64, 77, 100])
@pytest.mark.parametrize(("name", "k"), CLOSED)
def test_capacities_without_measuring_are_what_fits(name, k, width, rng):
    """So many circuits fit, exactly, and one more does not."""

    def error(n):
        circuits = MLPCircuits.random(n, [4] * 4, rng)
        return errors(ENTRIES[name], circuits, width**2, k, 10, rng).iloc[-1]

    capacity = most_circuits(name, k, width, rng)["n_circuits"]
    assert len(capacity) == 1
    held, more = error(int(capacity[0])), error(int(capacity[0]) + 1)
    assert held["relative_mse"] < 1e-20
    assert held["weights"] <= 3 * width**2
    assert np.isnan(more["relative_mse"])


def test_capacities_by_hand(rng):
    """Width 100: 16 blocks of 6; 13 is the prime below; 5 for each of three copies; 100 / 4."""
    found = [most_circuits(name, k, 100, rng)["n_circuits"][0] for name, k in CLOSED]
    assert found == [256, 169, 25, 256, 25, 25, 25]


def test_a_measured_capacity_lies_between_what_fits_and_what_does_not():
    found = most_circuits("gated", 3, 64, np.random.default_rng(4))["n_circuits"][0]
    assert 3 <= found <= isqrt(64**2) ** 2

    def error(n, seed):
        rng = np.random.default_rng(seed)
        circuits = MLPCircuits.random(n, [4] * 4, rng)
        return errors(ENTRIES["gated"], circuits, 64**2, 3, 300, rng)["relative_mse"].iloc[-1]

    assert error(max(3, round(found / 2)), 5) <= 0.05
    assert not error(round(2 * found), 5) <= 0.05


def test_bounds_of_the_figure():
    weights = np.array([1e4, 1e6])
    assert counted_room(weights, 3).tolist() == [500, 50_000]
    room = linear_room(weights, 3)
    leading = 0.05 * weights / 16 / 2
    assert (room > leading).all()
    assert room[1] == pytest.approx(leading[1], rel=0.1)
    assert room[0] > np.sqrt(weights[0] / 16)


def test_a_number_is_lost_when_the_answer_is_worse_than_none():
    errors = (0.0, 0.1234, 1.0, 1.01, np.inf, np.nan)
    assert [in_words(error) for error in errors] == ["0", "0.12", "1", "lost", "lost", "—"]
