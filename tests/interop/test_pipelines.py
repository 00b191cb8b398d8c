"""Scalers and PCA before a model, and a scaled target, are in the circuit: the same answers."""

import numpy as np
import pytest
from sklearn.compose import TransformedTargetRegressor
from sklearn.datasets import load_breast_cancer, load_diabetes, load_wine
from sklearn.decomposition import PCA
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    MinMaxScaler,
    Normalizer,
    PowerTransformer,
    StandardScaler,
)

from superposition.interop import from_sklearn

from .test_predict import fit, inside, same


def classifier():
    return MLPClassifier((8,), max_iter=60, random_state=0)


def regressor(*hidden):
    return MLPRegressor(hidden_layer_sizes=hidden, max_iter=60, random_state=0)


@pytest.fixture(scope="module")
def fitted():
    """Pipelines on tables in their own units, and rows that they were not fitted on."""
    wine, cells = load_wine(return_X_y=True), load_breast_cancer(return_X_y=True)
    years, ill = load_diabetes(return_X_y=True)
    sick = years * [1e4, *[1.0] * 9] + [2e5, *[0.0] * 9], ill  # a column with a large mean
    both = np.stack([ill, 3e4 - 7 * ill], axis=1)
    half = StandardScaler(with_mean=False)
    none = StandardScaler(with_mean=False, with_std=False)
    least = MinMaxScaler((-1, 3))
    target = TransformedTargetRegressor
    return [
        (fit(model, rows[::2], wanted[::2]), rows[1::2])
        for model, rows, wanted in (
            (make_pipeline(StandardScaler(), classifier()), *wine),
            (make_pipeline(half, PCA(5, whiten=True), classifier()), *cells),
            (make_pipeline(least, "passthrough", none, PCA(4), regressor(9, 5)), *sick),
            (make_pipeline(make_pipeline(StandardScaler(), PCA()), regressor()), *sick),
            (target(regressor(6), transformer=StandardScaler()), *wine),
            (target(make_pipeline(least, regressor(6)), transformer=least), wine[0], both[:178]),
            (make_pipeline(StandardScaler(), target(regressor(6))), *sick),
            (target(regressor(3), transformer=StandardScaler()), wine[0], wine[1][:, None]),
        )
    ]


def test_pipelines_answer_as_they_do_alone(fitted, rng):
    """On held-out rows in raw units, all eight in one network."""
    large = inside([model for model, _ in fitted], [rows for _, rows in fitted], rng)
    for number, (model, rows) in enumerate(fitted):
        same(large.predict(number, rows), model.predict(rows))
        if hasattr(model, "classes_"):
            same(large.predict_proba(number, rows), model.predict_proba(rows))


def test_what_a_whitened_pca_and_a_scaler_become_by_hand():
    rows = np.array([[1.0, 10.0], [3.0, 10.0], [2.0, 14.0], [2.0, 6.0]])
    model = fit(make_pipeline(StandardScaler(), PCA(whiten=True), regressor()), rows, rows[:, 0])
    circuits = from_sklearn([model])
    ((weight,),) = circuits.weights
    spread = np.sqrt(4 / 3)  # of each whitened column, with one degree of freedom less
    scaled = (rows - [2, 10]) / rows.std(axis=0)
    by_hand = (scaled @ model[1].components_.T / spread) @ model[2].coefs_[0]
    np.testing.assert_allclose(rows @ weight.T + circuits.biases[0], by_hand + model[2].intercepts_)


def test_single_precision_is_multiplied_in_double(rng):
    rows = (rng.standard_normal((50, 3)) * [1, 100, 1] + [0, 5000, 0]).astype(np.float32)
    model = fit(make_pipeline(StandardScaler(), regressor(4)), rows, rows[:, 0])
    large = inside([model], [rows], rng)
    assert large.circuits.dtype == np.float32
    np.testing.assert_allclose(large.predict(0, rows), model.predict(rows), atol=2e-3)


def test_what_is_not_linear_is_refused_with_what_to_do(fitted):
    rows, wanted = load_wine(return_X_y=True)
    ours, rest = "StandardScaler, MinMaxScaler or PCA, which are linear", "transform rows by it"
    yourself = f"{rest} yourself, and give a pipeline without it"
    after = "give `regressor_` alone, and transform its answers yourself"
    normal = make_pipeline(make_pipeline(Normalizer()), classifier())
    clipped = make_pipeline(MinMaxScaler(clip=True), classifier())
    bent = TransformedTargetRegressor(regressor(2), func=np.log1p, inverse_func=np.expm1)
    power = TransformedTargetRegressor(regressor(2), transformer=PowerTransformer())
    squared = make_pipeline(FunctionTransformer(np.square), regressor(2))
    for model, kind, message in (
        (fit(normal, rows, wanted), TypeError,
         f"step 'pipeline', step 'normalizer': wanted {ours}, got Normalizer; {yourself}"),
        (fit(clipped, rows, wanted), TypeError,
         f"step 'minmaxscaler': wanted {ours}, got MinMaxScaler with clip; {yourself}"),
        (fit(squared, rows, wanted), TypeError,
         f"step 'functiontransformer': wanted {ours}, got FunctionTransformer; {yourself}"),
        (fit(bent, rows, wanted), TypeError,
         "transformer: wanted StandardScaler or MinMaxScaler, which are linear, got "
         f"FunctionTransformer; {after}"),
        (fit(power, rows, wanted), TypeError,
         "transformer: wanted StandardScaler or MinMaxScaler, which are linear, got "
         f"PowerTransformer; {after}"),
        (make_pipeline(StandardScaler(), classifier()), ValueError,
         "step 'standardscaler': wanted a fitted model; call its fit first"),
        (make_pipeline(PCA(), classifier()), ValueError,
         "step 'pca': wanted a fitted model; call its fit first"),
    ):  # fmt: skip
        with pytest.raises(kind) as error:
            from_sklearn([model])
        assert str(error.value) == f"models[0], {message}"
    with pytest.raises(ValueError, match=r"^models\['a'\]: wanted a fitted model; call its fit"):
        from_sklearn({"a": TransformedTargetRegressor(regressor(2))})
    with pytest.raises(TypeError, match=r"^models\[1\]: wanted MLPC.* got StandardScaler$"):
        from_sklearn([fitted[0][0], make_pipeline(StandardScaler())])
