"""What scripts ask of mixed precision; here operations compute in the dtypes of their tensors, so it does nothing."""

from __future__ import annotations

import contextlib
import warnings
from typing import Any

from symgrad.cuda import is_available


class autocast(contextlib.ContextDecorator):
    """Accepted as PyTorch's context or decorator; results keep the tensors' own precision, and a warning says so."""

    def __init__(self, device_type: str, dtype: Any = None, enabled: bool = True, cache_enabled: bool | None = None):
        if device_type == "cuda" and enabled and not is_available():
            warnings.warn("User provided device_type of 'cuda', but CUDA is not available. Disabling", stacklevel=2)
            enabled = False
        if enabled:
            warnings.warn("autocast changes nothing: operations compute in the dtypes of their tensors", stacklevel=2)
        self.device_type, self.dtype, self.enabled = device_type, dtype, enabled

    def __enter__(self) -> "autocast":
        return self

    def __exit__(self, *exc: object) -> None:
        return None


class GradScaler:
    """A scaler that does not scale: gradients of float32 need none."""

    def __init__(self, device: str = "cuda", init_scale: float = 65536.0, growth_factor: float = 2.0,
                 backoff_factor: float = 0.5, growth_interval: int = 2000, enabled: bool = True):  # fmt: skip
        if enabled and device == "cuda" and not is_available():
            warnings.warn("GradScaler is enabled, but CUDA is not available.  Disabling.", stacklevel=2)

    def scale(self, outputs: Any) -> Any:
        """The loss as it is."""
        return outputs

    def unscale_(self, optimizer: Any) -> None:
        """Gradients are as they are."""

    def step(self, optimizer: Any, *args: Any, **kwargs: Any) -> Any:
        """The optimizer's step."""
        return optimizer.step(*args, **kwargs)

    def update(self, new_scale: Any = None) -> None:
        """There is no scale to change."""

    def get_scale(self) -> float:
        """The factor of the loss."""
        return 1.0

    def is_enabled(self) -> bool:
        """Whether losses are scaled."""
        return False

    def state_dict(self) -> dict[str, Any]:
        """Nothing to save."""
        return {}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Nothing to load."""
