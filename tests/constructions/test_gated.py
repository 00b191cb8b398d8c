"""Gated superposition: by hand, by loops, exact for one, its gates and bounds, its predictions."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from superposition import (
    GatedConstruction,
    MLPCircuits,
    SparseCode,
    measure_error,
    rotation_circuits,
)
from superposition.circuits import bounds as bounds_module
from superposition.circuits.bounds import (
    ROUNDED,
    largest_pre_activations,
    largest_states,
    state_bounds,
)
from superposition.circuits.inputs import UnitInputs, sample_active
from superposition.constructions import gated
from superposition.maps import TwoCodes, draw_codes
from superposition.packings import plane_lines
from superposition.predict.gated import coupling, crosstalk, gated_law, shared_slots
from superposition.readers import reading_weights

SEEDS = st.integers(0, 2**32)
PLANES = {1: (2, 3, 7, 11), 2: (3, 5, 7, 11), 3: (5, 7, 11)}  # with slopes for r
QUIET = pytest.mark.parametrize("quiet", [False, True])
NAMES = st.sampled_from(["relu", "linear"])


def offsets_of(superposition):
    """What is added to states after 0 … L layers."""
    return tuple(read.offset for read in superposition.read_maps)


def mixed(n_circuits, widths, activations, rng, scale=1.0, bias=1.0):
    """Random circuits with biases of both signs."""
    layers = list(pairwise(widths))
    weights = [scale * rng.standard_normal((n_circuits, b, a)) for a, b in layers]
    biases = [bias * rng.standard_normal((n_circuits, b)) for _, b in layers]
    return MLPCircuits(weights, biases, list(activations))


def as_they_are(circuits):
    """The circuits, of which entries of very different sizes are not brought to one size."""
    circuits.__dict__["exponents"] = None  # where the property keeps it
    return circuits


def in_pairs(circuits, neurons):
    """ReLU circuits that are in neurons what linear layers make, plus and minus, one by one."""
    weights, biases = [], []
    before = [np.eye(circuits.widths[0])] * circuits.n_circuits
    for layer, (weight, bias) in enumerate(zip(circuits.weights, circuits.biases, strict=True)):
        d = circuits.widths[layer + 1]
        signs = np.eye(d) if neurons[layer + 1] == d else np.vstack([np.eye(d), -np.eye(d)])
        weights.append(np.array([signs @ w @ b for w, b in zip(weight, before, strict=True)]))
        biases.append(np.array([signs @ b for b in bias]))
        before = [signs.T] * circuits.n_circuits
    names = [
        "relu" if n > d else name
        for n, d, name in zip(neurons[1:], circuits.widths[1:], circuits.activations, strict=True)
    ]
    return MLPCircuits(weights, biases, names)


def neurons_of(superposition):
    """How many neurons on a slot hold a state after 0 … L layers."""
    return [read.width for read in superposition.read_maps]


def one_by_one(circuits):
    return np.arange(circuits.n_circuits)[:, None]


def alone(superposition, rng, length=1.0):
    """States of each circuit when alone, from inputs of that length, and what is read of them."""
    circuits, active = superposition.circuits, one_by_one(superposition.circuits)
    inputs = length * UnitInputs(circuits.widths[0])(active, rng)
    return circuits.run(inputs, active), superposition.run(inputs, active)


def worst(superposition, rng, **how):
    """Largest error of any circuit when alone, relative to its own largest state."""
    truth, read = alone(superposition, rng, **how)
    size = np.max([np.abs(a).max(axis=(1, 2)) for a in truth], axis=0)
    error = np.max([np.abs(a - b).max(axis=(1, 2)) for a, b in zip(truth, read, strict=True)], 0)
    return float((error / size).max())


def plane_codes(q, r, n_circuits, reused=0):
    """Slopes 0 … r − 1 and r … 2r − 1; the first `reused` of the latter are taken from the former.

    Points in an order that has nothing to do with their lines.
    """
    points = np.random.default_rng(q).permutation(q * q)[:n_circuits]
    lines = plane_lines(q, 2 * r)[points]
    even, odd = lines[:, :r], lines[:, r:] - r * q
    odd[:, :reused] = even[:, :reused]
    return tuple(SparseCode(sets[:, None], r * q) for sets in (even, odd))


def in_use(code, active):
    """0/1, (batch, slots): the slots of a code of width 1 that active circuits have."""
    used = np.zeros((len(active), code.size))
    np.put_along_axis(used, code.slots[active, 0].reshape(len(active), -1), 1, axis=1)
    return used


def parts(state, width):
    """Entries (batch, width, n), and gates of even and of odd layers, (batch, n) each."""
    blocks = state.reshape(len(state), width + 2, -1)
    return blocks[:, :-2], blocks[:, -2], blocks[:, -1]


# by hand and by loops


def test_four_circuits_by_hand(rng):
    """The plane over 2: slots y, then y − x. Layers ReLU, linear, ReLU; no room for pairs.

    Neurons: slots 0 and 1 of the entry, two gates of even layers, two of odd ones. Columns of
    gates hold biases, and −size of neurons not in use. Layer 1: all hear 4 + 3 at most. States
    are at most 1.5, 2, 5, 4 long, so values of layer 2 at most 1.5, 3, 11, 8: 11 is added, and
    11 + 11 silences. Layer 3 takes the offset back, and hears at most 11.
    """
    weights = [np.array(w, float).reshape(4, 1, 1) for w in ([1, 2, 3, 4], [1, -1, 2, -2], [1] * 4)]
    biases = [np.reshape(b, (4, 1)) for b in ([0.5, -1, 2, -3], [0.0, 1, -1, 0], [0.0] * 4)]
    circuits = as_they_are(MLPCircuits(weights, biases, ["relu", "linear", "relu"]))
    codes = [SparseCode(np.reshape(slots, (4, 1, 1)), 2) for slots in ([0, 1, 0, 1], [0, 1, 1, 0])]
    for quiet in (False, True):  # the same with one slot each
        construction = GatedConstruction(6, 1, 1 / ROUNDED, headroom=1.0, quiet=quiet)
        superposition = construction.compress(circuits, rng, codes=tuple(codes))
        flip = np.hstack([np.zeros((4, 2)), -np.eye(4)])
        wanted = [
            [[1, 4, 0.5, -3, -7, 0], [3, 2, 2, -1, 0, -7]],
            [[1, 2, -22, 0, 0, -1], [-2, -1, 0, -22, 0, 1]],
            [[1, 1, -11, -11, -11, 0], [1, 1, -11, -11, 0, -11]],
        ]
        network = superposition.network
        assert network.activations == ("relu",) * 3
        assert offsets_of(superposition) == (0, 0, 11, 0)
        for weight, rows in zip(network.weights, wanted, strict=True):
            np.testing.assert_allclose(weight, np.vstack([rows, flip]), atol=1e-14)
        for bias, of_entries in zip(network.biases, (0, 11, 0), strict=True):
            np.testing.assert_array_equal(bias, [of_entries, of_entries, 1, 1, 1, 1])
        # circuit 2: 3·½ + 2 = 3½, 2·3½ − 1 = 6, 6
        states = network.run(superposition.embed([[[0.5]]], [[2]]))
        hand = [
            [0.5, 0, 1, 0, 1, 0],
            [0, 3.5, 0, 1, 0, 1],
            [17, 0, 1, 0, 1, 0],
            [0, 6, 0, 1, 0, 1],
        ]
        for state, values in zip(states, hand, strict=True):
            np.testing.assert_allclose(state, [values], atol=1e-14)
        read = superposition.run([[[0.5]]], [[2]])
        np.testing.assert_allclose(np.ravel(read), [0.5, 3.5, 6, 6], atol=1e-14)


def test_quiet_weights_by_hand(rng):
    """Circuits on {0, 1} and {1, 2}, then both on {0, 1}, nobody elsewhere: 2 w, w, −w, by 3."""
    circuits = MLPCircuits([np.array([[[6.0]], [[9.0]]])], [np.array([[0.0], [3.0]])])
    codes = [SparseCode(np.array(sets)[:, None], 4) for sets in ([[0, 1], [1, 2]], [[0, 1]] * 2)]
    superposition = GatedConstruction(redundancy=2).compress(circuits, rng, codes=tuple(codes))
    weight = superposition.network.weights[0]
    np.testing.assert_allclose(weight[:2, :4], [[4 - 3, 2 + 3, -2 + 6, 0]] * 2, atol=1e-13)
    np.testing.assert_allclose(weight[:2, 4:8], [[-1, 1, 2, 0]] * 2, atol=1e-13)
    assert worst(superposition, rng) < 1e-14


def slow_layer(circuits, sets, n_slots, layer, offsets):
    """Plain weights, one circuit, slot and entry at a time; and size, not yet in its place."""
    before, after = circuits.widths[layer : layer + 2]
    read, write = sets[layer % 2], sets[(layer + 1) % 2]
    gate = (before + layer % 2) * n_slots
    large = np.zeros(((after + 2) * n_slots, (before + 2) * n_slots))
    r = len(read[0])
    for t in range(circuits.n_circuits):
        for i, j in np.ndindex(after, before):
            for s in write[t]:
                for p in read[t]:
                    large[i * n_slots + s, j * n_slots + p] += circuits.weights[layer][t, i, j] / r
        for i in range(after):
            known = offsets[layer] * circuits.weights[layer][t, i].sum()
            for s in write[t]:
                for p in read[t]:
                    large[i * n_slots + s, gate + p] += (circuits.biases[layer][t, i] - known) / r
    for g in range(2 * n_slots):
        large[after * n_slots + g, before * n_slots + g] = -1
    return large, [offsets[layer + 1]] * (after * n_slots) + [1.0] * (2 * n_slots)


def slow_embed(sets, n_slots, width, inputs, active):
    state = np.zeros((len(active), (width + 2) * n_slots))
    state[:, (width + 1) * n_slots :] = 1
    for sample, place in np.ndindex(active.shape):
        t = active[sample, place]
        for s in sets[0][t]:
            state[sample, width * n_slots + s] = 1
            for j in range(width):
                state[sample, j * n_slots + s] += inputs[sample, place, j]
        for s in sets[1][t]:
            state[sample, (width + 1) * n_slots + s] = 0
    return state


@given(
    seed=SEEDS,
    plane=st.sampled_from([(2, 1), (3, 1), (3, 2), (5, 2), (5, 3)]),
    share=st.floats(0, 1),
    widths=st.lists(st.integers(1, 3), min_size=2, max_size=4),
    names=st.lists(NAMES, min_size=3, max_size=3),
    n_active=st.integers(1, 3),
    room=st.booleans(),
)
def test_the_network_is_what_loops_build_and_run(seed, plane, share, widths, names, n_active, room):
    """Bare matrix products and ReLUs; of gates' sizes only that each slot has one and all equal.

    Linear layers are in pairs where that widens none, or there is room and an offset is large.
    """
    (q, r), rng = plane, np.random.default_rng(seed)
    n = max(1, int(share * q * q))
    given = as_they_are(mixed(n, widths, names[: len(widths) - 1], rng))
    codes = plane_codes(q, r, n)
    sets, n_slots = [code.slots[:, 0].tolist() for code in codes], q * r
    width = None if room else (max(widths) + 2) * n_slots
    construction = GatedConstruction(width, r, quiet=False)
    superposition = construction.compress(given, rng, codes=codes)
    network, offsets = superposition.network, offsets_of(superposition)
    neurons = neurons_of(superposition)
    circuits = in_pairs(given, neurons)
    assert network.widths == tuple((d + 2) * n_slots for d in neurons)
    assert [offset > 0 for offset in offsets[1:]] == [f == "linear" for f in circuits.activations]
    for name, n_neurons, d in zip(given.activations, neurons[1:], widths[1:], strict=True):
        if name == "relu" or (not room and 2 * d > max(widths)):  # digits enough
            assert n_neurons == d
        elif 2 * d <= max(widths):
            assert n_neurons == 2 * d
    widths = neurons
    active = sample_active(n, min(n_active, n), 4, rng)
    inputs = UnitInputs(widths[0])(active, rng)
    state = superposition.embed(inputs, active)
    np.testing.assert_allclose(state, slow_embed(sets, n_slots, widths[0], inputs, active))
    estimates = superposition.run(inputs, active)
    for layer, width in enumerate(widths):
        if layer > 0:
            weight, bias = slow_layer(circuits, sets, n_slots, layer - 1, offsets)
            gate = (widths[layer - 1] + layer % 2) * n_slots
            size = -network.weights[layer - 1][0, gate]
            assert size > 0
            for i in range(width):
                weight[i * n_slots : (i + 1) * n_slots, gate : gate + n_slots] -= size * np.eye(
                    n_slots
                )
            atol = 1e-13 * np.abs(weight).max()
            np.testing.assert_allclose(network.weights[layer - 1], weight, atol=atol)
            np.testing.assert_array_equal(network.biases[layer - 1], bias)
            state = np.maximum(0, np.array([weight @ one for one in state]) + bias)
        gates = state[:, (width + layer % 2) * n_slots :][:, :n_slots]
        for sample, place in np.ndindex(active.shape):
            mine = sets[layer % 2][active[sample, place]]
            on = np.mean(gates[sample, mine])
            read = [np.mean(state[sample, j * n_slots + np.array(mine)]) for j in range(width)]
            wanted = np.array(read) - offsets[layer] * on
            if width > (d := given.widths[layer]):
                wanted = wanted[:d] - wanted[d:]
            atol = 1e-11 * max(offsets[layer], np.abs(state).max())
            np.testing.assert_allclose(estimates[layer][sample, place], wanted, atol=atol)


# one active circuit


@given(
    seed=SEEDS,
    widths=st.lists(st.integers(1, 5), min_size=2, max_size=6),
    names=st.lists(NAMES, min_size=5, max_size=5),
    redundancy=st.integers(1, 3),
    plane=st.integers(0, 3),
    share=st.one_of(st.just(1.0), st.floats(0, 1)),
    quiet=st.booleans(),
    scale=st.floats(0.1, 10),
    bias=st.sampled_from([0.0, 0.1, 1.0, 10.0]),
)
def test_one_active_circuit_is_exact(
    seed, widths, names, redundancy, plane, share, quiet, scale, bias
):
    """Every circuit, every layer, up to all points of the plane; relative to the longest state.

    Where there is no room for pairs, offsets are made for that, and rounding comes with them.
    """
    rng, planes = np.random.default_rng(seed), PLANES[redundancy]
    q = planes[plane % len(planes)]
    n = max(1, round(share * q * q))
    circuits = mixed(n, widths, names[: len(widths) - 1], rng, scale, bias)
    width = q * redundancy * (max(widths) + 2)
    construction = GatedConstruction(width, redundancy, quiet=quiet)
    superposition = construction.compress(circuits, rng)
    assert max(superposition.network.widths) <= width
    truth, read = alone(superposition, rng)
    longest = state_bounds(circuits, 1.0).max()
    for a, b in zip(truth, read, strict=True):
        assert np.abs(a - b).max() <= 1e-12 * longest
    assume(np.abs(truth[-1]).max() > 1e-6 * longest)  # of zeros this would be no news


@QUIET
def test_circuits_of_very_different_sizes_do_not_disturb_each_other(quiet, rng):
    """Weights of one circuit a million times larger: ReLU circuits beside it keep every digit."""
    circuits = mixed(25, (3, 3, 3), ("relu",) * 2, rng)
    large = [np.where(np.arange(25)[:, None, None] == 7, 1e6 * w, w) for w in circuits.weights]
    circuits = replace(circuits, weights=large)
    assert worst(GatedConstruction(redundancy=2, quiet=quiet).compress(circuits, rng), rng) < 1e-12


def told_apart(codes):
    """Whether circuits on a slot of one code have independent slots in the other, everywhere.

    Or weights are of equal size: where r = 1.
    """
    if codes[0].redundancy == 1:
        return True
    dense = [code.matrix.toarray() for code in codes]
    groups = [
        (read[on > 0], np.count_nonzero(on))
        for read, write in (dense, dense[::-1])
        for on in write.T
        if on.any()
    ]
    return all(np.linalg.matrix_rank(own) == count for own, count in groups)


@given(seed=SEEDS, slots=st.integers(2, 8), redundancy=st.integers(1, 3), quiet=st.booleans())
def test_codes_of_which_no_two_circuits_share_a_slot_in_both_are_enough(
    seed, slots, redundancy, quiet
):
    """Not planes; in one code circuits may share all slots. Quiet weights are exact or refused."""
    rng, r = np.random.default_rng(seed), min(redundancy, slots)
    chosen = []
    for _ in range(40):
        pair = [set(rng.permutation(slots)[:r].tolist()) for _ in range(2)]
        if all(not (pair[0] & a and pair[1] & b) for a, b in chosen):
            chosen.append(pair)
    codes = tuple(SparseCode([[sorted(pair[i])] for pair in chosen], slots) for i in (0, 1))
    circuits = mixed(len(chosen), (2, 3, 1, 2), ("relu", "linear", "relu"), rng)
    construction = GatedConstruction(redundancy=r, quiet=quiet)
    if quiet and not told_apart(codes):
        with pytest.raises(ValueError, match=r"codes: wanted two .* can be told apart"):
            construction.compress(circuits, rng, codes=codes)
        return
    superposition = construction.compress(circuits, rng, codes=codes)
    truth, read = alone(superposition, rng)
    longest = state_bounds(circuits, 1.0).max()
    assert max(np.abs(a - b).max() for a, b in zip(truth, read, strict=True)) <= 1e-7 * longest


def test_circuits_may_have_all_slots_of_one_code_in_common(rng):
    """Apart in the other code, equal weights are exact, whatever the first layer's inputs."""
    together = SparseCode(np.tile([0, 1], (5, 1))[:, None], 10)
    apart = SparseCode(np.arange(10).reshape(5, 1, 2), 10)
    circuits = mixed(5, (2, 3, 2), ("relu", "linear"), rng)
    for codes in ((together, apart), (apart, together)):
        superposition = GatedConstruction(redundancy=2, quiet=False).compress(
            circuits, rng, codes=codes
        )
        assert worst(superposition, rng) < 1e-12


