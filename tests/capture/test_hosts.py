"""Python numbers: floats are read at each call and may branch; ints, strings and None select a variant."""

from __future__ import annotations

import math
from typing import Any

import pytest
from twins import assert_alike, data, image, leaf, outcome

import symgrad as sg


def follows(f: Any, values: Any, backend: str, variants: int) -> None:
    """Compiled `f(x, v)` gives what eager gives for each v, with that many variants."""
    compiled = sg.compile(f, backend=backend, fullgraph=True, max_variants=64)
    x = data(3)
    for _ in range(2):
        for value in values:
            assert_alike(image(outcome(compiled, x, value)), image(outcome(f, x, value)), repr(value))
    assert sum(map(len, compiled.variants.values())) == variants, compiled.misses


FLOATS = (0.5, 1.5, -2.0, 0.0, 3.25)


def steps(x: Any, k: float) -> Any:
    for _ in range(int(k)):
        x = x + 1
    return x


@pytest.mark.parametrize("f", [
    lambda x, k: x * k, lambda x, k: k - x, lambda x, k: x / (k + 10), lambda x, k: x * (2 * k**2 - k / 3 + abs(k)),
    lambda x, k: x * k + k, lambda x, k: (x * k, k, k * 2), lambda x, k: x.clamp(-10.0, 10.0) * -k,
    lambda x, k: sg.maximum(x, x * k), lambda x, k: x.double() * k, lambda x, k: sg.zeros(2) + k,
], ids=range(10))  # fmt: skip
def test_float_arguments_share_one_variant(f: Any, backend: str) -> None:
    follows(f, FLOATS, backend, 1)


def test_float32_rounding_of_a_host_expression_is_eagers(backend: str) -> None:
    f = lambda x, k: x * (1 - k) * k
    compiled = sg.compile(f, backend=backend, fullgraph=True)
    for k in (0.1, 1 / 3, 1e-9):
        assert compiled(data(5), k).tolist() == pytest.approx(f(data(5), k).tolist(), rel=1e-6)


@pytest.mark.parametrize("f, variants", [
    (lambda x, k: x * 2 if k > 0 else x, 2), (lambda x, k: x * 2 if k else x, 2),
    (lambda x, k: x * 2 if 0.2 < k < 2 else x * k, 3), (lambda x, k: x * 2 if not k < 1 else x, 2),
    (lambda x, k: x if k == 0.5 else -x, 2), (lambda x, k: x * max(k, 1.0), 2),
], ids=range(6))  # fmt: skip
def test_a_branch_on_a_float_makes_a_path(f: Any, variants: int, backend: str) -> None:
    follows(f, FLOATS, backend, variants)


@pytest.mark.parametrize("f", [
    lambda x, k: x * math.exp(k), lambda x, k: x * float(k), steps, lambda x, k: x * round(k),
    lambda x, k: x * len(f"{k:.2f}"),
    lambda x, k: x * len(str(k)), lambda x, k: x * {0.5: 1, 1.5: 2}.get(k, 3), lambda x, k: x * math.sqrt(k * k + 1),
    lambda x, k: x * (int(k) % 2), lambda x, k: x * math.floor(k), lambda x, k: x.reshape(3, 1) * int(k * 2),
], ids=range(11))  # fmt: skip
def test_other_uses_of_a_float_pin_its_value(f: Any, backend: str) -> None:
    follows(f, FLOATS, backend, len(FLOATS))


def test_nan_and_infinity(backend: str) -> None:
    follows(lambda x, k: x * k, (float("nan"), float("inf"), 1.0), backend, 1)
    follows(lambda x, k: x * 2 if k > 0 else x, (float("nan"), float("inf"), 1.0), backend, 2)


def test_zero_division_is_raised(backend: str) -> None:
    f = sg.compile(lambda x, k: x * (1.0 / k), backend=backend, fullgraph=True)
    f(data(3), 2.0)
    with pytest.raises(ZeroDivisionError):
        f(data(3), 0.0)
    assert f(data(3), 2.0).tolist() == (data(3) * 0.5).tolist()


def test_a_failing_host_expression_leaves_state_alone(backend: str) -> None:
    w = leaf(3)

    @sg.compile(backend=backend, fullgraph=True)
    def step(k: float) -> None:
        w.grad = None
        (w * w).sum().backward()
        with sg.no_grad():
            w.sub_(w.grad * (1.0 / k))

    step(2.0)
    before, version = image(w), w._version
    with pytest.raises(ZeroDivisionError):
        step(0.0)
    assert_alike(image(w), before)
    assert w._version == version


def test_ints_strings_and_none_are_static(backend: str) -> None:
    f = lambda x, mode: x * 2 if mode in (None, "two", 2, True) else x
    follows(f, (None, "two", "one", 2, 3, True, False, (1, 2)), backend, 8)


def test_bool_int_and_float_of_equal_value_are_told_apart(backend: str) -> None:
    follows(lambda x, k: (sg.arange(3) * k, isinstance(k, bool), isinstance(k, float)), (1, True, 1.0), backend, 3)


def test_nested_floats_and_keywords(backend: str) -> None:
    def f(x: Any, *scales: float, options: Any, **more: Any) -> Any:
        for s in scales:
            x = x * s
        return {"out": x + options["shift"][0], "more": [x * more["k"]]}

    compiled = sg.compile(f, backend=backend, fullgraph=True)
    for a, b, c in ((1.0, 2.0, 3.0), (4.0, 5.0, 6.0)):
        args, kwargs = (data(3), a, b), {"options": {"shift": (c, "s")}, "k": a + b}
        assert_alike(image(compiled(*args, **kwargs)), image(f(*args, **kwargs)))
    assert sum(map(len, compiled.variants.values())) == 1


def test_hyper_parameter_read_by_hand(backend: str) -> None:
    w = leaf(3)
    opt = sg.optim.SGD([w], lr=0.5)
    f = sg.compile(lambda x: x * opt.param_groups[0]["lr"], backend=backend, fullgraph=True)
    for lr in (0.5, 0.25, 0.1):
        opt.param_groups[0]["lr"] = lr
        assert f(data(3)).tolist() == pytest.approx((data(3) * lr).tolist())


def test_extents_in_arithmetic(backend: str) -> None:
    def f(x: Any) -> Any:
        n, m = x.shape
        return x.sum() / n, x.reshape(m * n), x.view(n, -1)[: n // 2], sg.zeros(n + 1), n, len(x), x.numel()

    compiled = sg.compile(f, backend=backend, fullgraph=True)
    for shape in ((4, 3), (6, 3), (2, 2), (1, 5)):
        assert_alike(image(compiled(data(*shape))), image(f(data(*shape))))
