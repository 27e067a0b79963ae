"""Put single-use values of one user line back into one expression, so that code reads as written.

Only names move, forwards, to their one use; a load does not pass a store to the same buffer.
"""

from __future__ import annotations

from dataclasses import replace

from symgrad.codegen.loops import (
    Assign,
    For,
    Let,
    Load,
    Nest,
    Stmt,
    Store,
    Var,
    rewrite,
    walk,
)

LIMIT = 11  # nodes of an expression, beyond which a name helps


def tidy(body: tuple[Stmt, ...]) -> tuple[Stmt, ...]:
    """The statements, nests included, with single-use names resolved."""
    counts: dict[str, int] = {}
    for stmt in body:
        for node in walk(stmt):
            if isinstance(node, Var):
                counts[node.name] = counts.get(node.name, 0) + 1
    return _tidied(body, counts)


def _tidied(body: tuple[Stmt, ...], counts: dict[str, int]) -> tuple[Stmt, ...]:
    out: list[Stmt] = []
    waiting: dict[str, Let] = {}

    def resolve(node: Let | Assign | Store) -> Let | Assign | Store:
        note = node.note
        moved = ""
        used = {n.name for n in walk(node) if isinstance(n, Var)} & set(waiting)
        movable = {}
        for name in [n for n in waiting if n in used]:
            let = waiting.pop(name)
            simple = isinstance(let.value, Load) or (not note or note == let.note) and size(let) <= LIMIT
            if simple:
                movable[name] = let.value
                moved = let.note or moved
            else:
                out.append(let)
        if not movable:
            return node
        changed = rewrite(node, lambda n: movable.get(n.name, n) if isinstance(n, Var) else n)
        return replace(changed, note=changed.note or moved)  # type: ignore[no-any-return]

    def flush(buffer: str | None) -> None:
        """Settle what reads `buffer` (everything if None), in order."""
        for name, let in list(waiting.items()):
            if buffer is None or any(isinstance(n, Load) and n.buffer == buffer for n in walk(let)):
                out.append(waiting.pop(name))

    for stmt in body:
        if isinstance(stmt, Nest):
            flush(None)
            out.append(_nest_body(stmt, counts))
            continue
        if isinstance(stmt, For):
            flush(None)
            out.append(replace(stmt, body=_tidied(stmt.body, counts)))
            continue
        if isinstance(stmt, (Let, Assign, Store)):
            stmt = resolve(stmt)  # type: ignore[assignment]
        if isinstance(stmt, Let) and counts.get(stmt.name) == 1:
            waiting[stmt.name] = stmt
            continue
        if isinstance(stmt, Store):
            flush(stmt.buffer)
        out.append(stmt)  # type: ignore[arg-type]
    flush(None)
    return tuple(out)


def _nest_body(nest: Nest, counts: dict[str, int]) -> Nest:
    """A nest with its body and the values it reduces resolved together."""
    markers = tuple(Store(f"<{k}>", (), r.value, r.note) for k, r in enumerate(nest.reductions))
    done = _tidied((*nest.body, *markers), counts)
    marked = {s.buffer: s for s in done if isinstance(s, Store) and s.buffer.startswith("<")}
    body = tuple(s for s in done if not (isinstance(s, Store) and s.buffer.startswith("<")))
    reductions = tuple(
        replace(r, value=marked[f"<{k}>"].value, note=marked[f"<{k}>"].note)
        for k, r in enumerate(nest.reductions)
    )
    return replace(nest, body=body, reductions=reductions)


def size(let: Let) -> int:
    """Nodes in the value of a name."""
    return sum(1 for _ in walk(let.value))
