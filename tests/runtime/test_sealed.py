"""The cache directory: the user's alone, bounded, and no damaged byte in it goes unnoticed."""

from __future__ import annotations

import os
import stat
import time
import warnings
from pathlib import Path

import pytest

from symgrad.errors import CacheError
from symgrad.runtime import cache, sealed

PLAIN = "def run(x):\n    return x + 1\n"


# --- damage ---


def test_any_damaged_byte_is_noticed(folder):
    path = cache.store(PLAIN, backend="numpy")
    good = path.read_bytes()
    for index in range(len(good)):
        path.write_bytes(good[:index] + bytes([good[index] ^ 16]) + good[index + 1 :])
        assert sealed.read(path) is None
        path.write_bytes(good[:index])
        assert sealed.read(path) is None
        assert not path.exists()
    path.write_bytes(good)
    assert sealed.read(path) == PLAIN.encode()


def test_a_file_cannot_pass_for_another(folder):
    first = cache.store(PLAIN, backend="numpy")
    second = cache.store(PLAIN.replace("+ 1", "+ 2"), backend="numpy")
    first.write_bytes(second.read_bytes())
    assert sealed.read(first) is None
    assert sealed.read(second) is not None


# --- the directory ---


def test_the_directory_is_the_users_alone(folder):
    previous = os.umask(0)
    try:
        path = cache.store(PLAIN, backend="numpy")
    finally:
        os.umask(previous)
    for part in (folder, folder / "v1", path.parent):
        assert stat.S_IMODE(part.stat().st_mode) == 0o700
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_directory_others_can_write_is_refused(folder):
    folder.mkdir()
    folder.chmod(0o770)
    with pytest.raises(CacheError, match="written by other users") as caught:
        cache.store(PLAIN, backend="numpy")
    assert str(folder) in str(caught.value)
    assert "SYMGRAD_CACHE_DIR" in caught.value.hint
    folder.chmod(0o700)
    cache.store(PLAIN, backend="numpy")


def test_a_link_to_such_a_directory_is_refused(folder, tmp_path):
    (tmp_path / "open").mkdir()
    (tmp_path / "open").chmod(0o777)
    folder.symlink_to(tmp_path / "open")
    with pytest.raises(CacheError, match="written by other users"):
        cache.info()


def test_another_users_directory_is_refused(folder, monkeypatch):
    folder.mkdir()
    me = os.geteuid()
    monkeypatch.setattr(os, "geteuid", lambda: me + 1)
    with pytest.raises(CacheError, match=f"belongs to user {me}, not to you"):
        cache.store(PLAIN, backend="numpy")


def test_where_nothing_can_be_written_a_temporary_directory_serves(tmp_path, use_cache_dir):
    (tmp_path / "file").write_text("")
    use_cache_dir(tmp_path / "file" / "cache")
    with pytest.warns(RuntimeWarning, match="cannot be written"):
        path = cache.store(PLAIN, backend="numpy", name="elsewhere")
    assert tmp_path not in path.parents
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # said once
        assert cache.store(PLAIN, backend="numpy", name="elsewhere") == path
    assert cache.load(path).run(1) == 2


def test_a_disk_that_fills_up_costs_nothing_but_the_cache(folder, monkeypatch):
    first = cache.store(PLAIN, backend="numpy", name="first")
    replace = os.replace

    def full(source, target):
        if str(target).startswith(str(folder)):
            raise OSError(28, "No space left on device")
        replace(source, target)

    monkeypatch.setattr(os, "replace", full)
    cache.remember("g", {})
    with pytest.warns(RuntimeWarning, match="No space left"):
        second = cache.store(PLAIN, backend="numpy", name="second")
    assert folder not in second.parents
    assert cache.load(first).run(1) == cache.load(second).run(1) == 2
    assert not list(folder.rglob("*.tmp"))


# --- bounds ---


def aged(names: list[str], seconds: list[float]) -> list[Path]:
    paths = []
    for name, age in zip(names, seconds, strict=True):
        path = cache.store(PLAIN, backend="numpy", name=name)
        os.utime(path, (time.time() - age,) * 2)
        paths.append(path)
    return paths


def test_trim_removes_what_was_not_used_longest(folder):
    old, middle, new = aged(["old", "middle", "new"], [300, 200, 100])
    code = old.with_name(old.stem + ".run.0123456789abcdef.nbc")
    sealed.write(code, b"code")
    os.utime(code, (time.time() - 400,) * 2)
    cache.load(old)  # used now
    kept = [old, code, old.with_suffix(".native.code")]
    sizes = {path: path.stat().st_size for path in (*kept, middle, new)}
    assert cache.info() == {"path": str(folder), "entries": 3, "bytes": sum(sizes.values())}
    assert cache.trim(sum(sizes.values())) == 0
    used = sum(sizes[path] for path in kept)
    assert cache.trim(used + sizes[new]) == 1
    assert not middle.exists()
    assert cache.trim(used) == 1
    assert old.exists() and code.exists() and not new.exists()
    assert cache.trim(0) == 1
    assert cache.info()["bytes"] == 0


def test_a_file_that_another_process_removed_meanwhile_is_no_entry(folder):
    path = cache.store(PLAIN, backend="numpy")
    path.with_name(f"gone_{0:032x}.py").symlink_to(folder / "nowhere")  # listed, and gone when asked for its size
    assert cache.info()["entries"] == 1
    assert cache.trim(0) == 1


def test_storing_trims_to_the_environments_bound(folder, monkeypatch):
    aged(["a", "b", "c"], [300, 200, 100])
    monkeypatch.setenv("SYMGRAD_CACHE_MAX_BYTES", "1")
    monkeypatch.setattr(cache, "_stores", 0)
    cache.store(PLAIN + "# larger than the others\n", backend="numpy", name="d")
    assert cache.info()["entries"] == 0
    assert cache.load(cache.store(PLAIN, backend="numpy", name="d")).run(1) == 2


def test_what_a_crash_left_is_swept_and_other_files_are_not_touched(folder):
    path = cache.store(PLAIN, backend="numpy")
    fresh, abandoned = (path.with_name(f"{path.name}.{name}.tmp") for name in ("aa", "bb"))
    foreign = [folder / "notes.txt", folder / "v1" / "notes.py"]
    for file in (fresh, abandoned, *foreign):
        file.write_text("half")
    os.utime(abandoned, (time.time() - 4000,) * 2)
    cache.trim()
    assert fresh.exists() and path.exists() and not abandoned.exists()
    assert cache.clear() == 1
    assert not path.exists() and not fresh.exists()
    assert all(file.exists() for file in foreign)
