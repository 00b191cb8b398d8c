"""PyTorch modules in and out. Skipped, and reported so, where PyTorch is not installed."""

import sys

import numpy as np
import pytest

from superposition import (
    GatedConstruction,
    GatedResidualConstruction,
    MLPCircuits,
    ResidualConstruction,
)
from superposition.circuits.inputs import sample_active
from superposition.interop import from_arrays, from_torch, to_torch


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


def test_models_that_cannot_be_are_named(torch):
    nn = torch.nn

    class Twice(nn.Sequential):
        def forward(self, state):
            return super().forward(super().forward(state))

    for model, kind, message in (
        (nn.ReLU(), TypeError,
         "models[0]: wanted torch.nn.Sequential of Linear and ReLU, got ReLU"),
        (Twice(nn.Linear(2, 2)), TypeError,
         "models[0]: wanted torch.nn.Sequential of Linear and ReLU, got Twice"),
        (nn.Sequential(), ValueError, "models[0]: wanted at least one layer, got none"),
        (nn.Sequential(nn.Linear(2, 2), nn.Tanh()), TypeError,
         "models[0], layer 1: wanted Linear or ReLU, got Tanh"),
        (nn.Sequential(nn.Linear(2, 2), nn.Sequential(nn.Dropout())), TypeError,
         "models[0], layer 1.0: wanted Linear or ReLU, got Dropout"),
        (nn.Sequential(nn.ReLU(), nn.Linear(2, 2)), ValueError,
         "models[0], layer 0: wanted Linear and ReLU in turn, so Linear here, got ReLU"),
        (nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2)), ValueError,
         "models[0], layer 1: wanted Linear and ReLU in turn, so ReLU here, got Linear"),
        (nn.Sequential(nn.Linear(2, 2), nn.ReLU(), nn.Linear(3, 2)), ValueError,
         "models[0], layer 1, weight: wanted shape (width_2, width_1 = 2), got (2, 3)"),
        (nn.Sequential(nn.Linear(2, 2).half()), TypeError,
         "models[0], layer 0: wanted float32 or float64, got torch.float16"),
        (nn.Sequential(nn.Linear(2, 2, device="meta")), ValueError,
         "models[0], layer 0: wanted a Linear with values, got one without"),
    ):  # fmt: skip
        with pytest.raises(kind) as error:
            from_torch([model])
        assert str(error.value) == message


def test_modules_that_may_do_something_else_are_refused(torch):
    nn = torch.nn
    hooked, own, pruned = (nn.Sequential(nn.Linear(2, 2), nn.ReLU()) for _ in range(3))
    hooked[1].register_forward_hook(lambda *given: given[-1] + 1)
    own[1].forward = lambda state: state
    pytest.importorskip("torch.nn.utils.prune").l1_unstructured(pruned[0], "weight", amount=1)
    for model, where in ((hooked, 1), (own, 1), (pruned, 0)):
        with pytest.raises(ValueError, match=rf"^models\[0\], layer {where}: wanted a plain"):
            from_torch([model])
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
