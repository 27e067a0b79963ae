"""What stands around training; a namespace, as PyTorch's `torch.utils`."""

from symgrad.utils import data

__all__ = ["data"]
