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
    return prefix + _with_extras(start + body, extras, len(start)) + ")"


def _with_extras(text: str, extras: list[str], indent: int) -> str:
    """The remarks after the numbers, each on a new line where it would pass the line's end."""
    used = len(text) - text.rfind("\n") + 1
    for extra in extras:
        if used + len(extra) + 2 > _LINE:
            text += ",\n" + " " * indent + extra
            used = indent + len(extra)
        else:
            text += ", " + extra
            used += len(extra) + 2
    return text


def _format(data: np.ndarray[Any, Any], indent: int) -> str:
    shown = _summary(data) if data.size > _THRESHOLD else data
    element, width = _element_formatter(np.asarray(shown))
    if data.ndim == 0:
        return str(element(data[()]))
    return _nested(data, element, width, indent, data.size > _THRESHOLD)


def _summary(data: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    for axis, extent in enumerate(data.shape):
        if extent > 6:
            data = np.concatenate([data.take(range(3), axis), data.take(range(extent - 3, extent), axis)], axis)
    return data


def _element_formatter(data: np.ndarray[Any, Any]) -> Any:
    """How one element is written, and how wide the widest is.

    Only finite numbers other than zero decide between whole, fixed and scientific form, and the width.
    """
    if data.dtype.kind in "biu":
        width = max((len(str(v)) for v in data.reshape(-1).tolist()), default=1)
        return lambda v: str(v.item()).rjust(width), width
    wide = data.astype(np.float64).reshape(-1)
    finite = wide[np.isfinite(wide) & (wide != 0)]
    sizes = np.abs(finite)
    whole = bool(np.all(np.ceil(finite) == finite))
    if sizes.size and (sizes.max() / sizes.min() > 1000.0 or sizes.max() > 1e8 or sizes.min() < 1e-4):
        write = lambda v: f"{v:.4e}"  # noqa: E731
    elif whole:
        write = lambda v: f"{v:.0f}." if np.isfinite(v) else f"{v:.0f}"  # noqa: E731
    else:
        write = lambda v: f"{v:.4f}"  # noqa: E731
    width = max((len(write(v)) for v in finite.tolist()), default=1)
    return lambda v: write(float(v)).rjust(width), width


def _nested(data: np.ndarray[Any, Any], element: Any, width: int, indent: int, summarize: bool) -> str:
    edge = summarize and data.shape[0] > 6
    if data.ndim == 1:
        cells = [element(v) for v in (np.concatenate([data[:3], data[-3:]]) if edge else data)]
        if edge:
            cells.insert(3, " ...")
        count = max(1, (_LINE - indent) // (width + 2))
        lines = [", ".join(cells[i : i + count]) for i in range(0, len(cells), count)]
        return "[" + (",\n" + " " * (indent + 1)).join(lines) + "]"
    rows = [*data[:3], *data[-3:]] if edge else list(data)
    parts = [_nested(np.asarray(row), element, width, indent + 1, summarize) for row in rows]
    if edge:
        parts.insert(3, "...")
    return "[" + ("," + "\n" * (data.ndim - 1) + " " * (indent + 1)).join(parts) + "]"
