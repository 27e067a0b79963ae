"""Special functions, under the names of PyTorch's `torch.special`."""

from __future__ import annotations

from symgrad.ops.public import exports

globals().update(exports("special"))
