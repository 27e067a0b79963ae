"""What users call: each public function is declared once, by `@op` above it.

From that one line come the top-level name (`sg.clamp`) and its aliases (`sg.clip`), the Tensor method,
the in-place twin (`x.clamp_`), `out=`, NumPy's words `axis` and `keepdims`, the reference page, and the
sweeps. `PUBLIC` is the table; nothing else lists operations.
"""

from __future__ import annotations

import functools
import inspect
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, TypeVar, overload

import numpy as np

from symgrad.errors import DTypeError, GradError, InplaceError, TraceError
from symgrad.tensor import state
from symgrad.tensor.core import Tensor

F = TypeVar("F", bound=Callable[..., Any])


@dataclass(frozen=True)
class Public:
    """One public function: where it can be found, and by which names.

    `top`: at the top level of the package (unless said, where there is no `namespace`); `method`: on Tensor;
    `inplace`: with a twin `name_` (which may be given, where it can do better than to compute the value and
    assign it);
    `out`: takes `out=` ("exact": of the result's own dtype, in memory that no operand has);
    `ufunc`: what the twin of an arithmetic operator runs straight on memory;
    `namespace`: the submodule that has it ("linalg").
    """

    name: str
    function: Callable[..., Any]
    aliases: tuple[str, ...] = ()
    top: bool | None = None
    method: bool = True
    inplace: bool | Callable[..., Any] = False
    out: bool | str = True
    ufunc: Any = None
    namespace: str = ""

    @property
    def at_top(self) -> bool:
        """Whether `sg.NAME` is it."""
        return not self.namespace if self.top is None else self.top

    @property
    def path(self) -> str:
        """The name with its submodule, as in `linalg.inv`."""
        return f"{self.namespace}.{self.name}" if self.namespace else self.name

    @property
    def module(self) -> str:
        """The module that declares it."""
        return str(self.function.__module__)

    @property
    def names(self) -> tuple[str, ...]:
        """The name and its aliases."""
        return (self.name, *self.aliases)


PUBLIC: dict[str, Public] = {}


@overload
def op(function: F) -> F: ...
@overload
def op(*, name: str = "", aliases: tuple[str, ...] = (), top: bool | None = None, method: bool = True,
       inplace: bool | Callable[..., Any] = False, out: bool | str = True, ufunc: Any = None,
       namespace: str = "") -> Callable[[F], F]: ...  # fmt: skip
def op(function: Any = None, *, name: str = "", **where: Any) -> Any:
    """Declare a public function; gives the function back unchanged.

    `@op` alone: top-level name, method and `out=`. `@op(inplace=True, aliases=("clip",))`: more of it;
    see `Public`.
    """
    if function is None:
        return functools.partial(op, name=name, **where)
    public = name or function.__name__
    key = f"{where['namespace']}.{public}" if where.get("namespace") else public
    assert key not in PUBLIC, f"{key} is declared twice"
    PUBLIC[key] = Public(public, function, **where)
    return function


def exports(namespace: str = "") -> Iterator[tuple[str, Callable[..., Any]]]:
    """Names and functions of the top level, or of a submodule, as users call them."""
    for public in PUBLIC.values():
        if public.namespace == namespace if namespace else public.at_top:
            called = numpy_words(public.function)
            if public.out:
                called = with_out(called, exact=public.out == "exact")
            for name in public.names:
                yield name, called
            if public.inplace and one_tensor(public.function):
                yield from twins(public)


def one_tensor(function: Callable[..., Any]) -> bool:
    """Whether nothing but a tensor must be given; then PyTorch has the in-place twin (`torch.exp_`) too."""
    given = inspect.signature(function).parameters.values()
    return sum(p.default is p.empty and p.kind is not p.VAR_KEYWORD for p in given) == 1


def twins(public: Public) -> Iterator[tuple[str, Callable[..., Any]]]:
    """In-place twins of a function, by name."""
    from symgrad.ops.inplace import twin

    for name in public.names:
        given = public.inplace if callable(public.inplace) else None
        yield f"{name}_", given or twin(f"{name}_", public.function, public.ufunc)


def methods() -> Iterator[tuple[str, Callable[..., Any]]]:
    """Names and functions of Tensor's methods, in-place twins included."""
    for public in PUBLIC.values():
        if public.method and not public.namespace:
            called = numpy_words(public.function)
            for name in public.names:
                yield name, called
        if public.inplace:
            yield from twins(public)


