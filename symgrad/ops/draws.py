"""The samplers as primitives: pure functions of (seed, offset), which a trace passes as host numbers.

They live apart from `random.py` because the language ends here: what users call is a composition.
"""

from __future__ import annotations

from typing import Any

from symgrad.dtypes import DType
from symgrad.ir.primitive import Draw, Primitive
from symgrad.ir.types import TensorType
from symgrad.ops.registry import primitive
from symgrad.runtime import philox


def _sampler(name: str, last: str, extra: tuple[str, ...], doc: str) -> Primitive:
    def infer(seed: Any, offset: Any, shape: Any, dtype: DType, low: Any = 0, high: Any = 1) -> TensorType:
        return TensorType(tuple(shape), dtype)

    return primitive(
        name, "seed offset", params=("shape", "dtype", *extra), infer=infer,
        array=f"{name}(int(seed), int(offset), int(np.prod(shape, dtype='i8')), {last}).reshape(shape)",
        lower=Draw(name), grad=dict(seed=None, offset=None),
        helpers={name: getattr(philox, name)}, doc=doc, gradient="none",
        source="Salmon et al. 2011 (Philox)",
    )  # fmt: skip


SAMPLERS = {
    "uniform": _sampler("uniform", "dtype.np", (),
                        "Numbers uniform in [0, 1)."),
    "normal": _sampler("normal", "dtype.np", (),
                       "Standard normal numbers."),
    "randint": _sampler("randint", "low, high", ("low", "high"),
                        "Whole numbers in [low, high)."),
}  # fmt: skip
