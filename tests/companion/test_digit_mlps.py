"""The plain MLPs of the digit tasks: scikit-learn's own, stored, scored and superposed."""

import warnings
from pathlib import Path

import numpy as np
import pytest

from companion import digits
from companion.__main__ import main
from companion.digits import MLPTraining, train_mlps
from superposition import MLPCircuits, ResidualConstruction
from superposition.superposition import Superposition

NETWORKS = Path(__file__).parents[2] / "book/data/digit_mlps.npz"
FEW = np.array([0, 200])  # the tasks trained again here


@pytest.fixture(scope="module")
def mlps():
    return digits.load_mlps(NETWORKS)


@pytest.fixture(scope="module")
def images():
    return digits.load_tasks().test_inputs[:, :8]


@pytest.fixture(scope="module")
def classifiers():
    """scikit-learn's networks for two tasks, as the stored ones were trained."""
    rng = np.random.default_rng(digits.TRAINING_SEED)
    inputs = digits.noisy_inputs(MLPTraining(), rng)
    return [digits.best_classifier(task, inputs, MLPTraining()) for task in FEW.tolist()]


def answers(circuits, images):
    """(circuits, images), +1 or −1."""
    shown = np.broadcast_to(images[:, None], (len(images), circuits.n_circuits, 8))
    active = np.tile(np.arange(circuits.n_circuits), (len(images), 1))
    return digits.answers(circuits.run(shown, active)[-1]).T


def test_circuits_answer_as_the_classifiers_they_were_made_from(classifiers, images):
    circuits = digits.as_circuits(classifiers)
    predicted = [classifier.predict(images) for classifier in classifiers]
    np.testing.assert_array_equal(answers(circuits, images), predicted)
    scores = circuits.run(np.repeat(images[:, None], 2, axis=1), np.tile([0, 1], (450, 1)))[-1]
    chances = [classifier.predict_proba(images)[:, 1] for classifier in classifiers]
    np.testing.assert_allclose(1 / (1 + np.exp(-scores[..., 0].T)), chances, atol=1e-5)


def test_training_again_gives_the_stored_networks(mlps, images):
    """The same answers but for 2 % of the images: rounding grows over a hundred steps.

    Weights are the same bits where processors are of one kind; on others, up to a tenth off.
    """
    again = train_mlps(FEW, np.random.default_rng(digits.TRAINING_SEED))
    same = answers(again, images) == answers(mlps.take(FEW), images)
    assert same.mean(axis=1).min() >= 0.98
    for weight, kept in zip(again.weights, mlps.take(FEW).weights, strict=True):
        np.testing.assert_allclose(weight, kept, atol=0.1)


def test_training_twice_gives_the_same_bits_whatever_else_is_trained():
    settings = MLPTraining(n_steps=10, n_copies=2, enough=0.0)
    one = train_mlps(np.array([7]), np.random.default_rng(3), settings)
    two = train_mlps(np.array([500, 7]), np.random.default_rng(3), settings)
    for a, b in zip((*one.weights, *one.biases), (*two.weights, *two.biases), strict=True):
        np.testing.assert_array_equal(a[0], b[1])
    assert one.dtype == np.float32


def test_noise_is_added_to_every_copy_of_the_training_images():
    settings = MLPTraining(n_copies=3, noise=0.25)
    copies = digits.noisy_inputs(settings, np.random.default_rng(0)).reshape(3, -1, 8)
    noise = copies - digits.load_tasks().train_inputs[:, :8]
    assert noise.std() == pytest.approx(0.25, rel=0.02)
    assert np.ptp(noise, axis=0).min() > 0


def test_a_poor_start_is_tried_again_and_the_best_is_kept(monkeypatch):
    class Trained:
        def __init__(self, start):
            self.start = start

        def score(self, images, labels, sample_weight):
            return [0.8, 0.9, 0.85, 0.99][self.start]

    def trained(task, start, inputs, settings):
        return Trained(start)

    monkeypatch.setattr(digits, "train_classifier", trained)
    none = np.empty((0, 8))
    for enough, kept in ((0.7, 0), (0.85, 1), (0.97, 1)):
        best = digits.best_classifier(5, none, MLPTraining(enough=enough, n_starts=3))
        assert best.start == kept


def test_stopping_before_convergence_is_meant_and_says_nothing():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        train_mlps(np.array([1]), np.random.default_rng(0), MLPTraining(n_steps=2, n_copies=1))


def test_training_refuses_tasks_that_do_not_exist():
    with pytest.raises(ValueError, match="tasks: wanted entries from 0 to 510, got 511"):
        train_mlps(np.array([511]), np.random.default_rng(0))
    with pytest.raises(TypeError, match=r"rng: wanted a numpy.random.Generator"):
        train_mlps(FEW, 0)


def test_the_stored_mlps_were_trained_with_todays_settings():
    with np.load(NETWORKS) as stored:
        assert str(stored["made_by"]) == digits.mlps_made_by()


