"""Loop IR as CUDA C: C's precedence, typed numbers, and the device functions a kernel calls.

Floats are rounded as the dtype says, larger and smaller keep nan, integers wrap around without
C's undefined overflow, nan becomes the least integer: as in the other printers. Subscripts are
`long long`. Device functions are printed once per module, each only if something calls it.
"""

from __future__ import annotations

import math
import textwrap

from symgrad.codegen.cuda_helpers import (
    C_TYPES,
    COLUMN,
    FIXED,
    ROW,
    UNSIGNED,
    WHAT,
    WRAPPED,
    WRAPPING,
)
from symgrad.codegen.gpu_loops import THREADS, fold
from symgrad.codegen.loops import (
    INDEX,
    Const,
    Expr,
    For,
    Function,
    If,
    Op,
    Stmt,
    Store,
    Var,
)
from symgrad.codegen.numba import shortest, wrap_call
from symgrad.codegen.printer import (
    AND,
    ATOM,
    COMPARE,
    INFIX,
    OR,
    TERNARY,
    UNARY,
    WIDTH,
    Printer,
)
from symgrad.codegen.random_helpers import HELPERS as SAMPLERS
from symgrad.codegen.scalars import SPELLINGS
from symgrad.codegen.statements import stored
from symgrad.dtypes import (
    BOOL,
    FLOATING,
    INTEGRAL,
    DType,
    float32,
    int32,
    int64,
)
from symgrad.errors import BackendError

# Words of C++ and functions of CUDA that a user's variable may be called.
TAKEN = frozenset(
    "alignas alignof asm auto bool break case catch char class const constexpr const_cast continue "
    "decltype default delete do double dynamic_cast else enum explicit export extern false float for "
    "friend goto if inline int long mutable namespace new noexcept nullptr operator private protected "
    "public register reinterpret_cast return short signed sizeof static static_assert static_cast "
    "struct switch template this thread_local throw true try typedef typeid typename union unsigned "
    "using virtual void volatile wchar_t while min max abs maximum minimum threadIdx blockIdx blockDim "
    "gridDim warpSize dim3 uint3 size_t last_block to_i32 to_i64".split()
) | frozenset(
    name for s in SPELLINGS.values() for text in (s.cuda, s.cuda64) for name in [text.partition("(")[0]]
) | frozenset(SAMPLERS)  # fmt: skip


def c_name(name: str) -> str:
    """`name` where C++ has no other meaning for it, else (and for such names) with an underscore.

    >>> c_name("loss"), c_name("double"), c_name("double_")
    ('loss', 'double_', 'double__')
    """
    return f"{name}_" if name.rstrip("_") in TAKEN else name


