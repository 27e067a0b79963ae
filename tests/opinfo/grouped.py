"""Several operations as one compiled function: what costs a second to compile is compiled for many at once.

Values and gradients of one sample of each operation are compared with PyTorch's. When a group cannot be
compiled, its members are tried one by one and the guilty named.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import torch

import symgrad as sg
from opinfo.cases import NOTHING, Case, Sample
from opinfo.compare import difference
from opinfo.convert import OutOfScope, ToSymgrad, ToTorch, from_torch, leaves, tree_map
from opinfo.left_out import EAGER, LOOSE, entries
from opinfo.named import DROPS, NAMES, RANDOM, UNINITIALISED
from opinfo.sweep import call, derive, device, processed, results, said, told


@dataclass
class Member:
    """One operation with one sample, and what PyTorch makes of it."""

    case: Case
    sample: Sample
    want: Any
    grads: list[Any]
    seeds: list[Any]

    @property
    def label(self) -> str:
        return f"{self.case.label} {told(self.sample.all)}"


def member(case: Case) -> Member | None:
    """The operation on its first telling sample: a differentiable one where there is, never an empty one."""
    if case.name in EAGER or case.name in DROPS or entries(case.name, "compiled"):
        return None
    asked = [(torch.float64, True)] if torch.float64 in case.backward else []
    asked += [(d, False) for d in (torch.float32, torch.int64, torch.bool) if d in case.dtypes]
    for dtype, differentiable in asked:
        first = None
        for sample in case.samples(dtype, differentiable):
            if found := _member(case, sample, differentiable):
                if any(t.ndim for t in leaves(sample.all, torch.Tensor)):
                    return found
                first = first or found
        if first is not None:
            return first
    return None


def _member(case: Case, sample: Sample, differentiable: bool) -> Member | None:
    """The member this sample makes; None where it is empty, large, or takes no tensor."""
    if sample.input is NOTHING:
        return None
    try:
        operands = ToTorch()(sample.all)
        tensors = leaves(operands, torch.Tensor)
        if not tensors or not all(0 < t.numel() <= 1000 for t in tensors):
            return None
        function = case.wrapped(case.function(torch), torch)
        want = processed(case, sample, torch, call(function, operands))
        if not differentiable:
            return Member(case, sample, want, [], [])
        operands = ToTorch()(sample.all)
        grads, seeds = derive(torch, lambda: call(function, operands), operands, sample, case, 1, None)
    except Exception:  # PyTorch refuses, or has no gradient there
        return None
    return Member(case, sample, want, grads, seeds[0])


def members(cases: dict[str, list[Case]]) -> list[Member]:
    """One for each case that has one, in the order of the list."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = [member(case) for name in NAMES for case in cases[name]]
    return [m for m in found if m is not None]


class Together:
    """All members of a group in one function of all their tensors."""

    def __init__(self, group: list[Member]):
        self.group = group
        self.functions = [m.case.wrapped(m.case.function(sg), sg) for m in group]
        self.operands = [ToSymgrad()(m.sample.all) for m in group]
        self.tensors = leaves(self.operands, sg.Tensor)
        self.place = {id(t): i for i, t in enumerate(self.tensors)}

    def __call__(self, *given: Any) -> Any:
        def leaf(v: Any) -> Any:
            return given[self.place[id(v)]] if isinstance(v, sg.Tensor) else v

        return tuple(call(f, tree_map(leaf, o)) for f, o in zip(self.functions, self.operands))


def check(group: list[Member], mode: str) -> list[str]:
    """What fails, by member; empty where all agree."""
    with device(mode), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return _check(group, mode)
        except OutOfScope:
            return []
        except Exception as error:
            if len(group) == 1:
                return [f"{group[0].label}: {said(error)}"]
    return [text for m in group for text in check([m], mode)]


def _check(group: list[Member], mode: str) -> list[str]:
    together = Together(group)
    got = sg.compile(together.__call__, backend=mode, fullgraph=True)(*together.tensors)
    roots, seeds, wanted = [], [], []
    failures = []
    for m, operands, result in zip(group, together.operands, got):
        result = processed(m.case, m.sample, sg, result)
        exact, loose = m.case.name not in RANDOM | UNINITIALISED, LOOSE.get(m.case.name, 1.0)
        if text := difference(result, m.want, numbers=exact, loose=loose, fields=False):
            failures.append(f"{m.label}: {text}")
        elif m.grads:
            roots += [t for t in leaves(results(result), sg.Tensor) if t.requires_grad]
            seeds += [from_torch(s) for s in m.seeds]
            given = [t for t in leaves(operands, sg.Tensor) if t.requires_grad]
            wanted += [(m, t, g) for t, g in zip(given, m.grads, strict=True)]
    if roots:
        found = sg.autograd.grad(roots, [t for _, t, _ in wanted], seeds, allow_unused=True)
        for (m, _, theirs), mine in zip(wanted, found):
            if mine is None or theirs is None:
                zero = all(x is None or bool((x == 0).all()) for x in (mine, theirs))
                text = None if zero else f"{mine} for {theirs}"
            else:
                text = difference(mine, theirs, loose=LOOSE.get(m.case.name, 1.0))
            if text:
                failures.append(f"{m.label} gradient: {text}")
    return failures
