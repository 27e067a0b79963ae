"""`repr` of tensors in PyTorch's form: aligned, summarised, with remarks broken into lines as PyTorch does.

What is shown decides the form: only finite numbers other than zero choose between whole, fixed and
scientific notation, and the width. Complex numbers have a form for each part.
"""

from __future__ import annotations

import contextlib
import dataclasses
import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from symgrad import dtypes
from symgrad.ir.graph import Value
from symgrad.tensor.core import Tensor, fresh_node
from symgrad.tensor.device import default_device


@dataclasses.dataclass
class Options:
    """How tensors are printed; see `set_printoptions`."""

    precision: int = 4
    threshold: float = 1000
    edgeitems: int = 3
    linewidth: int = 80
    sci_mode: bool | None = None


OPTIONS = Options()
PROFILES: dict[str, dict[str, Any]] = {
    "default": dict(precision=4, threshold=1000, edgeitems=3, linewidth=80),
    "short": dict(precision=2, threshold=1000, edgeitems=2, linewidth=80),
    "full": dict(precision=4, threshold=math.inf, edgeitems=3, linewidth=80),
}


def set_printoptions(precision: int | None = None, threshold: float | None = None, edgeitems: int | None = None,
                     linewidth: int | None = None, profile: str | None = None, sci_mode: bool | None = None) -> None:
    """Set how tensors are printed: digits, elements shown in full, those at each end of a summary, line
    width, a `profile` ("default", "short", "full") and scientific notation (None: where it reads better).
    """
    given = dict(precision=precision, threshold=threshold, edgeitems=edgeitems, linewidth=linewidth)
    for name, value in (*PROFILES.get(profile or "", {}).items(), *given.items()):
        if value is not None:
            setattr(OPTIONS, name, value)
    OPTIONS.sci_mode = sci_mode


def get_printoptions() -> dict[str, Any]:
    """How tensors are printed, as arguments of `set_printoptions`."""
    return dataclasses.asdict(OPTIONS)


@contextlib.contextmanager
def printoptions(**options: Any) -> Iterator[None]:
    """`set_printoptions` for a while."""
    before = get_printoptions()
    set_printoptions(**options)
    try:
        yield
    finally:
        set_printoptions(**before)


def tensor_repr(tensor: Tensor) -> str:
    """`tensor([1., 2.], requires_grad=True)`; a symbol shows its type."""
    data: Any = tensor._data
    if type(data) is Value:
        return f"Tensor(<symbol {data.hint or ''}: {data.type}>)"
    kind = type(tensor).__name__
    start = "tensor(" if kind in ("Tensor", "Parameter", "Buffer") else f"{kind}("
    remarks = []
    if tensor.device.type != default_device().type:
        remarks.append("device='cuda:0'")
    data = data if isinstance(data, np.ndarray) else data.get()
    default = dtypes.get_default_dtype()
    usual = tensor.dtype in (default, default.to_complex(), dtypes.int64, dtypes.bool_)
    if data.size == 0 and data.ndim != 1 or data.size and not OPTIONS.edgeitems:
        remarks.append(f"size={tuple(data.shape)}")
    if tensor.dtype is not default if data.size == 0 else not usual:
        remarks.append(f"dtype=torch.{tensor.dtype.name}")
    if tensor._rg:
        node = fresh_node(tensor)
        remarks.append("requires_grad=True" if node is None else f"grad_fn=<{node.name()}>")
    body = "[]" if data.size == 0 else _body(data, len(start))
    prefix = "Parameter containing:\n" if kind == "Parameter" else ""
    return prefix + _with_remarks(start + body, remarks, len(start)) + ")"


def _with_remarks(text: str, remarks: list[str], indent: int) -> str:
    """The remarks after the numbers, each on a new line where it would pass the line's end."""
    used = len(text) - text.rfind("\n") + 1
    for remark in remarks:
        if used + len(remark) + 2 > OPTIONS.linewidth:
            text += ",\n" + " " * indent + remark
            used = indent + len(remark)
        else:
            text += ", " + remark
            used += len(remark) + 2
    return text


