"""One declaration per primitive: type rule, array form, one gradient formula per input, lowering.

Rules ask for what they need *by parameter name*: `g` (the output's cotangent), `out`, an operand,
a static parameter, or `<operand>_shape` / `<operand>_dtype`, which cost no saved array. Of a primitive
with several outputs `g` is a dict from output number to cotangent, where one arrived, and `outs` are all
outputs (`out0`, `out1`, … one of them). Names are checked when the declaration is made. The eager tape
saves exactly what the formulas name; the compiler gets the same from dead-code elimination.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from symgrad.dtypes import ALL

HALF = "".join(dtype.np.char for dtype in ALL if dtype.is_half)
"""NumPy's letters of the 16-bit floats."""

# -- lowerings: what a code generator may do with a primitive, as data --------------------------


OUTPUTS = {f"out{i}": i for i in range(8)}
"""What a rule of a primitive with several outputs calls one of them."""


@dataclass(frozen=True)
class Scalar:
    """Elementwise: `expr` is the scalar formula over operand and parameter names.

    It is a Python expression in + - * / comparisons, conditional expressions, and calls of the
    functions named in `codegen.scalars`; every backend parses it, none pastes it.
    """

    expr: str


@dataclass(frozen=True)
class Reduce:
    """Reduction over parameter `axis` by an associative `op`: add, mul, max, min."""

    op: str


@dataclass(frozen=True)
class View:
    """A different indexing of the operand's memory: no work when memory allows.

    `layout(shape, strides, offset, params)` maps the operand's element layout to the output's
    `(shape, strides, offset)`, or None where no strides can say it (a copy is then made).
    """

    layout: Callable[..., tuple[tuple[int, ...], tuple[int, ...], int] | None]


@dataclass(frozen=True)
class Gemm:
    """Matrix product of two operands (batched over leading extents)."""


@dataclass(frozen=True)
class Write:
    """A copy of operand 0 whose part selected by `view` (a View's layout rule) is operand 1."""

    view: Callable[..., tuple[tuple[int, ...], tuple[int, ...], int] | None]


@dataclass(frozen=True)
class Draw:
    """Random numbers: `sampler` names the helper that makes element i from (seed, offset, i)."""

    sampler: str


@dataclass(frozen=True)
class Alias:
    """The output is operand 0 as far as values go (stop_gradient, hooks); erased before codegen."""


@dataclass(frozen=True)
class Composite:
    """Made of other operations: `formula` of operands and parameters, in public ops, replaces it.

    Such a primitive exists for its name (in pictures, in errors) and for one array call eagerly.
    """

    formula: Callable[..., Any]


@dataclass(frozen=True)
class ArrayCall:
    """Done by the array form on whole arrays; never fused. It may raise."""


@dataclass(frozen=True)
class Check(ArrayCall):
    """Operand 0 itself, or an error: best done before the work.

    `native` is the source of a function `_NAME` of flat arrays (operand, result) and the parameters, for Numba.
    """

    native: str


@dataclass(frozen=True)
class Choice(ArrayCall):
    """An array call that loops may do otherwise: by `formula`, as of a `Composite`, unless it gives None.

    `beside`: only where loops compute operand 0, so that the formula joins them.
    """

    formula: Callable[..., Any]
    beside: bool = False


@dataclass(frozen=True)
class Gather(Choice):
    """Elements of operand 0 chosen by index operands: an array call that computes nothing."""


@dataclass(frozen=True)
class Nested(ArrayCall):
    """Control flow: parameters are graphs, printed as Python with `if`, `for` or `while`."""


Lowering = Scalar | Reduce | View | Gemm | Write | Draw | Alias | Composite | ArrayCall

GradRule = Callable[..., Any]


