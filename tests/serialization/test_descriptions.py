"""The JSON in a file's metadata is the user's no more than its tensors: what describes no object is an error."""

from __future__ import annotations

import io
import json
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save

import symgrad as sg
from symgrad.errors import LoadError, SymgradError


def described(structure: Any) -> Any:
    """Load a file whose contents are described so."""
    text = structure if isinstance(structure, str) else json.dumps(structure)
    arrays = {"x": np.arange(6, dtype=np.float32), "pairs": np.ones((3, 2)), "ints": np.arange(3)}
    return sg.load(io.BytesIO(save(arrays, {"symgrad": text})))


def view(*where: Any, **more: Any) -> Any:
    """`y`, which lies in `x` as said."""
    return [{"tensor": "x"}, {"tensor": "y", "in": list(where), **more}]


def test_descriptions_that_are_right() -> None:
    x, y = described(view("x", [2, 2], [3, 1], 1))
    assert y.tolist() == [[1, 2], [4, 5]]
    x[1] = 9
    assert y[0, 0] == 9
    y, x = described(view("x", [6], [1], 0)[::-1])
    assert x.owner is y.owner
    assert described({"tensor": "pairs", "dtype": "complex128"}).tolist() == [1 + 1j] * 3


@pytest.mark.parametrize("structure", [
    "", "{", "[1,", "nonsense", "[" * 100_000, '{"dict":[' * 50_000, {}, {"what": 1}, {"eval": "1"}, {"dict": 3},
    {"dict": [[1]]}, {"dict": [[1, 2, 3]]}, {"dict": [[[1], 2]]}, {"dict": [[{"dict": []}, 2]]}, {"set": [[1]]},
    {"tuple": 5}, {"dtype": "float99"}, {"dtype": ["float32"]}, {"Size": ["a"]}, {"bytes": "no base64!"}, {"bytes": 7},
    {"complex": ["1", "2", "3"]}, {"float": "one"}, {"device": "moon"}, {"device": {"a": 1}}, {"tensor": "no"},
    {"tensor": ["x"]}, {"tensor": None},
    {"tensor": "x", "dtype": "complex128"}, {"tensor": "ints", "requires_grad": True}, {"tensor": "x", "as": "Module"},
    {"tensor": "x", "as": ["Parameter"]}, {"tensor": "x", "device": "moon"}, {"tensor": "x", "device": 3},
    {"tensor": "x", "device": "cuda"},
    view(), view("x"), view("no", [1], [1], 0), view("y", [1], [1], 0), view("x", [7], [1], 0), view("x", [2], [1], 5),
    view("x", [2], [1], -1), view("x", [-2], [1], 0), view("x", [2], [-1], 3), view("x", [2, 2], [1], 0),
    view("x", [2.0], [1], 0), view("x", [True], [1], 0), view("x", ["a"], [1], 0), view("x", 2, 1, 0),
    view("x", [2**70], [0], 0), view("x", [2**62, 0], [1, 1], 0), view("x", [2**40], [2**40], 0),
    view("x", [1], [1], None),
    view(["x"], [1], [1], 0),
], ids=lambda s: str(s)[:60])  # fmt: skip
def test_descriptions_that_are_wrong(structure: Any) -> None:
    with pytest.raises(SymgradError) as caught:
        described(structure)
    assert isinstance(caught.value, RuntimeError)


@pytest.mark.parametrize("depth", [100, 400, 900, 5000])
def test_keys_nested_deeply_are_no_crash(depth: int) -> None:
    try:
        found = described('{"dict":[[' + '{"tuple":[' * depth + "1" + "]}" * depth + ",2]]}")
    except LoadError:
        assert depth > 100
    else:
        assert list(found.values()) == [2]
