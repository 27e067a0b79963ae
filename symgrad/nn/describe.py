"""The printed form of a module tree, as PyTorch prints it."""

from __future__ import annotations

from typing import Any


def indent(text: str, spaces: int) -> str:
    """`text` with every line but the first indented."""
    first, *rest = text.split("\n")
    return "\n".join([first, *(" " * spaces + line for line in rest)])


def module_repr(module: Any) -> str:
    """`Sequential(\\n  (0): Linear(…)\\n)`: extra_repr, then the children."""
    extra = module.extra_repr()
    extra_lines = extra.split("\n") if extra else []
    children = [f"({name}): {indent(repr(child), 2)}" for name, child in module._modules.items()]
    return enclose(module._get_name(), extra_lines, children)


def enclose(name: str, extra_lines: list[str], children: list[str]) -> str:
    """`name(…)`, on one line when there is only one line of extra."""
    lines = extra_lines + children
    if not lines:
        return f"{name}()"
    if len(extra_lines) == 1 and not children:
        return f"{name}({extra_lines[0]})"
    return f"{name}(\n  " + "\n  ".join(lines) + "\n)"


def list_repr(modules: list[Any], name: str) -> str:
    """A ModuleList: runs of equal children are printed once, with their count."""
    if not modules:
        return f"{name}()"
    runs: list[list[Any]] = []
    for place, text in enumerate(map(repr, modules)):
        if runs and runs[-1][2] == text:
            runs[-1][1] = place
        else:
            runs.append([place, place, text])
    lines = []
    for start, end, text in runs:
        label = f"({start})" if start == end else f"({start}-{end})"
        count = "" if start == end else f"{end - start + 1} x "
        lines.append(indent(f"{label}: {count}{text}", 2))
    return f"{name}(\n  " + "\n  ".join(lines) + "\n)"
