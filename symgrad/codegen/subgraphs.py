"""Control flow as Python functions: `if`, `while` and `for` around the lines of nested graphs.

Each equation becomes a function of the module, called with whole arrays. What it returns is memory of
its own, never an operand's: the caller may write over those.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from symgrad.codegen.equations import Equations, numpy_name
from symgrad.codegen.names import RESERVED
from symgrad.codegen.numba import wrap_call
from symgrad.codegen.numpy import comment_lines
from symgrad.ir.dims import Dim, DimFloat
from symgrad.ir.graph import Atom, Eqn, Graph, Value
from symgrad.ir.primitive import Gemm, Nested, Reduce, Scalar, Write
from symgrad.ir.text import Namer
from symgrad.passes.schedule import Schedule


def control(eqn: Eqn, args: Sequence[str], helpers: dict[str, str]) -> str:
    """The call of a function for `eqn`, which goes to `helpers`."""
    made = _Function(helpers)
    body = getattr(made, eqn.prim.name)(eqn)
    name = f"_{eqn.prim.name}_{1 + sum(other.startswith(f'_{eqn.prim.name}_') for other in helpers)}"
    helpers[name] = "\n".join([*wrap_call(f"def {name}(", made.params, "):"), *body]) + "\n"
    return f"{name}({', '.join(args)})"


class _Function:
    """The text of one function: names of its parameters and locals, lines of its graphs."""

    def __init__(self, helpers: dict[str, str]):
        self.helpers = helpers
        self.namer = Namer(RESERVED)
        self.params: list[str] = []

    def take(self, values: Sequence[Value], suffix: str = "") -> list[str]:
        """Parameters for values."""
        names = [self.namer.fresh(f"{v.hint or 'x'}{suffix}") for v in values]
        self.params += names
        return names

    def run(self, graph: Graph, given: Sequence[str], indent: str) -> tuple[list[str], list[str], list[bool]]:
        """Lines that compute `graph`; its results, and which of them are memory of their own."""
        maker = {v: e for e in graph.eqns for v in e.outputs}
        lines = Equations(self.namer, maker, lambda literal: repr(literal.value), self.helpers)
        lines.env.update(zip(graph.inputs, given))
        for eqn in graph.eqns:
            lines.equation(replace(eqn, params={k: _sized(p) for k, p in eqn.params.items()}))
        outs = [lines.atom(a) for a in graph.outputs]
        return comment_lines(lines.lines, indent), outs, [_fresh(a, maker) for a in graph.outputs]

    # -- one method per primitive -------------------------------------------------------------

    def cond(self, eqn: Eqn) -> list[str]:
        """`if` and `else`, each with a return."""
        (pred,) = self.take([v for v in eqn.inputs[:1] if isinstance(v, Value)] or [Value(eqn.inputs[0].type, "pred")])
        given = self.take(eqn.params["true"].inputs)
        text = [f"    if {pred}:"]
        for name in ("true", "false"):
            lines, outs, fresh = self.run(eqn.params[name], given, "        ")
            text += [*lines, f"        return {results(outs, fresh)}", "    else:"]
        return text[:-1]

    def while_loop(self, eqn: Eqn) -> list[str]:
        """A loop that returns when its condition says so."""
        count = eqn.params["carries"]
        given = self.take(eqn.params["body"].inputs)
        done = f"return {results(given[:count], [False] * count)}"
        return self.loop(eqn, given, count, done, [])

    def loop(self, eqn: Eqn, given: list[str], count: int, done: str, each: list[str]) -> list[str]:
        """`while True:` with the condition, `done` where it fails, `each` step's line, and the body."""
        text, (test,), _ = self.run(eqn.params["cond"], given, "        ")
        text += [f"        if not {test}:", f"            {done}", *(f"        {line}" for line in each)]
        lines, outs, _ = self.run(eqn.params["body"], given, "        ")
        return ["    while True:", *text, *lines, f"        {assign(given[:count], outs)}"]

    def while_loop_backward(self, eqn: Eqn) -> list[str]:
        """The loop once more with its states in a list, then the list from its end."""
        grads, count = eqn.params["grads"], eqn.params["carries"]
        pull = eqn.params["pull"]
        found = self.take(pull.inputs[:grads])
        given = self.take(eqn.params["body"].inputs)
        states = self.namer.fresh("states")
        carried = ", ".join(given[:count]) if count > 1 else f"{given[0]},"
        text = [f"    {states} = []", *self.loop(eqn, given, count, "break", [f"{states}.append(({carried}))"])]
        lines, outs, _ = self.run(pull, [*found, *given], "        ")
        text += [f"    for {carried} in reversed({states}):", *lines, f"        {assign(found, outs)}"]
        return [*text, f"    return {results(found, [False] * grads)}"]

    def scan(self, eqn: Eqn) -> list[str]:
        """A loop over rows that fills the stacked results."""
        body, length = eqn.params["body"], int(eqn.params["length"])
        count, rows = eqn.params["carries"], eqn.params["carries"] + eqn.params["scanned"]
        carries = self.take(body.inputs[:count])
        whole = self.take(body.inputs[count:rows], "s")
        extras = self.take(body.inputs[rows:])
        row = [self.namer.fresh(v.hint or "x") for v in body.inputs[count:rows]]
        text, stacked = [], []
        for atom in body.outputs[count:]:
            hint = atom.hint if isinstance(atom, Value) else "y"
            stacked.append(self.namer.fresh(f"{hint}s"))
            shape = (length, *map(int, atom.type.shape))
            text.append(f"    {stacked[-1]} = np.empty({shape!r}, {numpy_name(atom.type.dtype)})")
        steps = f"range({length})"
        text.append(f"    for i in {f'reversed({steps})' if eqn.params['reverse'] else steps}:")
        text += [f"        {name} = {all_rows}[i]" for name, all_rows in zip(row, whole)]
        lines, outs, fresh = self.run(body, [*carries, *row, *extras], "        ")
        text += [*lines, *(f"        {ys}[i] = {out}" for ys, out in zip(stacked, outs[count:]))]
        if count:
            text.append(f"        {assign(carries, outs[:count])}")
        return [*text, f"    return {results([*carries, *stacked], [*fresh[:count], *[True] * len(stacked)])}"]


def assign(names: Sequence[str], values: Sequence[str]) -> str:
    """An assignment of all at once."""
    return f"{', '.join(names)} = {', '.join(values)}"


def results(names: Sequence[str], fresh: Sequence[bool]) -> str:
    """What a function returns: one value or a tuple, copies of what may be an operand."""
    parts = [name if own else f"np.array({name})" for name, own in zip(names, fresh)]
    return ", ".join(parts)


def _fresh(atom: Atom, maker: dict[Value, Eqn]) -> bool:
    """Whether the array of `atom` is surely no operand's memory."""
    if not isinstance(atom, Value):
        return True
    eqn = maker.get(atom)
    if eqn is None or Schedule.may_alias(eqn):
        return False
    return isinstance(eqn.prim.lower, (Scalar, Reduce, Gemm, Nested, Write))


def _sized(value: Any) -> Any:
    """A parameter with extents as plain numbers: nested functions do not know their names."""
    if isinstance(value, Dim):
        return int(value)
    if isinstance(value, DimFloat):
        return float(value)
    if isinstance(value, tuple):
        return tuple(map(_sized, value))
    if isinstance(value, slice):
        return slice(_sized(value.start), _sized(value.stop), _sized(value.step))
    return value
