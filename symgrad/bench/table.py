"""Tables for a terminal and for a pipe: rich draws them, without colour or control codes in a pipe."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console


def console(**options: Any) -> Console:
    """A console on standard output: as wide as the terminal, or 80 columns in a pipe."""
    from rich.console import Console

    return Console(file=sys.stdout, highlight=False, emoji=False, markup=False, **options)


def plain(text: str) -> str:
    """`text` in what standard output can encode: u for µ, x for ×, ^2 for ², - for a minus sign."""
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    try:
        text.encode(encoding)
        return text
    except UnicodeEncodeError:
        spelled = {"µ": "u", "×": "x", "²": "^2", "³": "^3", "−": "-", "–": "-", "·": "-", "…": "..."}
        text = "".join(spelled.get(letter, letter) for letter in text)
        return text.encode(encoding, "replace").decode(encoding)


def unit_of(seconds: float) -> tuple[float, str]:
    """The unit a time of this size is told in, as (seconds, symbol)."""
    for scale, symbol in ((1e-6, "µs"), (1e-3, "ms")):
        if seconds < scale * 999.5:
            return scale, symbol
    return 1.0, "s"


def duration(seconds: float) -> str:
    """Three significant digits and a unit.

    >>> duration(2.1449e-6), duration(1.44e-3), duration(12.0)
    ('2.14 µs', '1.44 ms', '12.0 s')
    """
    scale, symbol = unit_of(seconds)
    return f"{digits(seconds / scale)} {symbol}"


def ratio(value: float | None) -> str:
    """`4.1×`, or a dash for None."""
    return "–" if value is None else f"{digits(value, 2)}×"


def digits(value: float, count: int = 3) -> str:
    """`value` with `count` significant digits, never as an exponent.

    >>> digits(2.1449), digits(152.3), digits(1234.4), digits(0.9996), digits(0.153, 2)
    ('2.14', '152', '1234', '1.00', '0.15')
    """
    if value <= 0:
        return "0"
    power = math.floor(math.log10(float(f"{value:.{count - 1}e}")))
    return f"{value:.{max(0, count - 1 - power)}f}"


def show(
    title: str, columns: Sequence[str], rows: Iterable[Sequence[str]], *, best: str = "", note: str = ""
) -> None:
    """Print a table whose first column is text and whose others are numbers; `best` is set bold.

    Nothing in it is cut: a table wider than the terminal is printed at its own width.
    """
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0), header_style="bold")
    for number, column in enumerate(columns):
        table.add_column(plain(column), justify="right" if number else "left",
                         no_wrap=True, style="bold green" if best and column == best else "")  # fmt: skip
    for row in rows:
        table.add_row(*(plain(cell) for cell in row))
    out = console()
    out.width = max(out.width, out.measure(table, options=out.options.update(max_width=1000)).maximum)
    out.print(plain(title), style="bold", soft_wrap=True)
    out.print(table)
    if note:
        out.print(plain(note), style="dim", soft_wrap=True)
