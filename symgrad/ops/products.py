"""Products of vectors and matrices: one primitive, `matmul`, under all of PyTorch's names.

Every function checks what PyTorch checks, brings its operands to matrices, and multiplies once; so
gradients, batching and the lowering to BLAS are those of `matmul`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from symgrad import dtypes
from symgrad.errors import DTypeError, ShapeError
from symgrad.ops.linalg import matmul as matmul_p
from symgrad.ops.operators import binary
from symgrad.ops.public import op
from symgrad.ops.reductions import sum
from symgrad.ops.shapes import normalize_dim, permute, reshape, squeeze, unsqueeze
from symgrad.tensor import state
from symgrad.tensor.core import Tensor, wrap
from symgrad.tensor.dispatch import as_array, bind, ndarray


def _multiply(a: Any, b: Any) -> Any:
    """`np.matmul` of arrays; two dense matrices give BLAS the same call sooner by `dot`."""
    if a.ndim == 2 == b.ndim and a.flags.forc and b.flags.forc and a.dtype.char in "fd":
        return a.dot(b)
    return matmul_p.evaluate(a, b)


_product, _ = binary(matmul_p, function=_multiply)
_NO_PARAMS: dict[str, Any] = {}


def same_dtype(a: Tensor, b: Tensor) -> None:
    """Refuse operands of different dtypes, and bools, of which there is no product."""
    if a.dtype is not b.dtype:
        raise DTypeError(f"expected m1 and m2 to have the same dtype, but got: {a.dtype.name} != {b.dtype.name}",
                         hint="convert one of them with .to()")  # fmt: skip
    if a.dtype is dtypes.bool_:
        raise DTypeError('"addmm_impl_cpu_" not implemented for \'Bool\'', hint="convert with .int() or .float()")


def tensor_operands(name: str, **operands: Any) -> None:
    """Refuse what is not a tensor, as PyTorch does."""
    for word, x in operands.items():
        if not isinstance(x, Tensor):
            raise TypeError(f"{name}(): argument '{word}' must be Tensor, not {type(x).__name__}")


def of_rank(name: str, rank: int, **operands: Any) -> None:
    """Refuse operands that have not `rank` dimensions."""
    tensor_operands(name, **operands)
    for word, x in operands.items():
        if x.ndim != rank:
            what = {1: "vector", 2: "matrix", 3: "batch of matrices"}[rank]
            raise ShapeError(f"{name}: Expected {word} to be a {what} ({rank}-D), but got {x.ndim}-D")


def at(a: Any, b: Any) -> Any:
    """The operator `@`."""
    return matmul(a, b) if isinstance(b, Tensor) else NotImplemented


def at_right(b: Any, a: Any) -> Any:
    """The reflected operator `@`: of an operand on the left that is no tensor."""
    return matmul(a, b) if isinstance(a, Tensor) else NotImplemented


@op
def matmul(input: Tensor, other: Tensor) -> Tensor:
    """Matrix product with PyTorch's rules for vectors and batches.

    Shapes: input [..., m, k], other [..., k, n] -> [..., m, n]; a 1-d operand is a row on the left, a
        column on the right, and its extent of 1 goes away; leading extents broadcast.
    Dtype: both the same; bool is refused; 16-bit floats multiply in float32.
    Gradient: da = g b^H, db = a^H g.
    Raises: ShapeError where inner extents differ or an operand is 0-d.
    Cost: 2 m k n flops per matrix.

    >>> sg.matmul(sg.tensor([[1., 2.], [3., 4.]]), sg.tensor([1., 1.]))
    tensor([3., 7.])
    """
    if not isinstance(input, Tensor) or not isinstance(other, Tensor):
        tensor_operands("matmul", input=input, other=other)
    m, n = input.ndim, other.ndim
    if m == 0 or n == 0:
        raise ShapeError(f"both arguments to matmul need to be at least 1D, but they are {m}D and {n}D")
    same_dtype(input, other)
    if m > 1 and n > 1:
        return _product(input, other)  # type: ignore[no-any-return]
    if not state.captures and not ((input._rg or other._rg) and state.is_grad_enabled()):
        try:
            return wrap(as_array(matmul_p.evaluate(input._data, other._data)))
        except (ValueError, TypeError):  # shapes that do not fit, or a symbol: the general way says what is wrong
            pass
    a = unsqueeze(input, 0) if m == 1 else input
    b = unsqueeze(other, 1) if n == 1 else other
    out: Tensor = bind(matmul_p, (a, b), {})
    if n == 1:
        out = squeeze(out, -1)
    return squeeze(out, -1 if n == 1 else -2) if m == 1 else out


op(name="matmul", namespace="linalg", method=False)(matmul)


@op
def mm(input: Tensor, mat2: Tensor) -> Tensor:
    """Product of two matrices.

    >>> sg.mm(sg.ones(2, 3), sg.ones(3, 2))
    tensor([[3., 3.],
            [3., 3.]])
    """
    if isinstance(input, Tensor) and isinstance(mat2, Tensor) and not state.captures:
        a, b = input._data, mat2._data
        if type(a) is ndarray and type(b) is ndarray and a.ndim == 2 == b.ndim \
                and a.dtype is b.dtype and a.dtype.char in "fd":  # fmt: skip
            return _product(input, mat2)  # type: ignore[no-any-return]
    tensor_operands("mm", input=input, mat2=mat2)
    if input.ndim != 2 or mat2.ndim != 2:
        raise ShapeError("self must be a matrix" if input.ndim != 2 else "mat2 must be a matrix")
    same_dtype(input, mat2)
    return _product(input, mat2)  # type: ignore[no-any-return]


@op
def bmm(input: Tensor, mat2: Tensor) -> Tensor:
    """Batched product of 3-d tensors, whose batches must be equal.

    >>> sg.bmm(sg.ones(4, 2, 3), sg.ones(4, 3, 5)).shape
    torch.Size([4, 2, 5])
    """
    tensor_operands("bmm", input=input, mat2=mat2)
    if input.ndim != 3 or mat2.ndim != 3:
        raise ShapeError("batch1 must be a 3D tensor" if input.ndim != 3 else "batch2 must be a 3D tensor")
    same_dtype(input, mat2)
    if input.shape[0] != mat2.shape[0] or input.shape[2] != mat2.shape[1]:
        raise ShapeError(f"Expected size for first two dimensions of batch2 tensor to be: "
                         f"{[int(input.shape[0]), int(input.shape[2])]} but got: {list(map(int, mat2.shape[:2]))}.")
    return bind(matmul_p, (input, mat2), _NO_PARAMS)  # type: ignore[no-any-return]


@op
def mv(input: Tensor, vec: Tensor) -> Tensor:
    """Product of a matrix and a vector.

    >>> sg.mv(sg.tensor([[1., 2.], [3., 4.]]), sg.tensor([1., 1.]))
    tensor([3., 7.])
    """
    tensor_operands("mv", input=input, vec=vec)
    if input.ndim != 2 or vec.ndim != 1:
        raise ShapeError(f"vector + matrix @ vector expected, got {vec.ndim}, {input.ndim}, {vec.ndim}")
    if input.shape[1] != vec.shape[0]:
        raise ShapeError(f"size mismatch, got input ({int(input.shape[0])}), mat "
                         f"({int(input.shape[0])}x{int(input.shape[1])}), vec ({int(vec.shape[0])})")
    return matmul(input, vec)


@op
def dot(input: Tensor, tensor: Tensor) -> Tensor:
    """Inner product of two 1-d tensors, without conjugation.

    Gradient: da = g conj(b), db = g conj(a).

    >>> sg.dot(sg.tensor([1., 2.]), sg.tensor([3., 4.]))
    tensor(11.)
    """
    tensor_operands("dot", input=input, tensor=tensor)
    if input.ndim != 1 or tensor.ndim != 1:
        raise ShapeError(f"1D tensors expected, but got {input.ndim}D and {tensor.ndim}D tensors")
    if input.dtype is not tensor.dtype:
        raise DTypeError("dot : expected both vectors to have same dtype, but found "
                         f"{input.dtype.name} and {tensor.dtype.name}", hint="convert one of them with .to()")
    if len(input) != len(tensor):
        raise ShapeError(f"inconsistent tensor size, expected tensor [{len(input)}] and src [{len(tensor)}] "
                         "to have the same number of elements")
    if input.dtype.is_floating_point and not input.dtype.is_half:
        return sum(input * tensor)  # loops fuse what a call of BLAS would not
    return matmul(input, tensor)


@op
def vdot(input: Tensor, other: Tensor) -> Tensor:
    """Inner product of two 1-d tensors, the first conjugated.

    >>> sg.vdot(sg.tensor([1j, 2.]), sg.tensor([1j, 1.]))
    tensor(3.+0.j)
    """
    tensor_operands("vdot", input=input, other=other)
    return dot(input.conj(), other)  # type: ignore[attr-defined]


@op(aliases=("ger",))
def outer(input: Tensor, vec2: Tensor) -> Tensor:
    """All products of elements of two vectors: out[i, j] = input[i] * vec2[j].

    >>> sg.outer(sg.tensor([1., 2.]), sg.tensor([3., 4.]))
    tensor([[3., 4.],
            [6., 8.]])
    """
    tensor_operands("outer", input=input, vec2=vec2)
    for word, x in (("self", input), ("vec2", vec2)):
        if x.ndim != 1:
            raise ShapeError(f"outer: Expected 1-D argument {word}, but got {x.ndim}-D")
    return unsqueeze(input, 1) * vec2  # type: ignore[no-any-return]


@op
def inner(input: Tensor, other: Tensor) -> Tensor:
    """Sum of products over the last extents of both; with a 0-d operand, the product.

    Shapes: input [..., k], other [*, k] -> [..., *].
    >>> sg.inner(sg.tensor([[1., 2.], [3., 4.]]), sg.tensor([1., 1.]))
    tensor([3., 7.])
    """
    tensor_operands("inner", input=input, other=other)
    if input.ndim == 0 or other.ndim == 0:
        return input * other  # type: ignore[no-any-return]
    if input.shape[-1] != other.shape[-1]:
        raise ShapeError("inner() the last dimension must match on both input tensors but got shapes "
                         f"{list(map(int, input.shape))} and {list(map(int, other.shape))}")
    return tensordot(input, other, ([-1], [-1]))


@op(method=False)
def tensordot(a: Tensor, b: Tensor, dims: Any = 2) -> Tensor:
    """Sum of products over given dimensions of each: the last `dims` of `a` with the first of `b`, or two lists.

    Shapes: the dimensions of `a` that are left, then those of `b`.
    Raises: ShapeError where a pair of extents differs.

    >>> sg.tensordot(sg.ones(2, 3, 4), sg.ones(4, 3, 5), dims=([1, 2], [1, 0])).shape
    torch.Size([2, 5])
    """
    tensor_operands("tensordot", a=a, b=b)
    left, right = contracted(a, b, dims)
    same_dtype(a, b)
    for i, j in zip(left, right):
        m, n = a.shape[i], b.shape[j]
        if m != n and m != 1 and n != 1:
            raise ShapeError(f"contracted dimensions need to match, but first has size {int(m)} in dim {i} and "
                             f"second has size {int(n)} in dim {j}")
        if m != n:  # an extent of 1 stands for all: the other may be summed alone
            a, b = (a, sum(b, j, True, dtype=b.dtype)) if m == 1 else (sum(a, i, True, dtype=a.dtype), b)
    rest_a = [i for i in range(a.ndim) if i not in left]
    rest_b = [j for j in range(b.ndim) if j not in right]
    shape = (*[a.shape[i] for i in rest_a], *[b.shape[j] for j in rest_b])
    rows, inner, columns = (
        volume(t, d) for t, d in ((a, rest_a), (a, left), (b, rest_b)))  # fmt: skip
    product = mm(reshape(permute(a, (*rest_a, *left)), (rows, inner)),
                 reshape(permute(b, (*right, *rest_b)), (inner, columns)))  # fmt: skip
    return reshape(product, shape)


def contracted(a: Tensor, b: Tensor, dims: Any) -> tuple[list[int], list[int]]:
    """The dimensions of `a` and of `b` that `tensordot` sums over."""
    if isinstance(dims, Tensor):
        dims = dims.tolist() if dims.ndim else int(dims)
    if isinstance(dims, int):
        if dims < 0:
            raise ShapeError(f"tensordot expects dims >= 0, but got dims={dims}")
        if dims > min(a.ndim, b.ndim):
            raise ShapeError(f"tensordot expects dims < ndim_a or ndim_b, but got dims={dims}")
        dims = (list(range(-dims, 0)), list(range(dims)))
    left, right = ([d] if isinstance(d, int) else list(d) for d in dims)
    if len(left) != len(right):
        raise ShapeError("both dimension lists should have same length")
    left, right = [normalize_dim(d, a.ndim) for d in left], [normalize_dim(d, b.ndim) for d in right]
    for found in (left, right):
        if len(set(found)) != len(found):
            raise ShapeError(f"dim {found[0]} appears multiple times in the list of dims")
    return left, right


def volume(x: Tensor, dims: Sequence[int]) -> int:
    """The number of elements along some dimensions."""
    count = 1
    for d in dims:
        count = count * x.shape[d]
    return count


@op
def kron(input: Tensor, other: Tensor) -> Tensor:
    """Kronecker product: every element of `input` times all of `other`, as blocks.

    >>> sg.kron(sg.tensor([1., 2.]), sg.tensor([1., 10.]))
    tensor([ 1., 10.,  2., 20.])
    """
    tensor_operands("kron", input=input, other=other)
    rank = max(input.ndim, other.ndim)
    m, n = ((1,) * (rank - x.ndim) + tuple(x.shape) for x in (input, other))
    a = reshape(input, tuple(e for extent in m for e in (extent, 1)))
    b = reshape(other, tuple(e for extent in n for e in (1, extent)))
    return reshape(a * b, tuple(i * j for i, j in zip(m, n)))
