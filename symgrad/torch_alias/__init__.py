"""symgrad under PyTorch's name: `import torch` gives symgrad, for a `with` block, a script or a process."""

from symgrad.torch_alias.finder import as_torch, install

__all__ = ["as_torch", "install"]
