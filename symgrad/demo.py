"""`symgrad demo`: one fit, eager and compiled, with figures, pictures and the emitted module to keep.

The fit is a script of its own (`bench/polynomial.py`), copied to where the demo writes: what the
emitted module and the pictures cite are its lines, and it is there to be changed and run again.
"""

from __future__ import annotations

import importlib.util
import os
import time
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

import symgrad as sg
from symgrad.bench import PROBLEMS, Contender, agree, interleave, peers, table
from symgrad.errors import GraphvizMissingError
from symgrad.viz import make_dot, render

SCRIPT = Path(__file__).with_name("bench") / "polynomial.py"
PEERS = {"pytensor": "PyTensor", "jax": "JAX", "torch": "PyTorch"}
REPORT_EVERY = 100


@dataclass
class Fit:
    """One run of the script's step: the script as a module, and how it went."""

    name: str
    script: ModuleType
    step: Any
    losses: list[float] = field(default_factory=list)
    first_seconds: float = 0.0
    seconds: float = 0.0

    def run(self, steps: int) -> None:
        """All steps, under a progress bar where there is a terminal."""
        from tqdm import tqdm

        x, y = self.script.x, self.script.y
        with tqdm(total=steps, desc=f"{self.name:<8}", unit=" steps", disable=None) as bar:
            start = time.perf_counter()
            self.losses.append(self.step(x, y).item())
            self.first_seconds = time.perf_counter() - start
            bar.reset()  # so that the rate it shows is that of the steps, not of compiling
            for number in range(1, steps):
                self.losses.append(self.step(x, y).item())
                if number % REPORT_EVERY == REPORT_EVERY - 1:
                    bar.set_postfix(loss=f"{self.losses[-1]:.4g}", refresh=False)
                    bar.update(number + 1 - bar.n)
            bar.update(steps - bar.n)
            self.seconds = time.perf_counter() - start - self.first_seconds

    @property
    def coefficients(self) -> list[float]:
        """a, b, c and d as they are now."""
        return [float(getattr(self.script, name).item()) for name in "abcd"]

    def __str__(self) -> str:
        a, *rest = self.coefficients
        terms = (f"{'-' if value < 0 else '+'} {abs(value):.6f} {power}"
                 for value, power in zip(rest, ("x", "x^2", "x^3")))  # fmt: skip
        return " ".join((f"y = {a:.6f}", *terms))


def demo(folder: Path, *, steps: int = 2000, backend: str = "auto", with_peers: bool = True) -> int:
    """Fit, compare, time, draw; the exit code."""
    folder = folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    script = folder / "polynomial.py"
    script.write_text(SCRIPT.read_text(encoding="utf-8"), encoding="utf-8")
    print(f"Fitting y = a + b x + c x^2 + d x^3 to sin(x): 2,000 points, {steps:,} steps\n")
    eager = fit_of("eager", script)
    eager.run(steps)
    compiled = fit_of("compiled", script)
    function = sg.compile(compiled.script.step, backend=backend, fullgraph=True)
    program = function.program(*compiled.script.EXAMPLE)
    compiled.step = function
    compiled.run(steps)
    same = compare(eager, compiled)
    print()
    speeds(eager, compiled, program.backend, with_peers)
    made = [(script, "the fit, as you would write it"), *write(folder, eager, compiled, program)]
    print(f"\nWritten to {folder}:")
    width = max(len(path.name) for path, _ in made)
    for path, words in made:
        print(f"  {path.name:<{width}}  {words}")
    print(f"\nSee every pass: symgrad graph {os.path.relpath(script)}:step --show passes")
    return 0 if same else 1


def fit_of(name: str, script: Path) -> Fit:
    """The script, imported anew: its parameters start where every other import's do."""
    spec = importlib.util.spec_from_file_location(f"symgrad_demo_{name}", script)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return Fit(name, module, module.step)


