"""Every way we could think of to read what a trace cannot see: eager's result at each call, however it changes.

Each case builds a function and what changes between calls; it runs eight times eagerly and compiled. A
retrace, a path, or one warning and eager from then on are all right; a stale number is not.
"""

# ruff: noqa: B006, E741, E742 - the shortest spelling of each
from __future__ import annotations

import array
import collections
import contextvars
import dataclasses
import functools
import itertools
import operator
import os
import random
import threading
import time
import types
import warnings
import weakref
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import symgrad as sg

Build = Callable[[], tuple[Callable[[Any], Any], Any]]
CASES: dict[str, Build] = {}


def case(name: str) -> Callable[[Build], Build]:
    """Declares a case: a function that builds (what is compiled, what changes between calls or None)."""

    def declare(build: Build) -> Build:
        CASES[name] = build
        return build

    return declare


@case("np Generator in closure")
def _() -> Any:
    r = np.random.default_rng(0)
    return (lambda x: x * float(r.random())), None


@case("np Generator array")
def _() -> Any:
    r = np.random.default_rng(0)
    return (lambda x: x * sg.from_numpy(r.random(3).astype("f4"))), None


@case("np RandomState in closure")
def _() -> Any:
    r = np.random.RandomState(0)
    return (lambda x: x * float(r.rand())), None


@case("random.Random in closure")
def _() -> Any:
    r = random.Random(0)
    return (lambda x: x * r.random()), None


@case("random.choice branch")
def _() -> Any:
    random.seed(0)
    return (lambda x: x * 2 if random.random() < 0.5 else x * 3), None


@case("random.shuffle order")
def _() -> Any:
    random.seed(0)
    fs = [1, 2, 3]

    def f(x):
        o = list(fs)
        random.shuffle(o)
        return x * o[0] + o[1]

    return f, None


@case("numpy permutation")
def _() -> Any:
    np.random.seed(0)
    return (lambda x: x * int(np.random.permutation(5)[0])), None


@case("sg dice branch")
def _() -> Any:
    sg.manual_seed(0)
    return (lambda x: x * 2 if sg.rand(()) < 0.5 else x * 3), None


@case("sg item dice")
def _() -> Any:
    sg.manual_seed(0)
    return (lambda x: x * 2 if sg.rand(()).item() < 0.5 else x * 3), None


@case("own sg.Generator")
def _() -> Any:
    g = sg.Generator().manual_seed(1)
    return (lambda x: x * sg.rand(3, generator=g)), None


@case("iterator next")
def _() -> Any:
    it = iter([1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0])
    return (lambda x: x * next(it)), None


@case("itertools.count")
def _() -> Any:
    it = itertools.count(1)
    return (lambda x: x * next(it)), None


@case("generator object")
def _() -> Any:
    def g():
        n = 1
        while True:
            yield n
            n += 1

    it = g()
    return (lambda x: x * next(it)), None


@case("for over iterator")
def _() -> Any:
    it = iter(range(1, 100))

    def f(x):
        for i in it:
            return x * i

    return f, None


@case("cycle of layers")
def _() -> Any:
    it = itertools.cycle([2.0, 3.0])
    return (lambda x: x * next(it)), None


@case("deque rotate")
def _() -> Any:
    d = collections.deque([1.0, 2.0, 3.0])

    def f(x):
        d.rotate(1)
        return x * d[0]

    return f, None


@case("deque changed outside")
def _() -> Any:
    d = collections.deque([1.0, 2.0, 3.0])
    return (lambda x: x * d[0]), (lambda: d.rotate(1))


@case("list.pop")
def _() -> Any:
    d = [float(i) for i in range(1, 20)]
    return (lambda x: x * d.pop()), None


@case("dict counter")
def _() -> Any:
    d = {"n": 1}

    def f(x):
        d["n"] += 1
        return x * d["n"]

    return f, None


@case("defaultdict")
def _() -> Any:
    d = collections.defaultdict(int)

    def f(x):
        d["a"] += 1
        return x * d["a"]

    return f, None


@case("Counter changed outside")
def _() -> Any:
    d = collections.Counter(a=1)
    return (lambda x: x * d["a"]), (lambda: d.update("a"))


@case("OrderedDict order")
def _() -> Any:
    d = collections.OrderedDict(a=2.0, b=3.0)
    return (lambda x: x * list(d.values())[0]), (lambda: d.move_to_end("a"))


