"""Checks at the door, each by hand: what passes, what is refused, and word for word how."""

import re

import numpy as np
import pytest

from superposition import _check
from superposition.circuits.inputs import UnitInputs, sample_active
from superposition.network import activate, activation_names


def says(message, error=ValueError):
    """Refused with exactly these words."""
    return pytest.raises(error, match=rf"^{re.escape(message)}$")


@pytest.mark.parametrize("value", [1, 7, np.int8(3), np.uint64(2)])
def test_whole_numbers_from_one_on_pass(value):
    number = _check.positive_int("n", value)
    assert number == value
    assert type(number) is int


@pytest.mark.parametrize("value", [True, False, 2.0, "2", None, np.bool_(True)])
def test_what_is_no_whole_number_is_refused(value):
    with says(f"n: wanted a whole number, got {value!r}", TypeError):
        _check.positive_int("n", value)


def test_whole_numbers_have_limits():
    assert _check.positive_int("n", 5, 5, ", the most") == 5
    with says("n: wanted at least 1, got 0"):
        _check.positive_int("n", 0)
    with says("n: wanted at most 5, the most, got 6"):
        _check.positive_int("n", 6, 5, ", the most")
    with says("n: wanted at most 5, got 6"):
        _check.positive_int("n", 6, 5)
    with says("n: wanted at most 0, got 1"):
        _check.positive_int("n", 1, 0)


def test_real_numbers_above_zero_pass():
    for value in (2, 1e-300, np.float32(0.5)):
        number = _check.positive_real("x", value)
        assert number == value
        assert type(number) is float
    for value in (True, "1", None, 1j):
        with says(f"x: wanted a number, got {value!r}", TypeError):
            _check.positive_real("x", value)
    for value in (0, -1, np.inf, np.nan):
        with says(f"x: wanted a finite number above 0, got {float(value)}"):
            _check.positive_real("x", value)


def test_a_generator_is_itself_and_a_seed_is_told_how_to_become_one(rng):
    assert _check.generator(rng) is rng
    wanted = "rng: wanted a numpy.random.Generator, got"
    with says(f"{wanted} int; write numpy.random.default_rng(7)", TypeError):
        _check.generator(7)
    with says(f"{wanted} NoneType", TypeError):
        _check.generator(None)


def test_two_precisions_pass():
    assert _check.float_dtype("float32") == np.float32
    assert _check.float_dtype(np.float64) == np.float64
    for dtype in (np.float16, int, "no such type"):
        with says(f"dtype: wanted float32 or float64, got {dtype!r}", TypeError):
            _check.float_dtype(dtype)


def test_a_real_array_is_a_view_that_cannot_be_written():
    sizes = {}
    given = np.ones((2, 3), np.float32)
    array = _check.real_array("a", given, "rows columns", sizes)
    assert sizes == {"rows": 2, "columns": 3}
    assert array.dtype == np.float32
    assert np.shares_memory(array, given)
    assert not array.flags.writeable
    assert given.flags.writeable
    for whole in (np.ones(2, int), np.ones(2, np.uint8), np.ones(2, np.float16), [1, 2]):
        assert _check.real_array("a", whole, "rows", sizes).dtype == np.float64
    assert _check.real_array("a", np.ones(2), "rows", sizes, np.float32).dtype == np.float32
    assert _check.real_array("a", given, "rows columns", {}, np.float64).dtype == np.float64


def test_real_arrays_that_do_not_fit_are_refused():
    sizes = {"rows": 2}
    with says("a: wanted shape (rows = 2, columns), got (3, 1)"):
        _check.real_array("a", np.ones((3, 1)), "rows columns", sizes)
    with says("a: wanted shape (rows = 2, columns), got (2,)"):
        _check.real_array("a", np.ones(2), "rows columns", sizes)
    assert sizes == {"rows": 2}
    with pytest.raises(ValueError, match=r"^a: wanted a rectangular array: setting an array ele"):
        _check.real_array("a", [[1.0], [1.0, 2.0]], "rows columns", sizes)


def test_numbers_whose_sum_is_infinite_are_finite():
    """And neither that sum nor one of infinities gives a warning."""
    given = np.full(4, 3e38, np.float32)
    assert _check.real_array("a", given, "n", {}).tolist() == given.tolist()
    with says("a: wanted finite numbers, got NaN or infinity in float64"):
        _check.real_array("a", [np.inf, -np.inf], "n", {})


def test_real_arrays_of_what_is_no_finite_number_are_refused():
    for kind in (complex, bool, object, "U1", "M8[s]"):
        array = np.zeros(2, kind)
        with says(f"a: wanted real numbers, got an array of dtype {array.dtype}", TypeError):
            _check.real_array("a", array, "rows", {})
    for value in (np.nan, np.inf, -np.inf):
        with says("a: wanted finite numbers, got NaN or infinity in float64"):
            _check.real_array("a", [1.0, value], "rows", {})
    with says("a: wanted finite numbers, got NaN or infinity in float32"):
        _check.real_array("a", [1e39], "rows", {}, np.float32)


