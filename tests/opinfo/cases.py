"""A case is one operation of PyTorch's `op_db` (or of `extra.py`), callable in either library.

PyTorch's entry is used as it is. Where it is a Python function (`lambda x: x.expand(...)`), the same code
runs with `torch` meaning symgrad; otherwise the function is found by its name: `symgrad.NAME`, dotted
names too, else the method.
"""

from __future__ import annotations

import gc
import random
import types
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch.testing._internal import common_utils
from torch.testing._internal.common_methods_invocations import op_db
from torch.testing._internal.opinfo import core

import symgrad as sg
from opinfo.extra import EXTRAS, Extra, Maker
from opinfo.named import NAMES

DTYPES = tuple(
    getattr(torch, n)
    for n in "bool uint8 int8 int16 int32 int64 float16 bfloat16 float32 float64 complex64 complex128".split()
)


# PyTorch looks through the stack for its own test class before every batch of samples, which takes longer than they do.
common_utils.extract_test_fn = core.extract_test_fn = lambda: None


class Missing(Exception):
    """symgrad has no function or method of this name."""


@dataclass(frozen=True)
class Sample:
    """One call: the operands, how to make its result comparable, whether the first operand is broadcast."""

    input: Any
    args: tuple[Any, ...] = ()
    kwargs: Any = None
    process: Callable[..., Any] | None = None
    broadcasts: bool = False

    @property
    def all(self) -> tuple[Any, Any, Any]:
        return self.input, self.args, self.kwargs or {}


class Case:
    """One entry of `op_db`."""

    def __init__(self, info: Any):
        self.info = info
        self.name, self.variant = info.name, info.variant_test_name
        self.dtypes = [d for d in DTYPES if d in info.supported_dtypes("cpu")]
        backward = info.supported_backward_dtypes("cpu") if info.supports_autograd else ()
        self.backward = [d for d in (torch.float64, torch.complex128) if d in backward]
        self.second = bool(info.supports_gradgrad)
        self.aliases = [a.name for a in info.aliases]

    @property
    def label(self) -> str:
        return f"{self.name}.{self.variant}" if self.variant else self.name

    def function(self, lib: Any) -> Callable[..., Any]:
        """The operation of `torch` or `symgrad`."""
        op = self.info.op
        if lib is torch:
            return op
        if isinstance(op, types.FunctionType) and op.__module__.startswith("torch.testing."):
            return rebind(op)
        return find(self.name)

    def samples(self, dtype: Any, requires_grad: bool = False) -> Iterator[Sample]:
        seed()
        for s in self.info.sample_inputs("cpu", dtype, requires_grad=requires_grad):
            yield sample_of(s)

    def errors(self) -> Iterator[Sample]:
        if self.info.error_inputs_func is None:
            return
        seed()
        for e in self.info.error_inputs("cpu"):
            yield sample_of(e.sample_input)

    def wrapped(self, function: Callable[..., Any], lib: Any) -> Callable[..., Any]:
        """The function as gradients are asked of it: a Hermitian operand for `cholesky`, and so on."""
        wrapper = self.info.gradcheck_wrapper
        if wrapper.__name__ == "<lambda>":
            return function
        wrapper = wrapper if lib is torch else rebind(wrapper)
        return lambda *args, **kwargs: wrapper(function, *args, **kwargs)


class ExtraCase(Case):
    """A program of `extra.py`."""

    def __init__(self, extra: Extra):
        self.extra = extra
        self.name, self.variant, self.aliases = extra.name, extra.note or "extra", []
        self.dtypes = [getattr(torch, d) for d in extra.dtypes]
        self.backward = [torch.float64] if extra.grad else []
        self.second = extra.grad
        self.info = None

    def function(self, lib: Any) -> Callable[..., Any]:
        return lambda *args, **kwargs: self.extra.program(lib, *args, **kwargs)

    def samples(self, dtype: Any, requires_grad: bool = False) -> Iterator[Sample]:
        seed()
        for args in self.extra.samples(Maker(dtype, requires_grad)):
            yield Sample(args[0] if args else None, args[1:]) if args else Sample(NOTHING)

    def errors(self) -> Iterator[Sample]:
        seed()
        for args in self.extra.errors(Maker(torch.float32, False)):
            yield Sample(args[0], args[1:]) if args else Sample(NOTHING)

    def wrapped(self, function: Callable[..., Any], lib: Any) -> Callable[..., Any]:
        return function


NOTHING = object()
"""The first operand of a program that takes none."""


def sample_of(s: Any) -> Sample:
    """A sample of PyTorch's, without its machinery."""
    return Sample(s.input, s.args, s.kwargs, s.output_process_fn_grad, s.broadcasts_input)


def seed() -> None:
    """Samples are random but the same at every run."""
    torch.manual_seed(0)
    random.seed(0)
    np.random.seed(0)


def rebind(function: Any) -> Any:
    """The same Python code with `torch` meaning symgrad."""
    if not isinstance(function, types.FunctionType):
        return function
    space = {**function.__globals__, "torch": sg, "wrapper_set_seed": lambda op, *a, **k: op(*a, **k)}
    out = types.FunctionType(
        function.__code__, space, function.__name__, function.__defaults__, function.__closure__
    )
    out.__kwdefaults__ = function.__kwdefaults__
    return out


def find(name: str) -> Callable[..., Any]:
    """symgrad's function of that (dotted) name, else the method."""
    at: Any = sg
    for part in name.split("."):
        at = getattr(at, part, None)
    if callable(at):
        return at
    method = getattr(sg.Tensor, name, None)
    if callable(method):
        return method
    raise Missing(name)


def load() -> dict[str, list[Case]]:
    """Every named operation's cases; a name without any is an error of ours."""
    gc.collect()
    gc.freeze()  # a trace asks the collector for closures: PyTorch's objects are no part of that
    table: dict[str, list[Case]] = {name: [] for name in NAMES}
    for info in op_db:
        if info.name in table:
            table[info.name].append(Case(info))
    for extra in EXTRAS:
        table[extra.name].append(ExtraCase(extra))
    empty = [name for name, cases in table.items() if not cases]
    if empty:
        raise LookupError(f"named, but neither in op_db nor in extra.py: {' '.join(empty)}")
    return table


def others() -> dict[str, list[Case]]:
    """The entries of `op_db` that nothing promises, to see what works all the same."""
    table: dict[str, list[Case]] = {}
    for info in op_db:
        if info.name not in NAMES:
            table.setdefault(info.name, []).append(Case(info))
    return table
