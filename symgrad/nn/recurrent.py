"""Recurrent networks: layers of cells led along sequences, padded to one length or packed."""

from __future__ import annotations

import math
import numbers
import warnings
from typing import Any, ClassVar

from symgrad.errors import ShapeError
from symgrad.nn import init
from symgrad.nn.functions.recurrence import CELLS, along
from symgrad.nn.module import Module
from symgrad.nn.utils.rnn import PackedSequence
from symgrad.nn.weights import declare
from symgrad.ops.creation import zeros
from symgrad.ops.joining import cat, stack

__all__ = ["GRU", "LSTM", "RNN", "RNNBase"]

GATES = {"RNN_TANH": 1, "RNN_RELU": 1, "LSTM": 4, "GRU": 3}


class RNNBase(Module):
    """Layers of one kind of cell, in one or both directions."""

    parts: ClassVar[int] = 1
    """How many tensors a state has."""

    def __init__(
        self, mode: str, input_size: int, hidden_size: int, num_layers: int = 1, bias: bool = True,
        batch_first: bool = False, dropout: float = 0.0, bidirectional: bool = False, proj_size: int = 0,
        device: Any = None, dtype: Any = None,
    ):  # fmt: skip
        super().__init__()
        _check_options(input_size, hidden_size, num_layers, bias, batch_first, dropout, proj_size)
        self.mode = mode
        self.input_size = input_size
        self.hidden_size = hidden_size
        self.num_layers = num_layers
        self.bias = bias
        self.batch_first = batch_first
        self.dropout = float(dropout)
        self.bidirectional = bidirectional
        self.proj_size = proj_size
        gates, outcome = GATES[mode] * hidden_size, proj_size or hidden_size
        self._all_weights: list[list[str]] = []
        for layer in range(num_layers):
            taken = outcome * (1 + bidirectional) if layer else input_size
            shapes: dict[str, tuple[int, ...]] = {"weight_ih": (gates, taken), "weight_hh": (gates, outcome)}
            if bias:
                shapes |= {"bias_ih": (gates,), "bias_hh": (gates,)}
            if proj_size:
                shapes["weight_hr"] = (proj_size, hidden_size)
            for suffix in ("", "_reverse") if bidirectional else ("",):
                named = {f"{name}_l{layer}{suffix}": shape for name, shape in shapes.items()}
                declare(self, device, dtype, **named)
                self._all_weights.append(list(named))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """All weights uniform in ±1 / sqrt(hidden_size)."""
        bound = 1.0 / math.sqrt(self.hidden_size)
        for parameter in self.parameters():
            init.uniform_(parameter, -bound, bound)

    def flatten_parameters(self) -> None:
        """Nothing: weights are used where they lie."""

    @property
    def all_weights(self) -> list[list[Any]]:
        """The weights of each layer and direction."""
        return [[getattr(self, name) for name in names] for names in self._all_weights]

    def extra_repr(self) -> str:
        usual = {"proj_size": 0, "num_layers": 1, "bias": True, "batch_first": False, "dropout": 0,
                 "bidirectional": False}  # fmt: skip
        said = [f"{k}={getattr(self, k)}" for k, value in usual.items() if getattr(self, k) != value]
        return ", ".join([f"{self.input_size}, {self.hidden_size}", *said])

    def forward(self, input: Any, hx: Any = None) -> Any:
        """Outputs of the last layer at every step, and the last state of every layer and direction."""
        packed = input if isinstance(input, PackedSequence) else None
        given = None if hx is None else (hx if isinstance(hx, tuple) else (hx,))
        alone = False
        if packed is not None:
            steps = list(packed.data.split(packed.sizes))
            batch, x = packed.sizes[0], packed.data
            if given is not None and packed.sorted_indices is not None:
                given = tuple(h.index_select(1, packed.sorted_indices) for h in given)
        else:
            x = input
            if x.ndim not in (2, 3):
                raise ValueError(f"{self._get_name()}: Expected input to be 2D or 3D, got {x.ndim}D instead")
            alone = x.ndim == 2
            self._check_state_dims(given, alone)
            if alone:
                x = x.unsqueeze(0 if self.batch_first else 1)
                given = None if given is None else tuple(h.unsqueeze(1) for h in given)
            steps = list(x.unbind(1 if self.batch_first else 0))
            batch = x.shape[0 if self.batch_first else 1]
            if not steps:
                raise ShapeError("Expected sequence length to be larger than 0 in RNN")
        first = self._first(x, batch, given)
        outputs, last = along(CELLS[self.mode], steps, first, self._weights(), self.bidirectional,
                              self.dropout if self.training else 0.0)  # fmt: skip
        ended = tuple(stack([state[part] for state in last]) for part in range(self.parts))
        if packed is not None:
            if packed.unsorted_indices is not None:
                ended = tuple(h.index_select(1, packed.unsorted_indices) for h in ended)  # type: ignore[attr-defined]
            result: Any = packed.with_data(cat(outputs))
        else:
            result = stack(outputs, 1 if self.batch_first else 0)
            if alone:
                result = result.squeeze(0 if self.batch_first else 1)
                ended = tuple(h.squeeze(1) for h in ended)  # type: ignore[attr-defined]
        return result, ended if self.parts > 1 else ended[0]

    def _weights(self) -> list[list[Any]]:
        found = self.all_weights
        if self.bias:
            return found
        return [[*weights[:2], None, None, *weights[2:]] for weights in found]

    def _check_state_dims(self, given: Any, alone: bool) -> None:
        wanted, batched = (2, "unbatched") if alone else (3, "batched")
        if given is None or all(h.ndim == wanted for h in given):
            return
        if self.parts == 1:
            raise ShapeError(f"For {batched} {wanted}-D input, hx should also be {wanted}-D but got {given[0].ndim}-D "
                             "tensor")
        raise ShapeError(f"For {batched} {wanted}-D input, hx and cx should also be {wanted}-D but got "
                         f"({given[0].ndim}-D, {given[1].ndim}-D) tensors")

    def _first(self, x: Any, batch: int, given: Any) -> list[Any]:
        """The first state of each layer and direction, checked."""
        weight = self._parameters[self._all_weights[0][0]]
        if x.dtype is not weight.dtype:  # type: ignore[union-attr]
            raise ValueError(f"RNN input dtype ({x.dtype}) does not match weight dtype ({weight.dtype}). "  # type: ignore[union-attr]
                             f"Convert input: input.to({weight.dtype}), or convert model: model.to({x.dtype})")  # type: ignore[union-attr]
        if x.shape[-1] != self.input_size:
            raise ShapeError(f"input.size(-1) must be equal to input_size. Expected {self.input_size}, got "
                             f"{x.shape[-1]}")
        count = len(self._all_weights)
        sizes = (self.proj_size or self.hidden_size, self.hidden_size)
        if given is None:
            given = tuple(zeros((count, batch, sizes[part]), dtype=x.dtype) for part in range(self.parts))
        for part, h in enumerate(given):
            wanted = (count, batch, sizes[part])
            if tuple(h.shape) != wanted:
                what = "Expected hidden size" if self.parts == 1 else f"Expected hidden[{part}] size"
                raise ShapeError(f"{what} {wanted}, got {list(h.shape)}")
        return list(zip(*(h.unbind(0) for h in given)))