@pytest.mark.parametrize("reused", ["one", "all"])
@pytest.mark.parametrize("redundancy", [1, 2, 3])
def test_with_a_slope_in_both_codes_equal_weights_fail(redundancy, reused, rng):
    """Circuits then share a slot in both, which plain weights cannot tell apart.

    Quiet ones can: circuits on a slot have their other slots to themselves, so that reading each
    exactly has a solution, even where both codes are one and the same. Not with one slot each.
    """
    circuits = mixed(30, (3, 3, 3, 3), ("relu",) * 3, rng)
    codes = plane_codes(7, redundancy, 30, reused=1 if reused == "one" else redundancy)

    def error(quiet, codes):
        construction = GatedConstruction(redundancy=redundancy, quiet=quiet)
        return worst(construction.compress(circuits, rng, codes=codes), rng)

    assert error(False, plane_codes(7, redundancy, 30)) < 1e-12
    assert error(False, codes) > 0.01
    if redundancy == 1:
        assert error(True, codes) > 0.01
    else:
        assert error(True, codes) < 1e-12


@pytest.mark.parametrize("n", [20, 25])
@pytest.mark.parametrize("reused", [1, 2])
def test_quiet_weights_are_exact_with_slopes_reused_up_to_the_full_plane(reused, n, rng):
    circuits, codes = mixed(n, (3, 3, 3), ("relu",) * 2, rng), plane_codes(5, 2, n, reused)
    construction = GatedConstruction(redundancy=2)
    assert worst(construction.compress(circuits, rng, codes=codes), rng) < 1e-12


