"""What `save` writes, `load` reads back; PyTorch reads its tensors through safetensors, and the reverse."""

from __future__ import annotations

import io
import math
import os
import stat
import threading
from collections import Counter, OrderedDict, defaultdict, namedtuple
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from oracle import array_of, torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

import symgrad as sg
from symgrad import dtypes
from symgrad.errors import LoadError, SaveError
from symgrad.serialization import location
from symgrad.tensor.core import wrap

Point = namedtuple("Point", "x y")


def again(obj: Any, **options: Any) -> Any:
    file = io.BytesIO()
    sg.save(obj, file)
    file.seek(0)
    return sg.load(file, **options)


def same(mine: Any, theirs: Any) -> None:
    """Equal types, structure, tensors to the last bit."""
    assert type(mine) is type(theirs)
    if isinstance(theirs, sg.Tensor):
        assert mine.dtype is theirs.dtype and mine.shape == theirs.shape and mine.requires_grad == theirs.requires_grad
        assert mine.detach().numpy().tobytes() == np.ascontiguousarray(theirs.detach().numpy()).tobytes()
    elif isinstance(theirs, dict):
        assert list(mine) == list(theirs) and list(map(type, mine)) == list(map(type, theirs))
        for key in theirs:
            same(mine[key], theirs[key])
    elif isinstance(theirs, (list, tuple)):
        assert len(mine) == len(theirs)
        for a, b in zip(mine, theirs):
            same(a, b)
    else:
        assert mine == theirs or mine != mine and theirs != theirs


def sample(dtype: Any) -> Any:
    return (sg.arange(6).reshape(2, 3) * (1 + 2j if dtype.is_complex else 1)).to(dtype)


@pytest.mark.parametrize("dtype", dtypes.ALL, ids=lambda d: d.name)
def test_every_dtype(dtype: Any) -> None:
    for tensor in (sample(dtype), sample(dtype).t(), sample(dtype)[:, 1], sample(dtype)[0, 0], sample(dtype)[:0]):
        same(again(tensor), tensor)


@pytest.mark.parametrize("obj", [
    None, True, 0, -(2**80), 1.5, math.inf, -math.inf, math.nan, -0.0, "text", "\ud800 \u20ac \0", b"\x00\xff",
    bytearray(b"a"), 1 - 2j, complex(math.inf, math.nan), [], (), {}, [1, (2, [3])], (None, (True,)),
    {1: "a", "b": 2, (1, "x"): 3, None: 4, 1.5: 5},
    OrderedDict(b=1, a=2), Counter("aab"), {1, 2}, frozenset({"a"}), sg.float32, sg.Size([2, 0]),
    sg.device("cpu"), sg.device("cuda:1"),
    {"a": {"b": [{"c": (1,)}]}}, {True: 1, 0: 2}, [[]] * 3,
], ids=repr)  # fmt: skip
def test_plain_values(obj: Any) -> None:
    same(again(obj), obj)
    same(again([obj, {"x": obj}]), [obj, {"x": obj}])


def test_signs_and_numpy_numbers() -> None:
    assert math.copysign(1, again(-0.0)) == -1
    z = np.array([complex(1, math.inf), complex(-0.0, math.nan)])
    assert again(sg.from_numpy(z)).numpy().tobytes() == z.tobytes()
    assert again([np.float64(1.5), np.int32(3), np.bool_(True)]) == [1.5, 3, True]
    made = again(defaultdict(list, a=[1]))
    assert made == {"a": [1]} and type(made) is dict


@pytest.mark.parametrize("obj, said", [
    (object(), "object"), ({"a": {"b": sg.nn.Linear(1, 1)}}, r"Linear at a\.b"), (Point(1, 2), "Point"),
    ([lambda: 0], "function at 0"), (np.array(["a"]), "ndarray of <U1"), (np.array("a")[()], "str_"),
])  # fmt: skip
def test_what_is_not_plain_is_named(obj: Any, said: str) -> None:
    with pytest.raises(SaveError, match=said) as caught:
        again(obj)
    assert isinstance(caught.value, TypeError) and "state_dict" in caught.value.hint


def test_what_contains_itself() -> None:
    loop: list[Any] = []
    loop.append(loop)
    with pytest.raises(SaveError, match="contains itself"):
        again(loop)


