"""Files that PyTorch's `torch.save` wrote: a pickle of containers, and the memory of tensors beside it.

Since 1.6 it is a zip archive, before that one stream. No more memory is ever made than the file is long.
"""

from __future__ import annotations

import io
import os
import struct
import sys
import zipfile
import zlib
from collections import Counter, OrderedDict
from dataclasses import dataclass, field
from typing import Any, BinaryIO

import numpy as np

from symgrad import dtypes
from symgrad.dtypes import DType
from symgrad.errors import GradError, LoadError, SymgradError
from symgrad.nn.parameter import Parameter
from symgrad.ops.conversion import LEGACY
from symgrad.serialization.location import Placement
from symgrad.serialization.memory import strided
from symgrad.serialization.pickles import Function, key_of, pairs_of, read_pickle
from symgrad.tensor.core import Size, Tensor, wrap
from symgrad.tensor.device import Device

MAGIC = b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19."
"""The pickle of the number that old files begin with."""


def is_zip(start: bytes) -> bool:
    """Whether a file that begins so is a zip archive."""
    return start.startswith(b"PK\x03\x04")


def is_legacy(start: bytes) -> bool:
    """Whether a file that begins so is of PyTorch before 1.6."""
    return start.startswith(MAGIC)


@dataclass(frozen=True)
class StorageKind:
    """What a pickle calls a kind of memory, by its elements."""

    dtype: DType


@dataclass(eq=False)
class Storage:
    """Some memory as flat bytes, its elements, the device it was saved from, and the first tensor at each place."""

    memory: Any
    dtype: DType
    location: str
    tensors: dict[Any, Tensor] = field(default_factory=dict)

    def swap(self) -> None:
        """Turn the bytes of every number around, where the file is of a machine of the other kind."""
        size = self.dtype.itemsize // (2 if self.dtype.is_complex else 1)
        self.memory.view(f"u{size}").byteswap(inplace=True)


class Tensors:
    """Makes the tensors of one file as its pickle asks; what needs their elements waits until those are there."""

    def __init__(self, place: Placement):
        self.place = place
        self.made: dict[int, tuple[Tensor, Storage, dict[str, Any]]] = {}

    def tensor(self, storage: Any, offset: Any, size: Any, stride: Any, requires_grad: Any = False, hooks: Any = None,
               metadata: Any = None) -> Tensor:  # fmt: skip
        """`_rebuild_tensor_v2`."""
        return self.of_dtype(storage, offset, size, stride, requires_grad, hooks, None, metadata)

    def of_dtype(self, storage: Any, offset: Any, size: Any, stride: Any, requires_grad: Any, hooks: Any, dtype: Any,
                 metadata: Any = None) -> Tensor:  # fmt: skip
        """`_rebuild_tensor_v3`, whose storage has no dtype of its own."""
        if not isinstance(storage, Storage):
            raise TypeError("a tensor without a storage")
        dtype = storage.dtype if dtype is None else dtypes.as_dtype(dtype)
        place = (dtype, tuple(size), tuple(stride), offset)
        tensor = wrap(strided(storage.memory, dtype, size, stride, offset))
        tensor._base = first.owner if (first := storage.tensors.setdefault(place, tensor)) is not tensor else None
        tensor._rg = _flag(requires_grad, dtype)
        self.made[id(tensor)] = (tensor, storage, dict(metadata or {}))
        return tensor

    def parameter(self, data: Any, requires_grad: Any, hooks: Any = None) -> Tensor:
        """`_rebuild_parameter`."""
        made = Parameter(data, _flag(requires_grad, data.dtype))
        made._base = data._base
        self.made[id(made)] = (made, *self.made[id(data)][1:])
        return made

    def finish(self) -> None:
        """What is done to elements: conjugates and negatives that PyTorch left for later, and other devices."""
        done: dict[Any, Any] = {}
        for tensor, storage, metadata in self.made.values():
            if unknown := set(metadata) - {"conj", "neg"}:
                raise LoadError(f"the file says of a tensor what symgrad does not know: {unknown}")
            array = tensor._data
            conj, neg = bool(metadata.get("conj")), bool(metadata.get("neg"))
            start = array.__array_interface__["data"]
            key = (start, array.shape, array.strides, array.dtype.str, storage.location, conj, neg)
            if key not in done:
                array = array.conj() if conj else array
                done[key] = self.place(-array if neg else array, storage.location)
            tensor._data = done[key]

    def names(self) -> dict[str, Any]:
        """Everything a pickle may refer to."""
        built_in = {"set": Function(lambda items=(): {key_of(i) for i in items}), "bytearray": Function(_bytearray),
                    "frozenset": Function(lambda items=(): frozenset(map(key_of, items))), "complex": Function(complex)}
        return {
            **{f"torch.{name}Storage": StorageKind(dtypes.BY_NAME[dtype]) for dtype, name in LEGACY.items()},
            "torch.storage.UntypedStorage": StorageKind(dtypes.uint8),
            **{f"torch.{dtype.name}": dtype for dtype in dtypes.ALL},
            "torch._utils._rebuild_tensor": Function(self.tensor),
            "torch._utils._rebuild_tensor_v2": Function(self.tensor),
            "torch._utils._rebuild_tensor_v3": Function(self.of_dtype),
            "torch._utils._rebuild_parameter": Function(self.parameter),
            "torch.Size": Function(lambda extents: Size(int(e) for e in extents)), "torch.device": Function(_device),
            "collections.OrderedDict": Function(lambda pairs=(): OrderedDict(pairs_of(pairs))),
            "collections.Counter": Function(lambda counts: Counter(dict(counts))),
            **{f"{module}.{name}": made for module in ("builtins", "__builtin__") for name, made in built_in.items()},
            "_codecs.encode": Function(_encoded),
        }  # fmt: skip


