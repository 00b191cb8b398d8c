"""PyTorch modules in and out. Skipped, and reported so, where PyTorch is not installed."""

import sys

import numpy as np
import pytest
from sklearn.neural_network import MLPRegressor

from superposition import (
    ChainConstruction,
    GatedConstruction,
    GatedResidualConstruction,
    MLPCircuits,
    MLPConstruction,
    ResidualConstruction,
)
from superposition.circuits import switched
from superposition.circuits.inputs import UnitInputs, sample_active
from superposition.constructions.told import ToldConstruction
from superposition.interop import from_arrays, from_sklearn, from_torch, joined, to_torch


@pytest.fixture
def torch():
    return pytest.importorskip("torch", reason="PyTorch, an extra, is not installed")


@pytest.fixture
def mlps(rng):
    return MLPCircuits.random(9, (3, 4, 2), rng)


@pytest.mark.parametrize("name", ["torch"])
def test_without_pytorch_it_is_said(name, monkeypatch, mlps, rng):
    monkeypatch.setitem(sys.modules, name, None)
    large = GatedConstruction().compress(mlps, rng)
    with pytest.raises(ImportError, match=r"^to_torch: wanted PyTorch, which is not installed"):
        to_torch(large)
    with pytest.raises(ImportError, match=r"^from_torch: wanted PyTorch, which is not installed"):
        from_torch([1])


def large_networks(mlps, make_circuits, rng):
    linear = MLPCircuits(mlps.weights, mlps.biases, ["relu", "linear"]).astype(np.float32)
    return [
        GatedConstruction(redundancy=2).compress(mlps, rng),
        GatedConstruction().compress(linear, rng),
        ResidualConstruction(30, 60).compress(make_circuits(), rng),
        GatedResidualConstruction().compress(make_circuits(), rng),
    ]


def test_modules_compute_what_networks_do(torch, mlps, make_circuits, rng):
    for large in large_networks(mlps, make_circuits, rng):
        module, network = to_torch(large), large.network
        active = sample_active(large.circuits.n_circuits, 1, 20, rng)
        first = large.embed(large.circuits.default_inputs(active, rng), active)
        first = first.astype(large.circuits.dtype)
        with torch.no_grad():
            found = module(torch.tensor(first)).numpy()
        assert found.dtype == large.circuits.dtype
        size = np.abs(network.run(first)[-1]).max()
        rounding = 1e-4 if found.dtype == np.float32 else 1e-11
        np.testing.assert_allclose(found, network.run(first)[-1], atol=rounding * size)
        assert sum(p.numel() for p in module.parameters()) == network.n_parameters
        assert all(parameter.requires_grad for parameter in module.parameters())


def test_every_state_can_be_hooked(torch, mlps, make_circuits, rng):
    gated, _, residual, _ = large_networks(mlps, make_circuits, rng)
    for large, names in (
        (gated, ["relu0", "relu1"]),
        (residual, ["block0", "block1"]),
    ):
        module, seen = to_torch(large), {}
        for name, part in module.named_modules():
            part.register_forward_hook(lambda _, __, out, n=name, to=seen: to.update({n: out}))
        first = large.embed(np.ones((1, 1, 3)) / 2, [[4]])
        module(torch.tensor(first))
        for name, state in zip(names, large.network.run(first)[1:], strict=True):
            np.testing.assert_allclose(seen[name].detach().numpy(), state, atol=1e-11)
    assert {"block0.read_in", "block0.relu", "block0.write_out"} <= set(seen)
    neurons = large.network.step(first, 0)[1]
    np.testing.assert_allclose(seen["block0.relu"].detach().numpy(), neurons, atol=1e-12)


def test_modules_are_copies_that_can_be_trained(torch, mlps, rng):
    large = GatedConstruction().compress(mlps, rng)
    before = [weight.copy() for weight in large.network.weights]
    module = to_torch(large)
    optimiser = torch.optim.SGD(module.parameters(), lr=0.1)
    first = torch.tensor(large.embed(np.ones((4, 1, 3)) / 2, np.arange(4)[:, None]))
    losses = []
    for _ in range(3):
        loss = (module(first) ** 2).mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    assert losses[2] < losses[0]
    for weight, kept in zip(large.network.weights, before, strict=True):
        np.testing.assert_array_equal(weight, kept)


