"""`symgrad run SCRIPT.py` and `as_torch`: a script as Python would run it, and PyTorch untouched afterwards."""

from __future__ import annotations

import importlib
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from oracle import torch
from scripts.running import printed

import symgrad as sg

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples"


def run(script: Path, *args: str, cwd: Path | None = None) -> Any:
    command = [sys.executable, "-m", "symgrad", "run", str(script), *args]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, cwd=cwd or ROOT)


def written(folder: Path, text: str) -> Path:
    path = folder / "script.py"
    path.write_text(text, encoding="utf-8")
    return path


def test_the_script_is_the_main_module(tmp_path: Path) -> None:
    (tmp_path / "beside.py").write_text("import torch\nvalue = torch.ones(2)\n")
    done = run(written(tmp_path, """
import sys, os, pickle
import torch, torch.nn as nn
from beside import value
class Net(nn.Module):
    pass
print(__name__, sys.argv[1:], os.path.basename(__file__), __doc__, sys.modules["__main__"].Net is Net)
print(value.sum().item(), pickle.loads(pickle.dumps(Net)) is Net, sys.path[0] == os.path.dirname(__file__))
print(torch.__name__, torch.ones(1).__class__.__module__, __builtins__.__name__)
"""), "--epochs", "3", "-h")  # fmt: skip
    assert done.stderr == "" and done.returncode == 0
    assert done.stdout.splitlines() == [
        "__main__ ['--epochs', '3', '-h'] script.py None True", "2.0 True True", "torch symgrad.tensor.core builtins"]


@pytest.mark.parametrize("text, code, said", [
    ("import sys; sys.exit(3)", 3, ""), ("raise SystemExit('told you')", 1, "told you\n"),
    ("raise KeyboardInterrupt", 130, "KeyboardInterrupt"), ("def f(:", 1, "SyntaxError"),
    ("import sys; sys.excepthook = lambda *e: print('hook', file=sys.stderr)\n1/0", 1, "hook\n"),
])  # fmt: skip
def test_exit_codes(text: str, code: int, said: str, tmp_path: Path) -> None:
    done = run(written(tmp_path, text))
    assert done.returncode == code
    assert said in done.stderr and bool(said) == bool(done.stderr)


def test_an_error_is_shown_from_the_scripts_line_on(tmp_path: Path) -> None:
    path = written(tmp_path, "import torch\ndef f():\n    return torch.ones(2)[5]\nf()\n")
    done = run(path)
    assert done.returncode == 1
    shown = done.stderr.rpartition("Traceback (most recent call last):\n")[2]
    assert shown.startswith(f'  File "{path}", line 4, in <module>')
    assert f"at {path}:3 in f" in done.stderr and "torch_alias" not in done.stderr
    done = run(tmp_path / "no.py")
    assert done.returncode == 1 and "No such file" in done.stderr and "Traceback" not in done.stderr


def test_workers_started_afresh_find_symgrad(tmp_path: Path) -> None:
    done = run(written(tmp_path, """
import torch
from torch.utils.data import Dataset, DataLoader
class Rows(Dataset):
    def __len__(self):
        return 3
    def __getitem__(self, i):
        assert torch.__version__.startswith("2.13.0+symgrad")
        return torch.full((2,), float(i))
if __name__ == "__main__":
    for batch in DataLoader(Rows(), 2, num_workers=1, multiprocessing_context="spawn"):
        print(batch.tolist())
"""))
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "[[0.0, 0.0], [1.0, 1.0]]\n[[2.0, 2.0]]\n"


def test_what_is_missing_is_named() -> None:
    with sg.as_torch() as alias:
        with pytest.raises(AttributeError, match=r"symgrad, which stands in for PyTorch here, has no torch\.nothing"):
            alias.nothing
        with pytest.raises(AttributeError, match=r"has no torch\.nn\.Nothing"):
            alias.nn.Nothing
        assert not hasattr(alias, "jit") and getattr(alias.cuda, "nothing", 5) == 5
        for text in ("import torch.nothing", "from torch import nothing", "from torch.nn import Nothing",
                     "import torch.distributed as dist", "from torch.ops import x", "import torch.ir"):  # fmt: skip
            with pytest.raises(ModuleNotFoundError, match="symgrad, which stands in for PyTorch here, has no torch"):
                exec(text, {})


def test_every_way_to_import() -> None:
    text = """
import torch, torch.nn, torch.nn.functional as F, torch.nn.init, torch.optim as optim
import torch.optim.lr_scheduler as lrs, torch.utils.data as data, torch.autograd, torch.linalg, torch.cuda
import torch.backends, torch.backends.cudnn as cudnn, torch.random, torch.func, torch.special
import torch.multiprocessing as mp, torch.utils.data.dataloader, torch.nn.modules.loss
from torch import nn, Tensor, tensor, optim as o2
from torch.nn import Module, Parameter, init
from torch.nn.parameter import Parameter as P2
from torch.nn.modules import Linear
from torch.nn.functional import relu
from torch.optim.lr_scheduler import *
from torch.optim.optimizer import Optimizer
from torch.utils.data import *
from torch.utils.data.dataset import random_split
from torch.utils.data.sampler import SubsetRandomSampler
from torch.autograd.function import Function
from torch.nn import *
from torchviz import make_dot
from importlib import import_module
print(torch.nn is nn, torch.nn.functional is F, o2 is optim, torch.utils.data is data, P2 is Parameter is nn.Parameter)
print(lrs is optim.lr_scheduler, cudnn is torch.backends.cudnn, Linear is nn.Linear, DataLoader is data.DataLoader)
print(issubclass(optim.SGD, Optimizer), "relu" in dir(torch), import_module("torch.nn") is nn, StepLR is lrs.StepLR)
"""
    assert printed(text, alias=True) == "True True True True True\nTrue True True True\nTrue True True True\n"


