"""Draws from other distributions, and tensors overwritten with random numbers."""

from __future__ import annotations

import math
from typing import Any

from symgrad import dtypes
from symgrad.errors import DTypeError, GradError
from symgrad.ir.primitive import ArrayCall
from symgrad.ops.generators import Generator
from symgrad.ops.promotion import convert
from symgrad.ops.public import op, write_out
from symgrad.ops.random import draw, floating, scaled, without_gradient
from symgrad.ops.registry import primitive
from symgrad.tensor import state
from symgrad.tensor.core import Tensor
from symgrad.tensor.dispatch import bind
from symgrad.tensor.views import assign, check_writable


def _poisson(np: Any, u: Any, rate: Any) -> Any:
    """The smallest k whose cumulative probability exceeds u, from far below the mean up."""
    rate = np.broadcast_to(rate.astype(np.float64), u.shape)
    first = np.maximum(np.floor(rate - 12.0 * np.sqrt(rate) - 12.0), 0.0)
    x = first + 1.0
    low = x < 10.0
    shift = np.where(low, x * (x + 1) * (x + 2) * (x + 3) * (x + 4) * (x + 5) * (x + 6) * (x + 7) * (x + 8), 1.0)
    y = np.where(low, x + 9.0, x)  # Stirling's series where it has converged
    series = 1 / (12 * y) - 1 / (360 * y**3) + 1 / (1260 * y**5) - 1 / (1680 * y**7)
    log_factorial = (y - 0.5) * np.log(y) - y + 0.9189385332046727 + series - np.log(shift)
    term = np.exp(np.where(rate > 0, first * np.log(np.where(rate > 0, rate, 1.0)), 0.0) - rate - log_factorial)
    k, total = first.copy(), term.copy()
    limit = np.floor(rate + 14.0 * np.sqrt(rate) + 60.0)
    going = (u >= total) & (k < limit)
    while bool(going.any()):
        k = np.where(going, k + 1.0, k)
        term = np.where(going, term * rate / np.maximum(k, 1.0), term)
        total = np.where(going, total + term, total)
        going = (u >= total) & (k < limit)
    return k


poisson_quantile = primitive(
    "poisson_quantile", "u rate", infer=lambda u, rate: u.with_shape(u.shape), array="_poisson(np, u, rate)",
    helpers={"_poisson": _poisson}, lower=ArrayCall(), grad=dict(u=None, rate=None),
    doc="The quantile of the Poisson distribution of a rate at u, both float64.",
    source="inversion by sequential search: Devroye 1986, X.3",
)  # fmt: skip


@op(top=True, out=False)
def poisson(input: Tensor, generator: Generator | None = None) -> Tensor:
    """Poisson numbers, each element of `input` a rate.

    Gradient: zeros
    >>> sg.poisson(sg.zeros(2))
    tensor([0., 0.])
    """
    kind = real(input.dtype, "poisson")
    rate = input.detach().to(dtypes.float64)
    if state.capture() is None and rate.numel() and bool((rate < 0).any()):
        raise GradError("invalid Poisson rate, expected rate to be non-negative")
    u = draw("uniform", tuple(input.shape), dtypes.float64, generator)
    return without_gradient(convert(bind(poisson_quantile, (u, rate), {}), kind), input)


def real(dtype: Any, what: str) -> Any:
    """A floating dtype that is not complex."""
    kind = floating(dtype, what)
    if kind.is_complex:
        raise DTypeError(f'"{what}" not implemented for {kind.name}')
    return kind


@op
def bernoulli(input: Tensor, p: Any = None, *, generator: Generator | None = None) -> Tensor:
    """1 with the probability given by each element of `input` (or by `p`), else 0.

    Gradient: zeros
    Raises: RuntimeError where a probability is not in [0, 1]
    >>> sg.bernoulli(sg.tensor([0.0, 1.0]))
    tensor([0., 1.])
    """
    chances = input.detach() if p is None else p
    if p is None:
        real(input.dtype, "bernoulli_tensor_cpu_p_")
    drawn = hits(chances, tuple(input.shape), input.dtype, generator)
    return without_gradient(drawn, input) if p is None else drawn


def hits(chances: Any, shape: tuple[int, ...], dtype: Any, generator: Generator | None) -> Tensor:
    """uniform < chances in `dtype`."""
    outside = False
    if not isinstance(chances, Tensor):
        outside = not 0 <= chances <= 1
    elif state.capture() is None and chances.numel():
        outside = not bool(((chances >= 0) & (chances <= 1)).all())
    if outside:
        raise GradError(f"bernoulli_ expects p to be in [0, 1], but got p={chances}")
    wide = isinstance(chances, Tensor) and chances.dtype is dtypes.float64
    u = draw("uniform", shape, dtypes.float64 if wide else dtypes.float32, generator)
    return (u < chances).to(dtype)


