"""Derivatives of functions of tensors: `jacobian`, `hessian` and products with vectors, as torch.autograd.functional.

Each differentiates `func` at `inputs` (a tensor or a tuple of them) by backward passes; `create_graph`
keeps the history of the result, `strict` makes independence of an input an error instead of zeros.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from symgrad.errors import GradError
from symgrad.ops.autograd import grad as _grad
from symgrad.ops.creation import ones_like, zeros, zeros_like
from symgrad.ops.joining import stack
from symgrad.tensor.core import Tensor
from symgrad.tensor.state import enable_grad

Tensors = tuple[Tensor, ...]


def _tuple(given: Any, argument: str, function: str) -> tuple[bool, Tensors]:
    """Whether it was a tuple, and it as one of tensors."""
    several = isinstance(given, (tuple, list))
    found = tuple(given) if several else (given,)
    for place, item in enumerate(found):
        if not isinstance(item, Tensor):
            what = f"value at index {place}" if several else f"given {argument}"
            raise TypeError(f"The {argument} given to {function} must be either a Tensor or a tuple of Tensors but the "
                            f"{what} has type {type(item)}.")  # fmt: skip
    return several, found


def _outputs(given: Any, function: str) -> tuple[bool, Tensors]:
    return _tuple(given, "outputs of the user-provided function", function)


def _leaves(inputs: Tensors, create_graph: bool) -> Tensors:
    """The inputs as the function sees them: connected with the outer graph only under `create_graph`."""
    return tuple([x.view_as(x) if create_graph and x.requires_grad else x.detach().requires_grad_() for x in inputs])


def _results(given: Any, create_graph: bool) -> Any:
    if create_graph:
        return given
    if isinstance(given, tuple):
        return tuple([_results(g, False) for g in given])
    return given.detach()


def _check_differentiable(outputs: Tensors, strict: bool) -> None:
    for place, out in enumerate(outputs):
        if strict and not out.requires_grad:
            raise GradError(f"Output {place} of the user-provided function does not require gradients. The outputs "
                            "must be computed in a differentiable manner from the input when running in strict mode.")


def _check_vector(v: Tensors, other: Tensors, several: bool) -> None:
    if len(v) != len(other):
        if several:
            raise GradError(f"v is a tuple of invalid length: should be {len(other)} but got {len(v)}.")
        raise GradError("The given v should contain a single Tensor.")
    for place, (one, like) in enumerate(zip(v, other)):
        if tuple(one.shape) != tuple(like.shape):
            entry = f"Entry {place} in v" if several else "v"
            raise GradError(f"{entry} has invalid size: should be {like.shape} but got {one.shape}.")


def _derive(outputs: Tensors, inputs: Tensors, grads: Sequence[Tensor | None], create_graph: bool,
            ) -> tuple[Tensor | None, ...]:  # fmt: skip
    """Gradients of those outputs that have any; None where no path leads."""
    pairs = [(out, g) for out, g in zip(outputs, grads) if out.requires_grad]
    followed = [x for x in inputs if x.requires_grad]
    if not pairs or not followed:
        return (None,) * len(inputs)
    found = iter(_grad([p[0] for p in pairs], followed, [p[1] for p in pairs], retain_graph=True,
                       create_graph=create_graph, allow_unused=True))  # fmt: skip
    return tuple([next(found) if x.requires_grad else None for x in inputs])


def _filled(found: Sequence[Tensor | None], like: Tensors, strict: bool, create_graph: bool, stage: str) -> Tensors:
    """Zeros for None; under `strict` the error that says which input no derivative leads to."""
    filled = []
    for place, (g, x) in enumerate(zip(found, like)):
        if g is None or strict and create_graph and not g.requires_grad:
            if strict:
                raise GradError(_INDEPENDENT[stage if g is None else f"{stage} graph"].format(place))
            g = zeros_like(x)
        filled.append(g)
    return tuple(filled)


_INDEPENDENT = {
    "vjp": "The output of the user-provided function is independent of input {}. This is not allowed in strict mode.",
    "vjp graph": "The jacobian of the user-provided function is independent of input {}. This is not allowed in strict "
                 "mode when create_graph=True.",
    "twice": "The output of the user-provided function is independent of input {}. This is not allowed in strict mode.",
    "twice graph": "While computing the hessian, found that the jacobian of the user-provided function with respect to "
                   "input {} is independent of the input. This is not allowed in strict mode. You should ensure that "
                   "your function is twice differentiable and that the jacobian depends on the inputs (this would be "
                   "violated by a linear function for example).",
    "hvp": "The hessian of the user-provided function with respect to input {} is independent of the input. This is "
           "not allowed in strict mode.",
    "hvp graph": "The hessian of the user-provided function with respect to input {} is independent of the input. This "
                 "is not allowed in strict mode when create_graph=True.",
}  # fmt: skip


def vjp(func: Callable[..., Any], inputs: Any, v: Any = None, create_graph: bool = False, strict: bool = False) -> Any:
    """`func(inputs)` and the product of `v` with its Jacobian there.

    >>> sg.autograd.functional.vjp(lambda x: x * x, sg.tensor([1.0, 2.0]), sg.ones(2))
    (tensor([1., 4.]), tensor([2., 4.]))
    """
    with enable_grad():
        several, given = _tuple(inputs, "inputs", "vjp")
        leaves = _leaves(given, create_graph)
        several_out, outputs = _outputs(func(*leaves), "vjp")
        _check_differentiable(outputs, strict)
        if v is not None:
            several_v, vector = _tuple(v, "v", "vjp")
            _check_vector(vector, outputs, several_v)
        elif len(outputs) != 1 or outputs[0].numel() != 1:
            raise GradError("The vector v can only be None if the user-provided function returns a single Tensor with "
                            "a single element.")  # fmt: skip
        else:
            vector = (ones_like(outputs[0]),)
        product = _filled(_derive(outputs, leaves, vector, create_graph), leaves, strict, create_graph, "vjp")
    return (_results(outputs if several_out else outputs[0], create_graph),
            _results(product if several else product[0], create_graph))  # fmt: skip


def _input_vector(v: Any, given: Tensors, function: str) -> Tensors:
    if v is not None:
        several_v, vector = _tuple(v, "v", function)
        _check_vector(vector, given, several_v)
        return vector
    if len(given) != 1 or given[0].numel() != 1:
        raise GradError("The vector v can only be None if the input to the user-provided function is a single Tensor "
                        "with a single element.")  # fmt: skip
    return (ones_like(given[0]),)


def jvp(func: Callable[..., Any], inputs: Any, v: Any = None, create_graph: bool = False, strict: bool = False) -> Any:
    """`func(inputs)` and the product of its Jacobian there with `v`, by differentiating a vjp in its vector.

    >>> sg.autograd.functional.jvp(lambda x: x * x, sg.tensor([1.0, 2.0]), sg.ones(2))
    (tensor([1., 4.]), tensor([2., 4.]))
    """
    with enable_grad():
        several, given = _tuple(inputs, "inputs", "jvp")
        leaves = _leaves(given, create_graph)
        vector = _input_vector(v, given, "jvp")
        several_out, outputs = _outputs(func(*leaves), "jvp")
        _check_differentiable(outputs, strict)
        dummies = tuple([zeros_like(out).requires_grad_() if out.dtype.is_inexact else zeros_like(out)
                         for out in outputs])  # fmt: skip
        pulled = _filled(_derive(outputs, leaves, dummies, True), leaves, strict, False, "vjp")
        product = _filled(_derive(pulled, dummies, vector, create_graph), outputs, strict, create_graph, "vjp")
    return (_results(outputs if several_out else outputs[0], create_graph),
            _results(product if several_out else product[0], create_graph))  # fmt: skip


def _mode(function: str, strategy: str, vectorize: bool, strict: bool) -> None:
    """Check the words that choose between ways; all give the same numbers, by backward passes."""
    if strategy not in ("forward-mode", "reverse-mode"):
        raise GradError('Expected strategy to be either "forward-mode" or "reverse-mode". Hint: If your function has '
                        'more outputs than inputs, "forward-mode" tends to be more performant. Otherwise, prefer to '
                        'use "reverse-mode".')  # fmt: skip
    if strategy == "forward-mode" and not vectorize:
        raise GradError("Computing Jacobian using forward-AD or forward-over-reverse Hessian is only implemented for "
                        "`vectorize=True`.", hint="pass vectorize=True")  # fmt: skip
    if strict and vectorize:
        raise GradError(f"torch.autograd.functional.{function}: `strict=True` and `vectorized=True` are not supported "
                        "together. Please either set `strict=False` or `vectorize=False`.")  # fmt: skip


def jacobian(
    func: Callable[..., Any], inputs: Any, create_graph: bool = False, strict: bool = False,
    vectorize: bool = False, strategy: str = "reverse-mode",
) -> Any:  # fmt: skip
    """The Jacobian of `func` at `inputs`: for each output and input a tensor of their shapes joined.

    >>> sg.autograd.functional.jacobian(lambda x: x * x, sg.tensor([1.0, 2.0]))
    tensor([[2., 0.],
            [0., 4.]])
    """
    _mode("jacobian", strategy, vectorize, strict)
    with enable_grad():
        several, given = _tuple(inputs, "inputs", "jacobian")
        leaves = _leaves(given, create_graph)
        several_out, outputs = _outputs(func(*leaves), "jacobian")
        _check_differentiable(outputs, strict)
        rows = [rows_of(place, out, leaves, strict, create_graph) for place, out in enumerate(outputs)]
    found = tuple([_results(row if several else row[0], create_graph) for row in rows])
    return found if several_out else found[0]


def rows_of(place: int, out: Tensor, leaves: Tensors, strict: bool, create_graph: bool) -> Tensors:
    """The Jacobians of one output: a backward pass for each of its elements."""
    rows: list[list[Tensor]] = [[] for _ in leaves]
    flat = out.reshape(-1)
    for number in range(out.numel()):
        found = _derive((flat[number],), leaves, (None,), create_graph)
        for column, (g, x) in enumerate(zip(found, leaves)):
            if strict and (g is None or create_graph and not g.requires_grad):
                raise GradError(
                    f"Output {place} of the user-provided function is independent of input {column}. This is not "
                    "allowed in strict mode." if g is None else
                    f"The jacobian of the user-provided function is independent of input {column}. This is not "
                    "allowed in strict mode when create_graph=True.")  # fmt: skip
            rows[column].append(zeros_like(x) if g is None else g)
    shape = tuple(out.shape)
    return tuple([stack(row).reshape(*shape, *x.shape) if row else zeros((*shape, *x.shape), dtype=x.dtype)
                  for row, x in zip(rows, leaves)])  # fmt: skip


def _scalar(func: Callable[..., Any], function: str) -> Callable[..., Tensor]:
    """`func`, whose result must be one element."""

    def checked(*args: Any) -> Tensor:
        several, outputs = _outputs(func(*args), function)
        if several:
            raise GradError(f"The function given to {function} should return a single Tensor")
        if outputs[0].numel() != 1:
            raise GradError(f"The Tensor returned by the function given to {function} should contain a single element")
        return outputs[0].reshape(())

    return checked


def hessian(
    func: Callable[..., Any], inputs: Any, create_graph: bool = False, strict: bool = False,
    vectorize: bool = False, outer_jacobian_strategy: str = "reverse-mode",
) -> Any:  # fmt: skip
    """The second derivatives of a scalar function: for each pair of inputs a tensor of their shapes joined.

    >>> sg.autograd.functional.hessian(lambda x: (x**3).sum(), sg.tensor([1.0, 2.0]))
    tensor([[ 6.,  0.],
            [ 0., 12.]])
    """
    several, given = _tuple(inputs, "inputs", "hessian")
    _mode("hessian", outer_jacobian_strategy, vectorize, strict)
    scalar = _scalar(func, "hessian")

    def gradient(*leaves: Tensor) -> Any:
        found = jacobian(scalar, leaves, create_graph=True)
        if strict:
            _check_differentiable_twice(found)
        return found

    rows = jacobian(gradient, given, create_graph=create_graph, strict=strict)
    return rows if several else rows[0][0]


def _check_differentiable_twice(found: Tensors) -> None:
    for place, g in enumerate(found):
        if not g.requires_grad:
            raise GradError(_INDEPENDENT["twice graph"].format(place))


def vhp(func: Callable[..., Any], inputs: Any, v: Any = None, create_graph: bool = False, strict: bool = False) -> Any:
    """`func(inputs)` and the product of `v` with its Hessian there.

    >>> sg.autograd.functional.vhp(lambda x: (x**3).sum(), sg.tensor([1.0, 2.0]), sg.ones(2))
    (tensor(9.), tensor([ 6., 12.]))
    """
    return _hessian_product("vhp", func, inputs, v, create_graph, strict)


def hvp(func: Callable[..., Any], inputs: Any, v: Any = None, create_graph: bool = False, strict: bool = False) -> Any:
    """`func(inputs)` and the product of its Hessian there with `v`; the Hessian is symmetric, so this is `vhp`.

    >>> sg.autograd.functional.hvp(lambda x: (x**3).sum(), sg.tensor([1.0, 2.0]), sg.ones(2))
    (tensor(9.), tensor([ 6., 12.]))
    """
    return _hessian_product("hvp", func, inputs, v, create_graph, strict)


def _hessian_product(function: str, func: Any, inputs: Any, v: Any, create_graph: bool, strict: bool) -> Any:
    with enable_grad():
        several, given = _tuple(inputs, "inputs", function)
        leaves = _leaves(given, create_graph)
        vector = _input_vector(v, given, function)
        out = _scalar(func, function)(*leaves)
        _check_differentiable((out,), strict)
        first = _filled(_derive((out,), leaves, (None,), True), leaves, strict, strict, "twice")
        product = _filled(_derive(first, leaves, vector, create_graph), leaves, strict, create_graph, "hvp")
    return _results(out, create_graph), _results(product if several else product[0], create_graph)
