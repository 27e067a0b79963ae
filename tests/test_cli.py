"""The command line: what it prints, what it writes, and that mistakes end in one message and code 1."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import symgrad as sg
from symgrad import cli, doctor, show
from symgrad.config import Config
from symgrad.errors import GraphvizMissingError
from symgrad.runtime import sealed

Run = Callable[..., tuple[int, str, str]]

STEP = '''
import symgrad as sg

w = sg.tensor([1.0, 2.0, 3.0], requires_grad=True)
EXAMPLE = (sg.ones(3),)

def step(x):
    loss = (w * x).sum()
    loss.backward()
    with sg.no_grad():
        w.sub_(0.1 * w.grad)
        w.grad = None
    return loss

def branches(x):
    if sum(x.tolist()) > 0:
        return x
    return -x

def scaled(x, factor=2.0, *, flag=True):
    return x * factor if flag else x

def fails(x):
    return x.no_such_method()

fast = sg.compile(step, backend="reference")
model = sg.nn.Linear(3, 2)
'''


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs `symgrad ARGUMENTS`: exit code, standard output, standard error."""

    def call(*arguments: object) -> tuple[int, str, str]:
        code = cli.main([str(argument) for argument in arguments])
        out, err = capsys.readouterr()
        return code, out, err

    return call


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "steps.py"
    path.write_text(STEP)
    return path


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        cli.main(["--version"])
    assert stop.value.code == 0
    assert capsys.readouterr().out == f"symgrad {sg.__version__}\n"


def test_no_command_is_a_usage_error(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        cli.main([])
    assert stop.value.code == 2
    assert "COMMAND" in capsys.readouterr().err


# -- graph --------------------------------------------------------------------------------------------


def test_graph_prints_the_ir(run: Run, file: Path) -> None:
    code, out, _ = run("graph", f"{file}:step")
    assert code == 0
    assert out.startswith("def step(x: f32[3]") and "steps.py:8" in out


def test_graph_prints_every_pass(run: Run, file: Path) -> None:
    _, out, _ = run("graph", f"{file}:step", "--show", "passes")
    assert "# trace: " in out and "# differentiate: " in out and "# dce: " in out


@pytest.mark.parametrize("backend", ["numpy", "numba"])
def test_graph_prints_source_that_compiles(run: Run, file: Path, backend: str) -> None:
    code, out, _ = run("graph", f"{file}:step", "--show", "source", "--backend", backend)
    assert code == 0
    compile(out, "source.py", "exec")
    assert "import symgrad" not in out and "steps.py:8" in out


def test_graph_writes_a_picture(run: Run, file: Path, tmp_path: Path) -> None:
    target = tmp_path / "out.gv"
    code, out, _ = run("graph", f"{file}:step", "-o", target, "--backend", "numpy")
    assert code == 0 and out.strip() == str(target)
    assert "digraph step" in target.read_text()


def test_graph_writes_text_to_a_file(run: Run, file: Path, tmp_path: Path) -> None:
    target = tmp_path / "out.txt"
    run("graph", f"{file}:step", "-o", target, "--show", "ir")
    assert target.read_text().startswith("def step(")


def test_graph_takes_types_values_and_defaults(run: Run, file: Path) -> None:
    _, out, _ = run("graph", f"{file}:scaled", "--args", "x=f64[2,3],flag=True")
    assert "x: f64[2,3]" in out and "mul(x, 2.0)" in out
    _, out, _ = run("graph", f"{file}:scaled", "--args", "f32[],flag=False")
    assert "x: f32[]" in out and "mul" not in out


def test_graph_takes_compiled_functions_and_modules(run: Run, file: Path) -> None:
    assert "def step(" in run("graph", f"{file}:fast")[1]
    assert "matmul" in run("graph", f"{file}:model", "--args", "f32[4,3]")[1]


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("nowhere.py:step", "there is no file nowhere.py"),
        ("nowhere.py", "is not FILE:FUNCTION"),
        ("{file}:stepp", "has no function 'stepp'; it has step, branches, scaled, fails, fast, model"),
        ("{file}:w", "is a Tensor, not a function"),
    ],
)
def test_graph_says_what_is_not_there(run: Run, file: Path, target: str, message: str) -> None:
    code, out, err = run("graph", target.format(file=file))
    assert (code, out) == (1, "")
    assert message in err and "Traceback" not in err


@pytest.mark.parametrize(
    ("types", "message"),
    [
        ("x=f33[2]", "no dtype 'f33'; there are bool, u8"),
        ("x=f32[2", "cannot be read"),
        ("x=f32[n]", "a shape is whole numbers"),
        ("x=f32[-1]", "a shape is whole numbers"),
        ("x=y", "neither a type such as f32[64,10] nor a Python value"),
        ("z=f32[3]", "give example types: --args 'x=f32[…]'"),
        ("f(x)", "neither a type"),
        ("x=1)+(2", "cannot be read"),
    ],
)
def test_graph_says_what_is_wrong_with_types(run: Run, file: Path, types: str, message: str) -> None:
    code, _, err = run("graph", f"{file}:step", "--args", types)
    assert code == 1
    assert message in err and "Traceback" not in err


