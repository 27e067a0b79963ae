"""Run a case on both libraries and count the samples that agree: values, gradients, errors, forms.

Nothing here asserts: a `Tally` has what passed, what there was, and the first words of each failure.
"""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

import numpy as np
import torch

import symgrad as sg
from opinfo.cases import NOTHING, Case, Missing, Sample
from opinfo.compare import builtin, difference
from opinfo.convert import (
    OutOfScope,
    ToSymgrad,
    ToTorch,
    Unsupported,
    array_of,
    dtype_name,
    from_torch,
    leaves,
    tree_map,
)
from opinfo.left_out import EAGER, HALF, LOOSE, LeftOut, entries
from opinfo.named import CHOOSES, DROPS, RANDOM, UNINITIALISED
from symgrad.compiler.compiled import EagerFallbackWarning
from symgrad.errors import TraceError

MODES = ("eager", "reference", "numpy", "numba", "cupy")
STRUCTURAL = (Missing, Unsupported)


@dataclass
class Tally:
    """Samples that agreed, samples there were, and why the others did not.

    `skipped` samples mean nothing here (a GPU is needed, PyTorch has no gradient); `left` are left out
    by an entry of `left_out.py`, counted by entry; `eager` ran eagerly where they were to be compiled.
    """

    passed: int = 0
    total: int = 0
    skipped: int = 0
    eager: int = 0
    left: Counter[LeftOut] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)

    def add(self, check: Callable[[], str | None], case: Case, kind: str, sample: Sample, note: str = "") -> None:
        """Counts one sample: `check` gives None where it agrees, else what differs."""
        try:
            text = check()
        except OutOfScope:
            self.skipped += 1
            return
        except RanEagerly:
            self.eager += 1
            text = None
        what = ""
        if text is not None or entries(case.name, kind):
            what = f"{case.label}{note} {told(sample.all)}"
        entry = next((e for e in entries(case.name, kind) if e.covers(case.name, kind, what)), None)
        if entry is not None and text is not None:
            self.left[entry] += 1
            return
        self.total += 1
        if text is not None:
            self.failures.append(f"{what}: {text}")
        elif entry is not None:
            self.failures.append(f"{what}: passes, but is left out: {entry.reason}")
        else:
            self.passed += 1

    def __iadd__(self, other: "Tally") -> "Tally":
        self.passed += other.passed
        self.total += other.total
        self.skipped += other.skipped
        self.eager += other.eager
        self.left += other.left
        self.failures += other.failures
        return self

    def __str__(self) -> str:
        return f"{self.passed}/{self.total}" if self.total else "-"


class RanEagerly(Exception):
    """A sample of an operation in EAGER could not be compiled, warned, and gave the right result eagerly."""