@op(out=False)
def multinomial(input: Tensor, num_samples: int, replacement: bool = False, *,
                generator: Generator | None = None, out: Tensor | None = None) -> Tensor:  # fmt: skip
    """Indices drawn with the weights in the last dimension of `input`.

    Dtype: int64
    Raises: RuntimeError for negative or infinite weights, or where too few are positive
    >>> sg.multinomial(sg.tensor([0.0, 3.0, 0.0]), 2, replacement=True)
    tensor([1, 1])
    """
    if out is not None:
        if out.dtype is not dtypes.int64:
            raise DTypeError(f"multinomial expects Long tensor out, got: {out.dtype.name}")
        return write_out(out, multinomial(input, num_samples, replacement, generator=generator))
    if input.ndim not in (1, 2):
        raise GradError("prob_dist must be 1 or 2 dim")
    real(input.dtype, "multinomial")
    if num_samples <= 0:
        raise GradError("cannot sample n_sample <= 0 samples")
    count = input.shape[-1]
    if not replacement and num_samples > count:
        raise GradError("cannot sample n_sample > prob_dist.size(-1) samples without replacement")
    weights = input.detach().to(dtypes.float64)
    if state.capture() is None:
        check_weights(weights, 1 if replacement else num_samples)
    rows = tuple(input.shape[:-1])
    if replacement:
        ends = weights.cumsum(-1)
        u = draw("uniform", (*rows, num_samples), dtypes.float64, generator) * ends[..., -1:]
        passed = (ends.unsqueeze(-2) <= u.unsqueeze(-1)).sum(-1)
        last = (ends < ends[..., -1:]).sum(-1, keepdim=True)
        return passed.minimum(last)
    waits = exponential(tuple(input.shape), generator) / weights
    return waits.argsort(-1, stable=True)[..., :num_samples].contiguous()


def check_weights(weights: Tensor, least: int) -> None:
    """Raise for weights that are none, or too few."""
    if not bool((weights.isfinite() & (weights >= 0)).all()):
        raise GradError("probability tensor contains either `inf`, `nan` or element < 0")
    if bool(((weights > 0).sum(-1) < least).any()):
        raise GradError("invalid multinomial distribution (sum of probabilities <= 0)" if least == 1 else
                        "invalid multinomial distribution (with replacement=False, not enough non-negative category "
                        "to sample)")


def exponential(shape: tuple[int, ...], generator: Generator | None) -> Tensor:
    """Standard exponential numbers in float64."""
    return -(1.0 - draw("uniform", shape, dtypes.float64, generator)).log()


def overwrite(self: Tensor, value: Tensor) -> Tensor:
    """Assign drawn numbers, rounded to the tensor's dtype."""
    return assign(self, convert(value.contiguous(), self.dtype))


@op(top=False, out=False)
def normal_(input: Tensor, mean: float = 0.0, std: float = 1.0, *, generator: Generator | None = None) -> Tensor:
    """Overwrite with normal numbers of the given mean and standard deviation.

    >>> sg.zeros(2).normal_(1, 0)
    tensor([1., 1.])
    """
    if std < 0:
        raise GradError(f"normal expects std >= 0.0, but found std {std}")
    check_writable(input)
    fresh = draw("normal", tuple(input.shape), floating(input.dtype, "normal"), generator)
    return assign(input, scaled(fresh, mean, std))


def between(bounds: tuple[Any, ...], named: dict[str, Any], default: tuple[Any, Any], what: str) -> tuple[Any, Any]:
    """The bounds `from` and `to`, given by place or by name."""
    given = dict(zip(("from", "to"), bounds))
    unknown = set(named) - {"from", "to"} | set(named) & set(given)
    if unknown or len(bounds) > 2:
        raise TypeError(f"{what}() got unexpected arguments {sorted(unknown) or bounds}")
    found = {"from": default[0], "to": default[1], **given, **named}
    return found["from"], found["to"]


