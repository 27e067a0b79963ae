"""Hooks: what users ask to be called when a gradient is ready, at a tensor or at a node.

A tensor's hooks see its completed gradient; then the node that made it runs `pre` hooks, its rule and
`post` hooks. A leaf keeps its own in `Tensor._hooks`, any other tensor in the node (or port) behind it,
so that a later change in place leaves them with the history they were registered on.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from symgrad.errors import GradError
from symgrad.tensor import state
from symgrad.tensor.core import Tensor


class Hooks:
    """The hooks of one place of the graph; each kind is a dict by handle id, in order of registration."""

    __slots__ = ("tensor", "retained", "pre", "post", "accumulated", "node")

    def __init__(self) -> None:
        self.tensor: dict[int, Any] = {}
        self.retained: Any = None
        self.pre: dict[int, Any] = {}
        self.post: dict[int, Any] = {}
        self.accumulated: dict[int, Any] = {}
        self.node: Any = None

    def all(self) -> tuple[Any, ...]:
        """Every hook there is: what a compiled program assumed of a leaf."""
        return (*self.tensor.values(), *self.pre.values(), *self.post.values(), *self.accumulated.values())


class RemovableHandle:
    """What registering a hook gives: `.remove()`, or the end of a `with` block, takes the hook away."""

    def __init__(self, hooks: dict[int, Any], also: dict[int, Any] | None = None):
        self._hooks = hooks
        self._also = also
        self.id = state.tick()

    def remove(self) -> None:
        """Take the hook away; doing so twice is harmless."""
        self._hooks.pop(self.id, None)
        if self._also is not None:
            self._also.pop(self.id, None)
        state.bump_epoch()

    def __enter__(self) -> "RemovableHandle":
        return self

    def __exit__(self, *exc: object) -> None:
        self.remove()


def add_hook(hooks: dict[int, Any], hook: Any, prepend: bool = False, also: dict[int, Any] | None = None,
             ) -> RemovableHandle:  # fmt: skip
    """Register `hook`, first of its kind if `prepend`."""
    handle = RemovableHandle(hooks, also)
    before = dict(hooks) if prepend else {}
    if prepend:
        hooks.clear()
    hooks[handle.id] = hook
    hooks.update(before)
    state.bump_epoch()
    return handle


def run_hooks(hooks: dict[int, Any], g: Tensor) -> Tensor:
    """Pass a completed gradient through tensor hooks; a hook may return a replacement."""
    for hook in list(hooks.values()):
        replaced = hook(g)
        if replaced is not None:
            g = checked(hook, g, replaced)
    return g


def checked(hook: Any, before: Tensor | None, after: Any) -> Tensor:
    """A hook's replacement, which must be a gradient for the same place."""
    if not isinstance(after, Tensor):
        raise TypeError(f"expected Variable, but hook returned '{type(after).__name__}'")
    if before is not None:
        if before.dtype is not after.dtype:
            raise GradError(f"hook '{_name(hook)}' has changed the type of value (was {before.dtype} "
                            f"got {after.dtype})", hint="convert with .to(grad.dtype)")  # fmt: skip
        if tuple(before.shape) != tuple(after.shape):
            raise GradError(f"hook '{_name(hook)}' has changed the size of value")
    return after


def run_node_hooks(hooks: dict[int, Any], values: tuple[Any, ...], *given: Any) -> tuple[Any, ...]:
    """Pass a node's gradients through `hook(values, *given)`; a hook may return replacements."""
    for hook in list(hooks.values()):
        replaced = hook(values, *given)
        if replaced is None:
            continue
        if not isinstance(replaced, tuple):
            raise TypeError(f"expected tuple, but hook returned '{type(replaced).__name__}'")
        if len(replaced) != len(values):
            raise GradError(f"hook '{_name(hook)}' has returned an incorrect number of values "
                            f"(got {len(replaced)}, but expected {len(values)})")
        values = tuple([None if new is None else checked(hook, old, new) for old, new in zip(values, replaced)])
    return values


def _name(hook: Callable[..., Any]) -> str:
    return getattr(hook, "__name__", type(hook).__name__)
