"""The eager tape: one node per recorded operation, holding exactly what its gradient rules name.

A node's edges lead to the nodes (or leaf tensors) of the inputs that need a gradient. A `Plan`, made
once per primitive and per pattern of needs, says which rules run and what they must find saved.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import Any

from symgrad.errors import GradError, VersionError
from symgrad.ir.primitive import OUTPUTS, Primitive
from symgrad.ir.types import TensorType
from symgrad.tensor.core import Tensor, array_type, fresh_node, wrap
from symgrad.tensor.node import Node, Port

FREED: Any = ("freed",)
SPOILT: Any = ("changed in place",)
_RESULTS = {"out", "outs", *OUTPUTS}


class Plan:
    """Which rules run for a pattern of needs, and the names they must find saved."""

    __slots__ = ("rules", "saves", "save", "saves_out", "pull")

    def __init__(self, prim: Primitive, needs: tuple[bool, ...]):
        wide = prim.variadic
        self.rules = tuple(
            rule for rule in prim.rules if wide or any(needs[i] for i in rule[0]))  # fmt: skip
        asked = dict.fromkeys(name for _, _, args in self.rules for name in args)
        self.saves = tuple(n for n in asked if n != "g" and n not in prim.params)
        self.pull: Callable[..., Any] | None = None
        """The rules as one function; `symgrad.ops.engine` writes it when first asked."""
        self.saves_out = not _RESULTS.isdisjoint(self.saves)
        positions = {name: i for i, name in enumerate(prim.names)}
        parts = []
        for name in self.saves:
            base, _, kind = name.rpartition("_")
            if name == "out":
                parts.append("(ref(out), out._data)")
            elif name == "outs":
                parts.append("[(ref(o), o._data) for o in out]")
            elif name in OUTPUTS and name not in positions:
                parts.append(f"(ref(out[{OUTPUTS[name]}]), out[{OUTPUTS[name]}]._data)")
            elif name in positions:
                parts.append("ins" if wide else f"ins[{positions[name]}{':' if name == prim.tail else ''}]")
            elif wide:
                parts.append(f"tuple(x.{kind} for x in ins)")
            elif kind == "shape":  # the array's own: a plain tuple
                x = f"ins[{positions[base]}]"
                parts.append(f"{x}._data.shape if isinstance({x}, Tensor) else ()")
            else:
                parts.append(f"getattr(ins[{positions[base]}], {kind!r}, ())")
        code = f"lambda ins, out: ({', '.join(parts)}{',' if parts else ''})"
        self.save: Callable[[Any, Any], tuple[Any, ...]] = eval(code, {"ref": weakref.ref, "Tensor": Tensor})


_plans: dict[tuple[Primitive, tuple[bool, ...]], Plan] = {}


def plan_for(prim: Primitive, needs: tuple[bool, ...]) -> Plan:
    """The plan for `prim` when the inputs marked in `needs` want a gradient."""
    key = (prim, needs)
    plan = _plans.get(key)
    if plan is None:
        plan = _plans[key] = Plan(prim, needs)
    return plan


def record(prim: Primitive, inputs: Any, params: Any, out: Tensor) -> None:
    """Put `out = prim(inputs)` on the tape (the caller has seen that some input needs a gradient)."""
    plan, edges = plan_and_edges(prim, inputs)
    if plan.rules:
        out._rg = True
        out._node = Node(prim, params, edges, plan, plan.save(inputs, out) if plan.saves else (), out._data)


def plan_and_edges(prim: Primitive, inputs: Any) -> tuple[Plan, tuple[Any, ...]]:
    """What runs in backward for these operands, and where their gradients go (None: nowhere)."""
    needs, edges = [], []
    for x in inputs:
        if isinstance(x, Tensor) and x._rg:
            needs.append(True)
            edges.append((x._node or x) if x._view is None else edge_of(x))
        else:
            needs.append(False)
            edges.append(None)
    pattern = tuple(needs)
    return _plans.get((prim, pattern)) or plan_for(prim, pattern), tuple(edges)


def edge_of(tensor: Tensor) -> Any:
    """Where a gradient for `tensor` goes: its node, or the leaf itself."""
    if tensor._view is not None:
        return fresh_node(tensor) or tensor
    return tensor._node or tensor


def unpack(node: Node) -> dict[str, Any]:
    """What `node` saved, by name; raises if it was freed or changed in place since."""
    if node.saved is FREED:
        raise GradError(
            "Trying to backward through the graph a second time (or directly access saved tensors "
            "after they have already been freed). Saved intermediate values of the graph are freed when you call "
            ".backward() or autograd.grad().",
            hint="specify retain_graph=True when calling .backward() the first time",
        )
    values: dict[str, Any] = {}
    for name, value in zip(node.plan.saves, node.saved):
        if isinstance(value, Tensor):
            value = kept(node, value)
        elif value is SPOILT or name == "out":
            value = result(node, value)
        elif name in OUTPUTS and type(value) is tuple and node.prim.multiple:
            place = OUTPUTS[name]
            value = _result(node, Port(node, place, value[1]), *value)
        elif name == "outs":
            value = tuple([_result(node, Port(node, i, data), ref, data) for i, (ref, data) in enumerate(value)])
        elif type(value) is tuple:
            for item in value:
                kept(node, item)
        values[name] = value
    return values


def result(node: Node, saved: Any) -> Tensor:
    """The one result that `node` saved."""
    if saved is SPOILT:
        raise _changed(node, node.prim.name + "'s own result")
    return _result(node, node, *saved)


def _result(node: Node, port: Node, ref: Any, data: Any) -> Tensor:
    """A result that `node` saved: the tensor itself while it lives, else one like it."""
    value: Tensor | None = ref()
    if value is None:
        value = wrap(data)
        if value.dtype.is_inexact:
            value._rg, value._node = True, port
    else:
        kept(node, value)
    return value


def spoil_out(node: Node) -> None:
    """The result `node` saved was changed in place: the node holds it weakly and could not tell later."""
    spoilt = _RESULTS
    if isinstance(node, Port):
        node, spoilt = node.edges[0], {"outs", f"out{node.index}"}
    if node.saved is not FREED and node.plan is not None and node.plan.saves_out:
        node.saved = tuple([SPOILT if n in spoilt else v for n, v in zip(node.plan.saves, node.saved)])


def kept(node: Node, value: Any) -> Any:
    """What `node` saved of an operand, a tensor or a number; raises if it was changed in place since."""
    if isinstance(value, Tensor):
        owner = value._base
        if (value if owner is None else owner)._modified > node.seq:
            kind: TensorType = array_type(value._data)
            raise _changed(node, f"{kind}, now at version {value.owner._version},")
    return value


def _changed(node: Node, what: str) -> VersionError:
    return VersionError(
        "one of the variables needed for gradient computation has been modified by an inplace "
        f"operation: {what} which {node.name()} saved",
        hint="change a copy instead (x = x + 1, or x.clone()), or do it after backward()",
    )


def call_rule(rule: Callable[..., Any], args: tuple[str, ...], g: Any, values: Any, params: Any) -> Any:
    """Call a gradient rule with what it asks for by name."""
    caller = _callers.get(rule)
    if caller is None:
        given = ", ".join(
            "g" if n == "g" else f"values[{n!r}] if {n!r} in values else params.get({n!r})" for n in args)
        caller = _callers[rule] = eval(f"lambda rule, g, values, params: rule({given})")
    return caller(rule, g, values, params)


_callers: dict[Callable[..., Any], Callable[..., Any]] = {}
