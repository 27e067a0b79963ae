"""Parameter groups, closures, hooks, and the errors of optimizers."""

from __future__ import annotations

from typing import Any

import pytest
from optim_table import loss_of, same, start, train
from oracle import agree, torch
from torch.testing._internal.common_optimizers import optim_db

import symgrad as sg


def test_groups() -> None:
    def program(lib: Any) -> Any:
        params = start(lib)
        optimizer = lib.optim.SGD(
            [{"params": params[0], "lr": 0.1}, {"params": params[1:2]}], lr=0.01, momentum=0.5
        )
        optimizer.add_param_group({"params": [params[2]], "weight_decay": 0.1})
        train(optimizer, params, 3)
        optimizer.param_groups[0]["lr"] *= 0.1
        train(optimizer, params, 3)
        return (
            [p.detach() for p in params],
            [g["lr"] for g in optimizer.param_groups],
            repr(optimizer),
        )

    same(program, 1e-4, 1e-5)


def test_closure() -> None:
    def program(lib: Any) -> Any:
        params = start(lib)
        optimizer = lib.optim.SGD(params, lr=0.01)

        def closure() -> Any:
            optimizer.zero_grad()
            loss = loss_of(params)
            loss.backward()
            return loss

        with lib.no_grad():
            loss = optimizer.step(closure)
        return loss.detach(), [p.detach() for p in params]

    same(program, 1e-5, 1e-6)


def test_parameters_without_gradient_are_left_alone() -> None:
    def program(lib: Any) -> Any:
        params = start(lib)
        optimizer = lib.optim.Adam(params)
        params[1].grad = lib.ones(3)
        optimizer.step()
        return [p.detach() for p in params], [len(optimizer.state[p]) for p in params]

    same(program, 1e-6)


@pytest.mark.parametrize("to_none", [True, False])
def test_zero_grad(to_none: bool) -> None:
    def program(lib: Any) -> Any:
        params = start(lib)
        optimizer = lib.optim.SGD(params)
        params[1].grad = lib.ones(3)
        held = params[1].grad
        optimizer.zero_grad(set_to_none=to_none)
        return [p.grad is None for p in params], held

    same(program)


ERRORS = {
    "no parameters": lambda T: T.optim.SGD([]),
    "a tensor": lambda T: T.optim.SGD(T.zeros(2, requires_grad=True)),
    "not tensors": lambda T: T.optim.SGD([1, 2]),
    "non-leaf": lambda T: T.optim.SGD([T.zeros(2, requires_grad=True) * 2]),
    "a set": lambda T: T.optim.SGD([{"params": {T.zeros(2, requires_grad=True)}}]),
    "negative lr": lambda T: T.optim.SGD(start(T), lr=-1.0),
    "negative momentum": lambda T: T.optim.RMSprop(start(T), momentum=-1.0),
    "nesterov alone": lambda T: T.optim.SGD(start(T), nesterov=True),
    "beta of one": lambda T: T.optim.Adam(start(T), betas=(0.9, 1.0)),
    "negative eps": lambda T: T.optim.AdamW(start(T), eps=-1.0),
    "negative decay": lambda T: T.optim.SGD(start(T), weight_decay=-1.0),
    "twice in groups": lambda T: (lambda p: T.optim.SGD([{"params": p}, {"params": p}]))(start(T)),
    "load other groups": lambda T: T.optim.SGD(
        [{"params": start(T)}, {"params": start(T)}]
    ).load_state_dict(T.optim.SGD(start(T)).state_dict()),
    "load other sizes": lambda T: T.optim.SGD(start(T)[:1]).load_state_dict(
        T.optim.SGD(start(T)).state_dict()
    ),
    "group no dict": lambda T: T.optim.SGD(start(T)).add_param_group([1]),
}


@pytest.mark.parametrize("name", ERRORS)
def test_errors_are_of_the_same_kind(name: str) -> None:
    with pytest.raises(Exception):  # noqa: B017 - the oracle must raise for the case to mean anything
        ERRORS[name](torch)
    agree(ERRORS[name])




