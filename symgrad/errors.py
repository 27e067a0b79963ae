"""Every error a user can meet, one class each, with PyTorch's builtin exception type as a base.

A message says what was found (op, shapes, dtypes); `hint` says the way out; the user's own line is
found by walking the stack to the first frame outside this package.
"""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from functools import cache
from types import FrameType

_PACKAGE = os.path.dirname(os.path.abspath(__file__)) + os.sep
_STDLIB = os.path.dirname(os.__file__) + os.sep
_LIBRARY_MODULES = ("<frozen ", "<string>", "<symgrad ")


@dataclass(frozen=True, slots=True)
class Loc:
    """Where in the user's program something came from: file, line, function."""

    file: str
    line: int
    function: str = ""

    def __str__(self) -> str:
        return f"{os.path.basename(self.file)}:{self.line}"


@cache
def is_own_file(filename: str) -> bool:
    """Whether code from `filename` is this package's."""
    return filename.startswith(_PACKAGE)


@cache
def is_user_file(filename: str) -> bool:
    """Whether code from `filename` is the user's: not this package, not the standard library."""
    if is_own_file(filename) or filename.startswith(_LIBRARY_MODULES):
        return False
    return not filename.startswith(_STDLIB) or "site-packages" in filename


def user_frame() -> FrameType | None:
    """The innermost frame on the stack that belongs to user code."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and not is_user_file(frame.f_code.co_filename):
        frame = frame.f_back
    return frame


def user_location() -> Loc | None:
    """The user's file, line and function now executing, or None."""
    frame = user_frame()
    return None if frame is None else location_of(frame)


def location_of(frame: FrameType) -> Loc:
    """Where a frame is now."""
    return Loc(frame.f_code.co_filename, frame.f_lineno, frame.f_code.co_name)


class SymgradError(Exception):
    """Base of all errors of this package; carries a `hint` and the user's `loc`."""

    def __init__(self, message: str, *, hint: str = "", loc: Loc | None = None):
        self.message = message
        self.hint = hint
        self.loc = loc if loc is not None else user_location()
        super().__init__(self._text())

    def _text(self) -> str:
        lines = [self.message]
        if self.loc is not None:
            lines.append(f"  at {self.loc.file}:{self.loc.line} in {self.loc.function}")
        if self.hint:
            lines.append(f"  hint: {self.hint}")
        return "\n".join(lines)


class ShapeError(SymgradError, RuntimeError):
    """Shapes that do not fit the operation."""


class DTypeError(SymgradError, RuntimeError):
    """Dtypes the operation does not take."""


class DomainError(SymgradError, RuntimeError):
    """Values the operation is not defined for (an integer divided by zero, a negative integer power)."""


class DimError(SymgradError, IndexError):
    """A dimension or index out of range."""


class RangeError(DimError, RuntimeError):
    """An element of an index tensor out of range: PyTorch raises either base, by function."""


class GradError(SymgradError, RuntimeError):
    """A gradient was asked for where there is none (no graph, freed graph, non-scalar output)."""


class VersionError(GradError):
    """A tensor needed for backward was modified in place after it was saved."""


class NaNGradientError(GradError):
    """Anomaly mode found a NaN among the gradients a node returned."""


class GradcheckError(GradError):
    """A gradient does not agree with finite differences, or depends on more than its inputs."""


class UnwrittenError(GradError, NotImplementedError):
    """A method the user must write (`Function.forward`, `Module.forward`) is not there."""


class InplaceError(SymgradError, RuntimeError):
    """An in-place change that autograd or the memory layout does not allow."""


class LinAlgError(SymgradError, RuntimeError):
    """A matrix the operation has no answer for: singular, not positive-definite, or without convergence."""


class TraceError(SymgradError, RuntimeError):
    """The function cannot be captured into one static graph; it can still run eagerly."""


class ConcretizationError(TraceError):
    """A Python value was asked of a symbol while tracing (`if tensor:`, `.item()`, `.numpy()`)."""


class SideEffectError(TraceError):
    """A traced function changed a Python object that the compiled program would not change again."""


class RandomStateError(TraceError):
    """Python's or NumPy's global random state was consumed while tracing."""


class LeakedSymbolError(SymgradError, RuntimeError):
    """A symbol was used after the trace it belongs to had ended."""


class RetraceError(SymgradError, RuntimeError):
    """A compiled function met a new signature under `on_retrace='error'`."""


class VerifyError(SymgradError, AssertionError):
    """A graph breaks an invariant of the IR: a bug in a pass, never in user code."""


class ParseError(SymgradError, ValueError):
    """IR text that is not a graph."""


class BackendError(SymgradError, RuntimeError):
    """A backend is missing, or cannot run this program on this machine."""


class SaveError(SymgradError, TypeError):
    """What is to be saved is neither a tensor nor a plain container."""


class LoadError(SymgradError, RuntimeError):
    """A file is damaged or cut off, or holds what is neither a tensor nor a plain container."""


class CacheError(SymgradError, RuntimeError):
    """The kernel cache directory is unsafe to use (not the user's own, or open to others)."""


class GraphvizMissingError(SymgradError, RuntimeError):
    """Neither the `dot` program nor pygraphviz is there to render a picture."""
