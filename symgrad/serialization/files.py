"""`save` and `load`: safetensors with the containers beside the tensors; PyTorch's files are read, never written."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

from symgrad import dtypes
from symgrad.errors import LoadError
from symgrad.serialization.atomic import replacing
from symgrad.serialization.location import Placement
from symgrad.serialization.structure import Reader, Writer
from symgrad.serialization.torch_files import is_legacy, is_zip, load_legacy, load_zip

KEY = "symgrad"
"""Under which the containers stand in the file's metadata."""


def save(obj: Any, f: Any, pickle_module: Any = None, pickle_protocol: int = 2,
         _use_new_zipfile_serialization: bool = True) -> None:  # fmt: skip
    """Write tensors and NumPy arrays, alone or in dicts, lists and tuples with plain values, to a path or file object.

    The file is a safetensors file: a state dict's tensors stand in it under their names, and PyTorch reads them
    with `safetensors.torch.load_file`. A file is replaced only once the new one is whole on the disk. Pickle
    arguments are accepted and mean nothing.

    >>> import io
    >>> file = io.BytesIO()
    >>> sg.save({"w": sg.ones(2), "epoch": 3}, file)
    >>> _ = file.seek(0)
    >>> sg.load(file)
    {'w': tensor([1., 1.]), 'epoch': 3}
    """
    from safetensors import SafetensorError
    from safetensors.numpy import save as to_bytes
    from safetensors.numpy import save_file

    writer = Writer()
    structure = json.dumps(writer.take(obj), separators=(",", ":"), allow_nan=False)
    metadata = {"format": "pt", KEY: structure}
    if not isinstance(f, (str, os.PathLike)):
        f.write(to_bytes(writer.arrays, metadata))
        return
    if os.path.exists(f) and not os.path.isfile(f):  # a device or a pipe is written to, never replaced
        with open(f, "wb") as out:
            out.write(to_bytes(writer.arrays, metadata))
        return
    with replacing(Path(f)) as path:
        try:
            save_file(writer.arrays, path, metadata)
        except SafetensorError as error:
            raise OSError(f"cannot write {f}: {error}") from error


def load(f: Any, map_location: Any = None, pickle_module: Any = None, *, weights_only: bool | None = None,
         mmap: bool | None = None, **pickle_load_args: Any) -> Any:  # fmt: skip
    """Read what `save` wrote, any safetensors file, or a file of PyTorch's (`.pt`, `.pth`).

    Only tensors and plain containers are read, whatever `weights_only` says: no code in a file is ever run.

    Raises: LoadError if the file is damaged, cut off, or holds anything else
    """
    place = Placement(map_location)
    if isinstance(f, (str, os.PathLike)):
        return _load_path(Path(f), place)
    with tempfile.NamedTemporaryFile() as copy:
        shutil.copyfileobj(f, copy)
        copy.flush()
        return _load_path(Path(copy.name), place)


def _load_path(path: Path, place: Placement) -> Any:
    """Read a file by what it begins with."""
    with open(path, "rb") as file:
        start = file.read(32)
        file.seek(0)
        if is_zip(start):
            return load_zip(file, place)
        if is_legacy(start):
            return load_legacy(file, place)
    return _load_safetensors(path, place)


def _load_safetensors(path: Path, place: Placement) -> Any:
    """A safetensors file: the object that was saved, or a dict of tensors if it is another program's."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="np", backend="pread") as file:
            names = file.offset_keys()
            described = (file.metadata() or {}).get(KEY)

            def array(name: str) -> Any:
                found = file.get_tensor(name)
                if found.dtype not in dtypes.STORED:
                    raise LoadError(f"{name} has the dtype {found.dtype}, which symgrad has not")
                return found

            structure = {"dict": [[n, {"tensor": n}] for n in names]} if described is None else _parsed(described)
            return Reader(array, place).give(structure)
    except SafetensorError as error:
        raise LoadError(f"not a file of tensors, or damaged: {error}",
                        hint="load() reads safetensors files and PyTorch's .pt and .pth files") from error  # fmt: skip


def _parsed(described: str) -> Any:
    try:
        return json.loads(described)
    except (ValueError, RecursionError) as error:
        raise LoadError(f"the file's description of its contents is damaged ({error})") from error
