"""Learning rate schedules against PyTorch: rate and momentum of every epoch, state in mid-course, warnings, errors."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Callable
from typing import Any

import pytest
from optim_table import same
from oracle import agree, torch, warned

import symgrad as sg


class Halving:
    """A function of the epoch that has state."""

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self, epoch: int) -> float:
        self.calls += 1
        return 0.5 ** (epoch // 7)


def measure(epoch: int) -> float:
    """Falls, stays, jumps, and falls again."""
    return 1.0 / (epoch + 1) if epoch < 20 or epoch % 11 == 0 else 0.5 + (epoch % 5) * 0.1


SCHEDULES: dict[str, Callable[[Any, Any], Any]] = {
    "Step": lambda S, o: S.StepLR(o, 7),
    "Step with gamma": lambda S, o: S.StepLR(o, step_size=30, gamma=0.5),
    "Step every": lambda S, o: S.StepLR(o, 1, 0.97),
    "MultiStep": lambda S, o: S.MultiStepLR(o, [5, 20, 20, 60]),
    "MultiStep unsorted": lambda S, o: S.MultiStepLR(o, milestones=(60, 3), gamma=0.7),
    "Exponential": lambda S, o: S.ExponentialLR(o, 0.96),
    "Exponential up": lambda S, o: S.ExponentialLR(o, gamma=1.01),
    "Constant": lambda S, o: S.ConstantLR(o),
    "Constant long": lambda S, o: S.ConstantLR(o, factor=0.1, total_iters=40),
    "Linear": lambda S, o: S.LinearLR(o),
    "Linear down": lambda S, o: S.LinearLR(o, start_factor=1.0, end_factor=0.2, total_iters=30),
    "Linear to zero": lambda S, o: S.LinearLR(o, start_factor=0.5, end_factor=0.0, total_iters=12),
    "Polynomial": lambda S, o: S.PolynomialLR(o),
    "Polynomial long": lambda S, o: S.PolynomialLR(o, total_iters=80, power=2.5),
    "Cosine": lambda S, o: S.CosineAnnealingLR(o, 10),
    "Cosine with eta_min": lambda S, o: S.CosineAnnealingLR(o, T_max=33, eta_min=0.001),
    "Cosine to the end": lambda S, o: S.CosineAnnealingLR(o, 100),
    "Restarts": lambda S, o: S.CosineAnnealingWarmRestarts(o, 7),
    "Restarts longer": lambda S, o: S.CosineAnnealingWarmRestarts(o, T_0=5, T_mult=2, eta_min=1e-4),
    "Lambda": lambda S, o: S.LambdaLR(o, lambda epoch: 0.95**epoch),
    "Lambda list": lambda S, o: S.LambdaLR(o, [lambda epoch: epoch // 30, lambda epoch: 1 / (1 + epoch)]),
    "Lambda object": lambda S, o: S.LambdaLR(o, Halving()),
    "Multiplicative": lambda S, o: S.MultiplicativeLR(o, lambda epoch: 0.95),
    "Multiplicative list": lambda S, o: S.MultiplicativeLR(o, [Halving(), lambda epoch: 1 - 1 / (epoch + 2)]),
    "Cyclic": lambda S, o: S.CyclicLR(o, 0.001, 0.1, step_size_up=8),
    "Cyclic uneven": lambda S, o: S.CyclicLR(o, [0.001, 0.01], [0.1, 0.2], step_size_up=5, step_size_down=12),
    "Cyclic triangular2": lambda S, o: S.CyclicLR(o, 0.001, 0.1, 6, mode="triangular2", base_momentum=[0.7, 0.75]),
    "Cyclic exp_range": lambda S, o: S.CyclicLR(o, 0.001, 0.1, 6, mode="exp_range", gamma=0.99),
    "Cyclic scale_fn": lambda S, o: S.CyclicLR(o, 0.001, 0.1, 6, scale_fn=lambda x: 1 / (5 ** (x * 0.0001)),
                                               scale_mode="iterations"),  # fmt: skip
    "Cyclic scale object": lambda S, o: S.CyclicLR(o, 0.001, 0.1, 6, scale_fn=Halving()),
    "Cyclic rate only": lambda S, o: S.CyclicLR(o, 0.001, 0.1, 9, cycle_momentum=False),
    "OneCycle": lambda S, o: S.OneCycleLR(o, max_lr=0.1, total_steps=110),
    "OneCycle epochs": lambda S, o: S.OneCycleLR(o, [0.1, 0.3], epochs=11, steps_per_epoch=10, pct_start=0.2),
    "OneCycle linear": lambda S, o: S.OneCycleLR(o, 0.1, 120, anneal_strategy="linear", div_factor=10),
    "OneCycle three phases": lambda S, o: S.OneCycleLR(o, 0.1, 105, three_phase=True, base_momentum=0.8,
                                                       max_momentum=0.99, final_div_factor=100.0),  # fmt: skip
    "OneCycle rate only": lambda S, o: S.OneCycleLR(o, 0.1, 101, cycle_momentum=False),
    "Sequential": lambda S, o: S.SequentialLR(
        o, [S.ConstantLR(o, 0.1, total_iters=4), S.ExponentialLR(o, 0.9)], milestones=[20]),  # fmt: skip
    "Sequential of three": lambda S, o: S.SequentialLR(
        o, schedulers=[S.LinearLR(o, 0.1, total_iters=5), S.CosineAnnealingLR(o, 20), S.StepLR(o, 10, 0.5)],
        milestones=[5, 45]),  # fmt: skip
    "Sequential nested": lambda S, o: S.SequentialLR(
        o, [S.SequentialLR(o, [S.ConstantLR(o, 0.5, 3), S.StepLR(o, 4)], [8]),
            S.CosineAnnealingWarmRestarts(o, 6)], [30]),  # fmt: skip
    "Chained": lambda S, o: S.ChainedScheduler([S.ConstantLR(o, 0.1, 20), S.ExponentialLR(o, 0.9)], optimizer=o),
    "Chained in Sequential": lambda S, o: S.ChainedScheduler([S.StepLR(o, 9, 0.5), S.CosineAnnealingLR(o, 25)]),
    "Plateau": lambda S, o: S.ReduceLROnPlateau(o),
    "Plateau min abs": lambda S, o: S.ReduceLROnPlateau(o, "min", 0.5, 3, threshold=0.01, threshold_mode="abs"),
    "Plateau max rel": lambda S, o: S.ReduceLROnPlateau(o, mode="max", factor=0.3, patience=2, cooldown=5),
    "Plateau max abs": lambda S, o: S.ReduceLROnPlateau(o, "max", threshold_mode="abs", patience=4, min_lr=1e-3),
    "Plateau min_lr list": lambda S, o: S.ReduceLROnPlateau(o, patience=0, min_lr=[0.02, 1e-4], eps=1e-3),
}
OPTIMIZERS = {
    "SGD": lambda lib, ps: lib.optim.SGD([{"params": ps[:1], "lr": 0.5}, {"params": ps[1:]}], lr=0.05, momentum=0.9),
    "Adam": lambda lib, ps: lib.optim.Adam([{"params": ps[:1]}, {"params": ps[1:], "lr": 0.3}], lr=0.01),
}


def begin(lib: Any, optimizer: str = "SGD") -> Any:
    return OPTIMIZERS[optimizer](lib, [lib.zeros(2, requires_grad=True) for _ in range(2)])


def follow(optimizer: Any, scheduler: Any, first: int, last: int) -> list[Any]:
    rows = []
    for epoch in range(first, last):
        groups = optimizer.param_groups
        rows.append([(g["lr"], g.get("momentum"), g.get("betas")) for g in groups])
        rows.append([*scheduler.get_last_lr()])
        optimizer.step()
        if "Plateau" in type(scheduler).__name__:
            scheduler.step(measure(epoch))
        else:
            scheduler.step()
    return rows


def close(mine: Any, theirs: Any) -> None:
    """Equal in structure; numbers to the last digits that different orders of multiplication leave."""
    if isinstance(theirs, (list, tuple)):
        assert len(mine) == len(theirs)
        for a, b in zip(mine, theirs):
            close(a, b)
    elif isinstance(theirs, dict):
        assert set(mine) == set(theirs)
        for key, value in theirs.items():
            close(mine[key], value)
    elif isinstance(theirs, float):
        assert mine == pytest.approx(theirs, rel=1e-12, abs=1e-15)
    elif not callable(theirs):
        assert mine == theirs


@pytest.mark.parametrize("kind", OPTIMIZERS)
@pytest.mark.parametrize("name", SCHEDULES)
def test_a_hundred_epochs(name: str, kind: str) -> None:
    results = []
    for lib in (sg, torch):
        optimizer = begin(lib, kind)
        scheduler = SCHEDULES[name](lib.optim.lr_scheduler, optimizer)
        rows = follow(optimizer, scheduler, 0, 100)
        results.append((rows, scheduler.state_dict(), repr(optimizer).count("initial_lr")))
    close(*results)


@pytest.mark.parametrize("source", [sg, torch], ids=["own", "torch's"])
@pytest.mark.parametrize("name", SCHEDULES)
def test_state_in_mid_course(name: str, source: Any) -> None:
    """States of both libraries, plain numbers all of them, go on alike in fresh objects."""
    optimizer = begin(source)
    scheduler = SCHEDULES[name](source.optim.lr_scheduler, optimizer)
    follow(optimizer, scheduler, 0, 37)
    saved = copy.deepcopy((optimizer.state_dict(), scheduler.state_dict()))
    rest = follow(optimizer, scheduler, 37, 100)
    again = begin(sg)
    resumed = SCHEDULES[name](sg.optim.lr_scheduler, again)
    again.load_state_dict({"state": {}, "param_groups": saved[0]["param_groups"]})
    resumed.load_state_dict(saved[1])
    close(follow(again, resumed, 37, 100), rest)


CHAINABLE = [n for n in SCHEDULES if n.split()[0] in {"Step", "MultiStep", "Exponential", "Constant", "Linear",
                                                      "Polynomial", "Cosine", "Restarts"}]  # fmt: skip


@pytest.mark.parametrize("name", CHAINABLE)
def test_going_to_an_epoch(name: str) -> None:
    def program(lib: Any) -> Any:
        optimizer = begin(lib)
        scheduler = SCHEDULES[name](lib.optim.lr_scheduler, optimizer)
        rows = []
        with warnings.catch_warnings(record=True) as seen:
            warnings.simplefilter("always")
            for epoch in (0, 3, 17, 5, 61):
                optimizer.step()
                scheduler.step(epoch)
                rows.append(scheduler.get_last_lr())
        return rows, scheduler.last_epoch, len(seen)

    close(program(sg), program(torch))


@pytest.mark.parametrize("name", [n for n in SCHEDULES if n.split()[0] not in {"Sequential", "Chained", "Plateau"}])
def test_starting_at_an_epoch(name: str) -> None:
    def program(lib: Any) -> Any:
        optimizer = begin(lib)
        first = SCHEDULES[name](lib.optim.lr_scheduler, optimizer)
        follow(optimizer, first, 0, 9)

        class Late:
            """The schedules, told that epoch 8 was the last."""

            def __getattr__(self, kind: str) -> Any:
                return lambda *args, **given: getattr(lib.optim.lr_scheduler, kind)(*args, **given, last_epoch=8)

        scheduler = SCHEDULES[name](Late(), optimizer)
        return follow(optimizer, scheduler, 9, 30)

    close(program(sg), program(torch))


def test_starting_at_an_epoch_without_first_rates() -> None:
    agree(lambda lib: lib.optim.lr_scheduler.StepLR(begin(lib), 3, last_epoch=4))


def test_fractions_of_an_epoch() -> None:
    def program(lib: Any) -> Any:
        optimizer = begin(lib)
        scheduler = lib.optim.lr_scheduler.CosineAnnealingWarmRestarts(optimizer, 4, T_mult=3)
        rows = []
        for k in range(60):
            optimizer.step()
            scheduler.step(k / 3)
            rows.append(scheduler.get_last_lr())
        return rows

    close(program(sg), program(torch))


RATES = ["Step", "MultiStep", "Exponential", "Linear", "Polynomial", "Cosine", "Restarts", "Lambda", "Multiplicative",
         "Sequential", "Chained", "Plateau min abs", "Cyclic rate only"]  # fmt: skip


@pytest.mark.parametrize("name", RATES)
def test_rates_that_are_tensors(name: str) -> None:
    def program(lib: Any) -> Any:
        lr = lib.tensor(0.5)
        optimizer = lib.optim.SGD([lib.zeros(2, requires_grad=True)], lr=lr)
        scheduler = SCHEDULES[name](lib.optim.lr_scheduler, optimizer)
        rows = []
        for epoch in range(30):
            optimizer.step()
            scheduler.step(*([measure(epoch)] if "Plateau" in name else []))
            rows.append(lr.item())
            rows.append([float(x) for x in scheduler.get_last_lr()])
        return rows, optimizer.param_groups[0]["lr"] is lr

    same(program, 1e-5)


def users_warnings(action: Callable[[], Any]) -> list[str]:
    return [text[:60] for kind, text in warned(action) if issubclass(kind, UserWarning)]


def test_warning_of_the_wrong_order() -> None:
    def program(lib: Any) -> Any:
        def first(order: str) -> list[str]:
            optimizer = begin(lib)
            optimizer.step()  # does not count: no schedule yet
            scheduler = lib.optim.lr_scheduler.StepLR(optimizer, 3)

            def act() -> None:
                for what in order:
                    (optimizer if what == "o" else scheduler).step()

            return users_warnings(act)

        return [first(order) for order in ("s", "so", "ss", "os", "oss", "")]

    assert program(sg) == program(torch)


def test_a_compiled_step_counts_as_one() -> None:
    param = sg.ones(2, requires_grad=True)
    optimizer = sg.optim.SGD([param], lr=0.1)

    @sg.compile(backend="numpy", fullgraph=True)
    def step() -> Any:
        optimizer.zero_grad()
        loss = (param**2).sum()
        loss.backward()
        optimizer.step()
        return loss

    step()
    scheduler = sg.optim.lr_scheduler.ExponentialLR(optimizer, 0.5)
    step()
    assert users_warnings(scheduler.step) == []
    before = param.detach().clone()
    step()
    assert sg.allclose(param.detach(), before * (1 - 2 * 0.05))
    assert len(step.variants) == 1
    other = sg.optim.lr_scheduler.ExponentialLR(sg.optim.SGD([sg.ones(1, requires_grad=True)]), 0.5)
    assert len(users_warnings(other.step)) == 1


def test_get_lr_outside_of_step_warns() -> None:
    def program(lib: Any) -> Any:
        optimizer = begin(lib)
        made = [lib.optim.lr_scheduler.StepLR(optimizer, 3), lib.optim.lr_scheduler.LambdaLR(optimizer, lambda e: 1.0)]
        return [users_warnings(s.get_lr) for s in made]

    assert program(sg) == program(torch)


def test_a_schedule_of_ones_own() -> None:
    def program(lib: Any) -> Any:
        class Warmup(lib.optim.lr_scheduler._LRScheduler):  # type: ignore[misc]
            def __init__(self, optimizer: Any, steps: int, last_epoch: int = -1):
                self.steps = steps
                super().__init__(optimizer, last_epoch)

            def get_lr(self) -> Any:
                return [base * min(1.0, (self.last_epoch + 1) / self.steps) for base in self.base_lrs]

        optimizer = begin(lib)
        scheduler = Warmup(optimizer, 5)
        return follow(optimizer, scheduler, 0, 10), scheduler.state_dict()

    close(program(sg), program(torch))


ERRORS: dict[str, Callable[[Any, Any], Any]] = {
    "no optimizer": lambda S, o: S.StepLR(3, 1),
    "no optimizer for a plateau": lambda S, o: S.ReduceLROnPlateau("o"),
    "no optimizer for a cycle": lambda S, o: S.CyclicLR(3, 0.1, 0.2),
    "lambdas": lambda S, o: S.LambdaLR(o, [lambda e: 1.0]),
    "no function": lambda S, o: S.MultiplicativeLR(o, [3, 4]),
    "factor": lambda S, o: S.ConstantLR(o, factor=1.5),
    "start": lambda S, o: S.LinearLR(o, start_factor=0.0),
    "end": lambda S, o: S.LinearLR(o, end_factor=1.1),
    "T_0": lambda S, o: S.CosineAnnealingWarmRestarts(o, 0),
    "T_mult": lambda S, o: S.CosineAnnealingWarmRestarts(o, 3, T_mult=0),
    "eta_min": lambda S, o: S.CosineAnnealingWarmRestarts(o, 3, eta_min="a"),
    "negative epoch": lambda S, o: S.CosineAnnealingWarmRestarts(o, 3).step(-1),
    "mode of a cycle": lambda S, o: S.CyclicLR(o, 0.1, 0.2, mode="square"),
    "rates of a cycle": lambda S, o: S.CyclicLR(o, [0.1], 0.2),
    "steps": lambda S, o: S.OneCycleLR(o, 0.1),
    "total_steps": lambda S, o: S.OneCycleLR(o, 0.1, total_steps=0),
    "epochs": lambda S, o: S.OneCycleLR(o, 0.1, epochs=-1, steps_per_epoch=3),
    "pct_start": lambda S, o: S.OneCycleLR(o, 0.1, total_steps=3, pct_start=1.5),
    "strategy": lambda S, o: S.OneCycleLR(o, 0.1, total_steps=3, anneal_strategy="sine"),
    "too many steps": lambda S, o: [s := S.OneCycleLR(o, 0.1, total_steps=2), *[s.step() for _ in range(4)]],
    "none": lambda S, o: S.SequentialLR(o, [], []),
    "milestones": lambda S, o: S.SequentialLR(o, [S.StepLR(o, 1)], [3]),
    "plateau in a sequence": lambda S, o: S.SequentialLR(o, [S.StepLR(o, 1), S.ReduceLROnPlateau(o)], [3]),
    "plateau in a chain": lambda S, o: S.ChainedScheduler([S.ReduceLROnPlateau(o)]),
    "no schedule": lambda S, o: S.ChainedScheduler([3], optimizer=o),
    "empty chain": lambda S, o: S.ChainedScheduler([]),
    "plateau factor": lambda S, o: S.ReduceLROnPlateau(o, factor=1.0),
    "plateau mode": lambda S, o: S.ReduceLROnPlateau(o, mode="middle"),
    "plateau threshold": lambda S, o: S.ReduceLROnPlateau(o, threshold_mode="log"),
    "plateau min_lr": lambda S, o: S.ReduceLROnPlateau(o, min_lr=[0.1]),
}


@pytest.mark.filterwarnings("ignore:Detected call")
@pytest.mark.parametrize("name", ERRORS)
def test_errors_in_the_same_words(name: str) -> None:
    with pytest.raises((TypeError, ValueError)) as theirs:
        ERRORS[name](torch.optim.lr_scheduler, begin(torch))
    with pytest.raises(theirs.type) as mine:
        ERRORS[name](sg.optim.lr_scheduler, begin(sg))
    assert str(mine.value).split() == str(theirs.value).split()


def test_momentum_is_asked_for() -> None:
    agree(lambda lib: lib.optim.lr_scheduler.CyclicLR(
        lib.optim.Adagrad([lib.zeros(1, requires_grad=True)]), 0.1, 0.2))  # fmt: skip
    agree(lambda lib: lib.optim.lr_scheduler.OneCycleLR(
        lib.optim.Adagrad([lib.zeros(1, requires_grad=True)]), 0.1, 10))  # fmt: skip


def test_schedules_of_another_optimizer() -> None:
    agree(lambda lib: lib.optim.lr_scheduler.ChainedScheduler(
        [lib.optim.lr_scheduler.StepLR(begin(lib), 1), lib.optim.lr_scheduler.StepLR(begin(lib), 1)]))  # fmt: skip


def test_a_plateau_after_a_group_was_added() -> None:
    def program(lib: Any, least: Any) -> Any:
        optimizer = begin(lib)
        scheduler = lib.optim.lr_scheduler.ReduceLROnPlateau(optimizer, patience=0, min_lr=least)
        optimizer.add_param_group({"params": [lib.zeros(1, requires_grad=True)], "lr": 0.1})
        for _ in range(3):
            scheduler.step(1.0)
        return scheduler.get_last_lr()

    close(program(sg, 0.01), program(torch, 0.01))
    agree(lambda lib: program(lib, [0.01, 0.01]))


def test_document_001_prints_what_a_plateau_does(capsys: pytest.CaptureFixture[str]) -> None:
    scheduler = sg.optim.lr_scheduler.ReduceLROnPlateau(
        optimizer=begin(sg), mode="min", factor=0.5, patience=1, verbose=True, threshold=1e-4, threshold_mode="abs",
        cooldown=0, min_lr=0, eps=1e-8)  # fmt: skip
    for loss in (1.0, sg.tensor(1.0), 1.0):
        scheduler.step(loss)
    assert capsys.readouterr().out.splitlines() == [
        "Epoch     3: reducing learning rate of group 0 to 2.5000e-01.",
        "Epoch     3: reducing learning rate of group 1 to 2.5000e-02.",
    ]


def test_stepped_in_a_compiled_function_runs_eagerly() -> None:
    optimizer = begin(sg)
    scheduler = sg.optim.lr_scheduler.ExponentialLR(optimizer, 0.5)

    @sg.compile
    def epoch() -> None:
        optimizer.step()
        scheduler.step()

    with pytest.warns(UserWarning, match="learning rate schedule is stepped"):
        epoch()
    epoch()
    assert scheduler.get_last_lr() == [0.125, 0.0125] and scheduler.last_epoch == 2
