"""Results of several tensors, with names: PyTorch's `torch.return_types`.

They are named tuples: unpacked, indexed and compared as tuples, and kept as they are through `compile`.
"""

from __future__ import annotations

from collections import namedtuple
from typing import Any


def returns(name: str, fields: str) -> Any:
    """A named tuple that prints as PyTorch's `torch.return_types.NAME`."""
    plain = namedtuple(name, fields)  # type: ignore[misc]  # noqa: PYI024

    class Returned(plain):  # type: ignore[misc, valid-type]
        __slots__ = ()

        def __repr__(self) -> str:
            inside = ",\n".join(f"{field}={getattr(self, field)!r}" for field in fields.split())
            return f"torch.return_types.{name}(\n{inside})"

    Returned.__name__ = Returned.__qualname__ = name
    Returned.__doc__ = f"The results of `{name}`: {', '.join(fields.split())}."
    return Returned


max, min, median, nanmedian, mode = (
    returns(name, "values indices") for name in ("max", "min", "median", "nanmedian", "mode"))
sort, topk, kthvalue, cummax, cummin = (
    returns(name, "values indices") for name in ("sort", "topk", "kthvalue", "cummax", "cummin"))
aminmax = returns("aminmax", "min max")
histogram = returns("histogram", "hist bin_edges")
