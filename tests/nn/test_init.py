"""Starting values: the deterministic ones beside PyTorch, the random ones by their distribution."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from oracle import agree, torch, warn_alike

import symgrad as sg

init = sg.nn.init

FIXED = {
    "constant": lambda lib: lib.nn.init.constant_(lib.empty(2, 3), 0.5),
    "zeros": lambda lib: lib.nn.init.zeros_(lib.ones(2)),
    "ones": lambda lib: lib.nn.init.ones_(lib.nn.Parameter(lib.zeros(2))).detach(),
    "eye": lambda lib: lib.nn.init.eye_(lib.empty(2, 3)),
    "eye of a parameter": lambda lib: lib.nn.init.eye_(lib.nn.Parameter(lib.empty(3, 2))).requires_grad,
    "eye 3d": lambda lib: lib.nn.init.eye_(lib.empty(2, 3, 1)),
    "dirac 3": lambda lib: lib.nn.init.dirac_(lib.empty(4, 2, 3)),
    "dirac 4": lambda lib: lib.nn.init.dirac_(lib.empty(4, 2, 3, 2), 2),
    "dirac 5": lambda lib: lib.nn.init.dirac_(lib.empty(2, 2, 1, 3, 2)),
    "dirac 2": lambda lib: lib.nn.init.dirac_(lib.empty(2, 2)),
    "dirac groups": lambda lib: lib.nn.init.dirac_(lib.empty(3, 2, 1), 2),
    "gains": lambda lib: [lib.nn.init.calculate_gain(n) for n in (
        "linear", "conv2d", "conv_transpose3d", "sigmoid", "tanh", "relu", "leaky_relu", "selu")],
    "slope": lambda lib: [lib.nn.init.calculate_gain("leaky_relu", p) for p in (None, 0.2, 1)],
    "bad slope": lambda lib: lib.nn.init.calculate_gain("leaky_relu", True),
    "bad name": lambda lib: lib.nn.init.calculate_gain("gelu"),
    "fans": lambda lib: lib.nn.init._calculate_fan_in_and_fan_out(lib.empty(4, 3, 2, 5)),
    "fans of a vector": lambda lib: lib.nn.init.xavier_uniform_(lib.empty(4)),
    "fan": lambda lib: lib.nn.init._calculate_correct_fan(lib.empty(4, 3), "FAN_OUT"),
    "bad fan": lambda lib: lib.nn.init.kaiming_normal_(lib.empty(4, 3), mode="fan"),
    "orthogonal vector": lambda lib: lib.nn.init.orthogonal_(lib.empty(4)),
    "sparse 3d": lambda lib: lib.nn.init.sparse_(lib.empty(4, 1, 1), 0.1),
    "nothing": lambda lib: lib.nn.init.orthogonal_(lib.empty(0, 3)),
    "old name": lambda lib: lib.nn.init.constant(lib.empty(2), 3.0),
    "returns": lambda lib: [(lambda w: f(w) is w)(lib.empty(3, 3)) for f in (
        lib.nn.init.xavier_normal_, lib.nn.init.orthogonal_, lib.nn.init.eye_, lib.nn.init.trunc_normal_)],
}


@pytest.mark.parametrize("name", FIXED)
def test_beside_pytorch(name: str) -> None:
    agree(FIXED[name])


@pytest.mark.parametrize("call", [
    lambda lib: lib.nn.init.kaiming_uniform_(lib.empty(0, 3)), lambda lib: lib.nn.init.uniform(lib.empty(2)),
    lambda lib: lib.nn.init.trunc_normal_(lib.empty(2), mean=9.0),
])  # fmt: skip
def test_warnings(call: Any) -> None:
    assert warn_alike(call)


def normal(x: Any, mean: float = 0.0, std: float = 1.0) -> Any:
    """The normal distribution function."""
    return 0.5 * (1 + np.vectorize(math.erf)((x - mean) / (std * math.sqrt(2))))


def uniform(low: float, high: float) -> Any:
    return lambda x: np.clip((x - low) / (high - low), 0, 1)


def truncated(mean: float, std: float, a: float, b: float) -> Any:
    """The distribution function of what lies in [a, b]."""
    low, high = normal(a, mean, std), normal(b, mean, std)
    return lambda x: (normal(x, mean, std) - low) / (high - low)


def distance(sample: Any, cdf: Any) -> float:
    """Kolmogorov's statistic, which is above 1.95 once in a thousand samples of that distribution."""
    x = np.sort(sample.astype(np.float64).ravel())
    steps = np.arange(len(x) + 1) / len(x)
    found = cdf(x)
    return float(max(abs(found - steps[1:]).max(), abs(found - steps[:-1]).max()) * math.sqrt(len(x)))


