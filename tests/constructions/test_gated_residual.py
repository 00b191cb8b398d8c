"""Gated residual networks: by hand, by loops, exact for one, cleaning, sizes, predictions."""

from dataclasses import replace
from itertools import permutations
from pathlib import Path

import hypothesis
import numpy as np
import pytest
import sympy as sp
from hypothesis import given
from hypothesis import strategies as st

from companion import digits, gated
from superposition import (
    GatedResidualConstruction,
    ResidualCircuits,
    SparseCode,
    measure_error,
)
from superposition.circuits.bounds import ROUNDED, residual_bounds
from superposition.circuits.inputs import UnitInputs, sample_active
from superposition.constructions.gated_residual import _between
from superposition.maps import StreamCodes, draw_stream_codes
from superposition.packings import plane_lines, smallest_plane
from superposition.predict.gated import crosstalk_between
from superposition.sums import Sum
from superposition.theory import gated as theory
from superposition.theory import gated_residual, symbols
from superposition.theory.derivation import evaluate

SEEDS = st.integers(0, 2**32)
QUIET = pytest.mark.parametrize("quiet", [False, True])
PLANES = [(2, 1, 1), (3, 2, 1), (3, 1, 3), (5, 2, 2), (5, 1, 1), (7, 3, 2), (7, 1, 1), (11, 3, 3)]


def drawn(n_circuits, width, n_neurons, n_layers, rng, scale=1.0, bias=1.0):
    """Random circuits with biases of both signs."""
    shape = (n_layers, n_circuits, n_neurons)
    return ResidualCircuits(
        scale * rng.standard_normal((*shape, width)),
        bias * rng.standard_normal(shape),
        scale * rng.standard_normal((n_layers, n_circuits, width, n_neurons)),
    )


def plane_codes(q, r, r_neurons, n_circuits, reused=0):
    """Slopes 0 … r − 1 for the stream, later ones for neurons; the first `reused` are the same."""
    points = np.random.default_rng(q).permutation(q * q)[:n_circuits]
    lines = plane_lines(q, r + r_neurons)[points]
    stream, neurons = lines[:, :r], lines[:, r:] - r * q
    neurons[:, :reused] = stream[:, :reused]
    return SparseCode(stream[:, None], r * q), SparseCode(neurons[:, None], r_neurons * q)


def alone(superposition, rng, length=1.0):
    """States of each circuit when alone, from signed inputs of that length, and what is read."""
    active = np.arange(superposition.circuits.n_circuits)[:, None]
    inputs = length * UnitInputs(superposition.circuits.width)(active, rng)
    return superposition.circuits.run(inputs, active), superposition.run(inputs, active)


def worst(superposition, rng, **how):
    """Largest error of any circuit when alone, relative to its own largest state."""
    truth, read = alone(superposition, rng, **how)
    size = np.max([np.abs(a).max(axis=(1, 2)) for a in truth], axis=0)
    error = np.max([np.abs(a - b).max(axis=(1, 2)) for a, b in zip(truth, read, strict=True)], 0)
    return float((error / size).max())


def parts(state, codes, width):
    """Entries (batch, width, n), gates of the stream's slots, and of the neurons' slots."""
    n = codes.stream.size
    entries = state[:, : width * n].reshape(len(state), width, n)
    return entries, state[:, width * n : (width + 1) * n], state[:, (width + 1) * n :]


def in_use(code, active):
    """0/1, (batch, slots): which active circuits have."""
    used = np.zeros((len(active), code.size))
    np.put_along_axis(used, code.slots[active, 0].reshape(len(active), -1), 1, axis=1)
    return used


# by hand and by loops


