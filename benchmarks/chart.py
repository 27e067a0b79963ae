"""The peers' table as a picture: each contender's time over the limit of its row, on a logarithmic axis."""

from __future__ import annotations

from pathlib import Path
from typing import Any

NAMES = ("symgrad", "NumPy", "pytensor", "jax", "torch", "torch.compile")
COLOURS = ("#c0392b", "#7f8c8d", "#27ae60", "#8e44ad", "#e67e22", "#2980b9")


def draw(results: list[dict[str, Any]], by: str, path: Path) -> None:
    """Write an SVG: a column of points for each row that has a limit, 1 at the bottom being the limit itself."""
    from matplotlib.figure import Figure

    rows = [r for r in results if "limit" in r["seconds"]]
    figure = Figure(figsize=(9, 4))
    axes = figure.subplots()
    for name, colour in zip(NAMES, COLOURS):
        found = [(x, r["seconds"][name][by] / r["seconds"]["limit"][by])
                 for x, r in enumerate(rows) if name in r["seconds"]]  # fmt: skip
        if found:
            own = name == "symgrad"
            axes.scatter(*zip(*found), label=name, color=colour, marker="D" if own else "o", s=60 if own else 30,
                         zorder=3 if own else 2)  # fmt: skip
    axes.axhline(1, color="black", linewidth=0.8)
    axes.set_yscale("log")
    axes.set_ylabel("time over the limit's")
    axes.set_xticks(range(len(rows)), [r["row"] for r in rows])
    axes.grid(axis="y", alpha=0.3)
    axes.legend(ncols=6, loc="upper center", bbox_to_anchor=(0.5, 1.14), frameon=False, fontsize=9)
    figure.tight_layout()
    figure.savefig(path, metadata={"Date": None})