BEYOND = {"Adafactor", "Muon", "SparseAdam"}
"""Optimizers of PyTorch's list that are not promised."""

OPTIMIZERS = sorted({info.optim_cls.__name__ for info in optim_db} - BEYOND)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_errors_of_optim_db(name: str) -> None:
    """What PyTorch's own list of wrong arguments says; the message too."""
    (info,) = [i for i in optim_db if i.optim_cls.__name__ == name]
    cases = info.optim_error_inputs_func(device="cpu", dtype=torch.float32)
    assert cases
    for case in cases:
        given = case.optimizer_error_input

        def convert(value: Any) -> Any:
            if isinstance(value, torch.Tensor):
                return known.setdefault(value, sg.tensor(value.detach().numpy(), requires_grad=value.requires_grad))
            if isinstance(value, dict):
                return {k: convert(v) for k, v in value.items()}
            return type(value)(map(convert, value)) if isinstance(value, (list, tuple)) else value

        known: dict[Any, Any] = {}
        params = start(sg) if given.params is None else convert(given.params)
        if case.error_type is UserWarning:
            with pytest.warns(UserWarning, match=case.error_regex):
                getattr(sg.optim, name)(params, **convert(given.kwargs))
            continue
        with pytest.raises(case.error_type, match=case.error_regex):
            getattr(sg.optim, name)(params, **convert(given.kwargs))


WRONG: dict[str, list[dict[str, Any]]] = {
    "SGD": [dict(lr=-1.0), dict(momentum=-0.1), dict(weight_decay=-1.0)],
    "Adam": [dict(eps=-1e-8), dict(betas=(0.9, 1.0)), dict(betas=(-0.1, 0.9)), dict(weight_decay=-1)],
    "RMSprop": [dict(alpha=-1.0), dict(momentum=-1.0), dict(eps=-1.0)],
    "Adagrad": [dict(lr_decay=-0.5), dict(initial_accumulator_value=-1), dict(eps=-1.0), dict(weight_decay=-1)],
    "Adadelta": [dict(rho=1.1), dict(rho=-0.1), dict(eps=-1.0)],
    "NAdam": [dict(momentum_decay=-0.2), dict(betas=(1.0, 0.9))],
    "Rprop": [dict(etas=(1.0, 0.5)), dict(etas=(0.0, 1.2)), dict(lr=-1)],
    "ASGD": [dict(weight_decay=-0.5), dict(lr=-1)],
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_options_in_the_same_words(name: str) -> None:
    for options in WRONG[name]:
        with pytest.raises((ValueError, TypeError)) as theirs:
            getattr(torch.optim, name)(start(torch), **options)
        with pytest.raises(theirs.type) as mine:
            getattr(sg.optim, name)(start(sg), **options)
        assert str(mine.value) == str(theirs.value)


def test_a_differentiable_step_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match="differentiable=True is not supported"):
        sg.optim.SGD(start(sg), differentiable=True)
    agree(lambda lib: lib.optim.SGD(start(lib), differentiable=True, fused=True))
    agree(lambda lib: lib.optim.SGD(start(lib), foreach=True, fused=True))


def test_document_001_regularises_weights_only() -> None:
    def program(lib: Any) -> Any:
        net = lib.nn.Sequential(lib.nn.Linear(3, 4), lib.nn.ReLU(), lib.nn.Linear(4, 1))
        with lib.no_grad():
            for p in net.parameters():
                p.copy_(lib.linspace(-1, 1, p.numel()).reshape(p.shape))
        weight_p, bias_p = [], []
        for name, p in net.named_parameters():
            if "bias" in name:
                bias_p += [p]
            else:
                weight_p += [p]
        optimizer = lib.optim.SGD(
            [{"params": weight_p, "weight_decay": 1e-5}, {"params": bias_p, "weight_decay": 0}], lr=1e-2, momentum=0.9
        )
        for _ in range(20):
            optimizer.zero_grad()
            net(lib.linspace(-1, 1, 12).reshape(4, 3)).pow(2).mean().backward()
            optimizer.step()
        return [p.detach() for p in net.parameters()], repr(optimizer)

    same(program, 1e-5, 1e-6)