def test_only_superpositions_become_modules(torch, mlps, rng):
    with pytest.raises(TypeError, match=r"^superposition: wanted Superposition, got MLPCircuits$"):
        to_torch(mlps)
    large = GatedConstruction().compress(mlps, rng)
    wanted = (
        r"^superposition: wanted one with an MLPNetwork or a ResidualNetwork, got NetworkInFactors$"
    )
    with pytest.raises(TypeError, match=wanted):
        to_torch(large.in_factors())


def models(torch):
    nn = torch.nn
    torch.manual_seed(0)
    relu = nn.ReLU()
    made = [
        nn.Sequential(nn.Linear(3, 5), relu, nn.Linear(5, 4), relu, nn.Linear(4, 2)),
        nn.Sequential(nn.Sequential(nn.Linear(2, 4, bias=False), nn.ReLU()), nn.Linear(4, 1)),
        nn.Sequential(nn.Linear(4, 3), nn.ReLU()),
        nn.Linear(2, 3),
    ]
    return [model.double() for model in made]


def test_models_answer_as_they_did(torch, rng):
    """Among them one that uses the same ReLU twice, a nested one, and one that ends with ReLU."""
    made = models(torch)
    circuits = from_torch(made)
    assert circuits.n_layers == 3
    for i, (model, n_inputs) in enumerate(zip(made, (3, 2, 4, 2), strict=True)):
        inputs = rng.standard_normal((9, n_inputs))
        padded = np.pad(inputs, [(0, 0), (0, 4 - n_inputs)])[:, None]
        found = circuits.run(padded, np.full((9, 1), i))[-1][:, 0]
        with torch.no_grad():
            wanted = model(torch.tensor(inputs)).numpy()
        np.testing.assert_allclose(found[:, : wanted.shape[1]], wanted, atol=1e-12)


def test_what_is_trained_and_compressed_comes_out_again(torch, rng):
    """In, one network, out as a module: the original's answers, one at a time."""
    made = models(torch)
    circuits = from_torch(made)
    large = GatedConstruction(redundancy=2, input_bound=4.0).compress(circuits, rng)
    module = to_torch(large)
    for i, (model, n_inputs) in enumerate(zip(made, (3, 2, 4, 2), strict=True)):
        inputs = rng.standard_normal((9, n_inputs)) / 2
        padded = np.pad(inputs, [(0, 0), (0, 4 - n_inputs)])[:, None]
        active = np.full((9, 1), i)
        with torch.no_grad():
            last = module(torch.tensor(large.embed(padded, active))).numpy()
            wanted = model(torch.tensor(inputs)).numpy()
        found = large.read(last, active, circuits.n_layers)[:, 0]
        np.testing.assert_allclose(found[:, : wanted.shape[1]], wanted, atol=1e-9)