def test_quiet_weights_are_quiet_also_where_codes_are_dense_but_no_plane(rng):
    """r ≥ n / √T: four circuits with three of five slots, any two with two in common."""
    together = np.array([[0, 1, 2], [0, 1, 3], [0, 2, 3], [1, 2, 3]])
    codes = tuple(SparseCode(together[order][:, None], 5) for order in ([0, 1, 2, 3], [3, 1, 0, 2]))
    circuits = mixed(4, (2, 3, 2), ("relu", "linear"), rng)
    for quiet, fails in ((True, False), (False, True)):
        construction = GatedConstruction(redundancy=3, quiet=quiet)
        superposition = construction.compress(circuits, rng, codes=codes)
        assert (worst(superposition, rng) > 1e-12) == fails


def test_one_circuit_in_a_network_of_its_own(rng):
    circuits = mixed(1, (2, 3, 1), ("relu", "linear"), rng)
    for redundancy in (1, 2):
        superposition = GatedConstruction(redundancy=redundancy).compress(circuits, rng)
        assert worst(superposition, rng) < 1e-13
        assert measure_error(superposition, 1, 5, rng)["worst"].max() < 1e-12


def test_rotations_of_both_kinds_are_exact_alone(rng):
    for conditional in (True, False):
        circuits = rotation_circuits(200, 4, rng, conditional)
        bound = 3.0 if conditional else 1.0
        superposition = GatedConstruction(redundancy=3, input_bound=bound).compress(circuits, rng)
        assert measure_error(superposition, 1, 300, rng)["worst"].max() < 1e-12