def test_graph_shows_a_trace_error_with_the_users_line(run: Run, file: Path) -> None:
    code, out, err = run("graph", f"{file}:branches")
    assert (code, out) == (1, "")
    assert err.startswith("symgrad graph: ConcretizationError: ")
    assert f"at {file}:16 in branches" in err and "hint: " in err and "Traceback" not in err


def test_graph_lets_the_users_own_errors_through(run: Run, file: Path) -> None:
    with pytest.raises(AttributeError, match="no_such_method"):
        run("graph", f"{file}:fails")


def test_types_become_arrays() -> None:
    args, kwargs = show.parse_arguments("f32[2,3], n=i64[4], on=bool[5], lr=0.5, name='a'")
    assert args[0].shape == (2, 3) and args[0].dtype is sg.float32
    assert kwargs["n"].dtype is sg.int64 and kwargs["on"].dtype is sg.bool
    assert (kwargs["lr"], kwargs["name"]) == (0.5, "a")


# -- demo ---------------------------------------------------------------------------------------------


def test_demo_fits_compares_and_writes(run: Run, tmp_path: Path) -> None:
    folder = tmp_path / "made"
    code, out, err = run("demo", "-o", folder, "--steps", "20", "--no-peers")
    assert code == 0, err
    assert out.count("y = ") == 3 and "They agree" in out and str(folder) in out
    text = out.replace(str(folder), "").replace(os.path.relpath(folder), "")  # as long as the machine makes it
    assert all(len(line) <= 80 and line.isprintable() for line in text.splitlines())
    assert "<svg" in (folder / "eager.svg").read_text() and "<svg" in (folder / "program.svg").read_text()
    module = next(folder.glob("polynomial_*.py"))
    compile(module.read_text(), module.name, "exec")
    assert "polynomial.py:26" in module.read_text()


def test_demo_goes_on_without_graphviz(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*unused: Any) -> bytes:
        raise GraphvizMissingError("nothing is there to draw", hint="pip install it")

    monkeypatch.setattr(sys.modules["symgrad.viz.render"], "draw", refuse)
    code, out, _ = run("demo", "-o", tmp_path, "--steps", "2", "--no-peers")
    assert code == 0
    assert "No pictures drawn: nothing is there to draw.\n  pip install it" in out
    assert (tmp_path / "eager.gv").is_file() and (tmp_path / "program.gv").is_file()


def test_demo_says_when_it_cannot_write(run: Run, tmp_path: Path) -> None:
    taken = tmp_path / "taken"
    taken.write_text("a file")
    code, _, err = run("demo", "-o", taken)
    assert code == 1 and "taken" in err and "Traceback" not in err


def test_the_demos_script_runs_alone(tmp_path: Path) -> None:
    from symgrad.demo import SCRIPT

    done = subprocess.run([sys.executable, str(SCRIPT)], capture_output=True, text=True, check=False,
                          env={"PYTHONPATH": str(Path(sg.__file__).parent.parent),
                               "SYMGRAD_CACHE_DIR": str(tmp_path)})  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1].startswith("Result: y = ")


# -- doctor, cache, bench -----------------------------------------------------------------------------


def test_doctor_tells_versions_backends_and_cache(run: Run) -> None:
    code, out, _ = run("doctor")
    assert code == 0, out
    for word in (np.__version__, "numba", "works", "BLAS", "threads", "cache", "All that is essential works"):
        assert word in out


def test_doctor_reports_a_broken_backend(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "TRIAL", "import os, sys; print('Boom: it broke', file=sys.stderr); os._exit(3)")
    code, out, _ = run("doctor")
    assert code == 1
    assert "BROKEN: Boom: it broke" in out and "2 problems found" in out


def test_doctor_names_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor.importlib.util, "find_spec", lambda name: None)
    assert doctor.version_of("numba") is None
    marks = {name: (mark, words) for mark, name, words in doctor.backends()}
    assert marks["cupy"] == ("-", 'not available: cupy is not installed (pip install "symgrad[cuda13]")')


@pytest.fixture
def cache_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "cache"
    monkeypatch.setattr(sealed.settings, "config", Config(cache_dir=folder))
    monkeypatch.setattr(doctor, "config", Config(cache_dir=folder))
    return folder


def test_cache_tells_and_clears(run: Run, cache_dir: Path) -> None:
    from symgrad.runtime import cache

    cache.store("A = 1\n", backend="numpy", name="one")
    assert run("cache")[1] == f"{cache_dir}: 1 entry, 0.0 MB\n"
    assert run("cache", "--clear")[1].endswith("removed 1 entry\n")
    assert "0 entries" in run("cache")[1]


def test_an_unsafe_cache_is_a_problem(run: Run, cache_dir: Path) -> None:
    cache_dir.mkdir()
    cache_dir.chmod(0o777)
    code, _, err = run("cache")
    assert code == 1 and "can be written by other users" in err and "hint: chmod 700" in err
    lines = doctor.cache_lines()
    assert lines[1][0] == doctor.BAD and "chmod 700" in lines[1][2]


def test_bench_refuses_an_unknown_name(run: Run) -> None:
    code, _, err = run("bench", "mnist")
    assert code == 1 and "no problem 'mnist'" in err
