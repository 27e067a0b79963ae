"""Parameters that are computed from others by modules: `module.weight` becomes what these make of an original.

The originals stand in `module.parametrizations.NAME`; the attribute is computed anew at each access.
"""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Iterator, Sequence
from typing import Any

from symgrad.nn.container import ModuleDict, ModuleList
from symgrad.nn.parameter import Parameter
from symgrad.tensor import state
from symgrad.tensor.core import Tensor

__all__ = [
    "ParametrizationList", "cached", "is_parametrized", "register_parametrization", "remove_parametrizations",
    "type_before_parametrizations",
]  # fmt: skip

_cache: list[dict[Any, Any] | None] = [None]


@contextlib.contextmanager
def cached() -> Iterator[None]:
    """Within it each parametrized tensor is computed once.

    >>> with sg.nn.utils.parametrize.cached():
    ...     pass
    """
    outer = _cache[0]
    _cache[0] = {} if outer is None else outer
    try:
        yield
    finally:
        _cache[0] = outer


class ParametrizationList(ModuleList):
    """The parametrizations of one tensor, in order, and the original (or originals) that they start from."""

    def __init__(self, modules: Sequence[Any], original: Any, unsafe: bool = False):
        if len(modules) == 0:
            raise ValueError("ParametrizationList requires one or more modules.")
        super().__init__(modules)
        self.unsafe = unsafe
        with state.no_grad():
            new = original
            for module in reversed(list(self)):
                with contextlib.suppress(NotImplementedError):
                    new = module.right_inverse(new) if hasattr(module, "right_inverse") else new
        if not isinstance(new, (Tensor, Sequence)):
            raise ValueError("'right_inverse' must return a Tensor or a Sequence of tensors (list, tuple...). Got "
                             f"{type(new).__name__}")  # fmt: skip
        self.is_tensor = isinstance(new, Tensor)
        self.ntensors = 1 if isinstance(new, Tensor) else len(new)
        shape, dtype = original.shape, original.dtype
        if isinstance(new, Tensor):
            if new.dtype is not dtype:
                raise ValueError("When `right_inverse` outputs one tensor, it may not change the dtype.\n"
                                 f"original.dtype: {dtype}\nright_inverse(original).dtype: {new.dtype}")  # fmt: skip
            original.data = new.detach()
            put(self, "original", original)
        else:
            for place, part in enumerate(new):
                if not isinstance(part, Tensor):
                    raise ValueError("'right_inverse' must return a Tensor or a Sequence of tensors (list, tuple...). "
                                     f"Got element {place} of type {type(part).__name__}.")  # fmt: skip
                if isinstance(original, Parameter):
                    part = Parameter(part, original.requires_grad)
                put(self, f"original{place}", part)
        if not unsafe:
            check(self(), shape, dtype, "tensor, unless `unsafe` flag is enabled.", ("unparametrized", "parametrized"))

    def right_inverse(self, value: Any) -> None:
        """Set the originals so that the parametrized tensor becomes `value`, as far as the modules can say."""
        with state.no_grad():
            for module in reversed(list(self)):
                if not hasattr(module, "right_inverse"):
                    raise RuntimeError(f"parametrization {type(module).__name__} does not implement right_inverse.")
                value = module.right_inverse(value)
        if self.is_tensor and not isinstance(value, Tensor):
            raise ValueError(f"`right_inverse` should return a tensor. Got {type(value).__name__}")
        parts = [value] if self.is_tensor else list(value)
        if len(parts) != self.ntensors:
            raise ValueError(f"'right_inverse' must return a sequence of tensors of length {self.ntensors}. Got a "
                             f"sequence of length {len(parts)}.")  # fmt: skip
        for original, part in zip(self.originals(), parts, strict=True):
            if original.dtype is not part.dtype:
                raise ValueError(f"The tensor returned by `right_inverse` has dtype {part.dtype} while `original` has "
                                 f"dtype {original.dtype}")  # fmt: skip
            original.data = part.detach()

    def originals(self) -> list[Any]:
        """The tensors that the first parametrization is called with."""
        if self.is_tensor:
            return [self.original]
        return [getattr(self, f"original{place}") for place in range(self.ntensors)]

    def forward(self) -> Any:
        first, *others = list(self)
        x = first(*self.originals())
        for module in others:
            x = module(x)
        return x


class Computed:
    """What a module gives for the attribute `name`, and does when it is set."""

    def __init__(self, name: str):
        self.name = name

    def __call__(self, module: Any) -> Any:
        parametrization = module.parametrizations[self.name]
        known = _cache[0]
        if known is None:
            return parametrization()
        if (id(module), self.name) not in known:
            known[id(module), self.name] = parametrization()
        return known[id(module), self.name]

    def put(self, module: Any, value: Any) -> None:
        """`module.NAME = value`."""
        module.parametrizations[self.name].right_inverse(value)


