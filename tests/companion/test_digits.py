"""The 511 digit tasks and the small networks trained on them."""

from pathlib import Path

import numpy as np
import pytest
from scipy.optimize import approx_fprime

from companion import digits
from companion.digits import TRAINING_SEED, loss_gradient, train
from superposition import ResidualConstruction

NETWORKS = Path(__file__).parents[2] / "book/data/digit_networks.npz"


@pytest.fixture(scope="module")
def tasks():
    return digits.load_tasks()


@pytest.fixture(scope="module")
def networks():
    return digits.load_circuits(NETWORKS)


@pytest.fixture(scope="module")
def small_scores(networks):
    return digits.small_scores(networks)


def test_the_tasks_are_all_ways_to_split_ten_digits_in_two():
    splits = {frozenset(np.flatnonzero(side > 0)) for side in digits.sides()}
    assert len(splits) == digits.N_TASKS == (2**10 - 2) // 2
    # a split named from its other side would be the same task again
    assert all(frozenset(range(10)) - split not in splits for split in splits)


def test_train_and_test_images_do_not_overlap(tasks):
    train_rows = {row.tobytes() for row in tasks.train_inputs}
    assert len(tasks.train_inputs) + len(tasks.test_inputs) == 1797
    assert not any(row.tobytes() in train_rows for row in tasks.test_inputs)


def test_inputs_are_whitened_on_the_training_images_and_the_answer_starts_at_zero(tasks):
    components = tasks.train_inputs[:, :-1]
    np.testing.assert_allclose(components.mean(axis=0), 0, atol=1e-12)
    np.testing.assert_allclose(np.cov(components.T), np.eye(8) / 8, atol=1e-12)
    assert not tasks.train_inputs[:, -1].any()
    assert not tasks.test_inputs[:, -1].any()


def test_labels_follow_the_digits(tasks):
    for task, image in ((0, 3), (100, 20), (510, 77)):
        digit = tasks.test_digits[image]
        assert tasks.test_labels[task, image] == (1 if (task + 1) >> digit & 1 else -1)


def test_balanced_scores_by_hand():
    labels = np.array([[1, -1, -1, -1]])
    weights = digits.balance(labels)
    np.testing.assert_allclose(weights, [[2, 2 / 3, 2 / 3, 2 / 3]])
    right = np.array([[True, True, True, False]])
    assert (weights * right).mean() == pytest.approx((1 + 2 / 3) / 2)
    with pytest.raises(ValueError, match="images on both sides"):
        digits.balance(np.array([[1, 1]]))


def test_loss_gradient_against_finite_differences(rng):
    shapes = [(2, 3, 4, 5), (2, 3, 4), (2, 3, 5, 4)]
    params = [rng.standard_normal(shape) for shape in shapes]
    inputs, noise = rng.standard_normal((6, 5)), 0.1 * rng.standard_normal((2, 5, 6))
    labels, weights = rng.choice([-1.0, 1.0], (3, 6)), rng.uniform(0.5, 2, (3, 6))

    def loss(flat):
        cut = np.split(flat, np.cumsum([p.size for p in params])[:-1])
        parts = [part.reshape(shape) for part, shape in zip(cut, shapes, strict=True)]
        return loss_gradient(parts, inputs, labels, weights, noise)[0].sum()

    gradients = loss_gradient(params, inputs, labels, weights, noise)[1]
    flat = np.concatenate([p.ravel() for p in params])
    wanted = approx_fprime(flat, loss, 1e-7)
    np.testing.assert_allclose(np.concatenate([g.ravel() for g in gradients]), wanted, atol=2e-6)


def test_the_stored_networks_were_trained_with_todays_settings():
    with np.load(NETWORKS) as stored:
        assert str(stored["made_by"]) == digits.residual_made_by()


def test_training_adds_noise_and_shrinks_weights_at_a_falling_rate(monkeypatch):
    """With no gradient only the decay is left: a product of (1 − rate · decay)."""
    heard = []

    def no_gradient(params, inputs, labels, weights, noise):
        heard.append(noise)
        return np.zeros(2), [np.zeros_like(p) for p in params]

    monkeypatch.setattr(digits, "loss_gradient", no_gradient)
    settings = digits.Training(n_steps=20, learning_rate=0.05, weight_decay=0.3, noise=0.25)
    rng = np.random.default_rng(0)
    first = digits._first_parameters(2, settings, np.random.default_rng(0))
    trained = train(np.array([3, 4]), rng, settings)
    shrunk = np.prod(1 - 0.3 * 0.05 * (1 - np.arange(20) / 20))
    np.testing.assert_allclose(trained.read_in, shrunk * first[0], rtol=1e-5)
    assert np.std(heard) == pytest.approx(0.25, rel=0.05)


def test_adam_follows_its_definition():
    """Two steps of one weight, worked from Kingma & Ba's formulas."""
    weight, moments = [np.array([1.0])], [(np.zeros(1), np.zeros(1))]
    digits._adam(weight, [np.array([2.0])], moments, 0, 0.1, 0.0)
    np.testing.assert_allclose(weight[0], 0.9, rtol=1e-6)
    digits._adam(weight, [np.array([-1.0])], moments, 1, 0.1, 0.5)
    first, second = 0.9 * 0.2 - 0.1, 0.999 * 0.004 + 0.001
    step = 0.1 * first / 0.19 / np.sqrt(second / (1 - 0.999**2))
    np.testing.assert_allclose(weight[0], 0.9 * 0.95 - step, rtol=1e-6)


