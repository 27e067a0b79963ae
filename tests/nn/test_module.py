"""Module, its containers and its state dict, run beside PyTorch: the same program on both libraries."""

from __future__ import annotations

import copy
import pickle
import re
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

import pytest
from oracle import BOTH, agree, array_of, torch

import symgrad as sg


def small(lib: Any) -> Any:
    nn = lib.nn

    class Block(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.lin = nn.Linear(2, 2)
            self.register_buffer("count", lib.tensor([3]))
            self.register_buffer("scratch", lib.ones(2), persistent=False)
            self.gain = nn.Parameter(lib.ones(()))

    class Model(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.blocks = nn.ModuleDict({"a": Block(), "b": nn.Sequential(nn.ReLU(), nn.Linear(2, 1, bias=False))})
            self.tied = self.blocks["a"].lin
            self.free = nn.ParameterList([lib.zeros(2), nn.Parameter(lib.ones(1, 3))])
            self.named = nn.ParameterDict({"z": lib.zeros(1), "y": lib.ones(2)})
            self.empty = None

    model = Model()
    with lib.no_grad():
        for i, p in enumerate(model.parameters()):
            p.fill_(i + 0.5)
    return model


def names(found: Any) -> list[Any]:
    return [n for n, _ in found]


def said(call: Callable[[], Any]) -> Any:
    """Kind and first line of what a call raises, or its value."""
    try:
        return call()
    except Exception as error:
        kind = next(c for c in type(error).__mro__ if c.__module__ == "builtins")
        text = re.sub(r"\n  (at|hint).*", "", str(error), flags=re.S)
        return kind.__name__, text.replace("symgrad", "torch")


def lin(lib: Any, *shape: int) -> Any:
    layer = lib.nn.Linear(*(shape or (2, 2)))
    with lib.no_grad():
        layer.weight.fill_(1.0)
        layer.bias.fill_(2.0)
    return layer


def kinds(found: Any) -> list[str]:
    return [type(m).__name__ for m in found]


WALKS = {
    "parameters": lambda m: names(m.named_parameters()),
    "all names": lambda m: names(m.named_parameters(remove_duplicate=False)),
    "prefix": lambda m: names(m.named_parameters(prefix="p")),
    "own": lambda m: names(m.named_parameters(recurse=False)),
    "buffers": lambda m: names(m.named_buffers()),
    "own buffers": lambda m: names(m.blocks["a"].named_buffers(prefix="q", recurse=False)),
    "modules": lambda m: names(m.named_modules()),
    "all modules": lambda m: names(m.named_modules(prefix="x", remove_duplicate=False)),
    "memo": lambda m: names(m.named_modules(memo={m.tied})),
    "children": lambda m: names(m.named_children()),
    "lists": lambda m: (len(list(m.parameters())), len(list(m.buffers())), kinds(m.modules()), kinds(m.children())),
    "repr": lambda m: repr(m).replace("symgrad.", "torch."),
    "dir": lambda m: [n for n in dir(m) if n in ("blocks", "tied", "free", "named", "empty", "0", "training")],
    "dir of a list": lambda m: [n for n in dir(m.free) if n[0].isdigit()],
    "keys": lambda m: list(m.state_dict()),
    "prefixed": lambda m: list(m.state_dict(prefix="m.")),
    "kept": lambda m: [type(v).__name__ for v in m.state_dict(keep_vars=True).values()][:2],
    "metadata": lambda m: dict(m.state_dict()._metadata),
    "submodule": lambda m: (kinds([m.get_submodule("blocks.b.1"), m.get_submodule("")])),
    "parameter": lambda m: m.get_parameter("blocks.a.gain"),
    "buffer": lambda m: m.get_buffer("blocks.a.count"),
    "no parameter": lambda m: said(lambda: m.get_parameter("blocks.a.count")),
    "no buffer": lambda m: said(lambda: m.get_buffer("blocks.a.gain")),
    "no attribute": lambda m: said(lambda: m.get_parameter("blocks.a.nothing")),
    "no module": lambda m: said(lambda: m.get_submodule("blocks.c")),
    "not a module": lambda m: said(lambda: m.get_submodule("empty.x")),
    "set": lambda m: (m.set_submodule("blocks.b.0", m.tied), repr(m).replace("symgrad.", "torch."))[1],
    "set nothing": lambda m: said(lambda: m.set_submodule("", m.tied)),
    "set strictly": lambda m: said(lambda: m.set_submodule("blocks.new", m.tied, strict=True)),
    "set no module": lambda m: said(lambda: m.set_submodule("blocks.a", 3))[0],
    "modes": lambda m: (m.eval() is m, m.blocks["a"].training, m.train().blocks["a"].training),
    "chained": lambda m: m.requires_grad_(False) is m and m.zero_grad() is None and m.share_memory() is m,
    "apply": lambda m: (lambda seen: (m.apply(lambda x: seen.append(type(x).__name__)) is m, seen))([]),
    "name": lambda m: (m._get_name(), m.blocks._get_name()),
    "bare": lambda m: said(lambda: m.missing),
}


@pytest.mark.parametrize("name", WALKS)
def test_walks(name: str) -> None:
    agree(lambda lib: WALKS[name](small(lib)))


CONVERSIONS = {
    "double": lambda lib, m: m.double(),
    "half": lambda lib, m: m.half(),
    "bfloat16": lambda lib, m: m.bfloat16().float(),
    "to dtype": lambda lib, m: m.to(lib.float64),
    "to keyword": lambda lib, m: m.to(dtype=lib.float64, non_blocking=True),
    "to both": lambda lib, m: m.to("cpu", lib.float64),
    "to device": lambda lib, m: m.to(device=lib.device("cpu")),
    "to tensor": lambda lib, m: m.to(lib.ones(1, dtype=lib.float64)),
    "to layout": lambda lib, m: m.to(memory_format=lib.contiguous_format),
    "type": lambda lib, m: m.type(lib.float64),
    "type by name": lambda lib, m: m.type("torch.DoubleTensor"),
    "cpu": lambda lib, m: m.cpu(),
    "int": lambda lib, m: m.to(lib.int64),
    "nothing": lambda lib, m: m.to(),
}


@pytest.mark.parametrize("name", CONVERSIONS)
def test_conversions(name: str) -> None:
    def program(lib: Any) -> Any:
        model = small(lib)
        weight = model.tied.weight
        (weight * 2).sum().backward()
        same = CONVERSIONS[name](lib, model) is model
        return same, model.tied.weight is weight, weight.grad, dict(model.state_dict()), list(model.buffers())

    if name == "int":
        agree(lambda lib: said(lambda: program(lib)))
    else:
        agree(lambda lib: [*program(lib)[:3], *program(lib)[3].values(), *program(lib)[4]], rtol=1e-2)


def test_to_empty() -> None:
    model = small(sg).to_empty(device="cpu")
    assert [tuple(p.shape) for p in model.parameters()] == [tuple(p.shape) for p in small(torch).parameters()]
    assert model.tied is model.blocks["a"].lin


def chain(lib: Any) -> Any:
    nn = lib.nn
    return nn.Sequential(nn.ReLU(), nn.Tanh(), nn.Sigmoid())


def named_chain(lib: Any) -> Any:
    return lib.nn.Sequential(OrderedDict(a=lib.nn.ReLU(), b=lib.nn.Sequential(lib.nn.Tanh()), c=lin(lib)))


def changed(module: Any, *changes: Callable[[Any], Any]) -> Any:
    results = [said(lambda change=change: change(module)) for change in changes]
    return [r if isinstance(r, (str, int, tuple, list, bool)) else repr(r) for r in results], repr(module)


def put(key: Any, make: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def change(module: Any) -> None:
        module[key] = make(module)

    return change


def drop(key: Any) -> Callable[[Any], Any]:
    def change(module: Any) -> None:
        del module[key]

    return change


SEQUENTIAL = {
    "slices": lambda lib: [repr(chain(lib)[s]) for s in (slice(1), slice(1, None), slice(None, None, 2), slice(5, 9))],
    "named slice": lambda lib: repr(named_chain(lib)[1:]),
    "nested": lambda lib: (repr(named_chain(lib)), repr(named_chain(lib)[1][0]), named_chain(lib).b._modules.keys()),
    "index": lambda lib: [said(lambda i=i: repr(chain(lib)[i])) for i in (0, -1, 2, 3, -4, "a", 1.5)],
    "set": lambda lib: changed(chain(lib), put(1, lambda m: lin(lib)), put(-1, lambda m: m[0]), put(7, lambda m: m)),
    "set no module": lambda lib: said(lambda: put(0, lambda m: 3)(chain(lib)))[0],
    "delete": lambda lib: changed(chain(lib), drop(0), drop(-1), drop(5)),
    "delete slice": lambda lib: changed(named_chain(lib), drop(slice(0, 2))),
    "insert": lambda lib: changed(chain(lib), lambda m: m.insert(1, lin(lib)) is m, lambda m: m.insert(-1, lin(lib)),
                                  lambda m: m.insert(9, lin(lib)), lambda m: m.insert(5, lib.nn.Tanh())),
    "pop": lambda lib: changed(chain(lib), lambda m: repr(m.pop(1)), lambda m: repr(m.pop(-1)), lambda m: m.pop(3)),
    "append": lambda lib: changed(chain(lib), lambda m: m.append(lin(lib)) is m, lambda m: m.extend(chain(lib)) is m),
    "append no module": lambda lib: said(lambda: chain(lib).append(3))[0],
    "add": lambda lib: repr(chain(lib) + named_chain(lib)),
    "add other": lambda lib: said(lambda: chain(lib) + [1])[0],
    "iadd": lambda lib: repr(lib.nn.Sequential(lin(lib)).__iadd__(chain(lib))),
    "times": lambda lib: (repr(chain(lib) * 2), repr(2 * chain(lib)), repr(chain(lib).__imul__(3))),
    "times zero": lambda lib: said(lambda: chain(lib) * 0)[0],
    "times float": lambda lib: said(lambda: chain(lib) * 1.5)[0],
    "shared": lambda lib: len(list((lib.nn.Sequential(lin(lib)) * 3).parameters())),
    "len": lambda lib: (len(chain(lib)), kinds(chain(lib)), chain(lib) == 1, bool(lib.nn.Sequential())),
    "two dicts": lambda lib: said(lambda: lib.nn.Sequential(OrderedDict(), OrderedDict()))[0],
    "a plain dict": lambda lib: said(lambda: lib.nn.Sequential({"a": lin(lib)}))[0],
    "forward": lambda lib: named_chain(lib)(lib.ones(1, 2)).detach(),
    "dir": lambda lib: "0" in dir(chain(lib)),
}


@pytest.mark.parametrize("name", SEQUENTIAL)
def test_sequential(name: str) -> None:
    agree(SEQUENTIAL[name])


def listed(lib: Any) -> Any:
    return lib.nn.ModuleList([lib.nn.ReLU(), lin(lib), lin(lib), lib.nn.Tanh()])


LISTS = {
    "repr": lambda lib: (repr(listed(lib)), repr(lib.nn.ModuleList())),
    "slices": lambda lib: [repr(listed(lib)[s]) for s in (slice(2), slice(-1, None), slice(None, None, -1))],
    "index": lambda lib: [said(lambda i=i: repr(listed(lib)[i])) for i in (0, -1, 4, -5)],
    "set": lambda lib: changed(listed(lib), put(0, lambda m: m[3]), put(-1, lambda m: m[1]), put(4, lambda m: m)),
    "delete": lambda lib: changed(listed(lib), drop(1), drop(slice(0, 2))),
    "insert": lambda lib: changed(listed(lib), lambda m: m.insert(0, lin(lib))),
    "pop": lambda lib: changed(listed(lib), lambda m: repr(m.pop(0)), lambda m: repr(m.pop(-1))),
    "add": lambda lib: (repr(listed(lib) + [lin(lib)]), repr(listed(lib) + listed(lib))),
    "iadd": lambda lib: repr(listed(lib).__iadd__([lin(lib)])),
    "extend no iterable": lambda lib: said(lambda: listed(lib).extend(3)),
    "itself": lambda lib: changed(listed(lib), lambda m: m.append(lin(lib)) is m, lambda m: len(m)),
    "call": lambda lib: said(lambda: listed(lib)(1)),
}


@pytest.mark.parametrize("name", LISTS)
def test_module_list(name: str) -> None:
    agree(LISTS[name])


def mapped(lib: Any) -> Any:
    return lib.nn.ModuleDict([("relu", lib.nn.ReLU()), ("lin", lin(lib))])


DICTS = {
    "repr": lambda lib: (repr(mapped(lib)), repr(lib.nn.ModuleDict())),
    "views": lambda lib: (list(mapped(lib)), list(mapped(lib).keys()), kinds(mapped(lib).values()),
                          [(k, type(m).__name__) for k, m in mapped(lib).items()], len(mapped(lib))),
    "in": lambda lib: ("lin" in mapped(lib), "x" in mapped(lib)),
    "get": lambda lib: (repr(mapped(lib)["lin"]), repr(mapped(lib).lin), said(lambda: mapped(lib)["x"])),
    "set": lambda lib: changed(mapped(lib), put("new", lambda m: m["lin"]), put("lin", lambda m: m["relu"])),
    "bad keys": lambda lib: [said(lambda k=k: put(k, lambda m: m["lin"])(mapped(lib)))[0] for k in
                             ("a.b", "", "keys", 3, "training")],
    "no module": lambda lib: said(lambda: put("x", lambda m: 3)(mapped(lib)))[0],
    "delete": lambda lib: changed(mapped(lib), drop("lin"), lambda m: m.pop("relu") and 1, lambda m: len(m)),
    "delete missing": lambda lib: said(lambda: drop("x")(mapped(lib))),
    "clear": lambda lib: changed(mapped(lib), lambda m: m.clear()),
    "update": lambda lib: changed(mapped(lib), lambda m: m.update({"b": lin(lib), "a": lin(lib)}),
                                  lambda m: m.update(mapped(lib)), lambda m: m.update([("z", lin(lib))]),
                                  lambda m: m.update(3), lambda m: m.update([3]), lambda m: m.update([(1, 2, 3)])),
    "state": lambda lib: list(mapped(lib).state_dict()),
}


@pytest.mark.parametrize("name", DICTS)
def test_module_dict(name: str) -> None:
    agree(DICTS[name])


def free(lib: Any) -> Any:
    return lib.nn.ParameterList([lib.zeros(2), lib.nn.Parameter(lib.ones(1, 3)), 3, "text"])


FREE = {
    "repr": lambda lib: repr(free(lib)).replace("symgrad.", "torch."),
    "parameters": lambda lib: names(free(lib).named_parameters()),
    "index": lambda lib: [said(lambda i=i: free(lib)[i]) for i in (0, 1, 2, 3, -1, 4)],
    "slice": lambda lib: (len(free(lib)[1:]), list(free(lib)[::2])[1], type(free(lib)[:1]).__name__),
    "set": lambda lib: (lambda m: (put(0, lambda m: lib.ones(4))(m), list(m)[:2], names(m.named_parameters())))(
        free(lib))[1:],
    "grow": lambda lib: (lambda m: (m.append(lib.ones(1)) is m, m.extend([1, lib.zeros(2)]) is m, len(m),
                                    names(m.named_parameters())))(free(lib)),
    "iadd": lambda lib: len(free(lib).__iadd__([lib.zeros(1)])),
    "extend by a tensor": lambda lib: said(lambda: free(lib).extend(lib.zeros(3))),
    "call": lambda lib: said(lambda: free(lib)(1)),
    "dir": lambda lib: "0" in dir(free(lib)),
    "state": lambda lib: dict(free(lib).state_dict())["1"],
}


@pytest.mark.parametrize("name", FREE)
def test_parameter_list(name: str) -> None:
    agree(FREE[name])


def labelled(lib: Any) -> Any:
    return lib.nn.ParameterDict({"b": lib.zeros(2), "a": lib.nn.Parameter(lib.ones(1, 3)), "n": 3})


LABELLED = {
    "repr": lambda lib: repr(labelled(lib)),
    "order": lambda lib: (list(labelled(lib)), list(reversed(labelled(lib))), list(labelled(lib).keys()),
                          [k for k, _ in labelled(lib).items()], len(labelled(lib))),
    "ordered": lambda lib: list(lib.nn.ParameterDict(OrderedDict(b=lib.ones(1), a=lib.ones(1)))),
    "pairs": lambda lib: list(lib.nn.ParameterDict([("b", lib.ones(1)), ("a", lib.ones(1))])),
    "get": lambda lib: (labelled(lib)["b"], labelled(lib).get("x"), labelled(lib).get("a"), labelled(lib).get("x", 5)),
    "missing": lambda lib: said(lambda: labelled(lib)["x"])[0],
    "bad key": lambda lib: said(lambda: labelled(lib)[3])[0],
    "in": lambda lib: ("b" in labelled(lib), "x" in labelled(lib)),
    "pop": lambda lib: (lambda m: (m.pop("b"), m.popitem()[0], list(m), names(m.named_parameters())))(labelled(lib)),
    "setdefault": lambda lib: (lambda m: (m.setdefault("x", lib.ones(1)), m.setdefault("n"), list(m)))(labelled(lib)),
    "clear": lambda lib: (lambda m: (m.clear(), len(m), names(m.named_parameters())))(labelled(lib)),
    "copy": lambda lib: (lambda m: (m.copy()["a"] is m["a"], list(m.copy())))(labelled(lib)),
    "or": lambda lib: (list(labelled(lib) | lib.nn.ParameterDict({"q": lib.ones(1)})),
                       list(labelled(lib).__ior__(lib.nn.ParameterDict({"q": lib.ones(1)})))),
    "fromkeys": lambda lib: list(labelled(lib).fromkeys(["r", "s"], 1).items()),
    "update": lambda lib: [said(lambda g=g: labelled(lib).update(g)) for g in (3, [3], [(1, 2, 3)])],
    "call": lambda lib: said(lambda: labelled(lib)(1)),
}


@pytest.mark.parametrize("name", LABELLED)
def test_parameter_dict(name: str) -> None:
    agree(LABELLED[name])


def log(seen: list[Any], *keep: int) -> Callable[..., None]:
    return lambda *args: seen.append([args[i] if i < len(args) else None for i in keep])


def hooked(lib: Any) -> Any:
    model, seen = small(lib), []
    inner = model.blocks["a"]
    model.register_state_dict_pre_hook(log(seen, 1, 2))
    inner.register_state_dict_post_hook(lambda m, s, p, meta: seen.append((list(s), p, meta)))
    handle = inner._register_state_dict_hook(lambda m, s, p, meta: seen.append("removed"))
    handle.remove()
    model._register_state_dict_hook(lambda m, s, p, meta: {"only": s["tied.bias"]})
    return list(model.state_dict()), seen


def loading(lib: Any) -> Any:
    model, seen = small(lib), []
    saved = model.state_dict()
    saved["old"] = saved.pop("tied.bias")
    inner = model.blocks["a"]

    def rename(state_dict: Any, prefix: str, meta: Any, strict: bool, missing: Any, extra: Any, errors: Any) -> None:
        seen.append((prefix, strict, missing, extra, errors))
        if "old" in state_dict:
            state_dict["tied.bias"] = state_dict.pop("old")

    model._register_load_state_dict_pre_hook(rename)
    inner.register_load_state_dict_pre_hook(lambda m, s, p, *rest: seen.append((type(m).__name__, list(s), p)))
    model.register_load_state_dict_post_hook(lambda m, keys: seen.append((keys.missing_keys, keys.unexpected_keys)))
    return repr(model.load_state_dict(saved)), seen


def forgiven(lib: Any) -> Any:
    model = small(lib)
    saved = model.state_dict()
    del saved["tied.bias"]
    model.register_load_state_dict_post_hook(lambda m, keys: keys.missing_keys.clear())
    return repr(model.load_state_dict(saved))


def with_extra(lib: Any) -> Any:
    class Counter(lib.nn.Module):
        calls = 5

        def get_extra_state(self) -> Any:
            return {"calls": self.calls}

        def set_extra_state(self, state: Any) -> None:
            self.calls = state["calls"]

    one, two = lib.nn.Sequential(Counter(), lin(lib)), lib.nn.Sequential(Counter(), lin(lib))
    one[0].calls = 9
    saved = one.state_dict()
    result = repr(two.load_state_dict(saved))
    del saved["0._extra_state"]
    plain = said(lambda: lib.nn.Sequential(lib.nn.ReLU(), lin(lib)).load_state_dict(one.state_dict()))
    return list(one.state_dict()), two[0].calls, result, said(lambda: two.load_state_dict(saved)), plain


def overridden(lib: Any) -> Any:
    class Renamed(lib.nn.Linear):
        _version = 2

        def _save_to_state_dict(self, destination: Any, prefix: str, keep_vars: bool) -> None:
            super()._save_to_state_dict(destination, prefix, keep_vars)
            destination[prefix + "w"] = destination.pop(prefix + "weight")

        def _load_from_state_dict(self, state_dict: Any, prefix: str, metadata: Any, *rest: Any) -> None:
            assert metadata.get("version") == 2
            state_dict[prefix + "weight"] = state_dict.pop(prefix + "w")
            super()._load_from_state_dict(state_dict, prefix, metadata, *rest)

    one, two = lib.nn.Sequential(Renamed(2, 1)), lib.nn.Sequential(Renamed(2, 1))
    saved = one.state_dict()
    return list(saved), repr(two.load_state_dict(saved)), bool((one[0].weight == two[0].weight).all())


def assigned(lib: Any) -> Any:
    model = lin(lib)
    saved = {"weight": lib.zeros(2, 2, dtype=lib.float64), "bias": lib.nn.Parameter(lib.ones(2))}
    model.bias.requires_grad_(False)
    result = repr(model.load_state_dict(saved, assign=True))
    return (result, model.weight, model.bias is saved["bias"], model.bias.requires_grad, type(model.weight).__name__)


def positional(lib: Any) -> Any:
    with pytest.warns(FutureWarning):
        return list(lin(lib).state_dict(None, "p."))


STATE = {
    "save hooks": hooked, "load hooks": loading, "a hook forgives": forgiven, "extra": with_extra,
    "overridden": overridden, "assign": assigned, "positional": positional,
    "destination": lambda lib: (lambda d: (lin(lib).state_dict(destination=d, prefix="x.") is d, list(d)))({}),
    "one element for a number": lambda lib: (lambda m: (m.load_state_dict(
        {**m.state_dict(), "gain": lib.tensor([7.0])}), m.gain))(small(lib).blocks["a"])[1],
    "not a tensor": lambda lib: said(lambda: lin(lib).load_state_dict({"weight": 3, "bias": lib.ones(2)})),
    "sizes": lambda lib: said(lambda: lin(lib).load_state_dict({"weight": lib.ones(3, 2), "bias": lib.ones(2)})),
    "several": lambda lib: said(lambda: small(lib).load_state_dict({"x": lib.ones(1), "free.0": lib.ones(3)})),
    "unexpected below": lambda lib: said(lambda: small(lib).load_state_dict(
        {**small(lib).state_dict(), "blocks.a.lin.more": lib.ones(1), "blocks.c.x": lib.ones(1)})),
    "loose": lambda lib: repr(small(lib).load_state_dict({"x": lib.ones(1)}, strict=False)),
    "result": lambda lib: (repr(lin(lib).load_state_dict(lin(lib).state_dict())),
                           str(lin(lib).load_state_dict(lin(lib).state_dict()))),
    "dtype of the model": lambda lib: (lambda m: (m.load_state_dict(lin(lib).double().state_dict()), m.weight))(
        lin(lib))[1],
}


@pytest.mark.parametrize("name", STATE)
def test_state_dict(name: str) -> None:
    agree(STATE[name])


def test_copies_and_pickles() -> None:
    for lib in BOTH:
        model = small_module(lib)
        model.register_forward_hook(hook)
        for twin in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
            assert repr(twin) == repr(model) and twin is not model
            for (n, a), (m, b) in zip(twin.named_parameters(), model.named_parameters(), strict=True):
                assert n == m and a is not b and type(a) is type(b) and a.requires_grad == b.requires_grad
                assert (array_of(a) == array_of(b)).all()
            assert twin[0].weight is twin[2].weight
            twin[0].weight.data.zero_()
            assert (array_of(model[0].weight) == 1).all()
            out = twin(lib.ones(1, 2))
            assert (array_of(out) == 3).all()
            out.sum().backward()
            assert twin[0].weight.grad is not None and model[0].weight.grad is None


def hook(module: Any, args: Any, out: Any) -> Any:
    return out + 1


def small_module(lib: Any) -> Any:
    layer = lin(lib)
    return lib.nn.Sequential(layer, lib.nn.ReLU(), layer)


def test_a_compiled_call_sees_what_a_container_gained() -> None:
    model = sg.nn.ModuleList([lin(sg)])
    extra = sg.nn.ParameterList([sg.ones(2)])

    def total(x: Any) -> Any:
        for layer in model:
            x = layer(x)
        for value in extra:
            x = x * value
        return x.sum()

    run, x = sg.compile(total, backend="numpy", fullgraph=True), sg.ones(1, 2)
    for change in (lambda: None, lambda: model.append(lin(sg)), lambda: extra.append(sg.ones(2) * 2),
                   lambda: model.pop(0), lambda: model.insert(0, sg.nn.ReLU())):  # fmt: skip
        change()
        assert run(x).item() == total(x).item()


def test_a_compiled_step_sees_a_new_parameter() -> None:
    model = lin(sg)

    def size() -> Any:
        return sum((p * p).sum() for p in model.parameters())

    run = sg.compile(size, backend="numpy", fullgraph=True)
    before = run().item()
    model.register_parameter("more", sg.nn.Parameter(sg.ones(3)))
    assert run().item() == before + 3
