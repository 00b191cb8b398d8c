"""Trained models as circuits: they answer as the models do, and what cannot be is refused."""

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit, softmax
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier, MLPRegressor

from superposition import GatedConstruction, MLPCircuits
from superposition.circuits import switched
from superposition.interop import from_arrays, from_sklearn, with_inputs


def run_alone(circuits, number, inputs):
    """What one circuit answers to inputs (n, d) of its own width."""
    more = circuits.widths[0] - inputs.shape[1]
    padded = np.pad(inputs, [(0, 0), (0, more)])[:, None]
    return circuits.run(padded, np.full((len(inputs), 1), number))[-1][:, 0]


def plain(layers, inputs):
    """A network by hand: ReLU after all layers but the last."""
    for weight, bias in layers[:-1]:
        inputs = np.maximum(inputs @ weight.T + bias, 0)
    return inputs @ layers[-1][0].T + layers[-1][1]


def network(widths, rng):
    pairs = zip(widths[1:], widths, strict=False)
    return [(rng.standard_normal(shape), rng.standard_normal(shape[0])) for shape in pairs]


def fitted(kind, n_inputs, n_outputs, hidden, rng, **options):
    inputs = rng.standard_normal((60, n_inputs))
    if kind is MLPClassifier:
        wanted = np.arange(60) % n_outputs
    else:
        wanted = rng.standard_normal((60, n_outputs)).squeeze()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model = kind(hidden_layer_sizes=hidden, max_iter=3, random_state=0, **options).fit(
            inputs, wanted
        )
    return model, inputs


@settings(max_examples=40)
@given(
    st.lists(st.lists(st.integers(1, 5), min_size=2, max_size=5), min_size=1, max_size=4),
    st.integers(0, 2**32 - 1),
)
def test_padding_changes_no_output(shapes, seed):
    rng = np.random.default_rng(seed)
    networks = [network(widths, rng) for widths in shapes]
    circuits = from_arrays(networks)
    assert circuits.n_layers == max(len(widths) for widths in shapes) - 1
    assert circuits.activations == ("relu",) * (circuits.n_layers - 1) + ("linear",)
    for number, (layers, widths) in enumerate(zip(networks, shapes, strict=True)):
        inputs = rng.standard_normal((7, widths[0]))
        found, wanted = run_alone(circuits, number, inputs), plain(layers, inputs)
        np.testing.assert_allclose(found[:, : widths[-1]], wanted, rtol=1e-12, atol=1e-12)
        assert not found[:, widths[-1] :].any()


def test_what_is_padded_by_hand():
    """A linear network of one input is split in two; the copying layer has what is there."""
    deep = [([[1.0]], [0.5]), ([[2.0]], [0.0]), ([[3.0]], [1.0])]
    flat = [([[5.0]], [7.0])]
    circuits = from_arrays([deep, flat])
    assert circuits.widths == (1, 2, 2, 1)
    assert circuits.weights[0][1].tolist() == [[1], [-1]]
    assert circuits.weights[1][1].tolist() == [[1, 0], [0, 1]]
    assert circuits.weights[2][1].tolist() == [[5, -5]]
    assert [run_alone(circuits, 1, np.array([[x]])).item() for x in (-2.0, 3.0)] == [-3, 22]
    assert run_alone(circuits, 0, np.array([[1.0]])).item() == 10


def test_fitted_models_answer_as_they_do(rng):
    models = [
        fitted(MLPClassifier, 3, 2, (5,), rng),
        fitted(MLPClassifier, 4, 3, (6, 2), rng),
        fitted(MLPRegressor, 2, 1, (4, 3, 3), rng),
        fitted(MLPRegressor, 5, 2, (), rng),
    ]
    circuits = from_sklearn([model for model, _ in models])
    found = [run_alone(circuits, i, inputs) for i, (_, inputs) in enumerate(models)]
    two, three, one, flat = (model for model, _ in models)
    inputs = [inputs for _, inputs in models]
    np.testing.assert_allclose(expit(found[0][:, 0]), two.predict_proba(inputs[0])[:, 1])
    np.testing.assert_array_equal(two.classes_[(found[0][:, 0] > 0) * 1], two.predict(inputs[0]))
    np.testing.assert_allclose(softmax(found[1], axis=1), three.predict_proba(inputs[1]))
    np.testing.assert_allclose(found[2][:, 0], one.predict(inputs[2]))
    np.testing.assert_allclose(found[3][:, :2], flat.predict(inputs[3]))
    assert not found[2][:, 1:].any()


