"""Nothing read while tracing goes stale: after any change the result is eager's, and the retrace has a reason."""

from __future__ import annotations

import math
from contextlib import suppress
from typing import Any

import pytest
from twins import agree, assert_alike, data, image, leaf

import symgrad as sg
from symgrad.nn import hooks

SCALE = 2.0
CONFIG = {"scale": 3.0, "names": ["a", "b"]}
TABLE = sg.ones(3)


def helper(x: Any) -> Any:
    return x * SCALE


def stepping(opt_of: Any) -> Any:
    def make() -> Any:
        w, b, x = leaf(3, 4), leaf(4, seed=1), data(5, 3)
        opt = opt_of([w, b])

        def step(x: Any) -> Any:
            opt.zero_grad()
            loss = (x @ w + b).tanh().square().sum()
            loss.backward()
            opt.step()
            return loss

        return step, [w, b, opt], x

    return make


def set_group(key: str, value: Any) -> Any:
    def change(w: Any, b: Any, opt: Any) -> None:
        for group in opt.param_groups:
            group[key] = value

    return change


@pytest.mark.parametrize("name", ["SGD", "Adam", "RMSprop"])
def test_a_scheduled_learning_rate_is_followed_without_a_retrace(name: str, backend: str) -> None:
    make = stepping(lambda ps: getattr(sg.optim, name)(ps, lr=0.1))
    agree(make, backend, between=[set_group("lr", 0.05), set_group("lr", 0.7), set_group("lr", 0.1)])


def test_float_options_are_followed_without_a_retrace(backend: str) -> None:
    agree(stepping(lambda ps: sg.optim.SGD(ps, lr=0.1, momentum=0.9)), backend,
          between=[set_group("momentum", 0.5), set_group("momentum", 0.8)])
    agree(stepping(lambda ps: sg.optim.Adam(ps, lr=0.1)), backend,
          between=[set_group("betas", (0.8, 0.9)), set_group("eps", 1e-3)])


@pytest.mark.parametrize("key, value", [
    ("momentum", 0.0), ("weight_decay", 0.3), ("nesterov", True), ("maximize", True), ("dampening", 0.5),
    ("lr", 0.0), ("lr", 0), ("lr", 1),
])  # fmt: skip
def test_any_option_changed_between_steps(key: str, value: Any, backend: str) -> None:
    make = stepping(lambda ps: sg.optim.SGD(ps, lr=0.1, momentum=0.9))
    agree(make, backend, between=[set_group(key, value), lambda *_: None], variants=None)


def test_a_group_added_later(backend: str) -> None:
    def make() -> Any:
        w, b, x = leaf(3, 4), leaf(4, seed=1), data(5, 3)
        opt = sg.optim.SGD([w], lr=0.1)

        def step(x: Any) -> Any:
            opt.zero_grad()
            b.grad = None
            loss = (x @ w + b).tanh().square().sum()
            loss.backward()
            opt.step()
            return loss

        return step, [w, b, opt], x

    agree(make, backend, between=[lambda w, b, opt: opt.add_param_group({"params": [b], "lr": 0.5})], variants=2)


def freeze(w: Any, b: Any, *_: Any) -> None:
    b.requires_grad_(False)


def thaw(w: Any, b: Any, *_: Any) -> None:
    b.requires_grad_(True)


@pytest.mark.parametrize("name", ["SGD", "Adam"])
def test_freezing_and_thawing(name: str, backend: str) -> None:
    compiled = agree(stepping(lambda ps: getattr(sg.optim, name)(ps, lr=0.1)), backend,
                     between=[freeze, lambda *_: None, thaw], variants=2)  # fmt: skip
    assert any("requires_grad" in reason for reason in compiled.misses)


def test_rebound_data(backend: str) -> None:
    def change(w: Any, b: Any, opt: Any) -> None:
        w.data = data(3, 4, seed=77)

    agree(stepping(lambda ps: sg.optim.Adam(ps, lr=0.1)), backend, between=[change, change])


def test_rebound_data_of_other_layout(backend: str) -> None:
    def change(w: Any, b: Any, opt: Any) -> None:
        w.data = data(4, 3, seed=77).t()

    agree(stepping(lambda ps: sg.optim.SGD(ps, lr=0.1)), backend, between=[change, change], variants=None)


def test_two_parameters_made_to_share_memory(backend: str) -> None:
    def make() -> Any:
        w, b, x = leaf(4), leaf(4, seed=1), data(4)

        def step(x: Any) -> Any:
            w.grad = b.grad = None
            loss = (x * w + b).tanh().square().sum()
            loss.backward()
            with sg.no_grad():
                w.sub_(0.1 * w.grad)
                b.sub_(0.1 * b.grad)
            return loss

        return step, [w, b], x

    def share(w: Any, b: Any) -> None:
        w.data = b.data

    agree(make, backend, between=[share, lambda *_: None], variants=None)


