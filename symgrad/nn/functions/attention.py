"""Attention: values averaged by how well their keys fit the queries."""

from __future__ import annotations

import math
import warnings
from typing import Any

from symgrad import dtypes
from symgrad.errors import DTypeError, GradError, ShapeError
from symgrad.nn.functions.affine import linear
from symgrad.nn.functions.declare import functional, widened
from symgrad.nn.functions.dropout import dropout
from symgrad.ops import functional as ops
from symgrad.ops import statistics
from symgrad.ops.creation import ones, zeros
from symgrad.ops.joining import cat
from symgrad.ops.padding import pad
from symgrad.ops.repeating import repeat_interleave
from symgrad.tensor.core import Tensor

__all__ = ["multi_head_attention_forward", "scaled_dot_product_attention"]

NONE = float("-inf")
"""The score of a key that a query must not see."""


@functional()
def scaled_dot_product_attention(
    query: Tensor, key: Tensor, value: Tensor, attn_mask: Tensor | None = None, dropout_p: float = 0.0,
    is_causal: bool = False, scale: float | None = None, enable_gqa: bool = False,
) -> Tensor:  # fmt: skip
    """softmax(query key^T scale + mask) value, scale being 1 / sqrt(e) unless given.

    A mask of bools says which keys a query may see, one of floats is added; a query that may see none gets
    zeros. Causal: query i sees keys up to i. With enable_gqa, several heads of queries share one of keys.
    Shapes: query [..., l, e], key [..., s, e], value [..., s, v], mask broadcast to [..., l, s] -> [..., l, v]
    Source: Vaswani et al. 2017
    >>> q = sg.zeros(1, 2)
    >>> sg.nn.functional.scaled_dot_product_attention(q, q, sg.tensor([[3.0]]))
    tensor([[3.]])
    """
    _check_attention(query, key, value, attn_mask, is_causal)
    q, k, v = (widened("scaled_dot_product_attention", x) for x in (query, key, value))
    if enable_gqa and q.shape[-3] != k.shape[-3]:
        k, v = (repeat_interleave(x, int(q.shape[-3] // x.shape[-3]), -3) for x in (k, v))
    if scale is None:
        scale = 1 / math.sqrt(q.shape[-1]) if q.shape[-1] else math.inf
    scores = ops.matmul(q * scale, k.transpose(-2, -1))
    mask: Any = attn_mask
    if is_causal:
        causal: Any = ones((q.shape[-2], k.shape[-2]), dtype=dtypes.bool_)
        scores = ops.where(causal.tril(), scores, NONE)
    blind = None
    if mask is not None:
        if mask.dtype is dtypes.bool_:
            scores, blind = ops.where(mask, scores, NONE), mask.any(-1, keepdim=True).logical_not()
        else:
            scores = scores + widened("scaled_dot_product_attention", mask)
            blind = (mask == NONE).all(-1, keepdim=True)
        scores = ops.where(blind, 0.0, scores)
    weights: Any = statistics.softmax(scores, -1)
    if blind is not None:
        weights = ops.where(blind, 0.0, weights)
    if dropout_p:
        weights = dropout(weights, dropout_p)
    return ops.convert(ops.matmul(weights, v), query.dtype)


def _check_attention(query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None, is_causal: bool) -> None:
    name = "scaled_dot_product_attention"
    if not query.dtype is key.dtype is value.dtype:
        raise DTypeError(f"Expected query, key, and value to have the same dtype, but got query.dtype: "
                         f"{query.dtype.name} key.dtype: {key.dtype.name} and value.dtype: {value.dtype.name} instead.")
    if min(query.ndim, key.ndim, value.ndim) < 2:
        raise ShapeError(f"{name}: Expected query, key, and value to all be at least 2 dimensional, but got "
                         f"{query.ndim}, {key.ndim} and {value.ndim} dimensions")
    if mask is not None:
        if is_causal:
            raise GradError(f"{name}: Explicit attn_mask should not be set when is_causal=True",
                            hint="give one of them")  # fmt: skip
        if mask.dtype not in (dtypes.bool_, dtypes.float32, query.dtype):
            raise DTypeError("Expected attn_mask dtype to be bool or float or to match query dtype, but got "
                             f"attn_mask.dtype: {mask.dtype.name} and  query.dtype: {query.dtype.name} instead.")


def added_mask(mask: Any, name: str, other: Any, other_name: str, dtype: Any, check_other: bool = True) -> Any:
    """A mask to be added to scores; of bools True means that a key is not seen."""
    if mask is None:
        return None
    floats = mask.dtype.is_floating_point
    assert floats or mask.dtype is dtypes.bool_, f"only bool and floating types of {name} are supported"
    if check_other and other is not None and mask.dtype is not other.dtype:
        warnings.warn(f"Support for mismatched {name} and {other_name} is deprecated. Use same type for both instead.",
                      stacklevel=3)  # fmt: skip
    return mask if floats else zeros(tuple(mask.shape), dtype=dtype).masked_fill(mask, NONE)  # type: ignore[attr-defined]


@functional()
def multi_head_attention_forward(
    query: Tensor, key: Tensor, value: Tensor, embed_dim_to_check: int, num_heads: int, in_proj_weight: Tensor | None,
    in_proj_bias: Tensor | None, bias_k: Tensor | None, bias_v: Tensor | None, add_zero_attn: bool, dropout_p: float,
    out_proj_weight: Tensor, out_proj_bias: Tensor | None, training: bool = True,
    key_padding_mask: Tensor | None = None, need_weights: bool = True, attn_mask: Tensor | None = None,
    use_separate_proj_weight: bool = False, q_proj_weight: Tensor | None = None, k_proj_weight: Tensor | None = None,
    v_proj_weight: Tensor | None = None, static_k: Tensor | None = None, static_v: Tensor | None = None,
    average_attn_weights: bool = True, is_causal: bool = False,
) -> tuple[Tensor, Tensor | None]:  # fmt: skip
    """What `nn.MultiheadAttention` computes: attention of several heads on projections, projected together.

    Shapes: query [l, n, e], key and value [s, n, ...] (or all without n) -> [l, n, e], and weights [n, l, s]
    Source: Vaswani et al. 2017
    >>> q, w = sg.ones(1, 1, 2), sg.eye(2)
    >>> sg.nn.functional.multi_head_attention_forward(q, q, q, 2, 1, sg.cat([w, w, w]), None, None, None, False, 0.0,
    ...                                               w, None)
    (tensor([[[1., 1.]]]), tensor([[[1.]]]))
    """
    q, k, v = query, key, value
    alone = _check_heads(q, k, v, key_padding_mask, attn_mask, num_heads)
    hidden: Any = key_padding_mask
    if alone:
        q, k, v = each(q, k, v, lambda x: x.unsqueeze(1))
        hidden = None if hidden is None else hidden.unsqueeze(0)
    length, batch, width = q.shape
    assert width == embed_dim_to_check, f"was expecting embedding dimension of {embed_dim_to_check}, but got {width}"
    head = width // num_heads
    assert head * num_heads == width, f"embed_dim {width} not divisible by num_heads {num_heads}"
    if is_causal and attn_mask is None:
        raise GradError("Need attn_mask if specifying the is_causal hint. You may use the Transformer module method "
                        "`generate_square_subsequent_mask` to create this mask.")
    hidden = added_mask(hidden, "key_padding_mask", attn_mask, "attn_mask", q.dtype)
    mask: Any = None
    if not (is_causal and hidden is None and not need_weights):  # else the hint says all
        is_causal = is_causal and hidden is None
        mask = _laid_out(added_mask(attn_mask, "attn_mask", None, "", q.dtype, False), length, k.shape[0],
                         batch * num_heads)  # fmt: skip
    if use_separate_proj_weight:
        assert k.shape[:2] == v.shape[:2], \
            f"key's sequence and batch dims {k.shape[:2]} do not match value's {v.shape[:2]}"  # fmt: skip
        weights: Any = (q_proj_weight, k_proj_weight, v_proj_weight)
    else:
        assert k.shape == v.shape, f"key shape {k.shape} does not match value shape {v.shape}"
        weights = in_proj_weight.chunk(3)  # type: ignore[union-attr, attr-defined]
    biases: Any = (None,) * 3 if in_proj_bias is None else in_proj_bias.chunk(3)  # type: ignore[attr-defined]
    if q is k is v and not use_separate_proj_weight:
        q, k, v = linear(q, in_proj_weight, in_proj_bias).chunk(3, -1)  # type: ignore[arg-type, attr-defined]
    else:
        q, k, v = (linear(x, w, b) for x, w, b in zip((q, k, v), weights, biases, strict=True))
    more = 0
    assert (bias_k is None) == (bias_v is None), "bias_k and bias_v are given both or not at all"
    if bias_k is not None:
        assert static_k is None, "bias cannot be added to static key."
        assert static_v is None, "bias cannot be added to static value."
        k, v = (cat([x, b.repeat(1, batch, 1)]) for x, b in ((k, bias_k), (v, bias_v)))  # type: ignore[union-attr, attr-defined]
        more += 1
    heads = lambda x: x.reshape((x.shape[0], batch * num_heads, head)).transpose(0, 1)  # noqa: E731
    q = heads(q)
    k, v = (heads(x) if fixed is None else fixed for x, fixed in ((k, static_k), (v, static_v)))
    if add_zero_attn:
        k, v = (cat([x, zeros((batch * num_heads, 1, head), dtype=x.dtype)], 1) for x in (k, v))
        more += 1
    if more:
        mask, hidden = (None if m is None else pad(m, (0, more)) for m in (mask, hidden))
    source = k.shape[1]
    if hidden is not None:
        assert tuple(hidden.shape) == (batch, source), \
            f"Expected key_padded_mask of shape {(batch, source)}, but got {tuple(hidden.shape)}"  # fmt: skip
        hidden = hidden.reshape((batch, 1, 1, source)).expand(batch, num_heads, 1, source)
        hidden = hidden.reshape((batch * num_heads, 1, source))
        mask = hidden if mask is None else mask + hidden
    dropout_p = dropout_p if training else 0.0
    scores: Any = None
    if need_weights:
        scores = ops.matmul(q * math.sqrt(1.0 / head), k.transpose(-2, -1))  # type: ignore[operator, attr-defined]
        scores = statistics.softmax(scores if mask is None else scores + mask, -1)
        scores = dropout(scores, dropout_p) if dropout_p else scores
        out: Any = ops.matmul(scores, v)
        scores = scores.reshape((batch, num_heads, length, source))
        scores = scores.mean(1) if average_attn_weights else scores
    else:
        out = scaled_dot_product_attention(q, k, v, mask, dropout_p, is_causal)
    out = linear(out.transpose(0, 1).reshape((length, batch, width)), out_proj_weight, out_proj_bias)
    if alone:
        out, scores = out.squeeze(1), None if scores is None else scores.squeeze(0)
    return out, scores


def each(q: Any, k: Any, v: Any, change: Any) -> Any:
    """`change` of each, which stay one tensor where they were one."""
    changed = change(k)
    return changed if q is k else change(q), changed, changed if v is k else change(v)


def _laid_out(mask: Any, length: int, source: int, heads: int) -> Any:
    """An attention mask with a dimension for the heads."""
    if mask is None:
        return None
    wanted = (length, source) if mask.ndim == 2 else (heads, length, source)
    if tuple(mask.shape) != wanted:
        raise ShapeError(f"The shape of the {mask.ndim}D attn_mask is {mask.shape}, but should be {wanted}.")
    return mask.unsqueeze(0) if mask.ndim == 2 else mask


def _check_heads(query: Any, key: Any, value: Any, hidden: Any, mask: Any, num_heads: int) -> bool:
    """Whether there is no batch; asserts that the dimensions fit."""
    assert query.ndim in (2, 3), \
        f"query should be unbatched 2D or batched 3D tensor but received {query.ndim}-D query tensor"  # fmt: skip
    kind = f"For {'un' if query.ndim == 2 else ''}batched ({query.ndim}-D) `query`, expected"
    assert key.ndim == value.ndim == query.ndim, \
        f"{kind} `key` and `value` to be {query.ndim}-D but found {key.ndim}-D and {value.ndim}-D tensors respectively"
    assert hidden is None or hidden.ndim == query.ndim - 1, \
        f"{kind} `key_padding_mask` to be `None` or {query.ndim - 1}-D but found {hidden.ndim}-D tensor instead"
    assert mask is None or mask.ndim in (2, 3), \
        f"{kind} `attn_mask` to be `None`, 2-D or 3-D but found {mask.ndim}-D tensor instead"  # fmt: skip
    return bool(query.ndim == 2)
