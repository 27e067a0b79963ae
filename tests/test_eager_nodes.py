"""`grad_fn` against PyTorch's: names, links, hooks on nodes, tensors and leaves."""

from __future__ import annotations

from typing import Any

import pytest
from oracle import BOTH, agree, make
from samples import values

import symgrad as sg

A = values(2, 2) + 1.5

NAMES = {
    "add": lambda lib, x: x + x, "sub": lambda lib, x: x - 1, "mul": lambda lib, x: x * 2,
    "div": lambda lib, x: x / x, "neg": lambda lib, x: -x, "pow": lambda lib, x: x**2,
    "pow of tensors": lambda lib, x: x**x, "exp": lambda lib, x: x.exp(), "relu": lambda lib, x: x.relu(),
    "clamp": lambda lib, x: x.clamp(0, 1), "sum": lambda lib, x: x.sum(), "sum dim": lambda lib, x: x.sum(0),
    "mean": lambda lib, x: x.mean(), "mean dim": lambda lib, x: x.mean(0), "mm": lambda lib, x: x @ x,
    "t": lambda lib, x: x.t(), "T": lambda lib, x: x.T, "transpose": lambda lib, x: x.transpose(0, 1),
    "permute": lambda lib, x: x.permute(1, 0), "view": lambda lib, x: x.view(4),
    "reshape": lambda lib, x: x.reshape(4), "unsqueeze": lambda lib, x: x.unsqueeze(0),
    "squeeze": lambda lib, x: x[None].squeeze(), "squeeze dim": lambda lib, x: x[None].squeeze(0),
    "select": lambda lib, x: x[0], "slice": lambda lib, x: x[0:1], "second column": lambda lib, x: x[:, 1],
    "None": lambda lib, x: x[None], "expand": lambda lib, x: x[0].expand(3, 2), "clone": lambda lib, x: x.clone(),
    "contiguous": lambda lib, x: x.t().contiguous(), "double": lambda lib, x: x.float(),
    "where": lambda lib, x: lib.where(x > 1, x, x * 2), "add_": lambda lib, x: (x * 1).add_(1),
    "copy_": lambda lib, x: (x * 1).copy_(lib.ones(2, 2)), "write": lambda lib, x: written(x * 1),
}  # fmt: skip


def written(x: Any) -> Any:
    x[0] = 2.0
    return x


@pytest.mark.parametrize("name", NAMES)
def test_names(name: str) -> None:
    def program(lib: Any) -> Any:
        node = NAMES[name](lib, make(lib, A, True)).grad_fn
        return node.name(), type(node).__name__, repr(node).split()[0]

    agree(program)


def test_a_node_and_its_links() -> None:
    def program(lib: Any) -> Any:
        x, y = make(lib, A, True), make(lib, A, True)
        node = (x * y * 3).grad_fn
        inner = node.next_functions[0][0]
        leaf = inner.next_functions[0][0]
        node.metadata["note"] = 1
        return (
            len(node.next_functions), node.next_functions[1], inner.name(), leaf.name(), type(leaf).__name__,
            leaf.variable is x, leaf is (x + 1).grad_fn.next_functions[0][0], leaf.next_functions, node.metadata,
            isinstance(node, lib.autograd.graph.Node), x.grad_fn, inner(lib.ones(2, 2))[0],
            node.requires_grad,
        )  # fmt: skip

    agree(program)


def test_outputs_of_one_node_share_it() -> None:
    def program(lib: Any) -> Any:
        class Two(lib.autograd.Function):
            @staticmethod
            def forward(ctx: Any, x: Any) -> Any:
                return x * 2, x * 3

            @staticmethod
            def backward(ctx: Any, g: Any, h: Any) -> Any:
                return g * 2 + h * 3

        a, b = Two.apply(make(lib, A, True))
        following = (a + b).grad_fn.next_functions
        return a.grad_fn is b.grad_fn, a.output_nr, b.output_nr, following[0][0] is a.grad_fn, following[1][1]

    agree(program)


def test_the_order_of_hooks() -> None:
    def program(lib: Any) -> Any:
        x, log = make(lib, A, True), []
        y = x * 2
        node, leaf = y.grad_fn, y.grad_fn.next_functions[0][0]
        node.register_hook(lambda gi, go: log.append(("post", gi[0], gi[1], go[0])))
        node.register_prehook(lambda go: log.append(("pre", go[0])))
        y.register_hook(lambda g: log.append(("tensor", g)))
        leaf.register_hook(lambda gi, go: log.append(("leaf post", gi, go[0])))
        leaf.register_prehook(lambda go: log.append(("leaf pre", go[0])))
        x.register_hook(lambda g: log.append(("leaf", g)))
        x.register_post_accumulate_grad_hook(lambda t: log.append(("accumulated", t.grad)))
        y.retain_grad()
        y.register_hook(lambda g: g * 3)
        y.sum().backward()
        return log, y.grad, x.grad, y.retains_grad, x.retains_grad

    agree(program)


