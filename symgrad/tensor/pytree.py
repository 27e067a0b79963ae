"""Nested tuples, lists and dicts of leaves, taken apart and put together again."""

from __future__ import annotations

from typing import Any

LEAF = "*"


def flatten(tree: Any) -> tuple[list[Any], Any]:
    """The leaves in order, and the structure (hashable) that `unflatten` needs.

    >>> flatten({"a": (1, 2), "b": [3]})
    ([1, 2, 3], ('dict', (('a', ('tuple', '*', '*')), ('b', ('list', '*')))))
    """
    leaves: list[Any] = []
    return leaves, _flatten(tree, leaves)


def _flatten(tree: Any, leaves: list[Any]) -> Any:
    kind = type(tree)
    if kind is tuple or kind is list:
        return (kind.__name__, *[_flatten(item, leaves) for item in tree])
    if kind is dict:
        return ("dict", tuple((key, _flatten(item, leaves)) for key, item in tree.items()))
    if isinstance(tree, tuple) and hasattr(kind, "_fields"):
        return (kind, *[_flatten(item, leaves) for item in tree])
    leaves.append(tree)
    return LEAF


def unflatten(structure: Any, leaves: Any) -> Any:
    """The tree of that structure over `leaves` (an iterator or sequence).

    >>> unflatten(('tuple', '*', ('list', '*')), [1, 2])
    (1, [2])
    """
    return _unflatten(structure, iter(leaves))


def _unflatten(structure: Any, leaves: Any) -> Any:
    if structure == LEAF:
        return next(leaves)
    kind, *items = structure
    if kind == "tuple":
        return tuple([_unflatten(item, leaves) for item in items])
    if kind == "list":
        return [_unflatten(item, leaves) for item in items]
    if kind == "dict":
        return {key: _unflatten(item, leaves) for key, item in items[0]}
    return kind(*[_unflatten(item, leaves) for item in items])