def _check_options(input_size: Any, hidden_size: Any, num_layers: int, bias: Any, batch_first: Any, dropout: Any,
                   proj_size: int) -> None:  # fmt: skip
    if not isinstance(dropout, numbers.Number) or isinstance(dropout, bool) or not 0 <= dropout <= 1:  # type: ignore[operator]
        raise ValueError("dropout should be a number in range [0, 1] representing the probability of an element being "
                         "zeroed")
    if dropout > 0 and num_layers == 1:  # type: ignore[operator]
        warnings.warn("dropout option adds dropout after all but last recurrent layer, so non-zero dropout expects "
                      f"num_layers greater than 1, but got dropout={dropout} and num_layers={num_layers}",
                      stacklevel=3)  # fmt: skip
    for name, value, kind in (("bias", bias, bool), ("batch_first", batch_first, bool),
                              ("input_size", input_size, int), ("hidden_size", hidden_size, int)):  # fmt: skip
        if not isinstance(value, kind):
            raise TypeError(f"{name} should be of type {kind.__name__}, got: {type(value).__name__}")
    for name, value in (("input_size", input_size), ("hidden_size", hidden_size), ("num_layers", num_layers)):
        if value <= 0:
            raise ValueError(f"{name} must be greater than zero")
    if proj_size < 0:
        raise ValueError("proj_size should be a positive integer or zero to disable projections")
    if proj_size >= hidden_size:
        raise ValueError("proj_size has to be smaller than hidden_size")


def _no_projection(options: dict[str, Any]) -> None:
    if "proj_size" in options:
        raise ValueError("proj_size argument is only supported for LSTM, not RNN or GRU")


class RNN(RNNBase):
    """h = tanh(W_ih x + b_ih + W_hh h + b_hh), or relu, at each step of a sequence (Elman 1990).

    Shapes: input [t, n, input_size], [n, t, input_size] with batch_first, [t, input_size], or packed; hx
    [layers directions, n, hidden_size] -> outputs [t, n, directions hidden_size], and the last states like hx
    >>> out, h = sg.nn.RNN(3, 4)(sg.zeros(5, 2, 3))
    >>> out.shape, h.shape
    (torch.Size([5, 2, 4]), torch.Size([1, 2, 4]))
    """

    def __init__(self, *args: Any, **kwargs: Any):
        _no_projection(kwargs)
        nonlinearity = args[3] if len(args) > 3 else kwargs.pop("nonlinearity", "tanh")
        if nonlinearity not in ("tanh", "relu"):
            raise ValueError(f"Unknown nonlinearity '{nonlinearity}'. Select from 'tanh' or 'relu'.")
        super().__init__(f"RNN_{nonlinearity.upper()}", *args[:3], *args[4:], **kwargs)
        self.nonlinearity = nonlinearity


class LSTM(RNNBase):
    """Long short-term memory at each step of a sequence (Hochreiter, Schmidhuber 1997), h projected if proj_size.

    Shapes: input as of `RNN`; hx (h, c), h [layers directions, n, proj_size or hidden_size] and c
    [layers directions, n, hidden_size] -> outputs [t, n, directions (proj_size or hidden_size)], and (h, c)
    >>> out, (h, c) = sg.nn.LSTM(3, 4, proj_size=2)(sg.zeros(5, 2, 3))
    >>> out.shape, h.shape, c.shape
    (torch.Size([5, 2, 2]), torch.Size([1, 2, 2]), torch.Size([1, 2, 4]))
    """

    parts = 2

    def __init__(self, *args: Any, **kwargs: Any):
        super().__init__("LSTM", *args, **kwargs)


class GRU(RNNBase):
    """Gated recurrent units at each step of a sequence (Cho et al. 2014).

    Shapes: as of `RNN`
    >>> out, h = sg.nn.GRU(3, 4, batch_first=True, bidirectional=True)(sg.zeros(2, 5, 3))
    >>> out.shape, h.shape
    (torch.Size([2, 5, 8]), torch.Size([2, 2, 4]))
    """

    def __init__(self, *args: Any, **kwargs: Any):
        _no_projection(kwargs)
        super().__init__("GRU", *args, **kwargs)