def register_parametrization(module: Any, tensor_name: str, parametrization: Any, *, unsafe: bool = False) -> Any:
    """Let the parameter or buffer `tensor_name` be `parametrization(original)`; several follow one another.

    Raises: ValueError where shape or dtype change, unless `unsafe`
    >>> class Positive(sg.nn.Module):
    ...     def forward(self, x):
    ...         return x.exp()
    >>> layer = sg.nn.utils.parametrize.register_parametrization(sg.nn.Linear(2, 1), "weight", Positive())
    >>> bool((layer.weight > 0).all()), [name for name, _ in layer.named_parameters()]
    (True, ['bias', 'parametrizations.weight.original'])
    """
    parametrization.train(module.training)
    if is_parametrized(module, tensor_name):
        if not unsafe:
            before = getattr(module, tensor_name)
            words = (f"module.{tensor_name}", f"parametrization(module.{tensor_name})")
            check(parametrization(before), before.shape, before.dtype,
                  "tensor, unless the `unsafe` flag is enabled.", words)  # fmt: skip
        found = module.parametrizations[tensor_name]
        found.append(parametrization)
        found.unsafe |= unsafe
    elif tensor_name in module._buffers or tensor_name in module._parameters:
        found = ParametrizationList([parametrization], getattr(module, tensor_name), unsafe)
        delattr(module, tensor_name)
        if not is_parametrized(module):
            object.__setattr__(module, "_get_name", functools.partial(str, f"Parametrized{type(module).__name__}"))
            module.parametrizations = ModuleDict()
        module._compute(tensor_name, Computed(tensor_name))
        module.parametrizations[tensor_name] = found
    else:
        raise ValueError(f"Module '{module}' does not have a parameter, a buffer, or a parametrized element with name "
                         f"'{tensor_name}'")  # fmt: skip
    return module


def is_parametrized(module: Any, tensor_name: str | None = None) -> bool:
    """Whether the tensor of that name, or any, is parametrized.

    >>> sg.nn.utils.parametrize.is_parametrized(sg.nn.Linear(2, 1))
    False
    """
    found = module._modules.get("parametrizations")
    if not isinstance(found, ModuleDict):
        return False
    return len(found) > 0 if tensor_name is None else tensor_name in found


def remove_parametrizations(module: Any, tensor_name: str, leave_parametrized: bool = True) -> Any:
    """Make the tensor a parameter or buffer again: with the value it has, or with its original one.

    >>> layer = sg.nn.utils.parametrizations.weight_norm(sg.nn.Linear(2, 1))
    >>> sg.nn.utils.parametrize.remove_parametrizations(layer, "weight")
    Linear(in_features=2, out_features=1, bias=True)
    """
    if not is_parametrized(module, tensor_name):
        raise ValueError(f"Module {module} does not have a parametrization on {tensor_name}")
    found = module.parametrizations[tensor_name]
    if not found.is_tensor and not leave_parametrized:
        raise ValueError("Cannot leave unparametrized (`leave_parametrized=False`) a tensor that is parametrized in "
                         "terms of a sequence of tensors.")  # fmt: skip
    now = getattr(module, tensor_name)
    if found.is_tensor:
        original = found.original
        if leave_parametrized:
            original.data = now.detach()
    else:
        original = Parameter(now) if now.requires_grad else now
    module._compute(tensor_name, None)
    del module.parametrizations[tensor_name]
    put(module, tensor_name, original)
    if not is_parametrized(module):
        del module.parametrizations
        del module.__dict__["_get_name"]
    return module


def type_before_parametrizations(module: Any) -> type:
    """The class of the module, which parametrizing does not change here.

    >>> sg.nn.utils.parametrize.type_before_parametrizations(sg.nn.ReLU()).__name__
    'ReLU'
    """
    return type(module)


def put(module: Any, name: str, tensor: Any) -> None:
    """Register a tensor as what it is."""
    if isinstance(tensor, Parameter):
        module.register_parameter(name, tensor)
    else:
        module.register_buffer(name, tensor)


def check(made: Any, shape: Any, dtype: Any, whose: str, words: tuple[str, str]) -> None:
    """Raise where a parametrization gives another kind of tensor than it was given."""
    if not isinstance(made, Tensor):
        raise ValueError(f"A parametrization must return a tensor. Got {type(made).__name__}.")
    if made.dtype is not dtype:
        raise ValueError(f"Registering a parametrization may not change the dtype of the {whose}\n{words[0]} dtype: "
                         f"{dtype}\n{words[1]} dtype: {made.dtype}")  # fmt: skip
    if made.shape != shape:
        raise ValueError(f"Registering a parametrization may not change the shape of the {whose}\n{words[0]} shape: "
                         f"{shape}\n{words[1]} shape: {made.shape}")  # fmt: skip
