"""PyTorch's own files, new and old: what it saved is what is loaded, and nothing else is."""

from __future__ import annotations

import io
import os
import pickle
import struct
import subprocess
import sys
import zipfile
from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from oracle import array_of, name_of, torch

import symgrad as sg
from symgrad.errors import LoadError, SymgradError
from symgrad.serialization.pickles import Function, read_pickle
from symgrad.serialization.torch_files import MAGIC

NEW_AND_OLD = pytest.mark.parametrize("new", [True, False], ids=["zip", "legacy"])
DTYPES = [torch.bool, torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64, torch.float16, torch.bfloat16,
          torch.float32, torch.float64, torch.complex64, torch.complex128]  # fmt: skip


def content(obj: Any, new: bool = True, **options: Any) -> bytes:
    file = io.BytesIO()
    torch.save(obj, file, _use_new_zipfile_serialization=new, **options)
    return file.getvalue()


def loaded(obj: Any, new: bool = True, **options: Any) -> Any:
    return sg.load(io.BytesIO(content(obj, new, **options)))


def same(mine: Any, theirs: Any) -> None:
    if isinstance(theirs, torch.Tensor):
        assert isinstance(mine, sg.nn.Parameter if isinstance(theirs, torch.nn.Parameter) else sg.Tensor)
        assert name_of(mine.dtype) == name_of(theirs.dtype) and mine.stride() == theirs.stride()
        assert tuple(mine.shape) == tuple(theirs.shape) and mine.requires_grad == theirs.requires_grad
        if theirs.dtype is torch.bfloat16:
            mine, theirs = mine.float(), theirs.float()
        assert np.array_equal(array_of(mine), array_of(theirs))
    elif isinstance(theirs, dict):
        assert list(mine) == list(theirs) and isinstance(mine, OrderedDict) == isinstance(theirs, OrderedDict)
        for key in theirs:
            same(mine[key], theirs[key])
    elif isinstance(theirs, torch.Size):
        assert isinstance(mine, sg.Size) and tuple(mine) == tuple(theirs)
    elif isinstance(theirs, (list, tuple)):
        assert type(mine) is type(theirs) and len(mine) == len(theirs)
        for a, b in zip(mine, theirs):
            same(a, b)
    elif isinstance(theirs, torch.dtype):
        assert name_of(mine) == name_of(theirs)
    elif isinstance(theirs, torch.device):
        assert repr(mine) == repr(theirs)
    else:
        assert mine == theirs and type(mine) is type(theirs)


@NEW_AND_OLD
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_every_dtype(dtype: Any, new: bool) -> None:
    x = torch.arange(24).reshape(2, 3, 4).to(dtype)
    for t in (x, x.transpose(0, 2), x[:, 1], x[..., ::2], x[1, 2, 3], x[:0], x[0, :1].expand(5, 4)):
        same(loaded(t, new), t)
    same(loaded([x, x[0], x.t() if x.ndim == 2 else x.mT], new), [x, x[0], x.mT])


@NEW_AND_OLD
@pytest.mark.parametrize("obj", [
    None, True, 3, -(2**70), 2.5, "text €", b"by\xfftes", bytearray(b"x"), 1 + 2j, {1, 2}, frozenset({"a"}), [], (), {},
    torch.Size([2, 3]), torch.float32, torch.device("cpu"), OrderedDict(a=1), {"a": [(1, {2: None})], 3: 4.0},
    (1, 2, 3, 4, 5), {"n": list(range(300))},
], ids=repr)  # fmt: skip
def test_plain_values(obj: Any, new: bool) -> None:
    same(loaded({"x": obj}, new), {"x": obj})


@pytest.mark.parametrize("protocol", range(6))
def test_pickle_protocols(protocol: int) -> None:
    obj = {"w": torch.ones(2, 2), "b": b"bytes", "n": [1, 2.5, None, True, "s", (1,), {3}], "o": OrderedDict(k=-1)}
    if protocol in (0,):  # its tuples of ids are text; PyTorch cannot load it either
        with pytest.raises(LoadError, match="PERSID"):
            loaded(obj, pickle_protocol=protocol)
        return
    same(loaded(obj, pickle_protocol=protocol), obj)


