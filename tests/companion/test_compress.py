"""Models of classic tables, their scores inside a network, and the chapter's PyTorch example."""

import re

import numpy as np
import pytest

from companion.compress import scores_inside, train_models
from superposition import GatedConstruction
from superposition.interop import from_sklearn, with_inputs


@pytest.fixture(scope="module")
def trained():
    return train_models()


@pytest.fixture(scope="module")
def large(trained):
    circuits = with_inputs(from_sklearn([t.model for t in trained]), [t.inputs for t in trained])
    construction = GatedConstruction(redundancy=2, input_bound=circuits.sampler.longest)
    return construction.compress(circuits, np.random.default_rng(0))


def test_models_are_of_different_shapes_and_know_something(trained):
    shapes = {(t.inputs.shape[1], t.model.hidden_layer_sizes) for t in trained}
    assert len(shapes) >= 6
    scores = np.array([t.model.score(t.inputs, t.wanted) for t in trained])
    assert np.median(scores) > 0.4
    assert len({t.name for t in trained}) == len(trained) == 37


def test_one_at_a_time_scores_are_the_models_own(trained, large, rng):
    scores = scores_inside(trained, large, 1, rng)
    np.testing.assert_allclose(scores["inside"], scores["alone"], atol=1e-9)
    assert scores["name"].tolist() == [t.name for t in trained]


def test_with_others_active_scores_fall(trained, large, rng):
    scores = scores_inside(trained, large, 4, rng)
    assert scores["inside"].mean() < scores["alone"].mean() - 0.05


def test_other_numbers_are_refused(trained, large, rng):
    with pytest.raises(ValueError, match=r"^trained: wanted 37 models, .* circuits, got 3$"):
        scores_inside(trained[:3], large, 1, rng)
    with pytest.raises(ValueError, match=r"^n_active: wanted at most 37, the number of circuits"):
        scores_inside(trained, large, 38, rng)


def test_the_chapters_pytorch_lines_run_as_printed(request):
    """Models in, a PyTorch module and truth out."""
    torch = pytest.importorskip("torch", reason="PyTorch, an extra, is not installed")
    text = (request.config.rootpath / "book/compress.md").read_text()
    code, more = re.findall(r"```python\n(.*?)```", text, re.S)
    names = {"rng": np.random.default_rng(0)}  # of the chapter's first cell
    exec(code, names)
    assert names["batch"].on.sum() == 200
    wanted = names["large"].network.run(names["batch"].first)[-1]
    np.testing.assert_allclose(names["output"].detach().numpy(), wanted, rtol=1e-6, atol=1e-6)
    assert names["network"](torch.tensor(names["batch"].first)).shape == (100, wanted.shape[1])
    rows, large = names["rows"], names["large"]
    said = large.run(rows[:, None], np.full((len(rows), 1), 2))[-1]
    assert said.shape == (len(rows), 1, 1)
    right = names["models"][2].predict(rows)
    np.testing.assert_array_equal(said[:, 0, 0] > 0, right)
    matrix = names["truth"]["weights[0]"]
    np.testing.assert_allclose(matrix.dense(), names["large"].network.weights[0], atol=1e-9)
    exec(more, names)
    np.testing.assert_array_equal(names["iris"], right)
    alone = names["deep"](torch.tensor(rows)).detach().numpy()
    np.testing.assert_allclose(names["answers"], alone, rtol=1e-9, atol=1e-9)
    told = torch.tensor(rows[:, None]), torch.ones(len(rows), 1, dtype=torch.int64)
    np.testing.assert_allclose(names["whole"](*told)[:, 0].detach().numpy(), alone, atol=1e-9)
