"""Embeddings: what training writes and leaves alone, what is refused, and what is not done as PyTorch does it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from opinfo.sweep import device

import symgrad as sg
import symgrad.nn.functional as F

INDICES = np.array([[0, 2, 2, 6], [5, 0, 1, 2]])


def trained(lib: Any, mode: str, **options: Any) -> tuple[list[float], Any]:
    """Four whole steps; `max_norm` rewrites the table within the step."""
    layer = lib.nn.Embedding(7, 3, **options)
    start = np.random.default_rng(0).normal(size=(7, 3)).astype(np.float32)
    with lib.no_grad():
        layer.weight.copy_(lib.from_numpy(start))
    opt = lib.optim.SGD(layer.parameters(), lr=0.3)

    def step(i: Any) -> Any:
        opt.zero_grad()
        loss = (layer(i) - 1).pow(2).mean()
        loss.backward()
        opt.step()
        return loss

    run: Any = step if mode == "eager" else sg.compile(step, backend=mode, fullgraph=True)
    losses = [float(run(lib.from_numpy((INDICES + k) % 7)).detach()) for k in range(4)]
    return losses, layer.weight.detach().numpy().copy()


@pytest.mark.parametrize("mode", ["eager", "numpy", "numba", "cupy"])
def test_whole_steps(mode: str) -> None:
    for options in ({"padding_idx": 2, "scale_grad_by_freq": True}, {"max_norm": 0.8}):
        with device(mode):
            got = trained(sg, mode, **options)
        want = trained(torch, "eager", **options)
        np.testing.assert_allclose(got[0], want[0], rtol=1e-5)
        np.testing.assert_allclose(got[1], want[1], rtol=1e-5, atol=1e-6)


def test_numbers_out_of_range() -> None:
    layer = sg.nn.Embedding(7, 3)
    for wrong in (7, -1):
        with pytest.raises(IndexError):
            layer(sg.tensor([wrong]))
    with pytest.raises(RuntimeError):
        F.one_hot(sg.tensor([3]), 3)


def test_sparse_gradients_are_refused_by_name() -> None:
    for make in (sg.nn.Embedding, sg.nn.EmbeddingBag):
        with pytest.raises(RuntimeError, match="sparse"):
            make(7, 3, sparse=True)


def test_from_pretrained() -> None:
    table = sg.arange(6.0).reshape(3, 2)
    frozen = sg.nn.Embedding.from_pretrained(table)
    assert not frozen.weight.requires_grad and frozen(sg.tensor([1])).tolist() == [[2.0, 3.0]]
    assert sg.nn.EmbeddingBag.from_pretrained(table, freeze=False).weight.requires_grad


def test_scaled_by_frequency_in_bags() -> None:
    """Each gradient is divided by the frequency of its own row (PyTorch on the CPU takes that of another row)."""
    weight = sg.ones(7, 1, requires_grad=True)
    bags = sg.from_numpy(INDICES)
    F.embedding_bag(bags, weight, mode="sum", scale_grad_by_freq=True).sum().backward()
    assert weight.grad.flatten().tolist() == pytest.approx([1.0, 1.0, 1.0, 0.0, 0.0, 1.0, 1.0])


def test_one_hot_compiled() -> None:
    program = sg.compile(lambda i: F.one_hot(i, 7), backend="numpy", fullgraph=True)
    want = torch.nn.functional.one_hot(torch.from_numpy(INDICES), 7).numpy()
    np.testing.assert_array_equal(program(sg.from_numpy(INDICES)).numpy(), want)
    np.testing.assert_array_equal(F.one_hot(sg.from_numpy(INDICES)).numpy(), want)
