"""Attention of several heads, as a module."""

from __future__ import annotations

from typing import Any

from symgrad.nn import functional as F
from symgrad.nn import init
from symgrad.nn.functions.attention import each
from symgrad.nn.linear import Linear
from symgrad.nn.module import Module
from symgrad.nn.weights import declare
from symgrad.tensor.core import Tensor

__all__ = ["MultiheadAttention"]


class NonDynamicallyQuantizableLinear(Linear):
    """A `Linear` that prints as PyTorch's does at this place."""


class MultiheadAttention(Module):
    """Attention of several heads on projections of queries, keys and values, projected together (Vaswani et al. 2017).

    Shapes: query [l, n, embed_dim], key [s, n, kdim], value [s, n, vdim] (n first with batch_first; or none of
    them has it) -> [l, n, embed_dim], and the weights [n, l, s] (by head [n, num_heads, l, s]; None unless needed)
    >>> out, weights = sg.nn.MultiheadAttention(4, 2, batch_first=True)(*[sg.zeros(3, 5, 4)] * 3)
    >>> out.shape, weights.shape
    (torch.Size([3, 5, 4]), torch.Size([3, 5, 5]))
    """

    def __init__(
        self, embed_dim: int, num_heads: int, dropout: float = 0.0, bias: bool = True, add_bias_kv: bool = False,
        add_zero_attn: bool = False, kdim: int | None = None, vdim: int | None = None, batch_first: bool = False,
        device: Any = None, dtype: Any = None,
    ):  # fmt: skip
        if embed_dim <= 0 or num_heads <= 0:
            raise ValueError(f"embed_dim and num_heads must be greater than 0, got embed_dim={embed_dim} and "
                             f"num_heads={num_heads} instead")
        super().__init__()
        self.embed_dim = embed_dim
        self.kdim = embed_dim if kdim is None else kdim
        self.vdim = embed_dim if vdim is None else vdim
        self._qkv_same_embed_dim = self.kdim == embed_dim and self.vdim == embed_dim
        self.num_heads = num_heads
        self.dropout = dropout
        self.batch_first = batch_first
        self.head_dim = embed_dim // num_heads
        assert self.head_dim * num_heads == embed_dim, "embed_dim must be divisible by num_heads"
        same = self._qkv_same_embed_dim
        declare(self, device, dtype,
            q_proj_weight=None if same else (embed_dim, embed_dim),
            k_proj_weight=None if same else (embed_dim, self.kdim),
            v_proj_weight=None if same else (embed_dim, self.vdim),
            in_proj_weight=(3 * embed_dim, embed_dim) if same else None,
            in_proj_bias=(3 * embed_dim,) if bias else None)  # fmt: skip
        self.out_proj = NonDynamicallyQuantizableLinear(embed_dim, embed_dim, bias=bias, device=device, dtype=dtype)
        added = (1, 1, embed_dim) if add_bias_kv else None
        declare(self, device, dtype, bias_k=added, bias_v=added)
        self.add_zero_attn = add_zero_attn
        self._reset_parameters()

    def _reset_parameters(self) -> None:
        for name, parameter in self._parameters.items():
            if parameter is None:
                continue
            if name == "in_proj_bias":
                init.zeros_(parameter)
                init.zeros_(self.out_proj.bias)
            else:
                (init.xavier_normal_ if name.startswith("bias") else init.xavier_uniform_)(parameter)

    def forward(
        self, query: Tensor, key: Tensor, value: Tensor, key_padding_mask: Tensor | None = None,
        need_weights: bool = True, attn_mask: Tensor | None = None, average_attn_weights: bool = True,
        is_causal: bool = False,
    ) -> tuple[Tensor, Tensor | None]:  # fmt: skip
        turned = self.batch_first and query.ndim == 3
        q, k, v = each(query, key, value, lambda x: x.transpose(1, 0)) if turned else (query, key, value)
        out, weights = F.multi_head_attention_forward(
            q, k, v, self.embed_dim, self.num_heads, self.in_proj_weight, self.in_proj_bias, self.bias_k, self.bias_v,
            self.add_zero_attn, self.dropout, self.out_proj.weight, self.out_proj.bias, training=self.training,
            key_padding_mask=key_padding_mask, need_weights=need_weights, attn_mask=attn_mask,
            use_separate_proj_weight=not self._qkv_same_embed_dim, q_proj_weight=self.q_proj_weight,
            k_proj_weight=self.k_proj_weight, v_proj_weight=self.v_proj_weight,
            average_attn_weights=average_attn_weights, is_causal=is_causal,
        )  # fmt: skip
        return out.transpose(1, 0) if turned else out, weights  # type: ignore[attr-defined]
