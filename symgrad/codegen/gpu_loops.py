"""One kernel's loops on a GPU: threads over the grid, chunks to blocks, groups of lanes to sums.

Barriers lie inside the functions that fold over lanes, so every loop around one takes the same
number of turns in all threads of a block.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from symgrad.codegen import loops
from symgrad.codegen.cpu_map import start_value
from symgrad.codegen.loops import (
    INDEX,
    Assign,
    Axis,
    Const,
    Expr,
    For,
    Function,
    If,
    Let,
    Load,
    Nest,
    Op,
    Param,
    Reduction,
    Stmt,
    Store,
    Var,
)
from symgrad.codegen.scalars import convert
from symgrad.codegen.statements import defined, live, loaded, mentioned, product, stored
from symgrad.dtypes import BOOL, FLOATING, DType, bool_, float64, int32, int64
from symgrad.ir.text import Namer

THREADS = 256  # of a block: eight warps
CHUNK = 1024  # elements whose sum has the precision of an element
OF = {"add": "sum", "mul": "product", "max": "max", "min": "min"}
ROW, COLUMN = 256, 32  # most lanes to a sum: a block, or 256 / 32 columns of 32 bytes in float32
ZERO, ONE = loops.index(0), loops.index(1)
THREAD, BLOCK = Var("threadIdx.x", INDEX), Var("blockIdx.x", INDEX)
BLOCKS = Var("gridDim.x", INDEX)


@dataclass(frozen=True)
class Share:
    """What the grid has to cover: `count` elements, `each` a block (divided by lanes, if named)."""

    count: Expr
    each: int
    lanes: str = ""


@dataclass(frozen=True)
class Lanes:
    """How many threads share a sum of `extent` elements: a power of two, at most `limit`."""

    extent: Expr
    limit: int


@dataclass
class Room:
    """Workspace for the sums of the chunks of `elements`, of several reductions."""

    dtype: DType
    elements: Expr
    reductions: int = 0


@dataclass
class Launch:
    """A CUDA kernel and how to start it.

    Besides the function's own parameters it may take, by name, `rooms`, `lanes`, and `strides`: the
    element stride of an axis of a buffer. `counter` counts the blocks that are done. A launch that
    is `always` made needs a block even where there is nothing to cover.
    """

    function: Function
    threads: int = THREADS
    shares: list[Share] = field(default_factory=list)
    always: bool = False
    rooms: dict[str, Room] = field(default_factory=dict)
    lanes: dict[str, Lanes] = field(default_factory=dict)
    strides: dict[str, tuple[str, int]] = field(default_factory=dict)
    counter: str = ""


@dataclass(frozen=True)
class Part:
    """One run over a nest's points: the reductions it does, and whether it stores."""

    nest: Nest
    reductions: tuple[Reduction, ...]
    stores: bool


