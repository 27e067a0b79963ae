"""What a traced function returned, described so that each call can give it back with eager's identities.

An argument or outer tensor comes back itself, a view is made again as a view, one tensor returned
twice is one tensor. Outputs that require grad are grouped by the parts of the graph they share: each
group is differentiated, and freed, by itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from symgrad.capture.capture import Capture
from symgrad.errors import TraceError
from symgrad.ir.graph import Value
from symgrad.tensor import state
from symgrad.tensor.core import Tensor
from symgrad.tensor.host import HostScalar
from symgrad.tensor.views import OPERANDS


@dataclass
class Output:
    """One leaf of what the function returned: how the compiled program gives it back.

    kind: "value" (graph output `index`), "argument" (leaf `index`), "same" (`item`), "view" (`item` is
    base and steps; of leaf `index` if not -1), "part" (steps `item` of output `index`), "repeat"
    (output `index` again), "host" (expression `item`), "static" (`item`).
    """

    kind: str
    index: int = -1
    item: Any = None
    requires_grad: bool = False
    freed: bool = False
    reaches: frozenset[int] = frozenset()
    group: int = -1


def describe_outputs(capture: Capture, leaves: list[Any]) -> tuple[list[Output], list[Value]]:
    """An Output per leaf (then hidden ones that views among them need), and the graph's outputs."""
    values: list[Value] = []
    outputs: list[Output] = []
    numbers: dict[int, int] = {}
    shared = _shared_owners(leaves)
    paths: list[tuple[set[Any], Output]] = []
    hidden: list[tuple[Output, Tensor]] = []
    for number, leaf in enumerate(leaves):
        if isinstance(leaf, Tensor) and id(leaf) in numbers:
            outputs.append(Output("repeat", numbers[id(leaf)]))
            continue
        if isinstance(leaf, Tensor):
            numbers[id(leaf)] = number
        owner = _symbolic_owner(leaf)
        if owner is not None and owner is not leaf and id(owner) in shared:
            view = leaf._view
            made = Output("part", -1, _steps(view), leaf._rg)
            hidden.append((made, owner))
        else:
            made = _output(capture, leaf, values, paths)
        outputs.append(made)
    for part, owner in hidden:
        if id(owner) not in numbers:
            numbers[id(owner)] = len(outputs)
            outputs.append(_output(capture, owner, values, paths))
        part.index = numbers[id(owner)]
    _group(capture, paths)
    return outputs, values


def _steps(view: Any) -> Any:
    """How a view that is returned is made again from its base."""
    if view is None:
        return ()
    if any(OPERANDS in params for _, params in view.steps):
        raise TraceError("a view x[i] is returned whose place the tensor i says", hint="return x[i].clone()")
    return view.steps


def _symbolic_owner(leaf: Any) -> Tensor | None:
    if type(leaf) is HostScalar or not isinstance(leaf, Tensor) or type(leaf._data) is not Value:
        return None
    owner: Tensor = leaf.owner
    return owner if type(owner._data) is Value else None


def _shared_owners(leaves: list[Any]) -> set[int]:
    """Symbols whose memory several outputs share."""
    users: dict[int, set[int]] = {}
    for leaf in leaves:
        owner = _symbolic_owner(leaf)
        if owner is not None:
            users.setdefault(id(owner), set()).add(id(leaf))
    return {owner for owner, found in users.items() if len(found) > 1}


def _output(capture: Capture, leaf: Any, values: list[Value], paths: list[Any]) -> Output:
    if type(leaf) is HostScalar:
        return Output("host", item=leaf.expr)
    if not isinstance(leaf, Tensor):
        return Output("static", item=leaf)
    if id(leaf) in capture.arguments:
        return Output("argument", capture.arguments[id(leaf)])
    if type(leaf._data) is not Value:
        return Output("same", item=leaf)
    if leaf._rg and leaf._node is None and leaf._view is None:
        raise TraceError("a leaf made inside the traced function is returned",
                         hint="make it outside, or return it detached")  # fmt: skip
    view = leaf._view
    base = view.base if view is not None else leaf._base
    if base is not None and type(base.owner._data) is not Value:
        base = base.owner if type(base._data) is Value else base
        with state.eagerly():
            place = capture.cell(base).argument
        return Output("view", -1 if place is None else place,
                      (base, _steps(view)), leaf._rg)  # fmt: skip
    value = capture.value_of(leaf)
    made = Output("value", len(values), None, leaf._rg)
    values.append(value)
    if leaf._rg:
        reached, path = capture.reach([value])
        made.freed = bool(path & capture.freed)
        made.reaches = frozenset(id(t) for v, t in capture.leaf_of.items() if v in reached)
        if not made.freed:
            paths.append(({e for e in path if e.outputs[0] in capture.holding}, made))
    return made


def _group(capture: Capture, paths: list[tuple[set[Any], Output]]) -> None:
    """Number the outputs so that those which share an equation that saves something have one number."""
    groups: list[tuple[set[Any], list[Output]]] = []
    for path, output in paths:
        members = [output]
        apart = []
        for other, others in groups:
            if other & path:
                path = path | other
                members = others + members
            else:
                apart.append((other, others))
        groups = [*apart, (path, members)]
    for number, (_, members) in enumerate(groups):
        for output in members:
            output.group = number
