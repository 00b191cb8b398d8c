"""MLP circuits, rotations that can be off, and the large MLP: each against its definition."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from superposition import (
    MLPCircuits,
    MLPConstruction,
    MLPNetwork,
    ResidualNetwork,
    measure_error,
    on_indicator,
    rotation_circuits,
    rotation_vector,
)
from superposition.circuits.conditional import (
    check_step,
    conditional_bias,
    conditional_weights,
    find_step,
    on_neurons,
    step_bias,
)
from superposition.circuits.inputs import sample_active
from superposition.circuits.rotations import rotation_step

SEEDS = st.integers(0, 2**32)
WIDTHS = st.lists(st.integers(1, 5), min_size=2, max_size=5)
NAMES = st.lists(st.sampled_from(["relu", "linear"]), min_size=4, max_size=4)
GAINS = st.floats(1.1, 10.0)
PLACES = st.floats(0.01, 0.99)  # of a threshold, between the least and the largest allowed


def threshold_at(place, gain):
    return 0.5 / gain + place * (1 - 1 / gain)


def bare_states(weights, biases, names, a):
    """One state through layers, by matrix products alone."""
    states = [np.array(a)]
    for weight, bias, name in zip(weights, biases, names, strict=True):
        a = weight @ a + bias
        a = np.array([x if name == "linear" or x > 0 else 0.0 for x in a])
        states.append(a)
    return states


def turns(states):
    """By what complex factor x was multiplied in each layer."""
    x = np.stack([rotation_vector(state) for state in states])
    points = x[..., 0] + 1j * x[..., 1]
    return points[1:] / points[:-1]


def test_two_hand_worked_circuits():
    """h = relu(x − 2y + 1), then (h, 3 − h); and h = relu(x + y), then (2h, −1). Linear at last."""
    circuits = MLPCircuits(
        weights=[[[[1.0, -2.0]], [[1.0, 1.0]]], [[[1.0], [-1.0]], [[2.0], [0.0]]]],
        biases=[[[1.0], [0.0]], [[0.0, 3.0], [0.0, -1.0]]],
        activations=["relu", "linear"],
    )
    first, hidden, last = circuits.run([[[3.0, 1.0], [-4.0, 1.0]]], [[0, 1]])
    np.testing.assert_array_equal(first, [[[3, 1], [-4, 1]]])
    np.testing.assert_array_equal(hidden, [[[2], [0]]])
    np.testing.assert_array_equal(last, [[[2, 1], [0, -1]]])


@given(seed=SEEDS, widths=WIDTHS, names=NAMES)
def test_run_follows_the_loops_of_the_definition(seed, widths, names):
    rng = np.random.default_rng(seed)
    names = names[1 - len(widths) :]
    circuits = replace(MLPCircuits.random(4, widths, rng), activations=names)
    active = sample_active(4, 2, 3, rng)
    inputs = rng.standard_normal((3, 2, widths[0]))
    states = circuits.run(inputs, active)
    assert len(states) == len(widths)
    for place in np.ndindex(active.shape):
        t = active[place]
        weights, biases = ([array[t] for array in a] for a in (circuits.weights, circuits.biases))
        wanted = bare_states(weights, biases, names, inputs[place])
        for state, a in zip(states, wanted, strict=True):
            np.testing.assert_allclose(state[place], a, rtol=1e-12, atol=1e-12)


def test_one_activation_is_that_of_all_layers(rng):
    circuits = MLPCircuits.random(2, [3, 2, 2], rng)
    assert circuits.activations == ("relu", "relu")
    assert replace(circuits, activations="linear").activations == ("linear", "linear")


def test_counts(rng):
    circuits = MLPCircuits.random(5, [3, 4, 1, 2], rng)
    assert (circuits.n_circuits, circuits.n_layers, circuits.widths) == (5, 3, (3, 4, 1, 2))
    assert circuits.n_parameters == 5 * (4 * 3 + 4 + 1 * 4 + 1 + 2 * 1 + 2)
    assert circuits.dtype == np.float64


def test_random_circuits_keep_states_of_order_one_at_every_depth(rng):
    """Weights of mean square 2/d_in; biases of mean square 1/d_out add to it at every layer."""
    circuits = MLPCircuits.random(400, [8, 16, 16, 16, 16], rng)
    active = np.arange(400)[:, None]
    states = circuits.run(rng.standard_normal((400, 1, 8)), active)
    assert all(0.7 < np.mean(state**2) < 2 for state in states)
    for weight, bias in zip(circuits.weights, circuits.biases, strict=True):
        assert np.mean(weight**2) == pytest.approx(2 / weight.shape[2], rel=0.03)
        assert np.mean(bias**2) == pytest.approx(1 / 16, rel=0.1)
        assert 0.4 < np.mean(bias > 0) < 0.6


def test_same_seed_same_circuits():
    first, second = (MLPCircuits.random(3, [2, 3], np.random.default_rng(4)) for _ in range(2))
    np.testing.assert_array_equal(first.weights[0], second.weights[0])
    np.testing.assert_array_equal(first.biases[0], second.biases[0])


def test_take_renumbers_circuits(rng):
    circuits = replace(MLPCircuits.random(5, [3, 4, 2], rng), activations=["linear", "relu"])
    taken = circuits.take(np.array([4, 1, 4]))
    inputs = rng.standard_normal((2, 3, 3))
    there = circuits.run(inputs[:, 1:], [[1, 4]] * 2)
    for a, b in zip(taken.run(inputs, [[0, 1, 2]] * 2), there, strict=True):
        np.testing.assert_array_equal(a[:, 1:], b)
    assert taken.n_circuits == 3


def test_single_precision_stays_single_and_close(rng):
    circuits = replace(MLPCircuits.random(5, [3, 4, 2], rng), activations=["linear", "relu"])
    single = circuits.astype(np.float32)
    assert single.dtype == np.float32
    inputs = rng.standard_normal((1, 5, 3))
    active = np.arange(5)[None]
    for a, b in zip(single.run(inputs, active), circuits.run(inputs, active), strict=True):
        assert a.dtype == np.float32
        np.testing.assert_allclose(a, b, atol=1e-5)


def test_whole_numbers_become_double_precision():
    circuits = MLPCircuits([np.ones((2, 1, 3), int)], [np.ones((2, 1), int)])
    assert circuits.dtype == np.float64


def test_circuits_are_frozen(rng):
    circuits = MLPCircuits.random(2, [3, 2], rng)
    for array in (circuits.weights[0], circuits.biases[0]):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 0
    with pytest.raises(TypeError):
        circuits.weights[0] = circuits.weights[0]
    with pytest.raises(AttributeError):
        circuits.biases = circuits.biases


def test_running_changes_nothing_that_was_given(rng):
    """Not even in linear layers, whose states are not rectified in a copy."""
    weight, bias = rng.standard_normal((2, 3, 3)), rng.standard_normal((2, 3))
    inputs = rng.standard_normal((1, 2, 3))
    given_arrays = [weight.copy(), bias.copy(), inputs.copy()]
    for name in ("relu", "linear"):
        MLPCircuits([weight] * 2, [bias] * 2, name).run(inputs, [[0, 1]])
    for before, after in zip(given_arrays, (weight, bias, inputs), strict=True):
        np.testing.assert_array_equal(before, after)


def test_an_empty_batch_gives_an_empty_result(rng):
    states = MLPCircuits.random(4, [3, 5, 1], rng).run(np.empty((0, 2, 3)), np.empty((0, 2), int))
    assert [state.shape for state in states] == [(0, 2, 3), (0, 2, 5), (0, 2, 1)]


def test_without_a_sampler_inputs_are_unit_vectors(rng):
    inputs = MLPCircuits.random(4, [3, 5], rng).default_inputs(sample_active(4, 2, 9, rng), rng)
    assert inputs.shape == (9, 2, 3)
    np.testing.assert_allclose(np.linalg.norm(inputs, axis=-1), 1)


def test_a_sampler_goes_along_and_is_what_is_measured_with(rng):
    seen = []

    def sampler(active, rng):
        seen.append(active)
        return np.ones((*active.shape, 2))

    circuits = MLPCircuits([[np.eye(2)] * 3], [np.zeros((3, 2))], sampler=sampler)
    for kept in (circuits, circuits.take([2, 0]), circuits.astype(np.float32)):
        assert kept.sampler is sampler
        assert kept.default_inputs is sampler
    superposition = MLPConstruction(20, 2).compress(circuits.take([0, 2]), rng)
    measure_error(superposition, 1, 6, rng)
    assert [active.shape for active in seen] == [(6, 1)]
    measure_error(superposition, 1, 6, rng, sample_inputs=lambda active, _: np.ones((6, 1, 2)))
    assert len(seen) == 1


def test_published_rotations_stay_in_one_form(rng):
    """States (1½, ½, x + 1) at every layer, |x| = 1: inputs, too."""
    circuits = rotation_circuits(6, 4, rng)
    assert circuits.widths == (4,) * 5
    active = sample_active(6, 3, 5, rng)
    for state in circuits.run(circuits.default_inputs(active, rng), active):
        x = rotation_vector(state)
        np.testing.assert_allclose(state[..., :2] - [1.5, 0.5], 0, atol=1e-12)
        np.testing.assert_allclose(state[..., 2:], x + 1, atol=1e-12)
        np.testing.assert_allclose(np.linalg.norm(x, axis=-1), 1, rtol=1e-12)
        np.testing.assert_allclose(on_indicator(state), 1, rtol=1e-12)


@given(seed=SEEDS, gain=GAINS, place=PLACES, conditional=st.booleans())
def test_every_layer_turns_a_circuits_vector_by_its_one_angle(seed, gain, place, conditional):
    rng = np.random.default_rng(seed)
    threshold = threshold_at(place, gain)
    circuits = rotation_circuits(4, 3, rng, conditional, threshold=threshold, gain=gain)
    active = np.array([[0, 1, 2, 3], [3, 2, 1, 0]])
    states = circuits.run(circuits.default_inputs(active, rng), active)
    turned = turns(states)
    cos, sin = circuits.weights[0][:, -2:, -2].T
    for layer in turned:
        np.testing.assert_allclose(layer, (cos + 1j * sin)[active], atol=1e-11)
    np.testing.assert_allclose(np.abs(turned), 1, rtol=1e-11)
    assert len(set(np.round(turned[0, 0], 6))) == 4
    if conditional:
        above = gain * (1 - threshold)
        wanted = np.broadcast_to([above + 0.5, above - 0.5], (2, 4, 2))
        for state in states:
            np.testing.assert_allclose(state[..., :2], wanted, rtol=1e-12, atol=1e-12)


def test_angles_are_uniform_on_the_circle():
    """The mean of 4000 turns, and of their squares, is within 4½ deviations of zero; seed 6."""
    circuits = rotation_circuits(4000, 1, np.random.default_rng(6), conditional=False)
    turn = circuits.weights[0][:, 0, 0] + 1j * circuits.weights[0][:, 1, 0]
    assert abs(turn.mean()) < 4.5 / np.sqrt(4000)
    assert abs((turn**2).mean()) < 4.5 / np.sqrt(4000)


@given(seed=SEEDS, gain=GAINS, place=PLACES)
def test_a_rotation_that_is_off_stays_exactly_zero(seed, gain, place):
    rng = np.random.default_rng(seed)
    circuits = rotation_circuits(3, 4, rng, threshold=threshold_at(place, gain), gain=gain)
    states = circuits.run(np.zeros((1, 3, 4)), [[0, 1, 2]])
    assert all(np.all(state == 0) for state in states)


@given(
    gain=GAINS, place=PLACES, common=st.floats(0, 3), alphas=st.lists(st.floats(-1, 2), min_size=1)
)
def test_the_on_indicator_takes_one_clean_step(gain, place, common, alphas):
    """0 up to threshold − ½/gain, 1 from threshold + ½/gain, a line between; whatever x is."""
    threshold = threshold_at(place, gain)
    low, high = threshold - 0.5 / gain, threshold + 0.5 / gain
    alpha = np.array([0, 1, low, high, low - 1, high + 1, *alphas])
    inputs = np.stack([common + alpha, np.full_like(alpha, common), alpha, -alpha], axis=-1)
    rng = np.random.default_rng(0)
    circuits = rotation_circuits(1, 1, rng, threshold=threshold, gain=gain)
    after = on_indicator(circuits.run(inputs[:, None], [[0]] * len(alpha))[1])[:, 0, 0]
    wanted = np.clip((alpha - low) / (high - low), 0, 1)
    np.testing.assert_allclose(after, wanted, atol=1e-12 * gain)
    np.testing.assert_allclose(after[:4], [0, 1, 0, 1], atol=1e-12 * gain)


@pytest.mark.parametrize(("threshold", "gain"), [(0.25, 2), (0.75, 2), (0.5, 1), (0.875, 4)])
def test_the_least_and_the_largest_threshold_are_allowed(threshold, gain, rng):
    circuits = rotation_circuits(2, 2, rng, threshold=threshold, gain=gain)
    inputs = circuits.default_inputs(np.array([[0], [0]]), rng)
    inputs[0] = 0  # off
    for state in circuits.run(inputs, [[0], [0]]):
        np.testing.assert_allclose(on_indicator(state)[:, 0, 0], [0, 1], atol=1e-14)


def test_unconditional_rotations_are_two_wide_linear_and_without_bias(rng):
    circuits = rotation_circuits(5, 3, rng, conditional=False)
    assert circuits.widths == (2, 2, 2, 2)
    assert circuits.activations == ("linear",) * 3
    assert all(np.all(bias == 0) for bias in circuits.biases)
    inputs = circuits.default_inputs(np.array([[4]]), rng)
    np.testing.assert_allclose(np.linalg.norm(inputs), 1)
    states = circuits.run(inputs, [[4]])
    once = circuits.weights[0][4]
    wanted = np.linalg.matrix_power(once, 3) @ inputs[0, 0]
    np.testing.assert_allclose(states[-1][0, 0], wanted, rtol=1e-12)
    np.testing.assert_allclose(once @ once.T, np.eye(2), atol=1e-14)
    assert np.linalg.det(once) == pytest.approx(1)
    np.testing.assert_array_equal(rotation_vector(states[-1]), states[-1])


def test_what_is_read_of_a_state_by_hand():
    state = np.array([[[2.0, 1.25, 1.0, -3.0]]])
    np.testing.assert_array_equal(on_indicator(state), [[[0.75]]])
    np.testing.assert_array_equal(rotation_vector(state), [[[0.25, -3.75]]])


@given(seed=SEEDS, widths=WIDTHS, names=NAMES)
def test_the_large_network_is_bare_matrix_products(seed, widths, names):
    rng = np.random.default_rng(seed)
    names = names[1 - len(widths) :]
    shapes = list(zip(widths[1:], widths, strict=False))
    weights = [rng.standard_normal(shape) for shape in shapes]
    biases = [rng.standard_normal(shape[0]) for shape in shapes]
    network = MLPNetwork(weights, biases, names)
    state = rng.standard_normal((4, widths[0]))
    before = state.copy()
    states = network.run(state)
    wanted = [bare_states(weights, biases, names, a) for a in state]
    for layer, found in enumerate(states):
        np.testing.assert_allclose(found, [a[layer] for a in wanted], rtol=1e-12, atol=1e-12)
    for layer in range(len(shapes)):
        stepped, neurons = network.step(states[layer], layer)
        np.testing.assert_array_equal(stepped, states[layer + 1])
        np.testing.assert_array_equal(neurons, stepped)
    np.testing.assert_array_equal(state, before)


def test_a_step_of_a_large_network_leaves_its_state_alone():
    """Also where the layer changes nothing: what comes out is another array."""
    network = MLPNetwork([np.eye(2)], [np.array([1.0, -1.0])], "linear")
    state = np.array([[2.0, 5.0]])
    np.testing.assert_array_equal(network.step(state, 0)[0], [[3, 4]])
    np.testing.assert_array_equal(state, [[2, 5]])


def test_the_large_networks_sizes(rng):
    network = MLPNetwork([np.ones((4, 3)), np.ones((2, 4))], [np.ones(4), np.ones(2)])
    assert (network.n_layers, network.widths) == (2, (3, 4, 2))
    assert network.n_parameters == 4 * 3 + 4 + 2 * 4 + 2
    assert network.activations == ("relu", "relu")
    with pytest.raises(ValueError, match="read-only"):
        network.weights[0][0] = 0


def test_random_circuits_are_these_draws():
    """Layer by layer, w with variance 2/d_in, then b with 1/d_out."""
    circuits = MLPCircuits.random(3, [4, 2, 5], np.random.default_rng(1))
    assert circuits.activations == ("relu", "relu")
    rng = np.random.default_rng(1)
    for weight, bias, before, after in zip(
        circuits.weights, circuits.biases, (4, 2), (2, 5), strict=True
    ):
        wanted = np.sqrt(2 / before) * rng.standard_normal((3, after, before))
        np.testing.assert_allclose(weight, wanted, rtol=1e-14)
        wanted = rng.standard_normal((3, after)) / np.sqrt(after)
        np.testing.assert_allclose(bias, wanted, rtol=1e-14)
    with pytest.raises(
        ValueError, match=r"^widths: wanted at least an input and an output, got \[3"
    ):
        MLPCircuits.random(1, [3], rng)
    with pytest.raises(TypeError, match=r"^widths: wanted Sequence, got int$"):
        MLPCircuits.random(1, 3, rng)
    with pytest.raises(ValueError, match=r"^widths\[1\]: wanted at least 1, got 0$"):
        MLPCircuits.random(1, [3, 0], rng)
    with pytest.raises(ValueError, match=r"^n_circuits: wanted at least 1, got 0$"):
        MLPCircuits.random(0, [3, 2], rng)
    with pytest.raises(TypeError, match=r"^rng: wanted"):
        MLPCircuits.random(1, [3, 2], 1)


def test_arrays_are_refused_by_name_and_axis():
    weights, biases = [np.ones((2, 4, 3))], [np.ones((2, 4))]
    with pytest.raises(
        ValueError, match=r"^weights\[0\]: wanted shape \(circuits, width_1, width_0\)"
    ):
        MLPCircuits([np.ones((4, 3))], biases)
    with pytest.raises(TypeError, match=r"^weights, biases: wanted one dtype, float32 or float64$"):
        MLPCircuits(weights, [biases[0].astype(np.float32)])
    with pytest.raises(ValueError, match=r"^activations: wanted 1, one per layer, got 2$"):
        MLPCircuits(weights, biases, ["relu"] * 2)
    circuits = MLPCircuits(weights, biases)
    with pytest.raises(ValueError, match=r"^which: wanted shape \(circuits\), got \(1, 1\)$"):
        circuits.take([[0]])
    with pytest.raises(ValueError, match=r"^which: wanted entries from 0 to 1, got 2$"):
        circuits.take([2])
    for inputs, active, message in (
        (
            np.ones((1, 1, 2)),
            [[0]],
            r"inputs: wanted shape \(batch = 1, active = 1, width = 3\), got",
        ),
        (np.ones((1, 1, 3)), [[2]], r"active: wanted entries from 0 to 1, got 2$"),
        (np.ones((1, 1, 3)), [0], r"active: wanted shape \(batch, active\), got \(1,\)$"),
    ):
        with pytest.raises(ValueError, match="^" + message):
            circuits.run(inputs, active)


def test_moments_are_of_pairs_of_two_thousand(rng):
    circuits = MLPCircuits.random(2, [3, 4, 2], rng)
    plain, same, fewer = (
        circuits.moments(np.random.default_rng(1), **given)
        for given in ({}, {"n_samples": 2000}, {"n_samples": 200})
    )
    for name, value in vars(plain).items():
        np.testing.assert_array_equal(value, getattr(same, name))
    assert plain.state2[0] == pytest.approx(1)  # unit vectors
    assert not np.array_equal(plain.state2, fewer.state2)
    assert plain.widths == (3, 4, 2)
    assert plain.activations == ("relu", "relu")
    assert plain.step is None
    assert rotation_circuits(2, 1, rng, gain=4).moments(rng, n_samples=9).step == (0.5, 4)
    with pytest.raises(ValueError, match=r"^n_samples: wanted at least 1, got 0$"):
        rotation_circuits(2, 1, rng).moments(rng, n_samples=0)
    with pytest.raises(ValueError, match=r"^circuits: wanted at least two, to measure pairs$"):
        circuits.take([0]).moments(rng)


def test_moments_are_of_states_as_they_are_held(rng):
    """Hidden entries of circuit 1 are 2²⁰ times as large, and its answers as they were."""
    drawn = MLPCircuits.random(2, [3, 4, 2], rng)
    size = np.array([1, 2.0**20])
    weights = [drawn.weights[0] * size[:, None, None], drawn.weights[1] / size[:, None, None]]
    circuits = MLPCircuits(weights, [drawn.biases[0] * size[:, None], drawn.biases[1]])
    moments = circuits.moments(np.random.default_rng(1), n_samples=50)
    assert moments.form is circuits.form
    again = np.random.default_rng(1)
    which = sample_active(2, 2, 50, again)
    states = circuits.run(circuits.default_inputs(which, again), which)
    held = [np.ldexp(a, -circuits.exponents[i][which]) for i, a in enumerate(states)]
    for found, wanted in ((moments.given2, states), (moments.state2, held)):
        squares = [np.square(a).sum(axis=-1).mean() for a in wanted]
        np.testing.assert_allclose(found, squares, rtol=1e-12)
    assert moments.given2[1] > 1e6 * moments.state2[1]


def test_moments_are_of_circuits_own_inputs():
    """One entry that is 3 in every state: w = 1, b = 0."""
    circuits = MLPCircuits(
        [np.ones((2, 1, 1))], [np.zeros((2, 1))], "linear", lambda a, _: np.full((*a.shape, 1), 3.0)
    )
    moments = circuits.moments(np.random.default_rng(0), n_samples=5)
    assert moments.state2.tolist() == [9, 9]
    assert moments.mean2.tolist() == [9]
    assert moments.growth.tolist() == pytest.approx([1])


def test_steps_of_rotations_are_found_again(rng):
    circuits = rotation_circuits(3, 2, rng, threshold=0.6, gain=4)
    assert rotation_step(circuits) == pytest.approx((0.6, 4))
    assert find_step(circuits.weights, circuits.biases) == pytest.approx((0.6, 4))
    weights, biases = circuits.weights, circuits.biases

    def changed(arrays, layer, place, by):
        arrays = [array.copy() for array in arrays]
        arrays[layer][place] += by
        return arrays

    near = changed(weights, 1, (2, 0, 1), 1e-7), changed(biases, 1, (2, 3), 1e-7)
    assert find_step(*near) is not None
    others = [
        *((changed(weights, layer, (2, 0, 1), 1e-3), biases) for layer in (0, 1)),
        *((changed(weights, layer, (1, 2, 0), 1e-3), biases) for layer in (0, 1)),
        *((weights, changed(biases, layer, (2, 3), 1e-3)) for layer in (0, 1)),
        ([-weight for weight in weights], biases),
        ([weights[0][:, :3, :3]] * 2, [bias[:, :3] for bias in biases]),
        ([weights[0], weights[0][:, :3]], biases),
    ]
    assert [find_step(*other) for other in others] == [None] * len(others)
    flat = rotation_circuits(3, 1, rng, conditional=False)
    message = "^circuits: wanted conditional rotations, as rotation_circuits makes them$"
    with pytest.raises(ValueError, match=message):
        rotation_step(flat)


def test_a_conditional_rotation_by_hand():
    """Gain 4 about ½: 4α ∓ 1½; and R x + α (2 − R (1, 1)) − 1 for a quarter turn."""
    turn = np.array([[[0.0, -1.0], [1.0, 0.0]]])
    wanted = [[4, -4, 0, 0], [4, -4, 0, 0], [3, -3, 0, -1], [1, -1, 1, 0]]
    assert conditional_weights(turn, 4.0).tolist() == [wanted]
    assert conditional_bias(0.5, 4.0).tolist() == [-1.5, -2.5, -1, -1]
    assert step_bias(0.5, 4.0).tolist() == [-1.5, -2.5]
    assert on_neurons(0.25, 4.0).tolist() == [3.5, 2.5]
    assert check_step(1, 1e13)[0] == 1  # what is between is less than rounding
    message = (
        "^threshold: wanted a step that is flat at 0 and 1, ½/gain ≤ threshold ≤ 1 − ½/gain, "
        "got 0.6 with gain 1.0$"
    )
    with pytest.raises(ValueError, match=message):
        check_step(0.6, 1)
    for threshold, gain, name in ((0, 1, "threshold"), (1, 0, "gain")):
        with pytest.raises(ValueError, match=rf"^{name}: wanted a finite number above 0, got 0.0$"):
            check_step(threshold, gain)


def test_rotations_are_these_draws():
    """Angles, uniform on the circle; sizes by name."""
    circuits = rotation_circuits(3, 2, np.random.default_rng(1), conditional=False)
    angles = np.random.default_rng(1).uniform(0, 2 * np.pi, 3)
    turns = [[[np.cos(a), -np.sin(a)], [np.sin(a), np.cos(a)]] for a in angles]
    np.testing.assert_array_equal(circuits.weights, [turns] * 2)
    for conditional in (False, True):
        made = rotation_circuits(3, 2, np.random.default_rng(1), conditional)
        inputs = made.default_inputs(np.zeros((4, 2), int), np.random.default_rng(2))
        angles = np.random.default_rng(2).uniform(0, 2 * np.pi, (4, 2))
        wanted = np.stack([np.cos(angles), np.sin(angles)], axis=-1)
        np.testing.assert_allclose(rotation_vector(inputs), wanted, atol=1e-15)
    for i, name in enumerate(("n_circuits", "n_layers")):
        with pytest.raises(ValueError, match=rf"^{name}: wanted at least 1, got 0$"):
            rotation_circuits(*np.where(np.arange(2) == i, 0, 1), np.random.default_rng(1))
    with pytest.raises(TypeError, match=r"^rng: wanted"):
        rotation_circuits(1, 1, 1)


# large networks


def test_the_residual_networks_sizes():
    """Two layers, three neurons, a stream of four."""
    network = ResidualNetwork(np.ones((2, 3, 4)), np.ones((2, 3)), np.ones((2, 4, 3)))
    assert (network.n_layers, network.n_neurons, network.stream_width) == (2, 3, 4)
    assert network.n_parameters == 24 + 6 + 24
    shapes = {
        "read_in": r"\(layers, neurons, stream\)",
        "bias": r"\(layers = 2, neurons = 3\)",
        "write_out": r"\(layers = 2, stream = 4, neurons = 3\)",
    }
    for name, wanted in shapes.items():
        with pytest.raises(ValueError, match=rf"^{name}: wanted shape {wanted}, got \(1,\)$"):
            replace(network, **{name: np.ones(1)})
    with pytest.raises(ValueError, match=r"^read_in: wanted at least 1 of neurons, got 0$"):
        ResidualNetwork(np.ones((2, 0, 4)), np.ones((2, 0)), np.ones((2, 4, 0)))
    with pytest.raises(
        ValueError, match=r"^state: wanted shape \(batch, stream = 4\), got \(4,\)$"
    ):
        network.run(np.ones(4))
    with pytest.raises(ValueError, match=r"^layer: wanted entries from 0 to 1, got 2$"):
        network.step(np.ones((1, 4)), 2)


def test_a_residual_network_by_hand():
    """A + (1, −1) · relu(A_0 + 2 A_1 − 3), twice."""
    network = ResidualNetwork([[[1.0, 2.0]]] * 2, [[-3.0]] * 2, [[[1.0], [-1.0]]] * 2)
    states = network.run([[1.0, 2.0], [1.0, 0.0]])
    assert [state.tolist() for state in states] == [
        [[1, 2], [1, 0]],
        [[3, 0], [1, 0]],
        [[3, 0], [1, 0]],
    ]
    state, neurons = network.step(np.array([[1.0, 2.0]]), 0)
    assert (state.tolist(), neurons.tolist()) == ([[3, 0]], [[2]])


def test_the_mlp_is_refused_word_for_word():
    network = MLPNetwork([np.ones((3, 2)), np.ones((1, 3))], [np.ones(3), np.ones(1)])
    assert network.activations == ("relu", "relu")
    assert (network.n_layers, network.widths, network.n_parameters) == (2, (2, 3, 1), 13)
    with pytest.raises(
        ValueError, match=r"^state: wanted shape \(batch, width = 2\), got \(1, 3\)$"
    ):
        network.run(np.ones((1, 3)))
    with pytest.raises(ValueError, match=r"^layer: wanted entries from 0 to 1, got 2$"):
        network.step(np.ones((1, 2)), 2)
    with pytest.raises(
        TypeError, match=r"^layer: wanted whole numbers, got an array of dtype float"
    ):
        network.step(np.ones((1, 2)), 0.0)


@pytest.mark.parametrize("kind", [MLPNetwork, MLPCircuits])
def test_layers_are_kept_as_tuples_of_arrays_that_cannot_be_written(kind):
    more = (1,) if kind is MLPCircuits else ()
    kept = kind([np.ones((*more, 3, 2)).tolist()], [np.ones((*more, 3))], ["relu"])
    assert kept.activations == ("relu",)
    for arrays in (kept.weights, kept.biases):
        assert type(arrays) is tuple
        assert [array.flags.writeable for array in arrays] == [False]


def test_the_step_of_a_lone_circuit_is_found_at_any_gain(rng):
    """Also in single precision, whose zeros may be a little off; and there is none without gain."""
    lone = rotation_circuits(1, 2, rng, gain=1)
    assert find_step(lone.weights, lone.biases) == (0.5, 1)
    weights, biases = ([array.copy() for array in part] for part in (lone.weights, lone.biases))
    weights[1][0, 0, 2] = biases[1][0, 0] = 5e-6
    assert find_step(weights, biases) == (0.5, 1)
    weights[1][0, 0, 2] = 1e-3
    assert find_step(weights, biases) is None
    assert find_step([np.zeros((1, 4, 4))], [np.full((1, 4), 0.5)]) is None