def test_models_survive_compression(rng):
    """One at a time, in one network: the same answers."""
    models = [fitted(MLPClassifier, 2 + i % 2, 2 + i % 3, (4, 3), rng) for i in range(6)]
    circuits = from_sklearn([model for model, _ in models])
    large = GatedConstruction(redundancy=2, input_bound=9.0).compress(circuits, rng)
    for i, (_, inputs) in enumerate(models):
        padded = np.pad(inputs, [(0, 0), (0, 3 - inputs.shape[1])])[:, None]
        states = large.run(padded, np.full((60, 1), i))
        np.testing.assert_allclose(
            states[-1][:, 0], run_alone(circuits, i, inputs), rtol=1e-9, atol=1e-9
        )


def test_single_precision_is_kept(rng):
    layers = [(w.astype(np.float32), b.astype(np.float32)) for w, b in network([2, 3, 1], rng)]
    assert from_arrays([layers]).dtype == np.float32


def test_models_that_cannot_be_are_refused(rng):
    good, _ = fitted(MLPRegressor, 2, 1, (3,), rng)
    tanh, _ = fitted(MLPClassifier, 2, 2, (3,), rng, activation="tanh")
    deep, _ = fitted(MLPRegressor, 2, 1, (3, 3), rng, activation="identity")
    other, _ = fitted(MLPRegressor, 2, 1, (3,), rng)
    other.out_activation_ = "exp"
    broken, _ = fitted(MLPRegressor, 2, 1, (3,), rng)
    broken.coefs_[1][0, 0] = np.nan
    for models, kind, message in (
        (good, TypeError, "models: wanted a sequence of them, got MLPRegressor"),
        ([], ValueError, "networks: wanted at least one, got none"),
        ([good, "tree"], TypeError,
         "models[1]: wanted MLPClassifier or MLPRegressor, a Pipeline that ends with one, or a "
         "TransformedTargetRegressor of one, got str"),
        ([good, MLPClassifier()], ValueError,
         "models[1]: wanted a fitted model; call its fit first"),
        ([tanh], ValueError, "models[0], layer 0: wanted activation 'relu', got 'tanh'"),
        ([good, deep], ValueError,
         "models[1], layers 0 to 1: wanted activation 'relu', got 'identity'"),
        ([other], ValueError,
         "models[0], layer 1: wanted an output activation of ('identity',), got 'exp'"),
        ([broken], ValueError,
         "models[0], layer 1, weight: wanted finite numbers, got NaN or infinity in float64"),
    ):  # fmt: skip
        with pytest.raises(kind) as error:
            from_sklearn(models)
        assert str(error.value) == message


def test_an_activation_without_hidden_layers_does_not_matter(rng):
    model, inputs = fitted(MLPRegressor, 2, 1, (), rng, activation="tanh")
    found = run_alone(from_sklearn([model]), 0, inputs)[:, 0]
    np.testing.assert_allclose(found, model.predict(inputs))


def test_several_labels_are_above_zero_where_they_are_named(rng):
    inputs = rng.standard_normal((60, 3))
    labels = (inputs[:, :2] > 0).astype(int)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model = MLPClassifier((5,), max_iter=20, random_state=0).fit(inputs, labels)
    found = run_alone(from_sklearn([model]), 0, inputs)
    np.testing.assert_array_equal((found > 0).astype(int), model.predict(inputs))


def test_a_subclass_may_predict_otherwise_and_is_refused(rng):
    class Other(MLPRegressor):
        def predict(self, X):
            return -super().predict(X)

    model, _ = fitted(Other, 2, 1, (3,), rng)
    with pytest.raises(TypeError, match=r"^models\[0\]: wanted MLPClassifier or .* got Other$"):
        from_sklearn([model])


def test_a_poisson_regressor_is_refused_by_its_output(rng):
    inputs = rng.standard_normal((40, 2))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model = MLPRegressor("poisson", hidden_layer_sizes=(3,), max_iter=2).fit(
            inputs, np.ones(40)
        )
    with pytest.raises(ValueError, match=r"^models\[0\], layer 1: wanted an output activation of"):
        from_sklearn([model])


