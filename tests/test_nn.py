"""Modules against PyTorch: registering, walking, printing, saving, hooks, layers, losses."""

from __future__ import annotations

import copy
import pickle
from collections import OrderedDict
from typing import Any

import numpy as np
import pytest
from oracle import BOTH, agree, assert_same, make, torch
from sampling import values

import symgrad as sg
from symgrad.tensor import state

X = values(5, 3).astype(np.float32)


def net(lib: Any) -> Any:
    nn = lib.nn

    class Block(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first = nn.Linear(3, 4)
            self.act = nn.ReLU()
            self.register_buffer("scale", lib.tensor(2.0))
            self.register_buffer("count", lib.tensor(3), persistent=False)
            self.gain = nn.Parameter(lib.ones(()))
            self.none = None

        def forward(self, x: Any) -> Any:
            return self.act(self.first(x)) * self.scale * self.gain

    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.blocks = nn.ModuleList([Block(), Block()])
            self.blocks[1].first = nn.Linear(4, 2, bias=False)
            self.head = nn.Sequential(
                OrderedDict(a=nn.Tanh(), b=nn.Linear(2, 1), c=nn.Flatten(0, 1))
            )
            self.shared = self.head.b
            self.tied = self.head.b.weight

        def forward(self, x: Any) -> Any:
            for block in self.blocks:
                x = block(x)
            return self.head(x)

    model = Net()
    with lib.no_grad():
        for i, p in enumerate(model.parameters()):
            p.copy_(make(lib, values(*p.shape, seed=i).astype(np.float32)))
    return model


def test_forward_backward_and_names() -> None:
    def program(lib: Any) -> Any:
        model = net(lib)
        out = model(make(lib, X))
        out.sum().backward()
        return (
            out,
            [n for n, _ in model.named_parameters()],
            [p.grad for p in model.parameters()],
            [n for n, _ in model.named_buffers()],
            [n for n, _ in model.named_modules()],
            [n for n, _ in model.named_children()],
            [n for n, _ in model.named_parameters(recurse=False)],
            [n for n, _ in model.blocks[0].named_parameters(prefix="p")],
            list(model.state_dict()),
            len(list(model.modules())),
        )

    agree(program, 1e-5, 1e-6)


PRINTED = {
    "net": net,
    "linear": lambda T: T.nn.Linear(2, 3, bias=False),
    "sequential": lambda T: T.nn.Sequential(T.nn.Linear(3, 1), T.nn.Flatten(0, 1)),
    "empty": lambda T: (T.nn.Sequential(), T.nn.ModuleList(), T.nn.Module()),
    "list of equals": lambda T: T.nn.ModuleList(
        [T.nn.Linear(2, 2) for _ in range(3)] + [T.nn.ReLU()]
    ),
    "relu": lambda T: (
        T.nn.ReLU(),
        T.nn.ReLU(inplace=True),
        T.nn.Tanh(),
        T.nn.Sigmoid(),
        T.nn.Identity(3),
    ),
    "losses": lambda T: (T.nn.MSELoss(), T.nn.L1Loss(reduction="sum")),
    "nested": lambda T: T.nn.Sequential(T.nn.Sequential(T.nn.ReLU(), T.nn.Sequential(T.nn.Tanh()))),
    "two lines": lambda T: two_lines(T),
}


def two_lines(lib: Any) -> Any:
    class Wide(lib.nn.Module):
        def extra_repr(self) -> str:
            return "one=1\ntwo=2"

    return Wide()


@pytest.mark.parametrize("name", PRINTED)
def test_printed_form(name: str) -> None:
    assert repr(PRINTED[name](sg)) == repr(PRINTED[name](torch))


def bare(lib: Any) -> Any:
    class Bare(lib.nn.Module):
        def __init__(self) -> None:
            self.weight = lib.nn.Parameter(lib.zeros(1))

    return Bare()


def assign(lib: Any, name: str, value: Any) -> Any:
    model = net(lib).blocks[0]
    setattr(model, name, value)
    return [n for n, _ in model.named_parameters()], [n for n, _ in model.named_buffers()]


ERRORS = {
    "before init": bare,
    "no forward": lambda T: T.nn.Module()(1),
    "missing attribute": lambda T: T.nn.Linear(1, 1).nothing,
    "tensor for parameter": lambda T: assign(T, "gain", T.zeros(1)),
    "number for module": lambda T: assign(T, "first", 3),
    "number for buffer": lambda T: assign(T, "scale", 3),
    "dot in name": lambda T: T.nn.Module().register_parameter("a.b", None),
    "empty name": lambda T: T.nn.Module().register_buffer("", None),
    "taken name": lambda T: T.nn.Linear(1, 1).register_buffer("forward", T.zeros(1)),
    "not a parameter": lambda T: T.nn.Module().register_parameter("a", T.zeros(1)),
    "not a tensor": lambda T: T.nn.Module().register_buffer("a", 3),
    "not a module": lambda T: T.nn.Module().add_module("a", 3),
    "int parameter": lambda T: T.nn.Parameter(T.tensor([1])),
    "train with int": lambda T: T.nn.Module().train(3),
    "sequential index": lambda T: T.nn.Sequential(T.nn.ReLU())[1],
    "list index": lambda T: T.nn.ModuleList([T.nn.ReLU()])[-2],
    "bad reduction": lambda T: T.nn.MSELoss(reduction="avg")(T.zeros(1), T.zeros(1)),
    "linear shape": lambda T: T.nn.Linear(3, 2)(T.zeros(4, 5)),
    "load no dict": lambda T: T.nn.Linear(1, 1).load_state_dict([1]),
    "missing submodule": lambda T: net(T).get_submodule("blocks.7"),
    "delete missing": lambda T: delattr(T.nn.Linear(1, 1), "nothing"),
}


@pytest.mark.parametrize("name", ERRORS)
def test_errors_are_of_the_same_kind(name: str) -> None:
    with pytest.raises(Exception):  # noqa: B017 - the oracle must raise for the case to mean anything
        ERRORS[name](torch)
    agree(ERRORS[name])


def test_assigning_and_deleting() -> None:
    def program(lib: Any) -> Any:
        return (
            assign(lib, "gain", None),
            assign(lib, "scale", lib.zeros(2)),
            assign(lib, "scale", None),
            assign(lib, "first", lib.nn.Identity()),
            assign(lib, "act", lib.nn.Parameter(lib.ones(1))),
            assign(lib, "plain", lib.ones(1)),
            drop(lib, "gain"),
            drop(lib, "first"),
            drop(lib, "scale"),
        )

    def drop(lib: Any, name: str) -> Any:
        model = net(lib).blocks[0]
        delattr(model, name)
        return [n for n, _ in model.named_parameters()], hasattr(model, name)

    agree(program)


def test_train_eval_apply_freeze() -> None:
    def program(lib: Any) -> Any:
        model = net(lib)
        seen: list[str] = []
        got = model.eval() is model, [m.training for m in model.modules()]
        model.train()
        model.apply(lambda m: seen.append(type(m).__name__))
        model.requires_grad_(False)
        return got, model.training, seen, [p.requires_grad for p in model.parameters()]

    agree(program)


@pytest.mark.parametrize("to_none", [True, False])
def test_zero_grad(to_none: bool) -> None:
    def program(lib: Any) -> Any:
        model = net(lib)
        model(make(lib, X)).sum().backward()
        held = model.blocks[0].first.weight.grad
        model.zero_grad(set_to_none=to_none)
        return [p.grad is None for p in model.parameters()], held

    agree(program, 1e-5)


def test_state_dict_round_trip_and_sharing() -> None:
    def program(lib: Any) -> Any:
        one, two = net(lib), net(lib)
        with lib.no_grad():
            for p in one.parameters():
                p.add_(1)
        keys = repr(two.load_state_dict(one.state_dict()))
        one.state_dict()["head.b.bias"].zero_()
        return (
            keys,
            list(two.parameters()),
            one.head.b.bias,
            two.state_dict(prefix="m.").keys() == one.state_dict(prefix="m.").keys(),
        )

    agree(program)


def message(lib: Any, change: Any, **how: Any) -> str:
    model = net(lib)
    saved = model.state_dict()
    change(lib, saved)
    with pytest.raises(RuntimeError) as caught:
        model.load_state_dict(saved, **how)
    return str(caught.value).split("\n  at ")[0]


def spoil(lib: Any, saved: Any) -> None:
    del saved["head.b.bias"], saved["blocks.0.scale"]
    saved["extra"], saved["extra.more"] = lib.zeros(1), lib.zeros(1)
    saved["head.b.weight"] = lib.zeros(2, 2)


def test_load_state_dict_says_what_torch_says() -> None:
    mine, theirs = message(sg, spoil), message(torch, spoil)
    assert sorted(mine.split("\n")) == sorted(theirs.split("\n"))
    assert mine.split("\n")[0] == theirs.split("\n")[0]


def test_load_state_dict_loose() -> None:
    def program(lib: Any) -> Any:
        model = net(lib)
        saved = model.state_dict()
        del saved["head.b.bias"]
        saved["extra"] = lib.zeros(1)
        result = model.load_state_dict(saved, strict=False)
        return result.missing_keys, result.unexpected_keys

    agree(program)


def test_a_refused_load_changes_nothing() -> None:
    model = net(sg)
    before = {k: v.clone() for k, v in model.state_dict().items()}
    message(sg, spoil, strict=True)
    saved = {k: v * 0 for k, v in before.items()}
    saved["head.b.weight"] = sg.zeros(9)
    with pytest.raises(RuntimeError):
        model.load_state_dict(saved)
    assert all(np.array_equal(v.numpy(), before[k].numpy()) for k, v in model.state_dict().items())


def test_hooks() -> None:
    def program(lib: Any) -> Any:
        model, seen = net(lib), []
        first = model.blocks[0].first
        first.register_forward_pre_hook(lambda m, args: (args[0] * 2,))
        first.register_forward_hook(lambda m, args, out: seen.append(args[0]))
        handle = first.register_forward_hook(lambda m, args, out: out * 100)
        handle.remove()
        first.register_forward_hook(lambda m, args, out: out + 1)
        first.register_forward_hook(lambda m, args, out: seen.append(out), prepend=True)
        first.register_forward_hook(
            lambda m, args, kwargs, out: seen.append(len(kwargs)), with_kwargs=True
        )
        return model(make(lib, X)), seen

    agree(program, 1e-5, 1e-5)


def test_dtype_changes() -> None:
    def program(lib: Any) -> Any:
        model = net(lib)
        weight = model.head.b.weight
        got = model.double() is model, model.head.b.weight is weight
        model.register_buffer("whole", lib.tensor([1, 2]))
        model.float()
        model.to(lib.float64)
        return (
            got,
            list(model.parameters()),
            model.blocks[0].scale,
            model.whole,
            model(make(lib, X.astype("f8"))),
        )

    agree(program, 1e-5, 1e-5)


def test_sequences() -> None:
    def program(lib: Any) -> Any:
        nn = lib.nn
        s = nn.Sequential(nn.ReLU(), nn.Tanh(), nn.Sigmoid())
        m = nn.ModuleList([nn.ReLU()])
        m.append(nn.Tanh()).extend([nn.Sigmoid()])
        m.insert(0, nn.Identity())
        m += [nn.ReLU()]
        m[1] = nn.Flatten()
        del m[0]
        s.append(nn.Identity())
        return (
            repr(s[1:]),
            repr(s[-1]),
            len(s),
            [type(x).__name__ for x in s],
            repr(m),
            repr(m[:2]),
            list(m._modules),
            repr(s(lib.ones(1)).split("(")[0]) if False else s(lib.ones(1)),
        )

    agree(program)


LAYERS = {
    "linear": lambda T, F, x: F.linear(x, T.ones(4, 3), T.ones(4)),
    "linear no bias": lambda T, F, x: F.linear(x, T.ones(4, 3)),
    "linear vector": lambda T, F, x: F.linear(x, T.ones(3)),
    "linear batch": lambda T, F, x: F.linear(x.view(5, 1, 3), T.ones(4, 3), T.ones(4)),
    "relu": lambda T, F, x: F.relu(x),
    "tanh": lambda T, F, x: T.nn.Tanh()(x),
    "sigmoid": lambda T, F, x: F.sigmoid(x),
    "mse": lambda T, F, x: F.mse_loss(x, x * 2),
    "mse sum": lambda T, F, x: T.nn.MSELoss(reduction="sum")(x, x + 1),
    "mse none": lambda T, F, x: F.mse_loss(x, x * 2, reduction="none"),
    "l1": lambda T, F, x: T.nn.L1Loss()(x, x * x),
    "l1 sum": lambda T, F, x: F.l1_loss(x, x * 3, reduction="sum"),
    "flatten": lambda T, F, x: T.nn.Flatten()(x.view(5, 3, 1)),
    "relu in place": lambda T, F, x: F.relu(x * 1, inplace=True),
    "identity": lambda T, F, x: T.nn.Identity()(x),
}


@pytest.mark.parametrize("name", LAYERS)
def test_functions_and_layers(name: str) -> None:
    def program(lib: Any) -> Any:
        x = make(lib, X, True)
        out = LAYERS[name](lib, lib.nn.functional, x)
        out.sum().backward()
        return out, x.grad

    agree(program, 1e-5, 1e-6)


def test_loss_warns_of_broadcasting() -> None:
    for lib in BOTH:
        with pytest.warns(UserWarning, match="different to the input size"):
            lib.nn.functional.mse_loss(lib.zeros(3, 1), lib.zeros(3))


def test_initial_values() -> None:
    sg.manual_seed(0)
    layer = sg.nn.Linear(100, 50)
    bound = 1 / 10
    for tensor in (layer.weight, layer.bias):
        data = tensor.detach().numpy()
        assert (
            np.abs(data).max() < bound
            and np.abs(data).max() > 0.9 * bound
            and abs(data.mean()) < 0.02
        )
    w = sg.zeros(200, 100)
    assert sg.nn.init.kaiming_normal_(w) is w and w.numpy().std() == pytest.approx(
        (2 / 100) ** 0.5, rel=0.05
    )
    assert sg.nn.init.xavier_uniform_(w).numpy().std() == pytest.approx((2 / 300) ** 0.5, rel=0.05)
    assert sg.nn.init.calculate_gain("tanh") == torch.nn.init.calculate_gain("tanh")


def test_parameter_shares_memory() -> None:
    data = sg.zeros(3)
    p = sg.nn.Parameter(data)
    data += 1
    assert (
        p.requires_grad
        and p.is_leaf
        and isinstance(p, sg.Tensor)
        and p.detach().tolist() == [1, 1, 1]
    )
    assert type(p * 1) is sg.Tensor and type(p.detach()) is sg.Tensor


def test_copies() -> None:
    model = net(sg)
    model(sg.from_numpy(X)).sum().backward()
    for other in (copy.deepcopy(model), pickle.loads(pickle.dumps(model.state_dict()))):
        items = other.state_dict() if isinstance(other, sg.nn.Module) else other
        for name, tensor in model.state_dict().items():
            assert np.array_equal(items[name].numpy(), tensor.numpy())
            assert not np.shares_memory(items[name].numpy(), tensor.numpy())
    twin = copy.deepcopy(model)
    assert twin.shared is twin.head.b and twin.tied is twin.head.b.weight


def test_structural_changes_move_the_epoch() -> None:
    model = net(sg)
    for change in (
        lambda: setattr(model, "plain", 1),
        model.eval,
        lambda: delattr(model, "plain"),
        lambda: model.register_buffer("b", None),
        lambda: model.add_module("m", sg.nn.ReLU()),
        lambda: model.requires_grad_(False),
        model.double,
        lambda: model.register_forward_hook(print),
    ):
        before = state.epoch[0]
        change()
        assert state.epoch[0] > before


class Recorder:
    """A capture that only notes what modules report."""

    def __init__(self) -> None:
        self.read: list[str] = []
        self.set: list[tuple[str, Any]] = []

    def note_member(self, module: Any, name: str, value: Any) -> None:
        self.read.append(name)

    def note_names(self, module: Any, registry: str, names: tuple[str, ...]) -> None:
        self.read.append(registry)

    def note_setattr(self, module: Any, name: str, old: Any, new: Any) -> None:
        self.set.append((name, new))


def test_a_capture_is_told_of_reads_and_writes() -> None:
    layer, recorder = sg.nn.Linear(1, 1), Recorder()
    old = state.enter_capture(recorder)
    try:
        _ = layer.weight, layer.in_features
        layer.training = False
        list(layer.parameters())
    finally:
        state.enter_capture(old)
    assert recorder.read == ["weight", "_parameters", "weight", "bias", "_modules"]
    assert recorder.set == [("training", False)]


def test_assert_same_is_strict() -> None:
    with pytest.raises(AssertionError):
        assert_same(sg.zeros(1), torch.zeros(2))