def test_retraining_a_few_agrees_with_the_stored_networks(networks, small_scores, tasks):
    chosen = np.array([0, 37, 200, 389, 510])
    again = train(chosen, np.random.default_rng(TRAINING_SEED))
    active = np.arange(len(chosen))[:, None]
    right = [
        digits.answers(again.run(np.broadcast_to(x, (5, 1, 9)), active)[-1])[:, 0]
        for x in tasks.test_inputs
    ]
    labels = tasks.test_labels[chosen]
    scores = (np.stack(right, axis=1) == labels) * digits.balance(labels)
    np.testing.assert_allclose(scores.mean(axis=1), small_scores[chosen].mean(axis=1), atol=0.02)


def test_the_small_networks_have_learned_every_task(networks, small_scores):
    assert networks.n_circuits == digits.N_TASKS
    assert small_scores.mean() > 0.96
    assert small_scores.mean(axis=1).min() > 0.9


def test_small_scores_need_a_network_for_every_task(networks):
    with pytest.raises(ValueError, match="circuits: wanted 511, one per task, got 2"):
        digits.small_scores(networks.take([0, 1]))


def test_superposed_scores_in_the_exact_limit_are_the_small_networks_own(networks, small_scores):
    """Few tasks, a very wide network: the same answers on (nearly) every image."""
    few = networks.take(np.arange(5))
    wide = ResidualConstruction(1000, 6000, 8).compress(few, np.random.default_rng(1))
    rng = np.random.default_rng(2)
    which, images = rng.integers(5, size=400), rng.integers(450, size=400)
    scores = digits.superposed_scores(wide, which, images, 1, rng)
    assert np.mean(scores == small_scores[which, images]) > 0.98


@pytest.mark.parametrize("same_image", [False, True])
def test_companions_are_other_tasks_on_the_images_asked_for(same_image, networks, monkeypatch):
    superposition = ResidualConstruction(30, 40).compress(
        networks.take(np.arange(6)), np.random.default_rng(0)
    )
    seen = []
    embed = type(superposition).embed

    def spy(self, inputs, active):
        seen.append((inputs, active))
        return embed(self, inputs, active)

    monkeypatch.setattr(type(superposition), "embed", spy)
    which, images = np.arange(6).repeat(40), np.arange(240)
    digits.superposed_scores(
        superposition, which, images, 3, np.random.default_rng(3), same_image=same_image
    )
    inputs = np.concatenate([i for i, _ in seen])
    active = np.concatenate([a for _, a in seen])
    np.testing.assert_array_equal(active[:, 0], which)
    assert all(len(set(row)) == 3 for row in active.tolist())
    assert set(active[:, 1:].ravel().tolist()) == set(range(6))
    np.testing.assert_array_equal(inputs[:, 0], digits.load_tasks().test_inputs[images])
    alike = (inputs == inputs[:, :1]).all(axis=(1, 2))
    assert alike.all() if same_image else alike.mean() < 0.1


def test_superposed_scores_refuse_tasks_and_images_that_do_not_exist(networks):
    superposition = ResidualConstruction(30, 40).compress(
        networks.take(np.arange(6)), np.random.default_rng(0)
    )
    rng = np.random.default_rng(0)
    with pytest.raises(ValueError, match="which: wanted entries from 0 to 5"):
        digits.superposed_scores(superposition, np.array([6]), np.array([0]), 1, rng)
    with pytest.raises(ValueError, match="images: wanted entries from 0 to 449"):
        digits.superposed_scores(superposition, np.array([0]), np.array([450]), 1, rng)
    with pytest.raises(ValueError, match="n_active: wanted at most 6"):
        digits.superposed_scores(superposition, np.array([0]), np.array([0]), 7, rng)


def test_circuits_are_stored_whole(tmp_path, make_circuits):
    circuits = make_circuits()
    digits.save_circuits(tmp_path / "c.npz", circuits)
    loaded = digits.load_circuits(tmp_path / "c.npz")
    for name in ("read_in", "bias", "write_out"):
        np.testing.assert_array_equal(getattr(loaded, name), getattr(circuits, name))
    assert [path.name for path in tmp_path.iterdir()] == ["c.npz"]


def test_a_damaged_or_foreign_file_of_circuits_is_refused(tmp_path, make_circuits):
    file = tmp_path / "c.npz"
    digits.save_circuits(file, make_circuits())
    whole = file.read_bytes()
    for damaged in (whole[: len(whole) // 2], b"", b"not an archive"):
        file.write_bytes(damaged)
        with pytest.raises(ValueError, match="path: wanted a file of circuits"):
            digits.load_circuits(file)
    np.savez(file, read_in=np.ones(3))
    with pytest.raises(ValueError, match="path: wanted a file of circuits"):
        digits.load_circuits(file)


def test_a_save_that_fails_leaves_nothing_behind(tmp_path, make_circuits, monkeypatch):
    def fail(*args, **options):
        raise OSError("disk full")

    monkeypatch.setattr(np, "savez_compressed", fail)
    with pytest.raises(OSError, match="disk full"):
        digits.save_circuits(tmp_path / "c.npz", make_circuits())
    assert list(tmp_path.iterdir()) == []