# gates


@QUIET
@pytest.mark.parametrize("n_active", [1, 2, 5])
@pytest.mark.parametrize(("q", "r", "n"), [(7, 1, 49), (7, 2, 40), (7, 4, 30), (11, 3, 121)])
def test_gates_tell_which_slots_are_in_use(q, r, n, n_active, quiet, rng):
    """Exactly, after every layer: of the code that states are in; of the other, which are not."""
    circuits = mixed(n, (3, 2, 4, 1, 3), ("relu", "linear", "linear", "relu"), rng)
    codes = plane_codes(q, r, n)
    construction = GatedConstruction(redundancy=r, quiet=quiet)
    superposition = construction.compress(circuits, rng, codes=codes)
    active = sample_active(n, n_active, 20, rng)
    first = superposition.embed(UnitInputs(3)(active, rng), active)
    for layer, state in enumerate(superposition.network.run(first)):
        _, *gates = parts(state, neurons_of(superposition)[layer])
        now, to_come = layer % 2, 1 - layer % 2
        np.testing.assert_array_equal(gates[now], in_use(codes[now], active))
        np.testing.assert_array_equal(gates[to_come], 1 - in_use(codes[to_come], active))


def assert_silent(superposition, codes, active, rng):
    """Slots not in use hold exactly zero, in every layer; those in use, not all of them."""
    widths = neurons_of(superposition)
    first = superposition.embed(UnitInputs(widths[0])(active, rng), active)
    for layer, state in enumerate(superposition.network.run(first)):
        entries, _, _ = parts(state, widths[layer])
        used = np.broadcast_to(in_use(codes[layer % 2], active)[:, None] > 0, entries.shape)
        np.testing.assert_array_equal(entries[~used], 0)
        assert np.count_nonzero(entries[used]) > 30


LITTLE_BUT_BIASES = {"scale": 0.001, "bias": 0.1}


@QUIET
@pytest.mark.parametrize("n_active", [1, 2, 3, 4, 5])
@pytest.mark.parametrize("sizes", [{}, LITTLE_BUT_BIASES], ids=["weights", "biases"])
def test_slots_not_in_use_are_silent(sizes, n_active, quiet, rng):
    """While headroom lasts, which is for biases too: what each adds is as much as it is alone."""
    circuits = mixed(60, (3, 4, 2, 3), ("relu", "linear", "relu"), rng, **sizes)
    if sizes:
        circuits = replace(circuits, biases=[np.abs(bias) for bias in circuits.biases])
    codes = plane_codes(11, 2, 60)
    construction = GatedConstruction(redundancy=2, quiet=quiet)
    superposition = construction.compress(circuits, rng, codes=codes)
    assert_silent(superposition, codes, sample_active(60, n_active, 30, rng), rng)


@given(
    seed=SEEDS,
    redundancy=st.integers(1, 3),
    quiet=st.booleans(),
    names=st.lists(NAMES, min_size=3, max_size=3),
    bound=st.sampled_from([0.5, 1.0, 3.0]),
    bias=st.sampled_from([0.0, 1.0, 10.0]),
)
def test_gates_are_larger_than_all_that_slots_not_in_use_can_hear(
    seed, redundancy, quiet, names, bound, bias
):
    """At the input bound and without headroom; what they hear is looked at with gates removed."""
    rng, r = np.random.default_rng(seed), redundancy
    circuits = mixed(40, (2, 3, 1, 2), names, rng, bias=bias)
    construction = GatedConstruction(None, r, bound, headroom=1.0, quiet=quiet)
    codes = plane_codes(7, r, 40)
    superposition = construction.compress(circuits, rng, codes=codes)
    network, active = superposition.network, one_by_one(circuits)
    states = network.run(superposition.embed(bound * UnitInputs(2)(active, rng), active))
    for layer, state in enumerate(states[:-1]):
        before, after = neurons_of(superposition)[layer : layer + 2]
        gates = slice((before + 1 - layer % 2) * 7 * r, (before + 2 - layer % 2) * 7 * r)
        weight = network.weights[layer].copy()
        size = -weight[: after * 7 * r, gates].min()
        weight[: after * 7 * r, gates] = 0
        heard, _, _ = parts(state @ weight.T + network.biases[layer], after)
        used = np.broadcast_to(in_use(codes[1 - layer % 2], active)[:, None] > 0, heard.shape)
        assert heard[~used].max() <= size * (1 + 1e-12)
        assert heard[~used].max() >= 0.01 * size  # and not beyond all measure


@QUIET
@pytest.mark.parametrize("redundancy", [1, 2])
def test_inputs_a_rounding_error_longer_than_the_bound_open_no_gate(redundancy, quiet, rng):
    """All weights 1, so that some slot hears just the input; without headroom it stays at zero."""
    circuits = MLPCircuits([np.ones((49, 1, 1))], [np.zeros((49, 1))])
    construction = GatedConstruction(redundancy=redundancy, headroom=1.0, quiet=quiet)
    codes = plane_codes(7, redundancy, 49)
    superposition = construction.compress(circuits, rng, codes=codes)
    active = one_by_one(circuits)
    state = superposition.embed(np.full((49, 1, 1), 1 + 9e-6), active)
    entries, _, _ = parts(superposition.network.run(state)[1], 1)
    np.testing.assert_array_equal(entries[:, 0][in_use(codes[1], active) == 0], 0)


@pytest.mark.parametrize(("q", "r", "n"), [(11, 6, 100), (13, 4, 150)])
def test_gates_are_no_larger_than_weights_of_any_sign_can_need(q, r, n, rng):
    """The largest |Σ of a slot's weights for a circuit on it| · what it makes, over circuits."""
    two, needed = draw_codes(q, r, n, np.random.default_rng(0)), 0.0
    for _, on, weights in reading_weights(two.slots(0), two.slots(1), True):
        heard = np.abs(two.slots(0).matrix @ weights).sum(axis=1)
        needed = max(needed, np.delete(heard, on).max())
    circuits = MLPCircuits([np.ones((n, 1, 1))], [np.zeros((n, 1))])
    codes = (two.slots(0), two.slots(1))
    construction = GatedConstruction(input_bound=1 / ROUNDED, redundancy=r, headroom=1.0)
    network = construction.compress(circuits, rng, codes=codes).network
    closed = network.weights[0][: q * r, 2 * q * r :]
    np.testing.assert_allclose(np.diag(closed), -needed)