@NEW_AND_OLD
def test_a_checkpoint(new: bool) -> None:
    model = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.BatchNorm1d(4), torch.nn.Linear(4, 2, bias=False))
    opt = torch.optim.Adam(model.parameters())
    schedule = torch.optim.lr_scheduler.MultiStepLR(opt, [2, 4])
    model(torch.randn(5, 3)).sum().backward()
    opt.step()
    obj = {"model": model.state_dict(), "opt": opt.state_dict(), "schedule": schedule.state_dict(), "epoch": 1,
           "parameter": model[0].weight, "grad": model[0].weight.grad}  # fmt: skip
    same(loaded(obj, new), obj)


@NEW_AND_OLD
def test_conjugates_negatives_and_shared_memory(new: bool) -> None:
    z = torch.complex(torch.arange(4.0), torch.ones(4))
    found = loaded([z, z.conj(), torch.nn.Parameter(z.conj())], new)
    same(found[:2], [z, z.conj().resolve_conj()])
    assert found[2].tolist() == z.conj().tolist()
    assert loaded(z.conj().imag, new).tolist() == [-1.0] * 4
    x = torch.arange(6.0)
    found = loaded([x, x[2:], x, x.detach()], new)
    found[0][3] = 50
    assert found[1][1] == 50 and found[2] is found[0] and found[3][3] == 50


def test_big_endian() -> None:
    x = {"f": torch.arange(3.0), "z": torch.tensor([1 + 2j]), "i": torch.tensor([1, 256]),
         "b": torch.ones(2, dtype=torch.bfloat16)}  # fmt: skip
    source = zipfile.ZipFile(io.BytesIO(content(x)))
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name in source.namelist():
            data = source.read(name)
            if name.endswith("byteorder"):
                data = b"big"
            if "/data/" in name:
                size = {"0": 4, "1": 4, "2": 8, "3": 2}[name.rpartition("/")[2]]
                data = np.frombuffer(data, f"u{size}").byteswap().tobytes()
            archive.writestr(name, data)
    out.seek(0)
    same(sg.load(out), x)


def test_files_on_disk(tmp_path: Path) -> None:
    x = torch.randn(1000)
    torch.save({"x": x}, tmp_path / "x.pt")
    same(sg.load(tmp_path / "x.pt", weights_only=False), {"x": x})
    same(sg.load(str(tmp_path / "x.pt"), map_location=lambda storage, loc: storage), {"x": x})


@NEW_AND_OLD
def test_from_a_device_that_is_not_here(new: bool) -> None:
    data = content(torch.ones(2), new).replace(b"X\x03\x00\x00\x00cpu", b"X\x03\x00\x00\x00mps")
    if new:
        data = rezipped(data, lambda pickle: pickle)
    with pytest.raises(SymgradError, match="mps"):
        sg.load(io.BytesIO(data))
    for where in ("cpu", {"mps": "cpu"}, lambda storage, location: storage):
        assert sg.load(io.BytesIO(data), where).tolist() == [1, 1]