@case("set changed")
def _() -> Any:
    d = {1}
    return (lambda x: x * len(d)), (lambda: d.add(len(d) + 1))


@case("set membership")
def _() -> Any:
    d = {1}
    return (lambda x: x * 2 if 2 in d else x), (lambda: d.add(2))


@case("function attribute")
def _() -> Any:
    def f(x):
        f.n += 1
        return x * f.n

    f.n = 0
    return f, None


@case("function attribute outside")
def _() -> Any:
    def f(x):
        return x * f.n

    f.n = 1.0
    return f, (lambda: setattr(f, "n", f.n + 1))


@case("nonlocal counter")
def _() -> Any:
    n = 0

    def f(x):
        nonlocal n
        n += 1
        return x * n

    return f, None


@case("mutable default")
def _() -> Any:
    def f(x, acc=[]):
        acc.append(1)
        return x * len(acc)

    return f, None


@case("mutable default changed outside")
def _() -> Any:
    def f(x, acc=[1.0]):
        return x * acc[0]

    return f, (lambda: f.__defaults__[0].__setitem__(0, f.__defaults__[0][0] + 1))


@case("kwdefaults")
def _() -> Any:
    def f(x, *, k={"a": 1.0}):
        return x * k["a"]

    return f, (lambda: f.__kwdefaults__["k"].update(a=f.__kwdefaults__["k"]["a"] + 1))


@case("np array closure mutated")
def _() -> Any:
    a = np.array([1.0, 2.0, 3.0], "f4")
    return (lambda x: x * sg.from_numpy(a)), (lambda: a.__iadd__(1))


@case("np array sg.tensor(a)")
def _() -> Any:
    a = np.array([1.0, 2.0, 3.0], "f4")
    return (lambda x: x * sg.tensor(a)), (lambda: a.__iadd__(1))


@case("np array element float")
def _() -> Any:
    a = np.array([1.0, 2.0, 3.0], "f4")
    return (lambda x: x * float(a[0])), (lambda: a.__iadd__(1))


@case("np array operator")
def _() -> Any:
    a = np.array([1.0, 2.0, 3.0], "f4")
    return (lambda x: x + a if False else x * a.sum()), (lambda: a.__iadd__(1))


@case("np array branch")
def _() -> Any:
    a = np.array([1.0, 2.0, 3.0], "f4")
    return (lambda x: x * 2 if a[0] > 2 else x * 3), (lambda: a.__iadd__(1))


@case("np array in object")
def _() -> Any:
    class O:
        pass

    o = O()
    o.a = np.array([1.0, 2.0, 3.0], "f4")
    return (lambda x: x * float(o.a.mean())), (lambda: o.a.__iadd__(1))


@case("np 0-d array")
def _() -> Any:
    a = np.array(1.0)
    return (lambda x: x * float(a)), (lambda: a.__iadd__(1))


@case("np scalar rebound")
def _() -> Any:
    ns = types.SimpleNamespace(a=np.float32(1))
    return (lambda x: x * ns.a), (lambda: setattr(ns, "a", ns.a + 1))


@case("SimpleNamespace")
def _() -> Any:
    ns = types.SimpleNamespace(a=1.0)
    return (lambda x: x * ns.a), (lambda: setattr(ns, "a", ns.a + 1))


@case("dataclass")
def _() -> Any:
    @dataclasses.dataclass
    class C:
        a: float = 1.0

    c = C()
    return (lambda x: x * c.a), (lambda: setattr(c, "a", c.a + 1))


@case("slots object")
def _() -> Any:
    class C:
        __slots__ = ("a",)

    c = C()
    c.a = 1.0
    return (lambda x: x * c.a), (lambda: setattr(c, "a", c.a + 1))


@case("property on slots via method")
def _() -> Any:
    class C:
        __slots__ = ("a",)

        def scale(self):
            return self.a * 2

    c = C()
    c.a = 1.0
    return (lambda x: x * c.scale()), (lambda: setattr(c, "a", c.a + 1))


@case("__getattr__")
def _() -> Any:
    class C:
        def __init__(s):
            s.__dict__["d"] = {"a": 1.0}

        def __getattr__(s, n):
            return s.d[n]

    c = C()
    return (lambda x: x * c.a), (lambda: c.d.update(a=c.d["a"] + 1))