def test_gates_are_large_enough_for_quiet_weights(rng):
    """Of both signs, they can make more of one state than equal weights: 1.8 times as much here.

    Weights ±1, the sign of what one slot not in use hears of one circuit through each on it.
    """
    two = draw_codes(11, 6, 100, np.random.default_rng(0))
    most, signs, place = 0.0, np.ones(100), (0, 0)
    for slot, on, weights in reading_weights(two.slots(0), two.slots(1), True):
        through = two.slots(0).matrix @ weights
        through[on] = 0
        loudest = int(np.abs(through).sum(axis=1).argmax())
        if (heard := np.abs(through[loudest]).sum()) > most:
            most, place, signs = heard, (slot, loudest), np.ones(100)
            signs[on] = np.where(through[loudest] < 0, -1, 1)
    assert most > 1.5
    circuits = MLPCircuits([signs[:, None, None]], [np.zeros((100, 1))])
    codes = (two.slots(0), two.slots(1))
    construction = GatedConstruction(redundancy=6, headroom=1.0)
    superposition = construction.compress(circuits, rng, codes=codes)
    state = superposition.embed([[[1.0]]], [[place[1]]])
    row = superposition.network.weights[0][place[0]]
    assert row[:66] @ state[0, :66] == pytest.approx(most)
    entries, _, _ = parts(superposition.network.run(state)[1], 1)
    used = in_use(codes[1], np.array([[place[1]]])) > 0
    np.testing.assert_array_equal(entries[:, 0][~used], 0)


# bounds


@given(
    seed=SEEDS,
    widths=st.lists(st.integers(1, 4), min_size=2, max_size=5),
    names=st.lists(NAMES, min_size=4, max_size=4),
    bound=st.floats(0.1, 10),
)
def test_no_state_is_longer_than_its_bound(seed, widths, names, bound):
    rng = np.random.default_rng(seed)
    circuits = mixed(5, widths, names[: len(widths) - 1], rng)
    bounds = state_bounds(circuits, bound)
    assert bounds.shape == (len(widths), 5)
    np.testing.assert_array_equal(bounds[0], bound)
    active = np.tile(one_by_one(circuits), (40, 1))
    states = circuits.run(bound * UnitInputs(widths[0])(active, rng), active)
    for limit, state in zip(bounds, states, strict=True):
        assert (np.linalg.norm(state, axis=-1)[:, 0] <= np.tile(limit, 40) * (1 + 1e-12)).all()


def test_bounds_by_hand():
    """Reached: input (2, 0), times 2, plus 3, but not −9 where a ReLU follows; then −7 does count.

    The second circuit's weights have rows (3, 4): five times the input, and a bias that only adds.
    """
    first = np.array([np.diag([2.0, 1]), [[3, 4], [0, 0]]])
    second = np.array([[[1.0, 0]], [[1, 0]]])
    biases = [np.array([[3.0, -9], [1, 0]]), np.array([[7.0], [-7.0]])]
    circuits = MLPCircuits([first, second], biases, ["relu", "linear"])
    np.testing.assert_allclose(state_bounds(circuits, 2.0), [[2, 2], [7, 11], [14, 18]])
    inputs = np.array([[[2.0, 0]], [[1.2, 1.6]]])
    states = circuits.run(inputs, [[0], [1]])
    np.testing.assert_allclose(states[1][:, 0], [[7, 0], [11, 0]])
    np.testing.assert_allclose(states[2][:, 0], [[14], [4]])
    np.testing.assert_allclose(largest_pre_activations(circuits, np.array([2.0, 7, 14])), [11, 14])


@given(
    seed=SEEDS,
    widths=st.lists(st.integers(1, 4), min_size=2, max_size=5),
    names=st.lists(NAMES, min_size=4, max_size=4),
    first=st.integers(1, 20),
    exponent=st.sampled_from([0, 3, 30]),
)
def test_the_largest_states_are_found_with_fewer_norms(seed, widths, names, first, exponent):
    """The same numbers to the last bit; circuits alike in size or up to 10^30 apart."""
    rng = np.random.default_rng(seed)
    circuits = mixed(45, widths, names[: len(widths) - 1], rng).astype(np.float32)
    sizes = 10 ** (exponent * rng.uniform(-1, 0, (45, 1, 1))).astype(np.float32)
    circuits = replace(circuits, weights=[weight * sizes for weight in circuits.weights])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(bounds_module, "_FIRST", first)
        found = largest_states(circuits, 2.0)
    np.testing.assert_array_equal(found, state_bounds(circuits, 2.0).max(axis=1))


def test_most_circuits_need_no_spectral_norm(rng, monkeypatch):
    circuits, taken = MLPCircuits.random(20_000, [4, 4, 4], rng), []
    take = MLPCircuits.take
    monkeypatch.setattr(
        MLPCircuits, "take", lambda self, which: taken.append(len(which)) or take(self, which)
    )
    found = largest_states(circuits, 1.0)
    assert sum(taken) < 6000
    np.testing.assert_array_equal(found, state_bounds(circuits, 1.0).max(axis=1))


@pytest.mark.parametrize("n", [1, 7, 40])
@pytest.mark.parametrize("layer", [0, 1])
def test_of_one_slot_quiet_weights_are_equal_ones(n, layer, rng):
    """By hand: how many that are on one slot hear another's at once, counted pair by pair."""
    sets = tuple(rng.integers(6, size=(n, 1)) for _ in range(2))
    two = TwoCodes(sets, 6)
    read, write = sets[layer][:, 0], sets[1 - layer][:, 0]
    most = 0
    for slot in range(6):
        on = np.flatnonzero(write == slot)
        others = np.setdiff1d(np.arange(n), on)
        most = max([most, *((read[on] == read[other]).sum() for other in others)])
    assert gated._of_one_slot(two, layer) == most
    circuits = MLPCircuits.random(n, [3, 2, 3], rng)
    both = (
        [*gated.gated_layers(circuits, two, quiet, np.full(2, 5.0), np.zeros(3), np.arange(n))]
        for quiet in (True, False)
    )
    quiet, plain = (layers[layer].sums[0].dense() for layers in both)
    closed = two.gates(layer + 1, circuits.widths[layer])
    for large, size in ((quiet, 5.0 * most), (plain, 5.0)):
        rows = circuits.widths[layer + 1] * 6
        assert np.abs(large[:rows, closed]).max() == size
        large[:rows, closed] = 0
    np.testing.assert_array_equal(quiet, plain)


@pytest.mark.parametrize("bound", [1.0, 3.0])
def test_inputs_up_to_the_bound_are_taken(bound, rng):
    circuits = mixed(9, (3, 2), ("relu",), rng)
    superposition = GatedConstruction(input_bound=bound).compress(circuits, rng)
    inputs = np.array([[[0.6, 0.0, 0.8], [0, 0, 0]]])
    assert worst(superposition, rng, length=bound) < 1e-12
    superposition.run(bound * inputs, [[4, 5]])
    message = f"inputs: wanted none longer than {bound}, the bound, got {1.25 * bound}"
    with pytest.raises(ValueError, match=message):
        superposition.run(1.25 * bound * inputs[:, ::-1], [[4, 5]])
    with pytest.raises(ValueError, match="inputs: wanted none longer"):
        superposition.embed(1.0001 * bound * inputs, [[4, 5]])


# reading