WORDS = {"axis": "dim", "keepdims": "keepdim"}


def numpy_words(function: Callable[..., Any]) -> Callable[..., Any]:
    """`function` taking `axis` for `dim` and `keepdims` for `keepdim`, as PyTorch does, unless it does so itself."""
    known = inspect.signature(function).parameters
    if "dim" not in known or "axis" in known:
        return function

    @functools.wraps(function)
    def called(*args: Any, **kwargs: Any) -> Any:
        if kwargs and ("axis" in kwargs or "keepdims" in kwargs):
            kwargs = {WORDS.get(k, k): v for k, v in kwargs.items()}
        return function(*args, **kwargs)

    return called


def with_out(function: Callable[..., Any], exact: bool = False) -> Callable[..., Any]:
    """`function` with the keyword `out`: a tensor (or a tuple of them) that receives the result."""

    @functools.wraps(function)
    def called(*args: Any, out: Any = None, **kwargs: Any) -> Any:
        if out is None:
            return function(*args, **kwargs)
        given = [*args, *kwargs.values(), *(out if isinstance(out, (tuple, list)) else [out])]
        if state.is_grad_enabled() and any(isinstance(x, Tensor) and x._rg for x in given):
            raise GradError(
                f"{function.__name__}(): functions with out=... arguments don't support automatic "
                "differentiation, but one of the arguments requires grad.", hint="use the result that is returned")
        with state.no_grad():
            result = function(*args, **kwargs)
            if exact:
                check_exact(out, result, given[:-1])
            if isinstance(out, (tuple, list)):
                for target, value in zip(out, result):
                    if isinstance(target, Tensor) and target.dtype is not value.dtype:
                        raise DTypeError(f"Expected out tensor to have dtype {value.dtype.name}, but got "
                                         f"{target.dtype.name} instead")
                written = [write_out(target, value) for target, value in zip(out, result)]
                return result._make(written) if hasattr(result, "_make") else tuple(written)
            return write_out(out, result)

    return called


def check_exact(out: Any, value: Tensor, given: list[Any]) -> None:
    """Raise where `out` has another dtype than the result, or memory of an operand."""
    if not isinstance(out, Tensor):
        return
    if out.dtype is not value.dtype:
        raise DTypeError(f"Expected out tensor to have dtype {value.dtype.name}, but got {out.dtype.name} instead")
    check_single(out)
    if any(isinstance(x, Tensor) and overlap(x, out) for x in given):
        raise InplaceError("unsupported operation: some elements of the input tensor and the written-to tensor refer "
                           "to a single memory location. Please clone() the tensor before performing the operation.",
                           hint="clone() it first")  # fmt: skip


def overlap(a: Tensor, b: Tensor) -> bool:
    """Whether two tensors may have memory in common."""
    if isinstance(a._data, np.ndarray) and isinstance(b._data, np.ndarray):
        return np.may_share_memory(a._data, b._data)
    return a.owner is b.owner


def check_single(out: Tensor) -> None:
    """Raise where several elements of what is to be written are one in memory."""
    if any(s == 0 and e > 1 for e, s in zip(out.shape, out.stride())):
        raise InplaceError(
            "unsupported operation: more than one element of the written-to tensor refers to a single memory "
            "location. Please clone() the tensor before performing the operation.", hint="clone() it first")


def write_out(out: Tensor, value: Tensor) -> Tensor:
    """Put `value` into `out`, which takes its shape if it has another."""
    if not isinstance(out, Tensor):
        raise TypeError(f"argument 'out' must be Tensor, not {type(out).__name__}")
    if value.dtype.category > out.dtype.category:
        raise DTypeError(f"result type {value.dtype.name} can't be cast to the desired output type {out.dtype.name}")
    if tuple(out.shape) != tuple(value.shape):
        if state.capture() is not None:
            raise TraceError("out= has another shape than the result, and would be resized", hint="use the result")
        if out.numel():
            warnings.warn(f"An output with one or more elements was resized since it had shape {list(out.shape)}, "
                          f"which does not match the required output shape {list(value.shape)}.", stacklevel=3)
        out._data = value.to(out.dtype).clone()._data
        out._base = out._view = out._type = None
        state.bump_epoch()
        return out
    check_single(out)
    return out.copy_(value)  # type: ignore[no-any-return]
