"""Hyper-parameters as they are given to an optimizer: the checks, in PyTorch's words."""

from __future__ import annotations

from typing import Any

from symgrad.tensor.core import Tensor

NONNEGATIVE = {
    "lr": "learning rate", "eps": "epsilon value", "weight_decay": "weight_decay value",
    "momentum": "momentum value", "lr_decay": "lr_decay value", "momentum_decay": "momentum_decay value",
    "initial_accumulator_value": "initial_accumulator_value value",
}  # fmt: skip


def checked(**options: Any) -> dict[str, Any]:
    """`options`, after the checks that go by their names; ValueError for what no optimizer takes."""
    lr = options["lr"]
    if isinstance(lr, Tensor) and lr.numel() != 1:
        raise ValueError("Tensor lr must be 1-element")
    for name, words in NONNEGATIVE.items():
        if name in options and not options[name] >= 0:
            raise ValueError(f"Invalid {words}: {options[name]}")
    for place, beta in enumerate(options.get("betas", ())):
        if not 0.0 <= beta < 1.0:
            raise ValueError(f"Invalid beta parameter at index {place}: {beta}")
    _ways(options)
    return options


def _ways(options: dict[str, Any]) -> None:
    """How a step is carried out is no matter here, so all ways are accepted where they do not exclude each other."""
    if options.get("fused") and options["differentiable"]:
        raise RuntimeError("`fused` does not support `differentiable`")
    if options.get("fused") and options["foreach"]:
        raise RuntimeError("`fused` and `foreach` cannot be `True` together.")
    if options.get("differentiable"):
        raise ValueError("differentiable=True is not supported: a step is not itself differentiated here; "
                         "write the update in tensor operations instead")  # fmt: skip


def tensor_options(options: dict[str, Any]) -> dict[str, Any]:
    """Adam takes tensors of one element as learning rate and betas; the latter become 0-d."""
    betas = options["betas"]
    if len({isinstance(beta, Tensor) for beta in betas}) != 1:
        raise ValueError("betas must be either both floats or both Tensors")
    refused = options["foreach"] and not options["capturable"]
    for name, value in [("lr", options["lr"]), *((f"betas[{i}]", beta) for i, beta in enumerate(betas))]:
        if isinstance(value, Tensor):
            if refused:
                raise ValueError(f"{name} as a Tensor is not supported for capturable=False and foreach=True")
            if value.numel() != 1:
                raise ValueError(f"Tensor {name} must be 1-element")
    scalars = tuple([beta.reshape(()) if isinstance(beta, Tensor) else beta for beta in betas])
    return {**options, "betas": scalars}
