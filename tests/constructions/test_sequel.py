"""The sequel's construction: by hand, by loops, in its exact limit, and at the published size."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from superposition import (
    MLPCircuits,
    MLPConstruction,
    SparseCode,
    measure_error,
    rotation_circuits,
    rotation_vector,
)
from superposition.circuits.inputs import UnitInputs, sample_active
from superposition.predict.sequel import published_law, small_noise_law
from superposition.readers import balance, shared_weights

SEEDS = st.integers(0, 2**32)
CODES = ["prime_step", "finite_plane"]


def alike(n_circuits, widths, rng):
    """Random circuits as the construction wants them: one bias below zero for all, ReLU."""
    drawn = MLPCircuits.random(n_circuits, widths, rng)
    biases = [np.tile(-np.abs(bias[0]) / 4, (n_circuits, 1)) for bias in drawn.biases]
    return MLPCircuits(drawn.weights, biases)


def disjoint(n_circuits, width, redundancy, size, rng):
    """A code whose circuits share no slot at all, the same sets in every block."""
    block = size // width
    sets = rng.permutation(block)[: n_circuits * redundancy].reshape(n_circuits, 1, redundancy)
    return SparseCode(sets + block * np.arange(width)[:, None], size)


def in_private(circuits, redundancy, size, rng):
    codes = [disjoint(circuits.n_circuits, d, redundancy, size, rng) for d in circuits.widths[1:]]
    return MLPConstruction(size, redundancy).compress(circuits, rng, codes=codes)


def pairs(write, read):
    """Index pairs of one circuit's slots after a layer and another's before it."""
    to, come = write.slots[:, 0], read.slots[:, 0]
    n = range(write.n_circuits)
    return [np.ix_(to[t], come[u]) for t in n for u in n if t != u]


def slow_shared(write, read, suppression=1.0):
    """1/r where a circuit connects two slots; elsewhere −χ, for which the pairs' mean is zero."""
    connected = np.zeros((write.size // write.width, read.size // read.width), bool)
    for to, come in zip(write.slots[:, 0], read.slots[:, 0], strict=True):
        connected[np.ix_(to, come)] = True
    made = sum(connected[pair].sum() for pair in pairs(write, read))
    missing = sum((~connected[pair]).sum() for pair in pairs(write, read))
    chi = suppression * made / missing / write.redundancy
    return np.where(connected, 1 / write.redundancy, -chi)


def slow_weights(small, write, read, suppression):
    """W = w̄ ⊗ 𝒲 + (1/r) Σ Δw_t ⊗ e_t e_t^T, one small weight at a time."""
    large = np.zeros((write.size, read.size))
    shared = slow_shared(write, read, suppression)
    (rows, columns), mean = shared.shape, sum(small) / len(small)
    for i, j in np.ndindex(mean.shape):
        large[i * rows : (i + 1) * rows, j * columns : (j + 1) * columns] = mean[i, j] * shared
        for t, weights in enumerate(small):
            where = np.ix_(write.slots[t, i], read.slots[t, j])
            large[where] += (weights[i, j] - mean[i, j]) / write.redundancy
    return large


def test_two_circuits_by_hand(rng):
    """Widths 1, two slots each of three, slot 1 in common; weights 1 and 3, then 4 and 2.

    Mean weight 3. Connected: all but slots 0 → 2 and 2 → 0. A circuit hears another's slots over
    three connections of four, so χ = (3/4) / (1/4) / 2 = 3/2; differences ±1 add ±½ each.
    """
    circuits = MLPCircuits([[[[1.0]], [[3.0]]], [[[4.0]], [[2.0]]]], [np.zeros((2, 1))] * 2)
    code = SparseCode(np.array([[[0, 1]], [[1, 2]]]), 3)
    superposition = MLPConstruction(3, 2).compress(circuits, rng, codes=[code, code])
    first, second = superposition.network.weights
    np.testing.assert_array_equal(first, np.eye(3))
    np.testing.assert_allclose(second, [[2, 2, -4.5], [2, 1.5, 1], [-4.5, 1, 1]])
    state = superposition.embed([[[5.0], [1.0]]], [[0, 1]])
    np.testing.assert_array_equal(state, [[5, 8, 3]])
    # neurons: 10 + 16 − 13½, 10 + 12 + 3, −22½ + 8 + 3 → 0
    last = superposition.run([[[5.0], [1.0]]], [[0, 1]])[-1]
    np.testing.assert_allclose(last, [[[(12.5 + 25) / 2], [25 / 2]]])


@given(
    seed=SEEDS,
    code=st.sampled_from(CODES),
    n_circuits=st.integers(2, 6),
    widths=st.lists(st.integers(1, 3), min_size=3, max_size=4),
    size=st.integers(30, 44),
    redundancy=st.integers(2, 3),
    suppression=st.sampled_from([0.5, 1.0, 1.7]),
)
def test_fast_compression_equals_the_slow_one(
    seed, code, n_circuits, widths, size, redundancy, suppression
):
    rng = np.random.default_rng(seed)
    circuits = alike(n_circuits, widths, rng)
    construction = MLPConstruction(size, redundancy, code, suppression)
    superposition = construction.compress(circuits, rng)
    network, codes = superposition.network, superposition.codes
    np.testing.assert_array_equal(network.weights[0], np.eye(size))
    for layer in range(1, circuits.n_layers):
        small, large = circuits.weights[layer], network.weights[layer]
        wanted = slow_weights(small, codes[layer], codes[layer - 1], suppression)
        np.testing.assert_allclose(large, wanted, atol=1e-12 * np.abs(wanted).max())
    for bias, large, d in zip(circuits.biases, network.biases, widths[1:], strict=True):
        wanted = [bias[0, i // (size // d)] if i < d * (size // d) else 0 for i in range(size)]
        np.testing.assert_array_equal(large, wanted)


@pytest.mark.parametrize("code", CODES)
def test_balanced_circuits_hear_nothing_of_each_other_on_average(code, rng):
    """Also between layers of other widths; suppressed more strongly, they inhibit each other."""
    write = SparseCode.draw(code, 40, 2, 130, 4, rng)
    read = SparseCode.draw(code, 40, 3, 130, 4, rng)

    def heard(weights):
        return np.mean([weights[pair].sum() for pair in pairs(write, read)])

    once, twice = (shared_weights(write, read, suppression) for suppression in (1.0, 2.0))
    np.testing.assert_allclose(once, slow_shared(write, read), rtol=1e-12)
    assert heard(np.maximum(once, 0)) > 0.5
    assert abs(heard(once)) < 1e-12
    assert heard(twice) == pytest.approx(-heard(np.maximum(once, 0)))
    own = [once[np.ix_(write.slots[t, 0], read.slots[t, 0])] for t in range(40)]
    np.testing.assert_allclose(own, 1 / 4)


def test_the_balance_by_hand():
    """Of the two pairs' eight connections six are made: χ = (6/8) / (2/8) / r."""
    code = SparseCode(np.array([[[0, 1]], [[1, 2]]]), 3)
    connected = np.array([[1.0, 1, 0], [1, 1, 1], [0, 1, 1]])
    assert balance(connected, code, code) == pytest.approx(3 / 2)


@given(
    seed=SEEDS,
    n_circuits=st.integers(2, 5),
    widths=st.lists(st.integers(1, 4), min_size=2, max_size=5),
    redundancy=st.integers(1, 3),
    left_over=st.integers(0, 3),
    scale=st.sampled_from([0.01, 1.0, 30.0]),
)
def test_without_superposition_the_large_network_is_exact(
    seed, n_circuits, widths, redundancy, left_over, scale
):
    """No shared neurons: every circuit, exact to rounding, however many are active."""
    rng = np.random.default_rng(seed)
    widths = [min(widths), *widths]  # so that the first layer can be undone
    drawn = alike(n_circuits, widths, rng)
    circuits = replace(drawn, weights=[scale * weight for weight in drawn.weights])
    size = n_circuits * redundancy * max(widths) + left_over
    superposition = in_private(circuits, redundancy, size, rng)
    for n_active in {1, 2, n_circuits}:
        active = sample_active(n_circuits, n_active, 3, rng)
        truth = circuits.run(UnitInputs(widths[0])(active, rng), active)
        estimates = superposition.run(truth[0], active)
        largest = max(np.abs(state).max() for state in truth)
        for a, b in zip(truth[1:], estimates[1:], strict=True):
            assert np.abs(a - b).max() <= 1e-11 * largest
        condition = max(np.linalg.cond(circuits.weights[0]))
        assert np.abs(truth[0] - estimates[0]).max() <= 1e-13 * condition


def test_one_circuit_alone_leaves_no_trace_on_silent_ones_without_superposition(rng):
    superposition = in_private(alike(5, [2, 3, 2], rng), 2, 30, rng)
    states = superposition.network.run(superposition.embed([[[1.0, -2.0]]], [[3]]))
    for layer, state in enumerate(states):
        others = np.delete(superposition.read_all(state, layer)[0], 3, axis=0)
        np.testing.assert_array_equal(others, 0)


@pytest.mark.parametrize("code", CODES)
def test_a_lone_circuit_is_exact_before_and_after_the_first_layer(code, rng):
    """However crowded its neurons are: nobody else is there yet. Later layers are not exact."""
    construction = MLPConstruction(150, 4, code)
    n_circuits = construction.holds([4, 4, 4, 4])
    circuits = rotation_circuits(n_circuits, 3, rng)
    errors = measure_error(construction.compress(circuits, rng), 1, 50, rng)["mse"]
    assert errors[1] < 1e-25
    assert errors[2] > 1e-6
    circuits = alike(20, [3, 4, 2], rng)
    errors = measure_error(construction.compress(circuits, rng), 1, 50, rng)["mse"]
    assert errors[0] < 1e-20
    assert errors[1] < 1e-25


def test_at_layer_zero_the_shortest_input_with_the_same_effect_is_read(rng):
    """w = (1, 1): of (3, 1) only the sum is written, and (2, 2) is read."""
    circuits = MLPCircuits([np.ones((3, 1, 2))], [np.zeros((3, 1))])
    superposition = MLPConstruction(20, 2).compress(circuits, rng)
    read = superposition.run([[[3.0, 1.0]]], [[1]])
    np.testing.assert_allclose(read[0], [[[2, 2]]])
    np.testing.assert_allclose(read[1], [[[4]]])


def test_embedding_writes_what_the_first_neurons_are_to_hear(rng):
    circuits = alike(6, [2, 3, 2], rng)
    superposition = MLPConstruction(40, 3).compress(circuits, rng)
    active = sample_active(6, 3, 4, rng)
    inputs = rng.standard_normal((4, 3, 2))
    wanted = np.zeros((4, 40))
    for sample, place in np.ndindex(active.shape):
        t = active[sample, place]
        for i, heard in enumerate(circuits.weights[0][t] @ inputs[sample, place]):
            wanted[sample, superposition.codes[0].slots[t, i]] += heard
    np.testing.assert_allclose(superposition.embed(inputs, active), wanted, atol=1e-14)


def test_each_layer_draws_its_own_code(rng):
    codes = MLPConstruction(40, 3).compress(alike(6, [2, 4, 4, 4], rng), rng).codes
    assert (codes[0].slots != codes[1].slots).any()
    assert (codes[1].slots != codes[2].slots).any()


def test_neurons_left_over_stay_silent(rng):
    """Of 43 neurons, blocks of 10 take 40 at width 4 and of 14 take 42 at width 3."""
    superposition = MLPConstruction(43, 3).compress(alike(6, [2, 4, 3], rng), rng)
    active = sample_active(6, 2, 5, rng)
    inputs = UnitInputs(2)(active, rng)
    states = superposition.network.run(superposition.embed(inputs, active))
    for state, used in zip(states, (40, 40, 42), strict=True):
        np.testing.assert_array_equal(state[:, used:], 0)
    weights, bias = superposition.network.weights[1], superposition.network.biases[1]
    for unused in (weights[42:], weights[:, 40:], bias[42:]):
        np.testing.assert_array_equal(unused, 0)


@pytest.mark.parametrize("code", CODES)
def test_a_construction_holds_what_it_says_and_refuses_one_more(code, rng):
    """The widest state decides: blocks of 24 at width 5, whatever the input's width."""
    construction = MLPConstruction(120, 3, code)
    most = construction.holds([9, 3, 5, 2])
    assert most == SparseCode.capacity(code, 5, 120, 3)
    superposition = construction.compress(alike(most, [9, 3, 5, 2], rng), rng)
    assert superposition.codes[1].n_circuits == most
    message = f"n_circuits: wanted at most {most}, the capacity of '{code}' with 24 slots"
    with pytest.raises(ValueError, match=message):
        construction.compress(alike(most + 1, [9, 3, 5, 2], rng), rng)


def test_published_errors_of_rotations():
    """Errors of x of one active rotation of 557, at D = 1000 and r = 6, after layers 2 and 3.

    Published by running the code of Rotations in Superposition. Seeds 0 to 5, 1000 samples each.
    """
    tables = []
    for seed in range(6):
        rng = np.random.default_rng(seed)
        superposition = MLPConstruction(1000, 6).compress(rotation_circuits(557, 3, rng), rng)
        tables.append(measure_error(superposition, 1, 1000, rng, observe=rotation_vector)["mse"])
    np.testing.assert_allclose(np.mean(tables, axis=0)[2:], [0.0081, 0.126], rtol=0.15)


def test_sets_outside_the_blocks_are_refused():
    """Three slots to a block, one left over: no set may use it."""
    code = SparseCode(np.array([[[3], [6]], [[0], [3]]]), 7)
    with pytest.raises(ValueError, match="slots: wanted the same sets in each of 2 equal blocks"):
        code.overlaps.toarray()


def test_a_single_circuit_is_exact(rng):
    circuits = rotation_circuits(1, 3, rng)
    superposition = MLPConstruction(40, 3).compress(circuits, rng)
    errors = measure_error(superposition, 1, 20, rng, observe=rotation_vector)
    assert errors["worst"].max() < 1e-12


def test_slots_that_are_all_connected_cannot_be_balanced(rng):
    sets = np.array([[0, 1], [1, 2], [0, 2]])
    code = SparseCode(sets[:, None] + 3 * np.arange(4)[:, None], 12)
    with pytest.raises(ValueError, match="codes: wanted slots that no circuit connects"):
        MLPConstruction(12, 2).compress(rotation_circuits(3, 2, rng), rng, codes=[code, code])


def test_small_noise_is_predicted_for_any_circuits(rng):
    """At low load, layers 1 and 2: within a factor of two; three networks of 150 circuits each."""
    circuits = alike(150, [4, 4, 4], rng)
    construction = MLPConstruction(1600, 6)
    predicted = construction.predict_error(circuits, 2, law="small noise")
    found = []
    for _ in range(3):
        superposition = construction.compress(circuits, rng)
        found.append(measure_error(superposition, 2, 400, rng)[["mse", "inactive_mse"]].iloc[1:])
    ratio = predicted[["mse", "inactive_mse"]].to_numpy() / (sum(found).to_numpy() / 3)
    assert ((ratio > 0.5) & (ratio < 2)).all()
    assert 0.8 < ratio[0, 0] < 1.2


def test_moments_of_pairs_by_hand(rng):
    """One layer, one neuron, weights 1 and 3, inputs 1: a' adds 3, of which 2 is the mean."""
    weights, biases = [np.array([[[1.0]], [[3.0]]])], [np.array([[0.0], [0.0]])]
    circuits = MLPCircuits(weights, biases, sampler=lambda active, rng: np.ones((*active.shape, 1)))
    moments = circuits.moments(rng, n_samples=4000)
    assert moments.mean2.item() == pytest.approx(4)
    assert moments.difference2.item() == pytest.approx(1)
    assert moments.doubled2.item() == pytest.approx(5, rel=0.05)
    assert moments.growth.item() == pytest.approx(5, rel=0.15)
    assert moments.state2 == pytest.approx([1, 5], rel=0.05)
    assert moments.step is None


@pytest.mark.parametrize("n_active", [1, 2])
def test_capacity_and_size_agree(n_active, rng):
    """The largest T within the tolerance; and the width found for it is no larger than this one."""
    moments = rotation_circuits(20, 3, rng).moments(rng)
    assert moments.step == pytest.approx((0.5, 2.0))
    construction = MLPConstruction(1000, 6)
    n = construction.capacity(moments, n_active, 0.1)

    def error(width, n):
        return MLPConstruction(width, 6).follow(n, 3, n_active)["mse"].iloc[-1]

    assert error(1000, n) <= 0.1 < error(1000, n + 1)
    sized = construction.size_for(n, moments, n_active, 0.1)
    assert sized.width <= 1000
    assert error(sized.width, n) <= 0.1


def test_answers_at_their_ends(rng):
    """Capacity: the active circuits, and not one more; size: a code that is exactly full."""
    moments = alike(20, [4, 4, 4], rng).moments(rng)
    construction = MLPConstruction(400, 4)

    def error(n):
        return small_noise_law(n, moments, 400, 4, 40)["relative_mse"].iloc[-1]

    tolerance = (error(40) + error(41)) / 2
    assert error(40) < error(41)
    assert construction.capacity(moments, 40, tolerance) == 40
    assert construction.capacity(moments, 40, error(40)) == 40
    assert construction.capacity(moments, 40, error(50)) == 50
    full = construction.holds(moments.widths)
    wide = construction.size_for(full, moments, 1, 1e6).width
    assert wide <= 400
    assert MLPConstruction(wide, 4).holds(moments.widths) >= full
    assert MLPConstruction(wide - 1, 4).holds(moments.widths) < full
    just = construction.size_for(40, moments, 40, error(40)).width
    assert small_noise_law(40, moments, just, 4, 40)["relative_mse"].iloc[-1] == error(40)


def test_answers_follow_the_circuits_own_step(rng):
    """With another gain, errors are others."""
    steep, plain = (rotation_circuits(90, 3, rng, gain=gain) for gain in (6, 2))
    construction = MLPConstruction(400, 4)
    for circuits in (steep, plain):
        moments = circuits.moments(rng)
        n = construction.capacity(moments, 1, 0.2)
        error = [construction.follow(n + i, 3, 1, *moments.step)["mse"].iloc[-1] for i in (0, 1)]
        assert error[0] <= 0.2 < error[1]
    wanted = construction.follow(90, 3, 1, *steep.moments(rng).step)
    pd.testing.assert_frame_equal(construction.predict_error(steep, 1), wanted)
    assert wanted["mse"].iloc[-1] < construction.predict_error(plain, 1)["mse"].iloc[-1] / 1.2
    assert wanted.columns[0] == "layer"
    assert wanted["layer"].tolist() == [1, 2, 3]


def test_the_published_law_is_asked_for_all_layers(rng):
    circuits = rotation_circuits(20, 3, rng)
    found = MLPConstruction(400, 4).predict_error(circuits, 2, "published")
    pd.testing.assert_frame_equal(found, published_law(20, np.arange(1, 4), 400, 4, 2))


def test_moments_for_predictions_are_of_one_seed(rng):
    circuits = alike(60, [4, 4, 4], rng)
    found = MLPConstruction(400, 4).predict_error(circuits, 2, "small noise")
    moments = circuits.moments(np.random.default_rng(0))
    pd.testing.assert_frame_equal(found, small_noise_law(60, moments, 400, 4, 2))


def test_sizes_are_refused_word_for_word(rng):
    construction = MLPConstruction(400, 4)
    moments = rotation_circuits(20, 2, rng).moments(rng)
    full = construction.holds([4, 4])
    with pytest.raises(TypeError, match=r"^widths: wanted a whole number, got 4.5$"):
        construction.holds([4, 4.5])
    with pytest.raises(ValueError, match=r"^n_circuits: wanted at least 1, got 0$"):
        construction.size_for(0, moments, 1, 0.1)
    full_message = rf"^n_circuits: wanted at most {full}, the capacity of 'prime_step', got 9999$"
    with pytest.raises(ValueError, match=full_message):
        construction.follow(9999, 2, 1)


def test_capacity_ends_where_the_code_is_full(rng):
    construction = MLPConstruction(400, 4)
    moments = rotation_circuits(20, 2, rng).moments(rng)
    assert construction.capacity(moments, 1, 100.0) == construction.holds(moments.widths)
    loose = alike(20, [4, 4], rng).moments(rng)
    assert construction.capacity(loose, 1, 100.0) == construction.holds(loose.widths)


def test_questions_without_an_answer_are_refused(rng):
    construction, circuits = MLPConstruction(400, 4), rotation_circuits(20, 3, rng)
    moments = circuits.moments(rng)
    with pytest.raises(TypeError, match="moments: wanted MLPMoments"):
        construction.capacity(circuits, 1, 0.1)
    with pytest.raises(ValueError, match=r"tolerance: wanted at least .* of 40 active circuits"):
        construction.capacity(moments, 40, 1e-6)
    with pytest.raises(ValueError, match=r"n_active: wanted at most .*, the capacity of 'prime_st"):
        construction.capacity(moments, 5000, 0.1)
    with pytest.raises(ValueError, match="tolerance: wanted one that up to 8192 neurons can meet"):
        construction.size_for(10**6, moments, 3, 0.1)
    with pytest.raises(ValueError, match="n_active: wanted at most 5, the number of circuits"):
        construction.size_for(5, moments, 6, 0.1)
    with pytest.raises(ValueError, match="circuits: wanted at least two, to measure pairs"):
        rotation_circuits(1, 2, rng).moments(rng)
    linear = rotation_circuits(5, 2, rng, conditional=False)
    with pytest.raises(ValueError, match="moments: wanted those of ReLU circuits"):
        construction.capacity(linear.moments(rng), 1, 0.1)
    with pytest.raises(ValueError, match="activations: wanted ReLU in every layer"):
        construction.predict_error(linear, 1, "small noise")


def test_a_plane_too_narrow_for_its_sets_is_passed_over(rng):
    moments = rotation_circuits(20, 2, rng).moments(rng)
    sized = MLPConstruction(1000, 6, "finite_plane").size_for(3, moments, 1, 5.0)
    assert sized.width == 4 * 6 * 7  # the least prime not below r = 6 is 7


def test_what_was_given_and_drawn_is_kept(rng):
    circuits = alike(3, [2, 4, 3], rng).astype(np.float32)
    construction = MLPConstruction(40, 2)
    made = construction.compress(circuits, rng)
    assert made.construction is construction
    assert made.circuits is circuits
    assert made.checkpoints == (0, 1, 2)
    assert [code.dtype for code in made.codes] == [np.float32] * 2
    codes = [SparseCode.draw("prime_step", 3, d, 40, 2, rng) for d in (4, 3)]
    given = construction.compress(circuits, rng, codes=codes)
    assert [code.dtype for code in given.codes] == [np.float32] * 2
    with pytest.raises(TypeError, match=r"^codes: wanted Sequence, got int$"):
        construction.compress(circuits, rng, codes=3)
    biases = [bias.copy() for bias in circuits.biases]
    biases[1][0] -= 0.5
    with pytest.raises(ValueError, match=r"^biases\[1\]: wanted one bias .* differ by up to 0.5$"):
        construction.compress(MLPCircuits(circuits.weights, biases), rng)


def test_laws_are_asked_for_by_name(rng):
    construction, rotations = MLPConstruction(160, 2), rotation_circuits(9, 2, rng)
    plain = construction.predict_error(rotations, 2)
    pd.testing.assert_frame_equal(plain, construction.predict_error(rotations, 2, "followed"))
    circuits = alike(5, [2, 3, 2], rng)
    sizes = 5, circuits.moments(np.random.default_rng(0)), 160, 2, 2
    found = construction.predict_error(circuits, 2, "small noise")
    pd.testing.assert_frame_equal(found, small_noise_law(*sizes))
    with pytest.raises(ValueError, match=r"^law: wanted one of \(.*\), got 'none'$"):
        construction.predict_error(rotations, 2, "none")


def test_nobody_is_balanced_against_oneself(rng):
    code = SparseCode.private(1, 1, 2)
    assert balance(np.ones((2, 2)), code, code) == 0
    write, read = (SparseCode.draw("prime_step", 9, 1, 12, 2, rng) for _ in range(2))
    np.testing.assert_array_equal(shared_weights(write, read), shared_weights(write, read, 1.0))
    assert shared_weights(write, read, 2.0).min() == 2 * shared_weights(write, read).min() < 0