REPLACE = {
    "post": lambda y: y.grad_fn.register_hook(lambda gi, go: (gi[0] * 10, gi[1])),
    "pre": lambda y: y.grad_fn.register_prehook(lambda go: (go[0] * 10,)),
    "two": lambda y: (y.register_hook(lambda g: g + 1), y.register_hook(lambda g: g * 2)),
    "post, not a tuple": lambda y: y.grad_fn.register_hook(lambda gi, go: gi[0] * 10),
    "pre, not a tuple": lambda y: y.grad_fn.register_prehook(lambda go: go[0] * 10),
    "wrong number": lambda y: y.grad_fn.register_hook(lambda gi, go: (gi[0],)),
    "wrong shape": lambda y: y.register_hook(lambda g: g[0]),
    "wrong type": lambda y: y.register_hook(lambda g: 3),
    "wrong dtype": lambda y: y.register_hook(lambda g: g.float()),
    "removed": lambda y: y.register_hook(lambda g: g * 5).remove(),
}


@pytest.mark.parametrize("name", REPLACE)
def test_hooks_replace(name: str) -> None:
    def program(lib: Any) -> Any:
        x = make(lib, A, True)
        y = x * 2
        REPLACE[name](y)
        y.sum().backward()
        return x.grad

    agree(program)


def test_a_handle_as_a_context() -> None:
    def program(lib: Any) -> Any:
        x = make(lib, A, True)
        with x.register_hook(lambda g: g * 10):
            (x * 2).sum().backward()
        (x * 2).sum().backward()
        return x.grad

    agree(program)


def test_stepping_in_the_backward_pass() -> None:
    def program(lib: Any) -> Any:
        x, y = make(lib, A, True), make(lib, A + 1, True)

        def step(p: Any) -> None:
            with lib.no_grad():
                p.sub_(p.grad, alpha=0.1)
            p.grad = None

        for p in (x, y):
            p.register_post_accumulate_grad_hook(step)
        (x * y).sum().backward()
        return x, y, x.grad, y.grad

    agree(program)


ERRORS = {
    "hook, no grad": lambda lib, x: lib.ones(1).register_hook(print),
    "accumulated, no grad": lambda lib, x: lib.ones(1).register_post_accumulate_grad_hook(print),
    "accumulated, no leaf": lambda lib, x: (x * 2).register_post_accumulate_grad_hook(print),
    "retain, no grad": lambda lib, x: lib.ones(1).retain_grad(),
    "assign its own": lambda lib, x: setattr(x, "grad", x),
    "assign a shape": lambda lib, x: setattr(x, "grad", lib.ones(3, dtype=lib.float64)),
    "assign a dtype": lambda lib, x: setattr(x, "grad", lib.ones(2, 2)),
    "assign a number": lambda lib, x: setattr(x, "grad", 3),
    "requires_grad of ints": lambda lib, x: lib.ones(2, dtype=lib.int64).requires_grad_(),
    "requires_grad = 3": lambda lib, x: setattr(x, "requires_grad", 3),
    "requires_grad of a result": lambda lib, x: (x * 2).requires_grad_(False),
    "is_leaf = 1": lambda lib, x: setattr(x, "is_leaf", False),
    "grad_fn = 1": lambda lib, x: setattr(x, "grad_fn", None),
    "no inputs": lambda lib, x: x.sum().backward(inputs=[]),
    "inputs without grad": lambda lib, x: x.sum().backward(inputs=[lib.ones(1)]),
    "gradient (1,) of (1, 1)": lambda lib, x: (x[:1, :1] * 2).backward(lib.FloatTensor([0.1])),
    "gradient (1,) of ()": lambda lib, x: x.sum().backward(lib.FloatTensor([0.1])),
    "fewer gradients": lambda lib, x: lib.autograd.grad([x * 2, x.sum()], x, [lib.ones(2, 2)]),
    "complex gradient": lambda lib, x: (x * 2).backward(lib.ones(2, 2, dtype=lib.complex64)),
    "complex root": lambda lib, x: (x * 1j).sum().backward(),
    "no inputs of grad": lambda lib, x: lib.autograd.grad(x.sum(), []),
    "unused": lambda lib, x: lib.autograd.grad(x.sum(), lib.ones(1, requires_grad=True)),
    "materialize, but not allowed": lambda lib, x: lib.autograd.grad(
        x.sum(), x, materialize_grads=True, allow_unused=False),
    "deep copy of a result": lambda lib, x: __import__("copy").deepcopy(x * 2),
    "detach_ of a view": lambda lib, x: x[0].detach_(),
}  # fmt: skip