def network() -> Any:
    return sg.nn.Sequential(sg.nn.Linear(3, 4), sg.nn.ReLU(), sg.nn.Linear(4, 2))


def test_a_checkpoint_resumes(tmp_path: Path) -> None:
    """Model and optimizer saved after three steps go on as those that were never saved."""
    sg.manual_seed(0)
    x, y = sg.randn(8, 3), sg.randn(8, 2)

    def step(model: Any, opt: Any) -> float:
        loss = ((model(x) - y) ** 2).mean()
        opt.zero_grad()
        loss.backward()
        opt.step()
        return float(loss)

    model = network()
    opt = sg.optim.Adam(model.parameters(), lr=0.01, betas=(0.8, 0.9))
    for _ in range(3):
        step(model, opt)
    path = tmp_path / "checkpoint.pt"
    sg.save({"model": model.state_dict(), "opt": opt.state_dict(), "epoch": 3, "rng": sg.get_rng_state()}, path)
    other = network()
    found = sg.load(path, map_location="cpu", weights_only=True)
    other.load_state_dict(found["model"])
    again_ = sg.optim.Adam(other.parameters(), lr=1.0)
    again_.load_state_dict(found["opt"])
    assert found["epoch"] == 3 and list(found["opt"]["state"]) == [0, 1, 2, 3]
    assert again_.param_groups[0]["betas"] == (0.8, 0.9)
    assert [step(model, opt) for _ in range(4)] == [step(other, again_) for _ in range(4)]


@pytest.mark.parametrize("make", [
    lambda s, o: s.MultiStepLR(o, [2, 4, 4]), lambda s, o: s.OneCycleLR(o, 0.2, 10),
    lambda s, o: s.ReduceLROnPlateau(o), lambda s, o: s.LambdaLR(o, lambda epoch: 0.9**epoch),
    lambda s, o: s.CosineAnnealingWarmRestarts(o, 3),
    lambda s, o: s.SequentialLR(o, [s.ConstantLR(o), s.StepLR(o, 2)], [3]),
])  # fmt: skip
def test_schedules(make: Any) -> None:
    def fresh() -> Any:
        return make(sg.optim.lr_scheduler, sg.optim.SGD([sg.nn.Parameter(sg.ones(1))], lr=0.1, momentum=0.9))

    schedule = fresh()
    for _ in range(3):
        schedule.optimizer.step()
        schedule.step(*([1.0] if hasattr(schedule, "patience") else []))
    state = schedule.state_dict()
    same(again(state), state)
    fresh().load_state_dict(again(state))


def test_a_state_dict_opens_in_pytorch(tmp_path: Path) -> None:
    model = network()
    path = tmp_path / "model.safetensors"
    sg.save(model.state_dict(), path)
    theirs = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.ReLU(), torch.nn.Linear(4, 2))
    theirs.load_state_dict(load_file(path))
    for a, b in zip(model.parameters(), theirs.parameters()):
        assert np.array_equal(array_of(a), array_of(b))
    with safe_open(path, "pt") as file:
        assert file.metadata()["format"] == "pt"
    save_file(theirs.state_dict(), path)
    other = network()
    other.load_state_dict(sg.load(path))
    for a, b in zip(other.parameters(), theirs.parameters()):
        assert np.array_equal(array_of(a), array_of(b))


@pytest.mark.parametrize("dtype", [d for d in dtypes.ALL if d is not sg.complex128], ids=lambda d: d.name)
def test_dtypes_in_both_directions(dtype: Any, tmp_path: Path) -> None:
    path = tmp_path / "t.safetensors"
    sg.save({"x": sample(dtype), "empty": sample(dtype)[:0], "one": sample(dtype)[1, 2]}, path)
    found = load_file(path)
    assert str(found["x"].dtype) == f"torch.{dtype.name}"
    assert found["empty"].shape == (0, 3) and found["one"].shape == ()
    save_file(found, path)
    back = sg.load(path)
    assert sorted(back) == ["empty", "one", "x"]
    same(back["x"], sample(dtype))
    same(back["one"], sample(dtype)[1, 2])


