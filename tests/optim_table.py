"""Constructor options of every optimizer, and a small problem to step on, for both libraries."""

from __future__ import annotations

from typing import Any

from oracle import assert_same, make, torch
from sampling import values

import symgrad as sg

OPTIONS: list[tuple[str, dict[str, Any]]] = [
    ("SGD", {}),
    ("SGD", dict(lr=0.01)),
    ("SGD", dict(lr=0.01, momentum=0.9)),
    ("SGD", dict(lr=0.01, momentum=0.9, dampening=0.3)),
    ("SGD", dict(lr=0.01, momentum=0.9, nesterov=True)),
    ("SGD", dict(lr=0.01, weight_decay=0.1, foreach=True)),
    ("SGD", dict(lr=1e-5, momentum=0.5, weight_decay=0.1, maximize=True)),
    ("RMSprop", {}),
    ("RMSprop", dict(lr=0.01)),
    ("RMSprop", dict(lr=0.01, alpha=0.9, eps=1e-6)),
    ("RMSprop", dict(lr=0.01, momentum=0.9)),
    ("RMSprop", dict(lr=0.01, centered=True)),
    ("RMSprop", dict(lr=0.01, centered=True, momentum=0.5, weight_decay=0.1)),
    ("RMSprop", dict(lr=0.001, maximize=True)),
    ("Adam", {}),
    ("Adam", dict(lr=0.01)),
    ("Adam", dict(lr=0.01, betas=(0.8, 0.9), eps=1e-6)),
    ("Adam", dict(lr=0.01, weight_decay=0.1)),
    ("Adam", dict(lr=0.01, amsgrad=True)),
    ("Adam", dict(lr=0.001, maximize=True)),
    ("Adam", dict(lr=0.01, betas=(0.3, 0.99))),
    ("Adam", dict(lr=0.01, weight_decay=0.1, decoupled_weight_decay=True)),
    ("AdamW", {}),
    ("AdamW", dict(lr=0.01)),
    ("AdamW", dict(lr=0.01, weight_decay=0.3, amsgrad=True)),
    ("AdamW", dict(lr=0.001, maximize=True, fused=True)),
    ("Adamax", {}),
    ("Adamax", dict(lr=0.01, betas=(0.8, 0.9), eps=1e-6)),
    ("Adamax", dict(lr=0.01, weight_decay=0.1)),
    ("Adamax", dict(lr=0.001, maximize=True)),
    ("NAdam", {}),
    ("NAdam", dict(lr=0.01, betas=(0.8, 0.99), momentum_decay=6e-3)),
    ("NAdam", dict(lr=0.01, weight_decay=0.1)),
    ("NAdam", dict(lr=0.01, weight_decay=0.1, decoupled_weight_decay=True)),
    ("NAdam", dict(lr=0.001, maximize=True)),
    ("RAdam", {}),
    ("RAdam", dict(lr=0.01, betas=(0.8, 0.9), eps=1e-6)),
    ("RAdam", dict(lr=0.01, betas=(0.8, 0.5))),
    ("RAdam", dict(lr=0.01, weight_decay=0.1)),
    ("RAdam", dict(lr=0.01, weight_decay=0.1, decoupled_weight_decay=True)),
    ("RAdam", dict(lr=0.001, maximize=True)),
    ("Adagrad", {}),
    ("Adagrad", dict(lr=0.1, lr_decay=0.05)),
    ("Adagrad", dict(lr=0.1, initial_accumulator_value=0.3, eps=1e-6)),
    ("Adagrad", dict(lr=0.1, weight_decay=0.1)),
    ("Adagrad", dict(lr=0.01, maximize=True)),
    ("Adadelta", {}),
    ("Adadelta", dict(lr=0.5, rho=0.8, eps=1e-5)),
    ("Adadelta", dict(weight_decay=0.1)),
    ("Adadelta", dict(lr=0.1, maximize=True)),
    ("Rprop", {}),
    ("Rprop", dict(lr=2e-4, etas=(0.3, 1.5))),
    ("Rprop", dict(lr=1e-3, step_sizes=(1e-4, 0.02))),
    ("Rprop", dict(lr=1e-4, maximize=True, step_sizes=(1e-6, 1e-3))),
    ("ASGD", {}),
    ("ASGD", dict(lr=0.02, lambd=0.1, alpha=0.5)),
    ("ASGD", dict(lr=0.02, t0=20)),
    ("ASGD", dict(lr=0.02, weight_decay=0.1)),
    ("ASGD", dict(lr=1e-4, maximize=True)),
]
IDS = [f"{n}-{'-'.join(o) or 'defaults'}-{i}" for i, (n, o) in enumerate(OPTIONS)]
SHAPES = [(), (3,), (4, 3)]


def start(lib: Any, dtype: str = "float32") -> list[Any]:
    return [make(lib, values(*s, seed=i).astype(dtype), True) for i, s in enumerate(SHAPES)]


def loss_of(params: list[Any]) -> Any:
    a, b, c = params
    h = (c * b).sum(1)
    return ((h - 1.5) ** 2).sum() + (a - b[0]) ** 2 + (c**4).mean() + b.sin().sum()


def train(optimizer: Any, params: list[Any], steps: int) -> None:
    for _ in range(steps):
        optimizer.zero_grad()
        loss_of(params).backward()
        optimizer.step()


def same(program: Any, rtol: float = 2e-6, atol: float = 1e-7) -> None:
    """`program` gives the same on both libraries, and raises on neither."""
    assert_same(program(sg), program(torch), rtol, atol)