def test_circuits_without_a_slot_in_use_read_zero(rng):
    circuits = mixed(25, (2, 4, 3), ("linear", "relu"), rng)
    codes = plane_codes(5, 1, 25)
    superposition = GatedConstruction().compress(circuits, rng, codes=codes)
    states = superposition.network.run(superposition.embed([[[0.6, 0.8]]], [[3]]))
    for layer, state in enumerate(states):
        slots = codes[layer % 2].slots[:, 0, 0]
        reads = superposition.read_all(state, layer)[0]
        np.testing.assert_array_equal(reads[slots != slots[3]], 0)
        np.testing.assert_array_equal(reads[slots == slots[3]], np.tile(reads[3], (5, 1)))


# sizes


@pytest.mark.parametrize(
    ("n", "r", "wanted"), [(2209, 1, 282), (2210, 1, 318), (1681, 6, 1476), (50, 6, 396)]
)
def test_the_smallest_plane_is_taken(n, r, wanted, rng):
    """47 for 2209 = 47² and 53 for one more, 41 for 1681; 11 for 12 slopes. Six blocks: width 4."""
    moments = MLPCircuits.random(20, (4, 4, 3), rng).moments(rng)
    construction = GatedConstruction(redundancy=r, input_bound=2.0, headroom=4.0, quiet=False)
    sized = construction.size_for(n, moments, 1, 1e-9)
    assert sized == replace(construction, width=wanted)
    assert sized.capacity(moments, 1, 1e-9) == sized.holds((4, 4, 3)) >= n


def test_without_a_width_the_network_is_as_wide_as_it_must_be(rng):
    """States of width 2, 3 and 1: (d + 2) q r neurons, q = 5 for 17 circuits, 7 for r = 4."""
    for r, q in ((1, 5), (2, 5), (3, 5), (4, 7)):
        circuits = mixed(17, (2, 3, 1), ("relu",) * 2, rng)
        network = GatedConstruction(redundancy=r).compress(circuits, rng).network
        assert network.widths == (4 * q * r, 5 * q * r, 3 * q * r)


@pytest.mark.parametrize(("width", "r", "q"), [(100, 1, 19), (149, 2, 13), (84, 2, 7), (60, 3, 0)])
def test_a_construction_holds_what_it_says_and_refuses_one_more(width, r, q, rng):
    """The largest plane within width / (5 r), for states of width 3 at most."""
    construction = GatedConstruction(width, r)
    if q == 0:  # 60 / 15 = 4: the plane over 3 has no six slopes
        with pytest.raises(ValueError, match="width: wanted at least 75 for two codes of redu"):
            construction.holds((2, 3, 1))
        return
    assert construction.holds((2, 3, 1)) == q * q
    full = construction.compress(mixed(q * q, (2, 3, 1), ("relu",) * 2, rng), rng)
    assert max(full.network.widths) == 5 * q * r <= width
    more = mixed(q * q + 1, (2, 3, 1), ("relu",) * 2, rng)
    message = f"n_circuits: wanted at most {q * q}, all that a plane over {q} holds, in {width} neu"
    for call in (
        lambda: construction.compress(more, rng),
        lambda: construction.predict_error(more, 1),
    ):
        with pytest.raises(ValueError, match=message):
            call()


def predicted(moments, q, r, n, n_active, quiet):
    """The last layer's relative_mse, from codes, crosstalk and law."""
    two = draw_codes(q, r, n, np.random.default_rng(0))
    heard = crosstalk(two, quiet), coupling(two, quiet)
    return gated_law(moments, *heard, r, n_active)["relative_mse"].iloc[-1]


@QUIET
@pytest.mark.parametrize("n_active", [2, 3])
def test_capacity_and_size_end_at_the_tolerance(n_active, quiet, rng):
    moments = MLPCircuits.random(100, (3, 4, 3), rng).moments(rng)
    construction = GatedConstruction(19 * 3 * 6 + 5, 3, quiet=quiet)
    n = construction.capacity(moments, n_active, 0.15)
    assert n_active < n < construction.holds((3, 4, 3)) == 19**2
    assert predicted(moments, 19, 3, n, n_active, quiet) <= 0.15
    assert predicted(moments, 19, 3, n + 1, n_active, quiet) > 0.15
    sized = construction.size_for(90, moments, n_active, 0.1)
    q, rest = divmod(sized.width, 3 * 6)
    assert rest == 0
    below = {13: 11, 17: 13, 19: 17, 23: 19, 29: 23, 31: 29, 37: 31, 41: 37, 43: 41}
    assert predicted(moments, q, 3, 90, n_active, quiet) <= 0.1
    assert predicted(moments, below[q], 3, 90, n_active, quiet) > 0.1


def test_capacity_ends_where_the_plane_is_full(rng):
    moments = MLPCircuits.random(20, (4, 4), rng).moments(rng)
    construction = GatedConstruction(7 * 6)
    for n_active in (1, 2):
        assert construction.capacity(moments, n_active, 100.0) == 49


# predictions


@pytest.mark.parametrize(
    ("name", "own2", "biased_mean2"), [("linear", 34 / 3, 17 / 3), ("relu", 8 / 3, 4 / 3)]
)
def test_moments_of_a_circuit_another_and_a_third_by_hand(name, own2, biased_mean2, rng):
    """Weights and biases 0, 0 and 3 of inputs 1, 1 and 2: differences −1, −1, 2 from means 1.

    A third, whoever it is, makes (Δw) (a' + 1) of another's a', the mean a' + 1. After a ReLU only
    of use to the last circuit, as the others are not on; whose 9 they take up all the same.
    """
    weights, biases = np.reshape([0.0, 0, 3], (3, 1, 1)), np.reshape([0.0, 0, 3], (3, 1))

    def inputs(active, rng):
        return np.where(active == 2, 2.0, 1.0)[..., None]

    moments = MLPCircuits([weights], [biases], name, inputs).moments(rng, n_samples=20000)
    assert moments.own2.item() == pytest.approx(own2, rel=0.05)
    assert moments.arrived[1, 2, 2] == pytest.approx(biased_mean2, rel=0.05)
    assert moments.arrived[1, 0, 0] == pytest.approx(27, rel=0.05)


@pytest.mark.parametrize("name", ["linear", "relu"])
def test_what_has_arrived_is_passed_on_from_layer_to_layer_by_hand(name, rng):
    """All weights 2 and biases ½ of states 1, 2½, 5½, 11½: what arrives is each next state.

    And doubles in every layer after. Biases alone likewise; none of it differs from the mean.
    """
    circuits = MLPCircuits(
        [np.full((3, 1, 1), 2.0)] * 3,
        [np.full((3, 1), 0.5)] * 3,
        name,
        lambda active, _: np.ones((*active.shape, 1)),
    )
    moments = circuits.moments(rng, n_samples=10)
    vectors = [
        [1, 0, 0, 0, 0],
        [2.5, 0, 2.5, 0, 0.5],
        [5.5, 5, 5.5, 1, 0.5],
        [11.5, 11, 11.5 + 10, 1, 0.5 + 2],
    ]
    for layer, z in enumerate(vectors):
        np.testing.assert_allclose(moments.arrived[layer], np.outer(z, z))
        np.testing.assert_allclose(moments.arrived_apart[layer], np.outer(z, z))
    np.testing.assert_allclose(moments.both2, [4, 25, 121, 529])
    np.testing.assert_allclose(moments.alike, [1, 6.25, 30.25, 132.25])
    for squares in (moments.own2, moments.itself2, moments.own_bias2, moments.own_growth):
        np.testing.assert_array_equal(squares, 0)