def exact_modules(torch):
    """Modules that are matrices, biases and ReLUs, whatever they are called."""
    nn, f = torch.nn, torch.nn.functional

    class Named(nn.Module):
        def __init__(self):
            super().__init__()
            self.first, self.second = nn.Linear(4, 8), nn.Linear(8, 3)

        def forward(self, state):
            return self.second(f.dropout(f.leaky_relu(self.first(state), 0.1), 0.5, self.training))

    class Stream(nn.Module):
        def __init__(self):
            super().__init__()
            self.embedding, self.unembedding = nn.Parameter(torch.randn(4, 6)), nn.Linear(6, 3)
            self.blocks = nn.ModuleList(
                nn.Sequential(nn.Linear(6, 5), nn.ReLU(), nn.Linear(5, 6)) for _ in range(3)
            )
            self.shift = nn.Parameter(torch.randn(6))

        def forward(self, state):
            state = torch.flatten(state, 1) @ self.embedding
            for block in self.blocks:
                state = state + block(state)
            return self.unembedding(state + self.shift)

    class Both(nn.Module):
        def __init__(self):
            super().__init__()
            self.block = nn.Sequential(nn.Linear(4, 4), nn.LeakyReLU(0.3))

        def forward(self, state):
            return (self.block(state) + state).relu() + state

    norm, first = nn.BatchNorm1d(8, eps=0.5), nn.BatchNorm1d(4, affine=False)
    for one in (norm, first):
        one.running_mean += torch.randn(len(one.running_mean))
        one.running_var *= 2.5
    norm.weight.data += torch.rand(8)
    one, two, three = nn.Linear(4, 8), nn.Linear(8, 3), nn.Linear(3, 5)
    made = {
        "named": Named(),
        "stream": Stream(),
        "both": Both(),
        "norm": nn.Sequential(first, one, norm, nn.ReLU(), nn.Dropout(), two, nn.Identity()),
        "linear": nn.Sequential(nn.Flatten(), one, two, nn.ReLU(), three, nn.LeakyReLU(0.2)),
        "twice": nn.Sequential(one, nn.ReLU(), nn.ReLU(), nn.Sequential(two, nn.Sigmoid())),
        "softmax": nn.Sequential(one, nn.ReLU(), two, nn.Softmax(dim=1)),
    }
    return {name: model.double().eval() for name, model in made.items()}


def test_modules_of_many_kinds_answer_as_they_did(torch, rng):
    """One at a time, in one network; among them two streams, and sigmoids that are no layers."""
    torch.manual_seed(0)
    made = exact_modules(torch)
    large = GatedConstruction(input_bound=9).compress(from_torch(made), rng)
    again = from_torch(torch.nn.ModuleDict(made))
    assert again.models == large.circuits.models
    assert from_torch(torch.nn.ModuleList(made.values())).widths == again.widths
    assert from_torch(model for model in made.values()).n_circuits == len(made)
    rows = rng.standard_normal((40, 4))
    for name, model in made.items():
        with torch.no_grad():
            wanted = model(torch.tensor(rows)).numpy()
        found = large.predict(name, rows)
        assert (found.shape, found.dtype) == (wanted.shape, wanted.dtype)
        assert np.abs(found - wanted).max() < 1e-9 * wanted.std(), name
    images = rows.reshape(40, 1, 2, 2)
    np.testing.assert_array_equal(large.predict("linear", images), large.predict("linear", rows))
    with pytest.raises(
        ValueError, match=r"^rows\[0\]: wanted shape \(rows, columns\), got \(40, 1"
    ):
        large.predict("norm", images)


def test_models_of_two_libraries_answer_in_one_network(torch, rng):
    """A module and a scikit-learn model, of other shapes, and circuits that were no models."""
    module = exact_modules(torch)["stream"]
    rows = rng.standard_normal((30, 5))
    model = MLPRegressor(hidden_layer_sizes=(), solver="lbfgs").fit(rows, rows[:, 0])
    drawn = MLPCircuits.random(1, (2, 3, 1), rng)
    none = MLPCircuits(drawn.weights, drawn.biases, ("relu", "linear"))
    circuits = joined(from_torch({"stream": module}), from_sklearn([model]), none)
    large = GatedConstruction(input_bound=9).compress(circuits, rng)
    wanted = module(torch.tensor(rows[:, :4])).detach().numpy()
    np.testing.assert_allclose(large.predict("stream", rows[:, :4]), wanted, atol=1e-10)
    np.testing.assert_allclose(large.predict(1, rows), model.predict(rows), atol=1e-10)
    own = none.run(rows[:, None, :2], np.zeros((30, 1), int))[-1]
    padded = circuits.run(rows[:, None] * [1, 1, 0, 0, 0], np.full((30, 1), 2))[-1]
    np.testing.assert_allclose(padded[..., :1], own, atol=1e-12)
    assert circuits.models[2] is None
    with pytest.raises(ValueError) as error:  # noqa: PT011
        joined(none, drawn)
    wanted = "wanted ReLU after all layers but the last"
    assert str(error.value) == f"parts[1]: {wanted}, got ('relu', 'relu')"
    with pytest.raises(TypeError, match=r"^parts\[0\]: wanted MLPCircuits, got list$"):
        joined([none])


