"""`torch.version`: the PyTorch whose API this is, and that there is nothing of CUDA's in it."""

from symgrad.torch_alias.names import VERSION

__version__ = VERSION
cuda: None = None
hip: None = None
git_version = "symgrad"
debug = False
