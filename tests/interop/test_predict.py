"""Models answer from inside as they do alone: same values, shapes, dtypes, labels and refusals."""

import warnings
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_iris, load_wine
from sklearn.neural_network import MLPClassifier, MLPRegressor

from superposition import ChainConstruction, GatedConstruction, MLPCircuits
from superposition.circuits.interface import Interface
from superposition.interop import from_arrays, from_sklearn, load, save, with_inputs


def fit(model, rows, wanted):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # of convergence, and of columns
        return model.fit(rows, wanted)


def same(found, wanted):
    """Equal to 1e-9 of its spread if it is numbers, and to the letter if it is labels."""
    assert type(found) is type(wanted)
    assert (found.dtype, found.shape) == (wanted.dtype, wanted.shape)
    if wanted.dtype.kind == "f":
        assert np.abs(found - wanted).max() < 1e-9 * wanted.std()
    else:
        np.testing.assert_array_equal(found, wanted)


def inside(models, tables, rng, **sizes):
    circuits = with_inputs(from_sklearn(models), tables)
    return GatedConstruction(input_bound=circuits.sampler.longest, **sizes).compress(circuits, rng)


@pytest.fixture(scope="module")
def tables():
    iris, wine = load_iris(as_frame=True), load_wine()
    return iris.data, iris.target, wine.data[:, :5] / 10, wine.target


@pytest.fixture(scope="module")
def models(tables):
    """Of all kinds: labels that are texts, numbers, True and False, objects; several; one."""
    flowers, kinds, wines, sorts = tables
    names = np.array(["setosa", "versicolor", "virginica"])[kinds]
    small = {"hidden_layer_sizes": (6,), "max_iter": 80, "random_state": 0}
    fitted = {
        "names": (MLPClassifier(**small), flowers, names),
        "objects": (MLPClassifier(**small), flowers, names.astype(object)),
        "sorts": (MLPClassifier(**small), wines, sorts + 5),
        "virginica": (MLPClassifier(**small), flowers, kinds == 2),
        "two": (MLPClassifier(**small), flowers.to_numpy(), np.stack([kinds > 0, kinds > 1], 1)),
        "one kind": (MLPClassifier(**small), wines, np.full(len(wines), 7)),
        "first": (MLPRegressor(**small), wines[:, 1:], wines[:, 0]),
        "both": (MLPRegressor(**small), wines[:, 2:], wines[:, :2]),
    }
    return {n: (fit(model, rows, wanted), rows) for n, (model, rows, wanted) in fitted.items()}


@pytest.fixture(scope="module")
def large(models):
    each = {name: model for name, (model, _) in models.items()}
    return inside(each, [rows for _, rows in models.values()], np.random.default_rng(0))


def test_each_answers_as_it_does_alone(models, large, tmp_path):
    save(tmp_path / "all.safetensors", large)
    for one in (large, load(tmp_path / "all.safetensors"), large.in_factors()):
        for number, (name, (model, rows)) in enumerate(models.items()):
            own = rows[::3]
            same(one.predict(number, own), model.predict(own))
            if isinstance(model, MLPClassifier):
                same(one.predict_proba(name, own), model.predict_proba(own))


def test_single_rows_and_single_precision_keep_their_dtype(tables, rng):
    rows = tables[2].astype(np.float32)
    model = fit(
        MLPRegressor(hidden_layer_sizes=(3,), max_iter=9, random_state=0), rows[:, 1:], rows[:, 0]
    )
    large = inside([model], [rows[:, 1:]], rng)
    for own in (rows[:1, 1:], rows[:1, 1:].astype(float)):
        found, wanted = large.predict(0, own), model.predict(own)
        assert (found.dtype, found.shape) == (wanted.dtype, (1,))
        np.testing.assert_allclose(found, wanted, rtol=1e-4)


def test_several_answer_together(models, large, rng):
    circuits = large.circuits
    chains = ChainConstruction(3, input_bound=circuits.sampler.longest).compress(circuits, rng)
    (names, flowers), (first, wines) = models["names"], models["first"]
    found = chains.predict(["names", 6], [flowers, wines[:150]])
    same(found[0], names.predict(flowers))
    same(found[1], first.predict(wines[:150]))
    said, _ = chains.predict_proba((0, "virginica"), (flowers, flowers))
    same(said, names.predict_proba(flowers))


def test_what_is_remembered_goes_along(models, large):
    circuits = large.circuits
    some = circuits.take([6, 0]).astype(np.float32)
    assert [one.name for one in some.models] == ["first", "names"]
    assert some.models[1].columns == tuple(models["names"][1].columns)
    again = with_inputs(some, [models["first"][1], models["names"][1]])
    assert again.models == some.models
    none = MLPCircuits(circuits.weights, circuits.biases, circuits.activations)
    assert none.take([0]).models is None
    mixed = replace(circuits, models=[None, *circuits.models[1:]])
    wide = [np.ones((1, n.n_inputs if n else 5)) for n in mixed.models]
    assert with_inputs(mixed, wide).take([0]).models == (None,)