def test_four_circuits_by_hand(rng):
    """The plane over 2, one slot each: stream by y, neurons by y − x. Headroom 1, inputs up to 1.

    Stream: two slots, their gates, two gates of neurons. Circuits on stream slots 0, 1, 0, 1 and
    neurons 0, 1, 1, 0. Layer 1: |w| + |b| is at most 4 + 3. State bounds are 1 + 2·(1 + ½),
    1 + (2 + 0), 1 + 1·(3 + 2), 1 + 1·(4 + 0) = 4, 3, 6, 5. Layer 2: |w| = 1: hears at most 6 + 0.
    """
    reads = [[1.0, 2, 3, -4], [1.0, -1, 1, 1]]
    biases = [[0.5, -1, 2, -3], [0.0] * 4]
    writes = [[2.0, 1, -1, 1], [1.0, 1, 1, 3]]
    shapes = (2, 4, 1, 1), (2, 4, 1), (2, 4, 1, 1)
    arrays = [np.reshape(a, s) for a, s in zip((reads, biases, writes), shapes, strict=True)]
    codes = [SparseCode(np.reshape(slots, (4, 1, 1)), 2) for slots in ([0, 1, 0, 1], [0, 1, 1, 0])]
    superposition = GatedResidualConstruction(input_bound=1 / ROUNDED, headroom=1.0).compress(
        ResidualCircuits(*arrays), rng, codes=tuple(codes)
    )
    network = superposition.network
    assert superposition.checkpoints == (0, 1, 3)
    assert (network.n_layers, network.stream_width, network.n_neurons) == (3, 6, 4)
    np.testing.assert_array_equal(network.bias, 0)
    no = [0] * 6
    wanted = [
        [[1, -4, 0.5, -3, -7, 0], [3, 2, 2, -1, 0, -7], no, no],
        [[1, 0, -6, 0, 0, 0], [0, 1, 0, -6, 0, 0], [-1, 0, -6, 0, 0, 0], [0, -1, 0, -6, 0, 0]],
        [[1, 1, 0, 0, -6, 0], [1, -1, 0, 0, 0, -6], no, no],
    ]
    np.testing.assert_array_equal(network.read_in, wanted)
    outs = [
        [[2, -1, 0, 0], [1, 1, 0, 0]],
        [[-1, 0, 1, 0], [0, -1, 0, 1]],
        [[1, 1, 0, 0], [3, 1, 0, 0]],
    ]
    np.testing.assert_array_equal(network.write_out[:, :2], outs)
    np.testing.assert_array_equal(network.write_out[:, 2:], 0)
    # circuit 2: 1 − (3 + 2) = −4 on slot 0, 5 on slot 1 for others, cleaned; then ReLU(−4) = 0;
    # and from −1: 1 − 1 = … −1, nothing, −1
    states = network.run(superposition.embed([[[1.0]], [[-1.0]]], [[2], [2]]))
    hand = [
        [[1, 0, 1, 0, 1, 0], [-1, 0, 1, 0, 1, 0]],
        [[-4, 5, 1, 0, 1, 0], [-1, 0, 1, 0, 1, 0]],
        [[-4, 0, 1, 0, 1, 0], [-1, 0, 1, 0, 1, 0]],
        [[-4, 0, 1, 0, 1, 0], [-1, 0, 1, 0, 1, 0]],
    ]
    np.testing.assert_array_equal(states, hand)


def slow_run(circuits, sets, sizes, inputs, active):
    """One active circuit at a time, slot by slot, with equal weights; the states it reads.

    Neurons of slots not in use are silent, slots of the stream not in use are zero.
    """
    (stream, neurons), (n_stream, n_neurons) = sets, sizes
    states = np.zeros((circuits.n_layers + 1, *inputs.shape))
    for sample, t in enumerate(active[:, 0]):
        slots = np.zeros((n_stream, circuits.width))
        slots[stream[t]] = inputs[sample, 0]
        states[0, sample] = inputs[sample]
        for layer in range(circuits.n_layers):
            outputs = np.zeros((n_neurons, circuits.n_neurons))
            for i in neurons[t]:
                for u in range(circuits.n_circuits):
                    if i in neurons[u]:
                        seen = np.mean(slots[stream[u]], axis=0)
                        gate = np.mean([s in stream[t] for s in stream[u]])
                        outputs[i] += circuits.read_in[layer, u] @ seen
                        outputs[i] += gate * circuits.bias[layer, u]
            outputs = np.maximum(outputs, 0)
            for s in stream[t]:
                for u in range(circuits.n_circuits):
                    if s in stream[u]:
                        heard = np.mean(outputs[neurons[u]], axis=0)
                        slots[s] += circuits.write_out[layer, u] @ heard
            states[layer + 1, sample, 0] = np.mean(slots[stream[t]], axis=0)
    return states


@hypothesis.settings(max_examples=40)
@given(
    seed=SEEDS,
    plane=st.sampled_from(PLANES[:4]),
    sizes=st.tuples(st.integers(1, 3), st.integers(1, 4), st.integers(1, 3)),
    reused=st.booleans(),
)
def test_the_network_is_what_loops_run(seed, plane, sizes, reused):
    """Also where codes share a slope, and it is not exact: bare matrix products, and ReLUs."""
    rng, (q, r, r_neurons) = np.random.default_rng(seed), plane
    circuits, codes = drawn(q * q, *sizes, rng), plane_codes(q, r, r_neurons, q * q, int(reused))
    construction = GatedResidualConstruction(None, r, r_neurons, quiet=False)
    superposition = construction.compress(circuits, rng, codes=codes)
    active = rng.permutation(q * q)[:4, None]
    inputs = UnitInputs(sizes[0])(active, rng)
    network, state = superposition.network, superposition.embed(inputs, active)
    states = [state]
    for read, bias, write in zip(network.read_in, network.bias, network.write_out, strict=True):
        inner = np.array([read @ one for one in states[-1]]) + bias
        states.append(states[-1] + np.array([write @ one for one in np.maximum(inner, 0)]))
    sets, n_slots = [code.slots[:, 0].tolist() for code in codes], [code.size for code in codes]
    wanted = slow_run(circuits, sets, n_slots, inputs, active)
    atol = 1e-11 * np.abs(wanted).max()
    for layer, checkpoint in enumerate(superposition.checkpoints):
        assert checkpoint == max(0, 2 * layer - 1)
        found = superposition.read(states[checkpoint], active, layer)
        np.testing.assert_allclose(found, wanted[layer], atol=atol)


# one active circuit


