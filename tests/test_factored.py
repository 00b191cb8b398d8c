"""Networks in factors: what dense ones compute, for fewer products."""

import numpy as np
import pandas as pd
import pytest

from superposition import (
    ChainConstruction,
    GatedConstruction,
    MLPCircuits,
    MLPConstruction,
    ResidualConstruction,
    SparseCode,
    measure_error,
    rotation_circuits,
)
from superposition.circuits.inputs import sample_active
from superposition.factored import factored


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


ALL = [post, post_rotated, sequel, sequel_of_any, gated, gated_equal, gated_linear]


@pytest.mark.parametrize("made", ALL)
def test_factors_compute_what_the_dense_network_does(made, rng, make_circuits):
    dense = made(rng, make_circuits)
    quick = factored(dense)
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


def test_factors_of_float32_stay_float32(rng):
    circuits = rotation_circuits(9, 3, rng).astype(np.float32)
    quick = factored(MLPConstruction(63, 3).compress(circuits, rng))
    for state in quick.network.run(np.ones((2, 63), np.float32)):
        assert state.dtype == np.float32


def test_a_step_leaves_its_state_alone(rng):
    quick = factored(MLPConstruction(63, 3).compress(rotation_circuits(9, 3, rng), rng))
    state = -np.ones((2, 63))  # the first layer only adds a bias, and ReLU works in place
    quick.network.step(state, 0)
    np.testing.assert_array_equal(state, -1)


def test_products_are_counted_by_hand(rng):
    """Reading: T d r; small weights: T d' d; writing: T d' r'; the mean: two products of parts."""
    circuits = silent_circuits(rng)
    quick = factored(MLPConstruction(62, 2, "finite_plane").compress(circuits, rng))
    second, third = quick.network.maps[1:]
    # a block of 15 slots for each of 4 entries, of 31 for each of 2, of 12 for each of 5
    assert second.n_products == 9 * (4 * 2 + 2 * 4 + 2 * 2) + 2 * 31 * 15 + 2 * 4 * 15
    assert third.n_products == 9 * (2 * 2 + 5 * 2 + 5 * 2) + 2 * 12 * 31 + 5 * 2 * 12
    assert quick.network.maps[0].n_products == 0
    biases = sum(bias.size for bias in quick.network.biases)
    assert quick.network.n_parameters == second.n_products + third.n_products + biases


def test_few_circuits_in_a_wide_network_take_far_fewer_products(rng):
    circuits = MLPCircuits.random(50, (4, 4, 4), rng)
    dense = GatedConstruction(width=600).compress(circuits, rng, codes=_apart(50, 100))
    assert factored(dense).network.n_parameters < dense.network.n_parameters / 100


def _apart(n_circuits, size):
    slots = np.arange(n_circuits)[:, None, None]
    return SparseCode(slots, size), SparseCode(slots, size)


def test_quiet_weights_belong_to_slots(rng):
    circuits = MLPCircuits.random(20, (3, 4), rng)
    quiet = GatedConstruction(redundancy=2).compress(circuits, rng)
    with pytest.raises(ValueError, match=r"superposition: wanted equal weights .*redundancy 2"):
        factored(quiet)


def test_other_constructions_and_things_are_refused(rng):
    chains = ChainConstruction(2).compress(MLPCircuits.random(9, (2, 2), rng), rng)
    with pytest.raises(TypeError, match=r"superposition: wanted one by .*got ChainSuperposition"):
        factored(chains)
    with pytest.raises(TypeError, match="got int"):
        factored(3)


def test_bad_states_and_layers_are_refused(rng, make_circuits):
    for made, axis in ((sequel, "width = 63"), (post, "stream = 30")):
        network = factored(made(rng, make_circuits)).network
        with pytest.raises(ValueError, match=f"state: wanted shape .*{axis}"):
            network.run(np.ones((2, 9)))
        with pytest.raises(ValueError, match="layer: wanted entries from 0"):
            network.step(np.ones((2, 63)), 9)


def test_a_certificate_wants_dense_weights(rng):
    quick = factored(GatedConstruction().compress(MLPCircuits.random(9, (2, 2), rng), rng))
    with pytest.raises(TypeError, match="network: wanted MLPNetwork, got FactoredMLP"):
        quick.certificate(1)
