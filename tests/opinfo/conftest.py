"""Without PyTorch, or what its test tables import, nothing here can run."""

from __future__ import annotations

import importlib.util

NEEDED = ("torch", "expecttest", "hypothesis", "tqdm")  # what importing op_db really needs, beside NumPy
collect_ignore_glob = [] if all(map(importlib.util.find_spec, NEEDED)) else ["*.py"]
