"""How a function of `nn.functional` is declared."""

from __future__ import annotations

import functools

from symgrad.ops.public import op

functional = functools.partial(op, namespace="nn.functional", method=False, out=False)
"""`@functional()`: found as `F.NAME`; with `top=True` as `sg.NAME` too, as PyTorch has some."""
