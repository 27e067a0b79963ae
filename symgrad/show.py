"""`symgrad graph FILE:FUNCTION`: import a file, trace one of its functions, show what became of it."""

from __future__ import annotations

import ast
import importlib.util
import inspect
import re
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

import symgrad as sg
from symgrad.compiler.compiled import Compiled
from symgrad.dtypes import BOOL, BY_NAME, BY_SHORT, FLOATING
from symgrad.viz import make_dot, render

KINDS = ("ir", "passes", "source", "picture")
Arguments = tuple[list[Any], dict[str, Any]]


class ShowError(ValueError):
    """A file, function or argument text that is not what it should be; the message is for the user."""


def show(target: str, *, types: str | None = None, kind: str = "ir", backend: str | None = None,
         output: Path | None = None) -> int:  # fmt: skip
    """Print, or write to `output`, the chosen view of a function; the exit code."""
    module, function, name = find(target)
    args, kwargs = example(module, function, name, types)
    compiled = compile_again(function, backend)
    check_call(compiled.function, name, args, kwargs)
    program = compiled.program(*args, **kwargs)
    if kind == "picture":
        path = output or Path(f"{name.rpartition('.')[2]}.svg")
        print(Path(render(make_dot(program), path)).resolve())
        return 0
    text = text_of(program, kind)
    if output is None:
        sys.stdout.write(text)
    else:
        output.write_text(text, encoding="utf-8")
        print(output.resolve())
    return 0


def text_of(program: Any, kind: str) -> str:
    """The graph, the graph after every pass, or the emitted module."""
    if kind == "ir":
        return str(program)
    if kind == "passes":
        return "\n".join(str(stage) for stage in program.passes)
    if not program.source:
        raise ShowError(f"backend {program.backend!r} emits no source; give --backend numba, numpy or cupy")
    return str(program.source)


def find(target: str) -> tuple[ModuleType, Callable[..., Any], str]:
    """The module, the callable and its name that `FILE:FUNCTION` means."""
    file, colon, name = target.rpartition(":")
    if not colon or not name or not file:
        raise ShowError(f"{target!r} is not FILE:FUNCTION, for example train.py:step")
    path = Path(file)
    if not path.is_file():
        raise ShowError(f"there is no file {file}")
    spec = importlib.util.spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None:
        raise ShowError(f"{file} is not a Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module
    sys.path.insert(0, str(path.resolve().parent))
    spec.loader.exec_module(module)
    found: Any = module
    for part in name.split("."):
        if not hasattr(found, part):
            raise ShowError(f"{file} has no function {name!r}; it has {callables(module) or 'none'}")
        found = getattr(found, part)
    if not callable(found):
        raise ShowError(f"{name!r} in {file} is a {type(found).__name__}, not a function")
    return module, found, name


def callables(module: ModuleType) -> str:
    """The functions a module itself defines, as a list to choose from."""
    own = (name for name, value in vars(module).items() if not name.startswith("_")
           and (isinstance(value, (Compiled, sg.nn.Module))
                or inspect.isfunction(value) and value.__module__ == module.__name__))  # fmt: skip
    return ", ".join(own)


def example(module: ModuleType, function: Any, name: str, types: str | None) -> Arguments:
    """Arguments to trace with: from `--args`, else the module's EXAMPLE or example(), else none."""
    if types is not None:
        return parse_arguments(types)
    given = getattr(module, "EXAMPLE", None)
    if given is None and inspect.isfunction(getattr(module, "example", None)):
        given = module.example()
    if given is None:
        return [], {}
    if isinstance(given, Mapping):
        return [], dict(given)
    return list(given) if isinstance(given, (tuple, list)) else [given], {}


def parse_arguments(text: str) -> Arguments:
    """Tensors and Python values from `x=f32[2000], f32[64,10], lr=0.1`.

    >>> args, kwargs = parse_arguments("f32[2,3], flag=True")
    >>> args[0].shape, kwargs
    (torch.Size([2, 3]), {'flag': True})
    """
    try:
        call = ast.parse(f"f({text.replace('[]', '[()]')})", mode="eval").body
    except SyntaxError as error:
        raise ShowError(f"--args {text!r} cannot be read; write it like x=f32[2000],lr=0.1") from error
    if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Name):
        raise ShowError(f"--args {text!r} cannot be read; write it like x=f32[2000],lr=0.1")
    rng = np.random.default_rng(0)
    args = [argument(node, rng) for node in call.args]
    return args, {word.arg or "": argument(word.value, rng) for word in call.keywords}


def argument(node: ast.expr, rng: np.random.Generator) -> Any:
    """A tensor for `f32[2,3]`, else the Python value that is written there."""
    text = ast.unparse(node).replace("[()]", "[]")
    if not isinstance(node, ast.Subscript):
        try:
            return ast.literal_eval(node)
        except ValueError as error:
            raise ShowError(f"{text!r} is neither a type such as f32[64,10] nor a Python value") from error
    known = {**BY_NAME, **BY_SHORT}
    dtype = known.get(ast.unparse(node.value))
    if dtype is None:
        raise ShowError(f"{text!r}: no dtype {ast.unparse(node.value)!r}; there are {', '.join(BY_SHORT)}")
    extents = re.fullmatch(r"\w+\[([\d,\s]*)\]", text.replace("(", "").replace(")", ""))
    if extents is None:
        raise ShowError(f"{text!r}: a shape is whole numbers, such as [64, 10] or []")
    shape = tuple(int(extent) for extent in extents[1].split(",") if extent.strip())
    if dtype.category == FLOATING:
        return sg.from_numpy(rng.standard_normal(shape).astype(dtype.np))
    high = 2 if dtype.category == BOOL else 10
    return sg.from_numpy(np.asarray(rng.integers(0, high, shape), dtype.np))


def compile_again(function: Any, backend: str | None) -> Compiled:
    """`function` compiled as its own decorator says, but for the backend and for no fallback."""
    exact = isinstance(function, Compiled) and function.exact
    if isinstance(function, Compiled):
        backend = backend or function.backend
        function = function.function
    compiled: Compiled = sg.compile(function, backend=backend or "", fullgraph=True, exact=exact)
    return compiled


def check_call(function: Any, name: str, args: list[Any], kwargs: dict[str, Any]) -> None:
    """Refuse arguments the function does not take, saying how to give the right ones."""
    call = function.forward if isinstance(function, sg.nn.Module) else function
    parameters = inspect.signature(call)
    try:
        parameters.bind(*args, **kwargs)
    except TypeError as error:
        names = ",".join(f"{parameter}=f32[…]" for parameter in parameters.parameters)
        raise ShowError(f"{name}{parameters}: {error}; give example types: --args {names!r}, "
                        "or define EXAMPLE in the file") from error  # fmt: skip