def test_arrays_that_do_not_fit_are_named(rng):
    good = network([2, 3, 1], rng)
    single = [(w.astype(np.float32), b.astype(np.float32)) for w, b in good]
    for networks, kind, message in (
        ("weights", TypeError, "networks: wanted a sequence of them, got str"),
        ([], ValueError, "networks: wanted at least one, got none"),
        ([good, []], ValueError, "networks[1]: wanted at least one layer, got none"),
        ([good, 3], TypeError, "networks[1]: wanted a sequence of layers, got int"),
        ([[good[0], (1, 2, 3)]], TypeError,
         "networks[0], layer 1: wanted a pair (weight, bias)"),
        ([[good[0], good[0]]], ValueError,
         "networks[0], layer 1, weight: wanted shape (width_2, width_1 = 3), got (3, 2)"),
        ([[(np.ones((0, 2)), np.ones(0))]], ValueError,
         "networks[0], layer 0: wanted no empty axis, got shape (0, 2)"),
        ([[(np.ones((1, 2)), np.ones(2))]], ValueError,
         "networks[0], layer 0, bias: wanted shape (width_1 = 1), got (2,)"),
        ([[good[0], single[1]]], TypeError,
         "networks[0], layer 1: wanted one precision in the whole network"),
        ([good, single], TypeError,
         "networks[1]: wanted float64, as in networks[0], got float32"),
        ([[(np.ones((1, 2), np.float16), [1.0])]], TypeError,
         "networks[0], layer 0, weight: wanted float32 or float64, got float16"),
        ([[(np.array([["a"]]), [1.0])]], TypeError,
         "networks[0], layer 0, weight: wanted real numbers, got an array of dtype <U1"),
    ):  # fmt: skip
        with pytest.raises(kind) as error:
            from_arrays(networks)
        assert str(error.value) == message


def test_more_than_fits_is_refused(rng):
    wide = [(np.ones((1, 40_000)), np.ones(1))]
    tall = [(np.ones((40_000, 1)), np.ones(40_000)), (np.ones((1, 40_000)), np.ones(1))]
    with pytest.raises(MemoryError, match=r"^n_circuits: wanted a size that fits"):
        from_arrays([wide, tall] * 100)


def test_circuits_can_bring_their_own_data(rng):
    """Rows of each circuit's own table, padded, all about as often."""
    circuits = from_arrays([network([2, 3, 1], rng), network([4, 1], rng)])
    tables = [np.array([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]), np.ones((1, 4))]
    fed = with_inputs(circuits, tables)
    active = np.tile([[0, 1]], (3000, 1))
    inputs = fed.default_inputs(active, rng)
    assert (inputs[:, 1] == 1).all()
    rows, counts = np.unique(inputs[:, 0], axis=0, return_counts=True)
    assert rows.tolist() == [[1, 2, 0, 0], [3, 4, 0, 0], [5, 6, 0, 0]]
    assert counts.min() > 900
    assert repr(fed.sampler) == "RowInputs(4 rows in 2 tables)"
    assert fed.sampler.longest == pytest.approx(np.sqrt(61))
    only = fed.take([1, 1])
    assert (only.default_inputs(active, rng) == 1).all()
    on = switched(MLPCircuits(fed.weights[:1], fed.biases[:1], "relu", fed.sampler)).take([1])
    assert (on.default_inputs(np.zeros((3, 1), int), rng)[..., 2:] == 1).all()
    for wrong, kind, message in (
        (tables[:1], ValueError, "tables: wanted 2, one each, got 1"),
        (3, TypeError, "tables: wanted Sequence, got int"),
        ([tables[0], np.ones((2, 5))], ValueError,
         "tables[1]: wanted at least one row, of 4 columns, got shape (2, 5)"),
        ([tables[1], tables[1]], ValueError,
         "tables[0]: wanted at least one row, of 2 columns, got shape (1, 4)"),
        ([np.ones((0, 2)), tables[1]], ValueError,
         "tables[0]: wanted at least one row, of 2 columns, got shape (0, 2)"),
        ([tables[0], [[np.inf]]], ValueError,
         "tables[1]: wanted finite numbers, got NaN or infinity in float64"),
    ):  # fmt: skip
        with pytest.raises(kind) as error:
            with_inputs(circuits, wrong)
        assert str(error.value) == message
    with pytest.raises(TypeError, match=r"^circuits: wanted MLPCircuits, got str$"):
        with_inputs("them", tables)
    never = MLPCircuits(circuits.weights, circuits.biases, circuits.activations)
    assert with_inputs(never, tables).default_inputs(active, rng)[0, 1, 2] == 1
    with pytest.raises(ValueError, match=r"^tables\[1\]: wanted .*, of at most 4 columns, got"):
        with_inputs(never, [tables[0], np.ones((2, 5))])
    with pytest.raises(ValueError, match=r"^input_bound: wanted at least 7.81025, the longest of"):
        GatedConstruction(input_bound=7.8).compress(fed, rng)
    GatedConstruction(input_bound=7.81025).compress(fed, rng)