def compare(eager: Fit, compiled: Fit) -> bool:
    """Print both results, and whether they are one."""
    for fit in (eager, compiled):
        count = len(fit.losses)
        print(f"{fit.name:<9} {fit}")
        if fit is eager:
            print(f"{'':<9} loss {fit.losses[-1]:.6g}; {count:,} steps in {fit.first_seconds + fit.seconds:.2f} s")
        else:
            print(f"{'':<9} loss {fit.losses[-1]:.6g}; {count:,} steps in {fit.seconds:.3f} s, "
                  f"after {fit.first_seconds:.2f} s to compile")  # fmt: skip
    gap = max(abs(a - b) for a, b in zip(eager.coefficients, compiled.coefficients))
    same = gap <= 1e-3
    print(f"{'':<9} They {'agree' if same else 'DISAGREE'}: coefficients differ by at most {gap:.1g}.")
    return same


def speeds(eager: Fit, compiled: Fit, backend: str, with_peers: bool) -> None:
    """The table of times per step, fastest first."""
    row = PROBLEMS["polynomial"]
    contenders = {
        f"symgrad, compiled ({backend})": Contender(lambda: float(compiled.step(*compiled.script.EXAMPLE).item())),
        "symgrad, eager": Contender(lambda: float(eager.step(*eager.script.EXAMPLE).item())),
    }  # fmt: skip
    others = {"NumPy, by hand": Contender(row.numpy())}
    for name in peers.available(list(PEERS)) if with_peers else []:
        others[PEERS[name]] = Contender(peers.PEERS[name](row))
    agree(others)
    found = interleave({**contenders, **others}, turns=9)
    own = found[next(iter(contenders))].median
    rows = [(name, table.duration(timing.median), table.ratio(timing.median / own))
            for name, timing in sorted(found.items(), key=lambda item: item[1].median)]  # fmt: skip
    table.show("One step, its loss read back", ("", "time", "relative"), rows,
               note="Median of interleaved runs in this process; float32, one whole training step.")  # fmt: skip


def write(folder: Path, eager: Fit, compiled: Fit, program: Any) -> list[tuple[Path, str]]:
    """Write pictures, emitted module and loss curve; what was written, with a word on each."""
    made = []
    if program.source:
        module = folder / f"polynomial_{program.backend}.py"
        module.write_text(program.source, encoding="utf-8")
        made.append((module, f"the emitted module: {len(program.source.splitlines())} lines, runs without symgrad"))
    script = eager.script
    loss = script.forward(*script.EXAMPLE)
    named = {name: getattr(script, name) for name in "abcd"}
    pictures = (("eager", make_dot(loss, params=named), "what backward() walks after an eager step"),
                ("program", make_dot(program), "the compiled step: forward, backward, update"))  # fmt: skip
    kind, missing = ".svg", None
    for name, dot, words in pictures:
        try:
            render(dot, folder / f"{name}{kind}")
        except GraphvizMissingError as error:
            kind, missing = ".gv", error
            render(dot, folder / f"{name}{kind}")
        made.append((folder / f"{name}{kind}", words + (", as DOT text" if missing else "")))
    if missing is not None:
        print(f"\nNo pictures drawn: {missing.message}.\n  {missing.hint}")
    made += loss_curve(folder, eager, compiled)
    return made


def loss_curve(folder: Path, eager: Fit, compiled: Fit) -> list[tuple[Path, str]]:
    """The two losses over the steps, where matplotlib is installed."""
    if importlib.util.find_spec("matplotlib") is None:
        return []
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6, 3.5), layout="constrained")
    axes = figure.subplots()
    for fit, style in ((eager, "-"), (compiled, "--")):
        axes.semilogy(fit.losses, style, label=fit.name)
    axes.set(xlabel="step", ylabel="loss")
    axes.legend()
    target = folder / "loss.svg"
    figure.savefig(target)
    return [(target, "the loss over the steps")]
