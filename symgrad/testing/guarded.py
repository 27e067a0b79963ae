"""The arguments of a kernel in guarded memory: one element too far is a fault, and named."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Sequence
from typing import Any, Literal

import numpy as np

from symgrad.testing.cuda_source import Kernel, Param
from symgrad.testing.shim_library import runtime

Order = Literal["forward", "reversed"]

_GUARD = 16 << 20
_PAGE = os.sysconf("SC_PAGE_SIZE")
# As float32, float64 and half a NaN, as an index far out: a value read from here shows.
_CANARY = np.frombuffer(b"\xde\xc0\xff\xff", np.uint8)


class KernelFault(RuntimeError):
    """A kernel touched memory that is not its own, diverged at a barrier, or did not end."""


class Region:
    """A copy of some memory between guard pages: flush with its end, or with its start.

    The flush side faults at the first byte outside; the slack on the other side is a canary,
    checked after the launch. Forward and reversed runs are flush with one side each.
    """

    def __init__(self, nbytes: int, align: int, flush_start: bool):
        self.nbytes = nbytes
        self.mapped = -(-nbytes // _PAGE) * _PAGE
        address = runtime()[0].symgrad_shim_map(self.mapped, _GUARD)
        if not address:
            raise MemoryError(f"no {self.mapped} bytes for a kernel argument")
        self.base: int = address
        self.offset = 0 if flush_start else self.mapped - -(-nbytes // align) * align
        self.address = self.base + self.offset
        memory = (ctypes.c_uint8 * self.mapped).from_address(self.base)
        self._bytes = np.ctypeslib.as_array(memory)
        for slack in self._slack():
            slack[:] = np.resize(_CANARY, slack.size)

    def _slack(self) -> tuple[np.ndarray, np.ndarray]:
        return self._bytes[: self.offset], self._bytes[self.offset + self.nbytes :]

    def intruded(self) -> int | None:
        """Where the slack was written: the offset from the start of the data, or None."""
        before, after = self._slack()
        for slack, origin, nearest in ((after, self.nbytes, 0), (before, -self.offset, -1)):
            changed = np.flatnonzero(slack != np.resize(_CANARY, slack.size))
            if changed.size:
                return (origin + int(changed[nearest])) // 4 * 4  # a word: a byte may agree
        return None

    def free(self) -> None:
        runtime()[0].symgrad_shim_unmap(self.base, self.mapped, _GUARD)


def _side(offset: int, nbytes: int) -> str:
    if offset < 0:
        return f"{-offset} bytes before its start"
    return f"{offset - nbytes} bytes past its end" if offset >= nbytes else "inside it"


class Arguments:
    """The arguments of one launch in guarded memory; arrays that overlap share one region."""

    def __init__(self, kernel: Kernel, args: Sequence[Any], order: Order, align: int, shared: int):
        if len(args) != len(kernel.params):
            raise TypeError(f"{kernel.name} takes {len(kernel.params)} arguments, got {len(args)}")
        self.pointers = (ctypes.c_void_p * max(1, len(args)))()
        self.labels: list[tuple[Region, str]] = []
        self._scalars: list[ctypes.Array[ctypes.c_char]] = []
        self._copies: list[tuple[Region, int, bool]] = []
        arrays: list[tuple[int, int, int]] = []
        for i, (param, arg) in enumerate(zip(kernel.params, args, strict=True)):
            label = f"{kernel.name}: argument {i} '{param.name}'"
            self._check(label, param, arg)
            if param.pointer:
                start = arg.ctypes.data
                bounds = np.lib.array_utils.byte_bounds(arg) if arg.size else (start, start)
                arrays.append((*bounds, i))
            else:
                self._scalars.append(ctypes.create_string_buffer(arg.tobytes()))
                self.pointers[i] = ctypes.addressof(self._scalars[-1])
        flush_start = order == "reversed"
        while arrays:
            group, arrays = _first_group(sorted(arrays))
            members = [(kernel.params[i], args[i], i) for _, _, i in group]
            _refuse_restrict(kernel, members)
            low, high = group[0][0], max(high for _, high, _ in group)
            sizes = [arg.itemsize for _, arg, _ in members]
            region = Region(high - low, max(align, *sizes, 1), flush_start)
            ctypes.memmove(region.address, low, region.nbytes)
            self._copies.append((region, low, any(not param.const for param, _, _ in members)))
            for param, arg, i in members:
                self.pointers[i] = region.address + arg.ctypes.data - low
                shape = ",".join(map(str, arg.shape))
                label = f"argument {i} '{param.name}' ({arg.dtype}[{shape}])"
                self.labels.append((region, label))
        self.shared = Region(shared, 16, flush_start)
        self.labels.append((self.shared, f"dynamic shared memory ({shared} bytes)"))

    @staticmethod
    def _check(label: str, param: Param, arg: Any) -> None:
        wanted = "an array" if param.pointer else "a NumPy scalar"
        if not isinstance(arg, np.ndarray if param.pointer else np.generic):
            raise TypeError(f"{label} wants {wanted} of {param.dtype}, got {type(arg).__name__}")
        if arg.dtype != param.dtype and {arg.dtype.char, param.dtype.char} != {"?", "B"}:
            raise TypeError(f"{label} wants {wanted} of {param.dtype}, got {arg.dtype}")
        if param.pointer and not param.const and not arg.flags.writeable:
            raise ValueError(f"{label} is written by the kernel, but the array is read-only")

    def near(self, address: int) -> str | None:
        """Which argument an address is in or beside."""
        for region, label in self.labels:
            if region.base - _GUARD <= address < region.base + region.mapped + _GUARD:
                return f"{label}: touched {_side(address - region.address, region.nbytes)}"
        return None

    def copy_back(self, kernel: str) -> None:
        for region, label in self.labels:
            offset = region.intruded()
            if offset is not None:
                raise KernelFault(f"{kernel}: {label}: written {_side(offset, region.nbytes)}")
        for region, low, written in self._copies:
            if written:
                ctypes.memmove(low, region.address, region.nbytes)

    def free(self) -> None:
        for region in {id(region): region for region, _ in self.labels}.values():
            region.free()


def _first_group(
    spans: list[tuple[int, int, int]],
) -> tuple[list[tuple[int, int, int]], list[tuple[int, int, int]]]:
    """Split sorted byte spans into those that overlap, chained to the first, and the rest."""
    end, k = spans[0][1], 1
    while k < len(spans) and spans[k][0] < end:
        end, k = max(end, spans[k][1]), k + 1
    return spans[:k], spans[k:]


def _refuse_restrict(kernel: Kernel, members: Sequence[tuple[Param, Any, int]]) -> None:
    for param, arg, i in members:
        for other, other_arg, j in members:
            written = not (param.const and other.const)
            if i != j and param.restrict and written and np.shares_memory(arg, other_arg):
                raise ValueError(
                    f"{kernel.name}: arguments {i} '{param.name}' (__restrict__) and "
                    f"{j} '{other.name}' overlap, and one is written"
                )
