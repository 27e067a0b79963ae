"""Transforms of pure functions, as torch.func: from `f` to its gradient, products and Jacobians.

All differentiate by backward passes on leaves of their own, so a transform of a transform is a
derivative of a derivative, and inside a compiled function they are part of its graph. What the function
reads besides its arguments keeps its history; what only the transform's own leaves lead to is cut.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from symgrad.autograd.functional import rows_of
from symgrad.errors import GradError
from symgrad.ops.autograd import grad as _grad
from symgrad.ops.creation import zeros_like
from symgrad.ops.engine import SPENT, leads_beyond
from symgrad.tensor.core import Tensor
from symgrad.tensor.pytree import flatten, unflatten
from symgrad.tensor.state import enable_grad, is_grad_enabled

Function = Callable[..., Any]
Argnums = int | tuple[int, ...]


def grad(func: Function, argnums: Argnums = 0, has_aux: bool = False) -> Function:
    """The gradient of a scalar function with respect to its arguments `argnums`.

    With `has_aux` the function returns `(output, aux)` and its transform `(gradient, aux)`.

    >>> sg.func.grad(sg.func.grad(lambda x: x**3))(sg.tensor(2.0))
    tensor(12.)
    """

    @wraps(func)
    def transformed(*args: Any, **kwargs: Any) -> Any:
        gradient, value = grad_and_value(func, argnums, has_aux)(*args, **kwargs)
        return (gradient, value[1]) if has_aux else gradient

    return transformed


def grad_and_value(func: Function, argnums: Argnums = 0, has_aux: bool = False) -> Function:
    """`grad` that also returns the value: `(gradient, value)`, or `(gradient, (value, aux))`.

    >>> sg.func.grad_and_value(lambda x: (x**3).sum())(sg.tensor([1.0, 2.0]))
    (tensor([ 3., 12.]), tensor(9.))
    """

    @wraps(func)
    def transformed(*args: Any, **kwargs: Any) -> Any:
        with _Level() as level:
            given, leaves, rebuild = _own_leaves(args, argnums)
            out, aux = _split_aux(func(*given, **kwargs), has_aux, "grad_and_value(f)(*args)")
            if not isinstance(out, Tensor):
                raise GradError(f"grad_and_value(f)(*args): Expected f(*args) to return a Tensor, got {type(out)}")
            if out.ndim:
                raise GradError(
                    "grad_and_value(f)(*args): Expected f(*args) to return a scalar Tensor, got tensor with "
                    f"{out.ndim} dims. Maybe you wanted to use the vjp or jacrev APIs instead?")
            found = _gradients([out], leaves, None)
        gradient = rebuild(level.cut(found, leaves))
        (value,) = level.cut([out], leaves)
        return gradient, (value, level.cut_all(aux, leaves)) if has_aux else value

    return transformed


def value_and_grad(func: Function, argnums: Argnums = 0, has_aux: bool = False) -> Function:
    """`grad_and_value` in the other order: `(value, gradient)`, or `((value, aux), gradient)`.

    >>> sg.func.value_and_grad(lambda x: (x**3).sum())(sg.tensor([1.0, 2.0]))
    (tensor(9.), tensor([ 3., 12.]))
    """

    @wraps(func)
    def transformed(*args: Any, **kwargs: Any) -> Any:
        gradient, value = grad_and_value(func, argnums, has_aux)(*args, **kwargs)
        return value, gradient

    return transformed


def vjp(func: Function, *primals: Any, has_aux: bool = False) -> Any:
    """`func(*primals)`, and the function from cotangents of its output to those of the primals.

    >>> out, pull = sg.func.vjp(lambda x: x * x, sg.tensor([1.0, 2.0]))
    >>> pull(sg.ones(2))
    (tensor([2., 4.]),)
    """
    with _Level() as level:
        given, leaves, rebuild = _own_leaves(primals, tuple(range(len(primals))))
        out, aux = _split_aux(func(*given), has_aux, "vjp(f, *primals)")
        outs, structure = flatten(out)

    def pull(cotangents: Any, retain_graph: bool = True, create_graph: bool | None = None) -> Any:
        with _Level() as inner:
            parts, given_structure = flatten(cotangents)
            if given_structure != structure:
                raise GradError("Expected pytree structure of cotangents to be the same as pytree structure of outputs "
                                "to the function.")  # fmt: skip
            found = _gradients(outs, leaves, parts)
        return rebuild(inner.cut(found, leaves))

    value = unflatten(structure, level.cut(outs, leaves))
    return (value, pull, level.cut_all(aux, leaves)) if has_aux else (value, pull)


def jvp(func: Function, primals: Any, tangents: Any, *, strict: bool = False, has_aux: bool = False) -> Any:
    """`func(*primals)`, and how it changes along `tangents`: the vjp differentiated in its vector.

    >>> sg.func.jvp(lambda x: x * x, (sg.tensor([1.0, 2.0]),), (sg.ones(2),))
    (tensor([1., 4.]), tensor([2., 4.]))
    """
    if not isinstance(primals, tuple):
        raise GradError("jvp(f, primals, tangents): Expected primals to be a tuple. E.g. it should be valid to call "
                        "f(*primals).")  # fmt: skip
    parts, structure = flatten(tangents)
    if flatten(primals)[1] != structure:
        raise GradError("jvp(f, primals, tangents): Expected primals and tangents to have the same python structure.")
    with _Level() as level:
        given, leaves, _ = _own_leaves(primals, tuple(range(len(primals))))
        out, aux = _split_aux(func(*given), has_aux, "jvp(f, primals, tangents)")
        outs, structure = flatten(out)
        dummies = [zeros_like(o).requires_grad_() for o in outs]
        pulled = _gradients(outs, leaves, dummies)
        moved = _gradients(pulled, dummies, parts)
    value, tangent = [unflatten(structure, level.cut(part, [*leaves, *dummies])) for part in (outs, moved)]
    return (value, tangent, level.cut_all(aux, leaves)) if has_aux else (value, tangent)


def jacrev(func: Function, argnums: Argnums = 0, *, has_aux: bool = False, chunk_size: int | None = None) -> Function:
    """The Jacobian of a function with respect to its arguments `argnums`.

    >>> sg.func.jacrev(lambda x: x * x)(sg.tensor([1.0, 2.0]))
    tensor([[2., 0.],
            [0., 4.]])
    """

    @wraps(func)
    def transformed(*args: Any, **kwargs: Any) -> Any:
        with _Level() as level:
            given, leaves, rebuild = _own_leaves(args, argnums)
            out, aux = _split_aux(func(*given, **kwargs), has_aux, "jacrev(f)(*args)")
            outs, structure = flatten(out)
            rows = [list(rows_of(i, out, tuple(leaves), False, True)) for i, out in enumerate(outs)]
        found = unflatten(structure, [rebuild(level.cut(row, leaves)) for row in rows])
        return (found, level.cut_all(aux, leaves)) if has_aux else found

    return transformed


def jacfwd(func: Function, argnums: Argnums = 0, has_aux: bool = False, *, randomness: str = "error") -> Function:
    """`jacrev` by another name: there is no forward mode here, and the numbers are the same."""
    return jacrev(func, argnums, has_aux=has_aux)


def hessian(func: Function, argnums: Argnums = 0) -> Function:
    """The second derivatives of a scalar function.

    >>> sg.func.hessian(lambda x: (x**3).sum())(sg.tensor([1.0, 2.0]))
    tensor([[ 6.,  0.],
            [ 0., 12.]])
    """
    return jacrev(jacrev(func, argnums), argnums)


class _Level:
    """One transform at work: recording is on; at its end what only its own leaves lead to is cut."""

    def __enter__(self) -> "_Level":
        self.outer = is_grad_enabled()
        self._mode = enable_grad()
        self._mode.__enter__()
        return self

    def __exit__(self, *exc: object) -> None:
        self._mode.__exit__(*exc)

    def cut(self, tensors: list[Tensor], leaves: list[Tensor]) -> list[Tensor]:
        """Results without the history that ends in this level's own leaves."""
        for leaf in leaves:
            leaf.__dict__[SPENT] = True
        return [t if self.outer and t.requires_grad and leads_beyond(t, leaves) else t.detach() for t in tensors]

    def cut_all(self, tree: Any, leaves: list[Tensor]) -> Any:
        """`cut` of the tensors in a structure."""
        parts, structure = flatten(tree)
        return unflatten(structure, [self.cut([p], leaves)[0] if isinstance(p, Tensor) else p for p in parts])


