"""`import torch` and `import torch.…` are answered by modules that hold symgrad's own names.

Such a module is a front: PyTorch's name, the contents of the module that stands behind it, and for everything
else an error that says what symgrad has not. symgrad's own modules are not changed, so that it may be used
under both names at once.
"""

from __future__ import annotations

import contextlib
import importlib
import importlib.abc
import importlib.util
import sys
from collections.abc import Iterator
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

from symgrad.torch_alias.names import BEHIND, EXTRAS, FAMILIES, ROOTS


def behind(name: str) -> Any:
    """What stands behind a module of PyTorch's: a module or another object; None where symgrad has nothing."""
    if (chosen := BEHIND.get(name)) is not None:
        return importlib.import_module(chosen)
    if name.startswith("torch.nn.modules."):
        return importlib.import_module("symgrad.nn")
    root, _, inner = name.partition(".")
    if root != "torch" or inner.partition(".")[0] not in FAMILIES:
        return None
    with contextlib.suppress(ModuleNotFoundError):
        if importlib.util.find_spec(f"symgrad.{inner}") is not None:
            return importlib.import_module(f"symgrad.{inner}")
    parent, _, last = f"symgrad.{inner}".rpartition(".")
    with contextlib.suppress(ModuleNotFoundError):
        found = getattr(importlib.import_module(parent), last, None)
        return None if isinstance(found, type) or callable(found) else found
    return None


class Front(ModuleType):
    """A module under PyTorch's name."""

    _behind: Any

    def __getattr__(self, name: str) -> Any:
        full = f"{self.__name__}.{name}"
        if not name.startswith("__"):
            if behind(full) is not None:
                return importlib.import_module(full)
            found = getattr(self._behind, name, self)
            if found is not self and not isinstance(found, ModuleType):  # what is made when it is asked for
                self.__dict__[name] = found
                return found
        raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}: symgrad, which stands in for "
                             f"PyTorch here, has no {full}")

    def __dir__(self) -> list[str]:
        return sorted({*self.__dict__, *dir(self._behind)})


class Loader(importlib.abc.Loader):
    """Makes fronts."""

    def create_module(self, spec: ModuleSpec) -> Any:
        """A front for a module; other objects (`torch.backends.cudnn`) stand for themselves."""
        found = behind(spec.name)
        if not isinstance(found, ModuleType):
            return found
        front = Front(spec.name, found.__doc__)
        front._behind = found
        return front

    def exec_module(self, module: Any) -> None:
        """Fill a front with all that is behind it, but for modules, which are fronts too."""
        if isinstance(module, Front):
            names = {k: v for k, v in vars(module._behind).items() if not isinstance(v, ModuleType)}
            module.__dict__.update({k: v for k, v in names.items() if not k.startswith("__") or k == "__all__"})
            module.__dict__.update(EXTRAS.get(module.__name__, {}))
            module.__file__ = getattr(module._behind, "__file__", None)


class Finder(importlib.abc.MetaPathFinder):
    """Answers for `torch` and `torchviz`, and for nothing else."""

    def find_spec(self, fullname: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        """Where a module comes from; the error where symgrad has none of that name."""
        if fullname.partition(".")[0] not in ROOTS:
            return None
        if behind(fullname) is None:
            raise ModuleNotFoundError(f"symgrad, which stands in for PyTorch here, has no {fullname}",
                                      name=fullname.replace("torch", "symgrad", 1))  # fmt: skip
        return ModuleSpec(fullname, Loader(), is_package=True)


def install() -> ModuleType:
    """Let `import torch` mean symgrad from now on, in this process; the module `torch`."""
    if not any(isinstance(finder, Finder) for finder in sys.meta_path):
        _taken()
        sys.meta_path.insert(0, Finder())
    return importlib.import_module("torch")


@contextlib.contextmanager
def as_torch() -> Iterator[ModuleType]:
    """Let `import torch` mean symgrad inside the block; PyTorch, if it was imported, is there again after it.

    PyTorch itself cannot be used inside: it imports its own modules by that name as it works.

    >>> with sg.as_torch():
    ...     import torch
    ...     from torch.nn import functional as F
    >>> F.relu(torch.tensor([-1.0, 2.0]))
    tensor([0., 2.])
    """
    if any(isinstance(finder, Finder) for finder in sys.meta_path):
        yield importlib.import_module("torch")
        return
    before = _taken()
    finder = Finder()
    sys.meta_path.insert(0, finder)
    try:
        yield importlib.import_module("torch")
    finally:
        sys.meta_path.remove(finder)
        _taken()
        sys.modules.update(before)


def _taken() -> dict[str, Any]:
    """The imported modules of PyTorch's names, taken out of the list of imported modules."""
    return {name: sys.modules.pop(name) for name in list(sys.modules) if name.partition(".")[0] in ROOTS}
