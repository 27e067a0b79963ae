"""Without PyTorch, the oracle, there is nothing to compare with in this folder."""

import pytest

pytest.importorskip("torch")
