"""`sg.compile`: a function or module that traces itself once per signature and then runs emitted code."""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from symgrad import dtypes
from symgrad.capture.capture import hooks_on
from symgrad.capture.trace import trace
from symgrad.compiler.backends import resolve_backend
from symgrad.compiler.evaluate import evaluator_of
from symgrad.compiler.fastpath import MISS
from symgrad.compiler.paths import NEW_PATH, follow
from symgrad.compiler.program import Program
from symgrad.compiler.variant import Variant
from symgrad.config import config
from symgrad.errors import BackendError, RetraceError, TraceError
from symgrad.ir.graph import Graph
from symgrad.passes.differentiate import differentiate
from symgrad.runtime.heap import uncollected
from symgrad.runtime.threads import step_lock
from symgrad.tensor import anomaly, state
from symgrad.tensor.core import Tensor
from symgrad.tensor.pytree import flatten

if TYPE_CHECKING:
    from symgrad.compiler.explain import Explanation


class RetraceWarning(UserWarning):
    """A compiled function had to be traced again; the message says why."""


class EagerFallbackWarning(UserWarning):
    """A function that cannot be one static graph runs eagerly; the message says why."""


class Compiled:
    """A callable that runs compiled; `program(*args)` shows what it runs, `explain()` how it went."""

    def __init__(self, function: Callable[..., Any], backend: str, fullgraph: bool, exact: bool,
                 max_variants: int, on_retrace: str):  # fmt: skip
        functools.update_wrapper(self, function, updated=())
        self.__name__ = getattr(function, "__name__", type(function).__name__)
        self.function = function
        self.backend = backend
        self.fullgraph = fullgraph
        self.exact = exact
        self.max_variants = max_variants
        self.on_retrace = on_retrace
        self.variants: dict[Any, list[Variant]] = {}
        self.eager: dict[Any, str] = {}
        self.misses: list[str] = []
        self.crowded: set[Any] = set()
        self.shapes: dict[int, tuple[int, ...]] = {}
        self.moving: set[tuple[int, int]] = set()
        self.hot: Any = None

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        hot = self.hot
        if hot is not None and not kwargs:
            result = hot(args)
            if result is not MISS:
                return result
        if state.captures and state.local.capture is not None:
            return self.function(*args, **kwargs)
        if anomaly.enabled:  # looks at every gradient, which emitted code does not
            return self.function(*args, **kwargs)
        leaves, structure = flatten((args, kwargs))
        key = signature(leaves, structure)
        if key in self.eager:
            return self.function(*args, **kwargs)
        for variant in self.variants.get(key, ()):
            if variant.miss(leaves) is None:
                if variant.traced.branches:
                    return self._branching(key, leaves, args, kwargs)
                result = variant.run(leaves)
                general = kwargs or len(leaves) != len(args) or not state.is_grad_enabled()
                self.hot = None if general else variant.hot(leaves)
                return result
        return self._first(key, leaves, args, kwargs)

    def _branching(self, key: Any, leaves: list[Any], args: Any, kwargs: Any) -> Any:
        """Call a function that branches on tensors' values: on a path it has taken before, or a new one."""
        with step_lock:
            known = self.variants[key]
            variant, result, led_away = follow(known, leaves)
            if variant is None:
                return self._first(key, leaves, args, kwargs, led_away)
            if known[0] is not variant:  # the next call is likely to take it again
                self.variants[key] = [variant, *(v for v in known if v is not variant)]
            return result

    def _first(self, key: Any, leaves: list[Any], args: Any, kwargs: Any, new_path: str = "") -> Any:
        """Trace for a signature, state or path not met before, then run."""
        with step_lock:
            if new_path and not self.fullgraph and self._many_paths(key, leaves):
                return self.function(*args, **kwargs)
            self._note_retrace(key, leaves, new_path)
            try:
                with uncollected():
                    program = self._program(args, kwargs)
                for variant in self.variants.get(key, ()):  # a condition that rounding decides?
                    if variant.traced.outcomes == program.traced.outcomes and new_path and variant.miss(leaves) is None:
                        self.misses.pop()
                        return variant.run(leaves, checked=False)
                with uncollected():
                    variant = Variant(program)
            except TraceError as error:
                if self.fullgraph:
                    raise
                self.eager[key] = str(error)
                warnings.warn(
                    f"{self.__name__} cannot be captured and runs eagerly from now on: {error}",
                    EagerFallbackWarning, stacklevel=4 if new_path else 3)
                return self.function(*args, **kwargs)
            self._keep(key, variant)
            if variant.guards.changed_structure() is None:  # state an optimizer's user made makes the next call another
                variant.epoch = state.epoch[0]
            return variant.run(leaves, checked=False)

    def _many_paths(self, key: Any, leaves: list[Any]) -> bool:
        """Whether a function has taken so many paths that it runs a new one eagerly (with one warning)."""
        paths = [v for v in self.variants[key] if v.traced.branches and v.miss(leaves) is None]
        if len(paths) < self.max_variants:
            return False
        if key not in self.crowded:
            self.crowded.add(key)
            warnings.warn(
                f"{self.__name__} has taken {len(paths)} paths through its branches on tensors' values; further "
                "ones run eagerly (sg.cond and sg.while_loop make one graph of all paths; max_variants allows more)",
                EagerFallbackWarning, stacklevel=5)
        return True

    def _note_retrace(self, key: Any, leaves: list[Any], new_path: str) -> None:
        known = self.variants.get(key)
        if new_path:
            reason = new_path
        elif known:
            reason = known[0].miss(leaves) or "unknown"
        elif self.variants:
            reason = f"new signature {describe(key)}"
        else:
            return
        self.misses.append(reason)
        if self.on_retrace == "error":
            raise RetraceError(f"{self.__name__} would be traced again: {reason}")
        others = [m for m in self.misses if not m.startswith(NEW_PATH)]
        if self.on_retrace == "warn" and not new_path and len(others) >= self.max_variants // 2:
            warnings.warn(f"{self.__name__} is traced for the {len(self.misses) + 1}th time: {reason}",
                          RetraceWarning, stacklevel=4)  # fmt: skip

    def _keep(self, key: Any, variant: Variant) -> None:
        """Add a variant; what was used or traced longest ago goes. Paths of one signature count as one."""
        known = [variant, *self.variants.get(key, ())]
        paths = [v for v in known if v.traced.branches]
        dropped = paths[self.max_variants :]
        self.variants[key] = [v for v in known if v not in dropped]
        while sum(map(_weight, self.variants.values())) > self.max_variants:
            key, known = next(iter(self.variants.items()))
            if known[1:]:
                self.variants[key] = known[:-1]
            else:
                del self.variants[key]

    def _program(self, args: Any, kwargs: Any) -> Program:
        self._watch_extents(args, kwargs)
        traced = trace(self.function, args, kwargs, evaluator_of, self.moving)
        before = (variant.program for known in self.variants.values() for variant in known)
        shared = frozenset[str]().union(*(program.executable.shared for program in before))
        return Program(traced, resolve_backend(self.backend), self.exact, shared)

    def _watch_extents(self, args: Any, kwargs: Any) -> None:
        """Note which extents differ from those of the last trace: from now on they are names, not numbers."""
        for i, leaf in enumerate(flatten((args, kwargs))[0]):
            if isinstance(leaf, (Tensor, np.ndarray)):
                shape, before = tuple(leaf.shape), self.shapes.get(i, ())
                if len(shape) == len(before):
                    self.moving |= {(i, axis) for axis in range(len(shape)) if shape[axis] != before[axis]}
                self.shapes[i] = shape

    def program(self, *args: Any, **kwargs: Any) -> Program:
        """What would run for these arguments, without running it."""
        return self._program(args, kwargs)

    def explain(self) -> "Explanation":
        """What was fused and what it moves, and every retrace with its reason."""
        from symgrad.compiler.explain import Explanation

        return Explanation(self)

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        if instance is None:
            return self
        return functools.partial(self, instance)

    def __getattr__(self, name: str) -> Any:
        if name == "function" or name.startswith("__"):
            raise AttributeError(name)
        return getattr(self.function, name)


