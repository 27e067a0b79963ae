"""Switches that scripts set on PyTorch's backends; here they are noted and change nothing.

Results are deterministic and products are never done in a lower precision, whatever is set.
"""

from __future__ import annotations

from types import SimpleNamespace


class Backend(SimpleNamespace):
    """One backend's switches."""

    def is_available(self) -> bool:
        """Whether it exists here."""
        return bool(self.available)

    is_built = is_available

    def version(self) -> None:
        """None: it is not here."""


cudnn = Backend(available=False, enabled=False, benchmark=False, deterministic=True, allow_tf32=False)
mps = Backend(available=False)
mkl = Backend(available=False)
mkldnn = Backend(available=False, enabled=False)
openmp = Backend(available=False)
cuda = Backend(available=False, matmul=SimpleNamespace(allow_tf32=False, fp32_precision="ieee"))