@given(
    seed=SEEDS,
    plane=st.sampled_from(PLANES),
    share=st.one_of(st.just(1.0), st.floats(0, 1)),
    width=st.integers(1, 5),
    n_neurons=st.integers(1, 6),
    n_layers=st.integers(3, 6),
    quiet=st.booleans(),
    scale=st.floats(0.1, 2),
    bias=st.sampled_from([0.0, 0.1, 1.0, 10.0]),
)
def test_one_active_circuit_is_exact(
    seed, plane, share, width, n_neurons, n_layers, quiet, scale, bias
):
    """Every circuit, every layer, up to all points of the plane, relative to its largest state."""
    rng, (q, r, r_neurons) = np.random.default_rng(seed), plane
    n = max(1, round(share * q * q))
    circuits = drawn(n, width, n_neurons, n_layers, rng, scale, bias)
    stream_width = q * (r * (width + 1) + r_neurons)
    construction = GatedResidualConstruction(stream_width, r, r_neurons, quiet=quiet)
    superposition = construction.compress(circuits, rng)
    network = superposition.network
    sizes = (network.n_layers, network.stream_width, network.n_neurons)
    assert sizes == (
        2 * n_layers - 1,
        stream_width,
        q * max(r_neurons * n_neurons, 2 * r * width),
    )
    assert worst(superposition, rng) < 1e-10


@QUIET
def test_without_cleaning_only_the_first_layer_is_exact(quiet, rng):
    circuits = ResidualCircuits.random(49, 4, 8, 4, rng)
    superposition = GatedResidualConstruction(quiet=quiet).compress(circuits, rng)
    errors = measure_error(gated.without_cleaning(superposition), 1, 300, rng)["relative_mse"]
    assert (errors[:2] < 1e-28).all()
    assert (errors[2:] > [0.03, 0.1, 0.3]).all()
    assert (measure_error(superposition, 1, 300, rng)["relative_mse"] < 1e-28).all()


@QUIET
@pytest.mark.parametrize(("q", "r", "r_neurons"), PLANES)
def test_sparing_neurons_costs_precision_only(q, r, r_neurons, quiet, rng):
    """d + 1 that clean a slot instead of 2 d; slots not in use keep rounding errors."""
    circuits = ResidualCircuits.random(q * q, 5, 4, 4, rng)
    construction = GatedResidualConstruction(None, r, r_neurons, quiet=quiet, sparing=True)
    superposition = construction.compress(circuits, rng)
    assert superposition.network.n_neurons == q * max(4 * r_neurons, 6 * r)
    assert worst(superposition, rng) < 1e-10
    active = np.arange(q * q)[:, None]
    states = superposition.network.run(superposition.embed(UnitInputs(5)(active, rng), active))
    unused = in_use(superposition.codes.of_all.stream, active)[:, None] == 0
    for layer, state in enumerate(states):
        entries, *gates = parts(state, superposition.codes.of_all, 5)
        assert all(np.isin(gate, [0, 1]).all() for gate in gates)
        left = np.abs(np.where(unused, entries, 0)).max()
        assert left > 0.01 if layer % 2 else left < 1e-11


@QUIET
def test_circuits_of_very_different_sizes_do_not_disturb_each_other(quiet, rng):
    """One circuit's weights a thousand times larger: every digit is kept, if not by sparing."""
    circuits = ResidualCircuits.random(49, 3, 4, 4, rng)
    larger = np.where(np.arange(49)[:, None, None] == 7, 1e3, 1.0) * circuits.read_in
    circuits = replace(circuits, read_in=larger)
    construction = GatedResidualConstruction(None, 2, 2, quiet=quiet)
    assert worst(construction.compress(circuits, rng), rng) < 1e-12
    assert worst(replace(construction, sparing=True).compress(circuits, rng), rng) > 1e-9


@hypothesis.settings(max_examples=30)
@given(seed=SEEDS, quiet=st.booleans(), scale=st.floats(0.1, 3))
def test_offsets_are_larger_than_what_is_written_for_others(seed, quiet, scale):
    """At the input bound, without headroom: else something would be left on slots not in use."""
    rng = np.random.default_rng(seed)
    circuits, codes = drawn(40, 2, 3, 2, rng, scale), plane_codes(7, 2, 3, 40)
    construction = GatedResidualConstruction(None, 2, 3, headroom=1.0, quiet=quiet, sparing=True)
    superposition = construction.compress(circuits, rng, codes=codes)
    active = np.arange(40)[:, None]
    states = superposition.network.run(superposition.embed(UnitInputs(2)(active, rng), active))
    unused = in_use(codes[0], active)[:, None] == 0
    before, after = (
        np.where(unused, parts(s, superposition.codes.of_all, 2)[0], 0) for s in states[1:3]
    )
    offset = superposition.network.bias[1].max()
    assert 0.005 * offset <= np.abs(before).max() <= offset
    assert np.abs(after).max() <= 1e-14 * offset


@pytest.mark.parametrize("redundancy", [1, 2, 3])
def test_with_a_slope_in_both_codes_equal_weights_fail(redundancy, rng):
    """Quiet ones tell circuits apart that share a slot of both codes, with two slots or more."""
    circuits = ResidualCircuits.random(30, 3, 4, 3, rng)
    codes = [plane_codes(7, redundancy, redundancy, 30, reused) for reused in (0, 1)]

    def error(quiet, codes):
        construction = GatedResidualConstruction(None, redundancy, redundancy, quiet=quiet)
        return worst(construction.compress(circuits, rng, codes=codes), rng)

    assert error(False, codes[0]) < 1e-12
    assert error(False, codes[1]) > 0.01
    assert (error(True, codes[1]) < 1e-12) == (redundancy > 1)


