"""`repr` of tensors in PyTorch's form: four digits, aligned, summarised beyond 1,000 elements."""

from __future__ import annotations

from typing import Any

import numpy as np

from symgrad import dtypes
from symgrad.ir.graph import Value
from symgrad.tensor.core import Tensor, fresh_node

_THRESHOLD = 1000
_LINE = 80


def tensor_repr(tensor: Tensor) -> str:
    """`tensor([1., 2.], requires_grad=True)`; a symbol shows its type."""
    data: Any = tensor._data
    if type(data) is Value:
        return f"Tensor(<symbol {data.hint or ''}: {data.type}>)"
    if not isinstance(data, np.ndarray):
        data = data.get()
    extras = []
    dtype = tensor.dtype
    if data.size == 0 and data.ndim != 1:
        extras.append(f"size={tuple(data.shape)}")
    if dtype not in (dtypes.get_default_dtype(), dtypes.int64, dtypes.bool_) or (
            data.size == 0 and dtype is not dtypes.get_default_dtype()):  # fmt: skip
        extras.append(f"dtype=torch.{dtype.name}")
    if tensor.device.type != "cpu":
        extras.append("device='cuda:0'")
    if tensor._rg:
        node = fresh_node(tensor)
        extras.append("requires_grad=True" if node is None else f"grad_fn=<{node.name()}>")
    prefix = "Parameter containing:\n" if type(tensor).__name__ == "Parameter" else ""
    start = "tensor("
    body = "[]" if data.size == 0 else _format(data, len(start))
    suffix = "".join(f", {e}" for e in extras)
    if extras and "\n" in body and len(body.rsplit("\n", 1)[1]) + len(suffix) > _LINE:
        suffix = ",\n" + " " * len(start) + ", ".join(extras)
    return f"{prefix}{start}{body}{suffix})"


def _format(data: np.ndarray[Any, Any], indent: int) -> str:
    shown = _summary(data) if data.size > _THRESHOLD else data
    element = _element_formatter(np.asarray(shown))
    return _nested(data, element, indent, data.size > _THRESHOLD)


def _summary(data: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    for axis, extent in enumerate(data.shape):
        if extent > 6:
            data = np.concatenate([data.take(range(3), axis), data.take(range(extent - 3, extent), axis)], axis)
    return data


def _element_formatter(data: np.ndarray[Any, Any]) -> Any:
    if data.dtype.kind == "b":
        width = max((len(str(bool(v))) for v in data.flat), default=0)
        return lambda v: str(bool(v)).rjust(width if data.ndim else 0)
    if data.dtype.kind in "iu":
        width = max((len(str(v)) for v in data.flat), default=0)
        return lambda v: str(v).rjust(width if data.ndim else 0)
    finite = np.abs(data[np.isfinite(data) & (data != 0)].astype(np.float64))
    if finite.size == 0 or np.all(np.floor(finite) == finite):
        sci = finite.size > 0 and (finite.max() / finite.min() > 1000.0 or finite.max() > 1e8 or finite.min() < 1e-4)
        plain = (lambda v: f"{v:.4e}") if sci else (lambda v: f"{v:.0f}." if np.isfinite(v) else f"{v}")
    elif finite.max() / finite.min() > 1000.0 or finite.max() > 1e8 or finite.min() < 1e-4:
        plain = lambda v: f"{v:.4e}" if np.isfinite(v) else f"{v}"  # noqa: E731
    else:
        plain = lambda v: f"{v:.4f}"  # noqa: E731
    width = max((len(plain(float(v))) for v in data.flat), default=0)
    return lambda v: plain(float(v)).rjust(width if data.ndim else 0)


def _nested(data: np.ndarray[Any, Any], element: Any, indent: int, summarize: bool) -> str:
    if data.ndim == 0:
        return str(element(data[()]))
    edge = summarize and data.shape[0] > 6
    if data.ndim == 1:
        cells = [element(v) for v in (np.concatenate([data[:3], data[-3:]]) if edge else data)]
        if edge:
            cells.insert(3, " ...")
        width = max(1, (_LINE - indent) // (max(len(c) for c in cells) + 2)) if cells else 1
        lines = [cells[i : i + width] for i in range(0, len(cells), width)]
        return "[" + (",\n" + " " * (indent + 1)).join(", ".join(line) for line in lines) + "]"
    rows = [*data[:3], *data[-3:]] if edge else list(data)
    parts = [_nested(np.asarray(row), element, indent + 1, summarize) for row in rows]
    if edge:
        parts.insert(3, "...")
    return "[" + ("," + "\n" * (data.ndim - 1) + " " * (indent + 1)).join(parts) + "]"