def test_named_parameters() -> None:
    def program(lib: Any) -> Any:
        net = lib.nn.Linear(2, 1)
        optimizer = lib.optim.SGD(net.named_parameters(), lr=0.1)
        optimizer.add_param_group({"params": [("extra", lib.zeros(1, requires_grad=True))], "lr": 0.5})
        names = [g["param_names"] for g in optimizer.state_dict()["param_groups"]]
        without = lib.optim.SGD(lib.nn.Linear(2, 1).parameters(), lr=1.0)
        without.add_param_group({"params": lib.zeros(1, requires_grad=True)})
        without.load_state_dict(optimizer.state_dict())
        return names, repr(optimizer), without.param_groups[0].get("param_names")

    same(program)
    agree(lambda lib: lib.optim.SGD([("a", lib.zeros(1, requires_grad=True)), lib.zeros(1, requires_grad=True)]))
    agree(lambda lib: lib.optim.SGD([{"params": [("a", lib.zeros(1, requires_grad=True))]},
                                     {"params": [lib.zeros(1, requires_grad=True)]}]))  # fmt: skip


def test_a_parameter_twice_in_a_group_is_a_warning() -> None:
    for lib in (torch, sg):
        with pytest.warns(UserWarning, match="duplicate parameters"):
            lib.optim.SGD([lib.zeros(1, requires_grad=True)] * 2)


def test_step_hooks() -> None:
    def program(lib: Any) -> Any:
        params, seen = start(lib), []
        optimizer = lib.optim.SGD(params, lr=0.1)

        def before(optimizer: Any, args: Any, kwargs: Any) -> Any:
            seen.append((len(args), sorted(kwargs)))
            return (optimizer,), {"closure": lambda: lib.tensor(5.0)}

        handle = optimizer.register_step_pre_hook(before)
        optimizer.register_step_post_hook(lambda o, a, k: seen.append("after"))
        first = optimizer.step()
        handle.remove()
        return first, optimizer.step(), seen

    same(program)
    agree(lambda lib: (lambda o: (o.register_step_pre_hook(lambda *a: 3), o.step()))(lib.optim.SGD(start(lib))))


def test_an_optimizer_of_ones_own() -> None:
    """As PyTorch's tutorials write one: `step` goes over `param_groups` and keeps its state in `state`."""

    def program(lib: Any) -> Any:
        class Signs(lib.optim.Optimizer):  # type: ignore[misc]
            def __init__(self, params: Any, lr: float = 0.1):
                super().__init__(params, dict(lr=lr))

            def step(self, closure: Any = None) -> Any:
                loss = closure() if closure is not None else None
                for group in self.param_groups:
                    for p in group["params"]:
                        if p.grad is None:
                            continue
                        slots = self.state[p]
                        if len(slots) == 0:
                            slots["step"] = 0
                            slots["mean"] = lib.zeros_like(p)
                        slots["step"] += 1
                        slots["mean"].mul_(0.5).add_(p.grad, alpha=0.5)
                        p.data.add_(slots["mean"].sign(), alpha=-group["lr"])
                return loss

        params, seen = start(lib), []
        optimizer = Signs(params, lr=0.01)
        optimizer.register_step_post_hook(lambda *a: seen.append(1))
        train(optimizer, params, 5)
        return [p.detach() for p in params], optimizer.state[params[0]]["step"], repr(optimizer), seen

    same(program, 1e-5)


def test_required_options() -> None:
    def program(lib: Any) -> Any:
        module = __import__(f"{lib.__name__}.optim.optimizer", fromlist=["required"])
        return lib.optim.Optimizer(start(lib), dict(lr=module.required))

    agree(program)