def pick(items: Any, limit: int | None) -> list[Any]:
    """At most `limit` of the items, evenly spread over the first of them (making a sample takes time too)."""
    found = list(items if limit is None else islice(items, 15 * limit))
    if limit is None or len(found) <= limit:
        return found
    return [found[i * len(found) // limit] for i in range(limit)]


def said(error: BaseException) -> str:
    """An error in one line."""
    text = str(error).strip().split("\n")[0]
    return f"{type(error).__name__}: {text}"[:200]


def told(value: Any) -> str:
    """A sample in one line: tensors by dtype, shape, strides where not row-major."""

    def leaf(v: Any) -> str:
        if isinstance(v, torch.Tensor):
            gaps = "" if v.is_contiguous() else f"@{list(v.stride())}"
            small = f"={v.tolist()}" if v.numel() <= 3 and v.dtype in (torch.bool, torch.int64) else ""
            return f"{dtype_name(v)}{list(v.shape)}{gaps}{small}"
        return "" if v is NOTHING else repr(v)

    return str(tree_map(leaf, value)).replace("'", "")


# -- one call -------------------------------------------------------------------------------------


def call(function: Callable[..., Any], operands: Any) -> Any:
    first, args, kwargs = operands
    return function(*args, **kwargs) if first is NOTHING else function(first, *args, **kwargs)


class Program:
    """A function of the tensors among its operands, to be compiled; a method, so that a trace sees no closure."""

    def __init__(self, function: Callable[..., Any], operands: Any):
        self.function, self.operands = function, operands
        self.tensors = leaves(operands, sg.Tensor)
        self.place = {id(t): i for i, t in enumerate(self.tensors)}

    def __call__(self, *given: Any) -> Any:
        def leaf(v: Any) -> Any:
            return given[self.place[id(v)]] if isinstance(v, sg.Tensor) else v

        return call(self.function, tree_map(leaf, self.operands))


def runner(function: Callable[..., Any], operands: Any, mode: str, fullgraph: bool = True) -> Callable[[], Any]:
    """A call of no arguments that runs `function` on `operands`, eagerly or compiled."""
    if mode == "eager":
        return lambda: call(function, operands)
    program = Program(function, operands)
    if not program.tensors:
        raise OutOfScope("not a function of tensors")
    run = sg.compile(program.__call__, backend=mode, fullgraph=fullgraph)
    return lambda: run(*program.tensors)


def device(mode: str) -> Any:
    """With `cupy`, the emulated device."""
    if mode != "cupy":
        return nullcontext()
    from symgrad.testing.cuda_module import emulated

    return emulated()


def processed(case: Case, sample: Sample, lib: Any, result: Any) -> Any:
    """The part of a result that is determined (singular vectors are so up to a sign)."""
    from opinfo.cases import rebind

    if type(result) is tuple and len(result) == 2 and isinstance(result[1], bool):
        return processed(case, sample, lib, result[0]), result[1]  # of another form: whether it is what was given
    if case.name in CHOOSES and case.info is not None and not sample.all[2].get("stable"):
        return chosen(case, sample, result)
    if sample.process is None:
        return result
    return sample.process(result) if lib is torch else rebind(sample.process)(result)


def chosen(case: Case, sample: Sample, result: Any) -> Any:
    """The result of an operation that may choose among equal elements: what lies at its indices, not where."""
    place = CHOOSES[case.name]
    _, args, kwargs = sample.all
    dim = kwargs.get("dim", args[place] if len(args) > place else None)
    if case.name == "median" and dim is None:
        return result  # of all elements: no index
    values, indices = result if isinstance(result, tuple) else (None, result)
    array, found = array_of(sample.input), array_of(indices)
    dim = -1 if dim is None else dim
    if not array.ndim:
        return values, dtype_name(indices), found == 0
    at = np.expand_dims(found, dim) if found.ndim < array.ndim else found
    return values, dtype_name(indices), found.shape, np.take_along_axis(array, at, dim)


def both(case: Case, sample: Sample, mode: str = "eager", theirs: Any = None, mine: Any = None) -> str | None:
    """None where the two libraries give the same or raise alike."""
    try:
        mine = mine or case.function(sg)
        ours = ToSymgrad()(sample.all)
        run = runner(mine, ours, mode)
    except STRUCTURAL as error:
        return said(error)
    names, theirs = ToTorch()(sample.all), theirs or case.function(torch)
    try:
        want = processed(case, sample, torch, call(theirs, names))
    except Exception as error:  # whatever PyTorch raises is the oracle
        if mode != "eager":
            raise OutOfScope("raises") from error
        return raises_too(error, run)
    try:
        return compare(case, sample, run(), want, mode)
    except TraceError as error:
        if case.name not in EAGER:
            return said(error)
    except Exception as error:
        return said(error)
    again = runner(mine, ToSymgrad()(sample.all), mode, fullgraph=False)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            text = compare(case, sample, again(), want, "eager")
        except Exception as error:
            return f"run eagerly, {said(error)}"
    if text is not None:
        return f"run eagerly, {text}"
    if [w.category for w in caught].count(EagerFallbackWarning) != 1:
        return "ran eagerly without its one warning"
    raise RanEagerly


def compare(case: Case, sample: Sample, got: Any, want: Any, mode: str) -> str | None:
    """What differs between symgrad's result and PyTorch's (processed) one."""
    exact = case.name not in RANDOM | UNINITIALISED
    got = processed(case, sample, sg, got)
    half = any(t.dtype in (torch.float16, torch.bfloat16) for t in leaves(sample.all, torch.Tensor))
    loose = LOOSE.get(case.name, 1.0) * (HALF.get(case.name, 1.0) if half else 1.0)
    return difference(got, want, numbers=exact, loose=loose, fields=mode == "eager")


def raises_too(error: BaseException, run: Callable[[], Any]) -> str | None:
    """None where `run` raises an error of the same builtin kind."""
    kind = builtin(error)
    try:
        run()
    except Exception as mine:
        return None if isinstance(mine, kind) else f"{said(mine)} for {kind.__name__}: {said(error)}"
    return f"nothing raised for {said(error)}"


# -- values, errors -------------------------------------------------------------------------------


def values(case: Case, dtypes: list[Any], mode: str = "eager", limit: int | None = None) -> Tally:
    """Results of every sample of every dtype the operation has."""
    tally, kind = Tally(), "values" if mode == "eager" else "compiled"
    with device(mode), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for dtype in case.dtypes:
            if dtype in dtypes:
                for sample in pick(case.samples(dtype), limit):
                    tally.add(lambda: both(case, sample, mode), case, kind, sample)
    return tally


def errors(case: Case, limit: int | None = None) -> Tally:
    """The error inputs: the same builtin kind is raised."""
    tally = Tally()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for sample in pick(case.errors(), limit):
            try:
                call(case.function(torch), ToTorch()(sample.all))
            except OutOfScope:
                tally.skipped += 1
            except Exception:
                tally.add(lambda: both(case, sample), case, "errors", sample)
            else:
                tally.skipped += 1  # needs a GPU to fail
    return tally


# -- gradients ------------------------------------------------------------------------------------


def gradients(case: Case, mode: str = "eager", limit: int | None = None, order: int = 1,
              dtypes: list[Any] | None = None) -> Tally:  # fmt: skip
    """Cotangents of every operand, for random cotangents of the results."""
    tally, kind = Tally(), ("gradients", "second")[order - 1] if mode == "eager" else "compiled"
    if order == 2 and not case.second or case.name in DROPS:
        return tally
    with device(mode), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for dtype in case.backward:
            if dtypes is None or dtype in dtypes:
                for sample in pick(case.samples(dtype, requires_grad=True), limit):
                    tally.add(lambda: gradient_of(case, sample, mode, order), case, kind, sample)
    return tally


def gradient_of(case: Case, sample: Sample, mode: str, order: int) -> str | None:
    """None where the gradients agree; out of scope where PyTorch has none."""
    theirs, names = case.wrapped(case.function(torch), torch), ToTorch()(sample.all)
    try:
        want, cotangents = derive(torch, lambda: call(theirs, names), names, sample, case, order, None)
    except Exception as error:  # no gradient there: left to the values
        raise OutOfScope("PyTorch has no gradient") from error
    if all(w is None for w in want):
        raise OutOfScope("PyTorch has no gradient")
    try:
        mine, ours = case.wrapped(case.function(sg), sg), ToSymgrad()(sample.all)
        run = runner(mine, ours, mode)
    except STRUCTURAL as error:
        return said(error)
    try:
        given = [[None if c is None else from_torch(c) for c in level] for level in cotangents]
        got, _ = derive(sg, run, ours, sample, case, order, given)
    except TraceError as error:
        if case.name not in EAGER:
            return said(error)
        raise RanEagerly from error  # what eager gives is checked by the values and by eager's gradients
    except Exception as error:
        return said(error)
    loose = LOOSE.get(case.name, 1.0) * (10 if order == 2 else 1)
    for i, (g, w) in enumerate(zip(got, want, strict=True)):
        if w is None or g is None:
            if (g is None) != (w is None) and not is_zero(g if w is None else w):
                return f"operand {i}: {'None' if g is None else 'a gradient'} for {'None' if w is None else 'one'}"
            continue
        if text := difference(g, w, loose=loose):
            return f"operand {i}: {text}"
    return None


def is_zero(x: Any) -> bool:
    return bool((x == 0).all())


def derive(lib: Any, run: Callable[[], Any], operands: Any, sample: Sample, case: Case, order: int,
           cotangents: Any) -> tuple[list[Any], list[list[Any]]]:  # fmt: skip
    """The gradients of order 1 or 2, and the cotangents used (made here when None)."""
    wanted = [t for t in leaves(operands, lib.Tensor) if t.requires_grad]
    roots = [t for t in leaves(results(processed(case, sample, lib, run())), lib.Tensor) if t.requires_grad]
    used: list[list[Any]] = []
    found: list[Any] = []
    for level in range(order):
        if not roots:
            if lib is sg and level:  # linear: no second derivative, where PyTorch may have one of zeros
                return [None] * len(wanted), used
            raise ValueError("nothing here requires grad")
        if cotangents is None:
            generator = torch.Generator().manual_seed(level)
            seeds = [torch.randn(r.shape, dtype=r.dtype, generator=generator) for r in roots]
            if level:  # by operand: those that have no gradient to derive again have no seed
                left = iter(seeds)
                used.append([next(left) if derivable(g) else None for g in found])
            else:
                used.append(seeds)
        else:
            seeds = cotangents[level]
            if level:  # what does not depend on any operand here may still be marked in PyTorch
                seeds = [s for s, g in zip(seeds, found, strict=True) if derivable(g)]
            used.append(seeds)
        if [tuple(s.shape) for s in seeds if s is not None] != [tuple(r.shape) for r in roots]:
            raise ValueError(f"{len(roots)} differentiable results for {len(seeds)}")
        found = list(lib.autograd.grad(roots, wanted, seeds, create_graph=level + 1 < order, allow_unused=True))
        roots = [g for g in found if derivable(g)]
    return found, used


def derivable(gradient: Any) -> bool:
    """Whether a gradient is there and depends on what requires grad."""
    return gradient is not None and gradient.requires_grad


def results(value: Any) -> Any:
    """A result as plain tuples, so that its tensors are found."""
    return tuple(results(v) for v in value) if isinstance(value, tuple) else value


# -- the other forms ------------------------------------------------------------------------------


def forms(case: Case, limit: int | None = 2) -> Tally:
    """Aliases, the method, the in-place twin and `out=`, on a few float32 (or int64) samples."""
    tally = Tally()
    if case.info is None or not case.dtypes:
        return tally
    dtype = next((d for d in (torch.float32, torch.int64) if d in case.dtypes), case.dtypes[0])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        samples = pick(case.samples(dtype), limit)
        for what, theirs, mine in other_forms(case):
            for sample in samples:
                tally.add(lambda: form(case, sample, what, theirs, mine), case, "forms", sample, f" {what}")
    return tally


def other_forms(case: Case) -> Iterator[tuple[str, Callable[..., Any], Callable[[], Any]]]:
    """(name, PyTorch's function, how to find symgrad's)."""
    from opinfo.cases import find

    def method_of(lib: Any, name: str) -> Any:
        if not hasattr(lib.Tensor, name):
            raise Missing(f"Tensor.{name}")
        return lambda x, *args, **kwargs: getattr(x, name)(*args, **kwargs)

    for alias in case.aliases:
        at: Any = torch
        for part in alias.split("."):
            at = getattr(at, part, None)
        if callable(at):
            yield f"alias {alias}", at, lambda alias=alias: find(alias)
    for name in (case.name, *case.aliases):
        if "." in name or name.startswith("_"):
            continue
        if case.info.method_variant is not None and callable(getattr(torch.Tensor, name, None)):
            yield f"method {name}", method_of(torch, name), lambda name=name: method_of(sg, name)
        if case.info.inplace_variant is not None and hasattr(torch.Tensor, f"{name}_"):
            yield (f"in-place {name}_", method_of(torch, f"{name}_"), lambda name=name: method_of(sg, f"{name}_"))
    if case.info.supports_out:
        yield "out=", with_out(case.info.op), lambda: with_out(case.function(sg))


def with_out(function: Callable[..., Any]) -> Callable[..., Any]:
    """Call it twice: the second result goes into copies of the first."""

    def run(*args: Any, **kwargs: Any) -> Any:
        first = function(*args, **kwargs)
        out = tuple(f.clone().zero_() for f in first) if isinstance(first, (tuple, list)) else first.clone().zero_()
        given = function(*args, **kwargs, out=out)
        same = given is out or isinstance(first, (tuple, list)) and all(a is b for a, b in zip(given, out))
        return out, same

    return run


def form(case: Case, sample: Sample, what: str, theirs: Any, mine: Any) -> str | None:
    """None where another spelling gives what PyTorch's does; an in-place one changes the operand itself."""
    if what.startswith("in-place"):
        if not isinstance(sample.input, torch.Tensor):
            raise OutOfScope("nothing to write to")
        found = mine
        theirs, mine = itself(theirs), lambda: itself(found())
    try:
        return both(case, sample, theirs=theirs, mine=mine())
    except Missing as error:
        return said(error)


def itself(function: Callable[..., Any]) -> Callable[..., Any]:
    """The operand after an in-place call, and whether the call returned it."""

    def run(x: Any, *args: Any, **kwargs: Any) -> Any:
        given = function(x, *args, **kwargs)
        return x, given is x

    return run
