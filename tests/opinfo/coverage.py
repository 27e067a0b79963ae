"""Writes docs/coverage.md: what of the promise is kept, operation by operation, and what is left out, why."""

from __future__ import annotations

from typing import Any

import torch

from opinfo import left_out, sweep
from opinfo.cases import Case
from opinfo.named import GROUPS

EAGER = ("values", "gradients", "second", "errors", "forms")
BACKENDS = ("reference", "numpy", "numba", "cupy")
DTYPES = ("bool", "uint8", "int64", "float16", "bfloat16", "float32", "float64", "complex64", "complex128")
BEYOND = [
    "## Modules and scripts", "",
    "Modules beside PyTorch's own samples: `python tests/modules/__main__.py --all`. Public scripts that were run by",
    "`symgrad run`, and what each needed: [scripts.md](scripts.md).", "",
]  # fmt: skip
LIMIT = {"reference": 6, "numpy": 6, "numba": 2, "cupy": 1}
"""Samples per dtype and backend; eagerly all samples run."""


def measure(cases: list[Case], backends: tuple[str, ...] = BACKENDS) -> dict[str, sweep.Tally]:
    """One operation's row: a tally for each column."""
    dtypes = [getattr(torch, d) for d in DTYPES]
    few = [torch.float32, torch.int64, torch.bool, torch.complex64]
    row = {column: sweep.Tally() for column in (*EAGER, *backends)}
    for case in cases:
        row["values"] += sweep.values(case, dtypes)
        row["gradients"] += sweep.gradients(case)
        row["second"] += sweep.gradients(case, limit=3, order=2)
        row["errors"] += sweep.errors(case)
        row["forms"] += sweep.forms(case)
        for backend in backends:
            limit = LIMIT[backend]
            asked = few if backend != "cupy" else [d for d in few if d in case.dtypes][:1]  # g++ takes its time
            row[backend] += sweep.values(case, asked, backend, limit)
            row[backend] += sweep.gradients(case, backend, limit, dtypes=[torch.float64])
    return row


def page(rows: dict[str, dict[str, sweep.Tally]]) -> str:
    """The text of docs/coverage.md."""
    columns = list(next(iter(rows.values())))
    backends = [c for c in columns if c in BACKENDS]
    modes = "".join(f" --mode {b}" for b in backends)
    counts = ", ".join(f"{LIMIT[b]} per dtype on {b}" for b in backends)
    totals = {c: sweep.Tally() for c in columns}
    for row in rows.values():
        for column, tally in row.items():
            totals[column] += tally
    kept = sum(all(t.passed == t.total for t in row.values()) for row in rows.values())
    lines = [
        "# Coverage",
        "",
        f"Made by `python tests/opinfo/__main__.py --coverage docs/coverage.md{modes}`: PyTorch's own samples",
        f"(`op_db` of PyTorch {torch.__version__.partition('+')[0]}) and the programs of `tests/opinfo/extra.py`,",
        "run on both. A cell is samples passed / samples",
        "there are. `second`: derivatives of derivatives, three samples each. `errors`: the same builtin kind of",
        "error.",
        "`forms`: aliases, method, in-place twin and `out=`. The backends run values and gradients compiled, under",
        f"`fullgraph=True`, on fewer samples ({counts}); 0-d, empty, broadcast and",
        "strided operands are among them. A dash: nothing to compare, or not measured. CI runs a part, on every",
        "backend (`tests/opinfo/test_sweep.py`).",
        "",
        f"**Operations covered: {kept} of {len(rows)}.** " + table_of(totals),
        "",
    ]
    for group, names in GROUPS.items():
        lines += [f"## {group.capitalize()}", "", "| operation | " + " | ".join(columns) + " |",
                  "|---|" + "--:|" * len(columns)]  # fmt: skip
        for name in names.split():
            if name in rows:
                cells = [str(rows[name].get(c, sweep.Tally())) for c in columns]
                lines.append(f"| `{name}` | " + " | ".join(cells) + " |")
        lines.append("")
    return "\n".join([*lines, *BEYOND, *reasons(rows)]) + "\n"


def table_of(totals: dict[str, sweep.Tally]) -> str:
    return "Samples passed: " + ", ".join(f"{c} {t}" for c, t in totals.items() if t.total) + "."


def reasons(rows: dict[str, dict[str, sweep.Tally]]) -> list[str]:
    """What is left out, and why."""
    lines = ["## Left out", "", "Samples that are not asked for (they are in no number above):", "",
             "| operations | checks | samples | why |", "|---|---|--:|---|"]  # fmt: skip
    for entry in left_out.LEFT_OUT:
        count = sum(tally.left[entry] for row in rows.values() for tally in row.values())
        names = ", ".join(f"`{n}`" for n in entry.names.split())
        lines.append(f"| {names} | {', '.join(entry.checks.split())} | {count} | {entry.reason} |")
    lines += ["", "Under `compile` these warn once and run eagerly; under `fullgraph=True` they are a `TraceError`:",
              "", "| operation | why |", "|---|---|"]  # fmt: skip
    lines += [f"| `{name}` | {why} |" for name, why in left_out.EAGER.items()]
    lines += ["", "Compared with a wider tolerance, since they are solved, not computed: "
              + ", ".join(f"`{n}` ({factor:g} times)" for n, factor in left_out.LOOSE.items())
              + "; in 16-bit floats, which PyTorch rounds after each batch or product and symgrad once: "
              + ", ".join(f"`{n}` ({factor:g} times)" for n, factor in left_out.HALF.items()) + "."]  # fmt: skip
    return lines


def everything(table: dict[str, list[Case]], report: Any = None, backends: tuple[str, ...] = BACKENDS) -> str:
    """Measure every promised operation; the page."""
    rows = {}
    for name, cases in table.items():
        rows[name] = measure(cases, backends)
        if report is not None:
            report(name, rows[name])
    return page(rows)
