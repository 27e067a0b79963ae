"""symgrad: trace a PyTorch-style training step once, compile forward and backward to readable Python."""

import math
from typing import TYPE_CHECKING, Any

from symgrad import dtypes as _dtypes
from symgrad import accelerator, amp, autograd, backends, cuda, func, linalg, nn, optim, special, utils
from symgrad.dtypes import (
    bfloat16, complex64, complex128, float16, float32, float64, get_default_dtype, int8, int16, int32, int64,
    promote_types, set_default_dtype, uint8,
)  # fmt: skip
from symgrad.dtypes import bool_ as bool
from symgrad.dtypes import DType as dtype
from symgrad.amp import autocast
from symgrad.ops.autograd import grad
from symgrad.ops.legacy import (
    BFloat16Tensor, BoolTensor, ByteTensor, CharTensor, DoubleTensor, FloatTensor, HalfTensor, IntTensor, LongTensor,
    ShortTensor,
)  # fmt: skip
from symgrad.ops.promotion import result_type
from symgrad.ops.public import exports as _exports
from symgrad.ops import random_names as random
from symgrad.ops.conversion import (
    channels_last, channels_last_3d, contiguous_format, preserve_format, strided,
)  # fmt: skip
from symgrad.ops.conversion import Named as memory_format
from symgrad.ops.conversion import Named as layout
from symgrad.ops.conversion import Storage as UntypedStorage
from symgrad.ops.generators import (
    Generator, default_generator, get_rng_state, initial_seed, manual_seed, seed, set_rng_state,
)  # fmt: skip
from symgrad.ops.settings import (
    are_deterministic_algorithms_enabled, finfo, get_default_device, get_float32_matmul_precision,
    get_num_interop_threads, get_num_threads, iinfo, is_deterministic_algorithms_warn_only_enabled, is_storage,
    is_tensor, set_default_tensor_type, set_float32_matmul_precision, set_flush_denormal, set_num_interop_threads,
    set_num_threads, set_warn_always, typename, use_deterministic_algorithms,
)  # fmt: skip
from symgrad.tensor.device import set_default_device
from symgrad.tensor.printing import get_printoptions, printoptions, set_printoptions
from symgrad.autograd.anomaly_mode import is_anomaly_check_nan_enabled, is_anomaly_enabled
from symgrad.tensor import (
    Size, Tensor, enable_grad, inference_mode, is_grad_enabled, is_inference_mode_enabled, no_grad, set_grad_enabled,
)  # fmt: skip
from symgrad.tensor.core import Device as device
from symgrad.runtime.heap import keep_freed_memory as _keep_freed_memory

if TYPE_CHECKING:
    from symgrad.compiler import Compiled, compile
    from symgrad.serialization import load, save
    from symgrad.torch_alias import as_torch
    from symgrad.viz import make_dot

float, double, half = float32, float64, float16
long, int, short = int64, int32, int16
cfloat, cdouble = complex64, complex128
inf, nan, pi, e, newaxis = math.inf, math.nan, math.pi, math.e, None
globals().update(_dtypes.ABSENT)
_keep_freed_memory()
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
    "as_torch": ("symgrad.torch_alias", "as_torch"),
    "compile": ("symgrad.compiler", "compile"),
    "load": ("symgrad.serialization", "load"),
    "make_dot": ("symgrad.viz", "make_dot"),
    "save": ("symgrad.serialization", "save"),
}
"""Loaded when first asked for: eager users do not wait for the compiler, for files or for graphviz."""


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    module, attribute = _LAZY[name]
    value = globals()[name] = getattr(import_module(module), attribute)
    return value