class GpuKernel:
    """A kernel under construction."""

    def __init__(self, function: Function, strided: Mapping[str, int], name: str):
        self.function, self.strided = function, strided
        names = {n for s in function.body for n in defined(s)} | mentioned(function.body)
        self.namer = Namer((*names, *(p.name for p in function.params), "ijklmnpq"))
        self.result = Launch(Function(name, (), (), function.doc))
        self.finals: list[Stmt] = []
        self.grid: list[Var] = []

    def launch(self, parts: list[Part], before: tuple[Stmt, ...], after: tuple[Stmt, ...]) -> Launch:
        """The kernel that runs `parts` between the 0-d statements `before` and `after`."""
        middle = [s for part in parts for s in self.part(part)]
        late = self.late((*before, *middle), after)
        body = live([*before, *middle, *late], set())
        self.result.function = replace(self.result.function, body=tuple(body))
        return finished(self.result, self.function, self.strided)

    def late(self, earlier: Iterable[Stmt], after: tuple[Stmt, ...]) -> list[Stmt]:
        """What comes after the loops: by one thread, once nothing that it changes is still read."""
        if not after and not self.finals:
            return []
        first = Op("eq", (THREAD, ZERO), bool_)
        read, written = loaded(earlier), stored(earlier)
        if self.finals or read & stored(after) or written & loaded(after):
            counter = self.result.counter = f"{self.result.function.name}_done"
            self.result.always = True
            last = Op("last_block", (Var(f"&{counter}", INDEX),), bool_)
            rest = [If(first, after)] if after else []
            return [If(last, (*self.finals, *rest))]
        self.result.always = True
        return [If(Op("both", (Op("eq", (BLOCK, ZERO), bool_), first), bool_), after)]

    def part(self, part: Part) -> list[Stmt]:
        """The statements of one run over a nest."""
        body = part.nest.body
        if not part.stores:
            body = tuple(s for s in body if not isinstance(s, Store))
        if not part.reductions:
            return self.plain(part.nest.axes, body)
        if len(part.reductions[0].over) == len(part.nest.axes):
            return self.chunks(part.nest.axes, body, part.reductions)
        return self.groups(part.nest.axes, body, part.reductions)

    def local(self, hint: str) -> Var:
        return Var(self.namer.fresh(hint), INDEX)

    # -- elementwise ----------------------------------------------------------------------------

    def plain(self, axes: tuple[Axis, ...], body: tuple[Stmt, ...]) -> list[Stmt]:
        """Every thread takes each `threads`-th point."""
        point, lets = self.point(axes, "point")
        total = product(a.extent for a in axes)
        self.result.shares.append(Share(total, THREADS))
        out: list[Stmt] = []
        if not self.grid:
            self.grid = [self.local("thread"), self.local("threads")]
            first = loops.add(loops.mul(BLOCK, loops.index(THREADS)), THREAD)
            out = [Let(self.grid[0].name, first),
                   Let(self.grid[1].name, loops.mul(BLOCKS, loops.index(THREADS)))]  # fmt: skip
        return [*out, For(point.name, self.grid[0], total, self.grid[1], (*lets, *body), "grid")]

    def point(self, axes: tuple[Axis, ...], hint: str) -> tuple[Var, list[Stmt]]:
        """The variable of a loop over all of `axes`, and the statements that give each its index."""
        if len(axes) == 1:
            return Var(axes[0].name, INDEX), []
        point, lets = self.local(hint), list[Stmt]()
        for n, axis in enumerate(axes):
            inner = product(a.extent for a in axes[n + 1 :])
            value: Expr = point if inner == ONE else Op("floordiv", (point, inner), INDEX)
            if n:
                value = Op("mod", (value, axis.extent), INDEX)
            lets.append(Let(axis.name, value))
        return point, lets

    # -- sums over everything -------------------------------------------------------------------

    def chunks(
        self, axes: tuple[Axis, ...], body: tuple[Stmt, ...], reductions: tuple[Reduction, ...]
    ) -> list[Stmt]:
        """Each block takes chunks and keeps their sums; `finals` add those up."""
        point, lets = self.point(axes, "point")
        total = product(a.extent for a in axes)
        count, chunk = self.local("chunks"), self.local("chunk")
        chunks: Expr = Op(
            "floordiv", (loops.add(total, loops.index(CHUNK - 1)), loops.index(CHUNK)), INDEX)  # fmt: skip
        if isinstance(total, Const):
            chunks = loops.index(-(-total.value // CHUNK))
        self.result.shares.append(Share(total, CHUNK))
        zeros, adds, whole, keep = list[Stmt](), list[Stmt](), list[Stmt](), list[Stmt]()
        starts, gather, ends = list[Stmt](), list[Stmt](), list[Stmt]()
        part, rooms = self.local("part"), dict[DType, str]()
        for r in reductions:
            op, narrow = folding(r)
            wide = float64 if _inexact(r) else narrow
            sum_, all_ = self.namer.fresh(f"{r.name}_{OF[op]}"), self.namer.fresh(f"{r.name}_all")
            if narrow not in rooms:
                rooms[narrow] = self.namer.fresh("sums")
                self.result.rooms[rooms[narrow]] = Room(narrow, total)
            name, room = rooms[narrow], self.result.rooms[rooms[narrow]]
            row = loops.mul(loops.index(room.reductions), count)
            room.reductions += 1
            here, over_all = Var(sum_, narrow), Var(all_, wide)
            zeros.append(Assign(sum_, start_value(op, narrow)))
            adds.append(Assign(sum_, fold(op, here, convert(r.value, narrow)), r.note))
            whole.append(Assign(sum_, Op(f"row_{op}", (here, loops.index(THREADS)), narrow)))
            keep.append(Store(name, (loops.add(row, chunk),), here))
            starts.append(Assign(all_, start_value(op, wide)))
            kept_sum = convert(Load(name, (loops.add(row, part),), narrow), wide)
            gather.append(Assign(all_, fold(op, over_all, kept_sum)))
            folded = Op(f"row_{op}", (over_all, loops.index(THREADS)), wide)
            ends.append(Let(r.name, convert(folded, r.value.dtype)))
        self.finals += [
            *starts, For(part.name, THREAD, count, loops.index(THREADS), tuple(gather)), *ends]  # fmt: skip
        first = loops.add(loops.mul(chunk, loops.index(CHUNK)), THREAD)
        end = loops.mul(loops.add(chunk, ONE), loops.index(CHUNK))
        stop = self.local("end")
        bound = total if chunks == ONE else Op("min", (end, total), INDEX)
        inner = For(point.name, first, stop, loops.index(THREADS), (*lets, *body, *adds))
        kept = If(Op("eq", (THREAD, ZERO), bool_), tuple(keep))
        turn = (Let(stop.name, bound), *zeros, inner, *whole, kept)
        return [Let(count.name, chunks), For(chunk.name, BLOCK, count, BLOCKS, turn, "grid")]

    # -- sums over some axes --------------------------------------------------------------------

    def groups(
        self, axes: tuple[Axis, ...], body: tuple[Stmt, ...], reductions: tuple[Reduction, ...]
    ) -> list[Stmt]:
        """Each element of the result has a group of lanes that go through what is folded into it."""
        over = reductions[0].over
        row = len(axes) - 1 in over
        kept = tuple(a for n, a in enumerate(axes) if n not in over)
        gone = tuple(a for n, a in enumerate(axes) if n in over)
        count, extent = product(a.extent for a in kept), product(a.extent for a in gone)
        lanes, each, tile = self.local("lanes"), self.local("groups"), self.local("tile")
        self.result.lanes[lanes.name] = Lanes(extent, ROW if row else COLUMN)
        self.result.shares.append(Share(count, THREADS, lanes.name))
        place, kept_lets = self.point(kept, "place")
        point, gone_lets = self.point(gone, "point")
        quotient = Op("floordiv", (THREAD, lanes if row else each), INDEX)
        remainder = Op("mod", (THREAD, lanes if row else each), INDEX)
        mine, lane = (quotient, remainder) if row else (remainder, quotient)
        zeros, adds, whole, keep = list[Stmt](), list[Stmt](), list[Stmt](), list[Stmt]()
        for r in reductions:
            op, narrow = folding(r)
            wide = float64 if _inexact(r) else narrow
            sum_ = self.namer.fresh(f"{r.name}_{OF[op]}")
            here = Var(sum_, wide)
            zeros.append(Assign(sum_, start_value(op, wide)))
            adds.append(Assign(sum_, fold(op, here, convert(r.value, wide)), r.note))
            whole.append(Assign(sum_, Op(f"{'row' if row else 'column'}_{op}", (here, lanes), wide)))
            keep += [Store(b, (i,), convert(here, r.value.dtype)) for b, i in r.stores]
        inside = Op("lt", (place, count), bool_)
        fold_in = For(point.name, lane, extent, lanes, (*gone_lets, *body, *adds))
        alone = Op("both", (inside, Op("eq", (lane, ZERO), bool_)), bool_)
        turn = (
            Let(place.name, loops.add(tile, mine)), *kept_lets, *zeros,
            If(inside, (fold_in,)), *whole, If(alone, tuple(keep)),
        )  # fmt: skip
        start, step = loops.mul(BLOCK, each), loops.mul(BLOCKS, each)
        return [
            Let(each.name, Op("floordiv", (loops.index(THREADS), lanes), INDEX)),
            For(tile.name, start, count, step, turn, "grid"),
        ]


# -- folding ------------------------------------------------------------------------------------


def folding(r: Reduction) -> tuple[str, DType]:
    """The operation of a reduction and the dtype it is done in: shuffles move 4 or 8 bytes."""
    dtype = r.value.dtype
    if dtype.category == BOOL:
        return {"add": "max", "mul": "min"}.get(r.op, r.op), int32
    if dtype.category == FLOATING:
        return r.op, dtype
    return r.op, int64 if dtype is int64 else int32


def _inexact(r: Reduction) -> bool:
    return r.op in ("add", "mul") and r.value.dtype.category == FLOATING


def fold(op: str, total: Expr, value: Expr) -> Expr:
    """total op value."""
    return Op({"max": "maximum", "min": "minimum"}.get(op, op), (total, value), total.dtype)


def stride(buffer: str, axis: int) -> str:
    """The parameter that brings an element stride."""
    return f"{buffer}_stride{axis}"


def finished(launch: Launch, function: Function, strided: Mapping[str, int]) -> Launch:
    """`launch` with the parameters its body mentions, in the function's order."""
    used = mentioned(launch.function.body)
    params = [p for p in function.params if p.name in used]
    for p in [p for p in params if p.name in strided]:
        for axis in range(strided[p.name]):
            if (name := stride(p.name, axis)) in used:
                launch.strides[name] = (p.name, axis)
    arrays = [p for p in params if p.kind == "array"]
    rooms = [Param(name, "array", room.dtype) for name, room in launch.rooms.items()]
    rest = [p for p in params if p.kind != "array"]
    extra = [Param(name, "extent", INDEX) for name in (*launch.strides, *launch.lanes)]
    launch.function = replace(launch.function, params=(*arrays, *rooms, *rest, *extra))
    return launch