@pytest.mark.parametrize("name", ERRORS)
def test_errors(name: str) -> None:
    agree(lambda lib: ERRORS[name](lib, make(lib, A, True)))


def test_document_002_with_its_cotangent_in_shape() -> None:
    def program(lib: Any) -> Any:
        xx = lib.autograd.Variable(make(lib, A[:1, :1]).float(), requires_grad=True)
        zz = (3 * xx) ** 2
        zz.backward(lib.FloatTensor([[0.1]]))
        return xx.grad

    agree(program)


def test_grad_of_what_is_no_leaf_warns() -> None:
    for lib in BOTH:
        with pytest.warns(UserWarning, match="not a leaf Tensor"):
            assert (make(lib, A, True) * 2).grad is None


def test_materialized_and_batched() -> None:
    def program(lib: Any) -> Any:
        x, y = make(lib, A, True), make(lib, A, True)
        batch = make(lib, values(3, 2, 2))
        return (lib.autograd.grad(x.sum(), [x, y], materialize_grads=True),
                lib.autograd.grad(x * 2, x, batch, is_grads_batched=True))  # fmt: skip

    agree(program)


def test_only_what_leads_to_the_inputs_runs() -> None:
    def program(lib: Any) -> Any:
        a, b, seen = make(lib, A, True), make(lib, A, True), []
        c, d = (a * 3).exp(), b.exp()
        d.register_hook(lambda g: seen.append("d"))
        s = (c * c * d).sum()
        s.backward(inputs=[a], retain_graph=True)
        s.backward(inputs=[c], retain_graph=True)
        first = lib.autograd.grad(s, [c, b])
        return a.grad, b.grad, c.grad, first, seen, lib.autograd.grad(c.sum(), a)

    agree(program)


def test_what_ran_is_freed() -> None:
    def program(lib: Any) -> Any:
        a, b = make(lib, A, True), make(lib, A, True)
        s = (a.exp() * b.exp()).sum()
        lib.autograd.grad(s, a)
        lib.autograd.grad(s, b)

    agree(program)


def test_several_roots_are_one_pass() -> None:
    def program(lib: Any) -> Any:
        x, seen = make(lib, A, True), []
        h = x * 2
        h.register_hook(seen.append)
        lib.autograd.backward([h.sum(), (h * h), h.mean()], [None, make(lib, A), make(lib, A[0, 0])])
        return x.grad, seen

    agree(program)


def test_retain_grad_follows_a_change_in_place_and_hooks_do_not() -> None:
    def program(lib: Any) -> Any:
        x, seen = make(lib, A, True), []
        y = x * 2
        y.retain_grad()
        y.register_hook(seen.append)
        y.mul_(3)
        y.register_hook(lambda g: g * 5)
        y.sum().backward()
        return y.grad, x.grad, seen

    agree(program)


def test_copying_a_leaf_is_no_leaf() -> None:
    def program(lib: Any) -> Any:
        x = make(lib, A, True)
        y = lib.zeros(2, 2, dtype=lib.float64).copy_(x)
        y.mul_(2).sum().backward()
        return y.is_leaf, y, x.grad

    agree(program)


def test_saved_values_by_name() -> None:
    def program(lib: Any) -> Any:
        x = make(lib, A, True)
        return (x**3).grad_fn._saved_self, (x**3).grad_fn._saved_exponent, x.exp().grad_fn._saved_result

    agree(program)


def test_gradients_from_several_threads_add_up() -> None:
    import threading

    def program(lib: Any) -> Any:
        x = make(lib, A, True)

        def work() -> None:
            for _ in range(50):
                (x * x).sum().backward()

        threads = [threading.Thread(target=work) for _ in range(4)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        return x.grad

    agree(program, 1e-9)


def test_symbols_tell_that_there_is_no_graph_to_walk() -> None:
    w = sg.ones(2, requires_grad=True)

    def step(x: Any) -> Any:
        return (w * x).grad_fn.next_functions

    with pytest.raises(sg.errors.TraceError, match="next_functions"):
        sg.compile(step, fullgraph=True)(sg.ones(2))


REFLECTED = {"2 + x": lambda x: 2 + x, "2 * x": lambda x: 2 * x, "True * x": lambda x: True * x}


@pytest.mark.parametrize("name", REFLECTED)
def test_reflected_operators_list_the_tensor_first(name: str) -> None:
    def program(lib: Any) -> Any:
        inner = REFLECTED[name](make(lib, A, True).exp()).grad_fn.next_functions
        return [node and node.name() for node, _ in inner]

    agree(program)
