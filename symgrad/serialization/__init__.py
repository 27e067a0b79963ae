"""Files of tensors: `save` writes safetensors, `load` reads those and PyTorch's own; neither runs code from a file."""

from symgrad.serialization.files import load, save

__all__ = ["load", "save"]
