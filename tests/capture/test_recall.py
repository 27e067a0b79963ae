"""A second process goes from the trace to the kept machine code: no pass, no emitter, no compiler."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

COMPILER = ("symgrad.passes.pipeline", "symgrad.codegen", "symgrad.native.lowering", "numba")

HEAD = """
import json, sys
import numpy as np
import symgrad as sg
from symgrad import nn

sg.manual_seed(0)
x, y = sg.randn(6, 4), sg.randint(0, 3, (6,))
"""
TAIL = """
found = [float(step(x, y)) for _ in range(3)]
print(json.dumps([found, [name for name in sys.argv[1:] if name in sys.modules]]))
"""
STEPS = """
model = nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Dropout(0.5), nn.Linear(8, 3))
optimizer = sg.optim.Adam(model.parameters(), lr=0.01)

@sg.compile(fullgraph=True, backend=BACKEND)
def train(x, y):
    optimizer.zero_grad()
    loss = nn.functional.cross_entropy(model(x), y)
    loss.backward()
    optimizer.step()
    return loss

w = sg.ones(4, requires_grad=True)

@sg.compile(backend=BACKEND)
def branch(x, y):
    w.grad = None
    loss = (x @ w).square().mean()
    if loss > 1:
        loss = loss * 2
    loss.backward()
    with sg.no_grad():
        w.sub_(0.1 * w.grad)
    return loss

net = sg.compile(nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Dropout(0.5), nn.Linear(8, 3)), backend=BACKEND)
outside = sg.optim.SGD(net.parameters(), lr=0.1)

def apart(x, y):
    outside.zero_grad()
    loss = nn.functional.cross_entropy(net(x), y)
    loss.backward()
    outside.step()
    return loss

step = lambda x, y: train(x, y) + branch(x, y) + apart(x, y)
"""
CUSTOM = """
class Square(sg.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x * x

    @staticmethod
    def backward(ctx, g):
        (x,) = ctx.saved_tensors
        return FACTOR * g * x

w = sg.ones(4, requires_grad=True)

@sg.compile(fullgraph=True, backend=BACKEND)
def step(x, y):
    w.grad = None
    loss = Square.apply(x @ w).sum()
    loss.backward()
    with sg.no_grad():
        w.sub_(0.01 * w.grad)
    return loss
"""


class Processes:
    """Runs a script, always under one name, with one cache."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.script = folder / "script.py"

    def run(self, text: str, backend: str = "numba") -> tuple[list[float], list[str]]:
        """Its losses, and what of the compiler it loaded."""
        self.script.write_text(HEAD + f"BACKEND = {backend!r}\n" + text + TAIL)
        done = subprocess.run(
            [sys.executable, str(self.script), *COMPILER], capture_output=True, text=True, check=False,
            env={**os.environ, "SYMGRAD_CACHE_DIR": str(self.folder / "cache")})  # fmt: skip
        assert done.returncode == 0, done.stderr
        losses, loaded = json.loads(done.stdout)
        return losses, loaded


@pytest.fixture
def processes(tmp_path: Path) -> Processes:
    return Processes(tmp_path)


@pytest.mark.parametrize("backend", ["numba", "numpy"])
def test_a_second_process_compiles_nothing(processes: Processes, backend: str) -> None:
    cold, loaded = processes.run(STEPS, backend)
    assert set(loaded) >= {"symgrad.passes.pipeline", "symgrad.codegen"}
    warm, loaded = processes.run(STEPS, backend)
    assert (warm, loaded) == (cold, [])


def test_a_custom_function_is_known_by_its_backward(processes: Processes) -> None:
    cold, _ = processes.run(CUSTOM.replace("FACTOR", "2"))
    warm, loaded = processes.run(CUSTOM.replace("FACTOR", "2"))
    assert (warm, loaded) == (cold, ["symgrad.passes.pipeline"])  # to expand it
    other, loaded = processes.run(CUSTOM.replace("FACTOR", "3"))
    assert "symgrad.codegen" in loaded
    assert other[0] == cold[0] and other[1] != cold[1]


def test_a_result_and_a_gradient_of_the_same_formula_are_different_programs(processes: Processes) -> None:
    """The graphs are equal to the letter; a gradient lies in the arena, a result is the caller's own."""
    text = """
w = sg.ones(4, requires_grad=True)

@sg.compile(fullgraph=True, backend=BACKEND)
def step(x, y):
    w.grad = None
    loss = (w * 3).sum()
    (g,) = sg.autograd.grad(loss, w)
    LAST

found = [step(x, y) for _ in range(2)]
last = [w.grad if g is None else g for g in found]
step = lambda x, y: last[-1].sum()
"""
    put, _ = processes.run(text.replace("LAST", "w.grad = g"))
    kept, _ = processes.run(text.replace("LAST", "return g"))
    assert kept == put == [12.0] * 3


def test_the_text_shown_is_that_of_the_module_that_runs(processes: Processes) -> None:
    """A small batch has the tasks of a large one only where there was a large one, in a warm process too."""
    text = """
function = lambda x: (lambda y: (y - y.mean(0)).square().sum())(sg.tanh(x @ x.t()))
compiled = sg.compile(function, fullgraph=True, backend=BACKEND)
for n in SIZES:
    compiled(sg.linspace(-1, 1, 3 * n).reshape(n, 3))
programs = [v.program for variants in compiled.variants.values() for v in variants]
alike = all(open(p.executable.module.__file__).read().startswith(p.source) for p in programs)
step = lambda x, y: sg.tensor(float(alike))
"""
    for sizes in ("(800, 70)", "(70,)", "(800, 70)"):
        found, _ = processes.run(text.replace("SIZES", sizes))
        assert found == [1.0] * 3