def rezipped(data: bytes, change: Any) -> bytes:
    """An archive with another pickle in it, checksums right again."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as source, zipfile.ZipFile(out, "w") as archive:
        for info in source.infolist():
            source.NameToInfo[info.filename].CRC = None  # type: ignore[assignment]
            record = source.open(info).read()
            archive.writestr(info.filename, change(record) if info.filename.endswith("data.pkl") else record)
    return out.getvalue()


class Evil:
    """Runs a command when unpickled."""

    def __init__(self, command: str):
        self.command = command

    def __reduce__(self) -> Any:
        return os.system, (self.command,)


@NEW_AND_OLD
def test_no_code_is_run(new: bool, tmp_path: Path) -> None:
    canary = tmp_path / "canary"
    for obj in (Evil(f"touch {canary}"), {"w": torch.ones(2), "x": Evil(f"touch {canary}")}):
        with pytest.raises(LoadError, match=r"refers to posix\.system: only tensors"):
            loaded(obj, new)
    for text in (b"cbuiltins\nexec\n(Vopen('CANARY','w')\ntR.", b"(S'touch CANARY'\nios\nsystem\n.",
                 b"(cos\nsystem\nVtouch CANARY\no.", 
                 b"\x80\x04\x8c\x02os\x8c\x06system\x93\x8c\x06CANARY\x85R."):  # fmt: skip
        data = rezipped(content(1), lambda old: text.replace(b"CANARY", str(canary).encode()))
        with pytest.raises(LoadError):
            sg.load(io.BytesIO(data))
    assert not canary.exists()


@NEW_AND_OLD
@pytest.mark.parametrize("obj, said", [
    (torch.nn.Linear(1, 1), "torch.nn.modules.linear.Linear"), (np.float64(1), "numpy"), (np.ones(2), "numpy"),
    (torch.zeros(2, dtype=torch.uint16), "uint16"), (torch.zeros(2).to_sparse(), "sparse"), (print, "print"),
    (slice(1), "slice"),
])  # fmt: skip
def test_other_objects_are_named(obj: Any, said: str, new: bool) -> None:
    with pytest.raises(LoadError, match=said):
        loaded([obj], new)


def test_torchscript_is_named(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "m.pt", "w") as archive:
        for name in ("m/data.pkl", "m/constants.pkl", "m/code/a.py"):
            archive.writestr(name, b"")
    with pytest.raises(LoadError, match="TorchScript"):
        sg.load(tmp_path / "m.pt")


def tensor_pickle(offset: Any, size: Any, stride: Any, numel: Any = 6) -> bytes:
    def number(n: int) -> bytes:
        return b"\x8a\x09" + struct.pack("<q", n) + b"\0"

    def tuple_of(ns: Any) -> bytes:
        return b"(" + b"".join(map(number, ns)) + b"t"

    return (b"\x80\x02ctorch._utils\n_rebuild_tensor_v2\n((X\x07\0\0\0storagectorch\nFloatStorage\n"
            b"X\x01\0\0\x000X\x03\0\0\0cpu" + number(numel) + b"tQ" + number(offset)
            + tuple_of(size) + tuple_of(stride) + b"\x89)tR.")  # fmt: skip


@pytest.mark.parametrize("offset, size, stride, numel", [
    (0, [7], [1], 6), (1, [6], [1], 6), (-1, [2], [1], 6), (0, [2], [-1], 6), (0, [-2], [1], 6), (0, [2, 3], [1], 6),
    (0, [2**40], [2**40], 6), (0, [2**61], [0], 6), (0, [2**62, 2**62, 0], [1, 1, 1], 6), (0, [6], [1], 7),
    (0, [6], [1], 2**60), (0, [6], [1], -6), (2**62, [1], [1], 6), (0, [1] * 65, [1] * 65, 6),
])  # fmt: skip
def test_places_outside_the_memory(offset: int, size: Any, stride: Any, numel: int) -> None:
    base = content(torch.arange(6.0))
    good = sg.load(io.BytesIO(rezipped(base, lambda old: tensor_pickle(1, [2], [2]))))
    assert good.tolist() == [1, 3]
    with pytest.raises(LoadError):
        sg.load(io.BytesIO(rezipped(base, lambda old: tensor_pickle(offset, size, stride, numel))))


@pytest.mark.parametrize("data", [
    b"", b".", b"\x80\x02", b"0.", b"N0.", b"(.", b"t.", b"r\xff\xff\xff\x7f.", b"}N(K\x01u.", b"}]K\x01s.", b"h\x05.",
    b"K\x01K\x02R.", b"K\x01K\x02a.", b"\x8d" + b"\xff" * 8 + b"x.", b"\x96" + b"\xff" * 7 + b"\x0fx.", b"\x8f(]\x90.",
    b"]}b.", b"ccollections\nOrderedDict\n)R}X\x01\0\0\0aK\x01sb.", b"I" + b"9" * 5000 + b"\n.",
    b"N" * 3,
    b")" + b"\x85" * 200_000 + b"\x94}h\x00K\x01s.", b"}" + b")" + b"\x85" * 200_000 + b"K\x01s.",
])  # fmt: skip
def test_pickles_that_are_wrong(data: bytes) -> None:
    with pytest.raises(LoadError):
        read_pickle(data, {"collections.OrderedDict": Function(OrderedDict)}, lambda saved: saved)


def test_numbers_that_only_sound_large() -> None:
    """A place in the pickle's memory, or the length of a frame, asks for no memory of ours."""
    assert read_pickle(b"]r\xff\xff\xff\xff.", {}, id) == []
    assert read_pickle(b"\x95" + b"\xff" * 8 + b"N.", {}, id) is None