def test_nested_names_and_names_that_collide(tmp_path: Path) -> None:
    obj = {"a": {"b": sg.ones(1)}, "a.b": sg.zeros(1), "__metadata__": sg.ones(2), "\ud800": sg.ones(3),
           7: [sg.ones(4)], "": sg.ones(5)}  # fmt: skip
    path = tmp_path / "t"
    sg.save(obj, path)
    same(sg.load(path), obj)
    assert {"a.b", "a.b#2", "__metadata__#2", "7.0"} < set(load_file(path))


def test_tied_tensors_are_tied_again(tmp_path: Path) -> None:
    whole = sg.arange(12.0).reshape(3, 4)
    other = sg.zeros(5)
    obj = {"row": whole[1], "whole": whole, "t": whole.t(), "same": whole, "detached": whole.detach(),
           "left": other[:2], "right": other[3:], "free": sg.ones(2), "bits": whole.view(sg.int32)}  # fmt: skip
    path = tmp_path / "t"
    sg.save(obj, path)
    found = sg.load(path)
    same(found, obj)
    assert found["same"] is found["whole"]
    found["whole"][1, 2] = -5
    for tied in ("row", "t", "detached"):
        assert -5 in found[tied].flatten().tolist()
    assert set(load_file(path)) == set(obj), "each under its name, for other readers"
    linear = sg.nn.Linear(2, 2)
    tied = sg.nn.Sequential(linear, sg.nn.Linear(2, 2))
    tied[1].weight = linear.weight
    state = again(tied.state_dict())
    state["0.weight"][0, 0] = 7
    assert state["1.weight"][0, 0] == 7


def test_parameters_and_leaves() -> None:
    p = sg.nn.Parameter(sg.ones(2))
    whole = sg.nn.Parameter(sg.arange(2), requires_grad=False)
    found = again([p, whole, p.detach(), sg.ones(1, requires_grad=True), p])
    assert type(found[0]) is sg.nn.Parameter and found[0].requires_grad and found[0] is found[4] and found[0].is_leaf
    assert type(found[1]) is sg.nn.Parameter and not found[1].requires_grad
    assert type(found[2]) is sg.Tensor and not found[2].requires_grad and found[3].requires_grad
    with sg.no_grad():
        found[0][0] = 5
    assert found[2][0] == 5
    (found[0] * 2).sum().backward()
    assert found[0].grad.tolist() == [2, 2]


@pytest.mark.parametrize("where", ["cpu", sg.device("cpu"), {"cuda:0": "cpu"}, lambda storage, location: storage, None])
def test_map_location(where: Any) -> None:
    same(again(sg.ones(2), map_location=where), sg.ones(2))


class OnDevice:
    """An array that is not NumPy's, as far as saving and loading look at it."""

    def __init__(self, array: Any):
        self.array = array

    def get(self) -> Any:
        return self.array.copy()

    def __getattr__(self, name: str) -> Any:
        return getattr(self.array, name)


def test_tensors_on_another_device(monkeypatch: pytest.MonkeyPatch) -> None:
    """Saved from their own memory; loaded there again, on the CPU, or where `map_location` says, ties kept."""
    monkeypatch.setattr(location, "is_available", lambda: True)
    monkeypatch.setattr(location, "require_cupy", lambda: SimpleNamespace(asarray=OnDevice))
    x = wrap(OnDevice(np.arange(3.0)))
    assert again([x], map_location="cpu")[0].tolist() == [0, 1, 2]
    (there,) = again([x])
    assert isinstance(there._data, OnDevice) and there.get_device() == 0
    w = sg.ones(2, 2)
    a, b, row = again([w, w.detach(), w[0]], map_location={"cpu": "cuda:0"})
    assert isinstance(a._data, OnDevice) and b._data is a._data and isinstance(row._data, OnDevice)
    file = io.BytesIO()
    torch.save([torch.ones(2), p := torch.ones(2), p.detach(), p], file)
    file.seek(0)
    one, two, three, four = sg.load(file, lambda storage, where: None if where == "cpu" else storage)
    assert isinstance(one._data, np.ndarray) and two._data is three._data and four is two
    file.seek(0)
    one, two, three, four = sg.load(file, "cuda")
    assert isinstance(one._data, OnDevice) and two._data is three._data is not one._data


