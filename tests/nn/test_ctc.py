"""CTC beside PyTorch, through log_softmax: lengths of all kinds, impossible targets, errors; eager and compiled."""

from __future__ import annotations

from typing import Any

import pytest
from oracle import agree, make
from sampling import values

import symgrad as sg

SCORES = values(6, 3, 5)
ROWS = [[1, 1, 2], [3, 4, 0], [2, 2, 2]]
CASES = {
    "rows": (ROWS, (6, 4, 6), (3, 2, 3)),
    "joined": ([1, 1, 2, 3, 4], (6, 4, 0), (3, 2, 0)),
    "nothing to say": (ROWS, (6, 5, 4), (0, 1, 0)),
    "blank last": ([[0, 1, 2], [3, 0, 0], [2, 2, 2]], (6, 4, 6), (3, 2, 3)),
}


def loss(lib: Any, case: str, scores: Any, **how: Any) -> Any:
    targets, inputs, lengths = CASES[case]
    blank = 4 if case == "blank last" else 0
    return lib.nn.functional.ctc_loss(scores.log_softmax(2), lib.tensor(targets), inputs, lengths, blank, **how)


@pytest.mark.parametrize("mode", ["eager", "numpy"])
@pytest.mark.parametrize("reduction", ["mean", "none"])
@pytest.mark.parametrize("case", CASES)
def test_losses_and_gradients(case: str, reduction: str, mode: str) -> None:
    def program(lib: Any) -> Any:
        run = lambda x: loss(lib, case, x, reduction=reduction)  # noqa: E731
        run = sg.compile(run, backend=mode, fullgraph=True) if lib is sg and mode != "eager" else run
        x = make(lib, SCORES, True)
        out = run(x)
        out.sum().backward()
        return out.detach(), x.grad

    agree(program, 1e-6, 1e-9)


@pytest.mark.parametrize("zero", [False, True])
def test_impossible_targets(zero: bool) -> None:
    def program(lib: Any) -> Any:
        x = make(lib, SCORES, True)
        out = lib.nn.CTCLoss(reduction="none", zero_infinity=zero)(
            x.log_softmax(2), lib.tensor(ROWS), lib.tensor([6, 4, 3]), lib.tensor([3, 2, 3]))
        out[:2].sum().backward()
        return out.detach(), x.grad[:, :2]

    agree(program, 1e-6, 1e-9)


def called(lib: Any, targets: Any, inputs: Any, lengths: Any, **how: Any) -> Any:
    return lib.nn.functional.ctc_loss(make(lib, SCORES).log_softmax(2), lib.tensor(targets), inputs, lengths, **how)


ERRORS = {
    "long input": lambda lib: called(lib, ROWS, (7, 6, 6), (1, 1, 1)),
    "long target": lambda lib: called(lib, ROWS, (6, 6, 6), (1, 4, 1)),
    "count": lambda lib: called(lib, ROWS, (6, 6), (1, 1, 1)),
    "blank": lambda lib: called(lib, ROWS, (6, 6, 6), (1, 1, 1), blank=5),
    "float lengths": lambda lib: called(lib, ROWS, lib.tensor([6.0, 6, 6]), lib.tensor([1, 1, 1])),
}


@pytest.mark.parametrize("name", ERRORS)
def test_errors(name: str) -> None:
    agree(ERRORS[name])


def test_a_label_that_is_not_there() -> None:
    with pytest.raises(IndexError):
        called(sg, [[1, 2, 9], [1, 1, 1], [1, 1, 1]], (6, 6, 6), (3, 1, 1))
