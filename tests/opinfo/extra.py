"""Programs for what `op_db` has no entry for: each runs on PyTorch and on symgrad, `lib` being either."""

from __future__ import annotations

import copy
import operator
import pickle
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch.testing import make_tensor

ALL = tuple("bool uint8 int8 int16 int32 int64 float16 float32 float64 complex64 complex128".split())
REAL = tuple("float32 float64".split())
FLOATS = (*REAL, "complex64", "complex128")
INTS = tuple("uint8 int8 int16 int32 int64".split())
NUMBERS = (*INTS, *FLOATS)
ONCE = ("float32",)


@dataclass(frozen=True)
class Extra:
    """A named program and the operands to run it on; `samples` and `errors` are given a Maker."""

    name: str
    program: Callable[..., Any]
    samples: Callable[[Any], Iterable[tuple[Any, ...]]]
    dtypes: tuple[str, ...]
    grad: bool
    errors: Callable[[Any], Iterable[tuple[Any, ...]]]
    note: str = ""


class Maker:
    """Makes random tensors of one dtype."""

    def __init__(self, dtype: Any, requires_grad: bool):
        self.dtype, self.requires_grad = dtype, requires_grad

    def __call__(self, *shape: int, low: Any = None, high: Any = None, strided: bool = False) -> Any:
        return make_tensor(
            shape,
            dtype=self.dtype,
            device="cpu",
            low=low,
            high=high,
            noncontiguous=strided,
            requires_grad=self.requires_grad,
        )


EXTRAS: list[Extra] = []


