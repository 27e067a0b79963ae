"""Random tensors: distributions by fixed seeds, arguments and errors as PyTorch's, one stream in every mode."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from oracle import agree, torch

import symgrad as sg

N = 20000


def drawn(function: Callable[[], Any], seed: int = 1) -> Any:
    sg.manual_seed(seed)
    return np.sort(function().double().numpy().reshape(-1))


def normal_cdf(x: Any) -> Any:
    return 0.5 * (1 + np.vectorize(math.erf)(x / math.sqrt(2)))


CONTINUOUS: dict[str, tuple[Callable[[], Any], Callable[[Any], Any]]] = {
    "rand": (lambda: sg.rand(N), lambda x: x),
    "rand double": (lambda: sg.rand(N, dtype=sg.float64), lambda x: x),
    "randn": (lambda: sg.randn(N), normal_cdf),
    "normal": (lambda: sg.normal(3.0, 2.0, (N,)), lambda x: normal_cdf((x - 3) / 2)),
    "normal of tensors": (
        lambda: sg.normal(sg.full((N,), 3.0), sg.full((N,), 2.0)),
        lambda x: normal_cdf((x - 3) / 2),
    ),
    "uniform_": (lambda: sg.empty(N).uniform_(-2, 5), lambda x: (x + 2) / 7),
    "normal_": (lambda: sg.empty(N).normal_(-1, 0.5), lambda x: normal_cdf((x + 1) / 0.5)),
    "exponential_": (lambda: sg.empty(N).exponential_(2.0), lambda x: 1 - np.exp(-2 * x)),
    "cauchy_": (lambda: sg.empty(N).cauchy_(1.0, 2.0), lambda x: 0.5 + np.arctan((x - 1) / 2) / math.pi),
    "log_normal_": (lambda: sg.empty(N).log_normal_(0.5, 0.8), lambda x: normal_cdf((np.log(x) - 0.5) / 0.8)),
    "real part": (lambda: sg.randn(N, dtype=sg.complex64).real, lambda x: normal_cdf(x * math.sqrt(2))),
    "half": (lambda: sg.randn(N, dtype=sg.float16), normal_cdf),
}


@pytest.mark.parametrize("name", CONTINUOUS)
def test_kolmogorov_smirnov(name: str) -> None:
    """The largest distance from the distribution function; 1.95 / sqrt(n) is passed once in a thousand."""
    function, cdf = CONTINUOUS[name]
    x = drawn(function)
    above, below = np.arange(1, N + 1) / N, np.arange(N) / N
    f = cdf(x)
    slack = 1e-3 if name == "half" else 1e-6  # steps of the dtype
    assert max(np.max(above - f), np.max(f - below)) < 1.95 / math.sqrt(N) + slack


def poisson(rate: float) -> Callable[[int], float]:
    return lambda k: math.exp(k * math.log(rate) - rate - math.lgamma(k + 1))


DISCRETE: dict[str, tuple[Callable[[], Any], Callable[[int], float], range]] = {
    "randint": (lambda: sg.randint(3, 13, (N,)), lambda k: 0.1, range(3, 13)),
    "random_": (lambda: sg.empty(N).random_(2, 7), lambda k: 0.2, range(2, 7)),
    "bernoulli": (lambda: sg.bernoulli(sg.full((N,), 0.3)), lambda k: (0.7, 0.3)[k], range(2)),
    "bernoulli_": (lambda: sg.empty(N).bernoulli_(0.8), lambda k: (0.2, 0.8)[k], range(2)),
    "geometric_": (lambda: sg.empty(N).geometric_(0.4), lambda k: 0.4 * 0.6 ** (k - 1), range(1, 10)),
    "small poisson": (lambda: sg.poisson(sg.full((N,), 1.5)), poisson(1.5), range(7)),
    "large poisson": (lambda: sg.poisson(sg.full((N,), 400.0)), poisson(400.0), range(350, 451, 4)),
    "multinomial": (lambda: sg.multinomial(sg.tensor([1.0, 0.0, 2.0, 5.0]), N, True), lambda k: (1, 0, 2, 5)[k] / 8,
                    range(4)),
    "first of a permutation": (lambda: sg.stack([sg.randperm(5)[0] for _ in range(2000)]), lambda k: 0.2, range(5)),
    "multinomial without replacement": (
        lambda: sg.multinomial(sg.tensor([[1.0, 2.0, 5.0]]).expand(N, 3), 2)[:, 0], lambda k: (1, 2, 5)[k] / 8,
        range(3)),
}  # fmt: skip


@pytest.mark.parametrize("name", DISCRETE)
def test_chi_square(name: str) -> None:
    """Counts against expectations; a normal approximation of the chi-square tail at 1 in 1,000."""
    function, probability, values = DISCRETE[name]
    x = drawn(function)
    chances = np.array([probability(k) for k in values])
    counts = np.array([np.count_nonzero(x == k) for k in values])
    assert (counts[chances == 0] == 0).all()
    kept = chances > 0
    expected = chances[kept] * x.size
    statistic = float(np.sum((counts[kept] - expected) ** 2 / expected))
    freedom = kept.sum()
    assert statistic < freedom + 3.1 * math.sqrt(2 * freedom) + 6


PROGRAMS: dict[str, Callable[[Any], Any]] = {
    "rand": lambda x: sg.rand(3, 4), "two": lambda x: sg.randn(3, 4) + sg.randn(3, 4),
    "half": lambda x: sg.rand(9, dtype=sg.float16), "complex": lambda x: sg.randn(4, dtype=sg.complex64),
    "randint": lambda x: sg.randint(0, 10, (5,)) * 2, "randperm": lambda x: sg.randperm(7),
    "bernoulli": lambda x: sg.bernoulli(x.abs() / 9), "bernoulli_": lambda x: sg.zeros(4, 4).bernoulli_(0.3),
    "multinomial": lambda x: sg.multinomial(x.abs(), 6, replacement=True),
    "without replacement": lambda x: sg.multinomial(x.abs(), 3), "poisson": lambda x: sg.poisson(x.abs() * 9),
    "exponential_": lambda x: sg.zeros(50).exponential_(2.0), "geometric_": lambda x: sg.zeros(50).geometric_(0.3),
    "log_normal_": lambda x: sg.zeros(50).log_normal_(), "cauchy_": lambda x: sg.zeros(50).cauchy_(),
    "random_": lambda x: sg.zeros(20, dtype=sg.int32).random_(3, 9), "uniform_": lambda x: x.clone().uniform_(-1, 1),
    "like": lambda x: sg.rand_like(x) + sg.randint_like(x, 5), "dropout": lambda x: x * (sg.rand_like(x) > 0.5),
}  # fmt: skip


@pytest.mark.parametrize("name", PROGRAMS)
def test_the_same_numbers_in_every_mode(name: str, backend: str) -> None:
    x = sg.arange(1.0, 21.0).reshape(4, 5) / 3
    compiled = sg.compile(PROGRAMS[name], backend=backend, fullgraph=True)
    for seed in (3, 4):
        found = []
        for function in (PROGRAMS[name], compiled):
            sg.manual_seed(seed)
            found.append([function(x).numpy(), function(x).numpy(), sg.rand(1).numpy()])
        for want, got in zip(*found):
            np.testing.assert_array_equal(got, want)


CALLS = {
    "rand": lambda T: T.rand(2, 3, dtype=T.float64, requires_grad=True),
    "rand of ints": lambda T: T.rand(2, dtype=T.int64),
    "randint": lambda T: (T.randint(5, (2,)), T.randint(1, 5, (2, 3), dtype=T.int32), T.randint(high=3, size=(2,)),
                          T.randint(3, size=(1,)), T.randint(0, 3, size=(1,), dtype=T.float32)),
    "randint empty": lambda T: T.randint(5, 5, (2,)),
    "randint too large": lambda T: T.randint(0, 300, (2,), dtype=T.uint8),
    "randint of nothing": lambda T: T.randint(),
    "randperm": lambda T: (T.randperm(0), T.randperm(3, dtype=T.int32)),
    "randperm negative": lambda T: T.randperm(-1),
    "normal": lambda T: (T.normal(0.0, 1.0, (2,)), T.normal(T.zeros(2, 1), T.ones(3)), T.normal(T.zeros(2)),
                         T.normal(T.zeros(2), 2.0), T.normal(1.0, T.ones(2, dtype=T.float64))),
    "normal std": lambda T: T.normal(0.0, -1.0, (2,)),
    "normal stds": lambda T: T.normal(T.zeros(2), -T.ones(2)),
    "normal gradient": lambda T: T.normal(T.zeros(2, requires_grad=True) + 0, 1.0).sum(),
    "bernoulli": lambda T: (T.bernoulli(T.rand(2, 3)), T.bernoulli(T.zeros(2), 0.5), T.zeros(2).bernoulli(0.2),
                            T.zeros(2, dtype=T.int64).bernoulli_()),
    "bernoulli of ints": lambda T: T.bernoulli(T.ones(2, dtype=T.int64)),
    "bernoulli outside": lambda T: T.bernoulli(T.full((2,), 1.5)),
    "bernoulli_ outside": lambda T: T.zeros(2).bernoulli_(-0.5),
    "multinomial": lambda T: (T.multinomial(T.ones(3), 2), T.multinomial(T.ones(2, 3), 5, True)),
    "multinomial too many": lambda T: T.multinomial(T.ones(3), 4),
    "multinomial none": lambda T: T.multinomial(T.ones(3), 0),
    "multinomial negative": lambda T: T.multinomial(T.tensor([1.0, -1.0]), 1),
    "multinomial zeros": lambda T: T.multinomial(T.zeros(3), 1, True),
    "multinomial 3-d": lambda T: T.multinomial(T.ones(1, 1, 2), 1),
    "poisson": lambda T: T.poisson(T.ones(2, dtype=T.float64)),
    "poisson negative": lambda T: T.poisson(-T.ones(2)),
    "exponential": lambda T: T.zeros(2).exponential_(-1.0), "geometric": lambda T: T.zeros(2).geometric_(1.5),
    "cauchy": lambda T: T.zeros(2).cauchy_(0, -1.0), "log_normal": lambda T: T.zeros(2).log_normal_(0, -1.0),
    "exponential of ints": lambda T: T.zeros(2, dtype=T.int64).exponential_(),
    "uniform": lambda T: T.zeros(2).uniform_(3, 1), "random": lambda T: T.zeros(2).random_(3, 3),
    "leaf": lambda T: T.zeros(2, requires_grad=True).normal_(),
    "no_grad leaf": lambda T: T.no_grad()(lambda: T.zeros(2, requires_grad=True).normal_())(),
}  # fmt: skip


@pytest.mark.parametrize("name", CALLS)
def test_arguments_dtypes_and_errors(name: str) -> None:
    def shapes(T: Any) -> Any:
        found = CALLS[name](T)
        return [(tuple(x.shape), str(x.dtype).rpartition(".")[2], x.requires_grad)
                for x in (found if isinstance(found, tuple) else (found,))]  # fmt: skip

    agree(shapes)


@pytest.mark.parametrize("kind", ["bool", "uint8", "int8", "int64", "float16", "bfloat16", "float32"])
def test_random_fills_what_the_dtype_holds(kind: str) -> None:
    for T in (sg, torch):
        T.manual_seed(0)
        x = T.zeros(4000, dtype=getattr(T, kind)).random_().double()
        top = {
            "bool": 1,
            "uint8": 255,
            "int8": 127,
            "int64": 2**63,
            "float16": 2**11,
            "bfloat16": 2**8,
            "float32": 2**24,
        }[kind]
        assert float(x.min()) >= 0 and float(x.max()) <= top and float(x.max()) > 0.95 * top


def test_uniform_of_halves_is_below_one() -> None:
    for kind in (sg.float16, sg.bfloat16):
        x = sg.rand(100_000, dtype=kind)
        assert float(x.max()) < 1 and abs(float(x.float().mean()) - 0.5) < 0.01


def test_generators_and_states() -> None:
    g = sg.Generator().manual_seed(5)
    h = sg.Generator().manual_seed(5)
    assert bool((sg.rand(3, generator=g) == sg.rand(3, generator=h)).all())
    assert bool((sg.randperm(9, generator=g) == sg.randperm(9, generator=h.clone_state())).all())
    state = sg.get_rng_state()
    with sg.random.fork_rng():
        inside = sg.rand(3)
    assert bool((sg.rand(3) == inside).all())
    sg.set_rng_state(state)
    assert bool((sg.rand(3) == inside).all())
    assert sg.manual_seed(7).initial_seed() == sg.initial_seed() == 7
    assert isinstance(sg.seed(), int)
