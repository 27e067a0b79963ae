"""Datasets, samplers and collation: the same program on PyTorch and here."""

from __future__ import annotations

import warnings
from collections import OrderedDict, UserDict, deque, namedtuple
from types import MappingProxyType
from typing import Any

import numpy as np
import pytest
from oracle import BOTH, agree, assert_same, torch

import symgrad as sg

Point = namedtuple("Point", "x y")


def numbers(lib: Any) -> Any:
    return lib.utils.data.TensorDataset(lib.arange(6.0).reshape(6, 1), lib.arange(6))


@pytest.mark.parametrize("index", [0, 2, -1, slice(1, 4), [0, 5]])
def test_tensor_dataset(index: Any) -> None:
    agree(lambda lib: numbers(lib)[index])


@pytest.mark.parametrize("program", [
    lambda lib: len(numbers(lib)),
    lambda lib: lib.utils.data.TensorDataset(lib.zeros(2), lib.zeros(3)),
    lambda lib: lib.utils.data.Dataset()[0],
    lambda lib: lib.utils.data.IterableDataset(),
    lambda lib: (numbers(lib) + numbers(lib))[7],
    lambda lib: (numbers(lib) + numbers(lib))[-1],
    lambda lib: (numbers(lib) + numbers(lib))[-13],
    lambda lib: (numbers(lib) + numbers(lib))[12],
    lambda lib: len(numbers(lib) + numbers(lib)),
    lambda lib: lib.utils.data.ConcatDataset([]),
    lambda lib: lib.utils.data.ConcatDataset([range(3), range(5)]).cumulative_sizes,
    lambda lib: lib.utils.data.Subset(numbers(lib), [4, 0])[0],
    lambda lib: lib.utils.data.Subset(numbers(lib), [4, 0])[[0, 1]],
    lambda lib: lib.utils.data.Subset(range(9), [4, 0]).__getitems__([1, 0]),
    lambda lib: lib.utils.data.Subset(range(9), [4, 0])[2],
    lambda lib: lib.utils.data.StackDataset(range(3), numbers(lib)),
    lambda lib: lib.utils.data.StackDataset(),
    lambda lib: lib.utils.data.StackDataset([1], a=[2]),
    lambda lib: lib.utils.data.StackDataset([1, 2], numbers(lib)),
    lambda lib: lib.utils.data.StackDataset([1, 2], "ab")[1],
    lambda lib: len(lib.utils.data.StackDataset(a=[1, 2], b="ab")),
    lambda lib: list(lib.utils.data.StackDataset(a=[1, 2], b="ab").__getitems__([1, 0])[0].values()),
    lambda lib: lib.utils.data.StackDataset([1, 2], lib.utils.data.Subset("abc", [2, 1])).__getitems__([1, 0]),
    lambda lib: len(lib.utils.data.ChainDataset([range(3)])),
    lambda lib: list(lib.utils.data.ChainDataset([range(3)])),
])  # fmt: skip
def test_made_of_others(program: Any) -> None:
    agree(program)


@pytest.mark.parametrize("lib", BOTH)
def test_subset_without_getitems(lib: Any) -> None:
    class Half(lib.utils.data.Subset):  # type: ignore[misc]
        def __getitem__(self, idx: Any) -> Any:
            return super().__getitem__(idx)

    with pytest.raises(NotImplementedError, match="Half overrides __getitem__ but not __getitems__"):
        Half(range(4), [0])


@pytest.mark.parametrize("lengths", [[3, 7], [0.3, 0.7], [0.33, 0.33, 0.34], [1.0], [10], [0.5, 0.6], [3, 8],
                                     [-0.5, 1.5], [0.0, 1.0]])  # fmt: skip
def test_random_split(lengths: Any) -> None:
    def parts(lib: Any) -> Any:
        with warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("always")
            found = lib.utils.data.random_split(range(10), lengths, generator=lib.Generator().manual_seed(1))
        every = sorted(i for part in found for i in part)
        return [len(part) for part in found], every, [str(w.message) for w in said]

    agree(parts)