def _flag(requires_grad: Any, dtype: DType) -> bool:
    if requires_grad and not dtype.is_inexact:
        raise GradError("Only Tensors of floating point and complex dtype can require gradients")
    return bool(requires_grad)


def _bytearray(data: Any = b"") -> bytearray:
    if not isinstance(data, bytes):
        raise TypeError("a bytearray is made of bytes")
    return bytearray(data)


def _encoded(text: Any, encoding: Any) -> bytes:
    """How older pickles write bytes."""
    if encoding != "latin1":
        raise ValueError(f"bytes are written in latin1, not {encoding}")
    return bytes(text.encode("latin1"))


def _device(kind: Any, index: Any = None) -> Device:
    return Device(kind, index)


def _storage_id(saved: Any) -> tuple[Any, ...]:
    """(kind, key, location, number of elements, …) of a storage."""
    if not isinstance(saved, tuple) or len(saved) < 5 or saved[0] != "storage":
        raise TypeError(f"no storage: {saved!r}")
    kind, key, location, numel = saved[1:5]
    if not isinstance(kind, StorageKind) or type(numel) is not int or numel < 0:
        raise TypeError(f"no storage: {saved!r}")
    return kind.dtype, str(key), str(location), numel, *saved[5:]


def _size_of(file: BinaryIO) -> int:
    size = file.seek(0, os.SEEK_END)
    file.seek(0)
    return size


# -- the zip archive ---------------------------------------------------------------------------------------------------


def load_zip(file: BinaryIO, place: Placement) -> Any:
    """The object in an archive that `torch.save` wrote."""
    size = _size_of(file)
    try:
        with zipfile.ZipFile(file) as archive:
            return _Archive(archive, size).load(Tensors(place))
    except SymgradError:
        raise
    except (zipfile.BadZipFile, zlib.error, struct.error, EOFError, OSError, ValueError, RuntimeError, LookupError,
            OverflowError) as error:  # fmt: skip
        raise LoadError(f"the archive is damaged or cut off ({error})") from error


