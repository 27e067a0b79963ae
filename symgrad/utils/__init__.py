"""What stands around training; a namespace, as PyTorch's `torch.utils`."""

from symgrad.utils import checkpoint, data

__all__ = ["checkpoint", "data"]
