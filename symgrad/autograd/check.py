"""`gradcheck`: gradients compared with central differences, in double precision.

For each pair of an output and an input the full Jacobian is compared, a complex output once by its real
and once by its imaginary part; `fast_mode` compares one number per pair, the Jacobian between two random
directions.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from symgrad.errors import GradcheckError, UnwrittenError
from symgrad.ops.autograd import grad
from symgrad.tensor.core import Tensor, wrap

Array = np.ndarray[Any, Any]


def gradcheck(
    func: Callable[..., Any], inputs: Any, *, eps: float = 1e-6, atol: float = 1e-5, rtol: float = 1e-3,
    raise_exception: bool = True, nondet_tol: float = 0.0, check_undefined_grad: bool = True,
    check_grad_dtypes: bool = False, check_batched_grad: bool = False, check_batched_forward_grad: bool = False,
    check_forward_ad: bool = False, check_backward_ad: bool = True, fast_mode: bool = False,
    masked: bool | None = None,
) -> bool:  # fmt: skip
    """Whether the gradients of `func` at `inputs` agree with finite differences.

    Raises:
        GradcheckError: they do not, and `raise_exception` (else False is returned)

    >>> x = sg.tensor([1.0, 2.0], dtype=sg.double, requires_grad=True)
    >>> sg.autograd.gradcheck(lambda x: (x * x).exp(), x)
    True
    """
    if check_forward_ad or check_batched_forward_grad or check_batched_grad:
        raise UnwrittenError("gradcheck: there is no forward-mode or batched differentiation to check",
                             hint="leave check_forward_ad and check_batched_* at False")  # fmt: skip
    given = (inputs,) if isinstance(inputs, Tensor) else tuple(inputs)
    try:
        _Check(func, given, eps, atol, rtol, nondet_tol, check_grad_dtypes, check_undefined_grad, fast_mode).run()
    except GradcheckError:
        if raise_exception:
            raise
        return False
    return True


def gradgradcheck(
    func: Callable[..., Any], inputs: Any, grad_outputs: Any = None, *, eps: float = 1e-6, atol: float = 1e-5,
    rtol: float = 1e-3, gen_non_contig_grad_outputs: bool = False, raise_exception: bool = True,
    nondet_tol: float = 0.0, check_undefined_grad: bool = True, check_grad_dtypes: bool = False,
    check_batched_grad: bool = False, check_fwd_over_rev: bool = False, check_rev_over_rev: bool = True,
    fast_mode: bool = False, masked: bool = False,
) -> bool:  # fmt: skip
    """`gradcheck` of the gradients themselves, as functions of the inputs and of the outputs' cotangents.

    >>> x = sg.tensor([1.0, 2.0], dtype=sg.double, requires_grad=True)
    >>> sg.autograd.gradgradcheck(lambda x: (x * x).exp(), x)
    True
    """
    given = (inputs,) if isinstance(inputs, Tensor) else tuple(inputs)
    if grad_outputs is None:
        outs = _differentiable(func(*given))
        cotangents = tuple([_random_like(out, number).requires_grad_() for number, out in enumerate(outs)])
    else:
        cotangents = (grad_outputs,) if isinstance(grad_outputs, Tensor) else tuple(grad_outputs)
    count = len(cotangents)

    def gradients(*args: Any) -> tuple[Tensor, ...]:
        outs = _differentiable(func(*args[:-count]))
        followed = [x for x in args[:-count] if isinstance(x, Tensor) and x.requires_grad]
        found = grad(outs, followed, list(args[-count:]), create_graph=True, allow_unused=True)
        return tuple([g for g in found if g is not None])

    return gradcheck(
        gradients, (*given, *cotangents), eps=eps, atol=atol, rtol=rtol, raise_exception=raise_exception,
        nondet_tol=nondet_tol, check_undefined_grad=check_undefined_grad, check_grad_dtypes=check_grad_dtypes,
        check_batched_grad=check_batched_grad, check_forward_ad=check_fwd_over_rev, fast_mode=fast_mode)


def _differentiable(result: Any) -> list[Tensor]:
    return [out for out in _tuple(result) if out.requires_grad]


def _tuple(result: Any) -> list[Tensor]:
    outs = result if isinstance(result, (tuple, list)) else (result,)
    return [out for out in outs if isinstance(out, Tensor)]


def _random_like(like: Tensor, seed: int) -> Tensor:
    rng = np.random.default_rng(seed)
    data = rng.standard_normal(tuple(like.shape))
    if like.dtype.is_complex:
        data = data + 1j * rng.standard_normal(tuple(like.shape))
    return wrap(np.asarray(data, like.dtype.np))


class _Check:
    """One run: the function, where it is checked, and how closely."""

    def __init__(self, func: Callable[..., Any], inputs: tuple[Any, ...], eps: float, atol: float, rtol: float,
                 nondet_tol: float, check_dtypes: bool, check_undefined: bool, fast: bool):  # fmt: skip
        self.func = func
        self.inputs = inputs
        self.eps, self.atol, self.rtol, self.nondet_tol = eps, atol, rtol, nondet_tol
        self.check_dtypes, self.check_undefined, self.fast = check_dtypes, check_undefined, fast
        self.followed = [x for x in inputs if isinstance(x, Tensor) and x.requires_grad]
        self.places = [i for i, x in enumerate(inputs) if isinstance(x, Tensor) and x.requires_grad]
        if not self.followed:
            raise ValueError("gradcheck expects at least one input tensor to require gradient, but none of the them "
                             "have requires_grad=True.")  # fmt: skip
        for place, x in zip(self.places, self.followed):
            if x.dtype.itemsize < (16 if x.dtype.is_complex else 8):
                warnings.warn(f"Input #{place} requires gradient and is not a double precision floating point or "
                              "complex. This check will likely fail if all the inputs are not of double precision "
                              "floating point or complex. ", stacklevel=4)  # fmt: skip
            if any(step == 0 and extent > 1 for step, extent in zip(x.stride(), x.shape)):
                raise GradcheckError(
                    f"The {place}th input has a dimension with stride 0. gradcheck only supports inputs that are "
                    "non-overlapping to be able to compute the numerical gradients correctly. You should call "
                    ".contiguous on the input before passing it to gradcheck.")

    def run(self) -> None:
        """Raise GradcheckError where something does not agree."""
        outs = _differentiable(self.func(*self.inputs))
        if not outs:
            self._no_gradient()
            return
        for number, out in enumerate(outs):
            for part in (1, 1j) if out.dtype.is_complex else (1,):
                (self._directions if self.fast else self._jacobians)(number, out, part)
        self._zero_cotangents(outs)
        if self.check_undefined:
            self._one_output_at_a_time(outs)

    def _values(self) -> list[Array]:
        """Copies of the differentiable outputs (if none is, of all that could be), at the inputs as they are now."""
        result = self.func(*self.inputs)
        outs = _differentiable(result) or [out for out in _tuple(result) if out.dtype.is_inexact]
        return [np.array(out.detach()._data) for out in outs]

    def _no_gradient(self) -> None:
        for place, x in zip(self.places, self.followed):
            for number in range(len(self._values())):
                if np.any(self._numerical(number, x, 1) != 0):
                    raise GradcheckError("Numerical gradient for function expected to be zero "
                                         f"(output {number}, input {place})")  # fmt: skip

    def _moved(self, x: Tensor, index: Any, step: Any, number: int) -> Array:
        """The central difference of output `number` when `x[index]` moves along `step`."""
        data = x._data
        before = data[index].copy()
        data[index] = before + step
        after = self._values()[number]
        data[index] = before - step
        back = self._values()[number]
        data[index] = before
        return (after - back) / (2 * self.eps)  # type: ignore[no-any-return]

    def _numerical(self, number: int, x: Tensor, part: complex) -> Array:
        """Rows by element of `x`, columns by element of the output's real or imaginary part."""
        take = np.imag if part == 1j else np.real
        rows = []
        for index in np.ndindex(*x.shape):
            row: Any = take(self._moved(x, index, self.eps, number)).reshape(-1)
            if x.dtype.is_complex:
                row = row + 1j * take(self._moved(x, index, 1j * self.eps, number)).reshape(-1)
            rows.append(row)
        count = self._values()[number].size
        return np.array(rows).reshape(len(rows), count)

    def _jacobians(self, number: int, out: Tensor, part: complex) -> None:
        found = self._analytical(out, part)
        again = self._analytical(out, part)
        for place, x, analytical, second in zip(self.places, self.followed, found, again):
            self._compare(number, place, self._numerical(number, x, part), analytical, part)
            if np.any(np.abs(analytical - second) > self.nondet_tol):
                raise GradcheckError(
                    "Backward is not reentrant, i.e., running backward with same input and grad_output multiple times "
                    "gives different values, although analytical gradient matches numerical gradient. The tolerance "
                    f"for nondeterminism was {self.nondet_tol}.")

    def _analytical(self, out: Tensor, part: complex) -> list[Array]:
        columns: list[list[Array]] = [[] for _ in self.followed]
        for index in np.ndindex(*out.shape):
            seed = np.zeros(tuple(out.shape), out.dtype.np)
            seed[index] = part if out.dtype.is_complex else 1
            for column, g in zip(columns, self._pulled([out], [wrap(seed)])):
                column.append(g.reshape(-1))
        return [np.array(c).reshape(len(c), x.numel()).T for c, x in zip(columns, self.followed)]

    def _pulled(self, outs: list[Tensor], seeds: list[Any]) -> list[Array]:
        """Gradients as arrays, zeros where no path leads."""
        found = grad(outs, self.followed, seeds, retain_graph=True, allow_unused=True)
        for g, x in zip(found, self.followed):
            if g is not None and self.check_dtypes and g.dtype is not x.dtype:
                raise GradcheckError(f"Gradient has dtype {g.dtype} (expected {x.dtype})")
        return [np.zeros(tuple(x.shape)) if g is None else g.detach()._data for g, x in zip(found, self.followed)]

    def _directions(self, number: int, out: Tensor, part: complex) -> None:
        """One number per input: the Jacobian between a random direction of each."""
        seed = np.abs(np.asarray(_random_like(out, 7)._data.real)) + 0.1
        seed = seed / np.sqrt((seed**2).sum())
        take = np.imag if part == 1j else np.real
        pulled = self._pulled([out], [wrap(np.asarray(seed * part, out.dtype.np))])
        for place, x, g in zip(self.places, self.followed, pulled):
            along = np.asarray(_random_like(x, 8)._data)
            along = along / np.sqrt((np.abs(along) ** 2).sum()) if along.size else along
            moved = self._moved(x, ..., self.eps * along, number)
            numerical = np.asarray((take(moved) * seed).sum())
            analytical = np.asarray(np.real(np.conj(g) * along).sum())
            self._compare(number, place, numerical, analytical, part)

    def _compare(self, number: int, place: int, numerical: Array, analytical: Array, part: complex) -> None:
        if np.allclose(analytical, numerical, rtol=self.rtol, atol=self.atol, equal_nan=True):
            return
        which = "While considering the imaginary part of complex outputs only, " if part == 1j else ""
        note = ("\nThe above quantities relating the numerical and analytical jacobians are computed in fast mode."
                if self.fast else "")  # fmt: skip
        raise GradcheckError(f"{which}Jacobian mismatch for output {number} with respect to input {place},\n"
                             f"numerical:{wrap(numerical)}\nanalytical:{wrap(analytical)}\n{note}")

    def _zero_cotangents(self, outs: list[Tensor]) -> None:
        zeros = [wrap(np.zeros(tuple(out.shape), out.dtype.np)) for out in outs]
        for g, x in zip(grad(outs, self.followed, zeros, retain_graph=True, allow_unused=True), self.followed):
            if g is None:
                continue
            if np.any(g.detach()._data != 0):
                raise GradcheckError("backward not multiplied by grad_output")
            if tuple(g.shape) != tuple(x.shape):
                raise GradcheckError("grad is incorrect size")

    def _one_output_at_a_time(self, outs: list[Tensor]) -> None:
        """The other outputs' cotangents are then undefined, and must act as zeros."""
        if len(outs) < 2:
            return
        for number, out in enumerate(outs):
            seed = _random_like(out, number)
            zeros = [wrap(np.zeros(tuple(o.shape), o.dtype.np)) if o is not out else seed for o in outs]
            for alone, all_given in zip(self._pulled([out], [seed]), self._pulled(outs, zeros)):
                if not np.allclose(alone, all_given, equal_nan=True):
                    raise GradcheckError("Expected backward function to handle undefined output grads",
                                         hint="treat a missing gradient as zeros")  # fmt: skip
