"""A small language of tensor programs: generated once, run on any library with PyTorch's names.

A program is a list of lines. A line names an operation, its operands by number (modulo the values there are
so far) and numbers for what else it takes (a dimension, a step). What does not fit is made to fit by
shape alone, so that both libraries, eager or compiled, run the same operations.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hypothesis import strategies as st

Lib = Any
Line = tuple[str, str, int, int, int, int]

UNARY: dict[str, Callable[[Lib, Any], Any]] = {
    **{n: (lambda lib, a, n=n: getattr(lib, n)(a)) for n in
       ("sin", "cos", "tanh", "relu", "square", "abs", "sigmoid", "neg", "clone", "sign", "floor", "atan")},
    **{n: (lambda lib, a, n=n: getattr(a, n)()) for n in ("detach", "contiguous", "sinh")},
    "exp": lambda lib, a: (-a.abs()).exp(),
    "sqrt": lambda lib, a: (a.abs() + 1).sqrt(),
    "log": lambda lib, a: (a * a + 1).log(),
    "log1p": lambda lib, a: a.abs().log1p(),
    "rsqrt": lambda lib, a: (a * a + 1).rsqrt(),
    "cube": lambda lib, a: a.clamp(-2, 2) ** 3,
    "clamp": lambda lib, a: a.clamp(-0.5, 0.75),
    "clamp_min": lambda lib, a: a.clamp(min=0.1),
    "reciprocal": lambda lib, a: 1 / (a * a + 1),
    "half": lambda lib, a: a * 0.5,
    "flipped": lambda lib, a: 2 - a,
    "third": lambda lib, a: a / 3,
    "remainder": lambda lib, a: lib.remainder(a, 0.7),
    "nan_to_num": lambda lib, a: lib.nan_to_num(a),
}  # fmt: skip

BINARY: dict[str, Callable[[Lib, Any, Any], Any]] = {
    **{n: (lambda lib, a, b, n=n: getattr(lib, n)(a, b)) for n in
       ("add", "sub", "mul", "maximum", "minimum", "atan2", "fmax")},
    "div": lambda lib, a, b: a / (b * b + 1),
    "where": lambda lib, a, b: lib.where(a > b, a, b * 2),
    "where_scalar": lambda lib, a, b: lib.where(b > 0, a, 0.25),
    "mask": lambda lib, a, b: a * (b < 0.5),
    "hypot": lambda lib, a, b: lib.hypot(a + 1, b.abs() + 1),
    "lerp": lambda lib, a, b: lib.lerp(a, b, 0.25),
    "addcmul": lambda lib, a, b: lib.addcmul(a, a, b, value=0.5),
    "alpha": lambda lib, a, b: lib.add(a, b, alpha=-1.5),
    "logaddexp": lambda lib, a, b: lib.logaddexp(a, b),
}  # fmt: skip

VIEW: dict[str, Callable[[Lib, Any, int, int], Any]] = {
    "transpose": lambda lib, a, i, j: a.transpose(i % a.ndim, j % a.ndim),
    "swap": lambda lib, a, i, j: a.permute(*reversed(range(a.ndim))),
    "rows": lambda lib, a, i, j: a[i % a.shape[0] :],
    "but_last": lambda lib, a, i, j: a[..., : max(1, a.shape[-1] - 1)],
    "step": lambda lib, a, i, j: a[:: 1 + j % 3],
    "last_step": lambda lib, a, i, j: a[..., i % a.shape[-1] :: 2],
    "unsqueeze": lambda lib, a, i, j: a.unsqueeze(i % (a.ndim + 1)),
    "squeeze": lambda lib, a, i, j: a.squeeze(),
    "flat": lambda lib, a, i, j: a.reshape(-1),
    "row": lambda lib, a, i, j: a.reshape(1, -1),
    "flatten": lambda lib, a, i, j: a.flatten(0, i % a.ndim),
    "select": lambda lib, a, i, j: a.select(i % a.ndim, j % a.shape[i % a.ndim]),
    "narrow": lambda lib, a, i, j: a.narrow(i % a.ndim, 0, 1 + j % a.shape[i % a.ndim]),
    "expand": lambda lib, a, i, j: a.unsqueeze(0).expand(2, *a.shape),
    "column": lambda lib, a, i, j: a[..., :1].expand(a.shape),
    "diagonal": lambda lib, a, i, j: a.diagonal() if a.ndim > 1 else a[:],
    "movedim": lambda lib, a, i, j: a.movedim(i % a.ndim, j % a.ndim),
    "chunk": lambda lib, a, i, j: a.chunk(2, i % a.ndim)[0],
    "split": lambda lib, a, i, j: a.split(2, i % a.ndim)[-1],
    "unbind": lambda lib, a, i, j: a.unbind(i % a.ndim)[j % a.shape[i % a.ndim]],
    "none": lambda lib, a, i, j: a[None, ..., i % a.shape[-1]],
    "unfold": lambda lib, a, i, j: a.unfold(i % a.ndim, min(2, a.shape[i % a.ndim]), 2),
}

MOVE: dict[str, Callable[[Lib, Any, int, int], Any]] = {
    "flip": lambda lib, a, i, j: a.flip(i % a.ndim),
    "roll": lambda lib, a, i, j: lib.roll(a, j, i % a.ndim),
    "tril": lambda lib, a, i, j: a.tril(j - 2) if a.ndim > 1 else a * 1,
    "triu": lambda lib, a, i, j: a.triu(j - 2) if a.ndim > 1 else a * 1,
    "repeat": lambda lib, a, i, j: a.repeat(*(1 + (n == i % a.ndim) for n in range(a.ndim))),
    "pick": lambda lib, a, i, j: a[[j % a.shape[0], 0, i % a.shape[0]]],
    "pick_last": lambda lib, a, i, j: a[..., lib.tensor([j % a.shape[-1], 0])],
    "pair": lambda lib, a, i, j: a[lib.tensor([0, i % a.shape[0]]), ..., lib.tensor([0, j % a.shape[-1]])]
    if a.ndim > 1 else a[lib.tensor([0, j % a.shape[0]])],
    "index_select": lambda lib, a, i, j: a.index_select(i % a.ndim, lib.tensor([j % a.shape[i % a.ndim]] * 2)),
    "gather": lambda lib, a, i, j: a.gather(i % a.ndim, lib.zeros_like(a, dtype=lib.int64) + j % a.shape[i % a.ndim]),
    "take_along": lambda lib, a, i, j: lib.take_along_dim(a, order(a, i % a.ndim), i % a.ndim),
    "masked_fill": lambda lib, a, i, j: a.masked_fill(a > 0.3, 0.5),
    "pad": lambda lib, a, i, j: lib.nn.functional.pad(a, (i % 3, j % 2), value=0.5),
}  # fmt: skip


def order(a: Any, dim: int) -> Any:
    return a.detach().argsort(dim=dim, stable=True)


REDUCE: dict[str, Callable[[Lib, Any, int, bool], Any]] = {
    **{n: (lambda lib, a, d, keep, n=n: getattr(a, n)(dim=d, keepdim=keep)) 
       for n in ("sum", "mean", "amax", "amin", "logsumexp")},
    "prod": lambda lib, a, d, keep: a.clamp(-2, 2).prod(dim=d, keepdim=keep),
    "var": lambda lib, a, d, keep: a.var(dim=d, correction=0, keepdim=keep),
    "std": lambda lib, a, d, keep: (a.var(dim=d, correction=0, keepdim=keep) + 1).sqrt(),
    "max": lambda lib, a, d, keep: a.max(dim=d, keepdim=keep)[0],
    "argmax": lambda lib, a, d, keep: a.argmax(dim=d, keepdim=keep) * 0.25 + a.sum(d, keepdim=keep),
    "norm": lambda lib, a, d, keep: (a.abs() + 0.5).norm(dim=d, keepdim=keep),
    "cumsum": lambda lib, a, d, keep: a.cumsum(d),
    "cumprod": lambda lib, a, d, keep: a.clamp(0.5, 1.5).cumprod(d),
    "sort": lambda lib, a, d, keep: a.sort(dim=d, stable=True, descending=keep)[0],
    "topk": lambda lib, a, d, keep: a.topk(1, dim=d, largest=keep)[0],
    "median": lambda lib, a, d, keep: a.clone().median(dim=d, keepdim=keep)[0],
    "any": lambda lib, a, d, keep: (a > 0.5).any(dim=d, keepdim=keep) * a.sum(d, keepdim=keep),
    "softmax": lambda lib, a, d, keep: a.softmax(d),
    "sum_all": lambda lib, a, d, keep: a.sum(),
    "mean_all": lambda lib, a, d, keep: a.mean(),
    "max_all": lambda lib, a, d, keep: a.max(),
}  # fmt: skip

JOIN: dict[str, Callable[[Lib, Any, Any, int], Any]] = {
    "cat": lambda lib, a, b, i: lib.cat([a, b], i % a.ndim),
    "stack": lambda lib, a, b, i: lib.stack([a, b], i % (a.ndim + 1)),
    "hstack": lambda lib, a, b, i: lib.hstack([a, b]),
    "vstack": lambda lib, a, b, i: lib.vstack([a, b]),
    "outer": lambda lib, a, b, i: lib.outer(a.reshape(-1)[:4], b.reshape(-1)[:3]),
}

INPLACE: dict[str, Callable[[Lib, Any, Any, int, int], Any]] = {
    "mul_": lambda lib, v, o, i, j: v.mul_(0.5),
    "add_": lambda lib, v, o, i, j: v.add_(o.sum()),
    "sub_scaled": lambda lib, v, o, i, j: v.sub_(o.mean(), alpha=0.5),
    "iadd": lambda lib, v, o, i, j: v.__iadd__(1.5),
    "row": lambda lib, v, o, i, j: v[j % v.shape[0]].mul_(o.mean()),
    "column": lambda lib, v, o, i, j: v.transpose(0, -1)[-1].add_(1.5),
    "view": lambda lib, v, o, i, j: v[..., ::2].tanh_(),
    "fill": lambda lib, v, o, i, j: v.__setitem__((Ellipsis, 0), 0.25),
    "set": lambda lib, v, o, i, j: v.__setitem__(j % v.shape[0], o.mean()),
    "set_index": lambda lib, v, o, i, j: v.__setitem__(lib.tensor([0, j % v.shape[0]]), o.sum() * 0.1),
    "mask": lambda lib, v, o, i, j: v.__setitem__(v > 0.3, 0.1),
    "zero_": lambda lib, v, o, i, j: v[:1].zero_(),
    "clamp_": lambda lib, v, o, i, j: v.clamp_(-1, 1),
    "copy_": lambda lib, v, o, i, j: v.copy_(o.mean()),
    "sin_": lambda lib, v, o, i, j: v.sin_(),
    "masked_fill_": lambda lib, v, o, i, j: v.masked_fill_(v < 0, 0.0),
    "index_add_": lambda lib, v, o, i, j: v.index_add_(0, lib.tensor([j % v.shape[0]]), v[:1].detach() * 2),
    "quiet": lambda lib, v, o, i, j: quiet(lib, v),
}


def quiet(lib: Lib, value: Any) -> None:
    with lib.no_grad():
        value.mul_(1.25)


KINDS: dict[str, dict[str, Any]] = {
    "unary": UNARY, "binary": BINARY, "view": VIEW, "move": MOVE, "reduce": REDUCE, "join": JOIN,
    "inplace": INPLACE, "matmul": {"matmul": None},
}  # fmt: skip
WEIGHTS = ("unary", "binary", "binary", "view", "view", "move", "reduce", "join", "inplace", "inplace", "matmul")


def lines(most: int = 9) -> st.SearchStrategy[list[Line]]:
    """Programs of at most so many lines."""
    small = st.integers(0, 7)
    named = st.sampled_from([(kind, name) for kind in WEIGHTS for name in KINDS[kind]])
    line = st.tuples(named, small, small, small, small).map(lambda t: (*t[0], *t[1:]))
    return st.lists(line, min_size=1, max_size=most)  # type: ignore[return-value]


def fits(a: Any, b: Any) -> bool:
    """Whether two shapes broadcast."""
    return all(m == n or 1 in (m, n) for m, n in zip(reversed(a.shape), reversed(b.shape)))


def execute(lib: Lib, program: list[Line], values: list[Any], largest: int = 200) -> list[Any]:
    """All values of a program, the given ones first; a line that does not fit is left out."""
    values = list(values)
    for kind, name, n, m, i, j in program:
        a, b = values[n % len(values)], values[m % len(values)]
        op = KINDS[kind][name]
        if kind in ("view", "move", "reduce", "inplace") and not a.ndim:
            a = a.reshape(1)
        if kind == "unary":
            out = op(lib, a)
        elif kind in ("view", "move"):
            out = op(lib, a, i, j)
        elif kind == "reduce":
            out = op(lib, a, i % a.ndim, bool(j % 2))
        elif kind == "binary":
            out = op(lib, a, b if fits(a, b) else b.sum())
        elif kind == "join":
            if a.shape != b.shape or not a.ndim:
                a = b = a.reshape(1, -1)
            out = op(lib, a, b, i)
        elif kind == "matmul":
            if a.ndim < 2 or a.shape[-1] > 12:
                continue
            right = b if b.ndim == 2 and b.shape[0] == a.shape[-1] else a.transpose(-1, -2)
            out = a @ right * 0.25
        else:
            if not a.requires_grad or a.is_leaf:
                a = a * 1
            op(lib, a, b.detach(), i, j)
            out = a
        if 0 < out.numel() <= largest and out.ndim <= 4:
            values.append(out)
    return values


def loss_of(values: list[Any]) -> Any:
    """A number that depends on the last values of a program."""
    return sum((v * (i + 1)).tanh().sum() for i, v in enumerate(values[-4:]))
