"""How program pictures look: colours the colour-blind can tell apart, shapes, labels, the key."""

from __future__ import annotations

import re
from html import escape

from symgrad.ir.graph import BACKWARD, FORWARD, UPDATE
from symgrad.ir.types import TensorType

INK, QUIET, LINE, KERNEL = "#1f2933", "#5f6b77", "#8a949e", "#3b4754"
PHASES = {  # fill, line, ground: Okabe and Ito's blue, vermilion and green, lightened
    FORWARD: ("#d9e9f6", "#0072b2", "#f1f7fc"),
    BACKWARD: ("#fde3d2", "#d55e00", "#fef6f0"),
    UPDATE: ("#d5eee5", "#009e73", "#eff9f5"),
}
KINDS = {  # what is no equation: shape, style, fill, line, words in the key
    "input": ("box", "filled,rounded", "white", LINE, "input"),
    "cell": ("cylinder", "filled", "#fff3b8", "#a08a1c", "cell, read"),
    "host": ("box", "filled,rounded,dashed", "white", LINE, "host scalar"),
    "carried": ("box", "filled,rounded", "white", PHASES[BACKWARD][1], "from another phase"),
    "effect": ("cylinder", "filled,bold", "#f5d76e", "#7a6700", "cell, written"),
    "output": ("box", "filled,bold", "#e4e7eb", INK, "output"),
}

_FONT = "Helvetica,Arial,sans-serif"
GRAPH = dict(newrank="true", nodesep="0.2", ranksep="0.34", bgcolor="white", pad="0.15",
             fontname=_FONT, fontsize="10", fontcolor=INK)  # fmt: skip
NODE = dict(shape="box", style="filled", fontname=_FONT, fontsize="11", fontcolor=INK,
            margin="0.06,0.03", height="0.3", penwidth="1.1")  # fmt: skip
EDGE = dict(color=LINE, arrowsize="0.6", fontname=_FONT, fontsize="8", fontcolor=QUIET)

_WIDEST = 32  # characters in a line of a label
_KEYS_IN_ROW = 6


def rows(call: str, type: str, where: str = "") -> str:
    """An HTML-like label of up to three lines: markup, a type, a place in the user's code."""
    lines = [call]
    if type:
        lines.append(f'<font point-size="9">{escape(type)}</font>')
    if where:
        lines.append(f'<font point-size="8" color="{QUIET}">{escape(where)}</font>')
    cells = "".join(f"<tr><td>{line}</td></tr>" for line in lines)
    return f'<<table border="0" cellspacing="0" cellpadding="0">{cells}</table>>'


def cut(text: str) -> str:
    """`text`, shortened to what a node has room for."""
    return text if len(text) <= _WIDEST else text[: _WIDEST - 1] + "…"


def type_text(type: TensorType) -> str:
    """A type without its strides: `f32[64,10]`."""
    return re.sub(r"\{.*?\}", "", str(type))


def size_text(nbytes: float) -> str:
    """A number of bytes for people: `24 kB`."""
    for unit in ("B", "kB", "MB"):
        if nbytes < 1000:
            return f"{nbytes:.3g} {unit}"
        nbytes /= 1000
    return f"{nbytes:.3g} GB"


def phase_box(phase: str) -> dict[str, str]:
    """The cluster of a phase: a tinted ground with its name."""
    _, line, ground = PHASES[phase]
    return dict(label=f"<<b>{phase}</b>>", labeljust="l", labelloc="t", style="rounded,filled",
                color=ground, fillcolor=ground, fontcolor=line, margin="9",
                tooltip=phase)  # fmt: skip


def kernel_box(name: str) -> dict[str, str]:
    """The cluster of a fused kernel: a dark rounded outline with its name."""
    return dict(label=f"<<b>{escape(name)}</b>>", labeljust="l", labelloc="t",
                style="rounded,filled", color=KERNEL, fillcolor="white", fontcolor=KERNEL,
                penwidth="1.6", margin="9", tooltip=escape(name))  # fmt: skip


def swatch(fill: str, line: str, words: str, dashed: bool = False) -> str:
    """A key for a node."""
    style = ' style="dashed"' if dashed else ""
    return (f'<td border="1" color="{line}" bgcolor="{fill}" width="20" height="10"{style}></td>'
            f'<td align="left">{words}  </td>')  # fmt: skip


def stroke(sample: str, line: str, words: str) -> str:
    """A key for an edge."""
    return f'<td><font color="{line}">{sample}</font></td><td align="left">{words}  </td>'


def legend(name: str, subtitle: str, keys: list[str]) -> str:
    """The picture's own label: title and keys."""
    starts = range(0, len(keys), _KEYS_IN_ROW)
    lines = ["".join(keys[start : start + _KEYS_IN_ROW]) for start in starts]
    inner = "".join(f"<tr>{line}</tr>" for line in lines)
    table = f'<table border="0" cellspacing="5" cellpadding="1">{inner}</table>'
    title = f"<b>{escape(name)}</b>: {subtitle}"
    return (f'<<table border="0" cellspacing="2"><tr><td>{title}</td></tr>'
            f"<tr><td>{table}</td></tr></table>>")  # fmt: skip
