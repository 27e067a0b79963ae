"""Scripts are run on PyTorch, the oracle, as well."""

import pytest

pytest.importorskip("torch")
