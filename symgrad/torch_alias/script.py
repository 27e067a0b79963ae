"""Run a script that imports torch, as `python SCRIPT.py` would, with symgrad in PyTorch's place."""

from __future__ import annotations

import builtins
import io
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType, TracebackType

from symgrad.torch_alias.finder import install

FOR_CHILDREN = str(Path(__file__).parent / "for_children")
"""A folder on the path, where worker processes that are started afresh find a `torch` that is symgrad."""


def run_script(path: str, args: Sequence[str]) -> int:
    """Run a script as the main module; its exit code. An error is shown as Python shows it."""
    with io.open_code(os.path.abspath(path)) as file:
        source = file.read()
    install()
    sys.argv[:] = [path, *args]
    sys.path[:] = [os.path.dirname(os.path.abspath(path)), FOR_CHILDREN, *sys.path[1:]]
    main = ModuleType("__main__")
    main.__dict__.update(__file__=path, __builtins__=builtins)
    sys.modules["__main__"] = main
    try:
        exec(compile(source, path, "exec"), main.__dict__)
    except SystemExit:
        raise
    except KeyboardInterrupt as error:
        _show(error)
        return 130
    except BaseException as error:  # noqa: BLE001 - whatever the script raises is shown
        _show(error)
        return 1
    return 0


def _show(error: BaseException) -> None:
    """An error as the interpreter would show it: without the frame that ran the script."""
    trace: TracebackType | None = error.__traceback__
    while trace is not None and trace.tb_frame.f_code.co_filename == __file__:
        trace = trace.tb_next
    sys.excepthook(type(error), error.with_traceback(trace), trace)
