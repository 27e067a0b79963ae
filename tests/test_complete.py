"""Nothing is declared and then forgotten: primitives, rewrite rules and errors are all accounted for."""

from __future__ import annotations

import ast
import functools
import importlib.util
import inspect
from pathlib import Path

import pytest
from samples import SAMPLES, WITHOUT_SAMPLES

from symgrad import errors
from symgrad.ops import PRIMITIVES
from symgrad.passes.rules import RULES

TESTS = Path(__file__).parent
ROOT = TESTS.parent / "symgrad"
primitives = pytest.mark.parametrize("prim", PRIMITIVES.values(), ids=str)
ERRORS = {
    name: cls for name, cls in vars(errors).items()
    if inspect.isclass(cls) and issubclass(cls, errors.SymgradError) and cls is not errors.SymgradError
}  # fmt: skip


@primitives
def test_primitive_is_documented(prim) -> None:
    assert prim.doc.strip().endswith((".", ")")) and len(prim.doc) > 10
    assert prim.gradient or not prim.differentiable or prim.name in WITHOUT_SAMPLES, "its gradient is not said"


@primitives
def test_primitive_has_samples(prim) -> None:
    if prim.name in WITHOUT_SAMPLES:
        assert prim.name not in SAMPLES and WITHOUT_SAMPLES[prim.name]
        return
    labels = [sample.label for sample in SAMPLES[prim.name]]
    assert any("usual" in label or label in ("all", "bools") or not prim.names for label in labels)
    for sample in SAMPLES[prim.name]:
        assert set(sample.params) <= set(prim.params), sample.label


@primitives
def test_every_operand_says_whether_it_has_a_gradient(prim) -> None:
    keys = [k for key in prim.grad for k in (key if isinstance(key, tuple) else (key,))]
    assert sorted(keys) == sorted(prim.names)


def test_no_samples_for_what_does_not_exist() -> None:
    assert set(SAMPLES) | set(WITHOUT_SAMPLES) <= set(PRIMITIVES)


def test_every_rule_is_tested() -> None:
    """test_rules.py is parametrised over the table itself, so that a new rule cannot be left out."""
    spec = importlib.util.spec_from_file_location("rules_tests", TESTS / "passes" / "test_rules.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    (mark,) = module.test_rule.pytestmark
    assert mark.args[1] is RULES


@functools.cache
def raised() -> set[str]:
    """Names in `raise X(...)` and `return X(...)` anywhere in the package."""
    found = set()
    for path in ROOT.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            value = node.exc if isinstance(node, ast.Raise) else getattr(node, "value", None)
            if isinstance(node, (ast.Raise, ast.Return)) and isinstance(value, ast.Call):
                found.add(ast.unparse(value.func).rpartition(".")[2])
    return found


@pytest.mark.parametrize("name", ERRORS)
def test_error_is_raised_somewhere_and_has_a_builtin_base(name: str) -> None:
    assert name in raised()
    assert ERRORS[name].__doc__
    assert any(base.__module__ == "builtins" and base not in (Exception, BaseException, object)
               for base in ERRORS[name].__mro__)  # fmt: skip


def test_an_error_says_where_and_what_to_do() -> None:
    error = errors.ShapeError("extents differ", hint="transpose one")
    assert isinstance(error, RuntimeError) and error.loc is not None and error.loc.function.startswith("test_an_")
    assert str(error).splitlines()[0] == "extents differ" and str(error).endswith("hint: transpose one")