def _weight(known: list[Variant]) -> int:
    paths = sum(bool(v.traced.branches) for v in known)
    return len(known) - paths + bool(paths)


def signature(leaves: list[Any], structure: Any) -> Any:
    """What selects a variant before its guards are asked."""
    parts: list[Any] = [structure, state.is_grad_enabled(), dtypes.get_default_dtype()]
    memory: dict[int, tuple[int, Any]] = {}
    for i, leaf in enumerate(leaves):
        if isinstance(leaf, Tensor):
            hooks = map(_Identity, hooks_on(leaf))
            parts.append((leaf.type_, leaf._rg, leaf._node is None, place_in(leaf._data, i, memory), *hooks))
        elif isinstance(leaf, np.ndarray):
            parts.append((leaf.shape, leaf.dtype, leaf.strides, place_in(leaf, i, memory)))
        elif type(leaf) is float:
            parts.append(float)
        elif isinstance(leaf, (bool, int, str, bytes, type(None))):
            parts.append((type(leaf), leaf))
        else:
            parts.append(_Identity(leaf))
    return tuple(parts)


def place_in(data: Any, number: int, memory: dict[int, tuple[int, Any]]) -> Any:
    """Whether an argument's memory is one met before, and where in it this begins."""
    base = data.base if isinstance(data, np.ndarray) and data.base is not None else data
    first, other = memory.setdefault(id(base), (number, data))
    if first == number or not isinstance(data, np.ndarray):
        return first
    return first, data.__array_interface__["data"][0] - other.__array_interface__["data"][0]