@case("__getitem__ object")
def _() -> Any:
    class C:
        def __init__(s):
            s.d = [1.0]

        def __getitem__(s, i):
            return s.d[i]

    c = C()
    return (lambda x: x * c[0]), (lambda: c.d.__setitem__(0, c.d[0] + 1))


@case("list subclass")
def _() -> Any:
    class L(list):
        pass

    l = L([1.0])
    return (lambda x: x * l[0]), (lambda: l.__setitem__(0, l[0] + 1))


@case("dict subclass attr config")
def _() -> Any:
    class D(dict):
        __getattr__ = dict.__getitem__

    d = D(a=1.0)
    return (lambda x: x * d.a), (lambda: d.__setitem__("a", d["a"] + 1))


@case("partial")
def _() -> Any:
    h = [1.0]

    def g(k, x):
        return x * k[0]

    return functools.partial(g, h), (lambda: h.__setitem__(0, h[0] + 1))


@case("partial inside")
def _() -> Any:
    h = [1.0]

    def g(k, x):
        return x * k[0]

    p = functools.partial(g, h)
    return (lambda x: p(x)), (lambda: h.__setitem__(0, h[0] + 1))


@case("lru_cache helper")
def _() -> Any:
    h = [1.0]

    @functools.lru_cache
    def g(n):
        return h[0] * n

    return (lambda x: x * g(2)), (lambda: (h.__setitem__(0, h[0] + 1), g.cache_clear()))


@case("map over list")
def _() -> Any:
    h = [1.0, 2.0]
    return (lambda x: x * sum(map(lambda v: v * 2, h))), (lambda: h.append(5.0))


@case("operator.itemgetter")
def _() -> Any:
    h = {"a": 1.0}
    g = operator.itemgetter("a")
    return (lambda x: x * g(h)), (lambda: h.update(a=h["a"] + 1))


@case("vars()")
def _() -> Any:
    class C:
        pass

    c = C()
    c.a = 1.0
    return (lambda x: x * vars(c)["a"]), (lambda: setattr(c, "a", c.a + 1))


@case("getattr dynamic name")
def _() -> Any:
    class C:
        pass

    c = C()
    c.a = 1.0
    c.b = 5.0
    n = ["a"]
    return (lambda x: x * getattr(c, n[0])), (lambda: n.__setitem__(0, "b"))


@case("globals()")
def _() -> Any:
    globals()["GG"] = 1.0
    return (lambda x: x * globals()["GG"]), (
        lambda: globals().__setitem__("GG", globals()["GG"] + 1)
    )


@case("os.environ")
def _() -> Any:
    os.environ["ZZ"] = "1"
    return (lambda x: x * float(os.environ["ZZ"])), (
        lambda: os.environ.__setitem__("ZZ", str(int(os.environ["ZZ"]) + 1))
    )


@case("module attribute")
def _() -> Any:
    m = types.ModuleType("mm")
    m.a = 1.0
    return (lambda x: x * m.a), (lambda: setattr(m, "a", m.a + 1))


@case("enum/class registry")
def _() -> Any:
    class R:
        table = {}

    R.table["a"] = 1.0
    return (lambda x: x * R.table["a"]), (lambda: R.table.update(a=R.table["a"] + 1))


@case("classmethod state")
def _() -> Any:
    class R:
        n = 1.0

        @classmethod
        def get(cls):
            return cls.n

    return (lambda x: x * R.get()), (lambda: setattr(R, "n", R.n + 1))


@case("inherited class attr")
def _() -> Any:
    class B:
        n = 1.0

    class R(B):
        pass

    r = R()
    return (lambda x: x * r.n), (lambda: setattr(B, "n", B.n + 1))


@case("instance shadows class")
def _() -> Any:
    class B:
        n = 1.0

    r = B()
    return (lambda x: x * r.n), (lambda: setattr(r, "n", 7.0))


@case("closure over loop var fn list")
def _() -> Any:
    fs = [lambda x: x * 2]
    return (lambda x: fs[-1](x)), (lambda: fs.append(lambda x: x * 5))


@case("tuple of tensors rebound in obj")
def _() -> Any:
    class O:
        pass

    o = O()
    o.t = (sg.ones(3),)
    return (lambda x: x * o.t[0]), (lambda: setattr(o, "t", (o.t[0] + 1,)))


@case("tensor attr on tensor")
def _() -> Any:
    t = sg.ones(3)
    t.scale = 1.0
    return (lambda x: x * t.scale), (lambda: setattr(t, "scale", t.scale + 1))


