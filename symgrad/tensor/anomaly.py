"""Anomaly mode: backward says which operation made a NaN, and the line of the forward pass it stands on.

While it is on, a new node keeps the stack it was made on, and every gradient is looked at. While it is
off nobody pays: nodes are made by the plain `Node.__init__`, which turning it on replaces.
"""

from __future__ import annotations

import threading
import traceback
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from symgrad.errors import Loc, NaNGradientError, user_location
from symgrad.tensor import state
from symgrad.tensor.core import Tensor
from symgrad.tensor.node import Node, watch_nodes

enabled = False
"""Whether anomaly mode is on, for every thread."""
checks_nan = True


class _Local(threading.local):
    running: list[Node] = []


_local = _Local()


def set_mode(mode: bool, check_nan: bool = True) -> None:
    """Turn anomaly mode on or off."""
    global enabled, checks_nan
    enabled, checks_nan = bool(mode), check_nan
    watch_nodes(_remember, enabled)
    state.bump_epoch()


def _remember(node: Node) -> None:
    """Keep the stack on which `node` is made, and the node whose backward makes it."""
    node.metadata["location_"] = user_location()
    node.metadata["traceback_"] = traceback.format_stack()[:-3]
    if _local.running:
        node.metadata["parent_"] = _local.running[-1]


@contextmanager
def watching(node: Node) -> Iterator[None]:
    """While a node's rules run: an error is told with the forward line that made the node."""
    if not enabled:
        yield
        return
    running = _local.running = [*_local.running, node]
    done = False
    try:
        yield
        done = True
    finally:
        _local.running = running[:-1]
        if not done:
            warn(node)


def warn(node: Node) -> None:
    """PyTorch's warning: the forward call that made `node`, and those it was differentiated from."""
    stack = node.metadata.get("traceback_")
    if stack is None:
        warnings.warn(f"Error detected in {node.name()}. No forward pass information available. Enable detect "
                      "anomaly during forward pass for more information.", stacklevel=4)  # fmt: skip
        return
    text = f"Error detected in {node.name()}. Traceback of forward call that caused the error:\n{''.join(stack)}"
    parent = node.metadata.get("parent_")
    while parent is not None:
        text += (f"\n\nPrevious calculation was induced by {parent.name()}. Traceback of forward call that "
                 f"induced the previous calculation:\n{''.join(parent.metadata.get('traceback_', ()))}")
        parent = parent.metadata.get("parent_")
    warnings.warn(text, stacklevel=4)


def check(node: Node, results: list[tuple[int, Any]]) -> None:
    """Raise if a gradient that `node` gave holds a NaN."""
    if not (enabled and checks_nan):
        return
    for place, position in enumerate(node.positions()):
        for where, part in results:
            if where == position and isinstance(part, Tensor) and _has_nan(part):
                loc: Loc | None = node.metadata.get("location_")
                made = f"\n  forward: {loc.file}:{loc.line} in {loc.function}" if loc is not None else ""
                raise NaNGradientError(f"Function '{node.name()}' returned nan values in its {place}th output.{made}")


def _has_nan(g: Tensor) -> bool:
    data = g._data
    return data.dtype.kind not in "biu" and bool(np.isnan(data).any())
