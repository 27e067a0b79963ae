"""Recurrent networks: packed sequences, dropout between layers, and training compiled."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from opinfo.sweep import device

import symgrad as sg

LENGTHS = [2, 5, 4, 2]


def weights_of(theirs: Any, mine: Any) -> Any:
    mine.load_state_dict({k: sg.from_numpy(v.detach().numpy().copy()) for k, v in theirs.state_dict().items()})
    return mine


def through(lib: Any, layer: Any, array: Any, states: Any, batch_first: bool) -> list[Any]:
    """Packed, run, padded again: results, and gradients of inputs and parameters."""
    rnn = lib.nn.utils.rnn
    x = lib.from_numpy(array.copy()).requires_grad_()
    packed = rnn.pack_padded_sequence(x, lib.tensor(LENGTHS), batch_first=batch_first, enforce_sorted=False)
    hx = None if states is None else tuple(lib.from_numpy(s) for s in states)
    out, ended = layer(packed, hx[0] if hx is not None and len(hx) == 1 else hx)
    padded, lengths = rnn.pad_packed_sequence(out, batch_first=batch_first, padding_value=-1.0, total_length=6)
    ended = ended if isinstance(ended, tuple) else (ended,)
    (padded.square().sum() + sum((i + 1) * h.sum() for i, h in enumerate(ended))).backward()
    found = [packed.data, packed.batch_sizes, out.data, padded, lengths, *ended, x.grad]
    return [*found, *(p.grad for p in layer.parameters())]


@pytest.mark.parametrize(("name", "options"), [
    ("RNN", {"nonlinearity": "relu", "bidirectional": True}), ("GRU", {"bidirectional": True, "bias": False}),
    ("LSTM", {"bidirectional": True, "proj_size": 3}), ("LSTM", {"batch_first": True}),
])  # fmt: skip
@pytest.mark.parametrize("given", [False, True])
def test_packed(name: str, options: Any, given: bool) -> None:
    torch.manual_seed(0)
    theirs = getattr(torch.nn, name)(3, 4, num_layers=2, **options)
    mine = weights_of(theirs, getattr(sg.nn, name)(3, 4, num_layers=2, **options))
    batch_first = options.get("batch_first", False)
    rng = np.random.default_rng(0)
    array = rng.normal(size=(4, 5, 3) if batch_first else (5, 4, 3)).astype(np.float32)
    states = None
    if given:
        count = 2 * (1 + options.get("bidirectional", False))
        sizes = [options.get("proj_size", 4), 4][: 1 + (name == "LSTM")]
        states = [rng.normal(size=(count, 4, s)).astype(np.float32) for s in sizes]
    got, want = through(sg, mine, array, states, batch_first), through(torch, theirs, array, states, batch_first)
    for a, b in zip(got, want, strict=True):
        np.testing.assert_allclose(a.detach().numpy(), b.detach().numpy(), rtol=1e-4, atol=1e-5)


def test_padding_and_packing() -> None:
    arrays = [np.arange(n, dtype=np.float32) + 10 * n for n in LENGTHS]

    def outcomes(lib: Any) -> list[Any]:
        rnn = lib.nn.utils.rnn
        given = [lib.from_numpy(a) for a in arrays]
        packed = rnn.pack_sequence(given, enforce_sorted=False)
        back = rnn.unpack_sequence(packed)
        return [rnn.pad_sequence(given), rnn.pad_sequence(given, True, 9.0), rnn.pad_sequence(given, True, 9.0, "left"),
                packed.data, packed.batch_sizes, packed.unsorted_indices, *back]  # fmt: skip

    for a, b in zip(outcomes(sg), outcomes(torch), strict=True):
        np.testing.assert_array_equal(a.numpy(), b.numpy())


def test_refusals() -> None:
    rnn = sg.nn.utils.rnn
    x = sg.zeros(5, 4, 3)
    with pytest.raises(RuntimeError, match="sorted in decreasing order"):
        rnn.pack_padded_sequence(x, LENGTHS)
    with pytest.raises(RuntimeError, match="greater than 0"):
        rnn.pack_padded_sequence(x, [0, 1, 1, 1], enforce_sorted=False)
    with pytest.raises(RuntimeError, match="equal to batch_size"):
        rnn.pack_padded_sequence(x, [1])
    with pytest.raises(RuntimeError, match="Expected hidden size"):
        sg.nn.GRU(3, 4)(x, sg.zeros(1, 3, 4))
    with pytest.raises(ValueError, match="does not match weight dtype"):
        sg.nn.GRU(3, 4)(x.double())
    with pytest.raises(ValueError, match="only supported for LSTM"):
        sg.nn.GRU(3, 4, proj_size=2)
    with pytest.warns(UserWarning, match="expects num_layers greater than 1"):
        sg.nn.GRU(3, 4, dropout=0.5)


@pytest.mark.parametrize("mode", ["numpy", "numba", "cupy"])
def test_compiled_training(mode: str) -> None:
    """A whole step, with dropout between the layers: the same masks and losses as eager."""

    def trained(compiled: bool) -> list[float]:
        sg.manual_seed(3)
        net = sg.nn.LSTM(3, 4, num_layers=2, dropout=0.5)
        opt = sg.optim.SGD(net.parameters(), lr=0.1)

        def step(x: Any) -> Any:
            opt.zero_grad()
            out, (h, c) = net(x)
            loss = (out - 1).square().mean() + h.mean() + c.mean()
            loss.backward()
            opt.step()
            return loss

        run = sg.compile(step, backend=mode, fullgraph=True) if compiled else step
        x = sg.from_numpy(np.random.default_rng(0).normal(size=(2, 2, 3)).astype(np.float32))
        losses = [float(run(x).detach()) for _ in range(2)]
        if mode == "numpy":  # one program more
            net.eval()
            losses.append(float(run(x).detach()))
        return losses

    with device(mode):
        got = trained(True)
    np.testing.assert_allclose(got, trained(False), rtol=1e-5)


def test_packed_in_a_trace() -> None:
    """Lengths that Python knows make a program of their own."""
    net = sg.nn.GRU(3, 4)
    x = sg.from_numpy(np.random.default_rng(0).normal(size=(5, 4, 3)).astype(np.float32))

    def f(x: Any) -> Any:
        packed = sg.nn.utils.rnn.pack_padded_sequence(x, [5, 4, 2, 2])
        return sg.nn.utils.rnn.pad_packed_sequence(net(packed)[0])[0]

    got = sg.compile(f, backend="numpy", fullgraph=True)(x)
    np.testing.assert_allclose(got.detach().numpy(), f(x).detach().numpy(), rtol=1e-6)


def test_weights_have_pytorchs_names() -> None:
    for name, options in (("LSTM", {"proj_size": 2}), ("GRU", {"bias": False}), ("RNN", {})):
        mine = getattr(sg.nn, name)(3, 4, 2, bidirectional=True, **options)
        theirs = getattr(torch.nn, name)(3, 4, 2, bidirectional=True, **options)
        assert [(k, tuple(v.shape)) for k, v in mine.state_dict().items()] == [
            (k, tuple(v.shape)) for k, v in theirs.state_dict().items()]  # fmt: skip
        assert [len(w) for w in mine.all_weights] == [len(w) for w in theirs.all_weights]
        mine.flatten_parameters()
