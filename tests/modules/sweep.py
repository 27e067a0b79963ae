"""Run a case on both libraries and say where they differ: printed form, parameters, results, gradients, state.

`differs` gives None or the first difference in words; nothing here asserts.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import Any

import torch
from modules.cases import Case, errors_of
from opinfo.compare import builtin, difference
from opinfo.convert import Unsupported, from_torch, leaves
from opinfo.sweep import device, results, said

import symgrad as sg

RANDOM = {"Dropout", "Dropout1d", "Dropout2d", "Dropout3d", "AlphaDropout", "FeatureAlphaDropout", "RReLU"}
"""Whose results in training are compared by shape and dtype only."""


def differs(case: Case, dtype: Any, training: bool, mode: str = "eager", loose: float = 1.0) -> str | None:
    """None where symgrad's module is PyTorch's in all that can be seen."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = case.build(torch, dtype).train(training)
        try:
            mine = case.build(sg, dtype).train(training)
        except Exception as error:
            return f"making it: {said(error)}"
        if repr(mine) != repr(theirs):
            return f"repr {mine!r} for {theirs!r}"
        if text := state_differs(mine, theirs, numbers=False):
            return text
        mine.load_state_dict({k: from_torch(v.clone()) for k, v in theirs.state_dict().items()})
        return calls_differ(case, mine, theirs, training, mode, loose)


def state_differs(mine: Any, theirs: Any, numbers: bool, loose: float = 1.0) -> str | None:
    """What differs between the state dicts."""
    text = difference(dict(mine.state_dict()), dict(theirs.state_dict()), numbers=numbers, loose=loose)
    return f"state_dict {text}" if text else None


def calls_differ(case: Case, mine: Any, theirs: Any, training: bool, mode: str, loose: float) -> str | None:
    """What differs in two calls, forward and backward, and in the state they leave."""
    numbers = not (training and case.name in RANDOM)
    with device(mode):
        run = mine if mode == "eager" else sg.compile(mine, backend=mode, fullgraph=True)
        for turn in range(2):
            ours, names = case.inputs(sg), case.inputs(torch)
            want = theirs(*names[0], **names[1])
            try:
                got = run(*ours[0], **ours[1])
            except Exception as error:
                return f"call {turn}: {said(error)}"
            if text := difference(got, want, numbers=numbers, loose=loose, fields=False):
                return f"call {turn}: {text}"
            if numbers and (text := gradients_differ(got, want, ours, names, mine, theirs, loose)):
                return f"call {turn}: {text}"
            if text := state_differs(mine, theirs, numbers, loose):
                return f"call {turn}: {text}"
    return None


def gradients_differ(got: Any, want: Any, ours: Any, names: Any, mine: Any, theirs: Any, loose: float) -> str | None:
    """What differs between the gradients of operands and parameters for random cotangents."""
    roots = [t for t in leaves(results(want), torch.Tensor) if t.requires_grad]
    found = [t for t in leaves(results(got), sg.Tensor) if t.requires_grad]
    if len(found) != len(roots):
        return f"{len(found)} differentiable results for {len(roots)}"
    if not roots:
        return None
    generator = torch.Generator().manual_seed(0)
    seeds = [torch.randn(r.shape, dtype=r.dtype, generator=generator) for r in roots]
    torch.autograd.backward(roots, seeds)
    try:
        sg.autograd.backward(found, [from_torch(s) for s in seeds])
    except Exception as error:
        return f"backward: {said(error)}"
    pairs = [*zip(leaves(ours, sg.Tensor), leaves(names, torch.Tensor), strict=True),
             *zip(mine.parameters(), theirs.parameters(), strict=True)]  # fmt: skip
    for i, (m, t) in enumerate(pairs):
        if (m.grad is None) != (t.grad is None):
            return f"gradient {i}: {'None' if m.grad is None else 'one'} for {'None' if t.grad is None else 'one'}"
        if m.grad is not None and (text := difference(m.grad, t.grad, loose=10 * loose)):
            return f"gradient {i}: {text}"
    return None


def error_differs(case: Case) -> str | None:
    """None where symgrad raises an error of the kind that PyTorch raises."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        error = raised(case, torch)
        if error is None:
            return None
        mine = raised(case, sg)
    if mine is None:
        return f"nothing raised for {said(error)}"
    return None if isinstance(mine, builtin(error)) else f"{said(mine)} for {said(error)}"


def raised(case: Case, lib: Any) -> Exception | None:
    try:
        module = case.build(lib, torch.float32)
        if not case.fails_when_made:
            args, kwargs = case.inputs(lib)
            module(*args, **kwargs)
    except Unsupported:
        raise
    except Exception as error:
        return error
    return None


def check(name: str, make: Any, modes: tuple[str, ...], dtypes: Any,
          limit: int | None = None) -> Iterator[tuple[str, str | None]]:  # fmt: skip
    """(what was compared, what differs) of every case of a module."""
    for dtype in dtypes:
        for training in (True, False):
            cases = list(make(dtype, training))
            for case in cases if limit is None else cases[:: max(1, len(cases) // limit)]:
                for mode in modes:
                    what = f"{case.label} {str(dtype)[6:]} {'train' if training else 'eval'} {mode}"
                    yield what, differs(case, dtype, training, mode, loose=1.0)
    if "eager" in modes:
        for case in errors_of(name):
            yield f"{case.label} error", error_differs(case)

