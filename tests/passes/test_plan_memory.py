"""The workspace plan: no two buffers in use at once overlap, and dead ones make room."""

from hypothesis import given, settings
from hypothesis import strategies as st

from symgrad.ir import parse
from symgrad.ops import PRIMITIVES
from symgrad.passes.fuse import fuse
from symgrad.passes.plan_memory import plan_memory
from symgrad.passes.schedule import Kernel


def nbytes(slot):
    return slot.size * slot.dtype.itemsize


def live_ranges(schedule):
    """(first, last) step of every workspace value."""
    ranges = {}
    for number, step in enumerate(schedule.steps):
        copies = step.copies if isinstance(step, Kernel) else ()
        touched = [v for e in step.eqns for v in e.outputs] + [c.like for c in copies]
        touched += [schedule.seen(a).root for e in step.eqns for a in e.inputs]
        touched += [schedule.seen(c.source).root for c in copies]
        for value in touched:
            first, _ = ranges.get(value, (number, number))
            ranges[value] = (first, number)
    return ranges


@st.composite
def programs(draw):
    """Chains and joins of a few shapes with products and sums between."""
    lines, known = [], ["x", "y"]
    for i in range(draw(st.integers(1, 25))):
        a, b = draw(st.sampled_from(known)), draw(st.sampled_from(known))
        call = draw(st.sampled_from(["add({a}, {b})", "matmul({a}, {b})", "exp({a})", "scale", "turn"]))
        if call == "scale":
            lines.append(f"    s{i} = sum({a}, axis=(0, 1))\n    v{i} = mul({b}, s{i})")
        elif call == "turn":
            lines.append(f"    t{i} = permute({a}, dims=(1, 0))\n    v{i} = add(t{i}, {b})")
        else:
            lines.append(f"    v{i} = {call.format(a=a, b=b)}")
        known.append(f"v{i}")
    kept = draw(st.lists(st.sampled_from(known), min_size=1, max_size=3))
    return "\n".join(["def f(x: f32[6,6], y: f32[6,6]):", *lines, f"    return {', '.join(kept)}"])


@given(programs())
@settings(max_examples=60, deadline=None)
def test_buffers_in_use_at_once_do_not_overlap(text):
    plan = plan_memory(fuse(parse(text, PRIMITIVES)))
    ranges = live_ranges(plan.schedule)
    slots = list(plan.slots.items())
    for i, (v, a) in enumerate(slots):
        assert a.offset >= 0 and a.offset + nbytes(a) <= plan.peak_nbytes
        for w, b in slots[i + 1 :]:
            together = ranges[v][0] <= ranges[w][1] and ranges[w][0] <= ranges[v][1]
            apart = a.offset + nbytes(a) <= b.offset or b.offset + nbytes(b) <= a.offset
            assert not together or apart, (v, w)
    assert plan.live_nbytes <= plan.peak_nbytes <= plan.unplanned_nbytes + 64 * len(slots)
    for time in range(len(plan.schedule.steps)):
        together = [v for v in plan.slots if ranges[v][0] <= time <= ranges[v][1]]
        assert sum(v.type.nbytes for v in together) <= plan.live_nbytes


def test_a_chain_of_products_needs_two_buffers():
    body = "\n".join(f"    h{i + 1} = matmul(h{i}, w)" for i in range(8))
    plan = plan_memory(fuse(parse(f"def f(h0: f32[16,16], w: f32[16,16]):\n{body}\n    return h8", PRIMITIVES)))
    assert plan.peak_nbytes == plan.live_nbytes == 2 * 1024 and plan.unplanned_nbytes == 7 * 1024


def test_named_extents_group_apart_from_plain_ones():
    from symgrad.dtypes import float32
    from symgrad.ir import Builder, Dim, Graph, TensorType, Value

    def plan(n):
        x, w = (Value(TensorType(s, float32), h) for s, h in (((Dim(n, "n0"), 8), "x"), ((8, 8), "w")))
        b = Builder()
        mm = PRIMITIVES["matmul"]
        (p,) = b.emit(mm, (x, w), {})
        (q,) = b.emit(mm, (p, w), {})
        (k,) = b.emit(mm, (w, w), {})
        (r,) = b.emit(mm, (q, k), {})
        return plan_memory(fuse(Graph("f", (x, w), tuple(b.eqns), (r,))))

    small, large = plan(2), plan(1000)
    assert [str(getattr(s.offset, "expr", s.offset)) for s in small.slots.values()] == [
        str(getattr(s.offset, "expr", s.offset)) for s in large.slots.values()]  # fmt: skip
