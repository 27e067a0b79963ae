"""Transformers: stacks of attention and two affine layers, each added to its input and normalized."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

from symgrad.errors import GradError, ShapeError
from symgrad.nn import functional as F
from symgrad.nn import init
from symgrad.nn.attention import MultiheadAttention
from symgrad.nn.container import ModuleList
from symgrad.nn.dropout import Dropout
from symgrad.nn.functions.attention import added_mask
from symgrad.nn.layer_norm import LayerNorm
from symgrad.nn.linear import Linear
from symgrad.nn.module import Module
from symgrad.ops.creation import full
from symgrad.tensor.core import Tensor

__all__ = ["Transformer", "TransformerDecoder", "TransformerDecoderLayer", "TransformerEncoder",
           "TransformerEncoderLayer"]  # fmt: skip


def activation_of(given: Any) -> Callable[[Any], Any]:
    """An activation given by name, or as it is."""
    if not isinstance(given, str):
        return given  # type: ignore[no-any-return]
    if given not in ("relu", "gelu"):
        raise GradError(f"activation should be relu/gelu, not {given}")
    return F.relu if given == "relu" else F.gelu


class _Layer(Module):
    """What layers of encoder and decoder have in common."""

    def __init__(
        self, attentions: tuple[str, ...], d_model: int, nhead: int, dim_feedforward: int, dropout: float,
        activation: Any, layer_norm_eps: float, batch_first: bool, norm_first: bool, bias: bool, device: Any,
        dtype: Any,
    ):  # fmt: skip
        made: dict[str, Any] = {"bias": bias, "device": device, "dtype": dtype}
        super().__init__()
        for name in attentions:
            self.add_module(name, MultiheadAttention(d_model, nhead, dropout=dropout, batch_first=batch_first, **made))
        self.linear1 = Linear(d_model, dim_feedforward, **made)
        self.dropout = Dropout(dropout)
        self.linear2 = Linear(dim_feedforward, d_model, **made)
        self.norm_first = norm_first
        blocks = range(1, len(attentions) + 2)
        for k in blocks:
            self.add_module(f"norm{k}", LayerNorm(d_model, eps=layer_norm_eps, **made))
        for k in blocks:
            self.add_module(f"dropout{k}", Dropout(dropout))
        self.activation = activation_of(activation)

    def residual(self, x: Any, norm: Any, block: Callable[[Any], Any]) -> Any:
        """x + block(x), normalized before the block or after the sum."""
        return x + block(norm(x)) if self.norm_first else norm(x + block(x))

    def attended(self, attention: Any, x: Any, memory: Any, mask: Any, hidden: Any, is_causal: bool) -> Any:
        """What x sees in `memory`."""
        return attention(x, memory, memory, attn_mask=mask, key_padding_mask=hidden, need_weights=False,
                         is_causal=is_causal)[0]  # fmt: skip

    def fed(self, x: Any) -> Any:
        """Two affine layers with an activation between."""
        return self.linear2(self.dropout(self.activation(self.linear1(x))))


class TransformerEncoderLayer(_Layer):
    """Self-attention and two affine layers (Vaswani et al. 2017; `norm_first` as in Xiong et al. 2020).

    Shapes: [s, n, d_model], [n, s, d_model] with batch_first, or [s, d_model] -> the same
    >>> sg.nn.TransformerEncoderLayer(4, 2, 8)(sg.zeros(5, 3, 4)).shape
    torch.Size([5, 3, 4])
    """

    def __init__(
        self, d_model: int, nhead: int, dim_feedforward: int = 2048, dropout: float = 0.1, activation: Any = F.relu,
        layer_norm_eps: float = 1e-5, batch_first: bool = False, norm_first: bool = False, bias: bool = True,
        device: Any = None, dtype: Any = None,
    ):  # fmt: skip
        super().__init__(("self_attn",), d_model, nhead, dim_feedforward, dropout, activation, layer_norm_eps,
                         batch_first, norm_first, bias, device, dtype)  # fmt: skip

    def forward(self, src: Tensor, src_mask: Tensor | None = None, src_key_padding_mask: Tensor | None = None,
                is_causal: bool = False) -> Any:  # fmt: skip
        hidden = added_mask(src_key_padding_mask, "src_key_padding_mask", src_mask, "src_mask", src.dtype)
        mask = added_mask(src_mask, "src_mask", None, "", src.dtype, False)
        x = self.residual(src, self.norm1, lambda x: self.dropout1(
            self.attended(self.self_attn, x, x, mask, hidden, is_causal)))  # fmt: skip
        return self.residual(x, self.norm2, lambda x: self.dropout2(self.fed(x)))


class TransformerDecoderLayer(_Layer):
    """Self-attention, attention to what an encoder gave, and two affine layers (Vaswani et al. 2017).

    Shapes: tgt [t, n, d_model], memory [s, n, d_model] (n first with batch_first; or none has it) -> tgt's
    >>> sg.nn.TransformerDecoderLayer(4, 2, 8)(sg.zeros(5, 3, 4), sg.zeros(6, 3, 4)).shape
    torch.Size([5, 3, 4])
    """

    def __init__(
        self, d_model: int, nhead: int, dim_feedforward: int = 2048, dropout: float = 0.1, activation: Any = F.relu,
        layer_norm_eps: float = 1e-5, batch_first: bool = False, norm_first: bool = False, bias: bool = True,
        device: Any = None, dtype: Any = None,
    ):  # fmt: skip
        super().__init__(("self_attn", "multihead_attn"), d_model, nhead, dim_feedforward, dropout, activation,
                         layer_norm_eps, batch_first, norm_first, bias, device, dtype)  # fmt: skip

    def forward(
        self, tgt: Tensor, memory: Tensor, tgt_mask: Tensor | None = None, memory_mask: Tensor | None = None,
        tgt_key_padding_mask: Tensor | None = None, memory_key_padding_mask: Tensor | None = None,
        tgt_is_causal: bool = False, memory_is_causal: bool = False,
    ) -> Any:  # fmt: skip
        x = self.residual(tgt, self.norm1, lambda x: self.dropout1(
            self.attended(self.self_attn, x, x, tgt_mask, tgt_key_padding_mask, tgt_is_causal)))  # fmt: skip
        x = self.residual(x, self.norm2, lambda x: self.dropout2(
            self.attended(self.multihead_attn, x, memory, memory_mask, memory_key_padding_mask,
                          memory_is_causal)))  # fmt: skip
        return self.residual(x, self.norm3, lambda x: self.dropout3(self.fed(x)))


def copies(layer: Module, count: int) -> ModuleList:
    """`count` layers like `layer`, each with weights of its own."""
    return ModuleList([copy.deepcopy(layer) for _ in range(count)])


class TransformerEncoder(Module):
    """Copies of a layer above each other, and a normalization at the end if there is one.

    Shapes: as of the layer
    Note: nested tensors do not exist here; what asks for them changes nothing.
    >>> layer = sg.nn.TransformerEncoderLayer(4, 2, 8)
    >>> sg.nn.TransformerEncoder(layer, 2)(sg.zeros(5, 3, 4)).shape
    torch.Size([5, 3, 4])
    """

    def __init__(self, encoder_layer: Module, num_layers: int, norm: Module | None = None,
                 enable_nested_tensor: bool = True, mask_check: bool = True):  # fmt: skip
        super().__init__()
        self.layers = copies(encoder_layer, num_layers)
        self.num_layers = num_layers
        self.norm = norm
        self.enable_nested_tensor = enable_nested_tensor
        self.mask_check = mask_check

    def forward(self, src: Tensor, mask: Tensor | None = None, src_key_padding_mask: Tensor | None = None,
                is_causal: bool | None = None) -> Any:  # fmt: skip
        hidden = added_mask(src_key_padding_mask, "src_key_padding_mask", mask, "mask", src.dtype)
        seen = added_mask(mask, "mask", None, "", src.dtype, False)
        x: Any = src
        for layer in self.layers:
            x = layer(x, src_mask=seen, is_causal=bool(is_causal), src_key_padding_mask=hidden)
        return x if self.norm is None else self.norm(x)


class TransformerDecoder(Module):
    """Copies of a layer above each other, and a normalization at the end if there is one.

    Shapes: as of the layer
    >>> layer = sg.nn.TransformerDecoderLayer(4, 2, 8)
    >>> sg.nn.TransformerDecoder(layer, 2)(sg.zeros(5, 3, 4), sg.zeros(6, 3, 4)).shape
    torch.Size([5, 3, 4])
    """

    def __init__(self, decoder_layer: Module, num_layers: int, norm: Module | None = None):
        super().__init__()
        self.layers = copies(decoder_layer, num_layers)
        self.num_layers = num_layers
        self.norm = norm

    def forward(
        self, tgt: Tensor, memory: Tensor, tgt_mask: Tensor | None = None, memory_mask: Tensor | None = None,
        tgt_key_padding_mask: Tensor | None = None, memory_key_padding_mask: Tensor | None = None,
        tgt_is_causal: bool | None = None, memory_is_causal: bool = False,
    ) -> Any:  # fmt: skip
        x: Any = tgt
        for layer in self.layers:
            x = layer(x, memory, tgt_mask=tgt_mask, memory_mask=memory_mask, tgt_key_padding_mask=tgt_key_padding_mask,
                      memory_key_padding_mask=memory_key_padding_mask, tgt_is_causal=bool(tgt_is_causal),
                      memory_is_causal=memory_is_causal)  # fmt: skip
        return x if self.norm is None else self.norm(x)


class Transformer(Module):
    """An encoder, and a decoder that attends to what it gives (Vaswani et al. 2017).

    Shapes: src [s, n, d_model], tgt [t, n, d_model] (n first with batch_first; or none has it) -> tgt's
    >>> model = sg.nn.Transformer(4, 2, 1, 1, 8)
    >>> model(sg.zeros(6, 3, 4), sg.zeros(5, 3, 4)).shape
    torch.Size([5, 3, 4])
    """

    def __init__(
        self, d_model: int = 512, nhead: int = 8, num_encoder_layers: int = 6, num_decoder_layers: int = 6,
        dim_feedforward: int = 2048, dropout: float = 0.1, activation: Any = F.relu, custom_encoder: Any = None,
        custom_decoder: Any = None, layer_norm_eps: float = 1e-5, batch_first: bool = False, norm_first: bool = False,
        bias: bool = True, device: Any = None, dtype: Any = None,
    ):  # fmt: skip
        super().__init__()
        options = (d_model, nhead, dim_feedforward, dropout, activation, layer_norm_eps, batch_first, norm_first, bias,
                   device, dtype)  # fmt: skip
        norm: dict[str, Any] = {"eps": layer_norm_eps, "bias": bias, "device": device, "dtype": dtype}
        self.encoder = custom_encoder if custom_encoder is not None else TransformerEncoder(
            TransformerEncoderLayer(*options), num_encoder_layers, LayerNorm(d_model, **norm))  # fmt: skip
        self.decoder = custom_decoder if custom_decoder is not None else TransformerDecoder(
            TransformerDecoderLayer(*options), num_decoder_layers, LayerNorm(d_model, **norm))  # fmt: skip
        self._reset_parameters()
        self.d_model = d_model
        self.nhead = nhead
        self.batch_first = batch_first

    def forward(
        self, src: Tensor, tgt: Tensor, src_mask: Tensor | None = None, tgt_mask: Tensor | None = None,
        memory_mask: Tensor | None = None, src_key_padding_mask: Tensor | None = None,
        tgt_key_padding_mask: Tensor | None = None, memory_key_padding_mask: Tensor | None = None,
        src_is_causal: bool | None = None, tgt_is_causal: bool | None = None, memory_is_causal: bool = False,
    ) -> Any:  # fmt: skip
        batch = 0 if self.batch_first else 1
        if src.ndim == 3 and src.shape[batch] != tgt.shape[batch]:
            raise ShapeError("the batch number of src and tgt must be equal")
        if src.shape[-1] != self.d_model or tgt.shape[-1] != self.d_model:
            raise ShapeError("the feature number of src and tgt must be equal to d_model")
        memory = self.encoder(src, mask=src_mask, src_key_padding_mask=src_key_padding_mask, is_causal=src_is_causal)
        return self.decoder(
            tgt, memory, tgt_mask=tgt_mask, memory_mask=memory_mask, tgt_key_padding_mask=tgt_key_padding_mask,
            memory_key_padding_mask=memory_key_padding_mask, tgt_is_causal=tgt_is_causal,
            memory_is_causal=memory_is_causal)  # fmt: skip

    @staticmethod
    def generate_square_subsequent_mask(sz: int, device: Any = None, dtype: Any = None) -> Any:
        """A mask to be added that hides from each place those after it."""
        return full((sz, sz), float("-inf"), device=device, dtype=dtype).triu(1)  # type: ignore[attr-defined]

    def _reset_parameters(self) -> None:
        for parameter in self.parameters():
            if parameter.ndim > 1:
                init.xavier_uniform_(parameter)