class _Archive:
    """The records of an archive, which all lie in one folder."""

    def __init__(self, archive: zipfile.ZipFile, size: int):
        self.archive = archive
        self.size = size
        names = archive.namelist()
        roots = sorted((n[: -len("data.pkl")] for n in names if n.endswith("data.pkl")), key=len)
        if not roots:
            raise LoadError("a zip archive without data.pkl: not a file of torch.save")
        self.root = roots[0]
        if f"{self.root}constants.pkl" in names:
            raise LoadError("a TorchScript archive, which is a program", hint="in PyTorch, save its state_dict()")
        order = self.record("byteorder").tobytes() if f"{self.root}byteorder" in names else b"little"
        if order not in (b"little", b"big"):
            raise LoadError(f"unknown byte order {order!r}")
        self.swapped = order != sys.byteorder.encode()
        self.storages: dict[str, Storage] = {}

    def record(self, name: str, nbytes: int | None = None) -> Any:
        """The bytes of one record, which must be as many as are expected, and are in the file as they are."""
        info = self.archive.getinfo(self.root + name)
        if info.compress_type != zipfile.ZIP_STORED or info.file_size != info.compress_size \
                or info.file_size > self.size or nbytes not in (None, info.file_size):  # fmt: skip
            raise LoadError(f"record {name} of the archive is compressed, or not of the size it should have")
        memory = np.empty(info.file_size, np.uint8)
        with self.archive.open(info) as file:
            if file.readinto(memory) != info.file_size:  # type: ignore[attr-defined]
                raise LoadError(f"record {name} of the archive is cut off")
        return memory

    def load(self, tensors: Tensors) -> Any:
        """The object."""
        result = read_pickle(self.record("data.pkl").tobytes(), tensors.names(), self.storage)
        tensors.finish()
        return result

    def storage(self, saved: Any) -> Storage:
        """The memory a pickle refers to, read once."""
        dtype, key, location, numel, *_ = _storage_id(saved)
        found = self.storages.get(key)
        if found is None:
            memory = self.record(f"data/{key}", numel * dtype.itemsize)
            found = self.storages[key] = Storage(memory, dtype, location)
            if self.swapped:
                found.swap()
        return found


# -- the stream before 1.6 ---------------------------------------------------------------------------------------------


def load_legacy(file: BinaryIO, place: Placement) -> Any:
    """The object in a stream: number, version, machine, the object's pickle, the keys of storages, their memory."""
    stream = io.BytesIO(file.read())
    try:
        return _Stream(stream, Tensors(place)).load()
    except (struct.error, EOFError) as error:
        raise LoadError(f"the file is cut off ({error})") from error


class _Stream:
    """Reads one stream from its beginning; its storages are made empty and filled at the end."""

    def __init__(self, stream: io.BytesIO, tensors: Tensors):
        self.stream = stream
        self.tensors = tensors
        self.left = len(stream.getbuffer())
        self.storages: dict[str, Storage] = {}
        self.views: dict[Any, Storage] = {}

    def plain(self) -> Any:
        """One pickle of plain values."""
        return read_pickle(self.stream, {}, _storage_id)

    def load(self) -> Any:
        """The object."""
        self.plain()
        if (version := self.plain()) != 1001:
            raise LoadError(f"unknown version of the format: {version}")
        machine = self.plain()
        if not isinstance(machine, dict):
            raise LoadError("the file does not say on what machine it was written")
        order = "little" if machine.get("little_endian", True) else "big"
        result = read_pickle(self.stream, self.tensors.names(), self.storage)
        keys = self.plain()
        if not isinstance(keys, list) or set(map(str, keys)) != set(self.storages):
            raise LoadError("the file does not hold the storages its pickle refers to")
        for key in map(str, keys):
            self.fill(self.storages[key], order)
        self.tensors.finish()
        return result

    def storage(self, saved: Any) -> Storage:
        """The memory a pickle refers to, or a part of it, not filled yet."""
        dtype, key, location, numel, *view = _storage_id(saved)
        found = self.storages.get(key)
        if found is None:
            self.left -= numel * dtype.itemsize
            if self.left < 0:
                raise LoadError("the file is shorter than the tensors it is said to hold")
            found = self.storages[key] = Storage(np.zeros(numel * dtype.itemsize, np.uint8), dtype, location)
        if not view or view[0] is None:
            return found
        name, start, count = view[0]
        part = strided(found.memory, dtypes.uint8, [count * dtype.itemsize], [1], start * dtype.itemsize)
        return self.views.setdefault((key, name), Storage(part, dtype, location))

    def fill(self, storage: Storage, order: str) -> None:
        """Read a storage's elements, before which their number stands."""
        (count,) = struct.unpack("<q" if order == "little" else ">q", self.stream.read(8))
        if count * storage.dtype.itemsize != storage.memory.nbytes \
                or self.stream.readinto(storage.memory) != storage.memory.nbytes:  # fmt: skip
            raise LoadError("a storage is cut off, or of another size than its tensors say")
        if order != sys.byteorder:
            storage.swap()
