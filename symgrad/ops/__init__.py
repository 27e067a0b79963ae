"""The vocabulary: primitives, the functions over them, and the methods they give Tensor."""

from symgrad.ops import (
    added_products,
    arithmetic,
    arrange,
    autograd,
    bitwise,
    chains,
    choice,
    comparison,
    complex,
    counting,
    creation,
    cumulative,
    determinants,
    division,
    einsum,
    exponential,
    factorizations,
    function,
    functional,
    geometry,
    gradients,
    index_writes,
    indexing,
    joining,
    matrix_norms,
    node_names,
    norms,
    padding,
    powers,
    random,
    repeating,
    returns,
    rounding,
    scattering,
    solving,
    sorting,
    splitting,
    statistics,
    triangles,
    trigonometric,
)

from symgrad.ops import methods  # isort: skip - last: it attaches what the others declared
from symgrad.ops.registry import PRIMITIVES

__all__ = ["PRIMITIVES"]
