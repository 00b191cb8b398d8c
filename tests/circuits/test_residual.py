"""Small networks: what they compute, and that an indicator changes nothing."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from superposition import MLPCircuits, ResidualCircuits, with_indicator
from superposition.circuits import as_residual, switched
from superposition.circuits.inputs import UnitInputs, sample_active


def test_two_hand_worked_circuits():
    """Circuit 0 adds relu(2x − 1) to y; circuit 1 adds −relu(x + y) to x. One layer, one neuron."""
    circuits = ResidualCircuits(
        read_in=[[[[2.0, 0.0]], [[1.0, 1.0]]]],
        bias=[[[-1.0], [0.0]]],
        write_out=[[[[0.0], [1.0]], [[-1.0], [0.0]]]],
    )
    first, last = circuits.run([[[3.0, 1.0], [2.0, 5.0]]], [[0, 1]])
    np.testing.assert_array_equal(first, [[[3.0, 1.0], [2.0, 5.0]]])
    np.testing.assert_array_equal(last, [[[3.0, 6.0], [-5.0, 5.0]]])


def test_run_follows_the_loops_of_the_definition(make_circuits, rng):
    circuits = make_circuits()
    active = sample_active(6, 3, 5, rng)
    inputs = UnitInputs(3)(active, rng)
    states = circuits.run(inputs, active)
    for sample, row in enumerate(active):
        for place, t in enumerate(row):
            a = inputs[sample, place]
            for layer in range(2):
                h = np.maximum(circuits.read_in[layer, t] @ a + circuits.bias[layer, t], 0)
                a = a + circuits.write_out[layer, t] @ h
                np.testing.assert_allclose(states[layer + 1][sample, place], a, rtol=1e-13)


@given(seed=st.integers(0, 2**32), margin=st.floats(0.01, 50.0))
def test_an_indicator_changes_nothing_an_active_circuit_computes(seed, margin):
    rng = np.random.default_rng(seed)
    circuits = ResidualCircuits.random(4, 3, 5, 3, rng)
    active = sample_active(4, 2, 6, rng)
    inputs = UnitInputs(3)(active, rng)
    on = np.concatenate([inputs, np.ones((6, 2, 1))], axis=-1)
    plain, wider = circuits.run(inputs, active), with_indicator(circuits, margin).run(on, active)
    for a, b in zip(plain, wider, strict=True):
        np.testing.assert_allclose(b[..., :-1], a, atol=1e-12 * (1 + margin))
        np.testing.assert_array_equal(b[..., -1], 1)


def test_with_an_indicator_every_neuron_of_a_silent_circuit_is_a_margin_below(make_circuits):
    wider = with_indicator(make_circuits(), 0.7)
    assert wider.width == 4
    np.testing.assert_array_equal(wider.bias, -0.7)
    silent = wider.run(np.zeros((1, 6, 4)), np.arange(6)[None])
    assert all(np.all(state == 0) for state in silent)


def test_random_circuits_keep_states_of_order_one_at_every_depth(rng):
    circuits = ResidualCircuits.random(200, 6, 12, 8, rng)
    active = np.arange(200)[:, None]
    states = circuits.run(UnitInputs(6)(active, rng), active)
    sizes = [np.mean(np.sum(state**2, axis=-1)) for state in states]
    assert sizes[0] == pytest.approx(1)
    assert sizes[1] == pytest.approx(1 + 1 / 8, rel=0.1)
    assert 1.5 < sizes[-1] < 4
    assert np.std(circuits.bias) == pytest.approx(1 / np.sqrt(6), rel=0.02)
    assert np.mean(np.sum(circuits.read_in**2, axis=-1)) == pytest.approx(1, rel=0.02)


def test_counts(make_circuits):
    circuits = make_circuits(6, 3, 4, 2)
    assert (circuits.n_circuits, circuits.n_layers, circuits.n_neurons) == (6, 2, 4)
    assert circuits.widths == (3, 3, 3)
    assert circuits.n_parameters == 2 * 6 * (4 * 3 + 4 + 3 * 4)


def test_take_and_astype(make_circuits, rng):
    circuits = make_circuits()
    inputs = UnitInputs(3)(np.array([[0]]), rng)
    np.testing.assert_array_equal(
        circuits.take(np.array([4, 1])).run(inputs, [[1]])[-1], circuits.run(inputs, [[1]])[-1]
    )
    single = circuits.astype(np.float32)
    assert single.dtype == np.float32
    assert single.run(inputs, [[1]])[-1].dtype == np.float32


def test_circuits_are_frozen(make_circuits):
    circuits = make_circuits()
    with pytest.raises(ValueError, match="read-only"):
        circuits.read_in[0] = 0
    with pytest.raises(AttributeError):
        circuits.bias = circuits.bias


def test_an_empty_batch_gives_an_empty_result(make_circuits):
    states = make_circuits().run(np.empty((0, 2, 3)), np.empty((0, 2), int))
    assert [state.shape for state in states] == [(0, 2, 3)] * 3


def test_random_circuits_are_these_draws():
    """In this order: w of all layers with variance 1/d, biases likewise, w' with 1/(L m)."""
    made = ResidualCircuits.random(5, 3, 4, 2, np.random.default_rng(1))
    draws = np.random.default_rng(1)
    for name, shape, variance in (
        ("read_in", (2, 5, 4, 3), 1 / 3),
        ("bias", (2, 5, 4), 1 / 3),
        ("write_out", (2, 5, 3, 4), 1 / 8),
    ):
        wanted = np.sqrt(variance) * draws.standard_normal(shape)
        np.testing.assert_allclose(getattr(made, name), wanted, rtol=1e-14)
    for i, name in enumerate(("n_circuits", "width", "n_neurons", "n_layers")):
        with pytest.raises(ValueError, match=rf"^{name}: wanted at least 1, got 0$"):
            ResidualCircuits.random(*np.where(np.arange(4) == i, 0, 1), draws)
    with pytest.raises(TypeError, match=r"^rng: wanted"):
        ResidualCircuits.random(1, 1, 1, 1, 3)