def extra(
    name: str,
    samples: Callable[[Any], Iterable[tuple[Any, ...]]] = lambda make: [()],
    dtypes: tuple[str, ...] = ONCE,
    grad: bool = False,
    errors: Callable[[Any], Iterable[tuple[Any, ...]]] = lambda make: [],
    note: str = "",
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Declares the decorated function as the program called `name`."""

    def declare(program: Callable[..., Any]) -> Callable[..., Any]:
        EXTRAS.append(Extra(name, program, samples, dtypes, grad, errors, note))
        return program

    return declare


def shapes(*given: tuple[int, ...]) -> Callable[[Any], Iterable[tuple[Any, ...]]]:
    """One operand of each shape, and a strided one."""
    return lambda make: [(make(*s),) for s in given] + [(make(3, 4, strided=True),)]


def pairs(*given: tuple[tuple[int, ...], tuple[int, ...]]) -> Callable[[Any], Iterable[tuple[Any, ...]]]:
    """Two operands of each pair of shapes."""
    return lambda make: [(make(*a), make(*b)) for a, b in given]


BROADCAST = pairs(((3, 4), (3, 4)), ((3, 1), (4,)), ((), (2, 3)), ((0, 2), (1, 2)))


# -- creation -------------------------------------------------------------------------------------


def _programs(name: str, *programs: Callable[..., Any], **options: Any) -> None:
    for program in programs:
        extra(name, **options)(program)


def _data() -> list[Any]:
    return [
        3,
        2.5,
        True,
        1j,
        [1, 2],
        [1.0, 2],
        [[True], [False]],
        [],
        [[]],
        (1, 2.5),
        [[1, 2.0], [3, 1j]],
        np.arange(3),
        np.float32(2),
        np.ones((2, 2), np.float32),
        [np.arange(2), np.arange(2)],
        range(3),
        2**40,
    ]


for _given in _data():
    _programs(
        "tensor",
        lambda lib, d=_given: lib.tensor(d),
        lambda lib, d=_given: lib.tensor(d, dtype=lib.float64),
        *([] if isinstance(_given, np.float32) else [lambda lib, d=_given: lib.tensor(d, dtype=lib.int32)]),
    )
    _programs("as_tensor", lambda lib, d=_given: lib.as_tensor(d))
_programs(
    "tensor",
    lambda lib: lib.tensor([1.0, 2.0], requires_grad=True).requires_grad,
    lambda lib: lib.tensor([1], requires_grad=True),
    lambda lib: lib.tensor([[1, 2], [3]]),
    lambda lib: lib.tensor("text"),
    lambda lib: lib.tensor([1.0], device="cpu"),
    lambda lib: lib.tensor([lib.tensor(1.0), lib.tensor(2.0)]),
)
_programs("tensor", lambda lib: lib.tensor(np.float32(2), dtype=lib.int32), note="NumPy's float as an integer")
_programs(
    "as_tensor",
    lambda lib: lib.as_tensor(np.arange(3), dtype=lib.float32),
    lambda lib: (lambda x: lib.as_tensor(x) is x)(lib.ones(2)),
    lambda lib: (lambda a, t: (a.__setitem__(0, 7), t)[1])(*(lambda a: (a, lib.as_tensor(a)))(np.ones(2))),
)
_programs(
    "from_numpy",
    *(lambda lib, n=n: lib.from_numpy(np.ones((2, 3), n)) for n in ALL),
    lambda lib: lib.from_numpy(np.ones((4, 6))[::2, 1::3]),
    lambda lib: lib.from_numpy([1, 2]),
    lambda lib: (lambda a, t: (a.__iadd__(1), t)[1])(*(lambda a: (a, lib.from_numpy(a)))(np.ones(5))),
    lambda lib: (lambda a, t: (t.add_(1), a)[1])(*(lambda a: (a, lib.from_numpy(a)))(np.ones(5))),
)
_programs(
    "rand",
    lambda lib: lib.rand(5, 3),
    lambda lib: lib.rand((5, 3), dtype=lib.float64),
    lambda lib: lib.rand(size=(4,)),
    lambda lib: lib.rand(0, 2),
    lambda lib: lib.rand(2, requires_grad=True),
    lambda lib: lib.rand(2, generator=lib.Generator()),
    lambda lib: lib.rand(2, dtype=lib.int64),
    lambda lib: bool((lib.rand(1000) < 1).all() and (lib.rand(1000) >= 0).all()),
)
_programs(
    "randperm",
    lambda lib: lib.randperm(7),
    lambda lib: lib.randperm(0),
    lambda lib: lib.randperm(7, dtype=lib.int32),
    lambda lib: lib.randperm(7).sort()[0],
    lambda lib: lib.randperm(5, generator=lib.Generator()),
    lambda lib: lib.randperm(-1),
)


@extra("manual_seed")
def _same_numbers(lib: Any) -> Any:
    lib.manual_seed(3)
    first = [lib.rand(3), lib.randn(2), lib.randint(0, 9, (4,)), lib.randperm(5)]
    lib.manual_seed(3)
    again = [lib.rand(3), lib.randn(2), lib.randint(0, 9, (4,)), lib.randperm(5)]
    return [bool((a == b).all()) for a, b in zip(first, again)], lib.initial_seed()


@extra("manual_seed")
def _returns_the_generator(lib: Any) -> Any:
    return isinstance(lib.manual_seed(1), lib.Generator), isinstance(lib.seed(), int)


@extra("Generator")
def _generators(lib: Any) -> Any:
    g = lib.Generator().manual_seed(7)
    first = lib.rand(3, generator=g)
    g.manual_seed(7)
    state = g.get_state()
    again = lib.rand(3, generator=g)
    g.set_state(state)
    third = lib.rand(3, generator=g)
    return bool((first == again).all()), bool((first == third).all()), g.initial_seed(), str(g.device)


@extra("rng_state")
def _rng_state(lib: Any) -> Any:
    state = lib.get_rng_state()
    first = lib.rand(3)
    lib.set_rng_state(state)
    return isinstance(state, lib.Tensor), bool((lib.rand(3) == first).all())


_programs(
    "FloatTensor",
    *(
        lambda lib, n=n: getattr(lib, n)([1, 2, 3])
        for n in "FloatTensor DoubleTensor HalfTensor BFloat16Tensor ByteTensor CharTensor ShortTensor IntTensor "
        "LongTensor BoolTensor Tensor".split()
    ),
    lambda lib: lib.FloatTensor(2, 3).shape,
    lambda lib: lib.FloatTensor([[1, 2], [3, 4]]),
    lambda lib: lib.FloatTensor(),
    lambda lib: lib.Tensor([[1, 2]]),
    lambda lib: lib.LongTensor([1.5]),
)


# -- dtypes ---------------------------------------------------------------------------------------

DTYPE_NAMES = """
    bool uint8 int8 int16 short int32 int int64 long float16 half bfloat16 float32 float float64 double
    complex64 cfloat complex128 cdouble""".split()
CATEGORY = "bool uint8 int8 int16 int32 int64 float16 bfloat16 float32 float64 complex64 complex128".split()


_programs("dtype_names", *(lambda lib, n=n: getattr(lib, n) for n in DTYPE_NAMES))
_programs(
    "dtype_names",
    *(
        lambda lib, n=n: (
            getattr(lib, n).is_floating_point,
            getattr(lib, n).is_complex,
            getattr(lib, n).itemsize,
            getattr(lib, n).is_signed,
        )
        for n in DTYPE_NAMES
    ),
    *(
        lambda lib, n=n: (lib.finfo(getattr(lib, n)).eps, lib.finfo(getattr(lib, n)).max)
        for n in ("float16", "float32", "float64")
    ),
    *(lambda lib, n=n: (lib.iinfo(getattr(lib, n)).min, lib.iinfo(getattr(lib, n)).max) for n in INTS),
    lambda lib: (
        lib.get_default_dtype(),
        lib.is_tensor(lib.ones(1)),
        lib.is_floating_point(lib.ones(1)),
        lib.is_complex(lib.ones(1)),
    ),
)


@extra("type", samples=shapes((2, 3), ()), dtypes=ALL)
def _type(lib: Any, x: Any) -> Any:
    return x.type().rpartition(".")[2], x.type(lib.float32), x.type(lib.int64), x.type("torch.DoubleTensor")


@extra("to", samples=shapes((2, 3), ()), dtypes=ALL)
def _to(lib: Any, x: Any) -> Any:
    return [
        x.to(lib.float64),
        x.to("cpu"),
        x.to("cpu", lib.float32),
        x.to(lib.ones(1, dtype=lib.int64)),
        x.to(dtype=lib.complex64),
        x.to(x.dtype) is x,
        x.to(x.dtype, copy=True) is x,
        x.cpu() is x,
    ]


def _operands(lib: Any, dtype: str) -> list[Any]:
    return [lib.ones(2, dtype=getattr(lib, dtype)), lib.ones((), dtype=getattr(lib, dtype))]


def _promotion(a: str, b: str) -> Callable[[Any], Any]:
    def program(lib: Any) -> Any:
        out = []
        for x in _operands(lib, a):
            for y in _operands(lib, b):
                out += [lib.result_type(x, y), (x + y).dtype, (x * y).dtype, (x / y).dtype, (x == y).dtype]
            numbers = (True, 2, 2.5, *(() if a == "float16" else (1j,)))
            out += [(x + n).dtype for n in numbers] + [(n * x).dtype for n in numbers]
            out += [lib.result_type(x, n) for n in numbers]
        return [
            *out,
            lib.promote_types(getattr(lib, a), getattr(lib, b)),
            lib.can_cast(getattr(lib, a), getattr(lib, b)),
        ]

    return program


_PAIRS = [(a, b) for a in CATEGORY for b in CATEGORY]
_HALF_COMPLEX = [p for p in _PAIRS if "float16" in p and p[0][0] + p[1][0] in ("cf", "fc")]
_programs("promotion", *(_promotion(*p) for p in _PAIRS if p not in _HALF_COMPLEX))
_programs("promotion", *(_promotion(*p) for p in _HALF_COMPLEX), note="float16 and a complex tensor")
_programs("promotion", lambda lib: (lib.ones(2, dtype=lib.float16) + 1j).dtype, note="float16 and a complex number")
_programs(
    "result_type",
    lambda lib: lib.result_type(1, 2),
    lambda lib: lib.result_type(1, 2.5),
    lambda lib: lib.result_type(lib.ones(2, dtype=lib.int8), 2.5),
)


# -- operators ------------------------------------------------------------------------------------


def _binary_operator(op: Any) -> Callable[..., Any]:
    return lambda lib, x, y: op(x, y)


def _small_pairs(make: Any) -> list[tuple[Any, ...]]:
    small = lambda *shape: make(*shape, low=1, high=5) if make.dtype is not torch.bool else make(*shape)
    return [
        (small(3, 4), small(3, 4)),
        (small(3, 1), small(4)),
        (small(2, 3), 2),
        (3, small(2, 3)),
        (small(2), 1.5),
        (2.5, small(2)),
        (small(), small(2)),
    ]


_programs(
    "operators",
    *(
        _binary_operator(op)
        for op in (
            operator.add,
            operator.sub,
            operator.mul,
            operator.truediv,
            operator.floordiv,
            operator.mod,
            operator.pow,
        )
    ),
    samples=_small_pairs,
    dtypes=(*INTS, *REAL),
)
_programs(
    "operators",
    *(_binary_operator(op) for op in (operator.eq, operator.ne, operator.lt, operator.le, operator.gt, operator.ge)),
    samples=_small_pairs,
    dtypes=(*INTS, *REAL, "bool"),
)
_programs(
    "operators",
    lambda lib, x: -x,
    lambda lib, x: +x,
    lambda lib, x: abs(x),
    samples=shapes((2, 3), (), (0,)),
    dtypes=FLOATS,
    grad=True,
)
_programs(
    "operators",
    lambda lib, x, y: x + 2 * y - x / (y * y + 1),
    lambda lib, x, y: 1 / (x * x + 1) + (2 - y),
    samples=BROADCAST,
    dtypes=FLOATS,
    grad=True,
)
_programs(
    "operators",
    lambda lib, x, y: x & y,
    lambda lib, x, y: x | y,
    lambda lib, x, y: x ^ y,
    samples=BROADCAST,
    dtypes=("bool", *INTS),
)
_programs("operators", lambda lib, x: ~x, samples=shapes((3,), ()), dtypes=("bool", *INTS))
_programs(
    "operators",
    lambda lib: ~lib.ones(2),
    lambda lib: lib.ones(2) & lib.ones(2),
    lambda lib: -lib.ones(2, dtype=lib.bool),
    lambda lib: lib.ones(2, dtype=lib.bool) - lib.ones(2, dtype=lib.bool),
    lambda lib: lib.ones(2) + "a",
    lambda lib: lib.ones(2) + lib.ones(3),
    lambda lib: lib.ones(2) + None,
    lambda lib: lib.ones(2).__eq__(None),
    lambda lib: lib.ones(2) != "a",
)
_programs(
    "shifts",
    lambda lib, x: x << 1,
    lambda lib, x: x >> 1,
    lambda lib, x: 1 << x,
    lambda lib, x: 64 >> x,
    lambda lib, x: x.bitwise_left_shift(1),
    lambda lib, x: x.bitwise_right_shift(1),
    samples=lambda make: [(make(3, low=0, high=5),), (make(low=0, high=5),)],
    dtypes=INTS,
)
_programs(
    "matmul_operator",
    lambda lib, x, y: x @ y,
    samples=pairs(
        ((3, 4), (4, 2)),
        ((4,), (4, 2)),
        ((3, 4), (4,)),
        ((4,), (4,)),
        ((2, 3, 4), (4, 5)),
        ((2, 1, 3, 4), (5, 4, 2)),
        ((0, 4), (4, 2)),
        ((3, 0), (0, 2)),
    ),
    dtypes=FLOATS,
    grad=True,
    errors=pairs(((3, 4), (3, 4)), ((), (2,))),
)

INPLACE: dict[str, tuple[tuple[str, ...], Callable[[Any, Any, Any], Any]]] = {
    "+=": (NUMBERS, lambda lib, x, y: operator.iadd(x, y)),
    "-=": (NUMBERS, lambda lib, x, y: operator.isub(x, y)),
    "*=": (ALL, lambda lib, x, y: operator.imul(x, y)),
    "/=": (FLOATS, lambda lib, x, y: operator.itruediv(x, y * y + 1)),
    "+= bool": (("bool",), lambda lib, x, y: operator.iadd(x, y)),
    "&=": (("bool", *INTS), lambda lib, x, y: operator.iand(x, y)),
    "|=": (("bool", *INTS), lambda lib, x, y: operator.ior(x, y)),
    "^=": (("bool", *INTS), lambda lib, x, y: operator.ixor(x, y)),
    "<<=": (INTS, lambda lib, x, y: operator.ilshift(x, 1)),
    ">>=": (INTS, lambda lib, x, y: operator.irshift(x, 1)),
    "**=": (FLOATS, lambda lib, x, y: operator.ipow(x, 2)),
    "%=": (REAL, lambda lib, x, y: operator.imod(x, 1.5)),
    "//=": (REAL, lambda lib, x, y: operator.ifloordiv(x, 1.5)),
}


def _inplace(op: Callable[..., Any]) -> Callable[..., Any]:
    def program(lib: Any, x: Any, y: Any) -> Any:
        z = x.clone()
        kept = op(lib, z, y)
        return kept, kept is z

    return program


for _dtypes, _op in INPLACE.values():
    _programs(
        "inplace_operators",
        _inplace(_op),
        samples=pairs(((3, 4), (3, 4)), ((3, 4), (4,)), ((), ())),
        dtypes=_dtypes,
        grad=set(_dtypes) <= set(FLOATS),
        errors=pairs(((3,), (2, 3)), ((2, 3), (2, 2))),
    )


def _written(name: str, *args: Any, **kwargs: Any) -> Callable[..., Any]:
    def program(lib: Any, x: Any) -> Any:
        z = x.clone()
        kept = getattr(z, name)(*args, **kwargs)
        return z, kept is z

    return program


_programs(
    "copy_",
    lambda lib, x, y: x.clone().copy_(y),
    samples=pairs(((3, 4), (3, 4)), ((3, 4), (4,)), ((2,), ())),
    dtypes=FLOATS,
    grad=True,
    errors=pairs(((3,), (2, 3))),
)
_programs(
    "copy_",
    lambda lib, x: lib.zeros(2, 3, dtype=lib.float64).copy_(x),
    lambda lib, x: lib.zeros(2, 3, dtype=lib.int32).copy_(x * 3),
    samples=lambda make: [(make(2, 3, low=0, high=9),), (make(3, low=0, high=9),)],
    dtypes=("int64", *REAL),
)
_programs(
    "t_",
    lambda lib, x: (lambda z: (z.t_(), z, z.stride()))(x.clone()),
    samples=lambda make: [(make(2, 3),), (make(3),), (make(),)],
    dtypes=FLOATS,
    grad=True,
    errors=lambda make: [(make(2, 3, 4),)],
)
_programs(
    "normal_",
    lambda lib, x: x.clone().normal_(),
    lambda lib, x: x.clone().normal_(1.0, 2.0),
    lambda lib, x: x.clone().normal_(mean=0.0, std=-1.0),
    samples=shapes((2, 3), (0,)),
    dtypes=REAL,
)
_programs(
    "uniform_",
    lambda lib, x: x.clone().uniform_(),
    lambda lib, x: x.clone().uniform_(-1, 2),
    lambda lib, x: x.clone().uniform_(2, 1),
    samples=shapes((2, 3), (0,)),
    dtypes=REAL,
)
_programs(
    "clamp_",
    _written("clamp_", 0.2),
    _written("clamp_", min=-0.5, max=0.5),
    _written("clamp_", max=0.1),
    _written("clip_", 0.0, 1.0),
    _written("clamp_"),
    samples=shapes((2, 3), ()),
    dtypes=REAL,
    grad=True,
)
_programs("logical_not_", _written("logical_not_"), samples=shapes((2, 3), ()), dtypes=ALL)
_programs("zero_", _written("zero_"), samples=shapes((2, 3), (), (0,)), dtypes=ALL)
_programs("fill", _written("fill_", 2), samples=shapes((2, 3), (), (0,)), dtypes=ALL)


@extra("out", samples=BROADCAST, dtypes=REAL)
def _out(lib: Any, x: Any, y: Any) -> Any:
    result = lib.empty(lib.add(x, y).shape, dtype=x.dtype)
    given = lib.add(x, y, out=result)
    wide = lib.empty(0, dtype=lib.float64)
    lib.mul(x, y, out=wide)
    return given is result, result, wide, lib.sub(x, y, alpha=2), lib.add(x, y, alpha=-1.5, out=result)


@extra("out", samples=lambda make: [(make(3, 4),)])
def _out_of_several(lib: Any, x: Any) -> Any:
    values, indices = lib.empty(0), lib.empty(0, dtype=lib.int64)
    lib.max(x, 1, out=(values, indices))
    return values, indices


_programs(
    "out",
    lambda lib: lib.add(lib.ones(2), lib.ones(2), out=lib.empty(2, dtype=lib.int64)),
    lambda lib: lib.add(lib.ones(2, requires_grad=True), lib.ones(2), out=lib.empty(2)),
    lambda lib: lib.exp(lib.ones(2), out=lib.ones(2)[::2]),
    lambda lib: (lambda base: (lib.exp(lib.ones(2), out=base[::2]), base))(lib.zeros(4)),
)


# -- indexing -------------------------------------------------------------------------------------

_INDEX: list[Callable[[Any], Any]] = [
    lambda lib: 1,
    lambda lib: -1,
    lambda lib: slice(1, None),
    lambda lib: slice(None, None, 2),
    lambda lib: Ellipsis,
    lambda lib: None,
    lambda lib: (slice(None), 1),
    lambda lib: (Ellipsis, -1),
    lambda lib: (None, 0, slice(1, 3)),
    lambda lib: [0, 2],
    lambda lib: lib.tensor([2, 0, 0]),
    lambda lib: (lib.tensor([0, 1]), lib.tensor([1, 2])),
    lambda lib: (slice(None), lib.tensor([[1, 0]])),
    lambda lib: (lib.tensor([0, 1]), slice(None), lib.tensor([1, 0])),
    lambda lib: lib.tensor([True, False, True]),
    lambda lib: (slice(None), lib.tensor([True, False, True, True])),
    lambda lib: (0, lib.tensor([1, 3])),
    lambda lib: (lib.tensor(1), slice(None)),
    lambda lib: (Ellipsis, lib.tensor([0])),
    lambda lib: np.array([1, 0]),
    lambda lib: (slice(0, 0),),
    lambda lib: lib.tensor([], dtype=lib.int64),
    lambda lib: (None, lib.tensor([0, 2]), None, slice(1, None)),
    lambda lib: True,
    lambda lib: lib.tensor(False),
]
_BAD_INDEX: list[Callable[[Any], Any]] = [
    lambda lib: 3,
    lambda lib: -4,
    lambda lib: (0, 0, 0, 0),
    lambda lib: 1.5,
    lambda lib: "a",
    lambda lib: slice(None, None, -1),
    lambda lib: lib.tensor([5]),
    lambda lib: lib.tensor([True, False]),
    lambda lib: (lib.tensor([0, 1]), lib.tensor([0, 1, 2])),
    lambda lib: lib.tensor([0.5]),
]

_programs(
    "__getitem__",
    *(lambda lib, x, i=i: x[i(lib)] for i in (*_INDEX, *_BAD_INDEX)),
    samples=lambda make: [(make(3, 4, 5),)],
    dtypes=("float32", "int64", "complex64"),
    grad=True,
)


def _assign(index: Callable[[Any], Any], value: Callable[[Any, Any], Any]) -> Callable[..., Any]:
    def program(lib: Any, x: Any) -> Any:
        z = x * 1
        z[index(lib)] = value(lib, z[index(lib)])
        return z

    return program


_programs(
    "setitem",
    *(_assign(i, lambda lib, old: 2) for i in (*_INDEX, *_BAD_INDEX)),
    *(_assign(i, lambda lib, old: old.detach() * 2 + 1) for i in _INDEX if i(torch) is not None),
    samples=lambda make: [(make(3, 4, 5),)],
    dtypes=("float32", "int64"),
    grad=True,
)


@extra(
    "setitem",
    samples=lambda make: [(make(3, 4), make(4)), (make(3, 4), make(1)), (make(3, 4), make())],
    dtypes=("float32",),
    grad=True,
)
def _set_rows(lib: Any, x: Any, y: Any) -> Any:
    z = x * 1
    z[1] = y
    z[lib.tensor([0, 2])] = y * 2
    z[z > 0.5] = 0.25
    z.t()[:, 0] += 1
    z[0][1:3].mul_(3)
    return z


# -- conversion -----------------------------------------------------------------------------------

_programs(
    "item",
    lambda lib, x: x.sum().item(),
    lambda lib, x: float(x.real.sum()),
    lambda lib, x: x[0, 0].item(),
    samples=lambda make: [(make(2, 3, low=0, high=3),)],
    dtypes=NUMBERS,
)
_programs(
    "item",
    lambda lib: lib.ones(2).item(),
    lambda lib: lib.ones(1, 1).item(),
    lambda lib: int(lib.tensor(2.7)),
    lambda lib: complex(lib.tensor(2.5)),
    lambda lib: bool(lib.tensor([0.0])),
    lambda lib: bool(lib.ones(2)),
    lambda lib: float(lib.tensor(1j)),
    lambda lib: [1, 2, 3][lib.tensor(1)],
    lambda lib: [1, 2][lib.tensor(1.0)],
)
_programs(
    "numpy",
    lambda lib, x: x.numpy(),
    lambda lib, x: x.numpy(force=True),
    samples=shapes((2, 3), (), (0, 2)),
    dtypes=ALL,
)
_programs(
    "numpy",
    lambda lib: (lambda x: (lambda y: (x.add_(1), y)[1])(x.numpy()))(lib.ones(2)),
    lambda lib: lib.ones(2, requires_grad=True).numpy(),
    lambda lib: lib.ones(2, requires_grad=True).detach().numpy(),
    lambda lib: lib.ones(2, requires_grad=True).numpy(force=True),
    lambda lib: lib.arange(6).reshape(2, 3).t().numpy().strides,
)
_programs(
    "array_protocol",
    lambda lib, x: np.asarray(x),
    lambda lib, x: np.array(x, dtype=np.float64),
    lambda lib, x: np.add(np.ones(3, np.float32), x.numpy()),
    samples=shapes((2, 3)),
    dtypes=REAL,
)
_programs(
    "dlpack",
    lambda lib, x: lib.from_dlpack(x),
    lambda lib, x: np.from_dlpack(x),
    lambda lib, x: int(x.__dlpack_device__()[0]),
    samples=shapes((2, 3), (4,)),
    dtypes=NUMBERS,
)
_programs(
    "dlpack",
    lambda lib: (lambda a: (lib.from_dlpack(a).add_(1), a)[1])(np.ones(3)),
    lambda lib: np.from_dlpack(lib.ones(2, requires_grad=True)),
)
_programs("tolist", lambda lib, x: x.tolist(), samples=shapes((2, 3), (), (0, 2)), dtypes=ALL)
_programs(
    "size",
    lambda lib, x: (x.size(), x.size(0), x.size(-1), x.shape, x.shape.numel(), x.size(dim=1)),
    lambda lib, x: (repr(x.shape), x.shape[1:], x.shape + (2,), isinstance(x.shape, lib.Size)),
    lambda lib, x: x.size(5),
    samples=shapes((2, 3), (0, 2)),
)
_programs("numel", lambda lib, x: (x.numel(), x.nelement(), lib.numel(x)), samples=shapes((2, 3), (), (0, 2)))
_programs("dim", lambda lib, x: (x.dim(), x.ndim, x.ndimension()), samples=shapes((2, 3), ()))
_programs(
    "stride",
    lambda lib, x: (x.stride(), x.t().stride(), x.stride(0), x.stride(-1), x[:, 1:].stride()),
    samples=shapes((2, 3), (1, 3)),
)
_programs(
    "storage_offset",
    lambda lib, x: (
        x.contiguous().storage_offset(),
        x.clone()[1:].storage_offset(),
        x.clone()[:, 1].storage_offset(),
    ),
    samples=shapes((2, 3)),
)
_programs(
    "is_contiguous",
    lambda lib, x: (
        x.is_contiguous(),
        x.t().is_contiguous(),
        x[:, :1].is_contiguous(),
        x.t().contiguous().is_contiguous(),
        x[:1].is_contiguous(),
    ),
    samples=shapes((2, 3), (1, 4), (0, 3)),
)
_programs(
    "data_ptr",
    lambda lib, x: (
        x[1:].data_ptr() - x.data_ptr(),
        x.detach().data_ptr() == x.data_ptr(),
        x.clone().data_ptr() == x.data_ptr(),
        x.element_size(),
    ),
    samples=shapes((2, 3)),
    dtypes=ALL,
)

_REPR: list[Callable[[Any], Any]] = [
    lambda lib: lib.ones(2),
    lambda lib: lib.arange(6).reshape(2, 3),
    lambda lib: lib.tensor([1.5, -2.25, 1000.0]),
    lambda lib: lib.tensor([1e-5, 1.0]),
    lambda lib: lib.tensor([1e10, 1.0]),
    lambda lib: lib.tensor(3.5),
    lambda lib: lib.tensor([True, False]),
    lambda lib: lib.tensor([1.0, float("nan"), float("inf")]),
    lambda lib: lib.tensor([1 + 2j, 3.5 - 1j]),
    lambda lib: lib.tensor([]),
    lambda lib: lib.empty(0, 3),
    lambda lib: lib.ones(2, dtype=lib.float64),
    lambda lib: lib.ones(2, dtype=lib.int32),
    lambda lib: lib.arange(2000.0),
    lambda lib: lib.ones(3, 40, 50),
    lambda lib: lib.ones(2, 2, 2),
    lambda lib: lib.ones(2, requires_grad=True),
    lambda lib: lib.tensor([[0.1, 22.0], [333.0, -4.0]]),
    lambda lib: lib.tensor([-0.0, 1e-8]),
    lambda lib: lib.tensor(7),
    lambda lib: lib.ones(2, dtype=lib.float16),
    lambda lib: lib.zeros(2, 0),
    lambda lib: lib.tensor([10000.0, 0.5]),
    lambda lib: lib.tensor([123456.0, 1e-3]),
    lambda lib: lib.full((3,), 1 / 3),
    lambda lib: lib.tensor([1, -100, 10]),
    lambda lib: lib.arange(30).reshape(1, 30),
    lambda lib: lib.full((2, 25), 0.5),
    lambda lib: lib.tensor(float("nan")),
    lambda lib: lib.tensor([1e30, 1e-30]),
    lambda lib: lib.tensor([float("inf"), 1.0]),
    lambda lib: lib.ones(2, dtype=lib.bfloat16),
]


def text_of(lib: Any, value: Any) -> str:
    """A repr with the library's own name taken out."""
    return repr(value).replace("symgrad.", "torch.")


_programs(
    "repr",
    *(lambda lib, v=v: text_of(lib, v(lib)) for v in _REPR),
    lambda lib: str(lib.ones(2)),
    lambda lib: f"{lib.tensor(2.5):.3f} {lib.tensor(3)} {lib.ones(1)}",
    lambda lib: text_of(lib, (lib.ones(2, requires_grad=True) * 2)),
    lambda lib: text_of(lib, (lib.ones(2, requires_grad=True) + 2).exp().mean()),
    lambda lib: text_of(lib, lib.ones(2).shape),
    lambda lib: text_of(lib, lib.float32),
    lambda lib: text_of(lib, lib.device("cpu")),
)


@extra("set_printoptions")
def _printoptions(lib: Any) -> Any:
    out = []
    try:
        for options in (
            {"precision": 2},
            {"threshold": 5},
            {"sci_mode": True},
            {"profile": "full"},
            {"profile": "short"},
            {"linewidth": 30},
            {"edgeitems": 1, "threshold": 4},
        ):
            lib.set_printoptions(profile="default")
            lib.set_printoptions(**options)
            out.append(text_of(lib, lib.arange(12.0).reshape(3, 4) / 7))
    finally:
        lib.set_printoptions(profile="default")
    return out


def _again(how: Callable[[Any], Any]) -> Callable[..., Any]:
    def program(lib: Any, x: Any) -> Any:
        y = how(x)
        return y, y.requires_grad, y.stride(), y.data_ptr() == x.data_ptr()

    return program


for _how in (copy.deepcopy, copy.copy):
    _programs("deepcopy", _again(_how), samples=shapes((2, 3), ()), dtypes=ALL)
_programs("pickle", _again(lambda x: pickle.loads(pickle.dumps(x))), samples=shapes((2, 3), ()), dtypes=ALL)
_programs(
    "deepcopy",
    lambda lib: copy.deepcopy(lib.ones(2, requires_grad=True) * 2),
    lambda lib: copy.deepcopy(lib.ones(2, requires_grad=True)).requires_grad,
    lambda lib: pickle.loads(pickle.dumps(lib.float32)),
)
_programs(
    "Variable",
    lambda lib: lib.autograd.Variable(lib.ones(2, 2), requires_grad=True).requires_grad,
    lambda lib: isinstance(lib.ones(2), lib.autograd.Variable),
    lambda lib: lib.autograd.Variable(lib.ones(2)).data,
)


# -- linear algebra -------------------------------------------------------------------------------


def old_eig(lib: Any, x: Any, eigenvectors: bool) -> Any:
    """`Tensor.eig` of document 001, which PyTorch has removed: (n, 2) real and imaginary parts."""
    if lib is not torch:
        values, vectors = x.eig(eigenvectors=eigenvectors)
        return (values**2).sum(1).sort()[0], vectors.numel() > 0
    values, vectors = torch.linalg.eig(x)
    return values.abs().square().sort()[0], eigenvectors


_programs(
    "eig",
    lambda lib, x: old_eig(lib, x, False),
    lambda lib, x: old_eig(lib, x, True),
    samples=lambda make: [(make(5, 5),), (make(1, 1),)],
    dtypes=REAL,
)


def old_lstsq(lib: Any, b: Any, a: Any) -> Any:
    """`torch.lstsq(B, A)` as it was; its successor is `linalg.lstsq(A, B)`."""
    return lib.linalg.lstsq(a, b).solution


_programs("lstsq", old_lstsq, samples=pairs(((5, 2), (5, 3)), ((4, 1), (4, 4))), dtypes=REAL, grad=True)
