"""Views and in-place changes: one chain of view primitives serves memory, tape and trace.

A view remembers its base and the view primitives that lead there. A change in place of either is
a new history for the base: for a write through a view, `base = write(base, value)` along the chain,
after which every view of that base replays its steps when next asked for its node. Inside a trace
the same rules run on Values, so no pass ever sees mutation.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import Any

import numpy as np

from symgrad.errors import InplaceError
from symgrad.ir.graph import Value
from symgrad.ir.primitive import Primitive, View
from symgrad.tensor import state
from symgrad.tensor.core import Tensor, ViewOf, fresh_node, wrap
from symgrad.tensor.dispatch import bind, bind1, explain, ndarray, record1
from symgrad.tensor.tape import record, spoil_out

Writer = Callable[[Tensor, Tensor, dict[str, Any]], Tensor]
_writers: dict[Primitive, Writer] = {}
"""For each view primitive: base, new value of the view, parameters -> new base."""


def writes_through(prim: Primitive, writer: Writer) -> None:
    """Declare how a change of `prim`'s output changes its operand."""
    _writers[prim] = writer


OPERANDS = "index operands"
"""In the parameters of a step of a view: the index tensors that choose it, where a trace does not know them."""


def apply_step(prim: Primitive, x: Tensor, params: dict[str, Any]) -> Any:
    """One step of a view, taken again."""
    if OPERANDS not in params:
        return bind(prim, (x,), params)
    rest = {name: value for name, value in params.items() if name != OPERANDS}
    return bind(prim, (x, *params[OPERANDS]), rest)


def bind_view(prim: Primitive, x: Tensor, params: dict[str, Any]) -> Tensor:
    """Apply a view primitive; the result shares `x`'s memory and knows how."""
    data = x._data
    if type(data) is not ndarray or state.captures or OPERANDS in params:
        out: Tensor = bind1(prim, x, params) if OPERANDS not in params else apply_step(prim, x, params)
        if out._data is not data and shares_memory(out, x) and not copies(prim, x, params):
            _attach(prim, x, params, out)
        return out
    try:
        seen = prim.evaluate(data, **params)
    except (ValueError, TypeError, IndexError, AttributeError) as error:
        raise explain(prim, (x,), params, error) from error
    return view_on(prim, x, params, seen)


def view_on(prim: Primitive, x: Tensor, params: dict[str, Any], seen: Any) -> Tensor:
    """The tensor on `seen`, which `prim` made of the array of `x`, outside of traces."""
    out = wrap(seen)
    if x._rg and (not state.no_grads or state.local.grad):
        record1(prim, x, params, out)
    memory, data = seen.base, x._data
    if memory is not None and seen is not data and (
            memory is data or memory is data.base or shares_memory(out, x)):  # fmt: skip
        _attach(prim, x, params, out)
    return out


class WeakViews(list["weakref.ref[Tensor]"]):
    """Weak references to the views of a base; at `room` of them, those of dead views are dropped."""

    __slots__ = ("room",)

    def __init__(self) -> None:
        self.room = 64


def _attach(prim: Primitive, x: Tensor, params: dict[str, Any], out: Tensor) -> None:
    """Make `out` a view of the base of `x`, one step further."""
    owner = x._base
    out._base = owner = x if owner is None else owner
    out._view = info = _new_view(ViewOf)
    before = x._view
    if before is None:
        info._base, info.steps = x, ((prim, params),)
    else:
        info._base, info.steps = before.base, (*before.steps, (prim, params))
    info.version = owner._version
    if not out._rg and (out.dtype.is_inexact if type(out._data) is Value else out._data.dtype.kind in _INEXACT):
        base = info._base
        views = base._views
        if views is None:
            views = base._views = WeakViews()
        elif len(views) >= views.room:
            views[:] = [ref for ref in views if ref() is not None]
            views.room = max(64, 2 * len(views))
        views.append(weakref.ref(out))


_new_view = ViewOf.__new__
_INEXACT = "fcV"


def _follow(base: Tensor) -> None:
    """Make the views of a base that has come to require grad do so too."""
    if base._rg and base._views is not None:
        refs, base._views = base._views, None
        for ref in refs:
            view = ref()
            if view is not None:
                view._rg = True


def copies(prim: Primitive, x: Tensor, params: dict[str, Any]) -> bool:
    """Whether, in a trace, `prim` gives what eagerly is a copy: a reshape that the strides do not allow."""
    if type(x._data) is not Value or not isinstance(prim.lower, View) or OPERANDS in params:
        return False
    return prim.lower.layout(tuple(x.shape), x.stride(), 0, **params) is None


def shares_memory(out: Tensor, x: Tensor) -> bool:
    """Whether `out`, just made by a view primitive of `x`, is on `x`'s memory."""
    data, base = out._data, x._data
    if not isinstance(data, np.ndarray):
        return True if not hasattr(data, "base") else data.base is not None
    memory = data.base
    if memory is not None and not isinstance(memory, np.ndarray):  # as_strided holds its operand indirectly
        memory = getattr(memory, "base", None)
    return memory is not None and (memory is base or memory is base.base)