SHAPE = (80, 50, 2)  # 100 inputs, 160 outputs a unit
RANDOM = {
    "uniform": (lambda w: init.uniform_(w, -1.0, 3.0), uniform(-1, 3)),
    "normal": (lambda w: init.normal_(w, 1.0, 2.0), lambda x: normal(x, 1, 2)),
    "truncated": (lambda w: init.trunc_normal_(w, 1.0, 2.0, -2.0, 2.0), truncated(1, 2, -2, 2)),
    "far tail": (lambda w: init.trunc_normal_(w, 0.0, 1.0, 5.0, 6.0), truncated(0, 1, 5, 6)),
    "xavier uniform": (lambda w: init.xavier_uniform_(w, math.sqrt(130)), uniform(-math.sqrt(3), math.sqrt(3))),
    "xavier normal": (lambda w: init.xavier_normal_(w), lambda x: normal(x, 0, math.sqrt(2 / 260))),
    "kaiming uniform": (lambda w: init.kaiming_uniform_(w, math.sqrt(5)), uniform(-0.1, 0.1)),
    "kaiming normal": (lambda w: init.kaiming_normal_(w, mode="fan_out", nonlinearity="relu"),
                       lambda x: normal(x, 0, math.sqrt(2 / 160))),
}  # fmt: skip


@pytest.mark.filterwarnings("ignore:mean is more than 2 std")
@pytest.mark.parametrize("dtype", [sg.float32, sg.float64])
@pytest.mark.parametrize("name", RANDOM)
def test_distributions(name: str, dtype: Any) -> None:
    sg.manual_seed(1)
    fill, cdf = RANDOM[name]
    weight = sg.nn.Parameter(sg.empty(*SHAPE, dtype=dtype))
    assert fill(weight) is weight and weight.grad_fn is None and weight.requires_grad
    assert distance(weight.detach().numpy(), cdf) < 1.95


@pytest.mark.parametrize("shape", [(5, 3), (3, 5), (4, 2, 3), (4, 4)])
def test_orthogonal(shape: tuple[int, ...]) -> None:
    sg.manual_seed(0)
    w = init.orthogonal_(sg.empty(*shape, dtype=sg.float64), gain=2.0).reshape(shape[0], -1).numpy()
    product = w @ w.T if w.shape[0] <= w.shape[1] else w.T @ w
    np.testing.assert_allclose(product, 4 * np.eye(len(product)), atol=1e-12)


def test_orthogonal_has_both_signs() -> None:
    sg.manual_seed(0)
    signs = [float(init.orthogonal_(sg.empty(3, 3))[0, 0]) > 0 for _ in range(60)]
    assert 15 < sum(signs) < 45


@pytest.mark.parametrize("sparsity", [0.0, 0.1, 0.33, 1.0])
def test_sparse(sparsity: float) -> None:
    sg.manual_seed(0)
    w = init.sparse_(sg.empty(10, 400), sparsity, std=0.5).numpy()
    assert ((w == 0).sum(0) == math.ceil(sparsity * 10)).all()
    if sparsity < 1:
        assert distance(w[w != 0], lambda x: normal(x, 0, 0.5)) < 1.95
        assert (w == 0).sum(1).std() < 15 + 400 * sparsity * 0.1


def test_a_generator_decides() -> None:
    def drawn(fill: Any) -> list[Any]:
        return [fill(sg.empty(4, 4), generator=sg.Generator().manual_seed(s)).tolist() for s in (3, 3, 4)]

    for fill in (init.uniform_, init.normal_, init.trunc_normal_, init.xavier_normal_, init.kaiming_uniform_,
                 init.orthogonal_, lambda w, generator: init.sparse_(w, 0.3, generator=generator)):  # fmt: skip
        one, two, other = drawn(fill)
        assert one == two != other


def test_old_names_are_all_there() -> None:
    for name in dir(torch.nn.init):
        if not name.startswith("_") and callable(getattr(torch.nn.init, name)) and name[0].islower():
            assert name in ("torch",) or hasattr(init, name), name
