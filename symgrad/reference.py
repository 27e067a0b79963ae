"""`docs/reference.md`: every public operation, from its own declaration; `docs/modules.md`: every class.

    python -m symgrad.reference docs/reference.md
    python -m symgrad.reference docs/modules.md

Nothing stands on the pages that is not in the table `PUBLIC`, in a namespace or in a docstring; a test
compares them with what would be written now.
"""

from __future__ import annotations

import importlib
import inspect
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from symgrad.ops.public import PUBLIC, Public

HEAD = """\
# Reference

Every public operation, in PyTorch's names and meaning; all of them run eagerly and, where they are
functions of tensors, under `sg.compile`. Made by `python -m symgrad.reference docs/reference.md` from
the declarations.

Each is found as `sg.NAME` unless another place is given; *method*: also `x.NAME(…)`; *in place*: also
`x.NAME_(…)`; *out*: takes `out=`.

"""


def page() -> str:
    """The whole page as Markdown."""
    families: dict[str, list[Public]] = {}
    for public in PUBLIC.values():
        families.setdefault(public.module, []).append(public)
    parts = [HEAD]
    for module in families:
        parts.append(f"- [{title(module)}](#{anchor(title(module))})\n")
    for module, members in families.items():
        parts.append(f"\n## {title(module)}\n\n{idea(module)}\n")
        parts += [entry(public) for public in members]
    return "".join(parts)


CLASSES_HEAD = """\
# Modules, optimizers, data

The classes that a training script is made of, in PyTorch's names and meaning; layers, losses and optimizers
run eagerly and under `sg.compile`. Made by `python -m symgrad.reference docs/modules.md` from their
docstrings.

"""
NAMESPACES = ("nn", "optim", "optim.lr_scheduler", "utils.data")


def classes(namespace: str) -> dict[str, list[tuple[str, type]]]:
    """The classes of a namespace by the module that declares them, in the order of their names."""
    space = importlib.import_module(f"symgrad.{namespace}")
    found: dict[str, list[tuple[str, type]]] = {}
    for name in dir(space):
        kind = getattr(space, name)
        if inspect.isclass(kind) and kind.__module__.startswith("symgrad.") and not name.startswith("_"):
            found.setdefault(kind.__module__, []).append((name, kind))
    return dict(sorted(found.items()))


def classes_page() -> str:
    """The page of classes as Markdown."""
    parts = [CLASSES_HEAD]
    table = [(space, module, members) for space in NAMESPACES for module, members in classes(space).items()]
    for space, module, _ in table:
        heading = f"{space}: {title(module).lower()}"
        parts.append(f"- [{heading}](#{anchor(heading)})\n")
    for space, module, members in table:
        parts.append(f"\n## {space}: {title(module).lower()}\n\n{idea(module)}\n")
        for name, kind in members:
            prose, examples = split(inspect.getdoc(kind) or "")
            parts.append(f"\n### {space}.{name}\n\n`{space}.{name}{arguments(kind)}`\n\n{prose}\n")
            if examples:
                parts.append(f"\n```python\n{examples}\n```\n")
    return "".join(parts)


def title(module: str) -> str:
    """A family's name from its module's."""
    return module.rpartition(".")[2].replace("_", " ").capitalize()


def anchor(text: str) -> str:
    """Where a heading is found on the page."""
    return re.sub(r"[^\w -]", "", text.lower()).replace(" ", "-")


def idea(module: str) -> str:
    """The first sentence of a module's docstring."""
    return (inspect.getdoc(sys.modules[module]) or "").partition("\n\n")[0].replace("\n", " ")


def entry(public: Public) -> str:
    """One operation: where it is found, its docstring, its example."""
    prose, examples = split(inspect.getdoc(public.function) or "")
    found = "; ".join(places(public))
    lines = [f"\n### {public.path}\n", f"`{public.path}{signature(public)}`" + (f"  \n{found}\n" if found else "\n")]
    lines.append(prose)
    if examples:
        lines.append(f"\n```python\n{examples}\n```")
    return "\n".join(lines) + "\n"


def signature(public: Public) -> str:
    """Parameters with their defaults, without annotations."""
    return arguments(public.function)


def arguments(function: Any) -> str:
    """The parameters of a function or class with their defaults, without annotations."""
    found = inspect.signature(function)
    plain = [p.replace(annotation=inspect.Parameter.empty) for p in found.parameters.values()]
    text = str(inspect.Signature(plain))
    return re.sub(r"<function (?:\w+\.<locals>\.)?(\w+) at 0x\w+>", r"\1", text)


def places(public: Public) -> Iterator[str]:
    """Other names, and where the operation is found."""
    if public.aliases:
        yield f"also {', '.join(f'`{a}`' for a in public.aliases)}"
    if public.namespace and public.at_top:
        yield f"also `{public.name}`"
    if public.method and not public.namespace:
        yield "method" if public.at_top else "method only"
    if public.inplace:
        yield "in place"
    if public.out and (public.at_top or public.namespace):
        yield "out"


def split(doc: str) -> tuple[str, str]:
    """A docstring's prose, its fields as a list, and its doctest."""
    prose, mark, examples = doc.partition(">>> ")
    fields = re.sub(r"^([A-Z][a-z]+): ", r"- *\1*: ", prose.strip(), flags=re.MULTILINE)
    return fields, (mark + examples).rstrip()


def main() -> None:
    """Write the page that the file named on the command line holds."""
    target = Path(sys.argv[1])
    target.write_text(classes_page() if target.stem == "modules" else page(), encoding="utf-8")


if __name__ == "__main__":
    main()
