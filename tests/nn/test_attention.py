"""Attention and transformers: masks, rows that see nothing, shared heads, and training compiled."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from opinfo.sweep import device

import symgrad as sg

RNG = np.random.default_rng(0)
Q, K, V = (RNG.normal(size=s).astype(np.float32) for s in ((2, 4, 3, 8), (2, 4, 5, 8), (2, 4, 5, 6)))
BOOLS = RNG.random((3, 5)) < 0.6
BOOLS[1] = False  # sees nothing
FLOATS = np.where(BOOLS, RNG.normal(size=(3, 5)), -np.inf).astype(np.float32)
GIVEN: dict[str, dict[str, Any]] = {
    "plain": {}, "causal": {"is_causal": True}, "bools": {"attn_mask": BOOLS}, "floats": {"attn_mask": FLOATS},
    "scale": {"scale": 0.3}, "shared": {"enable_gqa": True},
}  # fmt: skip


def attended(lib: Any, options: Any, mode: str) -> list[Any]:
    keys = (K[:, :2], V[:, :2]) if options.get("enable_gqa") else (K, V)
    leaves = [lib.from_numpy(a.copy()).requires_grad_() for a in (Q, *keys)]
    options = {k: lib.from_numpy(v.copy()) if isinstance(v, np.ndarray) else v for k, v in options.items()}
    mask = options.pop("attn_mask", None)

    def f(q: Any, k: Any, v: Any, mask: Any) -> Any:
        return lib.nn.functional.scaled_dot_product_attention(q, k, v, mask, **options)

    run = f if mode == "eager" else sg.compile(f, backend=mode, fullgraph=True)
    out = run(*leaves, mask)
    (out * lib.arange(6.0)).sum().backward()
    return [out.detach().numpy(), *(x.grad.numpy() for x in leaves)]


@pytest.mark.parametrize(("name", "mode"), [*((n, m) for n in GIVEN for m in ("eager", "numpy", "cupy")),
                                            ("bools", "numba")])  # fmt: skip
def test_masks(name: str, mode: str) -> None:
    with device(mode):
        got = attended(sg, GIVEN[name], mode)
    for a, b in zip(got, attended(torch, GIVEN[name], "eager"), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5)


def test_refusals() -> None:
    q = sg.zeros(2, 3, 4)
    attention = sg.nn.functional.scaled_dot_product_attention
    with pytest.raises(RuntimeError, match="should not be set when is_causal=True"):
        attention(q, q, q, sg.ones(3, 3), is_causal=True)
    with pytest.raises(RuntimeError, match="same dtype"):
        attention(q, q.double(), q)
    with pytest.raises(AssertionError, match="divisible"):
        sg.nn.MultiheadAttention(5, 2)
    with pytest.raises(RuntimeError, match="Need attn_mask"):
        sg.nn.MultiheadAttention(4, 2)(q, q, q, is_causal=True)
    with pytest.raises(RuntimeError, match="relu/gelu"):
        sg.nn.TransformerEncoderLayer(4, 2, activation="tanh")


def test_dropout_of_weights() -> None:
    """What is dropped is the same compiled, and the mean stays."""
    x = sg.from_numpy(Q)

    def f(x: Any) -> Any:
        return sg.nn.functional.scaled_dot_product_attention(x, x, x, dropout_p=0.4)

    sg.manual_seed(2)
    eager = f(x)
    sg.manual_seed(2)
    np.testing.assert_allclose(sg.compile(f, backend="numpy", fullgraph=True)(x).numpy(), eager.numpy(), rtol=1e-5,
                               atol=1e-6)  # fmt: skip
    ones = sg.ones(1, 400, 4)
    kept = sg.nn.functional.scaled_dot_product_attention(sg.zeros(1, 400, 4), ones, ones, dropout_p=0.4)
    assert abs(float(kept.mean()) - 1) < 0.02 and float(kept.std()) > 0.01


def test_masks_of_a_layer() -> None:
    """Padding and a causal mask together, as bools and as floats, with and without the weights."""
    theirs = torch.nn.MultiheadAttention(8, 2, batch_first=True, add_bias_kv=True, add_zero_attn=True)
    mine = sg.nn.MultiheadAttention(8, 2, batch_first=True, add_bias_kv=True, add_zero_attn=True)
    mine.load_state_dict({k: sg.from_numpy(v.numpy()) for k, v in theirs.state_dict().items()})
    x = RNG.normal(size=(3, 5, 8)).astype(np.float32)
    padding = np.arange(5) >= np.array([[5], [3], [4]])
    causal = np.triu(np.ones((5, 5), bool), 1)

    def outcomes(lib: Any, layer: Any) -> list[Any]:
        t, hidden, mask = lib.from_numpy(x), lib.from_numpy(padding), lib.from_numpy(causal)
        floats = lib.zeros(5, 5).masked_fill(mask, -1.5)
        return [*layer(t, t, t, key_padding_mask=hidden, attn_mask=mask),
                layer(t, t, t, key_padding_mask=hidden, attn_mask=mask, need_weights=False)[0],
                *layer(t, t * 2, t * 3, attn_mask=floats, average_attn_weights=False),
                layer(t[0], t[0], t[0], attn_mask=mask, is_causal=True, need_weights=False)[0]]  # fmt: skip

    for a, b in zip(outcomes(sg, mine), outcomes(torch, theirs), strict=True):
        np.testing.assert_allclose(a.detach().numpy(), b.detach().numpy(), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("mode", ["numpy", "cupy"])
def test_transformer_trained(mode: str) -> None:
    """A whole step with dropout: masks and losses as eager; evaluated without."""

    def trained(compiled: bool) -> list[float]:
        sg.manual_seed(3)
        layer = sg.nn.TransformerEncoderLayer(8, 2, 16, dropout=0.2, activation="gelu", batch_first=True)
        net = sg.nn.TransformerEncoder(layer, 1, sg.nn.LayerNorm(8))
        opt = sg.optim.SGD(net.parameters(), lr=0.1)
        mask = sg.nn.Transformer.generate_square_subsequent_mask(3)

        def step(x: Any) -> Any:
            opt.zero_grad()
            loss = (net(x, mask) - x).square().mean()
            loss.backward()
            opt.step()
            return loss

        run = sg.compile(step, backend=mode, fullgraph=True) if compiled else step
        x = sg.from_numpy(Q[0, :2])
        losses = [float(run(x).detach()) for _ in range(3)]
        if mode == "numpy":  # one program more
            net.eval()
            losses.append(float(run(x).detach()))
        return losses

    with device(mode):
        got = trained(True)
    np.testing.assert_allclose(got, trained(False), rtol=1e-5)


def test_encoder_and_decoder_like_pytorch() -> None:
    theirs = torch.nn.Transformer(8, 2, 2, 2, 16, 0.0, norm_first=True, batch_first=True)
    mine = sg.nn.Transformer(8, 2, 2, 2, 16, 0.0, norm_first=True, batch_first=True)
    assert repr(mine) == repr(theirs)
    mine.load_state_dict({k: sg.from_numpy(v.numpy().copy()) for k, v in theirs.state_dict().items()})
    src, tgt = (RNG.normal(size=(2, n, 8)).astype(np.float32) for n in (4, 3))
    padding = np.arange(4) >= np.array([[4], [2]])

    def outcome(lib: Any, net: Any) -> Any:
        mask = lib.nn.Transformer.generate_square_subsequent_mask(3)
        return net(lib.from_numpy(src), lib.from_numpy(tgt), tgt_mask=mask, tgt_is_causal=True,
                   src_key_padding_mask=lib.from_numpy(padding),
                   memory_key_padding_mask=lib.from_numpy(padding))  # fmt: skip

    got, want = outcome(sg, mine), outcome(torch, theirs)
    np.testing.assert_allclose(got.detach().numpy(), want.detach().numpy(), rtol=1e-4, atol=1e-5)