def test_random_split_follows_the_generator() -> None:
    def split(**given: Any) -> list[list[int]]:
        return [list(part) for part in sg.utils.data.random_split(range(20), [8, 12], **given)]

    first = split(generator=sg.Generator().manual_seed(3))
    assert first == split(generator=sg.Generator().manual_seed(3)) != split(generator=sg.Generator().manual_seed(4))
    sg.manual_seed(0)
    drawn = split()
    sg.manual_seed(0)
    assert split() == drawn


@pytest.mark.parametrize("program", [
    lambda d: list(d.SequentialSampler(range(4))),
    lambda d: len(d.SequentialSampler(range(4))),
    lambda d: iter(d.Sampler()),
    lambda d: sorted(d.RandomSampler(range(7))),
    lambda d: len(d.RandomSampler(range(7), num_samples=3)),
    lambda d: len(set(d.RandomSampler(range(7), num_samples=5))),
    lambda d: sorted(list(d.RandomSampler(range(4), num_samples=10))[:8]),
    lambda d: len(list(d.RandomSampler(range(3), True, 100))),
    lambda d: set(d.RandomSampler(range(3), True, 500)),
    lambda d: d.RandomSampler([]),
    lambda d: d.RandomSampler(range(3), 1),
    lambda d: d.RandomSampler(range(3), num_samples=0),
    lambda d: d.RandomSampler(range(3), num_samples=1.5),
    lambda d: sorted(d.SubsetRandomSampler([5, 1, 9])),
    lambda d: len(d.SubsetRandomSampler([5, 1, 9])),
    lambda d: set(d.WeightedRandomSampler([0, 1.0, 0, 3], 50)),
    lambda d: sorted(d.WeightedRandomSampler([0.1, 1.0, 3], 3, replacement=False)),
    lambda d: d.WeightedRandomSampler([1], 0),
    lambda d: d.WeightedRandomSampler([1], True),
    lambda d: d.WeightedRandomSampler([1], 1, replacement=2),
    lambda d: d.WeightedRandomSampler([[1.0]], 1),
    lambda d: list(d.BatchSampler(d.SequentialSampler(range(10)), 3, False)),
    lambda d: list(d.BatchSampler(range(10), 3, True)),
    lambda d: list(d.BatchSampler(iter(range(4)), 4, True)),
    lambda d: len(d.BatchSampler(range(10), 3, False)),
    lambda d: len(d.BatchSampler(range(10), 3, True)),
    lambda d: list(d.BatchSampler([], 3, False)),
    lambda d: d.BatchSampler(range(10), 0, False),
    lambda d: d.BatchSampler(range(10), True, False),
    lambda d: d.BatchSampler(range(10), 2.0, False),
    lambda d: d.BatchSampler(range(10), 2, 1),
])  # fmt: skip
def test_samplers(program: Any) -> None:
    agree(lambda lib: program(lib.utils.data))


@pytest.mark.parametrize("make", [
    lambda g: sg.utils.data.RandomSampler(range(50), generator=g),
    lambda g: sg.utils.data.RandomSampler(range(50), True, 70, generator=g),
    lambda g: sg.utils.data.SubsetRandomSampler(range(50), generator=g),
    lambda g: sg.utils.data.WeightedRandomSampler(range(50), 20, generator=g),
])  # fmt: skip
def test_samplers_follow_their_generator(make: Any) -> None:
    generator = sg.Generator().manual_seed(5)
    sampler = make(generator)
    first, second = list(sampler), list(sampler)
    assert first != second, "another epoch draws anew"
    assert list(make(sg.Generator().manual_seed(5))) == first
    sg.manual_seed(1)
    default = list(make(None))
    sg.manual_seed(1)
    assert list(make(None)) == default


