"""Objects through a pipe, the memory of their arrays beside them: written from where it lies, read into its place."""

from __future__ import annotations

import io
import pickle
from typing import Any

import numpy as np

from symgrad.tensor.core import Tensor, wrap
from symgrad.tensor.memory import memory_under

Packed = tuple[bytes, list[pickle.PickleBuffer]]


class _Pickler(pickle.Pickler):
    """Pickles a view of much larger memory as the elements it shows."""

    def reducer_override(self, obj: Any) -> Any:
        if isinstance(obj, Tensor) and isinstance(obj._data, np.ndarray):
            array = obj._data
            if memory_under(array).nbytes > 2 * array.nbytes:
                small = wrap(array.copy(), type(obj))
                small._rg = obj._rg
                small.__dict__.update(obj.__dict__)
                return small.__reduce_ex__(5)
        return NotImplemented


def packed(obj: Any) -> Packed:
    """`obj` as bytes, and the arrays they leave out."""
    buffers: list[pickle.PickleBuffer] = []
    out = io.BytesIO()
    _Pickler(out, protocol=5, buffer_callback=buffers.append).dump(obj)
    return out.getvalue(), buffers


def send(connection: Any, message: Packed) -> None:
    """Write a packed object."""
    head, buffers = message
    views = [buffer.raw() for buffer in buffers]
    connection.send([view.nbytes for view in views])
    connection.send_bytes(head)
    for view in views:
        connection.send_bytes(view)


def receive(connection: Any) -> Any:
    """Read an object; its arrays may be written."""
    sizes = connection.recv()
    head = connection.recv_bytes()
    buffers = [bytearray(size) for size in sizes]
    for buffer in buffers:
        connection.recv_bytes_into(buffer)
    return pickle.loads(head, buffers=buffers)
