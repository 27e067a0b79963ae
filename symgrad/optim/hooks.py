"""What runs around a step, a state dict and its loading because the user asked for it."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from symgrad.optim.groups import Registry
from symgrad.tensor import state
from symgrad.tensor.hooks import RemovableHandle, add_hook


class Hooked:
    """The hooks of an optimizer, by what they run before or after."""

    _stepped = False
    _watched: int | None = None

    def _no_hooks(self) -> None:
        self._hooks: dict[str, Registry] = {}

    def watch(self) -> None:
        """Begin to watch whether there are steps, if no schedule did so before."""
        if self._watched is None:
            self._stepped, self._watched = False, state.tick()

    def has_stepped(self) -> bool:
        """Whether there was a step since `watch`: this was called, or a compiled step has written parameters."""
        since = self._watched or 0
        return self._stepped or any(p.owner._modified > since for p in self._parameters())  # type: ignore[attr-defined]

    def _at(self, place: str) -> list[Any]:
        return list(self._hooks.get(place, {}).values())

    def _register(self, place: str, hook: Any, prepend: bool = False) -> RemovableHandle:
        registry = self._hooks.setdefault(place, Registry(self))  # type: ignore[arg-type]
        return add_hook(registry, hook, prepend)

    def register_step_pre_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """Call `hook(optimizer, args, kwargs)` before each step; it may return new `(args, kwargs)`."""
        return self._register("before step", hook)

    def register_step_post_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """Call `hook(optimizer, args, kwargs)` after each step."""
        return self._register("after step", hook)

    def register_state_dict_pre_hook(self, hook: Callable[..., Any], prepend: bool = False) -> RemovableHandle:
        """Call `hook(optimizer)` before a state dict is made."""
        return self._register("before saving", hook, prepend)

    def register_state_dict_post_hook(self, hook: Callable[..., Any], prepend: bool = False) -> RemovableHandle:
        """Call `hook(optimizer, state_dict)` on each state dict made; it may return another."""
        return self._register("after saving", hook, prepend)

    def register_load_state_dict_pre_hook(self, hook: Callable[..., Any], prepend: bool = False) -> RemovableHandle:
        """Call `hook(optimizer, state_dict)` on what is to be loaded; it may return another."""
        return self._register("before loading", hook, prepend)

    def register_load_state_dict_post_hook(self, hook: Callable[..., Any], prepend: bool = False) -> RemovableHandle:
        """Call `hook(optimizer)` after a state dict was loaded."""
        return self._register("after loading", hook, prepend)


def with_hooks(step: Callable[..., Any]) -> Callable[..., Any]:
    """`step` of an optimizer, between the hooks that are registered on it."""

    @functools.wraps(step)
    def hooked(self: Any, *args: Any, **kwargs: Any) -> Any:
        self._stepped = True
        if state.captures and (active := state.capture()) is not None:
            active.note_member(self, "structure", self.structure)
        if not self._hooks:
            return step(self, *args, **kwargs)
        given = (self, *args)  # as PyTorch hands them to hooks
        for hook in self._at("before step"):
            changed = hook(self, given, kwargs)
            if changed is not None:
                if not isinstance(changed, tuple) or len(changed) != 2:
                    raise RuntimeError(f"{step} must return None or a tuple of (new_args, new_kwargs), "
                                       f"but got {changed}.")  # fmt: skip
                given, kwargs = changed
        result = step(*given, **kwargs)
        for hook in self._at("after step"):
            hook(self, given, kwargs)
        return result

    return hooked
