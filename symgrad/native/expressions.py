"""Expressions of a function: names, subscripts, operators, choices and calls."""

from __future__ import annotations

import ast
import builtins
from typing import TYPE_CHECKING, Any

import numpy as np

from symgrad.native import calls, operators
from symgrad.native.errors import UnsupportedError
from symgrad.native.types import Array, ExternalFunction, boolean, int64, together
from symgrad.native.values import Address, Assembly, Buffer, Value, convert, number

if TYPE_CHECKING:
    from symgrad.native.module import Module


class Expressions:
    """Turns expression nodes into values; what is assigned where is the business of `Lowering`."""

    def __init__(self, module: "Module", function: Any, asm: Assembly):
        self.module, self.function, self.asm = module, function, asm
        self.names: dict[str, Any] = {}
        self.slots: dict[str, Value] = {}

    def visit(self, node: ast.expr) -> Any:
        """A scalar or an array; of a name that is neither, the Python object."""
        return getattr(self, f"of_{type(node).__name__}", self.unknown)(node)

    def unknown(self, node: ast.expr) -> Any:
        raise UnsupportedError(f"{self.function.name}: cannot compile {ast.unparse(node)!r}")

    def scalar(self, node: ast.expr) -> Value:
        value = self.visit(node)
        return value if isinstance(value, Value) else self.unknown(node)

    def truth(self, node: ast.expr) -> str:
        """The register of an expression's truth."""
        return convert(self.asm, self.scalar(node), boolean).text

    # -- names and memory -----------------------------------------------------------------------

    def of_Constant(self, node: ast.Constant) -> Value:
        return number(node.value) if isinstance(node.value, (bool, int, float)) else self.unknown(node)

    def of_Name(self, node: ast.Name) -> Any:
        if node.id in self.names:
            return self.names[node.id]
        if node.id in self.slots:
            slot = self.slots[node.id]
            return Value(self.asm.set(f"load {slot.type.text}, ptr {slot.text}"), slot.type)
        return self.foreign(self.function.globals.get(node.id, getattr(builtins, node.id, None)), node)

    def foreign(self, found: Any, node: ast.expr) -> Any:
        """A global object: a number becomes a value."""
        if found is None:
            self.unknown(node)
        if isinstance(found, (np.bool_, np.number)):
            return number(found.item(), calls.CONVERSIONS[type(found)])
        return number(found) if isinstance(found, (bool, int, float)) else found

    def of_Attribute(self, node: ast.Attribute) -> Any:
        owner = self.visit(node.value)
        if isinstance(owner, Buffer) and node.attr == "ctypes":
            return Address(owner.data)
        if isinstance(owner, Buffer) and node.attr == "size" and len(owner.shape) == 1:
            return Value(owner.shape[0], int64)
        if isinstance(owner, (Buffer, Value)):
            return self.unknown(node)
        return self.foreign(getattr(owner, node.attr, None), node)

    def of_Subscript(self, node: ast.Subscript) -> Any:
        if isinstance(node.value, ast.Attribute) and node.value.attr == "shape":
            buffer = self.visit(node.value.value)
            axis = self.scalar(node.slice).number
            return Value(buffer.shape[axis], int64)
        buffer = self.visit(node.value)
        if not isinstance(buffer, Buffer):
            return self.unknown(node)
        if isinstance(node.slice, ast.Slice):
            return self.part(buffer, node.slice)
        return self.load(buffer, self.address(buffer, node.slice))

    def part(self, buffer: Buffer, span: ast.Slice) -> Buffer:
        """`buffer[start:stop]` of a flat array."""
        start = convert(self.asm, self.scalar(span.lower), int64) if span.lower else number(0)
        stop = convert(self.asm, self.scalar(span.upper), int64).text if span.upper else buffer.shape[0]
        data = self.asm.set(f"getelementptr inbounds {buffer.dtype.stored}, ptr {buffer.data}, i64 {start.text}")
        return Buffer(data, buffer.dtype, (self.asm.set(f"sub i64 {stop}, {start.text}"),))

    def address(self, buffer: Buffer, index: ast.expr) -> str:
        """Where an element lies."""
        points = [convert(self.asm, self.scalar(i), int64).text
                  for i in (index.elts if isinstance(index, ast.Tuple) else [index])]  # fmt: skip
        if len(points) != len(buffer.shape):
            self.unknown(index)
        if buffer.strides is not None:
            steps = [self.asm.set(f"mul i64 {i}, {s}") for i, s in zip(points, buffer.strides)]
            offset = steps[0]
            for step in steps[1:]:
                offset = self.asm.set(f"add i64 {offset}, {step}")
            return self.asm.set(f"getelementptr inbounds i8, ptr {buffer.data}, i64 {offset}")
        flat = points[0]
        for point, extent in zip(points[1:], buffer.shape[1:]):
            flat = self.asm.set(f"add i64 {self.asm.set(f'mul i64 {flat}, {extent}')}, {point}")
        return self.asm.set(f"getelementptr inbounds {buffer.dtype.stored}, ptr {buffer.data}, i64 {flat}")

    def load(self, buffer: Buffer, address: str) -> Value:
        loaded = self.asm.set(f"load {buffer.dtype.stored}, ptr {address}{self.asm.access}")
        if buffer.dtype is boolean:
            loaded = self.asm.set(f"trunc i8 {loaded} to i1")
        return Value(loaded, buffer.dtype)

    def store(self, buffer: Buffer, address: str, value: Value) -> None:
        text = convert(self.asm, value, buffer.dtype).text
        if buffer.dtype is boolean:
            text = self.asm.set(f"zext i1 {text} to i8")
        self.asm.line(f"store {buffer.dtype.stored} {text}, ptr {address}{self.asm.access}")

    # -- operators ------------------------------------------------------------------------------

    def of_BinOp(self, node: ast.BinOp) -> Value:
        a, b = self.scalar(node.left), self.scalar(node.right)
        try:
            return operators.binary(self.asm, node.op, a, b)
        except KeyError:
            return self.unknown(node)  # type: ignore[no-any-return]

    def of_UnaryOp(self, node: ast.UnaryOp) -> Value:
        return operators.unary(self.asm, node.op, self.scalar(node.operand))

    def of_Compare(self, node: ast.Compare) -> Value:
        left, answer = self.scalar(node.left), None
        for op, right_node in zip(node.ops, node.comparators):
            right = self.scalar(right_node)
            found = operators.compare(self.asm, op, left, right)
            both = found.text if answer is None else self.asm.set(f"and i1 {answer.text}, {found.text}")
            left, answer = right, Value(both, boolean)
        assert answer is not None
        return answer

    def of_BoolOp(self, node: ast.BoolOp) -> Value:
        """`a and b`, `a or b` of bools; what follows is only looked at where it decides."""
        test = Value(self.truth(node.values[0]), boolean)
        for item in node.values[1:]:
            test = self.also(isinstance(node.op, ast.And), test, item)
        return test

    def also(self, both: bool, test: Value, item: ast.expr) -> Value:
        def asked() -> Value:
            return Value(self.truth(item), boolean)

        if both:
            return self.choice(test, asked, lambda: number(False), item)
        return self.choice(test, lambda: number(True), asked, item)

    def of_IfExp(self, node: ast.IfExp) -> Value:
        test = Value(self.truth(node.test), boolean)
        then, other = node.body, node.orelse
        return self.choice(test, lambda: self.scalar(then), lambda: self.scalar(other), then, other)

    def choice(self, test: Value, then: Any, other: Any, *parts: ast.expr) -> Value:
        """One of two: both computed where that is harmless, for it makes one instruction; else by a branch."""
        asm = self.asm
        if all(map(harmless, parts)):
            a, b = then(), other()
            common = a.type if a.type is b.type else together(a.type, b.type)
            a, b = convert(asm, a, common), convert(asm, b, common)
            return Value(asm.set(f"select i1 {test.text}, {common.text} {a.text}, {common.text} {b.text}"), common)
        name = asm.name("or")
        asm.line(f"br i1 {test.text}, label %{name}.a, label %{name}.b")
        asm.block(f"{name}.a")
        a = then()
        mark = len(asm.lines)
        from_a = asm.label
        asm.block(f"{name}.b")
        b = other()
        common = a.type if a.type is b.type else together(a.type, b.type)
        b = convert(asm, b, common)
        from_b = asm.label
        asm.line(f"br label %{name}.end")
        tail, asm.lines = asm.lines[mark:], asm.lines[:mark]
        a = convert(asm, a, common)
        asm.line(f"br label %{name}.end")
        asm.lines += tail
        asm.block(f"{name}.end")
        return Value(asm.set(f"phi {common.text} [ {a.text}, %{from_a} ], [ {b.text}, %{from_b} ]"), common)

    # -- calls ----------------------------------------------------------------------------------

    def callee(self, node: ast.Call) -> Any:
        return self.visit(node.func)

    def of_Call(self, node: ast.Call) -> Any:
        found = self.call(node)
        return self.unknown(node) if found is None else found

    def call(self, node: ast.Call) -> Any:
        """A call's result, or None where it has none."""
        if isinstance(node.func, ast.Attribute) and node.func.attr in ("view", "ravel"):
            owner = self.visit(node.func.value)
            if isinstance(owner, Value) and node.func.attr == "view":
                return calls.viewed(self.asm, owner, calls.CONVERSIONS[self.visit(node.args[0])])
            if isinstance(owner, Buffer) and node.func.attr == "view":
                return calls.reinterpreted(self.asm, owner, calls.CONVERSIONS[self.visit(node.args[0])])
            if isinstance(owner, Buffer) and node.func.attr == "ravel":
                return calls.flat(self.asm, owner)
        if self.callee(node) is np.empty:
            return self.scratch(node)
        function, args = self.callee(node), [self.visit(a) for a in node.args]
        if isinstance(function, ExternalFunction):
            return calls.external(self.asm, function, args, self.module.declared)
        if hasattr(function, "tree"):
            return self.compiled(function, args)
        found = calls.built_in(self.asm, function, args, self.module.declared) if callable(function) else None
        return self.unknown(node) if found is None else found

    def scratch(self, node: ast.Call) -> Buffer:
        """`np.empty(number, dtype)`: memory of the function's frame."""
        size, dtype = self.scalar(node.args[0]), calls.CONVERSIONS[self.visit(node.args[1])]
        if size.number is None or size.number * dtype.nbytes > FRAME:
            return self.unknown(node)  # type: ignore[no-any-return]
        register = f"%{self.asm.name('s')}"
        self.asm.slots.append(f"  {register} = alloca [{size.number} x {dtype.stored}], align 64")
        return Buffer(register, dtype, (str(size.number),))

    def compiled(self, function: Any, args: list[Any]) -> Value | None:
        """A call of a function of the module, compiled for these types; if it raised, so does this one."""
        types, given = [], []
        for arg in args:
            if isinstance(arg, Buffer):
                types.append(Array(arg.dtype, len(arg.shape), "C" if arg.strides is None else "A"))
                given += [f"ptr {arg.data}", *(f"i64 {e}" for e in (*arg.shape, *(arg.strides or ())))]
            else:
                types.append(arg.type)
                given.append(f"{arg.type.text} {arg.text}")
        symbol, result, raises = self.module.function(function, tuple(types))
        text = f"@{symbol}({', '.join(given)})"
        if raises:
            failed = self.asm.set(f"icmp ne i32 {self.asm.set(f'call i32 {text}')}, 0")
            name = self.asm.name("raised")
            self.asm.line(f"br i1 {failed}, label %{name}, label %{name}.not, !prof !0")
            self.asm.block(name)
            self.asm.line("ret i32 1")
            self.asm.block(f"{name}.not")
            return None
        if result is None:
            self.asm.line(f"call void {text}")
            return None
        return Value(self.asm.set(f"call {result.text} {text}"), result)


def harmless(node: ast.expr) -> bool:
    """Whether an expression may be computed where Python would not: no memory, no integer quotient, no call of size."""
    for part in ast.walk(node):
        if isinstance(part, (ast.Subscript, ast.BoolOp)):
            return False
        if isinstance(part, ast.BinOp) and isinstance(part.op, (ast.FloorDiv, ast.Mod, ast.Pow)):
            return False
        if isinstance(part, ast.Call):
            name = part.func.attr if isinstance(part.func, ast.Attribute) else getattr(part.func, "id", "")
            if name not in CHEAP:
                return False
    return True


FRAME = 1 << 16
"""Bytes of scratch memory that a function may have."""

CHEAP = {"view", "abs", "min", "max", "bool", "bool_", "floor", *calls.NAMED}
"""Calls that are an instruction or two."""