@hypothesis.settings(max_examples=40)
@given(seed=SEEDS, slots=st.integers(2, 8), r=st.integers(1, 3), r_neurons=st.integers(1, 3))
def test_codes_of_which_no_two_circuits_share_a_slot_in_both_are_enough(seed, slots, r, r_neurons):
    """Not planes, nor of one size; in one code circuits may share all slots."""
    rng, sizes = np.random.default_rng(seed), (slots, slots + 1)
    rs, chosen = (min(r, slots), min(r_neurons, slots)), []
    for _ in range(40):
        pair = [set(rng.permutation(n)[:r].tolist()) for n, r in zip(sizes, rs, strict=True)]
        if all(not (pair[0] & a and pair[1] & b) for a, b in chosen):
            chosen.append(pair)
    codes = tuple(SparseCode([[sorted(pair[i])] for pair in chosen], sizes[i]) for i in (0, 1))
    circuits = drawn(len(chosen), 2, 3, 3, rng)
    superposition = GatedResidualConstruction(None, *rs, quiet=False).compress(
        circuits, rng, codes=codes
    )
    assert worst(superposition, rng) < 1e-10


def test_one_circuit_in_a_network_of_its_own(rng):
    circuits = drawn(1, 2, 3, 3, rng)
    superposition = GatedResidualConstruction(None, 2, 1).compress(circuits, rng)
    assert worst(superposition, rng) < 1e-13
    law = superposition.construction.predict_error(circuits, 1)
    np.testing.assert_array_equal(law[["mse", "relative_mse"]], 0)


def test_one_layer_needs_no_cleaning(rng):
    circuits = drawn(25, 4, 1, 1, rng)
    network = GatedResidualConstruction().compress(circuits, rng).network
    assert (network.n_layers, network.stream_width, network.n_neurons) == (1, 5 * 6, 5)


# gates and cleaning


@QUIET
@pytest.mark.parametrize("n_active", [1, 2, 5])
@pytest.mark.parametrize(("q", "r", "r_neurons"), [(7, 1, 1), (11, 2, 3), (11, 3, 1)])
def test_gates_stay_and_slots_not_in_use_are_cleaned(q, r, r_neurons, n_active, quiet, rng):
    """Bit for bit: gates at every layer; zero after cleaning; and untouched where in use."""
    circuits = ResidualCircuits.random(40, 3, 6, 3, rng)
    codes = plane_codes(q, r, r_neurons, 40)
    construction = GatedResidualConstruction(None, r, r_neurons, quiet=quiet)
    superposition = construction.compress(circuits, rng, codes=codes)
    active = sample_active(40, n_active, 20, rng)
    states = superposition.network.run(superposition.embed(UnitInputs(3)(active, rng), active))
    used = in_use(codes[0], active)
    everywhere = np.broadcast_to(used[:, None] > 0, (20, 3, codes[0].size))
    for layer, state in enumerate(states):
        entries, of_stream, of_neurons = parts(state, superposition.codes.of_all, 3)
        np.testing.assert_array_equal(of_stream, used)
        np.testing.assert_array_equal(of_neurons, 1 - in_use(codes[1], active))
        if layer % 2:  # computed
            assert (entries[~everywhere] != 0).mean() > 0.3
            before = entries
        else:
            np.testing.assert_array_equal(entries[~everywhere], 0)
            if layer:
                np.testing.assert_array_equal(entries[everywhere], before[everywhere])


@hypothesis.settings(max_examples=30)
@given(seed=SEEDS, quiet=st.booleans(), bound=st.sampled_from([0.5, 1.0, 3.0]))
def test_gates_are_larger_than_what_they_silence(seed, quiet, bound):
    """At the input bound, without headroom: neurons not in use, and cleaners of slots in use."""
    rng = np.random.default_rng(seed)
    circuits, codes = drawn(40, 2, 3, 3, rng), plane_codes(7, 2, 3, 40)
    construction = GatedResidualConstruction(None, 2, 3, bound, headroom=1.0, quiet=quiet)
    superposition = construction.compress(circuits, rng, codes=codes)
    network, active = superposition.network, np.arange(40)[:, None]
    states = network.run(superposition.embed(bound * UnitInputs(2)(active, rng), active))
    silent = [1 - in_use(codes[1], active), in_use(codes[0], active)]
    for i, state in enumerate(states[:-1]):
        read = network.read_in[i].copy()
        gates = slice(56, None) if i % 2 == 0 else slice(28, 42)
        size = -read[:, gates].min()
        heard = state @ np.where(np.isin(read, -size), 0, read).T
        blocks = heard[:, : 4 * 14 if i % 2 else 3 * 21].reshape(40, -1, 14 if i % 2 else 21)
        loudest = blocks[np.broadcast_to(silent[i % 2][:, None] > 0, blocks.shape)].max()
        assert 0.005 * size <= loudest <= size * (1 + 1e-12)


