"""Tables for a terminal and for a pipe: rich draws them, without colour or control codes in a pipe."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console

PIPE_WIDTH = 110


def console(**options: Any) -> Console:
    """A console on standard output: as wide as the terminal, or 110 columns in a pipe."""
    from rich.console import Console

    piped = not sys.stdout.isatty()
    if piped and "COLUMNS" not in os.environ:
        options.setdefault("width", PIPE_WIDTH)
    return Console(file=sys.stdout, highlight=False, soft_wrap=False, emoji=False, **options)


def plain(text: str) -> str:
    """`text` in what standard output can encode: u for µ, x for ×, ^2 for ², - for a minus sign."""
    encoding = sys.stdout.encoding or "ascii"
    try:
        text.encode(encoding)
        return text
    except UnicodeEncodeError:
        spelled = {"µ": "u", "×": "x", "²": "^2", "³": "^3", "−": "-", "–": "-", "·": "-", "…": "..."}
        text = "".join(spelled.get(letter, letter) for letter in text)
        return text.encode(encoding, "replace").decode(encoding)


def duration(seconds: float | None) -> str:
    """Three significant digits and a unit: `2.14 µs`, `1.44 ms`; a dash for None."""
    if seconds is None:
        return "–"
    for scale, unit in ((1e-6, "µs"), (1e-3, "ms")):
        if seconds < scale * 999.5:
            return f"{digits(seconds / scale)} {unit}"
    return f"{digits(seconds)} s"


def ratio(value: float | None) -> str:
    """`4.1×`, or a dash for None."""
    return "–" if value is None else f"{digits(value, 2)}×"


def digits(value: float, count: int = 3) -> str:
    """`value` with `count` significant digits, never as an exponent.

    >>> digits(2.1449), digits(152.3), digits(1234.4), digits(0.9996)
    ('2.14', '152', '1234', '1.00')
    """
    if value >= 10 ** (count - 1):
        return f"{value:.0f}"
    whole = len(str(int(float(f"{value:.{count - 1}f}"))))
    return f"{value:.{max(0, count - whole)}f}"


def show(
    title: str, columns: Sequence[str], rows: Iterable[Sequence[str]], *, best: str = "", note: str = ""
) -> None:
    """Print a table whose first column is text and whose others are numbers; `best` is set bold."""
    from rich import box
    from rich.padding import Padding
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, header_style="bold")
    for number, column in enumerate(columns):
        table.add_column(plain(column), justify="right" if number else "left",
                         no_wrap=True, style="bold green" if column == best else "")  # fmt: skip
    for row in rows:
        table.add_row(*(plain(cell) for cell in row))
    out = console()
    if title:
        out.print(plain(title), style="bold")
    out.print(Padding(table, (0, 0, 0, 1)))
    if note:
        out.print(plain(note), style="dim")
