"""Every file in the cache ends in the SHA-256 of what it holds, so nothing damaged is ever used.

A file that fails its digest (cut off, a bit flipped, another file's content) is deleted and counts
as absent, so whoever needed it makes it anew. Files appear by rename: a crash leaves behind no lock
and no half-written file, and writers of one name write the same thing. Files lie in
`<cache_dir>/v1/<two digits>/` as `<entry>.<rest>`, an entry being `<name>_<32 hex digits>`; space
is counted and freed by whole entries.
"""

from __future__ import annotations

import atexit
import hashlib
import os
import re
import shutil
import tempfile
import time
import warnings
from collections import defaultdict
from contextlib import suppress
from pathlib import Path

from symgrad import config as settings
from symgrad.errors import CacheError

VERSION = "v1"
DEFAULT_MAX_BYTES = 1 << 30
ABANDONED_SECONDS = 3600  # a temporary file this old was left behind by a crash

_SEAL_BYTES = len("# sha256 \n") + 64
_OURS = re.compile(r"(\w+_[0-9a-f]{32})\.")

_roots: dict[Path, Path] = {}  # the configured directory -> the one in use, once checked


def root() -> Path:
    """The directory in use: `config.cache_dir`, or a private temporary one if that is read-only."""
    wanted = settings.config.cache_dir
    found = _roots.get(wanted)
    if found is None:
        found = _roots[wanted] = _prepare(wanted)
    return found


def _prepare(wanted: Path) -> Path:
    try:
        for folder in (wanted, wanted / VERSION):
            _make(folder)
            _check_owner(folder)
        if not os.access(wanted / VERSION, os.W_OK | os.X_OK):
            raise PermissionError(f"{wanted} is not writable")
    except OSError as error:
        return _private_folder(error)
    return wanted


def _make(folder: Path) -> None:
    for part in (*reversed(folder.parents), folder):
        part.mkdir(mode=0o700, exist_ok=True)


def _check_owner(folder: Path) -> None:
    if not hasattr(os, "geteuid"):  # Windows: a profile directory is the user's own
        return
    strangers = {os.lstat(folder).st_uid, os.stat(folder).st_uid} - {os.geteuid()}
    if strangers:  # the owner of a symbolic link counts as much as the owner of its target
        problem = f"belongs to user {strangers.pop()}, not to you"
    elif os.stat(folder).st_mode & 0o022:
        problem = "can be written by other users"
    else:
        return
    raise CacheError(
        f"the kernel cache {folder} {problem}: code loaded from it could be someone else's",
        hint=f"chmod 700 {folder}, or set SYMGRAD_CACHE_DIR to a directory of your own",
    )


def _private_folder(error: OSError) -> Path:
    folder = tempfile.mkdtemp(prefix="symgrad-")
    owner = os.getpid()

    def remove() -> None:
        if os.getpid() == owner:  # a forked child inherits the handler, not the directory
            shutil.rmtree(folder, ignore_errors=True)

    atexit.register(remove)
    warnings.warn(
        f"the kernel cache cannot be written ({error}); compiled code lasts for this process only."
        " Set SYMGRAD_CACHE_DIR to a writable directory to keep it.",
        RuntimeWarning,
        stacklevel=2,
    )
    return Path(folder)


def digest(*parts: str | bytes) -> str:
    """SHA-256 of a sequence of texts; where one ends and the next begins counts."""
    total = hashlib.sha256()
    for part in parts:
        data = part.encode() if isinstance(part, str) else part
        total.update(b"%d:" % len(data) + data)
    return total.hexdigest()


def _seal(name: str, payload: bytes) -> bytes:
    # To Python this last line is a comment. With the name in it, no file can pass for another.
    return f"# sha256 {digest(name, payload)}\n".encode()


def locate(name: str) -> Path:
    """The path of the cache file called `name`."""
    return root() / VERSION / name.partition(".")[0][-32:-30] / name


def read(path: Path) -> bytes | None:
    """What `path` holds; None where it is absent, or damaged and therefore deleted now."""
    try:
        data = path.read_bytes()
    except OSError:
        return None
    payload = data[:-_SEAL_BYTES]
    if data[-_SEAL_BYTES:] == _seal(path.name, payload):
        return payload
    delete(path)
    return None


def write(path: Path, payload: bytes) -> None:
    """Put `payload` at `path`, all of it or nothing, whoever else writes there."""
    _make(path.parent)
    handle, temporary = tempfile.mkstemp(prefix=path.name + ".", suffix=".tmp", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(payload + _seal(path.name, payload))
        os.replace(temporary, path)
    except OSError:
        delete(Path(temporary))
        raise


def write_or_move(path: Path, payload: bytes) -> Path:
    """`write`; where the disk is full or gone, to a private directory used from then on."""
    try:
        write(path, payload)
    except OSError as error:
        _roots[settings.config.cache_dir] = _private_folder(error)
        path = locate(path.name)
        write(path, payload)
    return path


def delete(path: Path) -> None:
    """Remove `path`; that it is gone already, or cannot be removed, is no error."""
    with suppress(OSError):
        path.unlink()


def touch(path: Path) -> None:
    """Mark an entry as used now: its age decides what `trim` removes."""
    with suppress(OSError):
        os.utime(path)


def _entries() -> dict[Path, list[tuple[Path, os.stat_result]]]:
    """Our files and nobody else's, of every version, by entry."""
    found: dict[Path, list[tuple[Path, os.stat_result]]] = defaultdict(list)
    for version in root().glob("v[0-9]*"):
        for folder, _, names in os.walk(version):
            for name in names:
                entry = _OURS.match(name)
                if entry:
                    path = Path(folder, name)
                    with suppress(OSError):  # removed by another process meanwhile
                        stat = path.stat()
                        found[version / entry[1]].append((path, stat))
    return found


def info() -> dict[str, str | int]:
    """Where the cache is, how many entries it holds, and their size in bytes."""
    entries = _entries()
    size = sum(stat.st_size for files in entries.values() for _, stat in files)
    return {"path": str(root()), "entries": len(entries), "bytes": size}


def clear() -> int:
    """Remove all entries (and no file that is not the cache's); return how many there were."""
    entries = _entries()
    for files in entries.values():
        for path, _ in files:
            delete(path)
    return len(entries)


def trim(max_bytes: int | None = None) -> int:
    """Remove least recently used entries until the rest fit; return how many were removed.

    The bound is `max_bytes`, else `SYMGRAD_CACHE_MAX_BYTES` of the environment, else 1 GiB. A
    process that uses a removed entry goes on: it has loaded it, or compiles again.
    """
    if max_bytes is None:
        max_bytes = int(os.environ.get("SYMGRAD_CACHE_MAX_BYTES") or DEFAULT_MAX_BYTES)
    abandoned = time.time() - ABANDONED_SECONDS
    ages: list[tuple[float, int, list[Path]]] = []
    for files in _entries().values():
        for path, stat in files:
            if path.suffix == ".tmp" and stat.st_mtime < abandoned:
                delete(path)
        last_used = max(stat.st_mtime for _, stat in files)
        ages.append((last_used, sum(stat.st_size for _, stat in files), [p for p, _ in files]))
    ages.sort(key=lambda entry: entry[0])
    total = sum(size for _, size, _ in ages)
    removed = 0
    for _, size, paths in ages:
        if total <= max_bytes:
            break
        for path in paths:
            delete(path)
        total -= size
        removed += 1
    return removed
