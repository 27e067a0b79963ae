"""The intermediate representation: types, primitives, graphs, their text and their invariants."""

from symgrad.ir.builder import Builder, Rewriter, rewrite
from symgrad.ir.dims import Dim, DimFloat
from symgrad.ir.graph import BACKWARD, FORWARD, UPDATE, Atom, Eqn, Graph, Literal, Value
from symgrad.ir.parse import parse
from symgrad.ir.primitive import Primitive
from symgrad.ir.text import print_graph
from symgrad.ir.types import TensorType, broadcast_shapes, contiguous_strides
from symgrad.ir.verify import verify

__all__ = [
    "BACKWARD", "FORWARD", "UPDATE", "Atom", "Builder", "Dim", "DimFloat", "Eqn", "Graph",
    "Literal", "Primitive", "Rewriter", "TensorType", "Value", "broadcast_shapes",
    "contiguous_strides", "parse", "print_graph", "rewrite", "verify",
]  # fmt: skip
