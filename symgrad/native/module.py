"""An assembly module: the functions that an entry reaches, each once for the types it is called with."""

from __future__ import annotations

import ast
from typing import Any

from symgrad.native import entry
from symgrad.native.lowering import Lowering
from symgrad.native.types import Scalar

ATTRIBUTES = 'attributes #0 = { "prefer-vector-width"="512" }\n'


class Module:
    """Collects definitions, declarations, words and metadata; `text` is the whole.

    `timed` is a function whose statements are timed (`native.clock`).
    """

    def __init__(self, timed: Any = None) -> None:
        self.timed = timed
        self.definitions: list[str] = []
        self.declared: set[str] = {f"declare {t} @llvm.{f}.f{b}({', '.join([t] * n)})" for t, b in (
            ("float", 32), ("double", 64)) for f, n in (("fabs", 1), ("pow", 2))}  # fmt: skip
        self.metadata = ['!{!"branch_weights", i32 1, i32 2000}', '!{!"branch_weights", i32 2000, i32 1}']
        self.known: dict[tuple[Any, ...], tuple[str, Scalar | None, bool]] = {}
        self.raising: dict[Any, bool] = {}
        self.constants: dict[str, str] = {}

    def function(self, function: Any, types: tuple[Any, ...]) -> tuple[str, Scalar | None, bool]:
        """The symbol, result and whether it may raise, of `function` for arguments of these types."""
        key = (function, types)
        if key not in self.known:
            symbol = f"{function.name}.{len(self.known)}"
            lowering = Lowering(self, function, symbol, types)
            text = lowering.text()
            self.known[key] = (symbol, lowering.result, lowering.raises)
            self.definitions.append(text)
        return self.known[key]

    def may_raise(self, function: Any) -> bool:
        """Whether a `raise` stands in `function` or in one that it calls."""
        if function not in self.raising:
            self.raising[function] = False
            for node in ast.walk(function.tree):
                if isinstance(node, ast.Raise):
                    self.raising[function] = True
                if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                    called = function.globals.get(node.func.id)
                    if hasattr(called, "tree") and self.may_raise(called):
                        self.raising[function] = True
        return self.raising[function]

    def words(self, text: str) -> str:
        """The symbol of a constant string."""
        if text not in self.constants:
            self.constants[text] = f"@words.{len(self.constants)}"
        return self.constants[text]

    def node(self, text: str) -> str:
        """A metadata node; `@` in its text is its own name."""
        name = f"!{len(self.metadata)}"
        self.metadata.append(text.replace("@", name))
        return name

    def text(self, function: Any, types: tuple[Any, ...], nogil: bool) -> str:
        """The module whose entry, callable from Python, is `function` for these types."""
        symbol, result, raises = self.function(function, types)
        assert result is None, f"{function.name} has a result; an entry has none"
        head = entry.definition(self, symbol, types, raises, nogil)
        strings = []
        for text, name in self.constants.items():
            data = text.encode() + b"\0"
            body = "".join(f"\\{byte:02X}" for byte in data)
            strings.append(f'{name} = private constant [{len(data)} x i8] c"{body}"')
        numbered = [f"!{i} = {text}" for i, text in enumerate(self.metadata)]
        return "\n".join([*sorted(self.declared), *strings, *self.definitions, head, ATTRIBUTES, *numbered, ""])
