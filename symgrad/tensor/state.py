"""What is true of this thread now: is a capture active, is the gradient being recorded.

Both are per thread, yet the common answer (no capture anywhere, recording everywhere) must cost a
module attribute, not a thread-local look-up: `captures` and `no_grads` count the threads that
deviate (`inferences`: those in inference mode), and only when one does is the thread's own answer
asked for.
"""

from __future__ import annotations

import functools
import inspect
import itertools
import sys
import threading
from collections.abc import Callable, Generator
from typing import Any, TypeVar

from symgrad import dtypes

F = TypeVar("F", bound=Callable[..., Any])


class _Local(threading.local):
    capture: Any = None
    grad: bool = True
    inference: bool = False
    watch: Any = None


local = _Local()
captures = 0
no_grads = 0
inferences = 0
INFERENCE = -(1 << 62)
"""The version of a tensor made in inference mode: it stays negative however often it is changed."""
_count_lock = threading.Lock()

tick: Callable[[], int] = itertools.count(1).__next__
"""The one clock: orders tape nodes, and dates in-place changes against them."""

epoch = [0]
"""The structural epoch: bumped by every rebind a compiled program's guards would have to see."""


def bump_epoch() -> None:
    """Tell compiled programs that some tensor, module or optimizer was rebound."""
    epoch[0] += 1


dtypes.watchers.append(bump_epoch)


def capture() -> Any:
    """The capture active in this thread, or None."""
    return local.capture if captures else None


def enter_capture(new: Any) -> Any:
    """Make `new` (or None) this thread's capture; returns the one before."""
    global captures
    old, local.capture = local.capture, new
    with _count_lock:
        captures += (new is not None) - (old is not None)
    return old


def watch(hook: Any) -> Any:
    """Let `hook` (a profile function, or None) see this thread's calls; returns the one before."""
    old, local.watch = local.watch, hook
    sys.setprofile(hook)
    return old


def unwatched(function: F) -> F:
    """For what runs no code of the user's: a trace need not watch its calls, which takes longer than they do."""

    @functools.wraps(function)
    def run(*args: Any, **kwargs: Any) -> Any:
        if not captures or local.watch is None:
            return function(*args, **kwargs)
        hook = watch(None)
        try:
            return function(*args, **kwargs)
        finally:
            watch(hook)

    return run  # type: ignore[return-value]


def is_grad_enabled() -> bool:
    """Whether operations on tensors that require grad are recorded in this thread."""
    return not no_grads or local.grad


def set_grad(enabled: bool) -> bool:
    """Record operations in this thread, or do not; returns what it did before."""
    global no_grads
    old = local.grad
    if old != enabled:
        local.grad = enabled
        with _count_lock:
            no_grads += -1 if enabled else 1
    return old


def set_inference(enabled: bool) -> bool:
    """Switch this thread's inference mode; returns what it was."""
    global inferences
    old, local.inference = local.inference, enabled
    with _count_lock:
        inferences += enabled - old
    return old


class Mode:
    """A context manager that can be entered again and again, and decorates functions.

    A decorated generator runs each of its steps in the mode; between them its caller has its own.
    """

    def __enter__(self) -> None:
        raise NotImplementedError

    def __exit__(self, *exc: object) -> None:
        raise NotImplementedError

    def _fresh(self) -> "Mode":
        return self

    def __call__(self, function: F) -> F:
        if inspect.isgeneratorfunction(function):
            return self._generator(function)  # type: ignore[return-value]

        @functools.wraps(function)
        def wrapped(*args: Any, **kwargs: Any) -> Any:
            with self._fresh():
                return function(*args, **kwargs)

        return wrapped  # type: ignore[return-value]

    def _generator(self, function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        def wrapped(*args: Any, **kwargs: Any) -> Generator[Any, Any, Any]:
            generator = function(*args, **kwargs)
            step, given = generator.send, None
            while True:
                try:
                    with self._fresh():
                        value = step(given)
                except StopIteration as stop:
                    return stop.value
                try:
                    given = yield value
                    step = generator.send
                except GeneratorExit:
                    with self._fresh():
                        generator.close()
                    raise
                except BaseException as error:
                    step, given = generator.throw, error

        return wrapped


class _GradMode(Mode):
    """Recording on or off inside; given a function, `no_grad(function)` decorates it."""

    _enabled: bool
    _old: list[bool]

    def __new__(cls, function: Any = None) -> Any:
        self = object.__new__(cls)
        self._old = []
        return self if function is None else self(function)

    def __enter__(self) -> None:
        self._old.append(set_grad(self._enabled))

    def __exit__(self, *exc: object) -> None:
        set_grad(self._old.pop())

    def _fresh(self) -> Mode:
        return type(self)()


class no_grad(_GradMode):
    """Do not record operations inside the block (or the decorated function).

    >>> x = sg.ones(2, requires_grad=True)
    >>> with sg.no_grad():
    ...     y = x * 2
    >>> y.requires_grad
    False
    """

    _enabled = False


class enable_grad(_GradMode):
    """Record operations inside the block even within `no_grad`."""

    _enabled = True


class set_grad_enabled(_GradMode):
    """Set recording on or off, at once; as a context manager, until the block ends."""

    def __new__(cls, mode: bool) -> Any:
        return super().__new__(cls)

    def __init__(self, mode: bool):
        self._enabled = bool(mode)
        self._before = set_grad(self._enabled)

    def __enter__(self) -> None:
        self._old.append(self._before)

    def __call__(self, function: F) -> F:
        set_grad(self._before)
        return super().__call__(function)

    def _fresh(self) -> Mode:
        return enable_grad() if self._enabled else no_grad()


class eagerly:
    """Suspend this thread's capture: operations inside run at once on concrete tensors."""

    def __enter__(self) -> None:
        self._capture = enter_capture(None)

    def __exit__(self, *exc: object) -> None:
        enter_capture(self._capture)