@case("requires_grad check")
def _() -> Any:
    t = sg.ones(3)
    return (lambda x: x * 2 if t.requires_grad else x * 3), (
        lambda: t.requires_grad_(not t.requires_grad)
    )


@case("grad is None check")
def _() -> Any:
    t = sg.ones(3).requires_grad_()
    return (lambda x: x * 2 if t.grad is None else x * t.grad), (
        lambda: setattr(t, "grad", sg.ones(3) * 4)
    )


@case("is_grad_enabled")
def _() -> Any:
    return (lambda x: x * 2 if sg.is_grad_enabled() else x * 3), (
        lambda: sg.set_grad_enabled(not sg.is_grad_enabled())
    )


@case("threading.local")
def _() -> Any:
    l = threading.local()
    l.a = 1.0
    return (lambda x: x * l.a), (lambda: setattr(l, "a", l.a + 1))


@case("str in list")
def _() -> Any:
    m = ["a"]
    return (lambda x: x * 2 if m[0] == "a" else x * 3), (lambda: m.__setitem__(0, "b"))


@case("bytes/bytearray")
def _() -> Any:
    b = bytearray(b"\x01")
    return (lambda x: x * b[0]), (lambda: b.__setitem__(0, b[0] + 1))


@case("memoryview/array.array")
def _() -> Any:
    b = array.array("f", [1.0])
    return (lambda x: x * b[0]), (lambda: b.__setitem__(0, b[0] + 1))


@case("len of module list")
def _() -> Any:
    l = sg.nn.Sequential(sg.nn.ReLU())
    return (lambda x: x * len(l)), (
        lambda: (
            l.append(sg.nn.ReLU())
            if hasattr(l, "append")
            else l.add_module(str(len(l)), sg.nn.ReLU())
        )
    )


@case("weakref deref")
def _() -> Any:
    class O:
        pass

    o = O()
    o.a = 1.0
    w = weakref.ref(o)
    return (lambda x: x * w().a), (lambda: setattr(o, "a", o.a + 1))


@case("contextvar")
def _() -> Any:
    v = contextvars.ContextVar("v", default=1.0)
    return (lambda x: x * v.get()), (lambda: v.set(v.get() + 1))


@case("frozen numpy dtype conv list->tensor")
def _() -> Any:
    l = [1.0, 2.0, 3.0]
    return (lambda x: x * sg.tensor(l)), (lambda: l.__setitem__(0, l[0] + 1))


@case("int global large loop")
def _() -> Any:
    n = [1]

    def f(x):
        for _ in range(n[0]):
            x = x * 2
        return x

    return f, (lambda: n.__setitem__(0, n[0] + 1))


@case("exception path")
def _() -> Any:
    d = {}

    def f(x):
        try:
            return x * d["a"]
        except KeyError:
            return x * 3

    return f, (lambda: d.update(a=d.get("a", 0.0) + 1.0))


@case("hasattr")
def _() -> Any:
    class O:
        pass

    o = O()
    return (lambda x: x * o.a if hasattr(o, "a") else x * 3), (lambda: setattr(o, "a", 5.0))


@case("isinstance of closure")
def _() -> Any:
    o = [1]
    return (lambda x: x * 2 if isinstance(o[0], int) else x * 3), (lambda: o.__setitem__(0, 1.0))


@case("any/all over list")
def _() -> Any:
    l = [False]
    return (lambda x: x * 2 if any(l) else x * 3), (lambda: l.__setitem__(0, True))


@case("sorted dict keys")
def _() -> Any:
    l = {"b": 2.0}
    return (lambda x: x * l[sorted(l)[0]]), (lambda: l.update(a=5.0))


@case("zip of lists")
def _() -> Any:
    a = [1.0]
    b = [2.0]
    return (lambda x: x * sum(p * q for p, q in zip(a, b))), (
        lambda: (a.append(2.0), b.append(3.0))
    )


@case("star args list")
def _() -> Any:
    a = [1.0, 2.0]

    def h(x, *v):
        return x * sum(v)

    return (lambda x: h(x, *a)), (lambda: a.append(5.0))


@case("super method attr")
def _() -> Any:
    class B:
        def k(s):
            return s.n

    class C(B):
        def __init__(s):
            s.n = 1.0

        def k(s):
            return super().k() * 2

    c = C()
    return (lambda x: x * c.k()), (lambda: setattr(c, "n", c.n + 1))


