"""Recurrent cells, and how they are led along a sequence: step by step, over layers and in both directions.

A step may have fewer rows than the one before: in packed sequences the shorter members end earlier. All of it
is a loop in Python, so a trace has as many steps as the sequence.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from symgrad.nn.functions.affine import linear
from symgrad.nn.functions.dropout import dropout
from symgrad.ops import functional as ops
from symgrad.ops.joining import cat
from symgrad.ops.splitting import chunk

State = tuple[Any, ...]
"""What a cell carries from step to step: (h,), of an LSTM (h, c)."""
Weights = Sequence[Any]
"""w_ih, w_hh, b_ih, b_hh (None for none), and of a projecting LSTM w_hr."""
Cell = Callable[[Any, State, Weights], State]


def tanh_cell(x: Any, state: State, weights: Weights) -> State:
    """h = tanh(W_ih x + b_ih + W_hh h + b_hh) (Elman 1990)."""
    return (ops.tanh(_summed(x, state[0], weights)),)


def relu_cell(x: Any, state: State, weights: Weights) -> State:
    """h = max(0, W_ih x + b_ih + W_hh h + b_hh)."""
    return (ops.relu(_summed(x, state[0], weights)),)


def _summed(x: Any, h: Any, weights: Weights) -> Any:
    w_ih, w_hh, b_ih, b_hh = weights[:4]
    return linear(x, w_ih, b_ih) + linear(h, w_hh, b_hh)  # type: ignore[operator]


def lstm_cell(x: Any, state: State, weights: Weights) -> State:
    """Long short-term memory with a forget gate (Hochreiter, Schmidhuber 1997; Gers et al. 2000; Sak et al. 2014)."""
    h, c = state
    i, f, g, o = chunk(_summed(x, h, weights), 4, -1)
    c = ops.sigmoid(f) * c + ops.sigmoid(i) * ops.tanh(g)
    h = ops.sigmoid(o) * ops.tanh(c)
    return (linear(h, weights[4]) if len(weights) > 4 else h), c


def gru_cell(x: Any, state: State, weights: Weights) -> State:
    """Gated recurrent unit, the reset gate after the product (Cho et al. 2014)."""
    (h,) = state
    w_ih, w_hh, b_ih, b_hh = weights[:4]
    xr, xz, xn = chunk(linear(x, w_ih, b_ih), 3, -1)
    hr, hz, hn = chunk(linear(h, w_hh, b_hh), 3, -1)
    new = ops.tanh(xn + ops.sigmoid(xr + hr) * hn)
    return (new + ops.sigmoid(xz + hz) * (h - new),)


CELLS: dict[str, Cell] = {"RNN_TANH": tanh_cell, "RNN_RELU": relu_cell, "LSTM": lstm_cell, "GRU": gru_cell}


def forward(cell: Cell, steps: list[Any], state: State, weights: Weights) -> tuple[list[Any], State]:
    """The h of each step, and the state each row ended with; steps lose rows from the end."""
    outputs, ended = [], []
    for x in steps:
        rows, had = x.shape[0], state[0].shape[0]
        if rows != had:
            ended.append(tuple(s.narrow(0, rows, had - rows) for s in state))
            state = tuple(s.narrow(0, 0, rows) for s in state)
        state = cell(x, state, weights)
        outputs.append(state[0])
    if ended:
        state = tuple(cat(parts) for parts in zip(state, *reversed(ended)))
    return outputs, state


def backward(cell: Cell, steps: list[Any], first: State, weights: Weights) -> tuple[list[Any], State]:
    """As `forward`, from the last step to the first; rows are gained, each beginning with its own first state."""
    outputs: list[Any] = []
    state = tuple(s.narrow(0, 0, steps[-1].shape[0]) for s in first)
    for x in reversed(steps):
        rows, had = x.shape[0], state[0].shape[0]
        if rows != had:
            state = tuple(cat((s, f.narrow(0, had, rows - had))) for s, f in zip(state, first))
        state = cell(x, state, weights)
        outputs.append(state[0])
    return outputs[::-1], state


def along(
    cell: Cell, steps: list[Any], first: Sequence[State], weights: Sequence[Weights], bidirectional: bool,
    dropped: float,
) -> tuple[list[Any], list[State]]:  # fmt: skip
    """Layers above each other: outputs of the last for each step, and the last state of each layer and direction.

    Elements of what a layer hands to the next are dropped with the probability `dropped`.
    """
    directions = 2 if bidirectional else 1
    last: list[State] = []
    for place in range(0, len(weights), directions):
        if place and dropped:
            steps = [dropout(x, dropped) for x in steps]
        outputs, ended = forward(cell, steps, first[place], weights[place])
        last.append(ended)
        if bidirectional:
            back, ended = backward(cell, steps, first[place + 1], weights[place + 1])
            last.append(ended)
            outputs = [cat((a, b), -1) for a, b in zip(outputs, back)]
        steps = outputs
    return steps, last