def test_a_leaky_relu_and_a_stream_by_hand(torch):
    nn = torch.nn
    leaky = nn.Sequential(nn.Linear(1, 1), nn.LeakyReLU(0.25), nn.Linear(1, 1)).double()
    leaky.load_state_dict({k: torch.tensor(v) for k, v in (
        ("0.weight", [[2.0]]), ("0.bias", [1.0]), ("2.weight", [[3.0]]), ("2.bias", [5.0]),
    )})  # fmt: skip
    circuits = from_torch([leaky])
    assert [w[0].tolist() for w in circuits.weights] == [[[2], [-2]], [[3, -0.75]]]
    assert [b[0].tolist() for b in circuits.biases] == [[1, -1], [5]]
    state = {"in.weight": np.eye(1), "in.bias": np.array([0.5]), "b": np.array([7.0]),
             "out": np.array([[2.0]])}  # fmt: skip
    stream = from_torch([state], architecture=[["in", torch.nn.ReLU(), "b"], "out"])
    assert [w[0].tolist() for w in stream.weights] == [[[1], [1], [-1]], [[2, 2, -2]]]
    assert [b[0].tolist() for b in stream.biases] == [[0.5, 0, 0], [14]]


def test_state_dicts_are_what_their_architecture_says(torch, rng):
    torch.manual_seed(1)
    made = exact_modules(torch)
    rows = rng.standard_normal((20, 4))
    plans = {
        "named": ["first", torch.nn.LeakyReLU(0.1), "second"],
        "norm": [{"0": 1e-5}, "1", {"2": 0.5}, "relu", "5"],
        "stream": ["embedding", *([f"blocks.{i}.0", "relu", f"blocks.{i}.2"] for i in range(3)),
                   "shift", "unembedding"],
        "softmax": ["0", "relu", "2", torch.nn.Softmax(dim=-1)],
    }  # fmt: skip
    for name, plan in plans.items():
        state = made[name].state_dict()
        for given in (state, {key: value.numpy() for key, value in state.items()}):
            circuits = from_torch([given], architecture=plan)
            large = GatedConstruction(input_bound=9).compress(circuits, rng)
            wanted = made[name](torch.tensor(rows)).detach().numpy()
            np.testing.assert_allclose(large.predict(0, rows), wanted, atol=1e-10)
    for given, plan, kind, message in (
        (made["named"].state_dict(), ["first", "relu", "third"], ValueError,
         "models[0]: wanted a name of its layers, got 'third'"),
        (made["named"].state_dict(), ["first", "relu"], ValueError,
         "models[0]: wanted an architecture of all entries, got none for ['second.bias', "
         "'second.weight']"),
        (made["norm"].state_dict(), ["0", "1"], ValueError,
         "models[0], layer 0: wanted eps of a normalisation, which no state dict holds; write "
         "{'0': 1e-5}, PyTorch's default, for example"),
        ({"n.weight": np.ones(3), "n.bias": np.ones(3)}, ["n"], ValueError,
         "models[0], layer n: wanted a matrix, got weights of (3,)"),
        (made["named"].state_dict(), "first", TypeError,
         "architecture: wanted a sequence of layers, got str"),
        (made["named"], ["first"], TypeError, "models[0]: wanted Mapping, got Named"),
        (made["named"].state_dict(), None, TypeError,
         "models[0]: wanted a torch.nn.Module, got OrderedDict; for state dicts, say their "
         "architecture"),
    ):  # fmt: skip
        with pytest.raises(kind) as error:
            from_torch([given], architecture=plan)
        assert str(error.value) == message


