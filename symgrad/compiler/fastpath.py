"""The hot call: one generated Python function per variant that checks, runs and commits.

It handles the common case only (positional tensors, nothing rebound since the last call) and answers
MISS otherwise, so the general path in `variant.py` stays the definition of what a call means. The
emitted entry's compiled function is called directly: its argument types were checked here.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from symgrad.compiler.results import HELD
from symgrad.runtime.threads import THRESHOLD
from symgrad.tensor import state
from symgrad.tensor.core import Tensor, wrap
from symgrad.tensor.dispatch import out_of_range
from symgrad.tensor.pytree import LEAF

if TYPE_CHECKING:
    from symgrad.compiler.variant import Variant

MISS: Any = object()


def generate(variant: "Variant", leaves: list[Any], lock: Any) -> Callable[[tuple[Any, ...]], Any] | None:
    """The hot call of `variant`, or None where only the general path will do."""
    traced = variant.traced
    if variant.program.seam is not None or not all(isinstance(x, Tensor) for x in leaves):
        return None
    if traced.branches or traced.joined or any(s.argument is not None for s, _ in traced.grads):
        return None
    if any(isinstance(w, int) for w in variant.written) or traced.draws:
        return None
    if any(o.kind not in ("value", "argument", "same", "static") for o in traced.outputs):
        return None
    if any(p.kind not in ("input", "cell", "host", "pack", "ws", "task") for p in variant.entry.params):
        return None
    writer = _Writer()
    pinned = dict(traced.pinned)
    for i, leaf in enumerate(leaves):
        if not getattr(leaf._data.flags, "aligned", True):
            return None
        kind = writer.const(f"T{i}", leaf.type_)
        test = f"(x{i}._type or x{i}.type_) is not {kind} or x{i}._rg is not {leaf._rg}"
        if i in pinned:
            writer.check(f"x{i} is not {writer.const(f'P{i}', pinned[i])}")
        elif variant.written_memory:
            owned = writer.const("free_of", variant.free_of)
            memory = writer.const("WRITTEN", variant.written_memory)
            test += f" or ((d{i} := x{i}._data).base is not None or id(d{i}) in {memory}) and not {owned}(x{i})"
        writer.check(test)
    _reads(writer, variant)
    return writer.function(_body(writer, variant, leaves), len(leaves), lock, variant)


class _Writer:
    def __init__(self) -> None:
        self.names: dict[str, Any] = {"MISS": MISS, "state": state, "epoch": state.epoch, "tick": state.tick,
                                      "wrap": wrap, "getrefcount": sys.getrefcount}  # fmt: skip
        self.checks: list[str] = []

    def const(self, name: str, value: Any) -> str:
        """A name for a constant of the function."""
        self.names[name] = value
        return name

    def check(self, condition: str) -> None:
        """MISS when `condition` holds."""
        self.checks.append(condition)

    def function(self, body: list[str], count: int, lock: Any, variant: "Variant") -> Callable[..., Any]:
        self.names.update(acquire=lock.acquire, release=lock.release, variant=variant)
        unpack = "".join(f"x{i}, " for i in range(count))
        lines = [
            "def call(args):",
            f"    if epoch[0] != variant.epoch or state.captures or state.no_grads or len(args) != {count}:",
            "        return MISS",
            *([f"    {unpack}= args"] if count else []),
            "    try:",
            *[f"        if {c}: return MISS" for c in self.checks],
            "        pass",
            "    except (AttributeError, KeyError, IndexError):",
            "        return MISS",
            *[f"    {line}" for line in body],
        ]
        code = "\n".join(lines)
        exec(compile(code, "<symgrad call>", "exec"), self.names)
        self.names["call"].source = code
        return self.names["call"]  # type: ignore[no-any-return]


def _reads(writer: _Writer, variant: "Variant") -> None:
    """Globals, closures and plain attributes: identity when that suffices, else a full comparison."""
    for i, read in enumerate(variant.guards.always):
        holder = writer.const(f"h{i}", read.holder)
        if not read.by_identity:
            writer.check(writer.const(f"r{i}", read.changed) + "()")
            continue
        value = writer.const(f"v{i}", read.current())
        key = repr(read.key)
        look = {"global": f"{holder}[{key}]", "item": f"{holder}[{key}]", "deref": f"{holder}.cell_contents"}.get(
            read.how, f"{holder}.{read.key}")  # fmt: skip
        writer.check(f"{look} is not {value}")
        if read.seen[0] == "code":
            for part in ("__code__", "__defaults__"):
                was = writer.const(f"v{i}{part}", getattr(read.value, part))
                writer.check(f"{value}.{part} is not {was}")
    for i, (tensor, _, before) in enumerate(variant.guards.grad_reads):
        writer.check(f"{writer.const(f't{i}', tensor)}._grad is not {writer.const(f'b{i}', before)}")


def _body(writer: _Writer, variant: "Variant", leaves: list[Any]) -> list[str]:
    traced = variant.traced
    writer.const("generation", variant.generation)
    writer.const("renew", variant.renew)
    run = getattr(variant.entry, "direct", None) or variant.entry.function
    writer.const("run", run)
    arguments = []
    for number, param in enumerate(variant.entry.params):
        if param.kind == "input":
            place = variant.sources[variant.graph.inputs[param.index]]
            arguments.append(f"x{place}._data")
        elif param.kind == "cell":
            arguments.append(writer.const(f"c{number}", variant.bound[variant.graph.cells[param.index]]))
        elif param.kind == "pack":
            arguments.append(f"a.arrays[{param.name!r}]" if len(variant.layout.sizes) > 1 else "a.array")
        elif param.kind == "host":
            arguments.append(writer.const(f"s{number}", variant.host_constants[number]))
        elif param.kind == "ws":
            arguments.append(writer.const(f"w{number}", variant.workspace[number]))
    pooled = bool(variant.layout.pooled)
    lines = ["acquire()", "try:"]
    if pooled:
        held = "".join(f" or getrefcount(a.s{i}) > {HELD}" for i in range(len(variant.layout.scalars)))
        lines += ["    a = generation[-1]", f"    if a.escaped{held}:", "        a = renew()"]
    size = variant.entry.work
    if size is not None and size >= THRESHOLD:
        writer.const("run_tasks", variant.run_tasks)
        lines.append(f"    run_tasks(run, ({', '.join(arguments)},))")
    else:
        arguments += ["-1", "0"] if size is not None else []
        lines.append(f"    run({', '.join(arguments)})")
    if pooled and len(variant.generation) > 1:
        lines.append("    generation.reverse()")
    cells = [w for w in variant.written if isinstance(w, Tensor)]
    if cells:
        lines.append("    m = tick()")
    for i, tensor in enumerate(cells):
        owner = writer.const(f"k{i}", tensor.owner)
        lines.append(f"    {owner}._version += 1; {owner}._modified = m")
    for i, (slot, index) in enumerate(traced.grads):
        leaf = writer.const(f"p{i}", slot.tensor)
        lines.append(f"    {leaf}._grad = " + (f"a.g{index}" if index >= 0 else writer.const(f"q{i}", slot.now)))
    outs = []
    for number, output in enumerate(traced.outputs):
        if output.kind == "value":
            lines.append(f"    y{number} = wrap(a.s{variant.layout.scalars.index(output.index)})")
            if output.freed:
                node = writer.const(f"n{number}", variant.freed[number])
                lines += [f"    y{number}._rg = True", f"    y{number}._node = {node}"]
            outs.append(f"y{number}")
        elif output.kind == "argument":
            outs.append(f"x{output.index}")
        else:
            outs.append(writer.const(f"o{number}", output.item))
    writer.const("out_of_range", out_of_range)
    lines += ["except IndexError as error:", "    raise out_of_range(error) from error"]
    lines += ["finally:", "    release()"]
    if traced.structure == LEAF:
        lines.append(f"return {outs[0]}")
    else:
        from symgrad.tensor.pytree import unflatten

        writer.const("unflatten", unflatten)
        writer.const("structure", traced.structure)
        lines.append(f"return unflatten(structure, ({''.join(o + ', ' for o in outs)}))")
    return lines
