"""A case is one way of making and calling a module, the same in PyTorch and symgrad.

Most come from PyTorch's `module_db`; `EXTRAS` has those of modules that it does not list.
"""

from __future__ import annotations

import inspect
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from modules.extra import EXTRAS
from opinfo.convert import ToSymgrad, ToTorch
from torch.testing._internal.common_modules import ModuleErrorEnum, module_db

import symgrad as sg

BEYOND = "Lazy FractionalMaxPool LinearCrossEntropy".split()
"""Modules of PyTorch's table that are not promised (by how their names begin)."""


@dataclass(frozen=True)
class Case:
    """One module: how it is made and what it is called with."""

    name: str
    made: tuple[tuple[Any, ...], dict[str, Any]]
    called: tuple[tuple[Any, ...], dict[str, Any]]
    fails_when_made: bool = False

    @property
    def label(self) -> str:
        args, kwargs = self.made
        given = [*map(repr, args), *(f"{k}={v!r}" for k, v in kwargs.items())]
        return f"{self.name}({', '.join(given)})".replace("\n", " ")

    def build(self, lib: Any, dtype: Any) -> Any:
        """The module, with parameters of `dtype`."""
        args, kwargs = self.copied(lib, self.made)
        module = getattr(lib.nn, self.name)(*args, **kwargs)
        return module.to(dtype if lib is torch else ToSymgrad()(dtype))

    def inputs(self, lib: Any) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Fresh operands of a call."""
        return self.copied(lib, self.called)  # type: ignore[no-any-return]

    def copied(self, lib: Any, value: Any) -> Any:
        copy = (ToTorch if lib is torch else ToSymgrad)()
        return renamed(copy(value), lib)


def renamed(value: Any, lib: Any) -> Any:
    """PyTorch's functions and modules among the arguments of `lib`."""
    if isinstance(value, tuple) and type(value) is tuple:
        return tuple(renamed(v, lib) for v in value)
    if isinstance(value, dict):
        return {k: renamed(v, lib) for k, v in value.items()}
    if lib is sg and (inspect.isroutine(value) or inspect.isclass(value)) and value.__name__ != "<lambda>":
        for space in (sg.nn.functional, sg, sg.nn):
            if hasattr(space, value.__name__):
                return getattr(space, value.__name__)
    return value


def promised() -> dict[str, Callable[[Any, bool], Iterator[Case]]]:
    """Name -> what makes its cases, of a dtype and a mode."""
    table: dict[str, Callable[[Any, bool], Iterator[Case]]] = {}
    for info in module_db:
        name = info.module_cls.__name__
        if info.module_cls.__module__.startswith("torch.nn.") and not name.startswith(tuple(BEYOND)):
            table[name] = lambda dtype, training, info=info: of_info(info, dtype, training)
    for name in EXTRAS:
        table[name] = lambda dtype, training, name=name: of_extra(name, dtype)
    return dict(sorted(table.items()))


def of_info(info: Any, dtype: Any, training: bool) -> Iterator[Case]:
    """The samples of an entry of PyTorch's table."""
    seed()
    for given in info.module_inputs_func(info, "cpu", dtype, True, training):
        yield case_of(info, given)


def errors_of(name: str) -> Iterator[Case]:
    """The error inputs of an entry of PyTorch's table."""
    for info in module_db:
        if info.module_cls.__name__ == name and info.module_error_inputs_func is not None:
            seed()
            for given in info.module_error_inputs_func(info, "cpu", torch.float32, False, True):
                when = given.error_on is ModuleErrorEnum.CONSTRUCTION_ERROR
                yield case_of(info, given.module_error_input, when)


def case_of(info: Any, given: Any, fails: bool = False) -> Case:
    made, called = given.constructor_input, given.forward_input
    return Case(info.module_cls.__name__, (made.args, made.kwargs),
                ((), {}) if called is None else (called.args, called.kwargs), fails)  # fmt: skip


def of_extra(name: str, dtype: Any) -> Iterator[Case]:
    """The cases written here."""
    seed()
    for made, shapes in EXTRAS[name]:
        tensors = tuple(torch.randn(s, dtype=dtype, requires_grad=True) if isinstance(s, tuple) else s for s in shapes)
        yield Case(name, made, (tensors, {}))


def seed() -> None:
    """Samples are random but the same at every run."""
    torch.manual_seed(0)
    random.seed(0)
    np.random.seed(0)
