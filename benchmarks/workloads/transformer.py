"""w11: one block of a transformer with a head over 256 letters, trained by Adam."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from symgrad.bench.workload import Adam, Arrays, Loss, Workload, filled, normal
from workloads.products import Product, layer_products

EPS = 1e-5


@dataclass(frozen=True)
class TransformerBlock(Workload):
    """x + attention(norm(x)), then x + mlp(norm(x)), a last norm and the head; causal, GELU."""

    update: Adam
    batch: int
    length: int
    width: int = 128
    heads: int = 4
    letters: int = 256

    @property
    def layers(self) -> list[tuple[int, int]]:
        """Inputs and outputs of the linear layers: qkv, out, up, down, head."""
        w = self.width
        return [(w, 3 * w), (w, w), (w, 4 * w), (4 * w, w), (w, self.letters)]

    def data(self) -> Arrays:
        rng = np.random.default_rng(0)
        x = normal(rng, self.batch, self.length, self.width)
        return x, rng.integers(0, self.letters, self.batch * self.length)

    def start(self) -> Arrays:
        rng = np.random.default_rng(1)
        norm = [np.ones(self.width, np.float32), np.zeros(self.width, np.float32)]
        qkv, out, up, down, head = (
            [normal(rng, o, i) / np.float32(i**0.5), np.zeros(o, np.float32)] for i, o in self.layers
        )
        return tuple(a.copy() for a in (*norm, *qkv, *out, *norm, *up, *down, *norm, *head))

    def network(self, lib: Any) -> tuple[list[Any], Loss]:
        model = block(lib, self)
        params = filled(lib, model, self.start())
        return params, lambda x, y: lib.nn.functional.cross_entropy(model(x).reshape(-1, self.letters), y)

    def jax_loss(self, params: Any, state: Any, x: Any, y: Any) -> tuple[Any, Any]:
        import jax
        import jax.numpy as jnp

        batch, length, width = x.shape
        n1w, n1b, qkv_w, qkv_b, out_w, out_b, n2w, n2b, up_w, up_b, down_w, down_b, n3w, n3b, head_w, head_b = params

        def norm(x: Any, weight: Any, bias: Any) -> Any:
            spread = jax.lax.rsqrt(x.var(-1, keepdims=True) + EPS)
            return (x - x.mean(-1, keepdims=True)) * spread * weight + bias

        q, k, v = ((part.reshape(batch, length, self.heads, -1))
                   for part in jnp.split(norm(x, n1w, n1b) @ qkv_w.T + qkv_b, 3, -1))  # fmt: skip
        mixed = jax.nn.dot_product_attention(q, k, v, is_causal=True)
        x = x + mixed.reshape(batch, length, width) @ out_w.T + out_b
        h = jax.nn.gelu(norm(x, n2w, n2b) @ up_w.T + up_b, approximate=False)
        x = x + h @ down_w.T + down_b
        scores = jax.nn.log_softmax((norm(x, n3w, n3b) @ head_w.T + head_b).reshape(-1, self.letters))
        return -jnp.take_along_axis(scores, y[:, None], 1).mean(), state

    def products(self) -> list[Product]:
        """The step's products: the layers', and six for each head of each sample."""
        t, d, many = self.length, self.width // self.heads, self.batch * self.heads
        scores = [Product(t, d, t, turn_b=True, batch=many), Product(t, t, d, batch=many),
                  Product(t, t, d, batch=many), Product(t, t, d, turn_a=True, batch=many)]  # fmt: skip
        mixed = [Product(t, d, t, turn_b=True, batch=many), Product(t, t, d, turn_a=True, batch=many)]
        return layer_products(self.batch * t, self.layers, True) + scores + mixed


def block(lib: Any, sizes: TransformerBlock) -> Any:
    """The block and its head, as a module of `lib`."""
    nn, width, heads = lib.nn, sizes.width, sizes.heads

    class Block(nn.Module):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.norm1 = nn.LayerNorm(width)
            self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
            self.norm2 = nn.LayerNorm(width)
            self.up, self.down = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)
            self.norm3 = nn.LayerNorm(width)
            self.head = nn.Linear(width, sizes.letters)

        def forward(self, x: Any) -> Any:
            batch, length, _ = x.shape
            q, k, v = (part.reshape(batch, length, heads, width // heads).transpose(1, 2)
                       for part in self.qkv(self.norm1(x)).chunk(3, dim=-1))  # fmt: skip
            mixed = nn.functional.scaled_dot_product_attention(q, k, v, is_causal=True)
            x = x + self.out(mixed.transpose(1, 2).reshape(batch, length, width))
            x = x + self.down(nn.functional.gelu(self.up(self.norm2(x))))
            return self.head(self.norm3(x))

    return Block()
