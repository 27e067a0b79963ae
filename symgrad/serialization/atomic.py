"""A file is replaced whole or not at all, whenever the writer is killed or the power goes."""

from __future__ import annotations

import contextlib
import os
import secrets
import stat
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A path to write to, beside `path` (or what that links to), which takes its place when all is on the disk."""
    target = Path(os.path.realpath(path))
    mode = target.stat().st_mode if target.exists() else None
    assert mode is None or stat.S_ISREG(mode), "a device or a pipe must not be replaced"
    beside = target.with_name(f".{target.name[:200]}.{secrets.token_hex(8)}.tmp")
    os.close(os.open(beside, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666))
    mode = beside.stat().st_mode if mode is None else mode  # as the user's umask has it
    try:
        yield beside
        os.chmod(beside, stat.S_IMODE(mode))
        _to_disk(beside)
        os.replace(beside, target)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise
    _to_disk(target.parent)


def _to_disk(path: Path) -> None:
    """Wait until the disk has what was written to a file, or the names in a folder."""
    if path.is_dir() and os.name == "nt":  # folders cannot be opened there
        return
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