def test_whole_arrays_have_entries_below_a_limit():
    sizes = {}
    array = _check.whole_array("i", np.array([[0, 2]], np.uint8), "rows columns", sizes, 3)
    assert array.dtype == np.intp
    assert array.tolist() == [[0, 2]]
    assert sizes == {"rows": 1, "columns": 2}
    given = np.array([0, 1])
    assert _check.whole_array("i", given, "rows", {}, 2) is given
    with says("i: wanted entries from 0 to 2, got 0 to 3"):
        _check.whole_array("i", [0, 3], "rows", {}, 3)
    with says("i: wanted entries from 0 to 2, got -1 to 1"):
        _check.whole_array("i", [1, -1], "rows", {}, 3)
    with says("i: wanted whole numbers, got an array of dtype float64", TypeError):
        _check.whole_array("i", [1.0], "rows", {}, 3)
    with says("i: wanted shape (rows = 1), got (2,)"):
        _check.whole_array("i", [1, 2], "rows", {"rows": 1}, 3)
    empty = _check.whole_array("i", [], "rows", {}, 3)
    assert empty.shape == (0,)
    assert empty.dtype == np.intp


def test_active_sets_are_distinct_within_rows():
    sizes = {}
    assert _check.active_sets([[0, 2], [2, 0]], 3, sizes).tolist() == [[0, 2], [2, 0]]
    assert sizes == {"batch": 2, "active": 2}
    with says("active: wanted distinct circuits within a row, got [1, 0, 1]"):
        _check.active_sets([[0, 1, 2], [1, 0, 1], [2, 2, 2]], 3, {})
    with says("active: wanted entries from 0 to 2, got 0 to 3"):
        _check.active_sets([[0, 3]], 3, {})


def test_layers_fit_together():
    weights, biases = _check.layer_arrays([np.ones((3, 2)), np.ones((1, 3))], [[0, 0, 0], [0]])
    assert type(weights) is type(biases) is tuple
    assert [array.shape for array in (*weights, *biases)] == [(3, 2), (1, 3), (3,), (1,)]
    more, _ = _check.layer_arrays([np.ones((5, 3, 2))], [np.ones((5, 3))], "circuits")
    assert more[0].shape == (5, 3, 2)
    with says("weights: wanted Sequence, got int", TypeError):
        _check.layer_arrays(3, [])
    with says("biases: wanted Sequence, got int", TypeError):
        _check.layer_arrays([], 3)
    for weights, biases in (([], []), ([np.ones((3, 2))], [])):
        got = f"{len(weights)} and 0"
        with says(f"weights, biases: wanted as many of both, at least 1, got {got}"):
            _check.layer_arrays(weights, biases)
    with says("weights[1]: wanted shape (width_2, width_1 = 3), got (1, 2)"):
        _check.layer_arrays([np.ones((3, 2)), np.ones((1, 2))], [np.ones(3), np.ones(1)])
    with says("biases[0]: wanted shape (circuits = 5, width_1 = 3), got (5, 2)"):
        _check.layer_arrays([np.ones((5, 3, 2))], [np.ones((5, 2))], "circuits")
    with says("weights: wanted at least 1 of width_0, got 0"):
        _check.layer_arrays([np.ones((3, 0))], [np.ones(3)])


def test_axes_are_not_empty_and_kinds_are_kept():
    _check.no_empty_axis("a", {"rows": 1})
    with says("a: wanted at least 1 of columns, got 0"):
        _check.no_empty_axis("a", {"rows": 1, "columns": 0, "layers": 0})
    _check.instance("a", 3, int)
    with says("a: wanted int, got str", TypeError):
        _check.instance("a", "3", int)


def test_activations():
    values = np.array([-1.0, 2.0])
    assert activate(values, "linear") is values
    assert values.tolist() == [-1, 2]
    assert activate(values, "relu") is values
    assert values.tolist() == [0, 2]
    assert activation_names("relu", 2) == ("relu", "relu")
    assert activation_names(["relu", "linear"], 2) == ("relu", "linear")
    with says("activations: wanted Sequence, got int", TypeError):
        activation_names(3, 1)
    with says("activations: wanted 2, one per layer, got 1"):
        activation_names(["relu"], 2)
    with says("activations: wanted one of ('relu', 'linear'), got 'gelu'"):
        activation_names(["relu", "gelu"], 2)


def test_active_sets_are_drawn_as_numpy_draws_each():
    """As Generator.choice without replacement, row by row."""
    drawn = sample_active(9, 4, 50, np.random.default_rng(3))
    rng = np.random.default_rng(3)
    one_by_one = [rng.choice(9, 4, replace=False) for _ in range(50)]
    np.testing.assert_array_equal(drawn, one_by_one)
    assert sorted(sample_active(3, 3, 1, rng)[0]) == [0, 1, 2]
    with says("n_active: wanted at most 3, the number of circuits, got 4"):
        sample_active(3, 4, 1, rng)
    for sizes, name in (((0, 1, 1), "n_circuits"), ((1, 0, 1), "n_active"), ((1, 1, 0), "n_samp")):
        with pytest.raises(ValueError, match=rf"^{name}.*: wanted at least 1, got 0$"):
            sample_active(*sizes, rng)
    with pytest.raises(TypeError, match=r"^rng: wanted"):
        sample_active(1, 1, 1, None)


def test_default_inputs_are_normal_directions(rng):
    draws = np.random.default_rng(1).standard_normal((2, 3, 4))
    inputs = UnitInputs(4)(np.zeros((2, 3), int), np.random.default_rng(1))
    np.testing.assert_array_equal(inputs, draws / np.linalg.norm(draws, axis=2)[..., None])
