"""Networks in factors: what dense ones compute, for fewer products."""

import numpy as np
import pandas as pd
import pytest

from companion.generalising import random_graph
from superposition import (
    ChainConstruction,
    GatedConstruction,
    GatedResidualConstruction,
    MLPCircuits,
    MLPConstruction,
    ResidualConstruction,
    SparseCode,
    measure_error,
    rotation_circuits,
)
from superposition.circuits.inputs import sample_active
from superposition.constructions.recomputed import RecomputedGates


def silent_circuits(rng):
    """Widths that change, biases below zero and alike: what MLPConstruction can hold."""
    circuits = MLPCircuits.random(9, (3, 4, 2, 5), rng)
    biases = [np.tile(-np.abs(bias[0]), (9, 1)) for bias in circuits.biases]
    return MLPCircuits(circuits.weights, biases)


def post(rng, make_circuits):
    return ResidualConstruction(30, 40, 3).compress(make_circuits(), rng)


def post_rotated(rng, make_circuits):
    return ResidualConstruction(30, 40, 3, orthonormal=False).compress(make_circuits(), rng)


def sequel(rng, _):
    return MLPConstruction(63, 3).compress(rotation_circuits(9, 3, rng), rng)  # 3 neurons left over


def sequel_of_any(rng, _):
    return MLPConstruction(62, 2, "finite_plane").compress(silent_circuits(rng), rng)


def gated(rng, _):
    return GatedConstruction().compress(MLPCircuits.random(20, (3, 4, 2, 5), rng), rng)


def gated_equal(rng, _):
    circuits = MLPCircuits.random(20, (3, 4, 2), rng)
    return GatedConstruction(redundancy=3, quiet=False).compress(circuits, rng)


def gated_linear(rng, _):
    return GatedConstruction().compress(rotation_circuits(20, 3, rng, conditional=False), rng)


def gated_quiet(rng, _):
    circuits = MLPCircuits.random(20, (3, 4, 2), rng)
    return GatedConstruction(redundancy=3).compress(circuits, rng)


def gated_residual(rng, make_circuits):
    return GatedResidualConstruction(redundancy=2, sparing=True).compress(make_circuits(), rng)


def gated_graph(rng, _):
    return GatedResidualConstruction().compress(random_graph(5, rng), rng)


def chains(rng, _):
    return ChainConstruction(3).compress(MLPCircuits.random(20, (3, 4, 2), rng), rng)


def recomputed(rng, make_circuits):
    return RecomputedGates().rebuild(gated_quiet(rng, make_circuits))


ALL = [post, post_rotated, sequel, sequel_of_any, gated, gated_equal, gated_linear, gated_quiet]
ALL += [gated_residual, gated_graph, chains, recomputed]


@pytest.mark.parametrize("made", ALL)
def test_factors_compute_what_the_dense_network_does(made, rng, make_circuits):
    dense = made(rng, make_circuits)
    quick = dense.in_factors()
    active = sample_active(dense.circuits.n_circuits, 2, 5, rng)
    state = dense.embed(dense.circuits.default_inputs(active, rng), active)
    state += 0.1 * rng.standard_normal(state.shape)  # on every neuron, also those nobody uses
    assert quick.network.n_layers == dense.network.n_layers
    states = dense.network.run(state)
    widths = tuple(each.shape[1] for each in states)
    assert quick.network.widths == dense.network.widths == widths
    for wanted, got in zip(states, quick.network.run(state), strict=True):
        np.testing.assert_allclose(got, wanted, atol=1e-12 * np.abs(wanted).max())
    tables = [measure_error(each, 2, 20, np.random.default_rng(3)) for each in (dense, quick)]
    pd.testing.assert_frame_equal(*tables, rtol=1e-9, atol=1e-20)


def test_networks_and_circuits_say_how_large_they_are(rng, make_circuits):
    flat, stream = gated(rng, None), post(rng, make_circuits)
    assert repr(flat.network) == "MLPNetwork(widths 25 → 30 → 20 → 35)"
    assert repr(flat.in_factors().network) == "NetworkInFactors(widths 25 → 30 → 20 → 35)"
    assert repr(stream.network) == "ResidualNetwork(2 layers, stream 30, neurons 40)"
    assert repr(stream.circuits) == "ResidualCircuits(6 circuits, 2 layers, width 3, neurons 4)"


def test_factors_of_float32_stay_float32(rng):
    circuits = rotation_circuits(9, 3, rng).astype(np.float32)
    quick = MLPConstruction(63, 3).compress(circuits, rng).in_factors()
    for state in quick.network.run(np.ones((2, 63), np.float32)):
        assert state.dtype == np.float32


def test_a_step_leaves_its_state_alone(rng):
    quick = MLPConstruction(63, 3).compress(rotation_circuits(9, 3, rng), rng).in_factors()
    state = -np.ones((2, 63))  # the first layer only adds a bias, and ReLU works in place
    quick.network.step(state, 0)
    np.testing.assert_array_equal(state, -1)


def test_products_are_counted_by_hand(rng):
    """Reading: T d r; small weights: T d' d; writing: T d' r'; the mean: of whole blocks."""
    circuits = silent_circuits(rng)
    quick = MLPConstruction(62, 2, "finite_plane").compress(circuits, rng).in_factors()
    first, second, third = (layer.sums[0] for layer in quick.network.layers)
    # a block of 15 slots for each of 4 entries, of 31 for each of 2, of 12 for each of 5
    assert second.n_products == 9 * (4 * 2 + 2 * 4 + 2 * 2) + 31 * (4 * 15 + 4 * 2 + 2)
    assert third.n_products == 9 * (2 * 2 + 5 * 2 + 5 * 2) + 12 * (2 * 31 + 2 * 5 + 5)
    assert first.n_products == 62  # the identity
    biases = sum(layer.bias.size for layer in quick.network.layers)
    products = sum(each.n_products for each in (first, second, third))
    assert quick.network.n_parameters == products + biases


def test_few_circuits_in_a_wide_network_take_far_fewer_products(rng):
    circuits = MLPCircuits.random(50, (4, 4, 4), rng)
    dense = GatedConstruction(width=600).compress(circuits, rng, codes=_apart(50, 100))
    assert dense.in_factors().network.n_parameters < dense.network.n_parameters / 100


def _apart(n_circuits, size):
    slots = np.arange(n_circuits)[:, None, None]
    return SparseCode(slots, size), SparseCode(slots, size)


def test_bad_states_and_layers_are_refused(rng, make_circuits):
    for made, axis in ((sequel, "width = 63"), (post, "stream = 30")):
        network = made(rng, make_circuits).in_factors().network
        with pytest.raises(ValueError, match=f"state: wanted shape .*{axis}"):
            network.run(np.ones((2, 9)))
        with pytest.raises(ValueError, match="layer: wanted entries from 0"):
            network.step(np.ones((2, 63)), 9)


def test_a_certificate_wants_dense_weights(rng):
    quick = GatedConstruction().compress(MLPCircuits.random(9, (2, 2), rng), rng).in_factors()
    with pytest.raises(TypeError, match="network: wanted MLPNetwork, got NetworkInFactors"):
        quick.certificate(1)


def test_sums_of_the_sequel_are_as_large_and_precise_as_its_layers(rng):
    circuits = silent_circuits(rng).astype(np.float32)
    first, *later = MLPConstruction(62, 2, "finite_plane").compress(circuits, rng).sums
    assert first.rest.dtype == np.float32
    for one in later:
        shared = one.parts[0] if one.parts[0].owners is None else one.parts[1]
        assert (shared.write.size, shared.read.size) == one.shape
        assert shared.write.dtype == np.float32