def test_tables_are_refused_where_scikit_learn_refuses(models, large, rng):
    model, flowers = models["names"]
    columns = list(flowers.columns)
    for other, difference in (
        (flowers[columns[::-1]], "others or in another order"),
        (flowers[columns[:3]], f"without ['{columns[3]}']"),
        (flowers.rename(columns={columns[1]: "hue"}), f"without ['{columns[1]}']"),
    ):
        with pytest.raises(ValueError, match="feature names"):
            model.predict(other)
        wanted = "wanted the columns of the fit, in their order"
        message = f"{wanted}, got {list(other.columns)}, {difference}"
        with pytest.raises(ValueError) as error:  # noqa: PT011, compared below
            large.predict("names", other)
        assert str(error.value) == f"rows[0]: {message}"
        with pytest.raises(ValueError) as error:  # noqa: PT011
            with_inputs(large.circuits, [other, *[rows for _, rows in list(models.values())[1:]]])
        assert str(error.value) == f"tables[0]: {message}"
    for wide in (np.ones((2, 6)), np.ones((2, 4)), np.ones((0, 5))):
        with pytest.raises(ValueError, match=r"features|0 sample"):
            models["sorts"][0].predict(wide)
        message = f"rows[0]: wanted at least one row, of 5 columns, got shape {wide.shape}"
        with pytest.raises(ValueError) as error:  # noqa: PT011
            large.predict("sorts", wide)
        assert str(error.value) == message
    unnamed = pd.DataFrame(flowers.to_numpy())
    same(large.predict(0, unnamed), large.predict(0, flowers))


def refused(**given):
    """Fields that no interface has, and how they are shown."""
    shown = {"answer": "plain", "name": None, "columns": None, "classes": None, "dtype": "int64"}
    sizes = {"library": "x", "n_inputs": given["n_inputs"], "n_outputs": given["n_outputs"]}
    each = ", ".join(f"{n}={v!r}" for n, v in (sizes | shown | given | {"flat": False}).items())
    return {"library": "x"} | given, f"Interface({each})"


def test_other_models_rows_and_circuits_are_refused(large, rng):
    flowers = load_iris().data
    nothing = GatedConstruction().compress(MLPCircuits.random(3, (2, 2), rng), rng)
    circuits = replace(large.circuits, models=[None, *large.circuits.models[1:]])
    some = replace(large, circuits=circuits)
    names = [one.name for one in large.circuits.models]
    for call, kind, message in (
        (lambda: large.predict(8, flowers), ValueError,
         "which: wanted entries from 0 to 7, got 8"),
        (lambda: large.predict("roses", flowers), ValueError,
         f"which: wanted one of {names}, got 'roses'"),
        (lambda: large.predict([0.5], [flowers]), TypeError,
         "which: wanted whole numbers, got an array of dtype float64"),
        (lambda: large.predict(0.5, flowers), TypeError, "which: wanted Sequence, got float"),
        (lambda: large.predict([0], flowers), TypeError, "rows: wanted Sequence, got ndarray"),
        (lambda: large.predict([0, 1], [flowers]), ValueError,
         "rows: wanted 2 tables, of as many rows each, got tables of [150] rows"),
        (lambda: large.predict([0, 1], [flowers, flowers[:9]]), ValueError,
         "rows: wanted 2 tables, of as many rows each, got tables of [150, 9] rows"),
        (lambda: large.predict_proba("first", np.ones((1, 4))), TypeError,
         "which: wanted classifiers, got 'first', regressor"),
        *((lambda large=each: large.predict(0, flowers), ValueError,
           "which: wanted a model of from_sklearn, from_torch or from_arrays, got circuit 0, of "
           "which no model is remembered; `run` runs it") for each in (some, nothing)),
        *((lambda given=given: Interface(**given), ValueError,
           f"models: wanted counts, answer and names that fit, got {shown}") for given, shown in (
            refused(n_inputs=1, n_outputs=1, answer="loud"),
            refused(n_inputs=0, n_outputs=1),
            refused(n_inputs=2, n_outputs=1, columns=("a",)),
            refused(n_inputs=2, n_outputs=3, answer="multiclass", classes=(1, 2)))),
        *((lambda given=given: replace(nothing.circuits, models=given), ValueError,
           f"models: wanted 3, each None or of at most 2 inputs and 2 outputs, got {given}")
          for given in ([Interface("x", 3, 1)] * 3, [None], [1, None, None])),
    ):  # fmt: skip
        with pytest.raises(kind) as error:
            call()
        assert str(error.value) == message


def test_rows_beyond_the_bound_are_named_with_a_bound_that_does(rng):
    large = GatedConstruction(input_bound=2).compress(from_arrays({"a": [([[2.0]], [0.0])]}), rng)
    with pytest.raises(ValueError) as error:  # noqa: PT011
        large.predict("a", [[1.0], [2.5], [1.0], [-3.2]])
    assert str(error.value) == (
        "inputs: wanted none longer than 2, the bound, got 3.2 in rows 1, 3; compress with an "
        "input_bound of 4"
    )
    with pytest.raises(ValueError, match=r"in rows 0, 1, 2, 3, 4 and 2 more; compress with an in"):
        large.predict("a", np.full((7, 1), 3.0))


def test_a_model_is_no_wider_than_the_last_layer():
    """However wide the layers before it are."""
    weights = [np.ones((1, 3, 2)), np.ones((1, 1, 3))]
    two = Interface("scikit-learn", 2, 2)
    with pytest.raises(ValueError, match="of at most 2 inputs and 1 outputs"):
        MLPCircuits(weights, [np.ones((1, 3)), np.ones((1, 1))], models=[two])