def test_bounds_by_hand():
    """One circuit, width 2: W = diag(3, 4) hears 4·2 + 1 at most, b counts where above zero.

    |a| ≤ 2, then 2 + 2·(4·2 + 1); the second layer's W = (3, 4) has length 5, and its bias −7.
    Entries of the last state: 2 + 2·(3·2 + 1) + 5·20 and 2 + 2·(4·2).
    """
    read = np.array([[[[3.0, 0], [0, 4]]], [[[3.0, 4], [0, 0]]]])
    bias, write = np.array([[[1.0, -5]], [[-7.0, 0]]]), np.array([[2 * np.eye(2)], [np.eye(2)]])
    states, heard, written = residual_bounds(ResidualCircuits(read, bias, write), 2.0)
    np.testing.assert_allclose(states, [[2], [20], [np.hypot(116, 18)]])
    np.testing.assert_allclose(heard, [4 * 2 + 5, 5 * 20 + 7])
    np.testing.assert_allclose(written, [2 * 8, 100])


@given(seed=SEEDS, bound=st.floats(0.1, 10))
def test_no_state_is_longer_than_its_bound(seed, bound):
    rng = np.random.default_rng(seed)
    circuits = drawn(5, 3, 4, 4, rng)
    states, heard, written = residual_bounds(circuits, bound)
    active = np.tile(np.arange(5)[:, None], (40, 1))
    found = circuits.run(bound * UnitInputs(3)(active, rng), active)
    for limit, state in zip(states, found, strict=True):
        assert (np.linalg.norm(state, axis=-1)[:, 0] <= np.tile(limit, 40) * (1 + 1e-12)).all()
    for layer, limit in enumerate(heard):
        inner = circuits.weighted_inputs(found[layer], active, layer) + circuits.bias[layer][active]
        assert np.abs(inner).max() <= limit * (1 + 1e-12)
        outputs = np.maximum(inner[:, 0], 0)
        by_any = np.einsum("tdm,bm->btd", circuits.write_out[layer], outputs)
        assert np.abs(by_any).max() <= written[layer] * (1 + 1e-12)


def test_slot_sums_are_what_loops_add(rng):
    """With equal weights; and how loud the loudest is elsewhere, counted circuit by circuit."""
    codes = draw_stream_codes(5, 2, 3, 20, rng)
    small = rng.standard_normal((20, 2, 3))
    blocks = np.arange(3) * codes.stream.size, np.arange(2) * codes.neurons.size
    part, times = _between(
        (codes.stream, blocks[0], 30), (codes.neurons, blocks[1], 30), small, False, np.arange(20)
    )
    large = Sum((30, 30), (part,), None, float, 20).dense()
    wanted = np.zeros((2, 15, 3, 10))
    for t in range(20):
        for i in codes.neurons.slots[t, 0]:
            for s in codes.stream.slots[t, 0]:
                wanted[:, i, :, s] += small[t] / 2
    np.testing.assert_allclose(large.reshape(wanted.shape), wanted, atol=1e-14)
    assert times == 1.0


def test_inputs_up_to_the_bound_are_taken(rng):
    superposition = GatedResidualConstruction(input_bound=3.0).compress(drawn(9, 2, 3, 2, rng), rng)
    assert worst(superposition, rng, length=3.0) < 1e-12
    with pytest.raises(
        ValueError, match=r"inputs: wanted none longer than 3.0, the bound, got 3.7"
    ):
        superposition.run([[[3.75, 0.0]]], [[4]])


# sizes


def test_the_smallest_plane_that_has_the_points_and_slopes():
    cases = [
        (1, 1, 2),
        (4, 3, 2),
        (5, 3, 3),
        (4, 4, 3),
        (9, 4, 3),
        (9, 5, 5),
        (10, 2, 5),
        (1, 9, 11),
    ]
    for points, slopes, wanted in cases:
        assert smallest_plane(points, slopes) == wanted


def test_a_construction_holds_what_it_says_and_refuses_one_more(rng):
    """Width 3, r = 2 and 1: 9 q dimensions; 70 are enough for 7, whose plane has 49 points."""
    construction = GatedResidualConstruction(70, 2, 1)
    assert construction.holds(3) == 49
    full = construction.compress(ResidualCircuits.random(49, 3, 4, 2, rng), rng)
    assert full.network.stream_width == 63
    more = ResidualCircuits.random(50, 3, 4, 2, rng)
    message = "n_circuits: wanted at most 49, all that a plane over 7 holds, in 70 dimensions"
    for call in (
        lambda: construction.compress(more, rng),
        lambda: construction.predict_error(more, 1),
    ):
        with pytest.raises(ValueError, match=message):
            call()
    message = "stream_width: wanted at least 45 for codes of redundancy 2 and 3, got 44"
    with pytest.raises(ValueError, match=message):
        GatedResidualConstruction(44, 2, 3).holds(2)
    assert GatedResidualConstruction(45, 2, 3).holds(2) == 25
    with pytest.raises(ValueError, match="stream_width: wanted one, to say"):
        GatedResidualConstruction().holds(3)