def test_arrays_are_refused_by_name_and_axis():
    good = {"read_in": np.ones((1, 2, 4, 3)), "bias": np.ones((1, 2, 4))}
    good["write_out"] = np.ones((1, 2, 3, 4))
    axes = {
        "read_in": r"\(layers, circuits, neurons, width\)",
        "bias": r"\(layers = 1, circuits = 2, neurons = 4\)",
        "write_out": r"\(layers = 1, circuits = 2, width = 3, neurons = 4\)",
    }
    for name, wanted in axes.items():
        with pytest.raises(ValueError, match=rf"^{name}: wanted shape {wanted}, got \(1,\)$"):
            ResidualCircuits(**{**good, name: np.ones(1)})
    single = {**good, "bias": np.ones((1, 2, 4), np.float32)}
    with pytest.raises(
        TypeError, match=r"^read_in, bias, write_out: wanted one dtype, float32 or f"
    ):
        ResidualCircuits(**single)
    none = {name: array[:, :0] for name, array in good.items()}
    with pytest.raises(ValueError, match=r"^read_in: wanted at least 1 of circuits, got 0$"):
        ResidualCircuits(**none)


def test_take_keeps_the_order_asked_for(make_circuits):
    circuits = make_circuits()
    taken = circuits.take([4, 1, 4])
    for name in ("read_in", "bias", "write_out"):
        np.testing.assert_array_equal(getattr(taken, name), getattr(circuits, name)[:, [4, 1, 4]])
    with pytest.raises(ValueError, match=r"^which: wanted entries from 0 to 5, got 6$"):
        circuits.take([6])
    with pytest.raises(ValueError, match=r"^which: wanted shape \(circuits\), got \(1, 1\)$"):
        circuits.take([[0]])


def test_what_is_run_is_checked(make_circuits):
    circuits = make_circuits()
    for inputs, active, message in (
        (
            np.ones((1, 1, 2)),
            [[0]],
            r"inputs: wanted shape \(batch = 1, active = 1, width = 3\), got",
        ),
        (np.ones((1, 1, 3)), [[6]], r"active: wanted entries from 0 to 5, got 6$"),
        (np.ones((1, 1, 3)), [0], r"active: wanted shape \(batch, active\), got \(1,\)$"),
    ):
        with pytest.raises(ValueError, match="^" + message):
            circuits.run(inputs, active)
    states = circuits.run(np.ones((1, 1, 3), np.float32), [[0]])
    assert [state.dtype for state in states] == [np.float64] * 3