def test_values_written_outside_are_read(backend: str) -> None:
    def change(w: Any, b: Any, opt: Any) -> None:
        with sg.no_grad():
            w.mul_(0.5)
            b[0] = 3.0

    agree(stepping(lambda ps: sg.optim.Adam(ps, lr=0.1)), backend, between=[change, change])


def test_state_loaded_in_the_middle(backend: str) -> None:
    saved: dict[int, Any] = {}

    def save(w: Any, b: Any, opt: Any) -> None:
        from copy import deepcopy

        saved[id(opt)] = deepcopy(opt.state_dict())

    def load(w: Any, b: Any, opt: Any) -> None:
        opt.load_state_dict(saved[id(opt)])

    for opt in (lambda ps: sg.optim.Adam(ps, lr=0.1), lambda ps: sg.optim.SGD(ps, lr=0.1, momentum=0.9)):
        agree(stepping(opt), backend, between=[save, lambda *_: None, load, lambda *_: None], variants=None)


def test_optimizer_state_cleared(backend: str) -> None:
    def clear(w: Any, b: Any, opt: Any) -> None:
        opt.state.clear()

    for name in ("Adam", "RMSprop"):
        agree(stepping(lambda ps: getattr(sg.optim, name)(ps, lr=0.1)), backend,
              between=[lambda *_: None, clear, lambda *_: None], variants=None)  # fmt: skip


def test_gradient_given_before_the_call(backend: str) -> None:
    def make() -> Any:
        w, x = leaf(4), data(4)

        def step(x: Any) -> Any:
            (w * x).sum().backward()

        return step, [w], x

    def give(w: Any) -> None:
        w.grad = data(4, seed=9)

    def take(w: Any) -> None:
        w.grad = None

    agree(make, backend, between=[give, take, give, lambda w: None], variants=None)


