"""DOT text becomes a picture without a system Graphviz: by `dot` if there is one, else pygraphviz.

The wheel of pygraphviz carries Graphviz as a library, so `pip install` is enough. `Drawing` is a
`graphviz.Digraph` whose `render`, `pipe` and notebook display take the same way.
"""

from __future__ import annotations

import functools
import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from symgrad.errors import GraphvizMissingError

if TYPE_CHECKING:
    import graphviz  # type: ignore[import-untyped, unused-ignore]

_INSTALL = 'pip install "symgrad[viz]" (no system package needed), or install graphviz'

# In a process of its own: Graphviz 14 ends the process with a fault when it frees a layout that has
# two labels with an empty first line, which is how torchviz labels tensors without a name.
_LIBRARY_CALL = """
import os, sys
from pygraphviz import agraph
agraph.gv.gvFreeLayout = lambda *unused: 0
dot = agraph.AGraph(string=sys.stdin.buffer.read().decode("utf-8"))
data = dot.draw(format=sys.argv[1], prog=sys.argv[2])
if not isinstance(data, bytes):
    sys.exit(f"unknown format {sys.argv[1]!r}")
sys.stdout.buffer.write(data)
sys.stdout.flush()
os._exit(0)
"""


def to_svg(source: str) -> str:
    """The picture of a DOT text, as SVG text."""
    return draw(source, "svg").decode("utf-8")


def render(dot: Any, path: str | os.PathLike[str]) -> str:
    """Write the picture of `dot` (DOT text, or what has a `.source`) to `path`, by its suffix.

    `.gv` and `.dot` write the DOT text itself, which needs no Graphviz.
    """
    target = Path(path)
    source = dot if isinstance(dot, str) else dot.source
    kind = target.suffix[1:].lower()
    if not kind:
        raise ValueError(f"render: the path needs a suffix such as .svg or .png: {str(target)!r}")
    target.write_bytes(source.encode("utf-8") if kind in ("gv", "dot") else draw(source, kind))
    return str(target)


def draw(source: str, format: str, engine: str = "dot") -> bytes:
    """The picture of a DOT text in any format Graphviz writes."""
    program = shutil.which(engine)
    if program is not None:
        return _ask([program, f"-T{format}"], source)
    return _by_library(source, format, engine)


def _by_library(source: str, format: str, engine: str) -> bytes:
    if importlib.util.find_spec("pygraphviz") is None:
        raise GraphvizMissingError(
            f"neither the {engine!r} program nor pygraphviz is there to render a picture",
            hint=f"{_INSTALL}; the DOT text itself is in .source",
        )
    paths = dict(os.environ, PYTHONPATH=os.pathsep.join(filter(None, sys.path)))
    return _ask([sys.executable, "-c", _LIBRARY_CALL, format, engine], source, env=paths)


def _ask(command: list[str], source: str, **options: Any) -> bytes:
    """What `command` answers to the DOT text; its complaint, on one line, as a ValueError."""
    done: subprocess.CompletedProcess[bytes] = subprocess.run(
        command, input=source.encode("utf-8"), capture_output=True, check=False, **options
    )
    if done.returncode or not done.stdout:
        said = done.stderr.decode("utf-8", "replace").strip().splitlines()
        complaint = next((line for line in said if line.startswith("Error")), said[-1] if said else
                         f"exit code {done.returncode}")  # fmt: skip
        raise ValueError(f"Graphviz refused: {complaint}")
    return done.stdout


def drawing(**attributes: Any) -> "graphviz.Digraph":
    """An empty `graphviz.Digraph` that also renders where no Graphviz program is installed."""
    dot: graphviz.Digraph = _drawing_class()(**attributes)
    return dot


@functools.cache
def _drawing_class() -> Any:
    try:
        import graphviz
    except ImportError as error:
        raise GraphvizMissingError("Python's graphviz is not installed", hint=_INSTALL) from error

    class Drawing(graphviz.Digraph):  # type: ignore[misc, unused-ignore]
        """A `graphviz.Digraph` rendered by `symgrad.viz.render`."""

        def pipe(self, format: str | None = None, renderer: str | None = None,
                 formatter: str | None = None, neato_no_op: Any = None, quiet: bool = False, *,
                 engine: str | None = None, encoding: str | None = None) -> Any:  # fmt: skip
            """The picture as bytes, or as text when `encoding` is given."""
            if shutil.which(engine or self.engine) is not None:
                return super().pipe(format, renderer, formatter, neato_no_op, quiet,
                                    engine=engine, encoding=encoding)  # fmt: skip
            data = draw(self.source, format or self.format, engine or self.engine)
            return data.decode(encoding) if encoding else data

        def render(self, filename: Any = None, directory: Any = None, view: bool = False,
                   cleanup: bool = False, format: str | None = None, *args: Any,
                   outfile: Any = None, engine: str | None = None,
                   **kwargs: Any) -> Any:  # fmt: skip
            """Save the source, write the picture beside it (or to `outfile`); returns its path."""
            if shutil.which(engine or self.engine) is not None:
                return super().render(filename, directory, view, cleanup, format, *args,
                                      outfile=outfile, engine=engine, **kwargs)  # fmt: skip
            if outfile is not None:
                target = Path(outfile)
                format = format or target.suffix[1:].lower() or None
                filename = filename if filename is not None else target.with_suffix(".gv")
            kind = format or self.format
            data = draw(self.source, kind, engine or self.engine)
            saved = self.save(filename, directory=directory)
            target = Path(outfile if outfile is not None else f"{saved}.{kind}")
            target.write_bytes(data)
            if cleanup:
                os.remove(saved)
            if view:
                self._view(str(target), format=kind, quiet=False)
            return str(target)

        def _repr_svg_(self) -> str:
            return to_svg(self.source)

    return Drawing
