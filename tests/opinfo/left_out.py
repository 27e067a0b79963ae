"""What the sweep does not ask, and why: one table, printed in docs/coverage.md.

An entry that in fact passes is a failure of tests/opinfo/test_sweep.py, so the table cannot outlive its
reasons.
"""

from __future__ import annotations

LOOSE: dict[str, float] = {
    "linalg.pinv": 100.0, "pinverse": 100.0, "linalg.lstsq": 100.0, "linalg.matrix_power": 20.0,
    "linalg.inv": 20.0, "linalg.solve": 20.0, "linalg.svd": 10.0, "svd": 10.0, "linalg.det": 20.0,
    "linalg.eig": 100.0, "linalg.eigh": 20.0, "triangular_solve": 20.0, "linalg.solve_triangular": 20.0,
}  # fmt: skip
"""By how much the tolerance is widened for what is solved, not computed."""
