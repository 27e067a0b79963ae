"""Custom differentiable operations, where PyTorch keeps them: `autograd.function`."""

from symgrad.ops.function import Function, FunctionCtx, once_differentiable

__all__ = ["Function", "FunctionCtx", "once_differentiable"]