def test_models_that_cannot_be_are_named(torch):
    nn = torch.nn
    linear, small = nn.Linear(2, 2), nn.Sequential(nn.Linear(2, 3), nn.ReLU())

    class Calls(nn.Module):
        def __init__(self, function):
            super().__init__()
            self.inner, self.small, self.function = linear, small, function
            self.matrix = nn.Parameter(torch.eye(2))

        def forward(self, state):
            return self.function(self, state)

    class Pair(nn.Module):
        def forward(self, one, other):
            return one + other

    class Quantised(nn.Module):
        __module__ = "torch.ao.nn.quantized.dynamic.modules.linear"

    layers = "wanted Linear, ReLU, LeakyReLU, BatchNorm1d, Dropout, Identity, or Flatten(1)"
    calls = f"{layers}, or sums and products with matrices, got"
    for model, kind, message in (
        (nn.ReLU(), ValueError, ": wanted a Linear before the first ReLU"),
        (Pair(), TypeError, ": wanted a forward of one argument, the rows, got more"),
        (Calls(lambda module, x: module.inner(x.flatten(1, end_dim=1))), TypeError,
         f", layer flatten: {layers}, got Flatten(start_dim=1, end_dim=1)"),
        (nn.Sequential(), ValueError,
         ": wanted at least one layer, and one tensor as the answer"),
        (nn.Sequential(linear, nn.Tanh()), TypeError, f", layer 1: {layers}, got Tanh()"),
        (nn.Sequential(linear, nn.Flatten(0)), TypeError,
         f", layer 1: {layers}, got Flatten(start_dim=0, end_dim=-1)"),
        (nn.Sequential(linear, nn.Sequential(nn.Dropout())), ValueError,
         ", layer 1.0: wanted eval mode, got Dropout in training; call eval()"),
        (nn.Sequential(linear, nn.BatchNorm1d(2)), ValueError,
         ", layer 1: wanted eval mode, got BatchNorm1d in training; call eval()"),
        (nn.Sequential(linear, Quantised()), TypeError,
         f", layer 1: {layers}, got Quantised(); give the model as it was before it was quantised"),
        (nn.Sequential(linear, nn.Sigmoid(), linear), TypeError,
         ", layer 0: wanted nothing after sigmoid"),
        (nn.Sequential(small, nn.Linear(4, 2)), ValueError,
         ", layer 1: wanted layers that fit, got inputs 4, after a layer of 3"),
        (nn.Sequential(nn.Linear(2, 2).half()), TypeError,
         ", layer 0: wanted float32 or float64, got torch.float16"),
        (nn.Sequential(nn.Linear(2, 2, device="meta")), ValueError,
         ", layer 0: wanted numbers, got a tensor without values"),
        (Calls(lambda _, x: x + x), ValueError,
         ": wanted a layer before sums, got the input twice"),
        (Calls(lambda m, x: m.inner(x) + m.small(x)), ValueError,
         ": wanted sums of one width, got 2 and 3"),
        (Calls(lambda m, x: x + m.inner(x).relu_() * 0), TypeError,
         f": {calls} mul; give its state dict with an architecture"),
        (Calls(lambda m, x: torch.add(m.inner(x), x, alpha=2)), TypeError,
         f": {calls} add; give its state dict with an architecture"),
        (Calls(lambda m, x: m.inner(x) + m.matrix), TypeError,
         f": {calls} add; give its state dict with an architecture"),
        (Calls(lambda m, x: (y := m.inner(x)) + y.relu_()), ValueError,
         ", layer relu_: wanted no change in place of what is used again"),
        (Calls(lambda m, x: m.inner(x) if x.sum() > 0 else x), TypeError,
         ": wanted a forward that torch.fx can follow, got TraceError: symbolically traced "
         "variables cannot be used as inputs to control flow; give its state dict with an "
         "architecture"),
    ):  # fmt: skip
        with pytest.raises(kind) as error:
            from_torch([model])
        assert str(error.value) == f"models[0]{message}"


