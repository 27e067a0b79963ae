"""`torch.onnx`: there to be imported, as scripts do beforehand; symgrad writes no ONNX."""

from __future__ import annotations

from typing import Any

__all__ = ["export", "is_in_onnx_export"]


def export(model: Any, *args: Any, **options: Any) -> Any:
    """Raises: NotImplementedError"""
    raise NotImplementedError("symgrad, which stands in for PyTorch here, writes no ONNX; save state_dict(), load it "
                              "into PyTorch and export there")


def is_in_onnx_export() -> bool:
    """Whether an export is under way: never."""
    return False