class Form:
    """How the numbers of one tensor (or one part of complex ones) are written, and how wide."""

    def __init__(self, data: Any, floating: bool):
        self.floating, self.whole, self.scientific, self.width = floating, True, False, 1
        flat = data.reshape(-1)
        if not floating:
            self.width = max([len(str(v)) for v in flat.tolist()], default=1)
            return
        wide = flat.astype(np.float64)
        finite = wide[np.isfinite(wide) & (wide != 0)]
        if not finite.size:
            return
        sizes = np.abs(finite)
        self.whole = bool((finite == np.ceil(finite)).all())
        self.scientific = OPTIONS.sci_mode if OPTIONS.sci_mode is not None else bool(
            sizes.max() / sizes.min() > 1000.0 or sizes.max() > 1.0e8 or sizes.min() < 1.0e-4)
        self.width = max(1, *[len(self.text(v)) for v in finite.tolist()])

    def text(self, value: Any) -> str:
        """The number without padding."""
        if not self.floating:
            return str(value)
        if self.scientific:
            return f"{value:.{OPTIONS.precision}e}"
        if self.whole:
            return f"{value:.0f}." if math.isfinite(value) else f"{value:.0f}"
        return f"{value:.{OPTIONS.precision}f}"

    def padded(self, value: Any) -> str:
        """The number at the common width."""
        return self.text(value).rjust(self.width)


class Forms:
    """The form of a tensor's elements: one, or one for each part."""

    def __init__(self, data: Any):
        if data.dtype.kind == "c":
            self.parts: tuple[Form, ...] = (Form(data.real, True), Form(data.imag, True))
            self.width = self.parts[0].width + self.parts[1].width + 1
        else:
            self.parts = (Form(data, data.dtype.kind not in "biu"),)
            self.width = self.parts[0].width

    def element(self, value: Any) -> str:
        """One element."""
        if len(self.parts) == 1:
            return self.parts[0].padded(value)
        imag = (self.parts[1].padded(value.imag) + "j").lstrip()
        return self.parts[0].padded(value.real) + (imag if imag[0] in "+-" else "+" + imag)


def _body(data: Any, indent: int) -> str:
    short = data.size > OPTIONS.threshold
    forms = Forms(_summary(data) if short else data)
    return _nested(data, forms, indent, short)


def _summary(data: Any) -> Any:
    """The elements a summary shows."""
    edge = OPTIONS.edgeitems
    for axis, extent in enumerate(data.shape):
        if data.ndim > 1 and not edge:
            return data[:0]
        if extent > 2 * edge:
            ends = [data.take(range(edge), axis), data.take(range(extent - edge, extent), axis)]
            data = np.concatenate(ends, axis)
    return data


def _numbers(data: Any) -> list[Any]:
    """A row as Python numbers."""
    if data.dtype.kind == "V":  # bfloat16
        data = data.astype(np.float32)
    return data.tolist()  # type: ignore[no-any-return]


def _nested(data: Any, forms: Forms, indent: int, short: bool) -> str:
    if data.ndim == 0:
        return forms.element(_numbers(data))
    edge = OPTIONS.edgeitems
    cut = short and data.shape[0] > 2 * edge
    if data.ndim == 1:
        if short and not edge:
            cells = ["..."]
        elif cut:
            cells = [*map(forms.element, _numbers(data[:edge])), " ...", *map(forms.element, _numbers(data[-edge:]))]
        else:
            cells = [*map(forms.element, _numbers(data))]
        count = max(1, math.floor((OPTIONS.linewidth - indent) / (forms.width + 2)))
        lines = [", ".join(cells[i : i + count]) for i in range(0, len(cells), count)]
        return "[" + (",\n" + " " * (indent + 1)).join(lines) + "]"
    places = [*range(edge), *range(len(data) - edge, len(data))] if cut else range(len(data))
    parts = [_nested(data[i], forms, indent + 1, short) for i in places]
    if cut:
        parts.insert(edge, "...")
    return "[" + ("," + "\n" * (data.ndim - 1) + " " * (indent + 1)).join(parts) + "]"
