"""Schedules as plain NumPy: each kernel a function that prints its equations one after the other.

No loops are lowered. A ufunc writes into planned memory, other array forms make their own arrays;
0-d values are NumPy scalars that kernels return. Results go to their places last, cells after
outputs in one block, so that an interrupt finds either all old values or leaves that one block.
"""

from __future__ import annotations

from symgrad.codegen.equations import Equations, numpy_name, param
from symgrad.codegen.module import (
    WORKSPACE,
    Packs,
    Param,
    entry_params,
    external_type,
    pack_of,
)  # fmt: skip
from symgrad.codegen.names import Names, words
from symgrad.codegen.numba import wrap_call
from symgrad.codegen.printer import source_line
from symgrad.ir.access import reordered, strides_of
from symgrad.ir.extents import show
from symgrad.ir.graph import Atom, Eqn, Literal, Value
from symgrad.ir.types import TensorType
from symgrad.passes.schedule import CELL, INPUT, OUT, TEMP, Call, Home, Kernel, Plan, Slot


def numpy_entry(
    name: str, plan: Plan, names: Names, packs: Packs, helpers: dict[str, str], prefix: str = ""
) -> tuple[list[str], str, tuple[Param, ...]]:
    """The kernels' texts, the entry's text, and its parameters."""
    every = plan.every or plan
    params = entry_params(plan, names, packs, every.peak_nbytes)
    entry = _Entry(plan, every, names, packs, helpers, prefix)
    return entry.kernels, entry.text(name, params), params