def test_bombs() -> None:
    """Sizes that are not those of the file are refused before memory is asked for."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a/data.pkl", tensor_pickle(0, [2], [1], 50_000_000))
        archive.writestr("a/data/0", bytes(200_000_000))
    with pytest.raises(LoadError, match="compressed"):
        sg.load(io.BytesIO(out.getvalue()))
    old = content(torch.arange(6.0), new=False)
    at = old.index(b"K\x06", len(MAGIC))
    with pytest.raises(LoadError, match="shorter than the tensors"):
        sg.load(io.BytesIO(old[:at] + b"\x8a\x06" + b"\xff" * 5 + b"\0" + old[at + 2 :]))


MUTATE = '''
import io, random, resource, sys, time
sys.path[:0] = {path!r}
import symgrad as sg
from symgrad.errors import SymgradError
from serialization.mutants import mutants, sources
limit = 6 << 30
resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
loaded = refused = 0
slowest = 0.0
for data in mutants(sources({folder!r}), {count}, {seed}):
    start = time.perf_counter()
    try:
        sg.load(io.BytesIO(data))
        loaded += 1
    except SymgradError:
        refused += 1
    slowest = max(slowest, time.perf_counter() - start)
print(loaded, refused, slowest)
'''


@pytest.mark.parametrize("seed", [0, 1])
def test_mutated_files(seed: int, tmp_path: Path) -> None:
    """A thousand damaged files: errors of ours or valid loads; no crash, no other error, no hang, little memory."""
    canary = tmp_path / "canary"
    pickled = pickle.dumps({"w": Evil(f"touch {canary}")}, 2)
    obj = {"w": torch.arange(6.0).reshape(2, 3), "t": torch.ones(3, dtype=torch.bfloat16), "n": [1, 2.5, None, "x"],
           "o": OrderedDict(a=1)}  # fmt: skip
    (tmp_path / "zip").write_bytes(content(obj))
    (tmp_path / "old").write_bytes(content(obj, new=False))
    (tmp_path / "evil").write_bytes(rezipped(content(obj), lambda old: pickled))
    model = {"w": sg.arange(6.0).reshape(2, 3), "t": sg.ones(3, dtype=sg.bfloat16), "n": [1, 2.5, None, "x"], "b": b"x"}
    sg.save({**model, "again": model["w"][0], "z": sg.ones(2, dtype=sg.complex128)}, tmp_path / "safe")
    count = 500
    roots = [str(folder) for folder in (Path(__file__).parents[2], Path(__file__).parents[1])]
    script = MUTATE.format(path=roots, folder=str(tmp_path), count=count, seed=seed)
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", script], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    good, refused, slowest = done.stdout.split()
    assert int(good) + int(refused) == count and int(refused) > count / 3 and int(good) > 0 and float(slowest) < 5
    assert not canary.exists()