def test_the_command_writes_all_of_them(tmp_path, monkeypatch):
    def quickly(tasks, rng):
        assert len(tasks) == digits.N_TASKS
        return MLPCircuits.random(2, (8, 3, 1), rng)

    monkeypatch.setattr(digits, "train_mlps", quickly)
    main(["digit_mlps", str(tmp_path / "m.npz")])
    assert digits.load_mlps(tmp_path / "m.npz").widths == (8, 3, 1)


def test_the_mlps_have_learned_every_task(mlps):
    scores = digits.small_scores(mlps)
    assert mlps.widths == (8, 12, 12, 1)
    assert mlps.activations == ("relu", "relu", "linear")
    assert scores.mean() > 0.96
    assert scores.mean(axis=1).min() > 0.92


def test_scores_read_the_components_alone(mlps, images):
    labels = digits.load_tasks().test_labels
    wanted = (answers(mlps, images) == labels) * digits.balance(labels)
    np.testing.assert_array_equal(digits.small_scores(mlps), wanted)


def test_circuits_of_another_input_width_are_refused(rng, make_circuits):
    with pytest.raises(ValueError, match="circuits: wanted inputs of width 8, got 9"):
        digits.small_scores(MLPCircuits.random(511, (9, 2, 1), rng))
    narrow = make_circuits(n_circuits=511, width=8)
    with pytest.raises(ValueError, match="circuits: wanted inputs of width 9, got 8"):
        digits.small_scores(narrow)
    large = ResidualConstruction(30, 40).compress(narrow.take([0, 1]), rng)
    with pytest.raises(ValueError, match="circuits: wanted inputs of width 9, got 8"):
        digits.superposed_scores(large, np.array([0]), np.array([0]), 1, rng)


class SideBySide(Superposition):
    """Every circuit at its own place: a network that keeps inputs, read by running the circuits."""

    def embed(self, inputs, active):
        state = np.full((len(inputs), self.circuits.n_circuits, 8), np.nan)
        np.put_along_axis(state, active[..., None], inputs, axis=1)
        return state

    def read(self, state, which, layer):
        return self.circuits.run(np.take_along_axis(state, which[..., None], axis=1), which)[layer]

    def read_all(self, state, layer):
        raise NotImplementedError


class Keeping:
    """A network that does nothing."""

    def run(self, state):
        return (state,)


def test_superposed_scores_of_mlps_without_interference_are_their_own(mlps):
    few = mlps.take(np.arange(6))
    rng = np.random.default_rng(2)
    which, shown = rng.integers(6, size=300), rng.integers(450, size=300)
    large = SideBySide(few, None, Keeping(), (0,), None)
    scores = digits.superposed_scores(large, which, shown, 3, rng)
    np.testing.assert_array_equal(scores, digits.small_scores(mlps)[which, shown])


def test_mlps_are_stored_whole(tmp_path, rng):
    circuits = MLPCircuits.random(3, (8, 5, 1), rng)
    circuits = MLPCircuits(circuits.weights, circuits.biases, ("relu", "linear"))
    digits.save_circuits(tmp_path / "m.npz", circuits, "by hand")
    loaded = digits.load_mlps(tmp_path / "m.npz")
    assert loaded.activations == ("relu", "linear")
    assert loaded.dtype == np.float64
    for name in ("weights", "biases"):
        for a, b in zip(getattr(loaded, name), getattr(circuits, name), strict=True):
            np.testing.assert_array_equal(a, b)
    with np.load(tmp_path / "m.npz") as stored:
        assert str(stored["made_by"]) == "by hand"
    assert [path.name for path in tmp_path.iterdir()] == ["m.npz"]


def test_a_damaged_or_foreign_file_of_mlps_is_refused(tmp_path, rng, make_circuits):
    file = tmp_path / "m.npz"
    digits.save_circuits(file, MLPCircuits.random(30, (8, 5, 1), rng))
    whole = file.read_bytes()
    with pytest.raises(ValueError, match="path: wanted a file of circuits"):
        digits.load_circuits(file)  # of the other kind
    middle = len(whole) // 4
    scratched = whole[:middle] + bytes(64) + whole[middle + 64 :]
    for damaged in (whole[: len(whole) // 2], b"", b"not an archive", scratched):
        file.write_bytes(damaged)
        with pytest.raises(ValueError, match="path: wanted a file of circuits"):
            digits.load_mlps(file)
    digits.save_circuits(file, make_circuits())
    with pytest.raises(ValueError, match="path: wanted a file of circuits"):
        digits.load_mlps(file)
    for foreign in ("relu", ["relu"], ["tanh"], []):
        np.savez(file, activations=np.array(foreign), weights_0=np.ones((2, 3, 4)), biases_0=1.0)
        with pytest.raises(ValueError, match="path: wanted a file of circuits"):
            digits.load_mlps(file)
