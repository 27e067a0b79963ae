"""symgrad: trace a PyTorch-style training step once, compile forward and backward to readable Python."""

from typing import TYPE_CHECKING, Any

from symgrad import autograd, func, linalg, nn, optim, special
from symgrad.dtypes import (
    bfloat16, complex64, complex128, float16, float32, float64, get_default_dtype, int8, int16, int32, int64,
    promote_types, set_default_dtype, uint8,
)  # fmt: skip
from symgrad.dtypes import bool_ as bool
from symgrad.dtypes import DType as dtype
from symgrad.ops.autograd import grad
from symgrad.ops.creation import (
    arange, as_tensor, empty, empty_like, eye, from_numpy, full, full_like, linspace, ones, ones_like,
    tensor, zeros, zeros_like,
)  # fmt: skip
from symgrad.ops.legacy import (
    BFloat16Tensor, BoolTensor, ByteTensor, CharTensor, DoubleTensor, FloatTensor, HalfTensor, IntTensor, LongTensor,
    ShortTensor,
)  # fmt: skip
from symgrad.ops.promotion import result_type
from symgrad.ops.public import exports as _exports
from symgrad.ops.random import (
    Generator, default_generator, get_rng_state, initial_seed, manual_seed, normal, rand, rand_like,
    randint, randn, randn_like, seed, set_rng_state,
)  # fmt: skip
from symgrad.autograd.anomaly_mode import is_anomaly_check_nan_enabled, is_anomaly_enabled
from symgrad.tensor import (
    Size, Tensor, enable_grad, inference_mode, is_grad_enabled, is_inference_mode_enabled, no_grad, set_grad_enabled,
)  # fmt: skip
from symgrad.tensor.core import Device as device

if TYPE_CHECKING:
    from symgrad.compiler import Compiled, compile
    from symgrad.viz import make_dot

float, double, half = float32, float64, float16
long, int, short = int64, int32, int16
cfloat, cdouble = complex64, complex128
globals().update(_exports())
_trace_of_matrix = globals()["trace"]


def trace(input: Any, *args: Any, **kwargs: Any) -> Any:
    """Sum of the diagonal of a matrix; of a function and example arguments, the graph it traces to."""
    if not callable(input):
        return _trace_of_matrix(input, *args, **kwargs)
    from symgrad.compiler import trace_graph

    return trace_graph(input, *args, **kwargs)


__version__ = "0.1.0"

_LAZY = {
    "Compiled": ("symgrad.compiler", "Compiled"),
    "compile": ("symgrad.compiler", "compile"),
    "make_dot": ("symgrad.viz", "make_dot"),
}
"""Loaded when first asked for: eager users do not wait for the compiler or for graphviz."""


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    module, attribute = _LAZY[name]
    value = globals()[name] = getattr(import_module(module), attribute)
    return value
