"""What stands behind PyTorch's modules, where that does not follow from the name; and names only PyTorch has."""

from __future__ import annotations

import functools
from typing import Any

import symgrad

ROOTS = ("torch", "torchviz")
FAMILIES = ("accelerator", "amp", "autograd", "backends", "cuda", "fft", "func", "linalg", "nn", "optim", "random",
            "serialization", "special", "utils")  # fmt: skip
"""PyTorch's packages whose modules are called the same here."""
BEHIND = {
    "torch": "symgrad",
    "torch.compiler": "symgrad.torch_alias.compiler",
    "torch.cuda.amp": "symgrad.amp",
    "torch.multiprocessing": "multiprocessing",
    "torch.nn.modules": "symgrad.nn",
    "torch.onnx": "symgrad.torch_alias.onnx",
    "torch.testing": "symgrad.torch_alias.testing",
    "torch.utils.data._utils": "symgrad.utils.data",
    "torch.utils.data._utils.collate": "symgrad.utils.data.collate",
    "torch.version": "symgrad.torch_alias.version",
    "torchviz": "symgrad.viz",
}


def compile(model: Any = None, *, fullgraph: bool = False, dynamic: bool | None = None, backend: Any = "inductor",
            mode: str | None = None, options: Any = None, disable: bool = False) -> Any:  # fmt: skip
    """`torch.compile`: symgrad's own, for which PyTorch's modes, options and backends make no difference."""
    if model is None:
        return lambda function: compile(function, fullgraph=fullgraph, backend=backend, disable=disable)
    if disable or backend in ("eager", "aot_eager"):
        return model
    known = ("inductor", "cudagraphs", "onnxrt", "openxla", "tvm")
    return symgrad.compile(model, fullgraph=fullgraph, backend="" if backend in known else backend)


VERSION = f"2.13.0+symgrad.{symgrad.__version__}"
EXTRAS: dict[str, dict[str, Any]] = {
    "torch": {"__version__": VERSION, "compile": compile},
    "torch.cuda.amp": {"autocast": functools.partial(symgrad.amp.autocast, "cuda"),
                       "GradScaler": functools.partial(symgrad.amp.GradScaler, "cuda")},
}  # fmt: skip
"""What a module has besides what is behind it."""
