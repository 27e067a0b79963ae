"""Optimizer: parameter groups, per-parameter state, and what a compiled step must know of both.

Hyper-parameters are read through `Group`, whose writes move the epoch on, and in a trace come as
host scalars, read anew at each call. State tensors ("slots") are made concretely even in a trace, as
zeros that are a correct first step, so that the second step meets what the first one met.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from copy import deepcopy
from typing import Any

from symgrad import dtypes
from symgrad.nn.bulk import clear_grads
from symgrad.ops.creation import zeros, zeros_like
from symgrad.optim.groups import Group, Slots
from symgrad.tensor import state
from symgrad.tensor.core import Tensor


class Optimizer:
    """Base of the optimizers: give `update_group` to a subclass, hyper-parameters in `defaults`.

    `structure` is a token a compiled step compares by identity: it is replaced whenever groups,
    parameters, slots, or hyper-parameters that are not floats change.
    """

    def __init__(self, params: Any, defaults: dict[str, Any]):
        if isinstance(params, Tensor):
            raise TypeError("params argument given to the optimizer should be an iterable of Tensors or "
                            "dicts, but got torch.FloatTensor")
        self.defaults = defaults
        self.structure = object()
        self.state = Slots(self)
        self.param_groups: list[Group] = []
        groups = list(params)
        if not groups:
            raise ValueError("optimizer got an empty parameter list")
        for group in groups if isinstance(groups[0], dict) else [{"params": groups}]:
            self.add_param_group(group)

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
        params = _parameters_of([given] if isinstance(given, Tensor) else given)
        for param in params:
            if param._node is not None:
                raise ValueError("can't optimize a non-leaf Tensor")
        if len(set(params)) != len(params):
            raise ValueError("optimizer contains a parameter group with duplicate parameters")
        known = {p for group in self.param_groups for p in group["params"]}
        if not known.isdisjoint(params):
            raise ValueError("some parameters appear in more than one parameter group")
        rest = {k: v for k, v in param_group.items() if k != "params"}
        self.param_groups.append(Group({"params": params, **self.defaults, **rest}, self))
        self.restructured()

    def restructured(self) -> None:
        """Make compiled programs that step this optimizer look again."""
        self.structure = object()
        state.bump_epoch()

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Drop the gradient of every parameter, or set it to zero."""
        clear_grads(self._parameters(), set_to_none)

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Move every parameter that has a gradient; `closure` computes the loss anew and returns it."""
        loss = None
        if closure is not None:
            with state.enable_grad():
                loss = closure()
        if state.captures and (active := state.capture()) is not None:
            active.note_member(self, "structure", self.structure)
        with state.no_grad():
            for group in self.param_groups:
                self.update_group(group)
        return loss

    def update_group(self, group: Group) -> None:
        """Update the parameters of one group (gradients are not recorded); override."""
        raise NotImplementedError

    def slot(self, param: Tensor, name: str, make: Callable[[Tensor], Tensor] = zeros_like) -> Tensor:
        """The state tensor `name` of `param`, made by `make` (zeros) where there is none yet."""
        found: Tensor | None = self.state[param].get(name)
        return found if found is not None else self.new_slot(self.state[param], name, make, param)

    def new_slot(self, slots: dict[Any, Any], name: Any, make: Callable[[Tensor], Tensor],
                 param: Tensor) -> Tensor:  # fmt: skip
        """Make a slot concretely; a trace that fails takes it back."""
        with state.eagerly():
            made = slots[name] = make(param)
        if (active := state.capture()) is not None:
            active.on_abort(lambda: slots.pop(name, None))
        return made

    # -- saving -------------------------------------------------------------------------------

    def state_dict(self) -> dict[str, Any]:
        """Slots by parameter number, and the groups with numbers for parameters."""
        numbers = {p: i for i, p in enumerate(self._parameters())}
        groups, start = [], 0
        for group in self.param_groups:
            count = len(group["params"])
            rest = {k: v for k, v in group.items() if k != "params"}
            groups.append({**rest, "params": list(range(start, start + count))})
            start += count
        slots = {numbers[p]: dict(s) for p, s in self.state.items() if p in numbers and s}
        return {"state": slots, "param_groups": groups}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over slots and hyper-parameters from `state_dict` (copied, slots in the parameter's dtype)."""
        saved = deepcopy(state_dict)
        if len(saved["param_groups"]) != len(self.param_groups):
            raise ValueError("loaded state dict has a different number of parameter groups")
        if any(len(old["params"]) != len(new["params"])
               for old, new in zip(self.param_groups, saved["param_groups"])):  # fmt: skip
            raise ValueError("loaded state dict contains a parameter group that doesn't match the size of "
                             "optimizer's group")
        order = [number for group in saved["param_groups"] for number in group["params"]]
        homes = dict(zip(order, self._parameters()))
        self.state.clear()
        for number, slots in saved["state"].items():
            param = homes[number]
            self.state[param] = {k: v if k == "step" or not isinstance(v, Tensor) else v.to(param.dtype)  # type: ignore[attr-defined]
                            for k, v in slots.items()}  # fmt: skip
        for old, new in zip(self.param_groups, saved["param_groups"]):
            old.update({k: v for k, v in new.items() if k != "params"})
        self.restructured()

    def _parameters(self) -> Iterator[Tensor]:
        return (p for group in self.param_groups for p in group["params"])

    def __repr__(self) -> str:
        lines = [f"{type(self).__name__} ("]
        for place, group in enumerate(self.param_groups):
            lines += [""] * (place > 0) + [f"Parameter Group {place}"]
            lines += [f"    {k}: {group[k]}" for k in sorted(group) if k != "params"]
        return "\n".join([*lines, ")"])


def _parameters_of(given: Iterable[Any]) -> list[Tensor]:
    """A list of tensors from tensors or (name, tensor) pairs."""
    found = []
    for item in given:
        param = item[1] if isinstance(item, tuple) and len(item) == 2 else item
        if not isinstance(param, Tensor):
            raise TypeError(f"optimizer can only optimize Tensors, but one of the params is {type(param)}")
        found.append(param)
    return found


def at_least(name: str, value: Any, low: float = 0.0) -> None:
    """Raise ValueError, in PyTorch's words, for a hyper-parameter below `low`."""
    if not isinstance(value, Tensor) and value < low:
        raise ValueError(f"Invalid {name}: {value}")


def refuse_differentiable(differentiable: bool) -> None:
    """An optimizer's step is not itself differentiated here."""
    if differentiable:
        raise ValueError("differentiable=True is not supported: write the update in tensor operations instead")


def step_count(param: Tensor) -> Tensor:
    """The slot that counts steps: a 0-d float32 zero, as PyTorch keeps it."""
    return zeros((), dtype=dtypes.float32)


def counted(step: Tensor) -> Any:
    """Count one step in place; the count for float64 arithmetic, a number or in a trace a tensor."""
    step += 1  # type: ignore[operator, misc]
    return step.to(dtypes.float64) if state.capture() is not None else step.item()  # type: ignore[attr-defined]


def factor(value: Any, param: Tensor) -> Any:
    """A float64 result as what multiplies `param`: rounded to its dtype once, as a number is."""
    return value.to(param.dtype) if isinstance(value, Tensor) else value  # type: ignore[attr-defined]
