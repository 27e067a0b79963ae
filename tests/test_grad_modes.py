"""Inference mode, decorated generators and anomaly mode, against PyTorch."""

from __future__ import annotations

from typing import Any

import pytest
from oracle import BOTH, agree, make
from samples import values

import symgrad as sg

A = values(3) + 1.5


def in_inference(lib: Any) -> Any:
    with lib.inference_mode():
        return make(lib, A) * 2


def test_what_inference_mode_says() -> None:
    def program(lib: Any) -> Any:
        x = make(lib, A, True)
        with lib.inference_mode():
            made = make(lib, A)
            inside = lib.is_inference_mode_enabled(), lib.is_grad_enabled(), (made * 2).is_inference()
            view, result = x.view(3), x * 2
            with lib.inference_mode(False):
                nested = lib.is_inference_mode_enabled(), lib.is_grad_enabled(), make(lib, A).is_inference()
        outside = lib.is_inference_mode_enabled(), lib.is_grad_enabled(), make(lib, A).is_inference()
        return inside, nested, outside, view.is_inference(), result.is_inference(), result.requires_grad

    agree(program)


def test_what_inference_tensors_may_do() -> None:
    def program(lib: Any) -> Any:
        x, made = make(lib, A, True), in_inference(lib)
        (made + x).sum().backward()
        (made.clone() * x).sum().backward()
        with lib.inference_mode():
            made.add_(1)
        return x.grad, made, made.detach().is_inference(), made.view(3).is_inference(), (made * 2).is_inference()

    agree(program)


REFUSED = {
    "saved": lambda lib, x, made: made * x,
    "changed in place": lambda lib, x, made: made.add_(1),
    "changed by an operator": lambda lib, x, made: made.mul_(2.0),
    "filled": lambda lib, x, made: made.zero_(),
    "a view changed": lambda lib, x, made: made.view(3).add_(1),
    "made to require grad": lambda lib, x, made: made.requires_grad_(),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_inference_tensors_may_not_do(name: str) -> None:
    texts = []
    for lib in BOTH:
        with pytest.raises(RuntimeError) as caught:
            REFUSED[name](lib, make(lib, A, True), in_inference(lib))
        texts.append(str(caught.value).lower())
    assert all("inference tensor" in text for text in texts)


@pytest.mark.parametrize("mode", ["no_grad", "enable_grad", "inference_mode"])
def test_decorators_with_and_without_parentheses(mode: str) -> None:
    def program(lib: Any) -> Any:
        decorate = getattr(lib, mode)
        state = lambda: (lib.is_grad_enabled(), lib.is_inference_mode_enabled())
        with lib.no_grad():
            return decorate(state)(), decorate()(state)(), state()

    agree(program)


def test_a_decorated_generator_runs_in_the_mode_and_its_caller_does_not() -> None:
    def program(lib: Any) -> Any:
        seen: list[Any] = []

        @lib.no_grad()
        def steps() -> Any:
            try:
                got = yield lib.is_grad_enabled()
                seen.append((got, lib.is_grad_enabled()))
                try:
                    yield 1
                except ValueError:
                    yield "caught", lib.is_grad_enabled()
                return 7
            finally:
                seen.append(("closed", lib.is_grad_enabled()))

        def outer() -> Any:
            seen.append((yield from steps()))

        g = steps()
        found = [next(g), lib.is_grad_enabled(), g.send("sent"), lib.is_grad_enabled(), g.throw(ValueError())]
        g.close()
        return found, list(outer()), seen

    agree(program)


def test_set_grad_enabled_as_a_decorator() -> None:
    def program(lib: Any) -> Any:
        return lib.set_grad_enabled(False)(lambda: lib.is_grad_enabled())(), lib.is_grad_enabled()

    agree(program)


def test_inference_mode_and_compiled_functions() -> None:
    w = make(sg, A, True)
    run = sg.compile(lambda x: (w * x).sum(), fullgraph=True)
    x = make(sg, A)
    with sg.inference_mode():
        inside = run(x)
    assert inside.is_inference() and not inside.requires_grad
    outside = run(x)
    assert outside.requires_grad and not outside.is_inference()
    assert inside.item() == outside.item()


# -- anomaly mode -----------------------------------------------------------------------------


def nan_of(lib: Any, check_nan: bool = True) -> Any:
    x = lib.zeros(2, dtype=lib.float64, requires_grad=True)
    with lib.autograd.set_detect_anomaly(True, check_nan):
        root = x.sqrt()  # the line at fault
        (root * 0).sum().backward()
    return x.grad


def test_anomaly_mode_names_the_operation_and_its_line() -> None:
    for lib in BOTH:
        with pytest.warns(UserWarning, match="the line at fault"), pytest.raises(RuntimeError) as caught:
            nan_of(lib)
        assert "Function 'SqrtBackward0' returned nan values in its 0th output." in str(caught.value)
    line = nan_of.__code__.co_firstlineno + 3
    assert f"{__file__}:{line} in nan_of" in str(caught.value) or lib is not sg
    with pytest.warns(UserWarning), pytest.raises(sg.errors.NaNGradientError, match=f"{line} in nan_of"):
        nan_of(sg)


def test_anomaly_mode_without_the_nan_check_and_off_again() -> None:
    agree(lambda lib: (nan_of(lib, False).isnan(), lib.is_anomaly_enabled(), lib.is_anomaly_check_nan_enabled()))


def test_anomaly_mode_tells_where_a_failing_backward_was_called_for() -> None:
    def program(lib: Any) -> Any:
        class Bad(lib.autograd.Function):
            @staticmethod
            def forward(ctx: Any, x: Any) -> Any:
                return x * 1

            @staticmethod
            def backward(ctx: Any, g: Any) -> Any:
                raise RuntimeError("no")

        with lib.autograd.set_detect_anomaly(True):
            out = Bad.apply(make(lib, A, True))
            with pytest.warns(UserWarning, match="Error detected in BadBackward"):
                out.sum().backward()

    agree(program)


def test_detect_anomaly_warns_that_it_is_slow() -> None:
    for lib in BOTH:
        with pytest.warns(UserWarning, match="increase the runtime"), lib.autograd.detect_anomaly():
            assert lib.is_anomaly_enabled()
        assert not lib.is_anomaly_enabled()


def test_compiled_functions_run_eagerly_under_anomaly_mode() -> None:
    x = sg.zeros(2, requires_grad=True)

    def step() -> None:
        x.grad = None
        (x.sqrt() * 0).sum().backward()

    run = sg.compile(step, fullgraph=True)
    run()
    run()
    with pytest.warns(UserWarning), pytest.raises(RuntimeError, match="SqrtBackward0"), \
            sg.autograd.set_detect_anomaly(True):  # fmt: skip
        run()
    run()
    assert x.grad.isnan().all().item()


def test_the_mode_leaves_nothing_behind() -> None:
    nan_of(sg, False)
    assert "traceback_" not in (sg.ones(1, requires_grad=True) * 2).grad_fn.metadata
