"""A Python function as LLVM assembly for given argument types: statements, and the variables they assign.

A variable assigned in one place is a register; one assigned in several has a slot, which LLVM turns into
registers. Subscripts are never negative and slices lie in their arrays: the emitter sees to that.
"""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, Any

from symgrad.native import operators
from symgrad.native.clock import Clock
from symgrad.native.entry import OBJECT
from symgrad.native.errors import UnsupportedError
from symgrad.native.expressions import Expressions
from symgrad.native.function import prange
from symgrad.native.types import Array, Scalar, int64, uint64
from symgrad.native.values import Assembly, Buffer, Value, convert, number

if TYPE_CHECKING:
    from symgrad.native.module import Module

FLAGS = ("reassoc", "nnan", "ninf", "nsz", "arcp", "contract", "afn")


def flags_of(fastmath: Any) -> str:
    """Numba's `fastmath` as the words before an operation's operands."""
    wanted = set(FLAGS if fastmath is True else fastmath or ())
    return "".join(f"{word} " for word in FLAGS if word in wanted)


class Lowering(Expressions):
    """One function, for one list of argument types."""

    def __init__(self, module: "Module", function: Any, symbol: str, types: tuple[Any, ...]):
        super().__init__(module, function, Assembly(flags_of(function.options.get("fastmath"))))
        self.symbol, self.types = symbol, types
        self.raises = module.may_raise(function)
        self.result: Scalar | None = None
        self.ended = False
        self.within = 0
        self.clock: Clock | None = None
        self.groups: list[str] = []
        self.params: list[str] = []
        self.stores: dict[str, int] = {}
        for node in ast.walk(function.tree):
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                self.stores[node.id] = self.stores.get(node.id, 0) + 1

    def text(self) -> str:
        """The function's definition."""
        names = [a.arg for a in self.function.tree.args.args]
        if len(names) != len(self.types):
            raise UnsupportedError(f"{self.symbol}: {len(self.types)} arguments for {len(names)} parameters")
        for name, type in zip(names, self.types):
            self.parameter(name, type)
        if self.module.timed is self.function:
            self.clock = Clock(self.module, self.asm, self.function.tree.body)
        self.body(self.function.tree.body)
        if not self.ended:
            self.leave(None)
        inline = "alwaysinline" if self.function.options.get("forceinline") else "noinline"
        result = "i32" if self.raises else self.result.text if self.result else "void"
        head = f"define internal {result} @{self.symbol}({', '.join(self.params)}) nounwind {inline} #0 {{"
        return "\n".join([head, "entry:", *self.asm.slots, *self.asm.lines, "}"]) + "\n"

    def parameter(self, name: str, type: Any) -> None:
        """Bind one parameter; an array comes as its address and extents."""
        if isinstance(type, Array):
            extents = tuple(f"%{name}.{axis}" for axis in range(type.ndim))
            strides = None if type.layout == "C" else tuple(f"%{name}.s{axis}" for axis in range(type.ndim))
            self.params += [f"ptr %{name}.p", *(f"i64 {e}" for e in (*extents, *(strides or ())))]
            self.names[name] = Buffer(f"%{name}.p", type.dtype, extents, strides)
            return
        self.params.append(f"{type.text} %{name}.a")
        self.stores[name] = self.stores.get(name, 0) + 1
        self.bind(name, Value(f"%{name}.a", type))

    # -- statements -----------------------------------------------------------------------------

    def body(self, statements: list[ast.stmt]) -> None:
        for statement in statements:
            if self.ended:
                return
            clock = self.clock if self.clock is not None and statement in self.clock.places else None
            begin = clock.now() if clock else ""
            getattr(self, f"do_{type(statement).__name__}", self.refuse)(statement)
            if clock:
                clock.add(statement, begin)

    def refuse(self, node: ast.AST) -> Any:
        raise UnsupportedError(f"{self.symbol}: cannot compile {ast.unparse(node)!r}")

    def do_Expr(self, node: ast.Expr) -> None:
        if isinstance(node.value, ast.Call):
            self.call(node.value)
        elif not isinstance(node.value, ast.Constant):
            self.refuse(node)

    def do_Pass(self, node: ast.Pass) -> None:
        pass

    def do_Assign(self, node: ast.Assign) -> None:
        (target,) = node.targets
        if isinstance(target, ast.Tuple) and isinstance(node.value, ast.Tuple):
            values = [self.visit(v) for v in node.value.elts]
            for part, value in zip(target.elts, values, strict=True):
                self.assign(part, value)
        else:
            self.assign(target, self.visit(node.value))

    def do_AugAssign(self, node: ast.AugAssign) -> None:
        place = ast.Name(node.target.id, ast.Load()) if isinstance(node.target, ast.Name) else node.target
        value = self.visit(place)
        self.assign(node.target, operators.binary(self.asm, node.op, value, self.scalar(node.value)))

    def assign(self, target: ast.expr, value: Any) -> None:
        """`target = value`."""
        if isinstance(target, ast.Subscript):
            buffer = self.visit(target.value)
            address = self.address(buffer, target.slice)
            self.store(buffer, address, value)
        elif not isinstance(target, ast.Name):
            self.refuse(target)
        elif isinstance(value, Buffer):
            if self.within and target.id in self.names:
                self.refuse(target)  # what it is would depend on how often this runs
            self.names[target.id] = value
        else:
            self.bind(target.id, value)

    def bind(self, name: str, value: Value) -> None:
        """Give a variable a value: a register if this is the only place that does."""
        if self.stores.get(name, 0) <= 1:
            self.names[name] = value
            return
        known = self.slots.get(name)
        if known is None:
            known = self.slots[name] = Value(self.asm.slot(value.type), value.type)
            self.names.pop(name, None)
        self.asm.line(f"store {known.type.text} {convert(self.asm, value, known.type).text}, ptr {known.text}")

    def do_If(self, node: ast.If) -> None:
        test = self.truth(node.test)
        name = self.asm.name("if")
        after, other = f"{name}.end", f"{name}.else" if node.orelse else f"{name}.end"
        self.asm.line(f"br i1 {test}, label %{name}.then, label %{other}")
        reached = not node.orelse
        for label, part in ((f"{name}.then", node.body), (other, node.orelse)):
            if part:
                self.asm.block(label)
                self.scope(part)
                if not self.ended:
                    self.asm.line(f"br label %{after}")
                reached = reached or not self.ended
                self.ended = False
        if reached:
            self.asm.block(after)
        self.ended = not reached

    def scope(self, statements: list[ast.stmt]) -> None:
        """Statements that may not run: registers they set are not there afterwards."""
        before = dict(self.names)
        self.within += 1
        self.body(statements)
        self.within -= 1
        self.names = before

    def do_While(self, node: ast.While) -> None:
        name = self.asm.name("while")
        self.asm.line(f"br label %{name}")
        self.asm.block(name)
        test = self.truth(node.test)
        self.asm.line(f"br i1 {test}, label %{name}.body, label %{name}.end")
        self.asm.block(f"{name}.body")
        self.scope(node.body)
        if not self.ended:
            self.asm.line(f"br label %{name}")
        self.ended = False
        self.asm.block(f"{name}.end")

    def do_For(self, node: ast.For) -> None:
        assert isinstance(node.target, ast.Name)
        if isinstance(node.iter, ast.Tuple):
            for item in node.iter.elts:
                self.bind(node.target.id, self.scalar(item))
                self.body(node.body)
            return
        counted = self.callee(node.iter) if isinstance(node.iter, ast.Call) else None
        if not isinstance(node.iter, ast.Call) or counted not in (range, prange):
            self.refuse(node)
            return
        bounds = [self.scalar(a) for a in node.iter.args]
        begin, end = (number(0), bounds[0]) if len(bounds) == 1 else bounds[:2]
        step = bounds[2] if len(bounds) == 3 else number(1)
        kind = uint64 if any(b.type is uint64 for b in bounds) else int64
        begin, end, step = (convert(self.asm, b, kind) for b in (begin, end, step))
        turns = written_out(begin, end, step) if self.function.options.get("forceinline") else None
        if turns is None:
            self.loop(node, kind, begin, end, step, counted is prange)
            return
        for turn in turns:
            self.bind(node.target.id, number(turn, kind))
            self.body(node.body)

    def loop(self, node: ast.For, kind: Scalar, begin: Value, end: Value, step: Value, free: bool) -> None:
        """Count from `begin` to `end` (a step that is not a number counts up); `free`: the turns are independent."""
        asm, name = self.asm, self.asm.name("for")
        groups, outer = self.groups, asm.access
        mark = self.independent() if free else ""
        before, variable = asm.label, f"%{name}.i"
        down = isinstance(step.number, (int, float)) and step.number < 0
        asm.line(f"br label %{name}")
        asm.block(name)
        asm.line(f"{variable} = phi i64 [ {begin.text}, %{before} ], [ {variable}.next, %{name}.latch ]")
        word = f"{'u' if kind is uint64 else 's'}{'gt' if down else 'lt'}"
        go = asm.set(f"icmp {word} i64 {variable}, {end.text}")
        asm.line(f"br i1 {go}, label %{name}.body, label %{name}.end")
        asm.block(f"{name}.body")
        assert isinstance(node.target, ast.Name)
        bound = dict(self.names)
        self.bind(node.target.id, Value(variable, kind))
        self.scope(node.body)
        self.names = bound
        if not self.ended:
            asm.line(f"br label %{name}.latch")
        self.ended = False
        asm.block(f"{name}.latch")
        asm.line(f"{variable}.next = add {'nuw' if kind is uint64 else 'nsw'} i64 {variable}, {step.text}")
        asm.line(f"br label %{name}{mark}")
        asm.block(f"{name}.end")
        asm.access = outer
        self.groups = groups

    def independent(self) -> str:
        """Mark what follows as the memory accesses of a loop without dependences; the mark of the loop itself.

        LLVM then needs no tests at run time whether arrays overlap.
        """
        node = self.module.node
        group = node("distinct !{}")
        self.groups = [*self.groups, group]
        many = self.groups[0] if len(self.groups) == 1 else node(f"!{{{', '.join(self.groups)}}}")
        self.asm.access = f", !llvm.access.group {many}"
        said = node(f'!{{!"llvm.loop.parallel_accesses", {group}}}')
        return f", !llvm.loop {node(f'distinct !{{@, {said}}}')}"

    # -- ends -----------------------------------------------------------------------------------

    def do_Return(self, node: ast.Return) -> None:
        self.leave(self.scalar(node.value) if node.value else None)

    def leave(self, value: Value | None) -> None:
        """Return from the function; one that may raise returns whether it did."""
        if self.raises and value is not None:
            raise UnsupportedError(f"{self.symbol}: a function that raises has no result")
        if value is None:
            self.asm.line("ret i32 0" if self.raises else "ret void")
        else:
            if self.result is None:
                self.result = value.type
            value = convert(self.asm, value, self.result)
            self.asm.line(f"ret {value.type.text} {value.text}")
        self.ended = True

    def do_Raise(self, node: ast.Raise) -> None:
        """Make the exception, with the interpreter's lock held, and return that there is one."""
        call = node.exc
        if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Name):
            self.refuse(node)
            return
        layout = "("
        given: list[str] = []
        for arg in call.args:
            if isinstance(arg, ast.Constant) and isinstance(arg.value, str):
                layout, given = layout + "s", [*given, f"ptr {self.module.words(arg.value)}"]
                continue
            value = self.scalar(arg)
            whole = value.type.kind != "f"
            value = convert(self.asm, value, int64 if whole else operators.float64)
            layout, given = layout + ("L" if whole else "d"), [*given, f"{value.type.text} {value.text}"]
        kind = f"@{OBJECT}{call.func.id}"
        self.module.declared |= {f"{kind} = external global i8", *RAISING}
        lock = self.asm.set("call i32 @PyGILState_Ensure()")
        form = f"ptr {self.module.words(layout + ')')}"
        args = self.asm.set(f"call ptr (ptr, ...) @Py_BuildValue({', '.join([form, *given])})")
        self.asm.line(f"call void @PyErr_SetObject(ptr {kind}, ptr {args})")
        self.asm.line(f"call void @Py_DecRef(ptr {args})")
        self.asm.line(f"call void @PyGILState_Release(i32 {lock})")
        self.asm.line("ret i32 1")
        self.ended = True


def written_out(begin: Value, end: Value, step: Value) -> range | None:
    """The turns of a loop of few: in a function that is inlined they are written one after the other."""
    bounds = (begin.number, end.number, step.number)
    turns = range(*(int(b) for b in bounds if b is not None)) if None not in bounds else None
    return turns if turns is not None and len(turns) <= FEW else None


FEW = 16
RAISING = {
    "declare i32 @PyGILState_Ensure()", "declare void @PyGILState_Release(i32)",
    "declare ptr @Py_BuildValue(ptr, ...)", "declare void @PyErr_SetObject(ptr, ptr)", "declare void @Py_DecRef(ptr)",
}  # fmt: skip