def test_moments_are_of_two_thousand_inputs_of_length_one(make_circuits):
    circuits = make_circuits()
    plain = circuits.moments(np.random.default_rng(1))
    for others in ({"n_samples": 2000}, {"sample_inputs": UnitInputs(3)}):
        same = circuits.moments(np.random.default_rng(1), **others)
        assert all(np.array_equal(a, b) for a, b in zip(*map(arrays, (plain, same)), strict=True))
    fewer = circuits.moments(np.random.default_rng(1), n_samples=64)
    longer = circuits.moments(
        np.random.default_rng(1), sample_inputs=lambda *given: 2 * UnitInputs(3)(*given)
    )
    assert fewer.state2[0] == pytest.approx(plain.state2[0])
    assert not np.array_equal(fewer.state2, plain.state2)
    assert longer.state2[0] == pytest.approx(4 * plain.state2[0])
    assert circuits.take([0]).moments(np.random.default_rng(1)).width == 3
    with pytest.raises(ValueError, match=r"^n_samples: wanted at least 64, got 63$"):
        circuits.moments(np.random.default_rng(1), n_samples=63)
    with pytest.raises(TypeError, match=r"^n_samples: wanted a whole number, got 64.0$"):
        circuits.moments(np.random.default_rng(1), n_samples=64.0)


def arrays(moments):
    return [np.asarray(value) for value in vars(moments).values()]


def test_an_indicator_by_hand():
    """w·a + b = w·a + (b + β) α − β."""
    circuits = ResidualCircuits([[[[2.0, 3.0]]]], [[[5.0]]], [[[[7.0], [11.0]]]])
    wider = with_indicator(circuits, 0.5)
    assert wider.read_in.tolist() == [[[[2, 3, 5.5]]]]
    assert wider.bias.tolist() == [[[-0.5]]]
    assert wider.write_out.tolist() == [[[[7], [11], [0]]]]
    assert with_indicator(circuits.astype(np.float32), 0.5).dtype == np.float32
    with pytest.raises(ValueError, match=r"^margin: wanted a finite number above 0, got 0.0$"):
        with_indicator(circuits, 0)
    with pytest.raises(TypeError, match=r"^circuits: wanted ResidualCircuits, got str$"):
        with_indicator("it", 1)


def test_switched_circuits_by_hand():
    """max(3a + 5, 0): then 3a + (5 + 1) α − 1, and the step 2α ∓ ½ about ½, as published."""
    circuits = MLPCircuits([[[[3.0]]]], [[[5.0]]])
    on = switched(circuits)
    assert on.weights[0].tolist() == [[[2, -2, 0], [2, -2, 0], [6, -6, 3]]]
    assert on.biases[0].tolist() == [[-0.5, -1.5, -1]]
    inputs = on.default_inputs(np.array([[0]]), np.random.default_rng(0))
    assert inputs[0, 0, :2].tolist() == [1.5, 0.5]
    assert abs(inputs[0, 0, 2]) == 1
    other = switched(circuits, margin=2, threshold=0.25, gain=4)
    assert other.weights[0].tolist() == [[[4, -4, 0], [4, -4, 0], [7, -7, 3]]]
    assert other.biases[0].tolist() == [[-0.5, -1.5, -2]]
    with pytest.raises(ValueError, match=r"^margin: wanted a finite number above 0, got 0.0$"):
        switched(circuits, margin=0)
    message = r"ReLU in every layer, which silences inactive circuits, got \('linear',\)$"
    with pytest.raises(ValueError, match=rf"^activations: wanted {message}"):
        switched(MLPCircuits(circuits.weights, circuits.biases, "linear"))
    for change in (switched, as_residual):
        with pytest.raises(TypeError, match=r"^circuits: wanted MLPCircuits, got str$"):
            change("it")
