"""Native functions: control flow, arrays of every layout, calls of each other, errors, and who may call them."""

from __future__ import annotations

import math
import sys
import threading
import time

import numpy as np
import pytest
from native.harness import HEAD, compiled, load, signature

from symgrad import native
from symgrad.native.errors import UnsupportedError


def test_loops_count_as_ranges_do() -> None:
    body = "n = 0\n    for i in range(a, b, {step}):\n        out[n] = i\n        n = n + 1\n    out[9] = n"
    for step in (1, 2, -1, -3):
        run = compiled(body.format(step=step), "out: int64[::1], a: int64, b: int64")
        for a, b in ((0, 5), (5, 0), (2, 2), (-3, 4)):
            out = np.zeros(10, np.int64)
            run(out, a, b)
            assert out[: out[9]].tolist() == list(range(a, b, step))


def test_while_break_out_by_return_and_choices() -> None:
    text = HEAD + '''
@njit(error_model="numpy")
def steps(n):
    """How often n is halved or tripled until it is 1."""
    count = 0
    if n < 1:
        return -1
    while n != 1:
        if n % 2 == 0:
            n //= 2
        else:
            n = 3 * n + 1
        count += 1
    return count

@njit
def run(out, a):
    for i in range(a.shape[0]):
        out[i] = steps(a[i])
'''
    a = np.arange(-2, 30)
    out = np.zeros_like(a)
    load(text).run(out, a)
    wanted = []
    for n in a.tolist():
        count = 0 if n >= 1 else -1
        while n > 1:
            n, count = n // 2 if n % 2 == 0 else 3 * n + 1, count + 1
        wanted.append(count)
    assert out.tolist() == wanted


def test_what_is_not_chosen_is_not_looked_at() -> None:
    """An element before the first would be a crash or worse."""
    run = compiled("for i in range(a.shape[0]):\n        out[i] = a[i - 1] if i > 0 else 7.0\n"
                   "        out[i] = out[i] if i < 1 or a[i - 1] > 2.0 and not a[i] > 3.0 else -1.0",
                   "out: float64[::1], a: float64[::1]")  # fmt: skip
    a, out = np.arange(5.0), np.zeros(5)
    run(out, a)
    assert out.tolist() == [7.0, -1.0, -1.0, -1.0, -1.0]
    assert (compiled("out[0] = 1.0 if a.shape[0] > 0 and a[0] > 0.0 else 2.0", "out: float64[::1], a: float64[::1]")
            (out, np.zeros(0)) is None) and out[0] == 2.0  # fmt: skip


@pytest.mark.parametrize("dtype", ["bool", "int8", "uint16", "int32", "uint64", "float32", "float64"])
def test_arrays_of_every_dtype_and_layout(dtype: str) -> None:
    body = "for i in range(x.shape[0]):\n        for j in range(x.shape[1]):\n            out[i, j] = x[i, j]"
    run = compiled(body, f"out: {dtype}[:, ::1], x: {dtype}[:, :]")
    base = np.arange(48).reshape(6, 8).astype(dtype)
    for x in (base, base.T, base[::2, ::3], base[::-1, 1:], base[:0], base[:, :0]):
        out = np.zeros(x.shape, dtype)
        run(out, x)
        np.testing.assert_array_equal(out, x)


def test_flat_views_parts_and_arrays_without_axes() -> None:
    run = compiled("flat = x.ravel()\n    part = flat[2:5]\n    for i in range(part.shape[0]):\n"
                   "        part[i] = part[i] + z.ravel()[0]\n    n.ravel()[0] = flat.size",
                   "x: float32[:, ::1], z: Array(float32, 0, 'C'), n: Array(int64, 0, 'C')")  # fmt: skip
    x, z, n = np.zeros((2, 4), np.float32), np.array(2, np.float32), np.array(0)
    run(x, z, n)
    assert x.tolist() == [[0, 0, 2, 2], [2, 0, 0, 0]] and n == 8


def test_arithmetic_may_be_reordered_only_where_it_is_said() -> None:
    """A plain sum of floats adds in order; `_add` with `reassoc` lets vectors add."""
    x = np.concatenate([[1e8], np.ones(1000), [-1e8]]).astype(np.float32)
    out = np.zeros(1, np.float32)
    compiled("s = float32(0.0)\n    for i in range(x.shape[0]):\n        s = s + x[i]\n    out[0] = s",
             "out: float32[::1], x: float32[::1]")(out, x)  # fmt: skip
    plain = np.float32(0)
    for v in x:
        plain += v
    assert out[0] == plain
    head = '@njit(fastmath={"reassoc", "nsz"}, forceinline=True)\ndef _add(a, b):\n    return a + b\n'
    module = load(f"{HEAD}{head}\n@njit\ndef run(out, x):\n    s = float32(0.0)\n    for i in range(x.shape[0]):\n"
                  "        s = _add(s, x[i])\n    out[0] = s\n")  # fmt: skip
    assert "fadd reassoc nsz float" in module.run.assembly(signature("out: float32[::1], x: float32[::1]"))