def replay(view: Tensor) -> None:
    """Bring a view whose base was changed in place up to date: its node and, in a trace, its Value."""
    info = view._view
    assert info is not None
    info.version = info.base.owner._version
    out = info.base
    for prim, params in info.steps:
        out = apply_step(prim, out, params)
    view._node = out._node
    view._rg = view._rg or out._rg
    if state.capture() is not None:
        view._data = out._data


def assign(target: Tensor, value: Tensor) -> Tensor:
    """Make `target` hold `value` (same shape and dtype) in place, for memory and for autograd."""
    check_writable(target)
    active = state.capture()
    if active is not None:
        active.assign(target, value)
        return target
    if not target._data.flags.writeable:
        raise InplaceError(
            "unsupported operation: more than one element of the written-to tensor refers to a "
            "single memory location",
            hint="clone() the tensor before writing to it",
        )
    mark_modified(target)
    np.copyto(target._data, value._data)
    if value._rg or target._rg:
        rebase(target, value)
    return target


def mark_modified(target: Tensor) -> None:
    """Advance the version of the memory under `target`."""
    owner = target._base if target._base is not None else target
    if owner._version < 0 and not state.local.inference:
        raise InplaceError(
            "Inplace update to inference tensor outside InferenceMode is not allowed. You can make a clone to get a "
            "normal tensor before doing inplace update.", hint="clone() it")
    owner._version += 1
    owner._modified = state.tick()
    node = owner._node
    if node is not None and (node.plan is None or node.plan.saves_out):
        spoil_out(node)


MADE_IN_FUNCTION = "_made_in_function"
"""Marks a tensor on an input's memory that a custom Function returned: its history is the user's."""


def check_writable(target: Tensor) -> None:
    """Raise where PyTorch forbids an in-place change while recording."""
    if not target._rg or not state.is_grad_enabled():
        return
    if MADE_IN_FUNCTION in target.__dict__:
        raise InplaceError(
            f"Output {target.output_nr} of {target._node.kind()} is a view and is being modified inplace. This view "
            "was created inside a custom Function (or because an input was returned as-is) and the autograd logic to "
            "handle view+inplace would override the custom backward associated with the custom Function, leading to "
            "incorrect gradients. This behavior is forbidden.",
            hint="clone the output of the custom Function")
    if target._node is None and target._view is None:
        raise InplaceError("a leaf Variable that requires grad is being used in an in-place operation.",
                           hint="wrap the update in torch.no_grad()")  # fmt: skip
    view = target._view
    if view is not None and view.base._rg and view.base._node is None:
        raise InplaceError(
            "a view of a leaf Variable that requires grad is being used in an in-place operation.",
            hint="wrap the update in torch.no_grad()",
        )


def rebase(target: Tensor, value: Tensor) -> None:
    """Give `target` (and its base) the history of `value`."""
    if not state.is_grad_enabled():
        return
    view = target._view
    before_node = target._node
    if view is None:
        target._rg, target._node = value._rg, value._node
        _keep_retained(target, before_node)
        _follow(target)
        return
    base = view.base
    before = wrap(base._data)
    before._rg, before._node = base._rg, fresh_node(base)
    after = write_chain(before, value, view.steps)
    base._rg, base._node = after._rg, after._node
    _follow(base)
    view.version = -1
    fresh_node(target)
    target._rg = base._rg
    _keep_retained(target, before_node)


def _keep_retained(target: Tensor, before: Any) -> None:
    """`retain_grad()` follows the tensor to its new history; other hooks stay with the old one."""
    hooks = None if before is None else before.hooks
    if hooks is not None and hooks.retained is not None and hooks.retained() is target:
        if target._node is not None and target._node is not before:
            target._node.hook_table().retained, hooks.retained = hooks.retained, None


def write_chain(base: Tensor, value: Tensor, steps: Any) -> Tensor:
    """The base with `value` written through the view chain `steps`."""
    stages = [base]
    for prim, params in steps[:-1]:
        stages.append(apply_step(prim, stages[-1], params))
    for (prim, params), stage in zip(reversed(steps), reversed(stages)):
        value = _writers[prim](stage, value, params)
    return value


def detached(x: Tensor) -> Tensor:
    """The same memory (and version counter) outside the graph."""
    out = wrap(x._data)
    out._base = x._base if x._base is not None else x
    view = x._view
    if view is not None:
        out._view = ViewOf(detached(view.base), view.steps, view.version)
    return out


__all__ = ["OPERANDS", "assign", "bind_view", "check_writable", "detached", "mark_modified", "rebase",
           "record", "replay", "write_chain", "writes_through"]  # fmt: skip