def test_modules_that_may_do_something_else_are_refused(torch):
    nn = torch.nn

    class Doubled(nn.Sequential):
        def __call__(self, state):
            return 2 * super().__call__(state)

    class Twice(nn.Sequential):
        def forward(self, state):
            return super().forward(super().forward(state))

    hooked, own, pruned = (nn.Sequential(nn.Linear(2, 2), nn.ReLU()) for _ in range(3))
    hooked[1].register_forward_hook(lambda *given: given[-1] + 1)
    own[1].forward = lambda state: state
    pytest.importorskip("torch.nn.utils.prune").l1_unstructured(pruned[0], "weight", amount=1)
    plain, inner = (
        nn.Sequential(nn.Linear(2, 2)),
        (Doubled(nn.Linear(2, 2)), Twice(nn.Linear(2, 2))),
    )
    of_all = nn.modules.module.register_module_forward_hook
    for model, where in (
        (hooked, ", layer 1"), (own, ", layer 1"), (pruned, ", layer 0"), (inner[0], ""),
        (inner[1], ""), (nn.Sequential(inner[0]), ", layer 0"), (plain, ""),
    ):  # fmt: skip
        handle = of_all(lambda *given: given[-1]) if model is plain else None
        with pytest.raises(ValueError) as error:  # noqa: PT011, compared below
            from_torch([model])
        assert str(error.value) == (
            f"models[0]{where}: wanted a plain module, got one with hooks or a forward or __call__ "
            "of its own (as weight_norm and prune make them)"
        )
    handle.remove()
    from_torch([plain])
    with pytest.raises(TypeError, match=r"^networks\[0\], layer 0, weight: wanted an array"):
        from_arrays([[(nn.Linear(2, 2).weight, np.ones(2))]])


def test_precisions_and_kinds_are_named(torch):
    nn = torch.nn
    good = nn.Linear(2, 2)
    with pytest.raises(TypeError, match=r"^models\[1\]: wanted float32, as in models\[0\], got fl"):
        from_torch([good, nn.Linear(2, 2).double()])
    with pytest.raises(TypeError, match=r"^models: wanted a sequence of them, got Sequential$"):
        from_torch(nn.Sequential(good))
    with pytest.raises(ValueError, match=r"^networks: wanted at least one, got none$"):
        from_torch([])


def with_active_ends(mlps, make_circuits, rng):
    """Networks by several constructions, with bounds above and below 1."""
    linear = MLPCircuits(mlps.weights, mlps.biases, ["relu", "linear"])
    local = ChainConstruction(3, embedding="local", input_bound=2)
    return [
        GatedConstruction(redundancy=2, input_bound=2).compress(mlps, rng),
        GatedConstruction(input_bound=0.3).compress(linear, rng),
        ToldConstruction(60, 2).compress(mlps, rng),
        local.compress(mlps, rng),
        ResidualConstruction(30, 60).compress(make_circuits(9), rng),
        GatedResidualConstruction().compress(make_circuits(9), rng),
    ]


def test_active_circuits_go_in_and_their_answers_come_out(torch, mlps, make_circuits, rng):
    """Two at a time, some on the same slots; with matrices in parts, and trained through."""
    active = sample_active(9, 2, 30, rng)
    inputs = 0.25 * UnitInputs(3)(active, rng)
    for large in with_active_ends(mlps, make_circuits, rng):
        wanted = large.run(inputs, active)[-1]
        for split in (False, True):
            module = to_torch(large, ends="active", split=split)
            given = torch.tensor(inputs, requires_grad=True)
            found = module(given, torch.tensor(active))
            np.testing.assert_allclose(found.detach().numpy(), wanted, atol=1e-11)
            found.square().mean().backward()
            weights = [m.weight for m in module.modules() if isinstance(m, torch.nn.Linear)]
            assert all(weight.grad.abs().max() > 0 for weight in weights)
            assert given.grad.abs().max() > 0
        single = to_torch(large, ends="active", dtype=torch.float32)
        assert {p.dtype for p in single.state_dict().values()} == {torch.float32}
        found = single(given.detach().float(), torch.tensor(active)).detach().numpy()
        np.testing.assert_allclose(found, wanted, atol=1e-4 * np.abs(wanted).max())
        if bound := getattr(large.construction, "input_bound", 0):
            with pytest.raises(ValueError, match=rf"^inputs: wanted none longer than {bound}, got"):
                module(4.1 * bound * given, active)