RANDOM = [MLPCircuits.random(300, (4, 4, 4, 4), np.random.default_rng(i)) for i in (1, 2, 3)]
ROTATIONS = [rotation_circuits(300, 3, np.random.default_rng(i), False) for i in (1, 2, 3)]


def predicted_and_found(construction, drawn, n_active):
    """Columns by name, means over draws of circuits; 1000 samples of each."""
    tables = []
    for seed, circuits in enumerate(drawn):
        rng = np.random.default_rng(seed)
        superposition = construction.compress(circuits, rng)
        measured = measure_error(superposition, n_active, 1000, rng)
        law = construction.predict_error(circuits, n_active)
        tables.append([law.to_numpy(), measured[law.columns].to_numpy()])
    return (dict(zip(law.columns, table.T, strict=True)) for table in np.mean(tables, axis=0))


@pytest.mark.parametrize(
    ("drawn", "n_active", "quiet"),
    [(RANDOM, 2, False), (RANDOM, 3, True), (ROTATIONS, 2, True), (ROTATIONS, 3, False)],
    ids=["random, 2", "random, 3, quiet", "rotations, 2, quiet", "rotations, 3"],
)
def test_errors_are_as_predicted(drawn, n_active, quiet):
    """Within 15 % at every layer: 300 circuits with four slots of 116, three draws of all.

    Each two settings meet once.
    """
    width = 29 * 4 * (drawn[0].widths[0] + 2)
    law, measured = predicted_and_found(GatedConstruction(width, 4, quiet=quiet), drawn, n_active)
    for name in ("mse", "relative_mse", "inactive_mse"):
        np.testing.assert_allclose(law[name], measured[name], rtol=0.15)
    assert law["relative_mse"][-1] > 0.05


@pytest.mark.parametrize("n_active", [2, 5, 10])
def test_what_inactive_circuits_read_of_inputs_is_counted_once(n_active):
    """Within 5 % at layer 0, also where many slots hold two inputs or more."""
    law, measured = predicted_and_found(GatedConstruction(19 * 3 * 6, 3), RANDOM, n_active)
    assert law["inactive_mse"][0] == pytest.approx(measured["inactive_mse"][0], rel=0.05)


def test_a_single_circuit_is_predicted_to_hear_nothing(rng):
    law = GatedConstruction(redundancy=2).predict_error(mixed(1, (2, 3, 1), ("relu",) * 2, rng), 1)
    assert law["layer"].tolist() == [0, 1, 2]
    assert not law[["mse", "relative_mse", "inactive_mse"]].to_numpy().any()


@pytest.mark.parametrize("n", [5, 29, 290])
def test_what_is_read_of_one_needs_no_codes_to_be_drawn(n, monkeypatch, rng):
    """γ of equal loads is that of the codes; 10^6 circuits take no longer than ten."""
    moments = MLPCircuits.random(n, (4, 4), rng).moments(rng)
    shared = shared_slots(draw_codes(29, 3, n, rng))
    monkeypatch.setattr("superposition.constructions.gated.draw_codes", None)
    law = GatedConstruction()._law(moments, 29, n, 1)
    assert GatedConstruction(redundancy=3)._law(moments, 29, n, 1)["inactive_mse"][0] == (
        pytest.approx(shared / 3 * moments.state2[0], rel=1e-9)
    )
    assert not law["mse"].any()


def test_what_inactive_circuits_read_of_one_is_predicted():
    """They read on the slots that they share, so it is not zero."""
    law, measured = predicted_and_found(GatedConstruction(29 * 4 * 6, 4), RANDOM, 1)
    np.testing.assert_allclose(law["inactive_mse"], measured["inactive_mse"], rtol=0.15)


def with_mean(seed, mean, spread):
    rng = np.random.default_rng(seed)
    drawn = mixed(300, (4,) * 5, ("relu",) * 4, rng, scale=spread, bias=0.5)
    return replace(drawn, weights=[weight + mean for weight in drawn.weights])


@pytest.mark.parametrize(("n_active", "quiet"), [(2, True), (3, False)])
def test_errors_of_circuits_that_share_a_mean_are_as_predicted(n_active, quiet):
    """Within a factor of 1.4, up to relative errors of .05, over four layers; then of 2.

    Taken as independent from layer to layer, a sixth of the error would be predicted.
    """
    drawn = [with_mean(seed, 0.5, 0.3) for seed in range(3)]
    construction = GatedConstruction(31 * 6 * 6, 6, quiet=quiet)
    law, measured = predicted_and_found(construction, drawn, n_active)
    ratio = law["relative_mse"] / measured["relative_mse"]
    small = measured["relative_mse"] < 0.05
    assert small.any()
    assert (ratio[small] > 1 / 1.4).all()
    assert (ratio < 1.4).all()
    assert (ratio > 0.5).all()


@QUIET
def test_what_arrives_by_the_mean_alone_adds_up_in_size(quiet):
    """All weights alike, so there is nothing else: within a quarter, six layers, up to 2."""
    one = np.full((300, 1, 1), 1.0)
    circuits = MLPCircuits([one] * 6, [np.zeros((300, 1))] * 6, "linear")
    construction = GatedConstruction(41 * 6 * 3, 6, quiet=quiet)
    law, measured = predicted_and_found(construction, [circuits] * 2, 2)
    np.testing.assert_allclose(law["mse"], measured["mse"], rtol=0.25)
    assert law["mse"][6] > 6 * law["mse"][1]


def test_quiet_weights_hear_less_of_a_mean_that_all_share():
    """Weights of mean ½, k = 2: less than half of the error, and less than a fifth at the end."""
    rng = np.random.default_rng(5)
    drawn = mixed(300, (4, 4, 4, 4), ("relu",) * 3, rng, scale=0.3, bias=0.1)
    circuits = replace(drawn, weights=[weight + 0.5 for weight in drawn.weights])
    errors = {}
    for quiet in (True, False):
        construction = GatedConstruction(31 * 6 * 6, 6, quiet=quiet)
        superposition = construction.compress(circuits, np.random.default_rng(0))
        assert worst(superposition, rng) < 1e-12
        table = measure_error(superposition, 2, 500, np.random.default_rng(1))
        errors[quiet] = table["relative_mse"]
    assert errors[True][0] == pytest.approx(errors[False][0], rel=1e-9)
    assert errors[True][1] < errors[False][1] / 2
    assert errors[True][3] < errors[False][3] / 5


# refusals