@dataclass(frozen=True, eq=False)
class Primitive:
    """One operation of the language.

    `operands` names the tensor inputs ("*xs": any number; after others, as in "x *indices": the rest,
    which rules see as one tuple and which have no gradient). `infer(*types, **params)` gives the
    output type or a tuple of them and raises the user's error. `array` is the NumPy expression over
    operand and parameter names (`np` is NumPy or CuPy); a bare ufunc name means that ufunc.
    `quick` makes of the array form as a function one that gives the same numbers sooner; eager work calls it.
    `grad` maps each operand to its formula, or None where no gradient flows.
    """

    name: str
    operands: tuple[str, ...]
    infer: Callable[..., Any]
    array: str
    grad: Mapping[Any, GradRule | None]
    lower: Lowering
    params: tuple[str, ...] = ()
    multiple: bool = False
    doc: str = ""
    source: str = ""
    gradient: str = ""
    helpers: Mapping[str, Any] = field(default_factory=dict)
    quick: Callable[[Callable[..., Any]], Callable[..., Any]] | None = None

    def __repr__(self) -> str:
        return self.name

    def __post_init__(self) -> None:
        known = {"g", *(("outs", *OUTPUTS) if self.multiple else ("out",)), *self.params}
        for operand in self.names:
            known |= {operand, f"{operand}_shape", f"{operand}_dtype"}
        covered: set[str] = set()
        for key, rule in self.grad.items():
            keys = key if isinstance(key, tuple) else (key,)
            covered |= set(keys)
            if rule is not None:
                unknown = [a for a in _arguments(rule) if a not in known]
                if unknown:
                    raise TypeError(
                        f"primitive {self.name}: gradient of {key!r} asks for unknown {unknown}; "
                        f"it may ask for {', '.join(sorted(known))}"
                    )
        missing = set(self.names) - covered
        if missing:
            raise TypeError(f"primitive {self.name}: no gradient declared for {sorted(missing)}")

    @property
    def variadic(self) -> bool:
        """Whether all its operands, of any number, are one tuple to its rules."""
        return self.operands[:1] != () and self.operands[0].startswith("*")

    @cached_property
    def tail(self) -> str:
        """The name of the tuple of operands that follows the named ones; empty if there is none."""
        return self.names[-1] if len(self.operands) > 1 and self.operands[-1].startswith("*") else ""

    def takes(self, count: int) -> bool:
        """Whether the primitive may have `count` operands."""
        if self.variadic:
            return True
        return count >= len(self.names) - 1 if self.tail else count == len(self.names)

    def named(self, operands: Any) -> dict[str, Any]:
        """Operands by name; what follows the named ones as a tuple."""
        if self.variadic:
            return {self.names[0]: tuple(operands)}
        found = dict(zip(self.names, operands))
        if self.tail:
            found[self.tail] = tuple(operands[len(self.names) - 1 :])
        return found

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Operand names without the variadic star."""
        return tuple(name.lstrip("*") for name in self.operands)

    @cached_property
    def is_ufunc(self) -> bool:
        """Whether `array` is the bare name of a NumPy ufunc."""
        return self.array.isidentifier()

    @cached_property
    def widens(self) -> bool:
        """Whether the array form runs in float32 for 16-bit floats: it would round between its steps.

        A ufunc rounds once by itself; views, writes and conversions compute nothing.
        """
        if self.is_ufunc:
            return self.array == "matmul"
        moves = isinstance(self.lower, (View, Write, Alias, Gather, Nested))
        return bool(self.names) and "dtype" not in self.params and not moves

    @cached_property
    def evaluate(self) -> Callable[..., Any]:
        """`array` as a function of arrays and keyword parameters, on NumPy; 16-bit floats by way of float32."""
        return self.quick(self._evaluate()) if self.quick is not None else self._evaluate()

    def _evaluate(self) -> Callable[..., Any]:
        plain = self.evaluator("numpy")
        if not self.widens:
            return plain
        signature = ", ".join((*self.operands, *(f"{p}=None" for p in self.params)))
        half = " or ".join(
            f"any([x.dtype.char in HALF for x in {o[1:]} if type(x) is ndarray])" if o.startswith("*")
            else f"type({o}) is ndarray and {o}.dtype.char in HALF" for o in self.operands)  # fmt: skip
        given = f"({', '.join(self.operands)},), {{{', '.join(f'{p!r}: {p}' for p in self.params)}}}"
        array = f"plain({', '.join(self.operands)})" if self.is_ufunc else self.array
        scope = {"np": np, "ndarray": np.ndarray, "HALF": HALF, "in_float32": in_float32, "plain": plain}
        return eval(f"lambda {signature}: in_float32(plain, {given}) if {half} else {array}", {**scope, **self.helpers})  # type: ignore[no-any-return]

    def evaluator(self, module: str) -> Callable[..., Any]:
        """`array` as a function of arrays and keyword parameters, on `numpy` or `cupy`."""
        import importlib

        np = importlib.import_module(module)
        if self.is_ufunc:
            return getattr(np, self.array)
        signature = ", ".join((*self.operands, *(f"{p}=None" for p in self.params)))
        scope = {"np": np, **self.helpers}
        return eval(f"lambda {signature}: {self.array}", scope)

    @cached_property
    def rules(self) -> tuple[tuple[tuple[int, ...], GradRule, tuple[str, ...]], ...]:
        """The formulas that exist, as (operand positions, rule, argument names)."""
        found = []
        for key, rule in self.grad.items():
            if rule is not None:
                keys = key if isinstance(key, tuple) else (key,)
                found.append((tuple(self.names.index(k) for k in keys), rule, _arguments(rule)))
        return tuple(found)

    @cached_property
    def differentiable(self) -> bool:
        """Whether any operand has a gradient."""
        return bool(self.rules)


def in_float32(function: Callable[..., Any], arrays: Any, params: Any) -> Any:
    """`function` on 16-bit floats by way of float32, its results rounded back."""
    half = next(a.dtype for a in arrays if type(a) is np.ndarray and a.dtype.char in HALF)
    wide = [a.astype("f") if type(a) is np.ndarray and a.dtype.char in HALF else a for a in arrays]
    results = function(*wide, **params)
    if isinstance(results, tuple):
        return tuple(r.astype(half) if r.dtype == "f" else r for r in results)
    return results.astype(half) if results.dtype == "f" else results


def _arguments(rule: GradRule) -> tuple[str, ...]:
    return tuple(inspect.signature(rule).parameters)