def test_map_location_that_is_not_here() -> None:
    with pytest.raises(RuntimeError, match="is_available"):
        again(sg.ones(2), map_location="cuda")
    with pytest.raises(RuntimeError, match="device"):
        again(sg.ones(2), map_location="moon")


def test_a_path_is_replaced_with_its_permissions_and_links(tmp_path: Path) -> None:
    path, link = tmp_path / "a.pt", tmp_path / "link.pt"
    old = os.umask(0o027)
    try:
        sg.save(1, str(path))
        assert stat.S_IMODE(path.stat().st_mode) == 0o640
    finally:
        os.umask(old)
    path.chmod(0o604)
    link.symlink_to(path)
    sg.save(2, link)
    assert link.is_symlink() and sg.load(path) == 2 and stat.S_IMODE(path.stat().st_mode) == 0o604
    with pytest.raises(SaveError):
        sg.save(object(), path)
    assert sg.load(path) == 2
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.pt", "link.pt"]
    with pytest.raises(FileNotFoundError):
        sg.save(1, tmp_path / "no" / "such")
    with pytest.raises(IsADirectoryError):
        sg.save(1, tmp_path)
    with pytest.raises(FileNotFoundError):
        sg.load(tmp_path / "no")


def test_a_pipe_is_written_to_and_stays_a_pipe(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    found: list[Any] = []

    def read() -> None:
        with open(pipe, "rb") as file:
            found.append(sg.load(file))

    reader = threading.Thread(target=read, daemon=True)
    reader.start()
    sg.save([sg.ones(2), 3], pipe)
    reader.join(10)
    same(found, [[sg.ones(2), 3]])
    assert stat.S_ISFIFO(pipe.stat().st_mode) and [p.name for p in tmp_path.iterdir()] == ["pipe"]


def test_a_disk_that_is_full_keeps_the_old_file(tmp_path: Path) -> None:
    resource = pytest.importorskip("resource")
    signal = pytest.importorskip("signal")
    path = tmp_path / "a.pt"
    sg.save(sg.ones(3), path)
    before = resource.getrlimit(resource.RLIMIT_FSIZE), signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, before[0][1]))
        with pytest.raises(OSError, match=r"a\.pt"):
            sg.save(sg.ones(100_000), path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before[0])
        signal.signal(signal.SIGXFSZ, before[1])
    same(sg.load(path), sg.ones(3))
    assert [p.name for p in tmp_path.iterdir()] == ["a.pt"]


def test_file_objects(tmp_path: Path) -> None:
    with open(tmp_path / "x", "wb") as out:
        sg.save([sg.ones(2), 1], out)
    with open(tmp_path / "x", "rb") as file:
        same(sg.load(file), [sg.ones(2), 1])


@pytest.mark.parametrize("content", [b"", b"x", b"{}", b"PK\x03\x04", b"\x00" * 8, b"\xff" * 64,
                                     b"hello world, this is no file"])  # fmt: skip
def test_other_files(content: bytes) -> None:
    with pytest.raises(LoadError) as caught:
        sg.load(io.BytesIO(content))
    assert isinstance(caught.value, RuntimeError)


def test_dtypes_that_are_not_here(tmp_path: Path) -> None:
    save_file({"x": torch.zeros(2, dtype=torch.uint16)}, tmp_path / "x")
    with pytest.raises(LoadError, match="uint16"):
        sg.load(tmp_path / "x")


@pytest.mark.parametrize("array", [
    np.arange(6.0).reshape(2, 3)[:, ::-1], np.array(3), np.array([1 + 2j]), np.zeros((0, 2), np.int8), np.array([True]),
])  # fmt: skip
def test_numpy_arrays(array: Any) -> None:
    found = again({"array": array, "tensor": sg.ones(2)})["array"]
    assert type(found) is np.ndarray and found.flags.writeable
    assert (found.dtype, found.shape, found.tolist()) == (array.dtype, array.shape, array.tolist())


def test_numpy_arrays_share_memory_again() -> None:
    array = np.zeros(4)
    whole, tensor, part = again([array, sg.from_numpy(array), array[1:]])
    whole[1] = 5
    assert tensor[1].item() == part[0] == 5
