"""Whole strings against PyTorch: every dtype, sizes around each limit, options, remarks."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from oracle import torch

import symgrad as sg

KINDS = ("bool", "uint8", "int8", "int16", "int32", "int64", "float16", "bfloat16", "float32", "float64", "complex64",
         "complex128")  # fmt: skip
SHAPES = ((), (1,), (7,), (23,), (0,), (0, 3), (2, 0), (3, 4), (2, 3, 4), (2, 1, 2, 3), (1001,), (30, 40), (1100, 1),
          (3, 7, 60))  # fmt: skip
SCALES = (1.0, 1e-6, 1e4, 1e9)
OPTIONS: dict[str, dict[str, Any]] = {
    "precision": dict(precision=2), "threshold": dict(threshold=5), "edgeitems": dict(threshold=5, edgeitems=1),
    "no edge": dict(threshold=5, edgeitems=0), "linewidth": dict(linewidth=40), "short": dict(profile="short"),
    "full": dict(profile="full"), "sci": dict(sci_mode=True), "no sci": dict(sci_mode=False),
    "sci and digits": dict(sci_mode=True, precision=7), "narrow": dict(linewidth=10),
}  # fmt: skip


@pytest.fixture(autouse=True)
def _defaults() -> Iterator[None]:
    yield
    for lib in (sg, torch):
        lib.set_printoptions(profile="default")


def pair(kind: str, shape: tuple[int, ...], scale: float = 1.0, seed: int = 0, special: bool = False) -> Any:
    """The same numbers in both libraries."""
    rng = np.random.default_rng(seed + len(shape) + int(np.prod(shape)))
    data = rng.normal(size=shape) * scale
    if kind.startswith("complex"):
        data = data + 1j * rng.normal(size=shape) * 3
    elif kind == "bool":
        data = data > 0
    elif "int" in kind:
        data = rng.integers(0 if kind[0] == "u" else -100, 100, shape)
    if special and data.size > 3:
        flat = data.reshape(-1)
        flat[:4] = (np.inf, -np.inf, np.nan, 0.0)
    theirs = torch.from_numpy(np.asarray(data)).to(getattr(torch, kind))
    mine = sg.from_numpy(np.asarray(data)).to(getattr(sg, kind))
    return mine, theirs


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_every_dtype_and_size(kind: str, shape: tuple[int, ...]) -> None:
    for scale in SCALES if "float" in kind or "complex" in kind else (1.0,):
        for special in (False, True) if "float" in kind or "complex" in kind else (False,):
            mine, theirs = pair(kind, shape, scale, special=special)
            assert repr(mine) == repr(theirs)
            assert str(mine) == str(theirs)


@pytest.mark.parametrize("name", OPTIONS)
@pytest.mark.parametrize("kind", ["int64", "float32", "bfloat16", "complex64", "bool"])
def test_options(name: str, kind: str) -> None:
    for lib in (sg, torch):
        lib.set_printoptions(**OPTIONS[name])
    assert sg.get_printoptions() == torch._tensor_str.get_printoptions()
    for shape in SHAPES[:12]:
        for scale in (1.0, 1e5):
            mine, theirs = pair(kind, shape, scale)
            assert repr(mine) == repr(theirs)


def test_options_for_a_while() -> None:
    before = sg.get_printoptions()
    with sg.printoptions(precision=1):
        assert repr(sg.tensor(0.25)) == "tensor(0.2)"
    assert sg.get_printoptions() == before


@pytest.mark.parametrize("n", range(1, 40, 3))
@pytest.mark.parametrize("kind", ["float64", "bfloat16", "complex64", "float32"])
def test_remarks_break_lines_where_pytorch_does(n: int, kind: str) -> None:
    mine, theirs = pair(kind, (n,))
    assert repr(mine.requires_grad_()) == repr(theirs.requires_grad_())
    assert repr(mine * 2) == repr(theirs * 2)
    assert repr(mine.reshape(1, n).sum(0)) == repr(theirs.reshape(1, n).sum(0))


@pytest.mark.parametrize("default", ["float64", "float32"])
def test_the_default_dtype_is_not_said(default: str) -> None:
    try:
        for lib in (sg, torch):
            lib.set_default_dtype(getattr(lib, default))
        for kind in KINDS:
            for shape in ((2,), (0,), (0, 2), ()):
                mine, theirs = pair(kind, shape)
                assert repr(mine) == repr(theirs)
    finally:
        for lib in (sg, torch):
            lib.set_default_dtype(lib.float32)


PROGRAMS = {
    "format": lambda T: f"{T.tensor(1.5):.3f} {T.tensor(True)} {T.tensor(7):>4}",
    "finfo": lambda T: [T.finfo(getattr(T, k)) for k in ("float16", "bfloat16", "float32", "float64", "complex64")],
    "iinfo": lambda T: [T.iinfo(getattr(T, k)) for k in ("uint8", "int8", "int16", "int32", "int64")],
    "limits": lambda T: [(T.finfo(T.bfloat16).eps, T.finfo().max, T.iinfo(T.int8).bits, T.finfo(T.float16).tiny)],
    "types": lambda T: [T.zeros(1, dtype=getattr(T, k)).type() for k in KINDS],
    "strided": lambda T: (T.strided, T.contiguous_format, T.preserve_format, T.zeros(1).layout),
    "size": lambda T: (T.zeros(2, 3).size(), T.zeros(()).shape, T.zeros(2, 3).size(-1)),
}  # fmt: skip


@pytest.mark.parametrize("name", PROGRAMS)
def test_other_texts(name: str) -> None:
    assert repr(PROGRAMS[name](sg)) == repr(PROGRAMS[name](torch))


def test_a_format_for_many_elements_is_an_error() -> None:
    for T in (sg, torch):
        with pytest.raises(TypeError):
            f"{T.zeros(2):.2f}"