RNG = np.random.default_rng(0)
SMALL = MLPCircuits.random(9, (2, 3), RNG)
MOMENTS = SMALL.moments(RNG)
WIDE = MLPCircuits.random(3, (200, 200), RNG).moments(RNG, n_samples=50)
CODES = plane_codes(3, 1, 9)
WANTED = r"wanted \(circuits, width, redundancy, size\) = \(9, 1, 1, 3\), got"


def compressing(codes, construction=None, circuits=SMALL):
    construction = construction or GatedConstruction()
    return lambda: construction.compress(circuits, RNG, codes=codes)


def given_sets(slots, size=3):
    return SparseCode(np.array(slots), size)


REFUSED = [
    (lambda: GatedConstruction(0), ValueError, "width: wanted at least 1, got 0"),
    (lambda: GatedConstruction(9.0), TypeError, "width: wanted a whole number, got 9.0"),
    (lambda: GatedConstruction(9, 0), ValueError, "redundancy: wanted at least 1, got 0"),
    (lambda: GatedConstruction(9, 1.5), TypeError, "redundancy: wanted a whole number"),
    (lambda: GatedConstruction(input_bound=0), ValueError, "input_bound: wanted .*above 0"),
    (lambda: GatedConstruction(input_bound=np.inf), ValueError, "input_bound: wanted a finite"),
    (lambda: GatedConstruction(input_bound="1"), TypeError, "input_bound: wanted a number"),
    (lambda: GatedConstruction(headroom=0.99), ValueError, "headroom: wanted at least 1, got 0.99"),
    (lambda: GatedConstruction(headroom=np.nan), ValueError, "headroom: wanted a finite number"),
    (lambda: GatedConstruction(headroom=None), TypeError, "headroom: wanted a number, got None"),
    (
        lambda: GatedConstruction().holds((2, 3)),
        ValueError,
        "width: wanted one, to say how many circuits it holds",
    ),
    (
        lambda: GatedConstruction(9).holds((2, 3)),
        ValueError,
        "width: wanted at least 10 for two codes of redundancy 1, got 9",
    ),
    (
        lambda: GatedConstruction(200, 7).holds((2, 3)),
        ValueError,
        "width: wanted at least 455 for two codes of redundancy 7, got 200",
    ),
    (lambda: GatedConstruction(99).holds((2, 0)), ValueError, "widths: wanted at least 1, got 0"),
    (lambda: GatedConstruction(99).holds((2.5,)), TypeError, "widths: wanted a whole number"),
    (
        lambda: GatedConstruction(10).predict_error(SMALL, 1),
        ValueError,
        "n_circuits: wanted at most 4, all that a plane over 2 holds, in 10 neurons, got 9",
    ),
    (
        lambda: GatedConstruction(99).capacity("nine", 1, 0.1),
        TypeError,
        "moments: wanted MLPMoments, got str",
    ),
    (
        lambda: GatedConstruction().capacity(MOMENTS, 1, 0.1),
        ValueError,
        "width: wanted one, to say how many circuits it holds",
    ),
    (
        lambda: GatedConstruction(10).capacity(MOMENTS, 5, 0.1),
        ValueError,
        "n_active: wanted at most 4, all that the width holds, got 5",
    ),
    (lambda: GatedConstruction(99).capacity(MOMENTS, 0, 0.1), ValueError, "n_active: wanted at l"),
    (lambda: GatedConstruction(99).capacity(MOMENTS, 1, 0), ValueError, "tolerance: .*above 0"),
    (
        lambda: GatedConstruction(10).capacity(MOMENTS, 3, 1e-9),
        ValueError,
        "tolerance: wanted one that 3 active circuits with no others in 10 neurons meet, got 1e-09",
    ),
    (
        lambda: GatedConstruction().size_for(9, SMALL.weights, 1, 0.1),
        TypeError,
        "moments: wanted MLPMoments, got tuple",
    ),
    (
        lambda: GatedConstruction().size_for(9, MOMENTS, 10, 0.1),
        ValueError,
        "n_active: wanted at most 9, the number of circuits, got 10",
    ),
    (
        lambda: GatedConstruction().size_for(0, MOMENTS, 1, 0.1),
        ValueError,
        "n_circuits: wanted at least 1, got 0",
    ),
    (
        lambda: GatedConstruction().size_for(9, MOMENTS, 2, -1.0),
        ValueError,
        "tolerance: wanted a finite number above 0",
    ),
    (
        lambda: GatedConstruction().size_for(10**8, MOMENTS, 1, 0.1),
        ValueError,
        f"n_circuits: wanted at most {1637**2}, all that 8192 neurons hold, got 100000000",
    ),
    (
        lambda: GatedConstruction(redundancy=1000).size_for(9, MOMENTS, 1, 0.1),
        ValueError,
        "width: wanted at least 9995000 for two codes of redundancy 1000, got 8192",
    ),
    (
        lambda: GatedConstruction().size_for(50, WIDE, 2, 1e-9),
        ValueError,
        "tolerance: wanted one that up to 8192 neurons can meet, got 1e-09",
    ),
    (compressing(CODES[0]), TypeError, "codes: wanted Sequence, got SparseCode"),
    (compressing(CODES[:1]), ValueError, "codes: wanted two, got 1"),
    (compressing(CODES * 2), ValueError, "codes: wanted two, got 4"),
    (compressing((CODES[0], CODES[1].slots)), TypeError, r"codes\[1\]: wanted SparseCode, got nda"),
    (compressing((CODES[1].matrix, CODES[0])), TypeError, r"codes\[0\]: wanted SparseCode, got"),
    (
        compressing((CODES[0], given_sets(CODES[1].slots[:8]))),
        ValueError,
        rf"codes\[1\]: {WANTED} \(8, 1, 1, 3\)",
    ),
    (
        compressing((given_sets(np.zeros((9, 2, 1), int)), CODES[1])),
        ValueError,
        rf"codes\[0\]: {WANTED} \(9, 2, 1, 3\)",
    ),
    (
        compressing((CODES[0], given_sets([[[0, 1]]] * 9))),
        ValueError,
        rf"codes\[1\]: {WANTED} \(9, 1, 2, 3\)",
    ),
    (
        compressing((CODES[0], given_sets(CODES[1].slots, 4))),
        ValueError,
        rf"codes\[1\]: {WANTED} \(9, 1, 1, 4\)",
    ),
    (compressing(CODES, GatedConstruction(redundancy=2)), ValueError, r"codes\[0\]: wanted .*1, 2"),
    (
        compressing(CODES, GatedConstruction(14)),
        ValueError,
        "codes: wanted at most 14 neurons, the width, got 15",
    ),
    (
        compressing(
            (given_sets([[[0, 1]]] * 2, 4), given_sets([[[0, 1]]] * 2, 4)),
            GatedConstruction(redundancy=2),
            SMALL.take([0, 1]),
        ),
        ValueError,
        "codes: wanted two in which circuits that share a slot can be told apart",
    ),
]


@pytest.mark.parametrize(("call", "error", "message"), REFUSED)
def test_bad_input_is_refused(call, error, message):
    with pytest.raises(error, match=message):
        call()