class Net(sg.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.inner = sg.nn.Linear(3, 4)
        self.inner.weight.data = data(4, 3)
        self.inner.bias.data = data(4)
        self.scale = 2.0
        self.depth = 2
        self.options = {"bias": True, "sizes": [1, 2]}
        self.register_buffer("offset", sg.zeros(4))

    def forward(self, x: Any) -> Any:
        h = self.inner(x) * self.scale + self.offset
        for _ in range(self.depth):
            h = h.tanh()
        if self.training:
            h = h * 3
        if self.options["bias"]:
            h = h + sum(self.options["sizes"])
        return h


def net_step() -> Any:
    net = Net()

    def step(x: Any) -> Any:
        net.zero_grad()
        loss = net(x).square().sum()
        loss.backward()
        return loss

    return step, [net], data(5, 3)


def replaced(net: Any) -> None:
    net.inner.weight = sg.nn.Parameter(data(4, 3, seed=55))


CHANGES = {
    "eval": lambda net: net.eval(),
    "child_eval": lambda net: setattr(net, "training", False),
    "scale": lambda net: setattr(net, "scale", 5.0),
    "scale_int": lambda net: setattr(net, "scale", 5),
    "depth": lambda net: setattr(net, "depth", 1),
    "dict_item": lambda net: net.options.update(bias=False),
    "list_item": lambda net: net.options["sizes"].append(7),
    "replaced_dict": lambda net: setattr(net, "options", {"bias": True, "sizes": [4]}),
    "buffer_value": lambda net: net.offset.fill_(1.0),
    "replaced_buffer": lambda net: setattr(net, "offset", sg.ones(4)),
    "replaced_parameter": replaced,
    "replaced_module": lambda net: setattr(net, "inner", sg.nn.Sequential(Net().inner, sg.nn.ReLU())),
    "data": lambda net: setattr(net.inner.bias, "data", data(4, seed=66)),
    "load": lambda net: net.load_state_dict({k: v * 2 for k, v in Net().state_dict().items()}),
    "frozen": lambda net: net.inner.bias.requires_grad_(False),
    "forward": lambda net: setattr(net, "forward", lambda x: net.inner(x)),
    "double_hook": lambda net: net.inner.register_forward_hook(lambda m, i, o: o * 2),
    "weightless": lambda net: setattr(net.inner, "bias", None),
}  # fmt: skip


@pytest.mark.parametrize("name", CHANGES)
def test_anything_of_a_module_changed_between_calls(name: str, backend: str) -> None:
    compiled = agree(net_step, backend, between=[lambda n: None, CHANGES[name], lambda n: None], variants=None)
    if compiled.misses:
        assert all(len(reason) > 8 and reason != "unknown" for reason in compiled.misses), compiled.misses


@pytest.mark.parametrize("name", CHANGES)
def test_anything_of_a_compiled_module_changed_between_calls(name: str, backend: str) -> None:
    net, other, x = Net(), Net(), data(5, 3)
    compiled = sg.compile(other, backend=backend, fullgraph=True)
    for call in range(3):
        if call == 1:
            CHANGES[name](net)
            CHANGES[name](other)
        net(x).square().sum().backward()
        compiled(x).square().sum().backward()
        assert_alike(image(other), image(net), f"call {call}")


class TestGlobals:
    def check(self, f: Any, change: Any, backend: str, retraces: int = 1) -> None:
        x = data(3)
        compiled = sg.compile(f, backend=backend, fullgraph=True)
        for _ in range(2):
            assert compiled(x).tolist() == pytest.approx(f(x).tolist())
        change()
        for _ in range(2):
            assert compiled(x).tolist() == pytest.approx(f(x).tolist())
        assert len(compiled.misses) == retraces, compiled.misses

    def test_a_global_float(self, backend: str, monkeypatch: Any) -> None:
        self.check(lambda x: x + SCALE, lambda: monkeypatch.setitem(globals(), "SCALE", 9.0), backend)

    def test_a_global_read_by_a_helper(self, backend: str, monkeypatch: Any) -> None:
        self.check(lambda x: helper(x), lambda: monkeypatch.setitem(globals(), "SCALE", 9.0), backend)

    def test_a_helper_redefined(self, backend: str, monkeypatch: Any) -> None:
        self.check(lambda x: helper(x), lambda: monkeypatch.setitem(globals(), "helper", lambda x: x - 7), backend)

    def test_a_dict_item(self, backend: str, monkeypatch: Any) -> None:
        self.check(lambda x: x * CONFIG["scale"], lambda: monkeypatch.setitem(CONFIG, "scale", 8.0), backend)

    def test_a_nested_list(self, backend: str) -> None:
        self.check(lambda x: x * len(CONFIG["names"]), lambda: CONFIG["names"].append("c"), backend)

    def test_a_global_tensor_rebound(self, backend: str, monkeypatch: Any) -> None:
        self.check(lambda x: x + TABLE, lambda: monkeypatch.setitem(globals(), "TABLE", sg.zeros(3)), backend)

    def test_a_global_tensor_written(self, backend: str) -> None:
        self.check(lambda x: x + TABLE, lambda: TABLE.mul_(3), backend, 0)

    def test_an_attribute_of_a_module(self, backend: str, monkeypatch: Any) -> None:
        self.check(lambda x: x * math.pi, lambda: None, backend, 0)

    def test_a_closure_value(self, backend: str) -> None:
        factor = 2.0

        def f(x: Any) -> Any:
            return x * factor

        def change() -> None:
            nonlocal factor
            factor = 5.0

        self.check(f, change, backend)

    def test_a_closure_list(self, backend: str) -> None:
        layers = [sg.ones(3)]

        def f(x: Any) -> Any:
            for layer in layers:
                x = x + layer
            return x

        self.check(f, lambda: layers.append(sg.ones(3)), backend)

    def test_a_value_deep_in_containers(self, backend: str) -> None:
        settings = {"model": {"scales": [1.0, (2.0, 3.0)]}}

        def f(x: Any) -> Any:
            return x * settings["model"]["scales"][0]

        def change() -> None:
            settings["model"]["scales"][0] = 4.0  # type: ignore[index]

        self.check(f, change, backend)

    def test_an_attribute_of_a_plain_object(self, backend: str) -> None:
        class Settings:
            scale = 2.0

        settings = Settings()
        self.check(lambda x: x * settings.scale, lambda: setattr(settings, "scale", 4.0), backend)

    def test_a_class_attribute(self, backend: str) -> None:
        class Settings:
            scale = 2.0

        self.check(lambda x: x * Settings.scale, lambda: setattr(Settings, "scale", 4.0), backend)

    def test_an_attribute_through_a_local(self, backend: str) -> None:
        class Settings:
            scale = 2.0

        settings = Settings()

        def f(x: Any) -> Any:
            mine = settings
            return x * mine.scale

        self.check(f, lambda: setattr(settings, "scale", 4.0), backend)

    def test_an_attribute_of_an_object_in_a_list(self, backend: str) -> None:
        class Layer:
            def __init__(self) -> None:
                self.scale = 2.0

        layers = [Layer(), Layer()]

        def f(x: Any) -> Any:
            for layer in layers:
                x = x * layer.scale
            return x

        self.check(f, lambda: setattr(layers[1], "scale", 4.0), backend)

    def test_an_attribute_read_in_a_method(self, backend: str) -> None:
        class Model:
            def __init__(self) -> None:
                self.scale = 2.0

            def __call__(self, x: Any) -> Any:
                return self.scaled(x)

            def scaled(self, x: Any) -> Any:
                return x * self.scale

        model = Model()
        self.check(lambda x: model(x), lambda: setattr(model, "scale", 4.0), backend)

    def test_a_property(self, backend: str) -> None:
        class Model:
            _scale = 2.0

            @property
            def scale(self) -> float:
                return self._scale

        model = Model()
        self.check(lambda x: x * model.scale, lambda: setattr(model, "_scale", 4.0), backend)

    def test_a_default_argument(self, backend: str) -> None:
        def f(x: Any, k: float = 2.0) -> Any:
            return x * k

        self.check(f, lambda: setattr(f, "__defaults__", (5.0,)), backend)

    def test_a_redefined_body(self, backend: str) -> None:
        def f(x: Any) -> Any:
            return x * 2

        self.check(f, lambda: setattr(f, "__code__", (lambda x: x * 3).__code__), backend)

    def test_getattr_by_name(self, backend: str) -> None:
        class Settings:
            scale = 2.0

        settings = Settings()
        self.check(lambda x: x * getattr(settings, "scale"), lambda: setattr(settings, "scale", 4.0), backend)  # noqa: B009

    def test_a_comprehension(self, backend: str) -> None:
        factors = [1.0, 2.0]
        self.check(lambda x: sum([x * f for f in factors]), lambda: factors.append(5.0), backend)

    def test_a_variable_that_only_a_comprehension_reads(self, backend: str) -> None:
        scale = 2.0

        def change() -> None:
            nonlocal scale
            scale = 4.0

        def f(x: Any) -> Any:
            return sum([x * scale * k for k in range(2)]) + max(x.sum() * scale for _ in range(1))

        self.check(f, change, backend)

    def test_a_method_of_a_class_in_a_function(self, backend: str) -> None:
        scale = 2.0

        def change() -> None:
            nonlocal scale
            scale = 4.0

        class Model:
            def forward(self, x: Any) -> Any:
                return x * scale

        models = [Model()]
        self.check(lambda x: models[0].forward(x), change, backend)

    def test_a_function_called_after_an_operation_was_refused(self, backend: str) -> None:
        scale = [2.0]

        def f(x: Any) -> Any:
            with suppress(RuntimeError):
                x = x + sg.ones(7)
            return g(x)

        def g(x: Any) -> Any:
            return x * scale[0]

        self.check(f, lambda: scale.append(scale.pop() * 2), backend)

    def test_the_update_of_an_optimizer_of_the_users(self, backend: str) -> None:
        rate = [0.5]

        class Plain(sg.optim.Adam):
            def update(self, param: Any, grad: Any, slot: Any, h: Any) -> None:
                super().update(param, grad, slot, h)
                param.add_(grad, alpha=-rate[0])

        def make() -> Any:
            rate[0] = 0.5
            w = leaf(3)
            opt = Plain([w], lr=0.1)

            def step(x: Any) -> Any:
                opt.zero_grad()
                loss = (w * x).square().sum()
                loss.backward()
                opt.step()
                return loss

            return step, [w, opt], data(3)

        agree(make, backend, between=[lambda *_: rate.__setitem__(0, 0.25), lambda *_: None], variants=None)


@pytest.mark.filterwarnings("ignore:.*is traced for")
def test_shapes_dtypes_and_modes(backend: str) -> None:
    w = leaf(3)

    def f(x: Any) -> Any:
        return (w * x).sum() + sg.ones(2).sum()

    compiled = sg.compile(f, backend=backend, fullgraph=True)
    for x in (data(3), data(5, 3), data(1, 3), data(0, 3), data(3, dtype="f8"), sg.arange(3), data(3) > 0, data(3)):
        assert_alike(image(compiled(x)), image(f(x)))
        with sg.no_grad():
            assert_alike(image(compiled(x)), image(f(x)))
    sg.set_default_dtype(sg.float64)
    try:
        assert_alike(image(compiled(data(3))), image(f(data(3))))
    finally:
        sg.set_default_dtype(sg.float32)


def test_a_retrace_beyond_half_the_limit_warns_and_error_mode_raises(backend: str) -> None:
    strict = sg.compile(lambda x: x * 2, backend=backend, on_retrace="error")
    strict(data(3))
    with pytest.raises(RuntimeError, match="traced again"):
        strict(data(4))
    strict(data(3))


def test_variants_are_bounded_and_the_oldest_leaves(backend: str) -> None:
    f = sg.compile(lambda x: x * 2, backend=backend, max_variants=3, on_retrace="ignore")
    for n in range(1, 8):
        assert f(data(n)).tolist() == pytest.approx([2 * v for v in data(n).tolist()])
        assert sum(map(len, f.variants.values())) <= 3


def test_a_helper_given_other_code_or_defaults(backend: str) -> None:
    def helper(x: Any, k: float = 2.0) -> Any:
        return x * k

    w, x = leaf(3), data(3)

    def step(x: Any) -> Any:
        w.grad = None
        loss = helper(w * x).sum()
        loss.backward()
        return loss

    compiled = sg.compile(step, backend=backend, fullgraph=True)
    for change in ("", "", "defaults", "", "", "code", "", ""):
        if change == "defaults":
            helper.__defaults__ = (5.0,)
        if change == "code":
            helper.__code__ = (lambda x, k: x - k).__code__
        assert compiled(x).item() == pytest.approx(step(x).item())


def test_grad_mode_and_default_dtype_are_seen_however_warm(backend: str) -> None:
    w, x = leaf(3), data(3)
    f = sg.compile(lambda x: (w * x).sum() + sg.zeros(()), backend=backend, fullgraph=True)
    for _ in range(2):
        for _ in range(3):
            assert f(x).requires_grad
        with sg.no_grad():
            for _ in range(3):
                assert not f(x).requires_grad
    quiet = sg.compile(lambda x: x.detach() + sg.zeros(3), backend=backend, fullgraph=True)
    for dtype in (sg.float32, sg.float64, sg.float32):
        sg.set_default_dtype(dtype)
        try:
            for _ in range(3):
                assert quiet(x).dtype is dtype
        finally:
            sg.set_default_dtype(sg.float32)


def test_a_module_costs_a_warm_call_nothing_and_its_changes_are_seen(backend: str) -> None:
    """What only `nn` itself changes is looked at when it has changed; what a user can change, always."""

    class Scaled(sg.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.linear = sg.nn.Linear(3, 2)
            self.factor = 2.0

        def forward(self, x: Any) -> Any:
            return self.linear(x) * self.__dict__["factor"]

    plain, model, x = sg.nn.Linear(3, 2), Scaled(), data(4, 3)
    f = sg.compile(lambda x: plain(x).detach(), backend=backend, fullgraph=True)
    g = sg.compile(lambda x: model(x).detach(), backend=backend, fullgraph=True)
    for _ in range(3):
        f(x), g(x)
    (variant,) = f.variants[next(iter(f.variants))]
    assert all(read.by_identity for read in variant.guards.always)
    model.__dict__["factor"] = 5.0
    assert_alike(g(x).numpy(), model(x).detach().numpy())
    handle = hooks.register_module_forward_hook(lambda m, args, out: out + 1)
    for _ in range(2):
        assert_alike(f(x).numpy(), plain(x).detach().numpy())
    handle.remove()
    assert_alike(f(x).numpy(), plain(x).detach().numpy())
    plain.__dict__["_parameters"]["bias"] = None
    with sg.no_grad():
        plain.weight = sg.nn.Parameter(sg.ones(2, 3))
    assert_alike(f(x).numpy(), plain(x).detach().numpy())


SCHEDULE = [1.0]


class Rate(float):
    """A learning rate that looks elsewhere for what it is now."""

    def __mul__(self, other: Any) -> Any:
        return float(self) * SCHEDULE[0] * other

    __rmul__ = __mul__

    def __neg__(self) -> Any:
        return -float(self) * SCHEDULE[0]


@pytest.mark.parametrize("kind", [sg.optim.SGD, sg.optim.Adagrad])
def test_what_a_users_own_number_reads_is_seen(kind: Any, backend: str) -> None:
    results = []
    for compiled in (False, True):
        SCHEDULE[0] = 1.0
        w = leaf(3)
        optimizer = kind([w], lr=Rate(0.1))

        def step(w: Any = w, optimizer: Any = optimizer) -> None:
            optimizer.zero_grad()
            (w * w).sum().backward()
            optimizer.step()

        run = sg.compile(step, backend=backend) if compiled else step
        for factor in (1.0, 1.0, 5.0):
            SCHEDULE[0] = factor
            run()
        results.append(w.detach().numpy().copy())
    assert_alike(*results)