class _Identity:
    """An object compared by identity, kept alive by the key that holds it."""

    __slots__ = ("item",)

    def __init__(self, item: Any):
        self.item = item

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Identity) and other.item is self.item

    def __hash__(self) -> int:
        return id(self.item)


def describe(key: Any) -> str:
    """A signature in words."""
    shown = [str(p[0]) if isinstance(p, tuple) and hasattr(p[0], "shape") else
             repr(p[1]) if isinstance(p, tuple) else "float" for p in key[3:]]  # fmt: skip
    return f"({', '.join(shown)})"


def compile(
    function: Any = None,
    *,
    backend: str = "",
    fullgraph: bool = False,
    exact: bool = False,
    max_variants: int = 16,
    on_retrace: str = "warn",
) -> Any:
    """Compile a function of tensors, a whole training step, or an `nn.Module`.

    The first call with a signature traces the function once; later calls run emitted code. A branch
    on a tensor's value makes a path: another outcome is traced when it is met, up to `max_variants`
    paths. What cannot be traced runs eagerly after one warning, or raises under `fullgraph=True`.
    `exact=True` keeps every bit of the eager result, on the numpy backend. Usable as `@compile` and `@compile(...)`.
    """
    if function is None:
        return functools.partial(compile, backend=backend, fullgraph=fullgraph, exact=exact,
                                 max_variants=max_variants, on_retrace=on_retrace)  # fmt: skip
    if not callable(function):
        raise TypeError(f"compile needs a function or a module, got {type(function).__name__}")
    chosen = backend or config.backend
    if exact:
        if chosen not in ("auto", "numpy", "reference"):
            raise BackendError(f"exact=True keeps eager's every bit, which backend {chosen!r} cannot",
                               hint="use backend='numpy'")  # fmt: skip
        chosen = "numpy" if chosen == "auto" else chosen
    resolve_backend(chosen)
    return Compiled(function, chosen, fullgraph, exact, max_variants, on_retrace)


def trace_graph(function: Callable[..., Any], *args: Any, **kwargs: Any) -> Graph:
    """The graph of `function` for example arguments, backward expanded, nothing optimised."""
    traced = trace(function, args, kwargs, evaluator_of)
    return differentiate(traced.graph, lift=traced.lift)
