"""The post's construction: by hand, by loops, in its exact limit, and its sizes."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from superposition import (
    GaussianCode,
    ResidualCircuits,
    ResidualConstruction,
    ResidualNetwork,
    SparseCode,
    with_indicator,
)
from superposition.circuits.inputs import UnitInputs
from superposition.constructions.post import PostCodes


def slow_compression(construction, circuits, stream, neuron_codes):
    """W_in = Σ V w E^T and W_out = Σ E w V^+, one number at a time."""
    inner = with_indicator(circuits, construction.margin)
    n_layers, n_circuits, m, d = inner.read_in.shape
    read_in = np.zeros((n_layers, construction.n_neurons, construction.stream_width))
    write_out = np.zeros((n_layers, construction.stream_width, construction.n_neurons))
    for layer in range(n_layers):
        for t in range(n_circuits):
            for i in range(m):
                carriers = neuron_codes[layer].slots[t, i]
                for j in range(d):
                    direction = stream.directions[t, j]
                    for carrier in carriers:
                        read_in[layer, carrier] += inner.read_in[layer, t, i, j] * direction
                        write_out[layer, :, carrier] += (
                            inner.write_out[layer, t, j, i] * direction / len(carriers)
                        )
    bias = np.full((n_layers, construction.n_neurons), -construction.margin)
    return ResidualNetwork(read_in, bias, write_out)


def private_parts(circuits, redundancy=1):
    """Codes without superposition, and the construction of exactly their sizes."""
    stream = SparseCode.private(circuits.n_circuits, circuits.width + 1)
    neurons = SparseCode.private(circuits.n_circuits, circuits.n_neurons, redundancy)
    construction = ResidualConstruction(stream.size, neurons.size, redundancy)
    return construction, stream, [neurons] * circuits.n_layers


def test_two_circuits_by_hand(rng):
    """Two one-neuron circuits of width 1 share one large neuron of three, and a stream of four.

    Circuit 0: a + relu(2a), circuit 1: a − relu(a − 1). Margin 1: biases move to the indicator,
    weights (2, 1) and (1, 0). Neuron slots {0, 1} and {1, 2}; stream: each entry its own axis.
    """
    circuits = ResidualCircuits(
        read_in=[[[[2.0]], [[1.0]]]], bias=[[[0.0], [-1.0]]], write_out=[[[[1.0]], [[-1.0]]]]
    )
    superposition = ResidualConstruction(4, 3, 2, margin=1.0).compress(
        circuits,
        rng,
        codes=PostCodes(SparseCode.private(2, 2), [SparseCode(np.array([[[0, 1]], [[1, 2]]]), 3)]),
    )
    network = superposition.network
    np.testing.assert_array_equal(network.read_in[0], [[2, 1, 0, 0], [2, 1, 1, 0], [0, 0, 1, 0]])
    np.testing.assert_array_equal(network.bias[0], [-1, -1, -1])
    np.testing.assert_array_equal(
        network.write_out[0], [[0.5, 0.5, 0], [0, 0, 0], [0, -0.5, -0.5], [0, 0, 0]]
    )
    # circuit 0 alone at a = 3: neurons relu(7 − 1), relu(7 − 1), relu(0 − 1) = 6, 6, 0
    assert superposition.run([[[3.0]]], [[0]])[-1].item() == 3 + 6
    # circuit 1 reads what the shared neuron put on its own axis: −6/2
    states = network.run(superposition.embed([[[3.0]]], [[0]]))
    assert superposition.read(states[-1], [[1]], 1).item() == -3
    # both at 3 and 2: the shared neuron sees 7 + 2 − 1 = 8, circuit 0 gets (6 + 8)/2
    both = superposition.run([[[3.0], [2.0]]], [[0, 1]])[-1]
    np.testing.assert_array_equal(both[0, :, 0], [3 + 7, 2 - (8 + 1) / 2])


@pytest.mark.parametrize("orthonormal", [False, True])
def test_fast_compression_equals_the_slow_one(orthonormal, make_circuits, rng):
    circuits = make_circuits(5, 3, 4, 2)
    construction = ResidualConstruction(17, 13, 3, margin=0.8, orthonormal=orthonormal)
    stream = GaussianCode.draw(5, 4, 17, rng, orthonormal=orthonormal)
    codes = [SparseCode.draw("random", 5, 4, 13, 3, rng) for _ in range(2)]
    made = construction.compress(circuits, rng, codes=PostCodes(stream, codes)).network
    wanted = slow_compression(construction, circuits, stream, codes)
    for name in ("read_in", "bias", "write_out"):
        np.testing.assert_allclose(getattr(made, name), getattr(wanted, name), atol=1e-13)


@given(
    seed=st.integers(0, 2**32),
    n_circuits=st.integers(1, 6),
    width=st.integers(1, 5),
    n_neurons=st.integers(1, 5),
    n_layers=st.integers(1, 4),
    redundancy=st.integers(1, 3),
    scale=st.sampled_from([0.01, 1.0, 30.0]),
)
def test_without_superposition_the_large_network_is_exact(
    seed, n_circuits, width, n_neurons, n_layers, redundancy, scale
):
    """Orthogonal embeddings and private neurons: every circuit, exact to rounding, all active."""
    rng = np.random.default_rng(seed)
    drawn = ResidualCircuits.random(n_circuits, width, n_neurons, n_layers, rng)
    circuits = ResidualCircuits(scale * drawn.read_in, scale * drawn.bias, drawn.write_out)
    construction, stream, codes = private_parts(circuits, redundancy)
    rotation = np.linalg.qr(rng.standard_normal((stream.size, stream.size)))[0]
    rotated = GaussianCode(rotation.reshape(n_circuits, width + 1, stream.size))
    active = np.stack([rng.permutation(n_circuits) for _ in range(3)])
    inputs = UnitInputs(width)(active, rng)
    truth = circuits.run(inputs, active)
    largest = max(np.abs(state).max() for state in truth)
    for code in (stream, rotated):
        superposition = construction.compress(circuits, rng, codes=PostCodes(code, codes))
        for a, b in zip(truth, superposition.run(inputs, active), strict=True):
            assert np.abs(a - b).max() <= 1e-11 * largest


def test_one_circuit_alone_leaves_no_trace_on_silent_ones_without_superposition(make_circuits, rng):
    circuits = make_circuits()
    construction, stream, codes = private_parts(circuits)
    superposition = construction.compress(circuits, rng, codes=PostCodes(stream, codes))
    inputs = UnitInputs(3)(np.array([[2]]), rng)
    last = superposition.network.run(superposition.embed(inputs, [[2]]))[-1]
    others = np.delete(superposition.read_all(last, 2)[0], 2, axis=0)
    np.testing.assert_array_equal(others, 0)


def test_zeroing_one_used_weight_changes_the_output(make_circuits, rng):
    superposition = ResidualConstruction(40, 60, 4).compress(make_circuits(), rng)
    state = superposition.embed(UnitInputs(3)(np.array([[0]]), rng), [[0]])
    before = superposition.network.run(state)[-1]
    firing = superposition.network.step(state, 0)[1][0]
    neuron = int(np.argmax(firing))
    for name, where in (("read_in", (0, neuron, 5)), ("write_out", (0, 5, neuron))):
        changed = np.array(getattr(superposition.network, name))
        assert changed[where] != 0
        changed[where] = 0
        after = replace(superposition.network, **{name: changed}).run(state)[-1]
        assert np.abs(after - before).max() > 1e-6


def test_every_large_neuron_has_one_margin_as_its_bias(make_circuits, rng):
    superposition = ResidualConstruction(30, 40, 3, margin=1.7).compress(make_circuits(), rng)
    np.testing.assert_array_equal(superposition.network.bias, -1.7)


def test_default_redundancy_is_the_logarithm_of_the_neurons(make_circuits, rng):
    assert ResidualConstruction(30, 1000).n_carriers == round(np.log(1000))
    assert ResidualConstruction(30, 1).n_carriers == 1
    assert ResidualConstruction(30, 1000, redundancy=2).n_carriers == 2


def test_what_was_given_and_drawn_is_kept(make_circuits, rng):
    circuits = make_circuits().astype(np.float32)
    made = ResidualConstruction(30, 40, 3, orthonormal=False).compress(circuits, rng)
    assert type(made.codes.neurons) is tuple
    assert [code.dtype for code in made.codes.neurons] == [np.float32] * 2
    assert made.codes.stream.directions.dtype == np.float32
    overlaps = np.einsum("tid,tjd->tij", *[made.codes.stream.directions] * 2)
    assert np.abs(overlaps - np.eye(4)).max() > 0.1  # not orthonormal
    codes = [GaussianCode.draw(6, 4, 40, rng, dtype=np.float32) for _ in range(2)]
    dense = ResidualConstruction(30, 40, 3).compress(
        circuits, rng, codes=PostCodes(made.codes.stream, codes)
    )
    assert dense.codes.neurons == tuple(codes)
    assert dense.codes.stream is made.codes.stream
    with pytest.raises(
        ValueError, match=r"^codes.neurons\[1\]: wanted redundancy 3, as constructed$"
    ):
        ResidualConstruction(30, 40, 3).compress(
            circuits,
            rng,
            codes=PostCodes(neurons=[codes[0], SparseCode.draw("random", 6, 4, 40, 2, rng)]),
        )


def test_carriers_are_disjoint_where_that_is_wanted(make_circuits, rng):
    """Four neurons of three carriers each fill twelve; fewer do for carriers that may meet."""
    circuits = make_circuits()
    apart = ResidualConstruction(30, 12, 3, disjoint_carriers=True).compress(circuits, rng)
    for code in apart.codes.neurons:
        assert [sorted(slots.ravel()) for slots in code.slots] == [list(range(12))] * 6
    together = ResidualConstruction(30, 11, 3).compress(circuits, rng)
    assert together.codes.neurons[0].slots.max() < 11


def test_questions_about_sizes_are_answered_word_for_word(make_circuits, rng):
    circuits = make_circuits()
    moments = circuits.moments(rng, n_samples=64)
    construction = ResidualConstruction(30, 40, 3)
    message = r"^n_active: wanted at most 6, the number of circuits, got 7$"
    with pytest.raises(ValueError, match=message):
        construction.size_for(6, moments, 7, 0.1)
    alone = construction.predicted(moments, 2, 2)
    assert construction.capacity(moments, 2, alone) == 2
    with pytest.raises(ValueError, match=r"^tolerance: wanted at least .* of 2 active circuits "):
        construction.capacity(moments, 2, alone * (1 - 1e-9))


def test_whoever_tolerates_anything_needs_the_smallest_network(make_circuits, rng):
    """A stream for one circuit and its indicator; r neurons, or r for each of m.

    Two where r is free: for a single one, which all share, no finite error is predicted.
    """
    moments = make_circuits().moments(rng, n_samples=64)
    for redundancy, disjoint, neurons in ((None, False, 2), (3, False, 3), (3, True, 12)):
        given = ResidualConstruction(99, 98, redundancy, 0.5, disjoint_carriers=disjoint)
        found = given.size_for(20, moments, 2, 1e12)
        assert found == replace(given, stream_width=4, n_neurons=neurons)


def test_the_size_is_one_that_is_needed(make_circuits, rng):
    """The error that is reached is within the tolerance; at exactly that one, nothing changes."""
    moments = make_circuits().moments(rng, n_samples=64)
    found = ResidualConstruction(5, 5, 2).size_for(20, moments, 2, 0.5)
    error = found.predicted(moments, 20, 2)
    assert error <= 0.5
    assert found.capacity(moments, 2, 0.5) >= 20
    assert ResidualConstruction(5, 5, 2).size_for(20, moments, 2, error) == found
    fewer = replace(found, n_neurons=found.n_neurons - 1)
    assert fewer.predicted(moments, 20, 2) > 0.5


def test_given_codes_are_kept_in_the_circuits_precision(make_circuits, rng):
    stream = GaussianCode.draw(6, 4, 30, rng)
    neurons = [SparseCode.draw("random", 6, 4, 40, 3, rng) for _ in range(2)]
    large = ResidualConstruction(30, 40, 3).compress(
        make_circuits().astype(np.float32), rng, codes=PostCodes(stream, neurons)
    )
    assert [code.dtype for code in (large.codes.stream, *large.codes.neurons)] == [np.float32] * 3
    np.testing.assert_array_equal(large.codes.neurons[1].slots, neurons[1].slots)


def test_every_circuit_owns_its_part(make_circuits, rng):
    large = ResidualConstruction(30, 40, 3).compress(make_circuits(), rng)
    assert [one.owners.tolist() for one in large.sums] == [list(range(6))] * 4
    with pytest.raises(TypeError, match=r"^codes: wanted PostCodes, got int$"):
        ResidualConstruction(30, 40, 3).compress(make_circuits(), rng, codes=3)
