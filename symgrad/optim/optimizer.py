"""Optimizer: parameter groups, per-parameter state, and what a compiled step must know of both.

Hyper-parameters are read through `Group`, whose writes move the epoch on, and in a trace come as
host scalars, read anew at each call. State tensors ("slots") are made concretely even in a trace, as
values that are a correct first step, so that the second step meets what the first one met.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from symgrad.nn.bulk import clear_grads
from symgrad.ops.complex import view_as_real
from symgrad.optim.groups import Group, Numbers
from symgrad.optim.hooks import Hooked, with_hooks
from symgrad.optim.saving import Saved
from symgrad.optim.slots import ParameterSlots, Slots
from symgrad.tensor import state
from symgrad.tensor.core import Tensor

required: Any = type("_RequiredParameter", (), {"__repr__": lambda self: "<required parameter>"})()


class Optimizer(Saved, Hooked):
    """Base of the optimizers: a subclass gives `update`, the step of one parameter, and its `defaults`.

    One that overrides `step` itself reads `param_groups` and keeps what it likes in `state`, as in PyTorch.
    `structure` is a token a compiled step compares by identity: it is replaced whenever groups,
    parameters, slots, hooks, or hyper-parameters that are not floats change.
    """

    def __init__(self, params: Any, defaults: dict[str, Any]):
        if isinstance(params, Tensor):
            raise TypeError("params argument given to the optimizer should be an iterable of Tensors or "
                            f"dicts, but got {type(params).__name__}")  # fmt: skip
        self._begin(defaults)
        groups = list(params)
        if not groups:
            raise ValueError("optimizer got an empty parameter list")
        for group in groups if isinstance(groups[0], dict) else [{"params": groups}]:
            self.add_param_group(group)

    def _begin(self, defaults: dict[str, Any]) -> None:
        self.defaults = defaults
        self.structure = object()
        self.state = Slots(self)
        self.param_groups: list[Group] = []
        self._no_hooks()

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "step" in cls.__dict__:
            cls.step = with_hooks(cls.__dict__["step"])  # type: ignore[method-assign]

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Add parameters with hyper-parameters of their own; the defaults fill what is missing."""
        if not isinstance(param_group, dict):
            raise TypeError(f"param_group must be a dict, but got {type(param_group)}")
        if (active := state.capture()) is not None:
            active.refuse("adding a parameter group")
        given = param_group["params"]
        if isinstance(given, set):
            raise TypeError("optimizer parameters need to be organized in ordered collections, but the "
                            "ordering of tensors in sets will change between runs. Please use a list instead.")
        params, names = _named([given] if isinstance(given, Tensor) else given)
        missing = [k for k, v in self.defaults.items() if v is required and k not in param_group]
        if missing:
            raise ValueError("parameter group didn't specify a value of required optimization parameter "
                             f"{missing[0]}")  # fmt: skip
        group = {**self.defaults, **param_group, "params": params, **names}
        self._distinct(group)
        self.param_groups.append(Group(group, self))
        self.restructured()

    def _distinct(self, group: dict[str, Any]) -> None:
        """Each parameter is in one group only, and the groups agree on having names."""
        params = group["params"]
        if len(set(params)) != len(params):
            warnings.warn("optimizer contains a parameter group with duplicate parameters; in future, this will "
                          "cause an error; see github.com/pytorch/pytorch/issues/40967 for more information",
                          stacklevel=3)  # fmt: skip
        for other in self.param_groups:
            if ("param_names" in group) != ("param_names" in other):
                what = "with names" if "param_names" in group else "without names"
                raise ValueError("all optimizer param groups should be with/without names. cannot add param "
                                 f"group {what} to the optimizer")  # fmt: skip
            if not set(other["params"]).isdisjoint(params):
                raise ValueError("some parameters appear in more than one parameter group")

    def restructured(self) -> None:
        """Make compiled programs that step this optimizer look again."""
        self.structure = object()
        self.state.unsaved.clear()
        state.bump_epoch()

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Drop the gradient of every parameter, or set it to zero."""
        clear_grads(self._parameters(), set_to_none)

    @with_hooks
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Move every parameter that has a gradient; `closure` computes the loss anew and returns it."""
        loss = None
        if closure is not None:
            with state.enable_grad():
                loss = closure()
        with state.no_grad():
            for group in self.param_groups:
                self.update_group(group)
        return loss

    def update_group(self, group: Group) -> None:
        """Update the parameters of one group, with weight decay in the gradient or on the parameter itself."""
        h = Numbers(group)
        maximize = group.get("maximize", False)
        decay = h.weight_decay if "weight_decay" in group else 0
        decayed = bool(decay != 0)
        decoupled = decayed and group.get("decoupled_weight_decay", False)
        ours = state.captures and group.plain and type(self).update.__module__.startswith("symgrad.")
        update = state.unwatched(self.update) if ours else self.update
        for param in group["params"]:
            grad: Any = param.grad
            if grad is None:
                continue
            slot = ParameterSlots(self.state, param)
            grad = -grad if maximize else grad
            if decoupled:
                param.mul_(1 - h.lr * decay)
            elif decayed:
                grad = grad + param * decay
            if slot.complex:  # two real numbers each
                update(view_as_real(param), view_as_real(grad), slot, h)
            else:
                update(param, grad, slot, h)

    def update(self, param: Any, grad: Any, slot: ParameterSlots, h: Any) -> None:
        """Update one parameter (nothing is recorded); override. `slot(name)` is its state, `h` the group's options."""
        raise NotImplementedError

    def _parameters(self) -> Iterator[Tensor]:
        return (p for group in self.param_groups for p in group["params"])

    def __repr__(self) -> str:
        lines = [f"{type(self).__name__} ("]
        for place, group in enumerate(self.param_groups):
            lines += [""] * (place > 0) + [f"Parameter Group {place}"]
            lines += [f"    {k}: {group[k]}" for k in sorted(group) if k != "params"]
        return "\n".join([*lines, ")"])


def _named(given: Iterable[Any]) -> tuple[list[Tensor], dict[str, Any]]:
    """The tensors among tensors or (name, tensor) pairs, and the names as a group keeps them."""
    items = list(given)
    names = [item[0] for item in items if isinstance(item, tuple)]
    params = [item[1] if isinstance(item, tuple) else item for item in items]
    if names and len(names) != len(params):
        raise ValueError("all optimizer params should be with/without names. Some param names are missing")
    for param in params:
        if not isinstance(param, Tensor):
            raise TypeError(f"optimizer can only optimize Tensors, but one of the params is {type(param)}")
        if not (param.is_leaf or param.retains_grad):
            raise ValueError("can't optimize a non-leaf Tensor")
    return params, {"param_names": names} if names else {}