def test_pytorch_is_back_afterwards() -> None:
    before = {name: module for name, module in sys.modules.items() if name.partition(".")[0] == "torch"}
    with sg.as_torch() as alias, sg.as_torch() as again:
        import torch as inside

        assert inside is alias is again and inside is not torch and inside.Tensor is sg.Tensor
        assert inside.relu is sg.relu and inside.__version__.split(".")[0] == "2"
    import torch as outside

    assert outside is torch is before["torch"]
    assert {n: m for n, m in sys.modules.items() if n.partition(".")[0] == "torch"} == before
    with pytest.raises(ValueError, match="x"), sg.as_torch():
        raise ValueError("x")
    assert sys.modules["torch"] is torch
    assert importlib.import_module("torch.nn") is torch.nn


def test_compile_takes_pytorchs_options() -> None:
    with sg.as_torch() as alias:
        def double(x: Any) -> Any:
            return x * 2

        for options in ({}, {"mode": "max-autotune"}, {"dynamic": True, "fullgraph": True}, {"backend": "inductor"},
                        {"options": {"a": 1}}, {"backend": "numpy"}):  # fmt: skip
            compiled = alias.compile(double, **options)
            assert type(compiled) is sg.Compiled and compiled(alias.ones(2)).tolist() == [2, 2]
            assert alias.compile(**options)(double)(alias.ones(2)).tolist() == [2, 2]
        assert alias.compile(double, disable=True) is double is alias.compile(double, backend="eager")
        with pytest.raises(TypeError):
            alias.compile(double, unknown=1)


@pytest.mark.parametrize("pair, options", [
    (([1.0], [1.0 + 1e-6]), {}), (([1.0], [1.1]), {}), (([1.0], [1.1]), {"rtol": 0.2, "atol": 0.0}),
    (([1, 2], [1, 3]), {}), (([1.0], [1.0]), {"rtol": 1}), (([float("nan")], [float("nan")]), {}),
    (([float("inf")], [float("inf")]), {}),
    (([float("nan")], [float("nan")]), {"equal_nan": True}), (([1.0], [1.0, 2.0]), {}), (([1], [1.0]), {}),
    (([1], [1.0]), {"check_dtype": False}), (([], []), {}), (([True], [False]), {"msg": "told"}),
])  # fmt: skip
def test_assert_close(pair: Any, options: dict[str, Any]) -> None:
    def told(lib: Any) -> Any:
        a, b = map(lib.tensor, pair)
        try:
            lib.testing.assert_close({"x": [a, a]}, {"x": [a, b]}, **options)
        except (AssertionError, ValueError) as error:
            return type(error), "told" in str(error)
        return None

    expected = told(torch)
    with sg.as_torch() as alias:
        assert told(alias) == expected
        alias.testing.assert_close(1.0, 1.0)
        with pytest.raises(AssertionError, match="not close"):
            alias.testing.assert_close((1, 2.0), (1, 2.1))


def test_guards_read_torch_as_a_library() -> None:
    """A compiled function that uses `torch` by that name asks nothing more at each call than one that uses `sg`."""
    with sg.as_torch() as alias:
        names = {"torch": alias}
        exec("def f(x):\n    return torch.nn.functional.relu(torch.sin(x))\n", names)
        exec("def g(x):\n    return sg.nn.functional.relu(sg.sin(x))\n", names | {"sg": sg}, names)
        counts = []
        for name in "fg":
            compiled = sg.compile(names[name], backend="numpy", fullgraph=True)
            compiled(sg.ones(3))
            counts.append(str(compiled.explain()).count("\n"))
        assert counts[0] == counts[1]


CALLS = {"polynomial_optim": (20,), "two_layer_autograd": (100, (8, 10, 12, 3)), "exp_mean": ()}


@pytest.mark.parametrize("name", CALLS)
def test_examples_with_torch_for_symgrad(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
                                         capsys: pytest.CaptureFixture[str]) -> None:  # fmt: skip
    """The examples rewritten for PyTorch's name print what they print as they are."""
    for path in EXAMPLES.glob("*.py"):
        text = path.read_text(encoding="utf-8")
        for old, new in (("import symgrad", "import torch"), ("from symgrad", "from torch")):
            text = text.replace(old, new)
        (tmp_path / path.name).write_text(text, encoding="utf-8")
    assert "import torch" in (tmp_path / f"{name}.py").read_text(encoding="utf-8")

    def output(folder: Path) -> str:
        for beside in EXAMPLES.glob("*.py"):
            sys.modules.pop(beside.stem, None)
        with monkeypatch.context() as patch:
            patch.syspath_prepend(str(folder))
            importlib.import_module(name).main(*CALLS[name])
        return capsys.readouterr().out

    plain = output(EXAMPLES)
    with sg.as_torch():
        assert output(tmp_path) == plain != ""


def test_onnx_is_there_to_be_imported() -> None:
    with sg.as_torch() as lib:
        onnx = importlib.import_module("torch.onnx")
        with pytest.raises(NotImplementedError, match="writes no ONNX"):
            onnx.export(lib.nn.Linear(1, 1), lib.ones(1), "model.onnx")
    assert not onnx.is_in_onnx_export()