def _own_leaves(args: tuple[Any, ...], argnums: Argnums) -> tuple[tuple[Any, ...], list[Tensor], Function]:
    """The arguments with those at `argnums` on leaves of their own, the leaves, and what puts results in shape."""
    places = []
    for number in (argnums,) if isinstance(argnums, int) else argnums:
        if not -len(args) <= number < len(args):
            raise GradError(f"Got argnum={number}, but only {len(args)} positional inputs")
        places.append(number % len(args))
    chosen, structure = flatten(tuple([args[p] for p in places]))
    for x in chosen:
        if not isinstance(x, Tensor):
            raise ValueError(f"Thing passed to transform API must be Tensor, got {type(x)}")
    leaves = [x.view_as(x) if x.requires_grad else x.detach().requires_grad_() for x in chosen]
    given = list(args)
    for place, value in zip(places, unflatten(structure, leaves)):
        given[place] = value

    def rebuild(results: list[Any]) -> Any:
        found = unflatten(structure, results)
        return found[0] if isinstance(argnums, int) else found

    return tuple(given), leaves, rebuild


def _gradients(outs: list[Tensor], leaves: list[Tensor], grads: Any) -> list[Tensor]:
    """Gradients that can be differentiated again; zeros where no path leads."""
    places = [i for i, out in enumerate(outs) if out.requires_grad]
    if not places:
        return [zeros_like(x) for x in leaves]
    given = None if grads is None else [grads[i] for i in places]
    return list(_grad([outs[i] for i in places], leaves, given, create_graph=True, materialize_grads=True))  # type: ignore[arg-type]


def _split_aux(out: Any, has_aux: bool, what: str) -> tuple[Any, Any]:
    """What the function gave, and what it gave beside it (None, if nothing is asked for)."""
    if not has_aux:
        return out, None
    if not (isinstance(out, tuple) and len(out) == 2):
        raise GradError(f"{what}: output of function f should be a tuple: (output, aux) if has_aux is True")
    return out


__all__ = ["grad", "grad_and_value", "hessian", "jacfwd", "jacrev", "jvp", "value_and_grad", "vjp"]