@case("descriptor")
def _() -> Any:
    class D:
        v = 1.0

        def __get__(s, i, o):
            return D.v

    class C:
        a = D()

    c = C()
    return (lambda x: x * c.a), (lambda: setattr(D, "v", D.v + 1))


@case("cached_property")
def _() -> Any:
    class C:
        n = 1.0

        @functools.cached_property
        def a(s):
            return s.n

    c = C()
    return (lambda x: x * c.a), (lambda: (c.__dict__.pop("a", None), setattr(c, "n", c.n + 1)))


@case("match statement / walrus")
def _() -> Any:
    c = [1]

    def f(x):
        match c:
            case [1]:
                return x * 2
            case _:
                return x * 3

    return f, (lambda: c.__setitem__(0, 2))


@case("python int computed from np array shape list")
def _() -> Any:
    a = [np.ones((2, 3))]
    return (lambda x: x * a[0].shape[0]), (
        lambda: a.__setitem__(0, np.ones((a[0].shape[0] + 1, 3)))
    )


def outcomes(build: Build, wrap: Callable[[Any], Any]) -> list[Any]:
    f, change = build()
    f, out = wrap(f), []
    try:
        for call in range(8):
            try:
                out.append(f(sg.ones(3)).tolist())
            except (RuntimeError, LookupError, TypeError) as error:
                out.append(type(error).__name__)
            if change is not None and call % 2:
                change()
    finally:
        sg.set_grad_enabled(True)
    return out


@pytest.mark.filterwarnings("ignore:.*cannot be captured", "ignore:.*is traced for")
@pytest.mark.parametrize("name", CASES)
def test_what_is_read_is_never_stale(name: str) -> None:
    want = outcomes(CASES[name], lambda f: f)
    got = outcomes(CASES[name], lambda f: sg.compile(f, backend="numpy"))
    assert len({str(w) for w in want}) > 1, "nothing changed in this case"
    for mine, eager in zip(got, want, strict=True):
        assert mine == pytest.approx(eager) if isinstance(eager, list) else mine == eager


def test_the_clock_is_refused() -> None:
    f = sg.compile(lambda x: x * (time.perf_counter_ns() % 100_000), backend="numpy")
    with pytest.warns(UserWarning, match="perf_counter"):
        first = f(sg.ones(3))
    assert f(sg.ones(3)).tolist() != first.tolist()
    with pytest.raises(RuntimeError, match="perf_counter"):
        sg.compile(
            lambda x: x * (time.perf_counter_ns() % 100_000), backend="numpy", fullgraph=True
        )(sg.ones(3))


@pytest.mark.parametrize("make", [
    lambda: np.random.default_rng(0), lambda: np.random.RandomState(0), lambda: random.Random(0)])  # fmt: skip
def test_a_refused_draw_is_not_taken(make: Any) -> None:
    """Neither under fullgraph nor before falling back does the trace move the user's generator."""
    drawn, other = make(), make()
    f = sg.compile(lambda x: x * float(drawn.random()), backend="numpy", fullgraph=True) if hasattr(drawn, "random") \
        else sg.compile(lambda x: x * float(drawn.rand()), backend="numpy", fullgraph=True)  # fmt: skip
    with pytest.raises(RuntimeError, match="drawn from while tracing|random state"):
        f(sg.ones(3))
    draw = "random" if hasattr(drawn, "random") else "rand"
    assert getattr(drawn, draw)() == getattr(other, draw)()


def test_a_refused_write_is_undone() -> None:
    table, chosen, queue, raw = np.ones(3), {1}, collections.deque([1, 2]), bytearray(b"ab")

    def f(x: Any) -> Any:
        table[0] = 5.0
        chosen.add(2)
        queue.rotate(1)
        raw[0] = 0
        return x * 2

    with pytest.raises(RuntimeError, match="changed"):
        sg.compile(f, backend="numpy", fullgraph=True)(sg.ones(3))
    assert table.tolist() == [1, 1, 1] and chosen == {1} and list(queue) == [1, 2] and raw == b"ab"


# -- the neighbours' known ways of going stale (ANCHORS B.4) ---------------------------------------


class Model:
    def __init__(self, scale: float):
        self.weight = sg.ones(3) * scale
        self.scale = scale

    @sg.compile(backend="numpy", fullgraph=True, on_retrace="ok")
    def step(self, x: Any) -> Any:
        return x * self.weight + self.scale


