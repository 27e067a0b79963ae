"""State dicts of optimizers: laid out as PyTorch's, and going on from one is going on."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import numpy as np
import pytest
from optim_table import IDS, OPTIONS, same, start, train
from oracle import make, torch

import symgrad as sg


@pytest.mark.parametrize("name, options", OPTIONS, ids=IDS)
def test_state_dict_continues_the_run(name: str, options: dict[str, Any]) -> None:
    params = start(sg)
    optimizer = getattr(sg.optim, name)(params, **options)
    train(optimizer, params, 5)
    saved = pickle.loads(pickle.dumps(optimizer.state_dict()))
    others = [p.detach().clone().requires_grad_(True) for p in params]
    again = getattr(sg.optim, name)(others, lr=99.0)
    again.load_state_dict(saved)
    train(optimizer, params, 5)
    train(again, others, 5)
    for mine, theirs in zip(params, others):
        assert np.array_equal(mine.detach().numpy(), theirs.detach().numpy())


@pytest.mark.parametrize("name, options", OPTIONS, ids=IDS)
def test_state_dict_and_repr_are_torchs(name: str, options: dict[str, Any]) -> None:
    def program(lib: Any) -> Any:
        params = start(lib)
        optimizer = getattr(lib.optim, name)(params, **options)
        train(optimizer, params, 2)
        saved = optimizer.state_dict()
        numbers = {
            i: sorted(k for k, v in s.items() if v is not None) for i, s in saved["state"].items()
        }
        return (
            numbers,
            [sorted(g) for g in saved["param_groups"]],
            repr(optimizer),
            [g["params"] for g in saved["param_groups"]],
        )

    same(program)


def converted(value: Any, lib: Any) -> Any:
    """A state dict of the other library's, tensor by tensor."""
    if isinstance(value, dict):
        return {k: converted(v, lib) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(converted(v, lib) for v in value)
    return make(lib, value.detach().numpy()) if isinstance(value, (sg.Tensor, torch.Tensor)) else value


@pytest.mark.parametrize("here, there", [(sg, torch), (torch, sg)], ids=["to torch", "from torch"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name, options", OPTIONS, ids=IDS)
def test_the_other_library_goes_on(name: str, options: dict[str, Any], dtype: str, here: Any, there: Any) -> None:
    params = start(here, dtype)
    optimizer = getattr(here.optim, name)(params, **options)
    train(optimizer, params, 7)
    others = [make(there, p.detach().numpy(), True) for p in params]
    again = getattr(there.optim, name)(others, lr=99.0)
    again.load_state_dict(converted(optimizer.state_dict(), there))
    train(optimizer, params, 7)
    train(again, others, 7)
    tolerance = (1e-4, 1e-5) if dtype == "float32" else (1e-10, 1e-11)
    for a, b in zip(params, others):
        np.testing.assert_allclose(a.detach().numpy(), b.detach().numpy(), *tolerance)
    assert repr(again) == repr(optimizer)


def test_dtypes_after_loading() -> None:
    """Floating slots take the parameter's dtype, the step count keeps its own; a plain number becomes a tensor."""

    def program(lib: Any) -> Any:
        params = start(lib)
        optimizer = lib.optim.NAdam(params)
        train(optimizer, params, 2)
        saved = optimizer.state_dict()
        saved["state"][0]["step"] = 7
        others = start(lib, "float64")
        again = lib.optim.NAdam(others)
        again.load_state_dict(saved)
        return [dict(sorted(again.state[p].items())) for p in others]

    def flat(lib: Any) -> Any:
        return [list(d.items()) for d in program(lib)]

    same(flat)


def test_groups_are_replaced_whole() -> None:
    """A key that only the loaded group has is taken, one that it lacks goes, lost options come back as defaults."""

    def program(lib: Any) -> Any:
        params = start(lib)
        optimizer = lib.optim.SGD([{"params": params[:1], "note": "a"}, {"params": params[1:]}], lr=0.1)
        saved = optimizer.state_dict()
        saved["param_groups"][0].pop("note")
        saved["param_groups"][0].pop("maximize")
        saved["param_groups"][1]["initial_lr"] = 0.3
        optimizer.load_state_dict(saved)
        return repr(optimizer)

    same(program)


def test_a_loaded_dict_is_not_shared() -> None:
    params = start(sg)
    optimizer = sg.optim.Adam(params)
    train(optimizer, params, 2)
    saved = optimizer.state_dict()
    again = sg.optim.Adam(params)
    again.load_state_dict(saved)
    before = saved["state"][1]["exp_avg"].clone()
    train(again, params, 1)
    assert sg.equal(saved["state"][1]["exp_avg"], before)


def test_state_of_unknown_keys_is_kept() -> None:
    def program(lib: Any) -> Any:
        params = start(lib)
        optimizer = lib.optim.SGD(params, momentum=0.9)
        train(optimizer, params, 1)
        optimizer.state["note"] = {"epoch": 3}
        saved = optimizer.state_dict()
        again = lib.optim.SGD(params, momentum=0.9)
        again.load_state_dict(saved)
        return saved["state"]["note"], again.state["note"], list(saved["state"])

    same(program)


@pytest.mark.parametrize("way", [copy.deepcopy, lambda o: pickle.loads(pickle.dumps(o))], ids=["deepcopy", "pickle"])
@pytest.mark.parametrize("name, options", OPTIONS, ids=IDS)
def test_copies_go_on_alone(name: str, options: dict[str, Any], way: Any) -> None:
    params = start(sg)
    optimizer = getattr(sg.optim, name)(params, **options)
    train(optimizer, params, 3)
    again = way(optimizer)
    others = again.param_groups[0]["params"]
    train(optimizer, params, 3)
    assert not any(np.array_equal(a.detach().numpy(), b.detach().numpy()) for a, b in zip(params, others))
    train(again, others, 3)
    for a, b in zip(params, others):
        assert np.array_equal(a.detach().numpy(), b.detach().numpy())


def test_hooks_around_saving_and_loading() -> None:
    def program(lib: Any) -> Any:
        params, seen = start(lib), []
        optimizer = lib.optim.SGD(params, lr=0.1)
        optimizer.register_state_dict_pre_hook(lambda o: seen.append("before saving"))
        optimizer.register_state_dict_post_hook(lambda o, d: {**d, "note": 1})
        optimizer.register_state_dict_post_hook(lambda o, d: seen.append(sorted(d)), prepend=True)
        optimizer.register_load_state_dict_pre_hook(lambda o, d: seen.append("before loading"))
        handle = optimizer.register_load_state_dict_post_hook(lambda o: seen.append("after loading"))
        saved = optimizer.state_dict()
        optimizer.load_state_dict(saved)
        handle.remove()
        optimizer.load_state_dict(saved)
        return seen, sorted(saved)

    same(program)
