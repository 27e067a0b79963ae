"""A package imports only lower layers, and what is heavy to import waits until it is needed."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1] / "symgrad"
LAYERS = (
    ("errors", "config", "dtypes", "native", "runtime"),
    ("ir",),
    ("tensor",),
    ("ops",),
    ("passes", "codegen", "capture"),
    ("compiler",),
    ("nn", "optim", "autograd", "func", "linalg", "special", "backends", "cuda", "viz", "testing", "bench", "cli",
     "show", "demo", "doctor", "reference", "utils", "serialization", "torch_alias", "amp",
     "accelerator", "__main__"),
)
LEVEL = {name: level for level, names in enumerate(LAYERS) for name in names}
# Where a lower form is made of a higher one's data: codegen reads schedules, and runs no pass.
DATA = {("codegen", "symgrad.passes.schedule")}
HEAVY = ("numba", "networkx", "graphviz", "pygraphviz", "rich", "tqdm", "cupy", "scipy", "llvmlite", "safetensors")
FILES = sorted(p for p in ROOT.rglob("*.py") if p != ROOT / "__init__.py")


def imports(node: ast.AST) -> Iterator[tuple[str, int]]:
    """Modules named by import statements, those of `if TYPE_CHECKING:` left out."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test):
            continue
        if isinstance(child, ast.Import):
            yield from ((alias.name, child.lineno) for alias in child.names)
        elif isinstance(child, ast.ImportFrom):
            assert child.level == 0, "imports are absolute"
            if child.module not in ("symgrad.passes",):
                yield child.module or "", child.lineno
            if child.module in ("symgrad", "symgrad.passes"):
                yield from ((f"{child.module}.{alias.name}", child.lineno) for alias in child.names)
        else:
            yield from imports(child)


def package(path: Path) -> str:
    return path.relative_to(ROOT).parts[0].removesuffix(".py")


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(ROOT)))
def test_imports_go_down(path: Path) -> None:
    own = package(path)
    for module, line in imports(ast.parse(path.read_text(encoding="utf-8"))):
        if not module.startswith("symgrad."):
            continue
        other = module.split(".")[1]
        if other not in LEVEL:  # a public name of symgrad itself: only the top layer may use those
            assert LEVEL[own] == len(LAYERS) - 1, f"{path}:{line} imports {module}"
            continue
        below = LEVEL[other] < LEVEL[own] or other == own
        peers = LEVEL[other] == LEVEL[own] and LEVEL[own] in (0, len(LAYERS) - 1)
        data = (own, module) in DATA or (own, module.rpartition(".")[0]) in DATA
        assert below or peers or data, f"{path}:{line}: {own} imports {other}, which is not below it"


def test_every_package_has_a_layer() -> None:
    assert {package(p) for p in FILES} <= set(LEVEL)


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(ROOT)))
def test_heavy_packages_are_imported_where_used(path: Path) -> None:
    """Not at module level: only inside functions, where first needed."""
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            for module, line in imports(ast.Module([node], [])):
                assert module.split(".")[0] not in HEAVY, f"{path}:{line} imports {module}"


def test_eager_work_loads_nothing_heavy() -> None:
    script = f"""
import sys
import symgrad as sg
model = sg.nn.Sequential(sg.nn.Linear(3, 2), sg.nn.Flatten(0, 1))
opt = sg.optim.SGD(model.parameters(), lr=0.1)
loss = sg.nn.MSELoss(reduction="sum")(model(sg.randn(4, 3)), sg.zeros(8))
loss.backward()
opt.step()
print(repr(loss))
print(sorted(set({HEAVY!r}).intersection(sys.modules)))
"""
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=ROOT.parent
    )
    assert done.stdout.splitlines()[-1] == "[]"


def test_import_time_report_names_nothing_heavy() -> None:
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-c", "import symgrad"],
        capture_output=True, text=True, check=True, cwd=ROOT.parent,
    )  # fmt: skip
    loaded = {line.rpartition("|")[2].strip().split(".")[0] for line in done.stderr.splitlines()}
    assert "symgrad" in loaded and not loaded.intersection(HEAVY)
