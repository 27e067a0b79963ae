"""Apply the rewrite rules, everywhere, until none fires.

Requires: no aliases. Guarantees: no pattern of the active rules matches. Each rule's two sides are
traced: the pattern once, to a small tree; the replacement at each match, on the matched values. A
firing that would change the type of the result is refused.
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass
from functools import cache
from typing import Any

from symgrad.dtypes import bool_, float32
from symgrad.ir.builder import Rewriter, rewrite
from symgrad.ir.graph import Atom, Eqn, Graph, Literal, Value
from symgrad.ir.types import TensorType
from symgrad.passes.cse import COMMUTATIVE, freeze
from symgrad.passes.recorder import Recorder, as_operand
from symgrad.passes.rules import RULES, Rule
from symgrad.tensor import state
from symgrad.tensor.core import Tensor, wrap


@dataclass(frozen=True)
class Pattern:
    """A traced pattern: its operands, the equations under its root, and the root."""

    rule: Rule
    operands: tuple[Value, ...]
    makers: dict[Value, Eqn]
    root: Eqn


_MATRIX = TensorType((2, 2), float32)
_KINDS = {"c": TensorType((2,), bool_), "m": _MATRIX, "k": _MATRIX}
"""What a rule's operands stand for in its pattern: a condition, matrices, else anything."""


@cache
def patterns(rules: tuple[Rule, ...]) -> dict[str, list[Pattern]]:
    """Traced patterns by the name of their root primitive."""
    found: dict[str, list[Pattern]] = {}
    for rule in rules:
        names = rule.pattern.__code__.co_varnames[: rule.pattern.__code__.co_argcount]
        operands = tuple(Value(_KINDS.get(n, TensorType((2,), float32)), n) for n in names)
        rewriter = Rewriter()
        with Recorder(rewriter), state.no_grad():
            rule.pattern(*(wrap(v) for v in operands))
        makers = {out: eqn for eqn in rewriter.eqns for out in eqn.outputs}
        root = rewriter.eqns[-1]
        found.setdefault(root.prim.name, []).append(Pattern(rule, operands, makers, root))
    return found


def simplify(graph: Graph, *, exact: bool = False, fired: list[str] | None = None) -> Graph:
    """The graph after every (exact) rule; names of rules that fired are appended to `fired`."""
    table = patterns(tuple(r for r in RULES if r.exact or not exact))
    while True:
        makers = {out: eqn for eqn in graph.eqns for out in eqn.outputs}
        uses = Counter([*(a for eqn in graph.eqns for a in eqn.inputs), *graph.results()])
        once = {out: eqn for out, eqn in makers.items() if uses[out] == 1}

        def visit(eqn: Eqn, rewriter: Rewriter) -> tuple[Atom, ...] | None:
            for pattern in table.get(eqn.prim.name, ()):
                bound: dict[Value, Atom] = {}
                if _match_eqn(pattern, pattern.root, eqn, bound, once if pattern.rule.once else makers):
                    replacement = _replace(pattern, bound, eqn, rewriter)
                    if replacement is not None:
                        if fired is not None:
                            fired.append(pattern.rule.name)
                        if isinstance(replacement, Value):
                            once.pop(replacement, None)  # it now has this one's uses too
                        return (replacement,)
            makers.update((out, eqn) for out in eqn.outputs)
            once.update((out, eqn) for out in eqn.outputs if out in once)
            return None

        after = rewrite(graph, visit)
        if after is graph:
            return graph
        graph = after


def _match_eqn(pattern: Pattern, want: Eqn, eqn: Eqn, bound: dict[Value, Atom], makers: Any) -> bool:
    if want.prim is not eqn.prim or freeze(want.params) != freeze(eqn.params):
        return False
    orders = [want.inputs]
    if want.prim.name in COMMUTATIVE and len(want.inputs) == 2:
        orders.append(want.inputs[::-1])
    for order in orders:
        trial = dict(bound)
        if all(_match(pattern, w, a, trial, makers) for w, a in zip(order, eqn.inputs)):
            bound.update(trial)
            return True
    return False


def _match(pattern: Pattern, want: Atom, atom: Atom, bound: dict[Value, Atom], makers: Any) -> bool:
    if isinstance(want, Literal):  # not complex ones: beside infinities even 1 is no neutral factor
        return (isinstance(atom, Literal) and atom.expr is None and not atom.type.dtype.is_complex
                and _same_number(atom.value, want.value))
    if want in pattern.makers:
        eqn = makers.get(atom)
        return eqn is not None and _match_eqn(pattern, pattern.makers[want], eqn, bound, makers)
    if want in bound:
        return bound[want] is atom or (isinstance(atom, Literal) and bound[want] == atom)
    if isinstance(atom, Literal):
        return False
    bound[want] = atom
    return True


def _same_number(a: Any, b: Any) -> bool:
    """Equal, and of one sign if zero: x - 0 is x, but x - -0.0 is not where x is -0.0."""
    a, b = complex(a), complex(b)
    return a == b and all(math.copysign(1, m) == math.copysign(1, n) for m, n in ((a.real, b.real), (a.imag, b.imag)))


def _replace(pattern: Pattern, bound: dict[Value, Atom], eqn: Eqn, rewriter: Rewriter) -> Atom | None:
    """Trace the replacement on the matched values; None if it has another type."""
    recorder = Recorder(rewriter)
    recorder.loc, recorder.phase, recorder.origin = eqn.loc, eqn.phase, eqn.origin
    made = len(rewriter.eqns)
    with recorder, state.no_grad():
        result = pattern.rule.replacement(*(as_operand(bound[v]) for v in pattern.operands))
    if isinstance(result, Tensor):
        value: Any = result._data
        if value.type.shape == eqn.out.type.shape and value.type.dtype is eqn.out.type.dtype:
            return value  # type: ignore[no-any-return]
    del rewriter.eqns[made:]
    return None