def test_sizes_and_bounds_that_make_no_sense_are_refused():
    for name in ("stream_width", "redundancy", "neuron_redundancy", "input_bound", "headroom"):
        with pytest.raises(ValueError, match=f"{name}: wanted "):
            GatedResidualConstruction(**{name: 0})
        with pytest.raises(TypeError, match=f"{name}: wanted a "):
            GatedResidualConstruction(**{name: "1"})
    with pytest.raises(ValueError, match=r"headroom: wanted at least 1, got 0\.5"):
        GatedResidualConstruction(headroom=0.5)


def test_codes_that_do_not_fit_are_refused(rng):
    circuits = ResidualCircuits.random(20, 2, 3, 2, rng)
    construction = GatedResidualConstruction(None, 2, 1)
    stream, neurons = plane_codes(5, 2, 1, 20)
    wanted = r"wanted \(circuits, width, redundancy\) = "
    cases = [
        ((stream,), "codes: wanted two, got 1"),
        ((neurons, stream), rf"codes\[0\]: {wanted}\(20, 1, 2\), got \(20, 1, 1\)"),
        ((stream, stream), rf"codes\[1\]: {wanted}\(20, 1, 1\), got \(20, 1, 2\)"),
        ((plane_codes(5, 2, 1, 19)[0], neurons), rf"codes\[0\]: {wanted}"),
    ]
    for codes, message in cases:
        with pytest.raises(ValueError, match=message):
            construction.compress(circuits, rng, codes=codes)
    with pytest.raises(TypeError, match=r"codes\[1\]: wanted SparseCode, got int"):
        construction.compress(circuits, rng, codes=(stream, 3))
    with pytest.raises(TypeError, match="codes: wanted Sequence, got SparseCode"):
        construction.compress(circuits, rng, codes=stream)
    with pytest.raises(ValueError, match=r"codes: wanted at most 34 dimensions, .* got 35"):
        replace(construction, stream_width=34).compress(circuits, rng, codes=(stream, neurons))


def test_stream_codes_need_slopes_and_points(rng):
    with pytest.raises(ValueError, match="n_circuits: wanted at most 25, the points of the plane"):
        draw_stream_codes(5, 1, 1, 26, rng)
    with pytest.raises(ValueError, match="n_slopes: wanted at most 6"):
        draw_stream_codes(5, 3, 4, 5, rng)
    for name, rs in (("redundancy", (0, 1)), ("neuron_redundancy", (1, 0))):
        with pytest.raises(ValueError, match=f"{name}: wanted at least 1"):
            draw_stream_codes(5, *rs, 5, rng)


def test_stream_codes_by_hand():
    """Two circuits, 6 slots for states, 3 for neurons, width 2: 3 blocks of 6 dimensions, and 3."""
    slots = np.array([[[0, 3]], [[1, 4]]])
    neurons = SparseCode(np.array([[[0]], [[2]]]), 3, np.float32)
    codes = StreamCodes(SparseCode(slots, 6, np.float32), neurons)
    assert (codes.size(2), codes.n_neurons(4, 1), codes.n_neurons(1, 4)) == (21, 12, 24)
    assert codes.gates(2) == (slice(12, 18), slice(18, 21))
    assert codes.entries(2).slots.tolist() == [[[0, 3], [6, 9]], [[1, 4], [7, 10]]]
    assert codes.input_map(2).slots[0].tolist() == [[0, 3], [6, 9], [12, 15]]
    assert codes.entries(2).size == codes.input_map(2).size == 21
    assert codes.entries(2).dtype == codes.input_map(2).dtype == np.float32


