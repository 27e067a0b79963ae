"""NumPy's own BLAS, found where its wheel puts it, so that others can call the very same routines."""

from __future__ import annotations

import ctypes
import functools
from dataclasses import dataclass
from pathlib import Path

import numpy as np

# Symbol of the C interface, and whether its integers are 64 bits wide.
_SPELLINGS = (
    ("scipy_cblas_sgemm64_", True),
    ("cblas_sgemm64_", True),
    ("scipy_cblas_sgemm", False),
    ("cblas_sgemm", False),
)


@dataclass(frozen=True)
class Blas:
    """A loaded BLAS: its file, the name of its `sgemm`, whether integers are wide, its address."""

    path: Path
    symbol: str
    wide: bool
    address: int


@functools.cache
def find() -> Blas | None:
    """NumPy's bundled BLAS, or None where NumPy was built against another one."""
    package = Path(np.__file__).parent
    folders = (package.parent / "numpy.libs", package / ".dylibs", package / ".libs")
    for folder in folders:
        for path in sorted(folder.glob("*blas*")):
            try:
                library = ctypes.CDLL(str(path))
            except OSError:
                continue
            for symbol, wide in _SPELLINGS:
                if hasattr(library, symbol):
                    address = ctypes.cast(getattr(library, symbol), ctypes.c_void_p).value or 0
                    return Blas(path, symbol, wide, address)
    return None
