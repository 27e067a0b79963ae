"""Emitted modules and machine code: warm in a second process, right whatever the files suffer."""

from __future__ import annotations

import inspect
import json
import linecache
import os
import pickle
import shutil
import subprocess
import sys
import traceback
from pathlib import Path
from typing import Any

import pytest

from symgrad.errors import CacheError
from symgrad.runtime import cache, sealed

PLAIN = "def run(x):\n    return x + 1\n\n\ndef fail():\n    raise ValueError('on line 6')\n"

NUMBA = """
from numba import njit

@njit(forceinline=True)
def twice(x):
    return x + x

@njit(cache=True, nogil=True)
def run(x, out):
    for i in range(x.shape[0]):
        out[i] = twice(x[i]) + 1
"""

# What a user's process does, warm or cold; prints what it got and how it came by the code.
PROCESS = """
import json, pathlib, sys, warnings
warnings.simplefilter("error")
import numpy as np
from symgrad.native import engine
from symgrad.runtime import cache
compiled, make = [], engine.machine_code
engine.machine_code = lambda text: compiled.append(text) or make(text)
source = pathlib.Path(sys.argv[1]).read_text()
recalled = cache.recall("graph text")
if recalled:
    path = cache.locate(recalled["module"])
else:
    path = cache.store(source, backend="numba")
    cache.remember("graph text", {"module": path.name, "outputs": 1})
module = cache.load(path)
results = []
for dtype in sys.argv[2:] or ["float32"]:
    x, out = np.arange(5, dtype=dtype), np.empty(5, dtype)
    module.run(x, out)
    results.append(out.tolist())
print(json.dumps({
    "recalled": recalled is not None, "results": results,
    "hits": len(module.run.compiled) - len(compiled), "misses": len(compiled)}))
"""
RIGHT = [1.0, 3.0, 5.0, 7.0, 9.0]