@op(top=False, out=False)
def uniform_(input: Tensor, *bounds: float, generator: Generator | None = None, **named: float) -> Tensor:
    """Overwrite with numbers uniform in [from, to), by default [0, 1).

    >>> sg.zeros(2).uniform_(3, 3)
    tensor([3., 3.])
    """
    low, high = map(float, between(bounds, named, (0.0, 1.0), "uniform_"))
    if low > high:
        raise GradError(f"uniform_ expects to return a [from, to) range, but found from={low} > to={high}")
    check_writable(input)
    fresh = draw("uniform", tuple(input.shape), floating(input.dtype, "uniform"), generator)
    return assign(input, scaled(fresh, low, high - low))


EXACT_UP_TO = {dtypes.float16: 2**11, dtypes.bfloat16: 2**8, dtypes.float32: 2**24, dtypes.float64: 2**53}


@op(top=False, out=False)
def random_(input: Tensor, *bounds: int, generator: Generator | None = None, **named: Any) -> Tensor:
    """Overwrite with whole numbers in [from, to); by default all that the dtype has from 0 on.

    >>> sg.zeros(2).random_(5, 6)
    tensor([5., 5.])
    """
    check_writable(input)
    if len(bounds) == 1 and "to" not in named:
        bounds = (0, bounds[0])
    dtype = input.dtype
    if dtype.is_inexact:
        top = EXACT_UP_TO.get(dtype, 2**24) + 1
    else:
        top = 2 if dtype is dtypes.bool_ else 2 ** (8 * dtype.itemsize - (dtype.is_signed and 1))
    low, high = between(bounds, named, (0, None), "random_")
    low, high = int(low), top if high is None else int(high)
    if low >= high:
        raise GradError(f"random_ expects 'from' to be less than 'to', but got from={low} >= to={high}")
    return overwrite(input, draw("randint", tuple(input.shape), dtypes.int64, generator, low=low, high=high))


@op(top=False, out=False)
def bernoulli_(input: Tensor, p: Any = 0.5, *, generator: Generator | None = None) -> Tensor:
    """Overwrite with 1 with probability p (a number, or a tensor), else 0.

    >>> sg.zeros(2).bernoulli_(1)
    tensor([1., 1.])
    """
    check_writable(input)
    chances = p.detach() if isinstance(p, Tensor) else p
    return overwrite(input, hits(chances, tuple(input.shape), input.dtype, generator))


@op(top=False, out=False)
def exponential_(input: Tensor, lambd: float = 1.0, *, generator: Generator | None = None) -> Tensor:
    """Overwrite with exponential numbers of the rate lambd.

    >>> bool((sg.zeros(9).exponential_() >= 0).all())
    True
    """
    if not lambd > 0:
        raise GradError(f"exponential_ expects lambda > 0.0, but found lambda={lambd}")
    real(input.dtype, "exponential_")
    check_writable(input)
    return overwrite(input, exponential(tuple(input.shape), generator) / lambd)


@op(top=False, out=False)
def geometric_(input: Tensor, p: float, *, generator: Generator | None = None) -> Tensor:
    """Overwrite with numbers of trials up to the first success of probability p.

    >>> sg.zeros(2).geometric_(0.999999999)
    tensor([1., 1.])
    """
    if not 0 < p < 1:
        raise GradError(f"geometric_ expects p to be in (0, 1), but got p={p}")
    check_writable(input)
    return overwrite(input, (exponential(tuple(input.shape), generator) / -math.log1p(-p)).floor() + 1)


@op(top=False, out=False)
def log_normal_(input: Tensor, mean: float = 1.0, std: float = 2.0, *, generator: Generator | None = None) -> Tensor:
    """Overwrite with numbers whose logarithm is normal.

    >>> sg.zeros(1, dtype=sg.float64).log_normal_(0, 1e-300)
    tensor([1.], dtype=torch.float64)
    """
    if not std > 0:
        raise GradError(f"log_normal_ expects std > 0.0, but found std={std}")
    real(input.dtype, "log_normal")
    check_writable(input)
    drawn = draw("normal", tuple(input.shape), dtypes.float64, generator)
    return overwrite(input, scaled(drawn, mean, std).exp())


@op(top=False, out=False)
def cauchy_(input: Tensor, median: float = 0.0, sigma: float = 1.0, *, generator: Generator | None = None) -> Tensor:
    """Overwrite with numbers of the Cauchy distribution.

    >>> sg.zeros(2).cauchy_(1, 1e-300)
    tensor([1., 1.])
    """
    if not sigma > 0:
        raise GradError(f"cauchy_ expects sigma > 0.0, but found sigma={sigma}")
    real(input.dtype, "cauchy")
    check_writable(input)
    u = draw("uniform", tuple(input.shape), dtypes.float64, generator)
    return overwrite(input, scaled(((u - 0.5) * math.pi).tan(), median, sigma))
