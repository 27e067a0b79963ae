"""What every test may ask for: numbers of its own, goldens, a backend; and why some are skipped."""

from __future__ import annotations

import importlib.util
import os
import shutil
import sys
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

GOLDEN = Path(__file__).parent / "golden"
BACKENDS = ("reference", "numpy", "numba")

if "PYTEST_XDIST_WORKER" in os.environ:  # the workers have the cores: PyTorch's threads would wait for one another
    os.environ.setdefault("OMP_NUM_THREADS", "1")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--update-golden", action="store_true", help="write tests/golden/ from what the tests produce"
    )
    parser.addoption(
        "--programs", type=int, default=2000, help="how many random programs to compare with PyTorch"
    )


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    missing = {
        "needs_gxx": None if shutil.which("g++") else "g++ is not installed",
        "needs_torch": None if importlib.util.find_spec("torch") else "torch is not installed",
    }
    for item in items:
        for marker, reason in missing.items():
            if reason and item.get_closest_marker(marker):
                item.add_marker(pytest.mark.skip(reason=reason))


@pytest.fixture(scope="session", autouse=True)
def _bytecode_of_processes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Processes that tests start keep bytecode, out of the checkout where none is to be written: half a second each."""
    with pytest.MonkeyPatch.context() as patch:
        if sys.dont_write_bytecode:
            patch.delenv("PYTHONDONTWRITEBYTECODE", raising=False)
            patch.setenv("PYTHONPYCACHEPREFIX", str(tmp_path_factory.mktemp("bytecode")))
        yield


@pytest.fixture
def rng(request: pytest.FixtureRequest) -> np.random.Generator:
    """Random numbers that depend on the test's id alone, so any order and any subset repeats them."""
    return np.random.default_rng(zlib.crc32(request.node.nodeid.encode()))


@pytest.fixture(params=BACKENDS)
def backend(request: pytest.FixtureRequest) -> str:
    """Each backend that runs without a GPU; a compiled test must hold on all of them."""
    if request.param == "numba":
        pytest.importorskip("numba")
    return str(request.param)


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Callable[..., None]:
    """`golden(text, name)` compares with tests/golden/<file>/<name>.txt; --update-golden writes it."""
    folder = GOLDEN / Path(str(request.node.path)).stem.removeprefix("test_")

    def check(text: str, name: str = "") -> None:
        path = folder / f"{name or request.node.name.removeprefix('test_')}.txt"
        if request.config.getoption("--update-golden"):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        assert path.exists(), f"{path} is missing: run pytest --update-golden and read what it wrote"
        assert text == path.read_text(encoding="utf-8"), f"differs from {path}"

    return check
