"""Extents that meet are one: what an equation takes to be equal gets one name, or its number.

An argument's first extent has a name of its own, though the program may only make sense if it equals
another (labels of rows: the number of scores; of tokens: batch times length; rows added to a parameter:
its extent). Loops over both would not be seen to be the same loop. The name then gives way to the
other's expression, everywhere in the graph.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from functools import lru_cache
from typing import Any

from symgrad.ir.dims import Dim, DimFloat, expr_of
from symgrad.ir.extents import same
from symgrad.ir.graph import Atom, Eqn, Graph, Literal, Value
from symgrad.ir.primitive import Gemm, Scalar


def unify(graph: Graph) -> Graph:
    """The graph with extents that meet written alike; types of its values change in place."""
    meanings: dict[str, str] = {}
    for eqn in _all_equations(graph):
        for pair in meetings(eqn):
            one, other = (_said(extent, meanings) for extent in pair)
            for name, meaning in ((one, other), (other, one)):
                if _is_name(name) and not same(one, other) and expr_of(name) not in _words(expr_of(meaning)):
                    new = {expr_of(name): expr_of(meaning)}
                    meanings = {n: _in_words(m, new) for n, m in meanings.items()} | new
                    break
    return _graph(graph, meanings) if meanings else graph


def meetings(eqn: Eqn) -> Iterator[tuple[int, int]]:
    """Extents, neither of them 1, that must be equal for the equation to make sense."""
    shapes = [a.type.shape for a in eqn.inputs]
    if isinstance(eqn.prim.lower, Scalar):
        pairs = [(shapes[0], shape) for shape in shapes[1:]] + list(zip(shapes[1:], shapes[2:]))
    elif isinstance(eqn.prim.lower, Gemm):
        left, right = shapes
        pairs = [(left[-1:], right[-2:-1]), (left[:-2], right[:-2])]
    elif eqn.params.get("aligned"):  # an index runs along with what it chooses from, but for the extent it is for
        kept = [i for i in range(len(shapes[0])) if i not in eqn.params["dims"]]
        pairs = [(tuple(shapes[0][i] for i in kept), tuple(shapes[-1][i] for i in kept))]
    else:
        return
    for one, other in pairs:
        for a, b in zip(reversed(one), reversed(other)):
            if int(a) == int(b) != 1:
                yield a, b


def _all_equations(graph: Graph) -> Iterator[Eqn]:
    for eqn in graph.eqns:
        yield eqn
        for nested in eqn.graphs.values():
            yield from _all_equations(nested)


def _is_name(extent: int) -> bool:
    return isinstance(extent, Dim) and extent.expr.isidentifier()


WORD = re.compile(r"(?<![\w.])[A-Za-z_]\w*")
"""A name in an expression; what follows a dot is none."""


@lru_cache(maxsize=4096)
def _words(text: str) -> frozenset[str]:
    return frozenset(WORD.findall(text))


def _in_words(text: str, meanings: Mapping[str, str]) -> str:
    """The expression with names replaced by what they mean."""
    return WORD.sub(lambda word: meanings.get(word[0], word[0]), text)


def _said(param: Any, meanings: Mapping[str, str]) -> Any:
    """An extent, or a parameter that has some in it, in names that are left; the same object if it is so already."""
    if isinstance(param, (Dim, DimFloat)):
        if not _words(param.expr) & meanings.keys():
            return param
        expr = _in_words(param.expr, meanings)
        if isinstance(param, Dim):
            return Dim(param, expr) if _words(expr) else int(param)
        return DimFloat(param, expr) if _words(expr) else float(param)
    if isinstance(param, Graph):
        return _graph(param, meanings)
    if isinstance(param, slice):
        parts = (param.start, param.stop, param.step)
        said = _said(parts, meanings)
        return param if said is parts else slice(*said)
    if type(param) is tuple:
        items = [item if type(item) is int else _said(item, meanings) for item in param]
        return param if _same(items, param) else tuple(items)
    return param


def _same(new: Iterable[Any], old: Iterable[Any]) -> bool:
    return all(map(operator.is_, new, old))


def _atom(atom: Atom, meanings: Mapping[str, str]) -> Atom:
    if isinstance(atom, Value) or atom.expr is None or not _words(atom.expr) & meanings.keys():
        return atom
    expr = _in_words(atom.expr, meanings)
    return Literal(atom.value, atom.type.dtype, expr if _words(expr) else None)


def _eqn(eqn: Eqn, meanings: Mapping[str, str]) -> Eqn:
    inputs = tuple([_atom(a, meanings) for a in eqn.inputs])
    params = {name: _said(param, meanings) for name, param in eqn.params.items()}
    if _same(inputs, eqn.inputs) and _same(params.values(), eqn.params.values()):
        return eqn
    return replace(eqn, inputs=inputs, params=params)


def _graph(graph: Graph, meanings: Mapping[str, str]) -> Graph:
    for value in (*graph.sources(), *(out for eqn in graph.eqns for out in eqn.outputs)):
        before = value.type.shape, value.type.strides
        shape, strides = _said(before, meanings)
        if not _same((shape, strides), before):
            value.type = value.type.with_shape(shape, strides)
    return graph.replace(
        eqns=tuple([_eqn(eqn, meanings) for eqn in graph.eqns]),
        outputs=tuple([_atom(a, meanings) for a in graph.outputs]),
        effects=tuple([(cell, _atom(new, meanings)) for cell, new in graph.effects]),
    )  # fmt: skip
