"""Gates found again in each layer: exact for one where the step fits, and what becomes of them."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from companion import gated as gated_module
from companion import scoreboard
from superposition import GatedConstruction, MLPCircuits, rotation_circuits
from superposition.circuits.inputs import sample_active
from superposition.constructions.recomputed import RecomputedGates, gate_values

NAMES = st.sampled_from(["relu", "linear"])


def mixed(n_circuits, widths, names, seed):
    """Random circuits with biases of both signs."""
    rng = np.random.default_rng(seed)
    layers = list(pairwise(widths))
    weights = [rng.standard_normal((n_circuits, b, a)) for a, b in layers]
    return MLPCircuits(weights, [rng.standard_normal((n_circuits, b)) for _, b in layers], names)


def gated(circuits, prime, redundancy, seed):
    """In a plane over `prime`; the same codes as `gate_margins` draws from that seed."""
    width = prime * redundancy * (max(circuits.widths) + 2)
    construction = GatedConstruction(width, redundancy)
    return construction.compress(circuits, np.random.default_rng(seed))


def error_alone(superposition):
    return gated_module.single_circuit_errors(superposition, np.random.default_rng(5))[
        "error"
    ].max()


def in_use(slots, active, n_slots):
    """0/1, (batch, n): slots of the active circuits; slots (T, r)."""
    used = np.zeros((len(active), n_slots))
    np.put_along_axis(used, slots[active].reshape(len(active), -1), 1, axis=1)
    return used


# the step


def test_the_step_by_hand():
    gates = RecomputedGates(0.75, 4.0)
    np.testing.assert_allclose(
        gates.step(np.array([-9, 0, 0.625, 0.7, 0.75, 0.875, 1, 7])), [0, 0, 0, 0.3, 0.5, 1, 1, 1]
    )


@given(gain=st.floats(1, 50), place=st.floats(0, 1))
def test_every_step_that_is_accepted_is_flat_at_zero_and_one(gain, place):
    threshold = 0.5 / gain + place * (1 - 1 / gain)
    gates = RecomputedGates(threshold, gain)
    np.testing.assert_allclose(gates.step(np.array([-1, 0, 1, 2])), [0, 0, 1, 1], atol=1e-10)


@pytest.mark.parametrize(("threshold", "gain"), [(0.9, 4.0), (0.1, 4.0), (0.5, 0.9)])
def test_steps_that_are_not_flat_are_refused(threshold, gain):
    with pytest.raises(ValueError, match=rf"threshold: wanted a step .* {threshold} with gain"):
        RecomputedGates(threshold, gain)


@pytest.mark.parametrize("name", ["threshold", "gain"])
def test_steps_need_numbers_above_zero(name):
    with pytest.raises(ValueError, match=f"{name}: wanted a finite number above 0, got 0"):
        RecomputedGates(**{name: 0.0})
    with pytest.raises(TypeError, match=f"{name}: wanted a number"):
        RecomputedGates(**{name: "½"})


def test_only_gated_superpositions_are_rebuilt():
    with pytest.raises(TypeError, match="gated: wanted Superposition, got int"):
        RecomputedGates().rebuild(3)


# the network


@settings(max_examples=40)
@given(
    seed=st.integers(0, 2**32),
    plane=st.sampled_from([(5, 1), (7, 2), (11, 2), (11, 3), (13, 3), (17, 4)]),
    share=st.floats(0.01, 1),
    names=st.lists(NAMES, min_size=4, max_size=4),
)
def test_one_active_circuit_is_exact_wherever_the_step_fits(seed, plane, share, names):
    """And gates are those of slots in use, as copied ones are, there and nowhere else.

    Layers enough for both ways between the two codes; gates of the first two states are told.
    """
    (q, r), widths = plane, [2, 3, 1, 4, 2]
    n = max(2, round(share * q * q / 2))
    try:
        heard = scoreboard.gate_margins(q, r, n, np.random.default_rng(seed))
    except ValueError:  # all slots are connected: no balance
        with pytest.raises(ValueError, match="codes: wanted slots that no circuit connects"):
            RecomputedGates().rebuild(gated(mixed(n, widths, names, seed), q, r, seed))
        return
    assert heard["least_on"] == pytest.approx(1, abs=1e-12)
    copied = gated(mixed(n, widths, names, seed), q, r, seed)
    steps = [RecomputedGates(0.5, 2.0), RecomputedGates(0.75, 4.0), RecomputedGates(0.875, 8.0)]
    for gates in steps:
        superposition = gates.rebuild(copied)
        fits = heard["most_off"] <= gates.threshold - 0.5 / gates.gain
        if fits:
            assert error_alone(superposition) < 1e-10
        assert all_gates_right(superposition, np.arange(n)[:, None]) == fits


def all_gates_right(superposition, active):
    """Whether gates after each layer are those of slots in use: copied gates are."""
    copied, rng = superposition.codes, np.random.default_rng(0)
    inputs = superposition.circuits.default_inputs(active, rng)
    states = superposition.network.run(superposition.embed(inputs, active))
    n = gate_values(superposition, states[0], 0).shape[1]
    return all(
        np.allclose(
            gate_values(superposition, state, layer),
            in_use(copied.codes.slots(layer).slots[:, 0], active, n),
            atol=1e-9,
        )
        for layer, state in enumerate(states)
    )


@pytest.mark.parametrize("names", ["relu", "linear"])
def test_a_step_too_low_or_too_many_circuits_are_not_exact(names):
    def error(n, *step):
        circuits = mixed(n, [3, 2, 4, 3], names, 1)
        return error_alone(RecomputedGates(*step).rebuild(gated(circuits, 13, 3, 2)))

    assert error(60, 0.875, 8.0) < 1e-10
    assert error(60, 0.5, 2.0) > 0.1
    assert error(150, 0.875, 8.0) > 0.1


@settings(max_examples=40)
@given(
    seed=st.integers(0, 2**32),
    widths=st.lists(st.integers(1, 4), min_size=2, max_size=5),
    names=st.lists(NAMES, min_size=4, max_size=4),
)
def test_the_network_is_plain_and_one_block_wider(seed, widths, names):
    """Matrix products and ReLUs by hand; `read` and `read_all` agree; gates in [0, 1]."""
    rng, circuits = np.random.default_rng(seed), mixed(20, widths, names[: len(widths) - 1], seed)
    copied = gated(circuits, 7, 2, seed)
    superposition = RecomputedGates(0.75, 4.0).rebuild(copied)
    network, n = superposition.network, 14
    neurons = [read.width for read in superposition.read_maps]
    assert network.widths == tuple(n * (d + 3) for d in neurons)
    assert set(network.activations) == {"relu"}
    active = sample_active(20, 2, 3, rng)
    inputs = circuits.default_inputs(active, rng)
    estimates = superposition.run(inputs, active)
    for one, which in enumerate(active):
        state = superposition.embed(inputs[one : one + 1], which[None])[0]
        for layer, estimate in enumerate(estimates):
            if layer > 0:
                inner = network.weights[layer - 1] @ state + network.biases[layer - 1]
                state = np.maximum(inner, 0)
            values = state[: neurons[layer] * n].reshape(-1, n)
            gates = gate_values(superposition, state[None], layer)[0]
            np.testing.assert_array_equal(gates, state[neurons[layer] * n :][:n])
            assert gates.min() >= 0
            assert gates.max() <= 1 + 1e-9
            slots = copied.codes.slots(layer).slots[which, 0]
            offset = copied.read_maps[layer].offset
            wanted = (values[:, slots].mean(axis=2) - offset * gates[slots].mean(axis=1)).T
            weights = copied.read_maps[layer].weights
            if weights is not None:  # pairs, or entries that are held smaller
                wanted = np.einsum("tij,tj->ti", weights[which], wanted)
            atol = 1e-10 * max(1, offset, np.abs(state).max())
            np.testing.assert_allclose(estimate[one], wanted, atol=atol)
            everyone = superposition.read_all(state[None], layer)[0, which]
            np.testing.assert_allclose(estimate[one], everyone, atol=atol)


def test_the_first_layer_is_that_of_copied_gates_however_many_are_active(rng):
    """Its gates are told, and so are those it reads."""
    circuits = mixed(40, [3, 2, 4], "relu", 3)
    copied = gated(circuits, 11, 2, 3)
    superposition = RecomputedGates().rebuild(copied)
    active = sample_active(40, 4, 30, rng)
    inputs = circuits.default_inputs(active, rng)
    for found, wanted in list(
        zip(superposition.run(inputs, active), copied.run(inputs, active), strict=True)
    )[:2]:
        np.testing.assert_allclose(found, wanted, atol=1e-10)


# what becomes of gates


@pytest.mark.parametrize("connected", [0.0, 0.1, 0.5, 0.9])
@pytest.mark.parametrize("redundancy", [1, 2, 3, 5])
def test_one_active_circuit_followed_by_hand(redundancy, connected):
    """Own gates hear 1; others open if all r are joined: (r − 1)/r is below the step."""
    table = RecomputedGates().follow(50, redundancy, connected, 1, 1)
    assert table["layer"].tolist() == [1]
    assert table["missed"][0] == pytest.approx(0, abs=1e-12)
    assert table["false"][0] == pytest.approx(connected**redundancy, abs=1e-12)


def test_two_active_circuits_followed_by_hand():
    """One slot each, a tenth connected: χ = 1/9, and 1 − χ makes a gate of 1.5 − 8/9 = 11/18.

    Own gates hear 2 or 1 − χ; others 2, 1 − χ or −2χ.
    """
    table = RecomputedGates().follow(50, 1, 0.1, 2, 1)
    assert table["missed"][0] == pytest.approx(0.9 * 7 / 18)
    assert table["false"][0] == pytest.approx(0.01 + 0.18 * 11 / 18)


def test_without_connections_nothing_is_missed_or_false_at_any_depth():
    table = RecomputedGates().follow(60, 3, 0.0, 4, 6)
    np.testing.assert_allclose(table[["missed", "false"]], 0, atol=1e-12)


def test_the_second_layer_is_the_mean_of_draws(rng):
    """n = 50, r = 5, half connected, one active: χ = 1/5; false gates 2^−5, all of size one.

    Within .01: the step has corners, which the rule for normal distributions rounds off.
    """
    gates, n, r = RecomputedGates(), 50, 5
    missed, false = gates.follow(n, r, 0.5, 1, 2)[["missed", "false"]].iloc[1]
    noise = np.sqrt((n - r) * 0.5**5 / r**2) * rng.standard_normal(200_000)
    joined = rng.binomial(r, 0.5, 200_000)
    assert 1 - gates.step(1 + noise).mean() == pytest.approx(missed, abs=0.01)
    heard = joined / r - (r - joined) / r
    assert gates.step(heard + noise).mean() == pytest.approx(false, abs=0.01)


def test_gates_are_found_as_followed_one_layer_deep(rng):
    """The published size, two active. Deeper, where most gates are lost, it only says so."""
    circuits = rotation_circuits(557, 3, rng, conditional=False)
    superposition = scoreboard.rebuilt(circuits, 246 * 4, 6, 0.875, 8.0, rng)
    assert gate_values(superposition, np.zeros((1, superposition.network.widths[0])), 0).shape == (
        1,
        246,
    )
    table = scoreboard.gates_followed(superposition, 2, 557, rng)
    assert table["layer"].tolist() == [1, 2, 3]
    told, found, deeper = (row for _, row in table.iterrows())
    assert told[["missed", "false", "missed_predicted", "false_predicted"]].abs().max() < 1e-12
    assert 0.3 < found["missed"] < 0.5
    assert found["missed"] == pytest.approx(found["missed_predicted"], rel=0.15)
    assert found["false"] == pytest.approx(found["false_predicted"], abs=0.004)
    assert deeper["missed"] > found["missed"]
    assert deeper["missed_predicted"] > found["missed_predicted"]
    assert told["relative_mse"] < 0.05 < 0.5 < found["relative_mse"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((0, 1, 0.1, 1, 1), "n_slots: wanted at least 1, got 0"),
        ((5, 6, 0.1, 1, 1), "redundancy: wanted at most 5, the number of slots, got 6"),
        ((10, 3, 0.1, 4, 1), "n_active: wanted at most 3, what the slots hold, got 4"),
        ((10, 3, 0.1, 1, 0), "n_layers: wanted at least 1, got 0"),
        ((10, 3, 1.0, 1, 1), "connected: wanted at least 0 and less than 1, got 1.0"),
        ((10, 3, -0.1, 1, 1), "connected: wanted at least 0 and less than 1, got -0.1"),
        ((10, 3, float("nan"), 1, 1), "connected: wanted at least 0 and less than 1, got nan"),
    ],
)
def test_what_cannot_be_followed_is_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        RecomputedGates().follow(*arguments)