class CudaPrinter(Printer):
    """Prints one kernel; notes the device functions it calls."""

    comment_mark = "//"
    end = ";"

    def __init__(self) -> None:
        super().__init__()
        self.helpers: dict[str, str] = {}
        self.samplers: dict[str, None] = {}
        self.scopes: list[set[str]] = [set()]

    def function(self, function: Function) -> str:
        """`extern "C" __global__ void …`; what is only read is `const … __restrict__`."""
        written = stored(function.body)
        params = []
        for p in function.params:
            type = self.typed(p.dtype)
            if p.kind == "array":
                type = f"{type}* " if p.name in written else f"const {type}* __restrict__ "
            else:
                type = f"const {type} "
            params.append(f"{type}{c_name(p.name)}")
        if function.doc:
            self.line(f"// {function.doc}")
        self.line(f'extern "C" __global__ void __launch_bounds__({THREADS})')
        # C takes no comma after the last parameter.
        head = wrap_call(f"{function.name}(", params, ") {")
        self.lines.extend([*head[:-2], *(line.rstrip(",") for line in head[-2:])])
        self.body(function.body)
        self.line("}")
        return "\n".join(self.lines) + "\n"

    # -- statements -----------------------------------------------------------------------------

    def body(self, stmts: tuple[Stmt, ...]) -> None:  # type: ignore[override]
        self.scopes.append(set())
        super().body(stmts)
        self.scopes.pop()

    def note(self, note: str) -> None:
        """The user's line; it must end neither the comment's line too late nor the module's string."""
        super().note(note)
        if note:
            self.lines[-1:] = [x.rstrip("\\ ").replace("'''", '"""') for x in self.lines[-1:]]

    def stmt(self, stmt: Stmt) -> None:
        if isinstance(stmt, If):
            self.block(f"if ({self.expr(stmt.test)}) {{", stmt.body)
        elif isinstance(stmt, Store):
            self.note(stmt.note)
            self.wrapped(f"{self.element(stmt.buffer, stmt.index)} = {self.expr(stmt.value)};")
        else:
            super().stmt(stmt)

    def block(self, head: str, body: tuple[Stmt, ...]) -> None:
        """A head and its statements in braces."""
        self.last_note = ""
        self.line(head)
        self.body(body)
        self.line("}")

    def wrapped(self, text: str) -> None:
        """A statement, on several lines if it is long: C does not mind where it is broken."""
        width = WIDTH - len(self.indent) * self.depth
        first, *rest = textwrap.wrap(text, width, subsequent_indent=self.indent, break_long_words=False,
                                     break_on_hyphens=False)  # fmt: skip
        for line in (first, *rest):
            self.line(line)

    def let(self, name: str, value: Expr) -> None:
        self.wrapped(f"const {self.typed(value.dtype)} {c_name(name)} = {self.expr(value)};")

    def assign(self, name: str, value: Expr) -> None:
        known = any(name in scope for scope in self.scopes)
        self.scopes[-1].add(name)
        match value:
            case Op("add" | "mul" as fn, (Var(first, _), rest)) if first == name and (
                value.dtype.category == FLOATING
            ):
                self.wrapped(f"{c_name(name)} {INFIX[fn][0]}= {self.expr(rest)};")
            case _:
                type = "" if known else f"{self.typed(value.dtype)} "
                self.wrapped(f"{type}{c_name(name)} = {self.expr(value)};")

    def loop(self, loop: For) -> None:
        var = loop.var
        step = "++" + var if loop.step == Const(1, INDEX) else f"{var} += {self.expr(loop.step)}"
        stop = self.expr(loop.stop, COMPARE + 1)
        head = f"for (long long {var} = {self.expr(loop.start)}; {var} < {stop}; {step}) {{"
        self.block(head, loop.body)

    # -- expressions ----------------------------------------------------------------------------

    def typed(self, dtype: DType) -> str:
        """C's name of a dtype."""
        if dtype is INDEX:
            return "long long"
        if dtype.name not in C_TYPES:
            raise BackendError(f"the cupy backend prints no kernels in {dtype.name}",
                               hint="compute in float32 and convert")  # fmt: skip
        return C_TYPES[dtype.name]

    def expr(self, expr: Expr, level: int = TERNARY) -> str:
        return c_name(expr.name) if isinstance(expr, Var) else super().expr(expr, level)

    def element(self, buffer: str, index: tuple[Expr, ...]) -> str:
        return f"{c_name(buffer)}[{self.expr(index[0])}]"

    def const(self, const: Const) -> str:
        dtype, value = const.dtype, const.value
        if dtype.category == BOOL:
            return "true" if value else "false"
        if dtype.category == FLOATING:
            return self.float_const(dtype, float(value))
        if dtype is INDEX or dtype is int32 and value != -(2**31):
            return repr(int(value))
        if dtype is int32:
            return "(-2147483647 - 1)"
        if dtype is int64:
            return f"{int(value)}ll" if value != -(2**63) else "(-9223372036854775807ll - 1ll)"
        return f"({self.typed(dtype)}){int(value)}"

    def float_const(self, dtype: DType, value: float) -> str:
        self.typed(dtype)
        if math.isfinite(value):
            return shortest(dtype, value) + ("f" if dtype is float32 else "")
        name = f"{'NAN' if math.isnan(value) else 'INF'}_{dtype.short.upper()}"
        self.use({name: FIXED[name]})
        return f"-{name}" if value < 0 else name

    def op(self, op: Op) -> tuple[str, int]:
        if op.fn.startswith(("row_", "column_")):
            self.use(fold_helper(op.fn, op.dtype))
            return f"{op.fn}_{op.dtype.short}({self.args(op)})", ATOM
        if op.fn == "last_block":
            self.use({"last_block": FIXED["last_block"]})
            return f"last_block({self.args(op)})", ATOM
        if op.fn in SAMPLERS:
            self.samplers[op.fn] = None
            return f"{op.fn}({self.args(op)})", ATOM
        if op.fn == "cast":
            return self.cast(op)
        if op.fn == "select":
            cond, a, b = op.args
            text = f"{self.expr(cond, OR)} ? {self.expr(a, OR)} : {self.expr(b, TERNARY)}"
            return self.narrow(op.dtype, text, TERNARY)
        if op.fn == "min":  # of subscripts: C wants both arguments of one type
            return f"min({', '.join(self.wide(a) for a in op.args)})", ATOM
        if op.fn == "not" and op.dtype.category == BOOL:
            return f"!{self.expr(op.args[0], UNARY)}", UNARY
        if op.fn == "not":
            return self.narrow(op.dtype, f"~{self.expr(op.args[0], UNARY)}", UNARY)
        if op.fn == "both":
            return f"{self.expr(op.args[0], AND)} && {self.expr(op.args[1], AND)}", AND
        if op.dtype.category == BOOL and op.fn not in ("eq", "ne", "lt", "le", "gt", "ge"):
            return self.logic(op)
        if op.fn in ("and", "or", "xor"):
            text, _ = self.bits(INFIX[op.fn][0], op)
            return self.narrow(op.dtype, text, AND)
        if op.dtype.category == INTEGRAL and op.dtype is not INDEX:
            return self.integer(op)
        if op.dtype is INDEX and op.fn in ("floordiv", "mod"):  # of numbers that are not negative
            return super().op(Op("div", op.args, INDEX) if op.fn == "floordiv" else op)
        if op.fn in ("floordiv", "mod"):
            return self.call(op)
        if op.fn in ("fold_add", "fold_mul"):
            op = Op(op.fn.removeprefix("fold_"), op.args, op.dtype)
        if op.fn == "neg":
            text = self.expr(op.args[0], UNARY)
            return (f"-({text})" if text.startswith("-") else f"-{text}"), UNARY
        return super().op(op)

    def use(self, helpers: dict[str, str]) -> None:
        self.helpers.update(helpers)

    def args(self, op: Op) -> str:
        return ", ".join(self.expr(a) for a in op.args)

    def wide(self, expr: Expr) -> str:
        return f"{expr.value}ll" if isinstance(expr, Const) else self.expr(expr)

    def bits(self, symbol: str, op: Op) -> tuple[str, int]:
        """A bitwise operation: operands in brackets, since C ranks it below comparisons."""
        return f"{self.expr(op.args[0], UNARY)} {symbol} {self.expr(op.args[1], UNARY)}", AND

    def logic(self, op: Op) -> tuple[str, int]:
        """An operation on bools."""
        words = {"add": "|", "or": "|", "maximum": "|", "fold_add": "|", "mul": "&", "and": "&",
                 "minimum": "&", "fold_mul": "&", "xor": "^"}  # fmt: skip
        if op.fn == "abs":
            return self.expr(op.args[0], UNARY), UNARY
        if op.fn not in words:
            raise BackendError(f"no backend prints {op.fn!r} of bools")
        return self.bits(words[op.fn], op)

    def integer(self, op: Op) -> tuple[str, int]:
        """Integer arithmetic, which wraps around in its own dtype."""
        fn = {"fold_add": "add", "fold_mul": "mul", "neg": "sub"}.get(op.fn, op.fn)
        args = op.args if op.fn != "neg" else (Const(0, op.dtype), *op.args)
        short = op.dtype if op.dtype in UNSIGNED else int32
        if fn == "abs":
            inner = self.integer(Op("neg", op.args, op.dtype))[0]
            text = f"{self.expr(op.args[0], COMPARE + 1)} < 0 ? {inner} : {self.expr(op.args[0], OR)}"
            return self.narrow(op.dtype, text, TERNARY)
        if fn in ("maximum", "minimum"):
            return self.call(Op(fn, args, op.dtype))
        name = f"{fn}_{short.short}" if fn in WRAPPING else f"{fn}_i64"
        if fn in WRAPPING:
            self.use({name: WRAPPED.format(name=name, symbol=WRAPPING[fn], type=C_TYPES[short.name],
                                           unsigned=UNSIGNED[short])})  # fmt: skip
        elif name in FIXED:
            self.use({name: FIXED[name]})
        else:
            raise BackendError(f"no backend prints {op.fn!r} of integers")
        text = f"{name}({', '.join(self.expr(a) for a in args)})"
        return (text, ATOM) if fn in WRAPPING and op.dtype is short else self.narrow_always(op.dtype, text)

    def narrow(self, dtype: DType, text: str, binds: int) -> tuple[str, int]:
        """Small integers become `int` in C's expressions, so they are cast back."""
        small = dtype.category == INTEGRAL and dtype.itemsize < 4
        return (f"({self.typed(dtype)})({text})", UNARY) if small else (text, binds)

    def narrow_always(self, dtype: DType, text: str) -> tuple[str, int]:
        return (text, ATOM) if dtype is int64 else (f"({self.typed(dtype)}){text}", UNARY)

    def cast(self, op: Op) -> tuple[str, int]:
        (x,) = op.args
        target = op.dtype
        if target.category == BOOL:
            return f"{self.expr(x, COMPARE + 1)} != {self.const(Const(0, x.dtype))}", COMPARE
        if target.category == INTEGRAL and x.dtype.category == FLOATING:
            name = "to_i64" if target is int64 else "to_i32"
            self.use({name: FIXED[name]})
            text = f"{name}({self.expr(x)})"
            return (text, ATOM) if target in UNSIGNED else (f"({self.typed(target)}){text}", UNARY)
        return f"({self.typed(target)}){self.expr(x, UNARY)}", UNARY

    def call(self, op: Op) -> tuple[str, int]:
        spelling = SPELLINGS[op.fn]
        text = spelling.cuda64 if op.dtype.itemsize == 8 and spelling.cuda64 else spelling.cuda
        name = text.partition("(")[0]
        if name in FIXED:
            self.use({name: FIXED[name]})
        return text.format(*(self.expr(a) for a in op.args)), ATOM


def fold_helper(fn: str, dtype: DType) -> dict[str, str]:
    """The device function for `row_add` and the like in a dtype, after what it calls."""
    kind, _, op = fn.partition("_")
    printer = CudaPrinter()
    folded = printer.expr(fold(op, Var("v", dtype), Var("w", dtype)))
    name = f"{fn}_{dtype.short}"
    text = (ROW if kind == "row" else COLUMN).format(
        what=WHAT[op], type=printer.typed(dtype), name=name, fold=folded, threads=THREADS,
        warps=THREADS // 32)  # fmt: skip
    return {**printer.helpers, name: text}


def helper_order(names: dict[str, str]) -> list[str]:
    """Texts of helpers, those that others call first, then by name."""
    order = sorted(names, key=lambda name: (name.startswith(("row_", "column_")), name))
    return [names[name] for name in order]