def test_one_method_compiled_for_several_instances() -> None:
    models = [Model(2.0), Model(5.0)]
    for _ in range(3):
        for model in models:
            assert model.step(sg.ones(3)).tolist() == [2 * model.scale] * 3
        models[0].scale += 1.0
        models[0].weight = sg.ones(3) * models[0].scale


def test_results_that_are_no_tensors() -> None:
    f = sg.compile(
        lambda x, n: (x * n, n + 1, x.shape[0], {"n": [n]}),
        backend="numpy",
        fullgraph=True,
        on_retrace="ok",
    )
    for n in (1, 2, 3):
        y, more, extent, table = f(sg.ones(n + 1), n)
        assert y.tolist() == [n] * (n + 1) and (more, extent, table) == (n + 1, n + 1, {"n": [n]})


def test_tensors_in_containers_and_by_keyword() -> None:
    f = sg.compile(lambda pair, *, table: pair[0] + table["b"], backend="numpy", fullgraph=True)
    for n in range(1, 4):
        assert f((sg.ones(2) * n, None), table={"b": sg.ones(2)}).tolist() == [n + 1] * 2


def test_views_of_one_tensor_at_other_places() -> None:
    base = sg.arange(12.0)
    f = sg.compile(lambda x, y: x * 2 + y, backend="numpy", fullgraph=True, on_retrace="ok")
    for i, j in ((0, 3), (3, 0), (6, 6), (1, 2)):
        x, y = base[i : i + 3], base[j : j + 3]
        assert f(x, y).tolist() == (x * 2 + y).tolist()


def test_an_assignment_is_replayed() -> None:
    state = sg.zeros(3)

    def f(x: Any) -> Any:
        state[:] = state * 0.5 + x
        state[0] = 1.0
        return state.sum()

    g = sg.compile(f, backend="numpy", fullgraph=True)
    eager = sg.zeros(3)
    for n in range(4):
        got = g(sg.ones(3) * n)
        eager[:] = eager * 0.5 + n
        eager[0] = 1.0
        assert state.tolist() == eager.tolist() and float(got) == float(eager.sum())


def test_layers_dropped_by_dice() -> None:
    """A coin of Python's tossed for each layer: every call tosses again."""
    layers = [sg.ones(3) * n for n in (2.0, 3.0, 5.0)]

    def f(x: Any) -> Any:
        for layer in layers:
            if random.random() < 0.5:
                x = x * layer
        return x

    random.seed(0)
    want = [f(sg.ones(3)).tolist() for _ in range(8)]
    random.seed(0)
    with pytest.warns(UserWarning, match="random"):
        g = sg.compile(f, backend="numpy")
        assert [g(sg.ones(3)).tolist() for _ in range(8)] == want


def test_a_batch_norm_like_buffer_and_train_or_eval() -> None:
    class Norm(sg.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.register_buffer("running", sg.zeros(3))

        def forward(self, x: Any) -> Any:
            if self.training:
                with sg.no_grad():
                    self.running.mul_(0.5).add_(x.mean(0) * 0.5)
                return x - x.mean(0)
            return x - self.running

    nets = [Norm(), Norm()]
    compiled = sg.compile(nets[1], backend="numpy", fullgraph=True)
    for call in range(6):
        x = sg.arange(6.0).reshape(2, 3) * (call + 1)
        for net in nets:
            net.train(call % 3 != 2)
        assert compiled(x).tolist() == nets[0](x).tolist()
        assert nets[1].running.tolist() == nets[0].running.tolist()


def test_random_numbers_are_drawn_anew_and_the_trace_takes_none() -> None:
    f = sg.compile(lambda x: x + sg.rand(3), backend="numpy", fullgraph=True)
    sg.manual_seed(0)
    got = [f(sg.zeros(3)).tolist() for _ in range(3)]
    sg.manual_seed(0)
    assert got == [sg.rand(3).tolist() for _ in range(3)]


def test_no_warning_where_nothing_is_refused() -> None:
    table = np.ones(3, np.float32)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        f = sg.compile(lambda x: x + sg.from_numpy(table), backend="numpy", fullgraph=True)
        for n in range(3):
            table[:] = n
            assert f(sg.zeros(3)).tolist() == [n] * 3
    assert not f.misses  # read at each call: no retrace
