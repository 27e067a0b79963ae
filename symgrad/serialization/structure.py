"""Containers as JSON, with names where tensors stand.

JSON's own null, booleans, numbers, strings and arrays (lists) are themselves; everything else is an object whose
first key says what it is: `{"tuple": […]}`, `{"dict": [[key, value], …]}`, `{"tensor": name}`; NumPy's arrays are
`{"ndarray": {"tensor": name}}`. Tensors that lie in the memory of another one say so beside their name, so that tied
weights are tied again when loaded.
"""

from __future__ import annotations

import base64
import math
from collections import Counter, OrderedDict, defaultdict
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from symgrad import dtypes
from symgrad.errors import LoadError, SaveError
from symgrad.nn.parameter import Buffer, Parameter
from symgrad.serialization.memory import strided
from symgrad.tensor.core import Size, Tensor, wrap
from symgrad.tensor.device import Device
from symgrad.tensor.memory import memory_under

CLASSES: dict[str, tuple[type[Tensor], Callable[[Tensor], Tensor]]] = {
    "Parameter": (Parameter, lambda data: Parameter(data, False)), "Buffer": (Buffer, Buffer),
}  # fmt: skip
"""Tensors with a meaning: their class, and how one is made of a tensor."""


class Writer:
    """Takes an object apart into JSON and named arrays."""

    def __init__(self) -> None:
        self.arrays: dict[str, Any] = {}
        self.records: dict[str, tuple[Tensor, dict[str, Any]]] = {}
        self.seen: dict[int, str] = {}

    def take(self, obj: Any) -> Any:
        """The JSON of a whole object."""
        try:
            made = self.encode(obj, ())
        except RecursionError as error:
            raise SaveError("the object is nested too deeply, or contains itself") from error
        self.tie()
        return made

    def encode(self, obj: Any, path: tuple[str, ...]) -> Any:
        """The JSON of one object, found at `path`."""
        kind = type(obj)
        if isinstance(obj, Tensor):
            return self.tensor(obj, path)
        if obj is None or kind in (bool, int, str):
            return obj
        if kind is float:
            return obj if math.isfinite(obj) else {"float": repr(obj)}
        if isinstance(obj, np.generic) and obj.dtype.kind in "biufc":
            return self.encode(obj.item(), path)
        if kind is np.ndarray and obj.dtype in dtypes.STORED:
            return {"ndarray": self.tensor(wrap(obj), path)}
        if kind in (list, tuple, set, frozenset):
            items = [self.encode(item, (*path, str(i))) for i, item in enumerate(obj)]
            return items if kind is list else {kind.__name__: items}
        if kind in (*MAPPINGS.values(), defaultdict):
            pairs = [[self.encode(key, (*path, "key")), self.encode(value, (*path, _step(key)))]
                     for key, value in obj.items()]  # fmt: skip
            return {"dict" if kind is defaultdict else kind.__name__: pairs}
        for name, (type_, write, _) in PLAIN.items():
            if kind is type_:
                return {name: write(obj)}
        where = f" at {'.'.join(path)}" if path else ""
        full = f"{kind.__module__}.{kind.__qualname__}" + (f" of {obj.dtype}" if kind is np.ndarray else "")
        raise SaveError(f"save() writes tensors and plain containers; found {full}{where}",
                        hint="of modules and optimizers save state_dict()")  # fmt: skip

    def tensor(self, tensor: Tensor, path: tuple[str, ...]) -> dict[str, Any]:
        """The JSON for a tensor, whose elements go along under the name of its place."""
        data = tensor.array("saving")
        array = data if isinstance(data, np.ndarray) else data.get()
        name = self.unused(".".join(path) or "tensor")
        self.arrays[name] = stored(array)
        first = self.seen.setdefault(id(tensor), name)
        record: dict[str, Any] = {"tensor": first}
        if first != name:
            return record
        if type(tensor) is not Tensor:
            record["as"] = next((n for n, (c, _) in CLASSES.items() if type(tensor) is c), None)
            if record["as"] is None:
                raise SaveError(f"save() writes tensors and parameters; found {type(tensor).__qualname__} at {name}")
        if tensor.dtype is dtypes.complex128:
            record["dtype"] = tensor.dtype.name
        if tensor.requires_grad:
            record["requires_grad"] = True
        if tensor.device.type != "cpu":
            record["device"] = str(tensor.device)
        self.records[name] = (tensor, record)
        return record

    def unused(self, name: str) -> str:
        """`name`, or one like it that no other tensor has and that the format does not keep for itself."""
        wanted = name = name.encode("utf-8", "backslashreplace").decode("utf-8")
        number = 1
        while name in self.arrays or name == "__metadata__":
            number += 1
            name = f"{wanted}#{number}"
        return name

    def tie(self) -> None:
        """Say of tensors in each other's memory where in which one they lie."""
        groups: dict[int, list[str]] = {}
        for name, (tensor, _) in self.records.items():
            if isinstance(tensor._data, np.ndarray) and tensor._data.size:
                groups.setdefault(id(memory_under(tensor._data)), []).append(name)
        for names in groups.values():
            whole = max(names, key=lambda n: self.extent(n) if self.records[n][0].is_contiguous() else -1)
            owner = self.records[whole][0]
            for name in names:
                tensor, record = self.records[name]
                if name == whole or tensor.dtype is not owner.dtype or not owner.is_contiguous():
                    continue
                start, rest = divmod(_address(tensor) - _address(owner), tensor.dtype.itemsize)
                last = sum((e - 1) * s for e, s in zip(tensor.shape, tensor.stride()))
                if rest == 0 <= start and start + last < owner.numel():
                    record["in"] = [whole, list(tensor.shape), list(tensor.stride()), start]

    def extent(self, name: str) -> int:
        """How many elements a tensor has."""
        return self.records[name][0].numel()


