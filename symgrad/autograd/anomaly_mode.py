"""Anomaly mode for users: `detect_anomaly()` around a forward and its backward names what made a NaN."""

from __future__ import annotations

import warnings

from symgrad.tensor import anomaly


class set_detect_anomaly:
    """Turn anomaly mode on or off, at once; as a context manager, until the block ends."""

    def __init__(self, mode: bool, check_nan: bool = True) -> None:
        self.before = anomaly.enabled, anomaly.checks_nan
        anomaly.set_mode(mode, check_nan)

    def __enter__(self) -> None:
        pass

    def __exit__(self, *exc: object) -> None:
        anomaly.set_mode(*self.before)


class detect_anomaly:
    """Within the block, an error or a NaN in backward is told with the forward line that led to it.

    Compiled functions run eagerly in it. It slows every operation down: for finding a fault only.

    >>> x = sg.zeros(1, requires_grad=True)
    >>> with sg.autograd.set_detect_anomaly(True):
    ...     (x.sqrt() * 0).sum().backward()  # doctest: +ELLIPSIS
    Traceback (most recent call last):
        ...
    symgrad.errors.NaNGradientError: Function 'SqrtBackward0' returned nan values in its 0th output...
    """

    def __init__(self, check_nan: bool = True) -> None:
        self.check_nan = check_nan
        warnings.warn("Anomaly Detection has been enabled. This mode will increase the runtime and should only be "
                      "enabled for debugging.", stacklevel=2)  # fmt: skip

    def __enter__(self) -> None:
        self.before = anomaly.enabled, anomaly.checks_nan
        anomaly.set_mode(True, self.check_nan)

    def __exit__(self, *exc: object) -> None:
        anomaly.set_mode(*self.before)


def is_anomaly_enabled() -> bool:
    """Whether anomaly mode is on."""
    return anomaly.enabled


def is_anomaly_check_nan_enabled() -> bool:
    """Whether anomaly mode, if on, looks for NaN."""
    return anomaly.checks_nan
