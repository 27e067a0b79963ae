"""`bind`: the one door through which every operation goes, eager or traced.

With a capture active the operation becomes an equation; otherwise its array form runs at once and,
if some input requires grad, the tape gets a node. Success never runs the type rule: only when NumPy
refuses is it asked for the message a user can act on.
"""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from symgrad import dtypes
from symgrad.errors import LinAlgError, RangeError, SymgradError
from symgrad.ir.graph import Value
from symgrad.ir.primitive import Primitive
from symgrad.ir.types import TensorType
from symgrad.tensor import state
from symgrad.tensor.core import Tensor, array_type, leaked, wrap
from symgrad.tensor.tape import Node, Port, edge_of, plan_and_edges, plan_for, record

# PyTorch does not warn about inf and nan; the filter costs nothing per operation and is limited to
# warnings raised from this package's own frames.
warnings.filterwarnings("ignore", category=RuntimeWarning, module=r"symgrad\.")

ndarray = np.ndarray


def bind(prim: Primitive, inputs: tuple[Any, ...], params: dict[str, Any]) -> Any:
    """Apply `prim`: record an equation if this thread is tracing, else compute now."""
    if state.captures and state.local.capture is not None:
        return state.local.capture.record(prim, inputs, params)
    return evaluate(prim, inputs, params)


def evaluate(prim: Primitive, inputs: tuple[Any, ...], params: dict[str, Any]) -> Any:
    """Compute `prim` on arrays and put it on the tape where a gradient is wanted."""
    arrays = [x._data if isinstance(x, Tensor) else x for x in inputs]
    try:
        data = prim.evaluate(*arrays, **params)
    except (ValueError, TypeError, IndexError, AttributeError) as error:
        raise explain(prim, inputs, params, error) from error
    return made(prim, inputs, params, data)


def made(prim: Primitive, inputs: tuple[Any, ...], params: dict[str, Any], data: Any) -> Any:
    """The tensor on `data`, which `prim` made of its operands' arrays; on the tape where a gradient is wanted."""
    multiple = prim.multiple
    out: Any = tuple([wrap(as_array(d)) for d in data]) if multiple else wrap(
        data if type(data) is ndarray else as_array(data))  # fmt: skip
    if not state.no_grads or state.local.grad:
        for x in inputs:
            if isinstance(x, Tensor) and x._rg:
                (record_multiple if multiple else record)(prim, inputs, params, out)
                break
    return out


def bind1(prim: Primitive, x: Tensor, params: dict[str, Any]) -> Any:
    """`bind` for one tensor operand and one output: the same meaning, fewer steps."""
    if state.captures and state.local.capture is not None:
        return state.local.capture.record(prim, (x,), params)
    try:
        data = prim.evaluate(x._data, **params)
    except (ValueError, TypeError, IndexError, AttributeError) as error:
        raise explain(prim, (x,), params, error) from error
    return made1(prim, x, params, data)


def made1(prim: Primitive, x: Tensor, params: dict[str, Any], data: Any) -> Tensor:
    """`made` for one tensor operand and one output."""
    out = wrap(data if type(data) is ndarray else as_array(data))
    if x._rg and (not state.no_grads or state.local.grad):
        record1(prim, x, params, out)
    return out


def record1(prim: Primitive, x: Tensor, params: dict[str, Any], out: Tensor) -> None:
    """Put `out = prim(x)` on the tape, for an `x` that requires grad."""
    plan = _plans1.get(prim)
    if plan is None:
        plan = _plans1[prim] = plan_for(prim, (True,))
    if plan.rules:
        edge = (x._node or x) if x._view is None else edge_of(x)
        out._rg = True
        out._node = Node(prim, params, (edge,), plan, plan.save((x,), out) if plan.saves else (), out._data)


_plans1: dict[Primitive, Any] = {}


def as_array(data: Any) -> Any:
    """A NumPy scalar (what ufuncs make of 0-d input) as a 0-d array; arrays as they are."""
    if type(data) is ndarray:
        return data
    return np.asarray(data) if isinstance(data, (np.generic, bool, int, float, complex)) else data


def record_multiple(prim: Primitive, inputs: Any, params: Any, outs: tuple[Tensor, ...]) -> None:
    """Put an operation of several outputs on the tape: one node, and a port for each output."""
    plan, edges = plan_and_edges(prim, inputs)
    if not plan.rules:
        return
    node = Node(prim, params, edges, plan, plan.save(inputs, outs), outs[0]._data)
    node.count = len(outs)
    for index, out in enumerate(outs):
        if out._data.dtype.kind in "fcV":
            out._rg = True
            out._node = Port(node, index, out._data)


def type_of(x: Any) -> TensorType:
    """The type of a tensor or Python scalar operand."""
    if isinstance(x, Tensor):
        if type(x._data) is Value:
            raise leaked(x)
        return array_type(x._data)
    return TensorType((), dtypes.of_scalar(x))


def explain(prim: Primitive, inputs: Any, params: Any, error: Exception) -> Exception:
    """The user's error for a refused operation: the type rule's message, else NumPy's."""
    for x in inputs:
        if isinstance(x, Tensor) and type(x._data) is Value:
            return leaked(x)
    types = [type_of(x) for x in inputs]
    try:
        prim.infer(*types, **params)
    except SymgradError as better:
        return better
    if isinstance(error, IndexError):
        return out_of_range(error)
    if isinstance(error, np.linalg.LinAlgError):
        return LinAlgError(str(error))
    shown = ", ".join(f"{n}: {t}" for n, t in zip(prim.names * len(types), types))
    return SymgradRuntimeError(f"{prim.name}: {error}\n  {shown}")


def out_of_range(error: IndexError) -> RangeError:
    """The user's error for an index that NumPy or an array form found out of range."""
    return RangeError(" ".join(map(str, error.args)).replace("for axis", "for dimension"))


class SymgradRuntimeError(SymgradError, RuntimeError):
    """NumPy refused an operation for a reason no type rule knows."""
