"""Which windows pooling goes over: of one size a step apart, or as many as the result has elements."""

from __future__ import annotations

from typing import Any

from symgrad.errors import ShapeError
from symgrad.nn.functions.sizes import each, padded, positive, reach
from symgrad.ops import functional as ops
from symgrad.ops.gathering import index_select
from symgrad.ops.ranges import arange
from symgrad.ops.windows import span, windows
from symgrad.tensor.core import Tensor


def check_input(name: str, n: int, input: Tensor) -> None:
    """Refuse an input without n dimensions after its channels, or with none of something but samples."""
    shape = list(map(int, input.shape))
    if input.ndim not in (n + 1, n + 2):
        raise ShapeError(f"{name}: Expected {n + 1}D or {n + 2}D input, but got input of size {shape}")
    if 0 in shape[input.ndim - n - 1 :]:
        raise ShapeError(f"{name}: Expected input to have non-zero size for all non-batch dimensions, but got {shape}")


class Windows:
    """The windows of a pooling over the last n dimensions: sizes made definite, errors raised, counts known."""

    def __init__(self, name: str, n: int, input: Tensor, kernel_size: Any, stride: Any, padding: Any, dilation: Any,
                 ceil_mode: bool):  # fmt: skip
        check_input(name, n, input)
        self.name, self.n = name, n
        self.size = each(name, "kernel_size", kernel_size, n)
        given = isinstance(stride, int) or stride is not None and len(stride) > 0
        self.stride = each(name, "stride", stride, n) if given else self.size
        self.padding, self.dilation = each(name, "padding", padding, n), each(name, "dilation", dilation, n)
        for what in ("size", "stride", "dilation"):
            positive(name, what, getattr(self, what))
        if any(p < 0 for p in self.padding):
            raise ShapeError(f"{name}: pad must be non-negative, but got {list(self.padding)}")
        if any(p > span(k, d) // 2 for p, k, d in zip(self.padding, self.size, self.dilation)):
            raise ShapeError(f"{name}: pad should be at most half of effective kernel size, but got pad="
                             f"{list(self.padding)}, kernel_size={list(self.size)} and dilation={list(self.dilation)}")
        self.first = input.ndim - n
        self.length = tuple(input.shape[self.first :])
        self.count = tuple([self.windows_in(d, ceil_mode) for d in range(n)])
        if any(c < 1 for c in self.count):
            raise ShapeError(f"{name}: Given input size {list(map(int, input.shape))}, calculated output size "
                             f"{list(map(int, self.count))}. Output size is too small")

    def windows_in(self, d: int, ceil_mode: bool) -> int:
        """How many windows dimension d has; with `ceil_mode` also one that begins inside and ends beyond."""
        stride, inside = self.stride[d], self.length[d] + self.padding[d]
        room = inside + self.padding[d] - span(self.size[d], self.dilation[d])
        if not ceil_mode:
            return room // stride + 1
        count = (room + stride - 1) // stride + 1
        return count - 1 if (count - 1) * stride >= inside else count

    def padded(self, input: Tensor, value: Any) -> Tensor:
        """The input with as many elements of `value` on each side as the windows reach over."""
        after = [max(reach(c, k, s, g) - e - p, 0) for c, k, s, g, e, p in
                 zip(self.count, self.size, self.stride, self.dilation, self.length, self.padding)]  # fmt: skip
        return padded(input, self.padding, after, value)

    def over(self, input: Tensor, d: int, value: Any = None) -> Tensor:
        """The windows along dimension d, as the last dimension."""
        return windows(input, self.first + d, self.size[d], self.stride[d], self.dilation[d])  # type: ignore[no-any-return]

    def place(self, index: Tensor, d: int) -> Tensor:
        """Where in dimension d of the input the elements `index` of the windows are."""
        start = arange(self.count[d], device=index.device) * self.stride[d] - self.padding[d]
        place = along(start, self.n, d) + index * self.dilation[d]
        if not self.padding[d]:
            return place  # type: ignore[no-any-return]
        # where all are -inf, which padding is too, the first that is not padding counts
        inside = -(-start.clamp(max=0) // self.dilation[d]) * self.dilation[d]  # type: ignore[attr-defined]
        return place.maximum(along(start - inside, self.n, d))  # type: ignore[no-any-return]

    def sizes(self, d: int, count_padding: bool, device: Any) -> Any:
        """How many elements count in each window along dimension d: a number if always as many."""
        k, s, p, length = self.size[d], self.stride[d], self.padding[d], self.length[d]
        if (count_padding or not p) and reach(self.count[d], k, s, 1) <= length + 2 * p:
            return k
        start = arange(self.count[d], device=device) * s - p
        end = (start + k).clamp(max=length + p)  # type: ignore[attr-defined]
        if not count_padding:
            start, end = start.clamp(min=0), end.clamp(max=length)  # type: ignore[attr-defined]
        return along(end - start, self.n, d)


class EvenWindows:
    """As many windows as asked for, which divide the last n dimensions as evenly as they can and may overlap."""

    def __init__(self, name: str, n: int, input: Tensor, output_size: Any):
        if n > 1 and isinstance(output_size, (tuple, list)) and input.ndim <= len(output_size):
            raise ValueError(f"Input dimension should be at least {len(output_size) + 1}")
        check_input(name, n, input)
        given = (output_size,) * n if output_size is None or isinstance(output_size, int) else tuple(output_size)
        if len(given) != n:
            raise ShapeError(f"{name}: Expected output_size of {n} numbers, but got {list(given)}")
        self.n, self.first = n, input.ndim - n
        self.length = tuple(input.shape[self.first :])
        self.count = tuple([e if wanted is None else wanted for wanted, e in zip(given, self.length)])
        if any(c < 0 for c in self.count):
            raise ShapeError(f"{name}: elements of output_size must be greater than or equal to 0 but received "
                             f"{list(given)}")

    def bounds(self, d: int, device: Any) -> tuple[Tensor, Tensor]:
        """The first element of each window along dimension d, and the one after its last."""
        place = arange(self.count[d], device=device) * self.length[d]
        return place // self.count[d], (place + self.length[d] + self.count[d] - 1) // self.count[d]

    def regular(self, d: int) -> bool:
        """Whether all windows along dimension d are as long."""
        return self.count[d] > 0 and self.length[d] % self.count[d] == 0

    def over(self, input: Tensor, d: int, value: Any) -> Tensor:
        """The windows along dimension d, as the last dimension; the shorter ones filled up with `value`."""
        length, count, dim = self.length[d], self.count[d], self.first + d
        if self.regular(d):
            return windows(input, dim, length // count, length // count)  # type: ignore[no-any-return]
        longest = max([((i + 1) * length + count - 1) // count - i * length // count for i in range(count)], default=1)
        start, end = (ops.unsqueeze(b, 1) for b in self.bounds(d, input.device))
        places = start + arange(longest, device=input.device)
        inside = ops.reshape(places < end, (count, *[1] * (self.n - d - 1), longest))
        chosen = index_select(input, dim, ops.reshape(places.clamp(max=length - 1), (-1,)))  # type: ignore[attr-defined]
        seen = ops.reshape(chosen, (*input.shape[:dim], count, longest, *input.shape[dim + 1 :]))
        return ops.where(inside, seen.movedim(dim + 1, -1), value)  # type: ignore[attr-defined, no-any-return]

    def place(self, index: Tensor, d: int) -> Tensor:
        """Where in dimension d of the input the elements `index` of the windows are."""
        return along(self.bounds(d, index.device)[0], self.n, d) + index  # type: ignore[no-any-return]

    def sizes(self, d: int, device: Any) -> Any:
        """How many elements each window along dimension d has: a number if always as many."""
        if self.regular(d):
            return self.length[d] // self.count[d]
        start, end = self.bounds(d, device)
        return along(end - start, self.n, d)


def along(numbers: Any, n: int, d: int) -> Any:
    """One number for each window along dimension d, to be broadcast over the n last dimensions."""
    return ops.reshape(numbers, (-1, *[1] * (n - d - 1)))
