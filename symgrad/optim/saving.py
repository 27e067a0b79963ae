"""State dicts of an optimizer, laid out as PyTorch's: slots by parameter number, groups with numbers for parameters."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

from symgrad import dtypes
from symgrad.ops.creation import tensor
from symgrad.optim.groups import Group
from symgrad.optim.slots import Slots
from symgrad.tensor import state
from symgrad.tensor.core import Tensor


class Saved:
    """What of an optimizer is saved, loaded, copied and pickled."""

    defaults: dict[str, Any]
    state: Slots
    param_groups: list[Group]

    def state_dict(self) -> dict[str, Any]:
        """Slots by parameter number, and the groups with numbers for parameters."""
        for hook in self._at("before saving"):  # type: ignore[attr-defined]
            hook(self)
        numbers: dict[Any, int] = {}
        groups, start = [], 0
        for group in self.param_groups:
            for number, param in enumerate(group["params"], start):
                numbers.setdefault(param, number)
            start += len(group["params"])
            options = {k: v for k, v in group.items() if k != "params"}
            groups.append({**options, "params": [numbers[p] for p in group["params"]]})
        slots: dict[Any, Any] = {}
        for key, its in self.state.items():
            slots[numbers[key] if isinstance(key, Tensor) else key] = dict(its) if isinstance(key, Tensor) else its
        saved: dict[str, Any] = {"state": slots, "param_groups": groups}
        for hook in self._at("after saving"):  # type: ignore[attr-defined]
            replaced = hook(self, saved)
            saved = saved if replaced is None else replaced
        return saved

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over slots and hyper-parameters from `state_dict` (copied, slots in the parameter's dtype)."""
        saved = dict(state_dict)
        for hook in self._at("before loading"):  # type: ignore[attr-defined]
            replaced = hook(self, saved)
            saved = saved if replaced is None else replaced
        saved = deepcopy(saved)
        _check_groups(self.param_groups, saved["param_groups"])
        homes = {}
        for old, new in zip(self.param_groups, saved["param_groups"]):
            for number, param in zip(new["params"], old["params"]):
                homes[number] = (param, new)
        self.state.clear()
        for number, slots in saved["state"].items():
            param, group = homes.get(number, (number, None))
            self.state[param] = slots if group is None else {k: fitted(v, param, k, group) for k, v in slots.items()}
        for old, new in zip(self.param_groups, saved["param_groups"]):
            kept = {"params", "param_names"}
            for key in [k for k in old if k not in new and k not in kept and k not in self.defaults]:
                del old[key]
            old.update({k: v for k, v in new.items() if k != "params"})
        self.restructured()  # type: ignore[attr-defined]
        for hook in self._at("after loading"):  # type: ignore[attr-defined]
            hook(self)

    def __getstate__(self) -> dict[str, Any]:
        groups = [dict(group) for group in self.param_groups]
        return {"defaults": self.defaults, "state": dict(self.state), "param_groups": groups}

    def __setstate__(self, saved: dict[str, Any]) -> None:
        self._begin(saved["defaults"])  # type: ignore[attr-defined]
        for param, slots in saved["state"].items():
            self.state[param] = slots
        self.param_groups += [Group(g, self) for g in saved["param_groups"]]  # type: ignore[arg-type]
        state.bump_epoch()


def _check_groups(here: list[Group], saved: list[dict[str, Any]]) -> None:
    if len(saved) != len(here):
        raise ValueError("loaded state dict has a different number of parameter groups")
    if any(len(old["params"]) != len(new["params"]) for old, new in zip(here, saved)):
        raise ValueError("loaded state dict contains a parameter group that doesn't match the size of "
                         "optimizer's group")  # fmt: skip


def fitted(value: Any, param: Tensor, key: Any, group: dict[str, Any]) -> Any:
    """A loaded slot as the optimizer keeps it: of a floating parameter's dtype, but for the step count."""
    if key == "step":
        count = value if isinstance(value, Tensor) else tensor(float(value), dtype=dtypes.float32)
        return count.to(dtypes.float32) if group.get("capturable") or group.get("fused") else count  # type: ignore[attr-defined]
    if isinstance(value, Tensor):
        return value.to(param.dtype) if param.dtype.is_floating_point else value  # type: ignore[attr-defined]
    if isinstance(value, dict):
        return {k: fitted(v, param, k, group) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(fitted(v, param, None, group) for v in value)
    return value