@pytest.mark.parametrize("batch", [
    lambda lib: [lib.ones(2), lib.zeros(2)],
    lambda lib: [lib.ones(2), lib.zeros(3)],
    lambda lib: [np.ones(2, np.float32), np.zeros(2, np.float32)],
    lambda lib: [np.float64(1.5), np.float64(2)],
    lambda lib: [np.int32(1), np.int32(2)],
    lambda lib: [np.bool_(True), np.bool_(False)],
    lambda lib: [1, 2], lambda lib: [True, False], lambda lib: [1.5, 2.0], lambda lib: [1.5, 2],
    lambda lib: ["a", "b"], lambda lib: (b"a", b"b"),
    lambda lib: [(1, "a"), (2, "b")], lambda lib: [[1, 2.0], [3, 4.0]], lambda lib: [[1], [2, 3]],
    lambda lib: [None, None], lambda lib: [{1}, {2}], lambda lib: [],
    lambda lib: [(lib.ones(1), (1, [2.0])), (lib.zeros(1), (3, [4.0]))],
    lambda lib: [np.array(["a"]), np.array(["b"])],
    lambda lib: [range(2), range(3, 5)],
    lambda lib: [(), ()],
    lambda lib: [np.array(3.0), np.array(4.0)],
])  # fmt: skip
def test_default_collate(batch: Any) -> None:
    agree(lambda lib: lib.utils.data.default_collate(batch(lib)))


@pytest.mark.parametrize("batch", [
    [{"a": 1, "b": [2.0]}, {"a": 3, "b": [4.0]}],
    [OrderedDict(a=1), OrderedDict(a=2)],
    [UserDict(a=1), UserDict(a=2)],
    [MappingProxyType({"a": 1}), MappingProxyType({"a": 2})],
    [Point(1, 2.0), Point(3, 4.0)],
    [deque([1, 2]), deque([3, 4])],
])  # fmt: skip
@pytest.mark.parametrize("name", ["default_collate", "default_convert"])
def test_containers_keep_their_type(batch: Any, name: str) -> None:
    mine, theirs = (getattr(lib.utils.data, name)(batch) for lib in BOTH)
    assert type(mine) is type(theirs)
    if name == "default_collate":
        assert_same(list(mine.values()) if hasattr(mine, "values") else list(mine),
                    list(theirs.values()) if hasattr(theirs, "values") else list(theirs))  # fmt: skip
        if hasattr(mine, "keys"):
            assert list(mine) == list(theirs)


@pytest.mark.parametrize("data", [
    1, 2.5, "text", None, (1, 2), [1, np.ones(2)], np.float32(3), np.int64(3), np.arange(3), range(3), b"x",
    np.array(["a", "b"]),
])  # fmt: skip
def test_default_convert(data: Any) -> None:
    mine, theirs = (lib.utils.data.default_convert(data) for lib in BOTH)
    assert type(mine).__name__ == type(theirs).__name__
    if not isinstance(data, np.ndarray) or data.dtype.kind != "U":
        assert_same(mine, theirs)


@pytest.mark.parametrize("lib", BOTH)
def test_collate_with_a_type_of_ones_own(lib: Any) -> None:
    class Box:
        def __init__(self, value: int):
            self.value = value

    if lib is torch:
        from torch.utils.data._utils.collate import collate, default_collate_fn_map
    else:
        from symgrad.utils.data.collate import collate, default_collate_fn_map
    more = {**default_collate_fn_map, Box: lambda batch, collate_fn_map: sum(b.value for b in batch)}
    assert collate([(Box(1), 5), (Box(2), 6)], collate_fn_map=more)[0] == 3


def test_more_draws_with_replacement_than_fit_in_memory() -> None:
    random = sg.utils.data.RandomSampler
    sampler = random(range(3), replacement=True, num_samples=int(1e10))
    drawn = [i for i, _ in zip(sampler, range(100))]
    assert len(sampler) == 10**10 and set(drawn) == {0, 1, 2}
    assert len(list(random(range(3), replacement=True, num_samples=70))) == 70
