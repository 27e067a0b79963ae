"""The vocabulary: primitives, the functions over them, and the methods they give Tensor."""

from symgrad.ops import (
    arithmetic,
    arrange,
    autograd,
    bitwise,
    choice,
    comparison,
    complex,
    counting,
    creation,
    cumulative,
    division,
    exponential,
    function,
    functional,
    geometry,
    gradients,
    index_writes,
    indexing,
    joining,
    node_names,
    norms,
    padding,
    powers,
    random,
    repeating,
    returns,
    rounding,
    scattering,
    sorting,
    splitting,
    statistics,
    triangles,
    trigonometric,
)

from symgrad.ops import methods  # isort: skip - last: it attaches what the others declared
from symgrad.ops.registry import PRIMITIVES

__all__ = ["PRIMITIVES"]