def test_active_sets_that_are_none_are_refused(torch, mlps, rng):
    large = GatedConstruction(redundancy=2).compress(mlps, rng)
    module, zeros = to_torch(large, ends="active"), torch.zeros(1, 2, 3, dtype=torch.float64)
    for inputs, active, message in (
        (zeros, [[1, 1]], "active: wanted whole numbers below 9, distinct in each row"),
        (zeros, [[-1, 2]], "active: wanted whole numbers below 9, distinct in each row"),
        (zeros, [[0, 9]], "active: wanted whole numbers below 9, distinct in each row"),
        (zeros, [[0.0, 1.0]], "active: wanted whole numbers below 9, distinct in each row"),
        (zeros[0], [[0, 1]], "inputs: wanted shape (batch, k, 3), with active sets (batch, k), got "
         "(2, 3), with (1, 2)"),
        (zeros * torch.nan, [[0, 1]], "inputs: wanted none longer than 1.0, got nan"),
    ):  # fmt: skip
        with pytest.raises(ValueError) as error:  # noqa: PT011, compared below
            module(inputs, torch.tensor(active))
        assert str(error.value) == message
    assert module(zeros[:0], torch.zeros(0, 2, dtype=torch.int64)).shape[:2] == (0, 2)


def test_features_go_in_and_come_out_where_embedding_is_linear(torch, mlps, make_circuits, rng):
    circuits = switched(mlps)
    large = MLPConstruction(120, 2).compress(circuits, rng)
    module = to_torch(large, ends="features")
    active = sample_active(9, 2, 20, rng)
    inputs = circuits.default_inputs(active, rng)
    features, rows = np.zeros((20, 9, 5)), np.arange(20)[:, None]
    features[rows, active] = inputs
    found = module(torch.tensor(features.reshape(20, -1))).detach().numpy().reshape(20, 9, -1)
    np.testing.assert_allclose(found[rows, active], large.run(inputs, active)[-1], atol=1e-11)
    assert [name for name, _ in module.named_children()] == ["embed", "network", "read"]
    gated, chains = GatedConstruction().compress(mlps, rng), ChainConstruction(3)
    for one, given, kind, message in (
        (gated, {"ends": "features"}, TypeError,
         "ends: wanted 'active', since the first state says by gates or indicators who is active, "
         "so that it is no linear map of features; got 'features'"),
        (chains.compress(mlps, rng), {"ends": "active"}, TypeError,
         "ends: wanted circuits that are not placed by looking at the whole active set; take "
         "embedding='local', or embed outside, with ends=None"),
        (gated, {"ends": "both"}, ValueError,
         "ends: wanted None, 'active' or 'features', got 'both'"),
        (gated, {"dtype": "float32"}, TypeError,
         "dtype: wanted a torch dtype of floats, such as torch.float32, got 'float32'"),
    ):  # fmt: skip
        with pytest.raises(kind) as error:
            to_torch(one, **given)
        assert str(error.value) == message


def test_split_matrices_are_circuits_parts_and_the_rest(torch, mlps, make_circuits, rng):
    for large in with_active_ends(mlps, make_circuits, rng)[::5]:
        splits = [m for m in to_torch(large, split=True).modules() if hasattr(m, "rest")]
        for one, split in zip(large.sums, splits, strict=True):
            own = sum(one.component(t) for t in range(9))
            np.testing.assert_allclose(split.circuits.weight.detach(), own, atol=1e-12)
            np.testing.assert_allclose(split.rest.weight.detach(), one.dense() - own, atol=1e-11)