# -- errors ---------------------------------------------------------------------------------------

RAISING = HEAD + '''
@njit(nogil=True)
def check(x, out):
    """Copies what is not negative."""
    for i in range(x.shape[0]):
        if x[i] < 0:
            raise IndexError("index", x[i], "at", i, "is below", 0.5)
        out[i] = x[i]

@njit(nogil=True)
def run(x, out):
    check(x, out)
    out[0] = 100
'''


def test_errors_are_pythons() -> None:
    run = load(RAISING).run
    out = np.zeros(3, np.int64)
    run(np.array([1, 2, 3]), out)
    assert out.tolist() == [100, 2, 3]
    before = sys.getrefcount(IndexError)
    for _ in range(3):
        with pytest.raises(IndexError) as caught:
            run(np.array([4, -5, 6]), out)
        assert caught.value.args == ("index", -5, "at", 1, "is below", 0.5)
        assert out.tolist() == [4, 2, 3]  # nothing after the error ran
        out[0] = 100
    del caught
    assert sys.getrefcount(IndexError) <= before + 1
    found: list[BaseException] = []

    def other() -> None:
        try:
            run(np.array([-1]), out)
        except IndexError as error:
            found.append(error)

    thread = threading.Thread(target=other)
    thread.start()
    thread.join()
    assert found and found[0].args[1] == -1


def test_numbas_meaning_of_pythons_symbols_is_not_ours() -> None:
    """Numba tells LLVM that `PyExc_IndexError` is the class; to CPython it is where the class's address lies."""
    pytest.importorskip("numba").njit(lambda x: x + 1)(1)
    with pytest.raises(IndexError):
        load(RAISING).run(np.array([-1]), np.zeros(1, np.int64))


def test_wrong_arguments_are_refused() -> None:
    run = compiled("out[0] = a", "out: float64[::1], a: float64")
    out = np.zeros(1)
    for wrong in ((out,), (out, 1.0, 2.0), ([0.0], 1.0), (out, "a"), (1.0, 1.0)):
        with pytest.raises(TypeError):
            run(*wrong)
    run(out, 3)
    assert out[0] == 3.0
    with pytest.raises(OverflowError):
        compiled("out[0] = float64(a)", "out: float64[::1], a: int64")(out, 2**70)
    with pytest.raises(TypeError, match="does not take str"):
        load(RAISING).run("x", out)


def test_subclasses_of_arrays_are_arrays(tmp_path) -> None:
    out = np.memmap(tmp_path / "out", np.float64, "w+", shape=(2,))
    compiled("out[0] = a", "out: float64[::1], a: float64")(out, 3.0)
    assert out[0] == 3.0


@pytest.mark.parametrize("body", ["out[0] = [a][0]", "out[0] = missing(a)", "with a:\n        pass", "out[0] = 'a'",
                                  "out[0, 1] = a", "del a", "out[0] = math.gamma(a)"])  # fmt: skip
def test_what_it_cannot_compile_it_says(body: str) -> None:
    with pytest.raises(UnsupportedError, match=r"run.*: cannot compile"):
        compiled(body, "out: float64[::1], a: float64")


# -- calls ----------------------------------------------------------------------------------------


def test_each_signature_has_its_code() -> None:
    run = load(HEAD + "@njit\ndef run(x, out):\n    for i in range(x.shape[0]):\n        out[i] = x[i] / 2\n").run
    for dtype in (np.float32, np.float64, np.int64):
        out = np.zeros(2)
        run(np.array([3, 4], dtype), out)
        assert out.tolist() == [1.5, 2.0]
    assert len(run.compiled) == 3
    assert isinstance(run, native.Function)


def test_other_threads_run_meanwhile() -> None:
    """With `nogil` the interpreter goes on; without it, it waits."""
    body = "t = 0.0\n    for i in range(n):\n        t = t + math.sin(float64(i))\n    out[0] = t"
    turns: dict[bool, int] = {}
    for free in (True, False):
        run = compiled(body, "out: float64[::1], n: int64", options=f"nogil={free}")
        done = threading.Event()
        thread = threading.Thread(target=lambda run=run, done=done: (run(np.zeros(1), 20_000_000), done.set()))
        thread.start()
        time.sleep(0.01)
        turns[free] = 0
        while not done.is_set():
            turns[free] += 1
            time.sleep(0.002)
        thread.join()
    assert turns[True] > 3 * max(turns[False], 1)


def test_a_million_calls_leak_nothing() -> None:
    run = compiled("out[0] = a", "out: float64[::1], a: float64")
    out, before = np.zeros(1), sys.getrefcount(None)
    for _ in range(1000):
        run(out, math.pi)
    assert abs(sys.getrefcount(None) - before) < 100