def test_stream_codes_are_drawn_in_one_precision(rng):
    codes = draw_stream_codes(5, 2, 3, 4, rng, np.float32)
    assert codes.stream.dtype == codes.neurons.dtype == np.float32
    assert (codes.stream.slots.shape, codes.stream.size) == ((4, 1, 2), 10)
    assert (codes.neurons.slots.shape, codes.neurons.size) == ((4, 1, 3), 15)
    assert (codes.stream.slots // 5 == [0, 1]).all()
    assert (codes.neurons.slots // 5 == [0, 1, 2]).all()
    plain = draw_stream_codes(5, 2, 3, 4, rng)
    assert plain.stream.dtype == plain.neurons.dtype == np.float64


@pytest.mark.parametrize(
    ("q", "r", "r_neurons", "n"), [(5, 2, 3, 15), (5, 3, 3, 15), (7, 1, 4, 30)]
)
def test_two_circuits_share_one_slot_of_both_codes_at_most(q, r, r_neurons, n, rng):
    codes = draw_stream_codes(q, r, r_neurons, n, rng)
    sets = [code.matrix.toarray() for code in (codes.stream, codes.neurons)]
    shared = sum(rows @ rows.T for rows in sets)
    np.testing.assert_array_equal(np.diag(shared), r + r_neurons)
    assert (shared - np.diag(np.diag(shared))).max() == 1
    if r + r_neurons <= q:  # evenly loaded
        loads = np.concatenate([codes.stream.load, codes.neurons.load])
        assert np.ptp(loads) <= 1
    else:  # not on the first vertical lines only
        assert codes.neurons.load.min() > 0


# predictions


def test_crosstalk_between_codes_of_different_redundancy_by_loops(rng):
    """Equal weights: what slot i of t hears of u, through circuits on i other than t."""
    codes = draw_stream_codes(5, 2, 3, 20, rng)
    a, b = (
        [set(row) for row in code.slots[:, 0].tolist()] for code in (codes.stream, codes.neurons)
    )
    own, itself = [], []
    for t, u in permutations(range(20), 2):
        elsewhere = b[t] - b[u]
        for i in elsewhere:
            on = [v for v in range(20) if i in b[v] and v != t]
            own.append(sum((len(a[v] & a[u]) / 2) ** 2 for v in on))
        itself.append(3 * (len(elsewhere) * len(a[t] & a[u]) / 2 / 3) ** 2)
    found = crosstalk_between(codes.stream, codes.neurons, quiet=False)
    assert found.own == pytest.approx(np.mean(own))
    assert found.itself == pytest.approx(np.sum(itself) / len(own))
    assert found.spread == pytest.approx(0, abs=1e-15)
    apart = [len(a[t] & a[u]) / 2 for t, u in permutations(range(20), 2)]
    assert found.shared == pytest.approx(np.mean(apart))


RANDOM = [ResidualCircuits.random(300, 3, 6, 3, np.random.default_rng(i)) for i in (1, 2, 3)]


@QUIET
@pytest.mark.parametrize("n_active", [2, 3])
@pytest.mark.parametrize("redundancies", [(3, 6), (6, 3)])
def test_errors_are_as_predicted(redundancies, n_active, quiet):
    """Within 15 % at every layer, or 20 % what inactive ones read: 300 circuits, three draws."""
    construction = GatedResidualConstruction(None, *redundancies, quiet=quiet)
    tables = []
    for seed, circuits in enumerate(RANDOM):
        rng = np.random.default_rng(seed)
        superposition = construction.compress(circuits, rng)
        measured = measure_error(superposition, n_active, 600, rng)
        law = construction.predict_error(circuits, n_active)
        np.testing.assert_array_equal(law["layer"], [0, 1, 2, 3])
        tables.append([law.to_numpy()[:, 1:], measured[law.columns].to_numpy()[:, 1:]])
    law, measured = np.mean(tables, axis=0)
    np.testing.assert_allclose(law[:, :2], measured[:, :2], rtol=0.15)
    np.testing.assert_allclose(law[:, 2], measured[:, 2], rtol=0.2)
    assert 0.02 < law[-1, 1] < 0.3


def test_what_a_mean_in_common_does_is_predicted_from_samples_alone(rng):
    """It is heard through all circuits alike, and adds up, of which the derived law knows nothing.

    The law is chosen by the circuits.
    """
    circuits = RANDOM[0]
    shifted = replace(circuits, read_in=circuits.read_in + 0.5, write_out=circuits.write_out + 0.2)
    construction = GatedResidualConstruction(None, 3, 3)
    measured = measure_error(construction.compress(shifted, rng), 2, 300, rng)["relative_mse"]
    law = construction.predict_error(shifted, 2, law="derived")["relative_mse"]
    found = construction.predict_error(shifted, 2)["relative_mse"]
    assert measured.iloc[-1] > 3 * law.iloc[-1]
    np.testing.assert_allclose(found, measured, rtol=0.5, atol=1e-12)


def test_what_inactive_circuits_read_of_one_is_predicted():
    """What is written for others, one circuit's state on shared slots; its own error is zero."""
    construction = GatedResidualConstruction(None, 3, 2)
    circuits, rng = RANDOM[0], np.random.default_rng(0)
    law = construction.predict_error(circuits, 1)
    measured = measure_error(construction.compress(circuits, rng), 1, 600, rng)
    np.testing.assert_array_equal(law[["mse", "relative_mse"]], 0)
    np.testing.assert_allclose(law["inactive_mse"], measured["inactive_mse"], rtol=0.15)


@pytest.mark.parametrize("redundancies", [(1, 1), (2, 5), (5, 2)])
def test_one_layer_adds_what_is_derived(redundancies):
    """Two active, equal weights: the law's first layer against (eq-through), (eq-residual-noise).

    The law adds how others' noise is heard, which is little in a plane that has room.
    """
    moments, (r, r_neurons) = RANDOM[0].moments(np.random.default_rng(0)), redundancies
    construction = GatedResidualConstruction(53 * (4 * r + r_neurons), r, r_neurons, quiet=False)
    law = construction.predict_error(RANDOM[0], 2)["mse"]
    sizes = {symbols.T: 300, theory.slots: 53, symbols.r: 1}  # 53 slots a slope
    chances = (theory.slot_shared(), theory.slots_meet())
    shared, chance = (float(evaluate(which, sizes)) for which in chances)
    heard = moments.pre_activations[0]
    output = np.maximum(heard, 0)
    values = {
        theory.shared: shared,
        theory.chance: chance,
        gated_residual.stream: r,
        gated_residual.neurons: r_neurons,
        gated_residual.firing: np.mean(heard > 0),
        gated_residual.third2: moments.weight2[0] * moments.state2[0] / 3 + moments.bias2[0],
        gated_residual.joined2: np.mean((np.maximum(heard[:, None] + heard, 0) - output) ** 2),
        symbols.h2: np.mean(output**2),
        symbols.write2: moments.write2[0],
        symbols.w2: moments.weight2[0],
        symbols.a2: moments.state2[0],
        symbols.m: 6,
        symbols.d: 3,
        symbols.k: 2,
    }
    through = gated_residual.written_by_others()
    values[sp.Symbol(through.quantity, positive=True)] = evaluate(through, values)
    wanted = evaluate(gated_residual.new_error(), values)
    kept = shared * moments.state2[1] / r  # circuits on a slot of the stream go on being there
    assert law[1] - kept == pytest.approx(float(wanted), rel=0.1)


@pytest.mark.parametrize("n_active", [2, 3])
def test_capacity_and_size_end_at_the_tolerance(n_active):
    moments = RANDOM[0].moments(np.random.default_rng(0))
    construction = GatedResidualConstruction(19 * (4 * 3 + 3) + 2, 3, 3)
    n = construction.capacity(moments, n_active, 0.1)
    assert n_active < n < construction.holds(3) == 19**2

    def last(prime, n):
        return construction._law(moments, prime, n, n_active)["relative_mse"].iloc[-1]

    assert last(19, n) <= 0.1 < last(19, n + 1)
    sized = construction.size_for(90, moments, n_active, 0.1)
    q, rest = divmod(sized.stream_width, 15)
    assert rest == 0
    below = {13: 11, 17: 13, 19: 17, 23: 19, 29: 23, 31: 29}
    assert last(q, 90) <= 0.1 < last(below[q], 90)
    assert replace(sized, stream_width=construction.stream_width) == construction


def test_one_at_a_time_all_that_the_plane_holds_fit():
    moments = RANDOM[0].moments(np.random.default_rng(0))
    construction = GatedResidualConstruction(7 * 5)
    assert construction.capacity(moments, 1, 1e-9) == 49
    assert construction.capacity(moments, 2, 100.0) == 49
    assert construction.size_for(50, moments, 1, 1e-9).stream_width == 11 * 5


def test_questions_that_make_no_sense_are_refused(rng):
    moments = RANDOM[0].moments(np.random.default_rng(0))
    construction = GatedResidualConstruction(35)
    wide = GatedResidualConstruction(None, 25, 25, quiet=False)  # 2^13 dimensions: q below 66
    wider = GatedResidualConstruction(None, 30, 30)  # 60 slopes: q of 59 at least
    tight = GatedResidualConstruction(3 * 10, 2, 2)  # all circuits share a slot with all others
    cases = [
        (lambda: construction.capacity(moments, 50, 0.1), "n_active: wanted at most 49, all that"),
        (lambda: tight.capacity(moments, 2, 1e-9), "tolerance: wanted one that 2 active"),
        (lambda: construction.size_for(3, moments, 4, 0.1), "n_active: wanted at most 3, the nu"),
        (lambda: wide.size_for(99, moments, 2, 1e-9), "tolerance: wanted one that up to"),
        (lambda: wider.size_for(99, moments, 2, 0.1), "stream_width: wanted at least 8850"),
    ]
    for call, message in cases:
        with pytest.raises(ValueError, match=message):
            call()
    with pytest.raises(TypeError, match="moments: wanted Moments"):
        construction.capacity(3, 1, 0.1)


# the digits


def test_no_answer_of_the_digits_networks_changes(rng):
    file = Path(__file__).parents[2] / "book/data/digit_networks.npz"
    networks = digits.load_circuits(file)
    bound = np.linalg.norm(digits.load_tasks().test_inputs, axis=1).max()
    superposition = GatedResidualConstruction(input_bound=bound).compress(networks, rng)
    network = superposition.network
    assert (network.n_layers, network.stream_width, network.n_neurons) == (3, 23 * 11, 23 * 18)
    small = digits.small_scores(networks)
    which = np.repeat(np.arange(digits.N_TASKS), 20)
    images = rng.integers(small.shape[1], size=which.size)
    scores = digits.superposed_scores(superposition, which, images, 1, rng)
    np.testing.assert_array_equal(scores, small[which, images])
    two = digits.superposed_scores(superposition, which[::5], images[::5], 2, rng).mean()
    assert 0.55 < two < 0.75


def test_gates_are_for_inputs_as_long_as_are_taken(rng):
    circuits = ResidualCircuits.random(9, 2, 3, 2, rng)
    exact = GatedResidualConstruction(input_bound=1 / ROUNDED, headroom=1.0, quiet=False)
    network = exact.compress(circuits, rng).network
    states, heard, _ = residual_bounds(circuits, 1.0)
    assert network.read_in[0].min() == pytest.approx(-heard[0], rel=1e-12)
    assert network.read_in[1].min() == pytest.approx(-states[1].max(), rel=1e-12)


def test_more_circuits_than_the_widest_stream_holds_are_refused(rng):
    moments = ResidualCircuits.random(4, 2, 3, 2, rng).moments(rng)
    most = GatedResidualConstruction(8192).holds(2)
    with pytest.raises(ValueError, match=f"n_circuits: wanted at most {most}, all that 8192 dim"):
        GatedResidualConstruction().size_for(10**8, moments, 1, 0.1)
