"""Plans to a module's text: the parts put together in a fixed order."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace

from symgrad.codegen import blas
from symgrad.codegen.cupy import CudaText, cupy_entry, device_text, unit
from symgrad.codegen.module import (
    Entry,
    Module,
    Packs,
    Param,
    check_function,
    header,
    main_block,
    pack_of,
)  # fmt: skip
from symgrad.codegen.names import Names
from symgrad.codegen.native import KERNEL_NATIVE, KERNEL_PYTHON, Used, numba_entry
from symgrad.codegen.numba import HELPERS
from symgrad.codegen.numpy import numpy_entry
from symgrad.codegen.random_helpers import source as sampler_source
from symgrad.errors import BackendError
from symgrad.passes.schedule import Home, Plan


def emit(
    plans: Mapping[str, Plan], *, backend: str, title: str, notes: Sequence[str] = (),
    packs: Packs | None = None, shared: Collection[str] = (),
) -> Module:  # fmt: skip
    """The module that runs `plans`, one entry each, on `backend` (numba, numpy or cupy).

    `packs` maps an input or cell (Value) or an output number to (array name, element offset): those
    lie in one flat array that the entry takes instead. `shared`: kernels that are written as tasks
    whatever their size, as a program of a larger batch has them.
    """
    packs = packs or {}
    names = {entry: Names(plan) for entry, plan in plans.items()}
    if backend == "numba":
        return _numba(plans, names, title, list(notes), packs, shared)
    if backend == "numpy":
        return _numpy(plans, names, title, list(notes), packs)
    if backend == "cupy":
        return _cupy(plans, names, title, list(notes), packs)
    raise BackendError(f"no backend {backend!r}", hint="numba, numpy, cupy")


def _numpy(plans: Mapping[str, Plan], names: Mapping[str, Names], title: str, notes: list[str],
           packs: Packs) -> Module:  # fmt: skip
    helpers: dict[str, str] = {}
    kernels: list[str] = []
    runs: list[str] = []
    params: dict[str, tuple[Param, ...]] = {}
    for entry, plan in plans.items():
        prefix = "" if len(plans) == 1 else f"{entry}_"
        made, run, params[entry] = numpy_entry(entry, plan, names[entry], packs, helpers, prefix)
        kernels += made
        runs.append(run)
    head = header(title, "numpy", plans, names, params, notes)
    body = [*helpers.values(), *kernels, *runs]
    parts = [f"{head}\n{bfloat16_import(body)}import numpy as np\n", *body]
    return _module(parts, "numpy", plans, names, params, packs)


def _numba(plans: Mapping[str, Plan], names: Mapping[str, Names], title: str, notes: list[str],
           packs: Packs, shared: Collection[str]) -> Module:  # fmt: skip
    used = Used(shared=set(shared))
    kernels: list[str] = []
    runs: list[str] = []
    params: dict[str, tuple[Param, ...]] = {}
    for entry, plan in plans.items():
        prefix = "" if len(plans) == 1 else f"{entry}_"
        made, run, params[entry] = numba_entry(entry, plan, names[entry], packs, used, prefix)
        kernels += made
        runs.append(run)
    helpers = [HELPERS[name] for name in sorted(used.helpers)]
    if used.samplers:
        helpers.append(sampler_source(sorted(used.samplers), "numba").replace("@nb.njit", "@njit"))
    helpers += [blas.helper(dtype) for dtype in sorted(used.products, key=lambda d: d.name)]
    helpers += used.arrays.values()
    helpers += used.checks.values()
    body = "\n\n".join([*helpers, *kernels, *runs])
    head = header(title, "numba", plans, names, params, notes)
    parts = [f"{head}\n{_imports(body, used)}", *helpers, *kernels, *runs]
    module = _module(parts, "numba", plans, names, params, packs)
    return replace(module, shared=frozenset(used.shared))


def _cupy(plans: Mapping[str, Plan], names: Mapping[str, Names], title: str, notes: list[str],
          packs: Packs) -> Module:  # fmt: skip
    used = CudaText()
    runs: list[str] = []
    params: dict[str, tuple[Param, ...]] = {}
    for entry, plan in plans.items():
        prefix = "" if len(plans) == 1 else f"{entry}_"
        run, params[entry] = cupy_entry(entry, plan, names[entry], packs, used, prefix)
        runs.append(run)
    head = header(title, "cupy", plans, names, params, notes)
    parts = [f"{head}\nimport cupy as cp\n{bfloat16_import(runs)}import numpy as np\n", *unit(used), *runs]
    done = len(parts)
    module = _module(parts, "cupy", plans, names, params, packs)
    text = [*parts[:done], *map(device_text, parts[done:])]
    return Module("\n\n".join(text), module.entries, "cupy")


def bfloat16_import(texts: Iterable[str]) -> str:
    """The import of the dtype that NumPy has not, where it is used."""
    return "import ml_dtypes\n" if any("ml_dtypes." in text for text in texts) else ""


def _imports(body: str, used: Used) -> str:
    """The import lines, and the named index constants."""
    plain = [f"import {m}" for m in ("glob", "math", "os")
             if (f"{m}." in body) or (used.products and m in ("glob", "os"))]  # fmt: skip
    numeric = [*bfloat16_import([body]).splitlines(), "import numpy as np"]
    if used.products:
        numeric.insert(0, "import llvmlite.binding as llvm")
    said = [name for name, sign in (("prange", " in prange("), ("types", "types.")) if sign in body]
    numeric.append(f"from numba import {', '.join(['njit', *said])}")
    wanted = set(re.findall(r"(?<![\w.])((?:u?int|float)\d+|bool_)(?=\()|\.view\((\w+)\)", body))
    wanted = {name for pair in wanted for name in pair if name}
    wanted |= {"uint64"} if used.indices else set()
    if wanted:
        numeric.append(f"from numpy import {', '.join(sorted(wanted))}")
    text = "\n".join([*plain, *([""] if plain else []), *numeric]) + "\n"
    if used.indices:
        names = sorted(used.indices)
        text += "\n# Subscripts are unsigned: Numba would test signed ones for being negative.\n"
        text += "".join(f"_{n} = uint64({n})\n" for n in names)
    if used.products:
        text += "\n" + blas.PREAMBLE
    if "@kernel" in body:
        text += "\n" + (KERNEL_NATIVE if used.native else KERNEL_PYTHON)
    return text


def _module(parts: list[str], backend: str, plans: Mapping[str, Plan], names: Mapping[str, Names],
            params: Mapping[str, tuple[Param, ...]], packs: Packs) -> Module:  # fmt: skip
    entries = {entry: Entry(entry, params[entry]) for entry in plans}
    for entry in plans:
        name = "check" if len(plans) == 1 else f"check_{entry}"
        inputs = len(plans[entry].schedule.graph.inputs)
        parts.append(check_function(name, params[entry], names[entry].extents, inputs))
    extents = sorted({e for n in names.values() for e in n.extents})
    parts.append(main_block(entries, extents, _pack_sizes(plans, packs)))
    return Module("\n\n".join(parts), entries, backend)


def _pack_sizes(plans: Mapping[str, Plan], packs: Packs) -> dict[str, int]:
    """The least length of each packed array."""
    sizes: dict[str, int] = {}
    for plan in plans.values():
        graph = plan.schedule.graph
        externals = [(Home("input", i), v.type) for i, v in enumerate(graph.inputs)]
        externals += [(Home("cell", i), v.type) for i, v in enumerate(graph.cells)]
        externals += [(Home("out", i), a.type) for i, a in enumerate(graph.outputs)]
        for home, type in externals:
            if (packed := pack_of(home, plan, packs)) is not None:
                sizes[packed[0]] = max(sizes.get(packed[0], 0), packed[1] + int(type.size))
    return sizes
