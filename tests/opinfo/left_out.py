"""What the sweep does not ask for, each with its reason: printed in docs/coverage.md.

An entry whose samples all pass is a failure of tests/opinfo/test_sweep.py, so no entry outlives its
reason. Three tables: tolerances that are widened, operations that run eagerly under `compile`, and samples
that are left out.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache

LOOSE: dict[str, float] = {
    "linalg.pinv": 100.0, "pinverse": 100.0, "linalg.lstsq": 100.0, "linalg.matrix_power": 20.0,
    "linalg.inv": 20.0, "linalg.solve": 20.0, "linalg.svd": 10.0, "svd": 10.0, "linalg.det": 20.0,
    "linalg.eig": 100.0, "linalg.eigh": 20.0, "triangular_solve": 20.0, "linalg.solve_triangular": 20.0,
    "nn.functional.conv3d": 10.0, "nn.functional.scaled_dot_product_attention": 10.0,
}  # fmt: skip
"""By how much the tolerance is widened for what is solved, not computed, and for sums of many large products."""

_SHAPE = "the shape of the result depends on the values"
_LEAVES = "leaves the world of tensors"
_WRITTEN = "the result is written once it is computed, so `out` may be the operand itself"

HALF: dict[str, float] = {
    "addbmm": 40.0, "addr": 2.0, "nn.functional.interpolate": 8.0, "nn.functional.bilinear": 20.0,
    "nn.functional.adaptive_avg_pool3d": 40.0, "nn.functional.instance_norm": 40.0,
    "nn.functional.poisson_nll_loss": 2.0,
    **dict.fromkeys((f"nn.functional.conv_transpose{n}d" for n in (1, 2, 3)), 80.0),
}  # fmt: skip
"""By how much for 16-bit floats besides: PyTorch rounds to 16 bits after each batch (product, addition of
a window), symgrad once."""

EAGER: dict[str, str] = {
    **dict.fromkeys("nonzero masked_select unique bincount repeat_interleave".split(), _SHAPE),
    **dict.fromkeys("__getitem__ setitem index_put".split(), f"with a boolean mask, {_SHAPE}"),
    **dict.fromkeys("item numpy array_protocol dlpack tolist data_ptr pickle deepcopy".split(), _LEAVES),
    "out": "a tensor given as out= that has another shape is resized",
    **dict.fromkeys("linspace logspace tensor_split".split(), "ends and places that are tensors are read"),
    "nn.functional.one_hot": "without num_classes, that is read from the values",
    "narrow": "a view whose place a tensor says cannot be returned",
}
"""Under `compile` these warn once and run eagerly (under `fullgraph=True`: a TraceError); both are checked."""


@dataclass(frozen=True)
class LeftOut:
    """Samples not asked for: of which operations, in which checks, whose text matches `sample`."""

    names: str
    checks: str
    reason: str
    sample: str = ""

    def covers(self, name: str, check: str, text: str) -> bool:
        return (name in self.names.split() and check in self.checks.split()
                and (not self.sample or re.search(self.sample, text) is not None))  # fmt: skip


LEFT_OUT: tuple[LeftOut, ...] = (
    LeftOut("kthvalue", "errors", _WRITTEN, r"out: \(float32"),
    LeftOut("gather", "errors", _WRITTEN, r"out: int64"),
    LeftOut("cat", "errors", _WRITTEN, r"\[0\], float32\[4, 6\]\), .* out: float32\[0\]"),
    LeftOut("promotion", "values", "PyTorch gives complex32, a type that NumPy has not; symgrad gives complex64",
            "float16 and a complex"),
    LeftOut("linalg.norm", "second", "at zero PyTorch's second derivative of the norm is nan, symgrad's is 0",
            r"subgradients_at_zero .*\(None,\), \{keepdim: False\}"),
    LeftOut("addbmm", "forms", "PyTorch's addbmm_ gives its operand another shape; symgrad's raises as its other "
            "in-place operations do", r"addbmm_ \(float32\[1\]"),
    LeftOut("arange", "errors", "the step 0.5 is given with out= of an integer type: PyTorch says that 0 is no step, "
            "symgrad that floats do not fit", r"\(64, 0\.5\), \{out: int64"),
    LeftOut("nn.functional.local_response_norm", "values compiled", "integers have no mean here", r"int64\[[1-9]"),
    LeftOut("nn.functional.scaled_dot_product_attention", "values gradients compiled",
            "what is dropped is symgrad's own choice", r"dropout_p: 0\.5"),
    LeftOut("nn.functional.embedding nn.functional.embedding_bag", "values compiled", "there are no sparse layouts",
            "sparse: True"),
    LeftOut("nn.functional.soft_margin_loss", "values", "exp(-x y) is more than float16 holds: PyTorch's loss is inf, "
            "symgrad's is the float32 one rounded", r"\(float16\[5"),
    LeftOut("nn.functional.interpolate", "values", "PyTorch weighs uint8 by whole numbers where the processor allows, "
            "which rounds one pixel of 54 the other way",
            r"bicubic \(uint8\[2, 3, 4, 4\], \(\(3, 3\),\), .*(False|None)}"),
    LeftOut("stride", "compiled", "no element lies a stride of an extent of 1 away: a trace gives the row-major one",
            r"float32\[1, 3\]"),
)  # fmt: skip


@cache
def entries(name: str, check: str) -> tuple[LeftOut, ...]:
    """The entries that may cover a sample of this operation in this check."""
    return tuple(e for e in LEFT_OUT if name in e.names.split() and check in e.checks.split())