class Processes:
    """Runs PROCESS with one cache directory and one emitted module."""

    def __init__(self, tmp_path: Path):
        self.folder = tmp_path / "cache"
        self.source = tmp_path / "emitted.py"
        self.source.write_text(NUMBA)

    def start(self, *dtypes: str, **environment: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-c", PROCESS, str(self.source), *dtypes],
            env={**os.environ, "SYMGRAD_CACHE_DIR": str(self.folder), **environment},
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip

    def run(self, *dtypes: str, **environment: str) -> dict:
        return self.result(self.start(*dtypes, **environment))

    def result(self, process: subprocess.Popen[str]) -> dict:
        out, errors = process.communicate(timeout=120)
        assert process.returncode == 0, errors
        assert not errors
        return json.loads(out)

    def files(self, suffix: str) -> list[Path]:
        return sorted(self.folder.rglob(f"*{suffix}"))


@pytest.fixture
def processes(tmp_path):
    return Processes(tmp_path)


# --- modules ---


def test_store_names_a_file_by_its_content(folder):
    path = cache.store(PLAIN, backend="numpy", name="loss step")
    assert path.parent.parent == folder / "v1"
    assert path.name.startswith("loss_step_")
    assert path.parent.name == path.stem.rpartition("_")[2][:2]
    assert path.read_text().startswith(PLAIN)
    before = path.stat()
    assert cache.store(PLAIN, backend="numpy", name="loss step") == path
    assert path.stat().st_mtime_ns == before.st_mtime_ns  # not written again
    others = [
        cache.store(PLAIN + "#", backend="numpy", name="loss step"),
        cache.store(PLAIN, backend="cupy", name="loss step"),
        cache.store(PLAIN, backend="numpy"),
    ]
    assert len({path, *others}) == 4


def test_a_loaded_module_is_an_ordinary_module(folder):
    path = cache.store(PLAIN, backend="numpy")
    module = cache.load(path)
    assert cache.load(path) is module
    assert module.__name__ == "symgrad_cache_" + path.stem.rpartition("_")[2]
    assert sys.modules[module.__name__] is module
    assert module.run(2) == 3
    assert pickle.loads(pickle.dumps(module.run)) is module.run
    assert inspect.getsource(module.run) == "def run(x):\n    return x + 1\n"
    linecache.clearcache()
    with pytest.raises(ValueError) as caught:
        module.fail()
    last = traceback.extract_tb(caught.value.__traceback__)[-1]
    assert (last.filename, last.lineno) == (str(path), 6)
    assert last.line == "raise ValueError('on line 6')"
    assert not list(folder.rglob("*.pyc"))  # nothing that would run unchecked


def load_anew(path: Path) -> Any:
    """Load a module as another process would."""
    cache._modules.clear()
    return cache.load(path)


def test_a_module_is_compiled_once_for_all_processes(folder, monkeypatch):
    path = cache.store(PLAIN, backend="numpy")
    cache.load(path)
    with monkeypatch.context() as patch:
        patch.setattr(cache, "compile", None, raising=False)
        assert load_anew(path).run(2) == 3
    sealed.delete(path.with_suffix(".native.code"))
    assert load_anew(path).run(2) == 3


def test_a_cache_that_was_moved_cites_its_files_where_they_are(folder, use_cache_dir, tmp_path):
    before = cache.store(PLAIN, backend="numpy")
    cache.load(before)
    shutil.copytree(folder, tmp_path / "moved")
    use_cache_dir(tmp_path / "moved")
    path = cache.locate(before.name)
    assert path != before
    for _ in range(2):
        assert load_anew(path).run.__code__.co_filename == str(path)


def test_a_module_that_fails_to_import_is_not_kept(folder):
    path = cache.store("x = 1 // 0\n", backend="numpy")
    for _ in range(2):
        with pytest.raises(ZeroDivisionError):
            cache.load(path)
    assert not [name for name in sys.modules if path.stem.rpartition("_")[2] in name]


def test_a_stored_module_loads_even_if_its_file_is_removed(folder):
    path = cache.store(PLAIN, backend="numpy")
    assert cache.clear() == 1
    assert cache.load(path).run(1) == 2
    assert path.exists()


def test_a_path_with_nothing_behind_it_is_an_error(folder):
    path = cache.store(PLAIN, backend="numpy")
    cache._sources.clear()
    path.write_bytes(path.read_bytes().replace(b"+ 1", b"+ 2"))
    with pytest.raises(CacheError, match="gone or damaged"):
        cache.load(path)


# --- graphs ---


def test_recall_gives_back_what_was_remembered(folder):
    module = cache.store(PLAIN, backend="numpy").name
    payload = {"module": module, "outputs": [1, "a", None, 0.1]}
    assert cache.recall("g") is None
    cache.remember("g", payload)
    assert cache.recall("g") == payload
    assert cache.recall("another") is None
    cache.remember("g", {"outputs": 2})
    assert cache.recall("g") == {"outputs": 2}


@pytest.mark.parametrize("which", ["module", "graph"])
def test_recall_of_a_damaged_file_is_a_miss(folder, which):
    module = cache.store(PLAIN, backend="numpy")
    cache.remember("g", {"module": module.name})
    graph = next(folder.rglob("graph_*"))
    cache._sources.clear()
    flip(module if which == "module" else graph, 0.3)
    assert cache.recall("g") is None
    assert not graph.exists()
    assert cache.load(cache.store(PLAIN, backend="numpy")).run(1) == 2


def test_a_changed_package_recalls_nothing(folder, monkeypatch):
    cache.remember("g", {})
    monkeypatch.setattr(cache, "_state_of", lambda part="": "edited")
    assert cache.recall("g") is None


# --- machine code ---


def test_a_second_process_compiles_nothing(processes):
    cold = processes.run()
    assert cold == {"recalled": False, "results": [RIGHT], "hits": 0, "misses": 1}
    [module] = processes.files(".py")
    [code] = processes.files(".o")
    assert code.name.split(".")[:2] == [module.stem, "run"]
    assert code.parent == module.parent
    warm = processes.run()
    assert warm == {"recalled": True, "results": [RIGHT], "hits": 1, "misses": 0}


def test_the_compiler_is_part_of_the_key(folder, monkeypatch):
    before = cache.store(NUMBA, backend="numba")
    assert cache.store(NUMBA, backend="numba") == before
    cache._environment.cache_clear()
    monkeypatch.setattr(cache, "_state_of", lambda part="": f"edited {part}")
    assert cache.store(NUMBA, backend="numba") != before
    cache._environment.cache_clear()


def test_processes_may_compile_different_signatures_at_once(processes):
    dtypes = ("float32", "float64", "int64")
    for process in [processes.start(dtype) for dtype in dtypes]:
        assert processes.result(process)["results"] == [RIGHT]
    assert len(processes.files(".o")) == 3
    assert processes.run(*dtypes) == {
        "recalled": True, "results": [RIGHT] * 3, "hits": 3, "misses": 0,
    }  # fmt: skip


def flip(path: Path, where: float) -> None:
    data = bytearray(path.read_bytes())
    data[int(where * (len(data) - 1))] ^= 1
    path.write_bytes(data)


def cut(path: Path, where: float) -> None:
    path.write_bytes(path.read_bytes()[: int(where * path.stat().st_size)])


@pytest.mark.parametrize("suffix", [".py", ".code", ".o", ".json"])
def test_damage_costs_a_recompile_and_nothing_else(processes, suffix):
    processes.run()
    good = {path: path.read_bytes() for path in processes.files(suffix)}
    assert len(good) == 1
    for damage, where in [(cut, 0.0), (cut, 0.6), (flip, 0.5), (flip, 1.0)]:
        for path in good:
            damage(path, where)
        after = processes.run()
        assert after["results"] == [RIGHT]
        assert after["hits"] == (0 if suffix == ".o" else 1)
        assert sorted(good) == processes.files(suffix)
        assert all(sealed.read(path) is not None for path in good)  # made anew
    assert processes.run() == {"recalled": True, "results": [RIGHT], "hits": 1, "misses": 0}


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
def test_forked_children_write_at_once(folder):
    children = []
    for index in range(4):
        child = os.fork()
        if not child:
            status = 1
            try:
                for turn in range(30):
                    source = f"def run(x):\n    return x + {turn}\n"
                    path = cache.store(source, backend="numpy")
                    assert cache.load(path).run(index) == index + turn
                    cache.remember("shared", {"module": path.name, "turn": turn})
                    cache.recall("shared")
                status = 0
            finally:
                os._exit(status)
        children.append(child)
    for child in children:
        assert os.waitpid(child, 0)[1] == 0
    assert cache.info()["entries"] == 31
    assert not list(folder.rglob("*.tmp"))