def _step(key: Any) -> str:
    """A dict's key as part of a tensor's name."""
    return key if isinstance(key, str) else str(key) if isinstance(key, int) else "value"


def _address(tensor: Tensor) -> int:
    return int(tensor._data.__array_interface__["data"][0])


def stored(array: Any) -> Any:
    """An array as the format can hold it: row-major, complex128 as pairs of float64."""
    array = np.ascontiguousarray(array).reshape(array.shape)
    return np.stack([array.real, array.imag], -1) if array.dtype == np.complex128 else array


class Reader:
    """Puts an object together from what a Writer made; `arrays(name)` gives the array of that name."""

    def __init__(self, arrays: Callable[[str], Any], place: Callable[[Any, str], Any]):
        self.arrays = arrays
        self.place = place
        self.made: dict[str, Tensor] = {}
        self.records: dict[str, dict[str, Any]] = {}

    def give(self, json: Any) -> Any:
        """The object that JSON stands for; LoadError where it stands for none."""
        try:
            self.note(json)
            return self.decode(json)
        except (TypeError, ValueError, KeyError, IndexError, AttributeError, RecursionError, OverflowError) as error:
            raise LoadError(f"the file's description of its contents is damaged ({error!r})") from error

    def note(self, json: Any) -> None:
        """Know what is said of each tensor, since one may lie in a later one."""
        if isinstance(json, dict):
            if "tensor" in json and len(json) > len(self.records.get(json["tensor"], {})):
                self.records[json["tensor"]] = json
            for value in json.values():
                self.note(value)
        elif isinstance(json, list):
            for value in json:
                self.note(value)

    def decode(self, json: Any) -> Any:
        """The object one piece of JSON stands for."""
        if isinstance(json, list):
            return [self.decode(item) for item in json]
        if not isinstance(json, dict):
            return json
        (kind, value), *_ = json.items()
        if kind == "tensor":
            return self.tensor(value)
        if kind == "ndarray":
            array = self.tensor(value["tensor"]).array("loading")
            return array if isinstance(array, np.ndarray) else array.get()  # map_location moves tensors, not these
        if kind in CONTAINERS:
            return CONTAINERS[kind](self.decode(item) for item in value)
        if kind in MAPPINGS:
            return MAPPINGS[kind]({self.decode(key): self.decode(item) for key, item in value})
        if kind == "float":
            return float(value)
        return PLAIN[kind][2](value)

    def tensor(self, name: str) -> Tensor:
        """The tensor of that name, the same object each time."""
        found = self.made.get(name)
        if found is None:
            record = self.records[name]
            found = self.made[name] = self.tied(record) if "in" in record else self.fresh(name, record)
            if "as" in record:
                base, found = found, CLASSES[record["as"]][1](found)
                found._base = base._base
                self.made[name] = found
            if record.get("requires_grad"):
                found.requires_grad_(True)  # type: ignore[attr-defined]
        return found

    def fresh(self, name: str, record: dict[str, Any]) -> Tensor:
        """A tensor on the array that the file has under its name."""
        array = self.arrays(name)
        if record.get("dtype") == "complex128":
            if array.dtype != np.float64 or array.shape[-1:] != (2,):
                raise ValueError(f"{name} is not of pairs of float64")
            pairs, array = array, np.empty(array.shape[:-1], np.complex128)
            array.real, array.imag = pairs[..., 0], pairs[..., 1]
        return wrap(self.place(array, record.get("device", "cpu")))

    def tied(self, record: dict[str, Any]) -> Tensor:
        """A tensor in the memory of another one."""
        whole, shape, strides, start = record["in"]
        if "in" in self.records[whole]:
            raise ValueError(f"{whole} is not a tensor of its own")
        owner = self.tensor(whole)
        if (shape, strides, start) == (list(owner.shape), list(owner.stride()), 0):
            tensor = wrap(owner._data)
            tensor._base = owner.owner
        elif isinstance(owner._data, np.ndarray):
            memory = owner._data.reshape(-1).view(np.uint8)
            tensor = wrap(strided(memory, owner.dtype, shape, strides, start))
        else:
            tensor = self.fresh(record["tensor"], record)
        return tensor


def _dtype(name: Any) -> dtypes.DType:
    return dtypes.BY_NAME[name]


CONTAINERS: dict[str, Callable[[Iterable[Any]], Any]] = {"tuple": tuple, "set": set, "frozenset": frozenset}
MAPPINGS: dict[str, type[dict[Any, Any]]] = {"dict": dict, "OrderedDict": OrderedDict, "Counter": Counter}
PLAIN: dict[str, tuple[type, Callable[[Any], Any], Callable[[Any], Any]]] = {
    "Size": (Size, list, lambda extents: Size(int(e) for e in extents)),
    "dtype": (dtypes.DType, lambda d: d.name, _dtype),
    "device": (Device, str, lambda text: Device(str(text))),
    "bytes": (bytes, lambda b: base64.b64encode(b).decode(), lambda text: base64.b64decode(text, validate=True)),
    "bytearray": (bytearray, lambda b: base64.b64encode(b).decode(), lambda text: bytearray(base64.b64decode(text))),
    "complex": (complex, lambda z: [repr(z.real), repr(z.imag)], lambda parts: complex(*map(float, parts))),
}
"""Other plain values by name: their type, as JSON, from JSON."""