class _Entry:
    def __init__(self, plan: Plan, every: Plan, names: Names, packs: Packs, helpers: dict[str, str],
                 prefix: str):  # fmt: skip
        self.plan, self.every, self.names, self.packs = plan, every, names, packs
        self.helpers, self.prefix = helpers, prefix
        self.schedule = plan.schedule
        self.graph = plan.schedule.graph
        self.maker = {v: e for e in self.graph.eqns for v in e.outputs}
        self.names_of: dict[Value, str] = {}
        self.kernels: list[str] = []
        self.setup: list[str] = []
        self.local = names.local()
        self.needed = self.needed_outside()
        self.hosts = list(dict.fromkeys(names.hosts.values()))
        self.assign_arrays()

    # -- arrays ---------------------------------------------------------------------------------

    def assign_arrays(self) -> None:
        """A name for every external, output and planned value; lines that make the views."""
        for kind, count in ((INPUT, len(self.graph.inputs)), (CELL, len(self.graph.cells)),
                            (OUT, len(self.graph.outputs))):  # fmt: skip
            for i in range(count):
                home = Home(kind, i)
                name, type = self.names.homes[home], external_type(home, self.plan)
                packed = pack_of(home, self.plan, self.packs)
                if packed is not None:
                    self.setup.append(f"{name} = {view_of(packed[0], packed[1], type)}")
                elif kind == OUT and reordered(type):
                    self.setup.append(f"{name} = {strided(name, type)}")
        for values, kind in ((self.graph.inputs, INPUT), (self.graph.cells, CELL)):
            for i, value in enumerate(values):
                self.names_of[value] = self.names.homes[Home(kind, i)]
        for value in self.schedule.homes:
            out = self.schedule.whole_output(value)
            if out is not None and self.is_ufunc(value):
                self.names_of[value] = self.names.homes[out]
        for value, slot in self.every.slots.items():
            temps = [h for h in self.schedule.homes.get(value, ()) if h.kind == TEMP]
            name = self.names.homes[temps[0]] if temps else self.local.fresh(value.hint or "t")
            self.names_of[value] = name
            self.setup.append(f"{name} = {part_of(slot, value.type)}")

    def is_ufunc(self, value: Value) -> bool:
        return value in self.maker and self.maker[value].prim.is_ufunc and value.type.ndim > 0

    def base(self, atom: Atom) -> Value | None:
        """The value behind views and copies that this backend passes over."""
        while isinstance(atom, Value):
            eqn = self.maker.get(atom)
            if eqn is None or not self.passes_over(eqn, atom):
                return atom
            atom = eqn.inputs[eqn.outputs.index(atom)] if eqn.inputs else Literal(0, atom.type.dtype)
        return None

    def memory_of(self, atom: Atom) -> Value | None:
        """The value whose memory an atom's array may share."""
        base = self.base(atom)
        while base in self.maker and self.schedule.may_alias(self.maker[base]):
            base = self.base(self.maker[base].inputs[0])
        return base

    def passes_over(self, eqn: Eqn, value: Value) -> bool:
        return eqn in self.schedule.synthetic or self.schedule.access[value].root is not value

    def needed_outside(self) -> set[Value]:
        """Values that a step other than their own, or the graph's end, reads."""
        made = {v: s for s in self.schedule.steps for e in s.eqns for v in e.outputs}
        needed = {self.base(a) for a in self.graph.results()}
        for step in self.schedule.steps:
            for eqn in step.eqns:
                needed |= {b for a in eqn.inputs if (b := self.base(a)) and made.get(b) is not step}
        return {v for v in needed if v is not None}

    # -- text -----------------------------------------------------------------------------------

    def text(self, name: str, params: tuple[Param, ...]) -> str:
        """The entry: extents, views of the workspace, steps, results."""
        body: list[str] = []
        run = Equations(self.local, self.maker, self.names.host, self.helpers, self.schedule.synthetic)
        run.env.update(self.names_of)
        for step in self.schedule.steps:
            eqns = [e for e in step.eqns if e not in self.schedule.synthetic]
            if not eqns:
                continue
            if isinstance(step, Call):
                out = self.names_of.get(step.eqn.outputs[0], "") if step.eqn.prim.is_ufunc else ""
                run.equation(step.eqn, out)
                body += comment_lines(run.lines, "    ")
                run.lines.clear()
            else:
                body += self.kernel(step, eqns, run)
        body += self.results(run)
        lines = wrap_call(f"def {name}(", [p.name for p in params], "):")
        lines.append('    """Run the program: results go to the arrays given for them."""')
        said = words("\n".join([*self.setup, *body]))
        for extent, (number, axis) in self.names.extents.items():
            if extent in said:
                lines.append(f"    {extent} = {self.external(number)}.shape[{axis}]")
        lines += [f"    {line}" for line in self.setup]
        lines.append('    with np.errstate(all="ignore"):')
        lines += [f"    {line}" for line in body] or ["        pass"]
        return "\n".join(lines) + "\n"

    def external(self, number: int) -> str:
        inputs = len(self.graph.inputs)
        home = Home(INPUT, number) if number < inputs else Home(CELL, number - inputs)
        return self.names.homes[home]

    def kernel(self, step: Kernel, eqns: list[Eqn], run: Equations) -> list[str]:
        """Print the kernel's function; the lines that call it."""
        inner = Equations(self.names.local(run.env.values()), self.maker, self.names.host, self.helpers,
                          self.schedule.synthetic)  # fmt: skip
        inner.env.update(run.env)
        made: set[Value] = set()
        for eqn in eqns:
            for value in eqn.outputs:
                inner.env.pop(value, None)
        for eqn in eqns:
            into = self.names_of.get(eqn.out, "") if self.is_ufunc(eqn.out) else ""
            inner.equation(eqn, into)
            made.update(eqn.outputs)
        returned = [v for e in eqns for v in e.outputs if v in self.needed and v not in self.names_of]
        lines = comment_lines(inner.lines, "    ")
        if returned:
            lines.append(f"    return {', '.join(inner.env[v] for v in returned)}")
        known = dict.fromkeys([*run.env.values(), *self.hosts, *self.names.extents])
        said = words("\n".join(text for text, _ in inner.lines))
        defined = {n for text, _ in inner.lines if " = " in text for n in text.partition(" = ")[0].split(", ")}
        arguments = [n for n in known if n in said and n not in defined]
        name = f"{self.prefix}{step.name}"
        head = wrap_call(f"def {name}(", arguments, "):")
        self.kernels.append("\n".join([*head, *lines]) + "\n")
        names = []
        for value in returned:
            names.append(self.local.fresh(value.hint or "t"))
            run.env[value] = names[-1]
        call = wrap_call(f"{', '.join(names)} = {name}(" if names else f"{name}(", arguments, ")", "    ")
        return call

    def results(self, run: Equations) -> list[str]:
        """Copies of results that are not computed in place: outputs, then all cells at once."""
        lines: list[str] = []
        for i, atom in enumerate(self.graph.outputs):
            target = self.names.homes[Home(OUT, i)]
            value = run.atom(atom)
            if value != target:
                run.lines.append((f"{target}[...] = {value}", ""))
        written = {c for c, _ in self.graph.effects}
        late = []
        for cell, atom in self.graph.effects:
            value, base = run.atom(atom), self.memory_of(atom)
            target = self.names_of[cell]
            if value == target:
                continue
            if base in written:
                snapshot = self.local.fresh(f"{cell.hint}_old")
                run.lines.append((f"{snapshot} = {value}.copy()", ""))
                value = snapshot
            late.append((f"{target}[...] = {value}", ""))
        run.lines.extend(late)
        lines += comment_lines(run.lines, "    ")
        return lines


def comment_lines(lines: list[tuple[str, str]], indent: str) -> list[str]:
    """Lines with the user's line above the first of each run that comes from it."""
    out: list[str] = []
    last = ""
    for text, note in lines:
        if note and note != last:
            out.append(f"{indent}# {source_line(note, 90)}")
        last = note or last
        out.append(f"{indent}{text}")
    return out


def view_of(buffer: str, offset: int, type: TensorType) -> str:
    """A part of a flat buffer as an array of `type`."""
    return shaped(f"{buffer}[{show(offset)}:{show(offset + type.size)}]", type)


def part_of(slot: Slot, type: TensorType) -> str:
    """A part of the workspace as an array of `type`."""
    stop = show(slot.offset + slot.size * slot.dtype.itemsize)
    return shaped(f"{WORKSPACE}[{show(slot.offset)}:{stop}].view({numpy_name(slot.dtype)})", type)


def shaped(flat: str, type: TensorType) -> str:
    """Flat memory as an array of `type`."""
    if reordered(type):
        return strided(flat, type)
    return flat if type.ndim == 1 else f"{flat}.reshape({param(type.shape)})"


def strided(flat: str, type: TensorType) -> str:
    """Flat memory seen with a type's own strides."""
    step = type.dtype.itemsize
    strides = ", ".join(show(s * step) for s in strides_of(type))
    return f"np.lib.stride_tricks.as_strided({flat}, {param(type.shape)}, ({strides},))"

