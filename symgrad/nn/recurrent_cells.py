"""One step of a recurrent network at a time."""

from __future__ import annotations

import math
from typing import Any, ClassVar

from symgrad.errors import GradError
from symgrad.nn import init
from symgrad.nn.functions.recurrence import CELLS
from symgrad.nn.module import Module
from symgrad.nn.weights import declare
from symgrad.ops.creation import zeros

__all__ = ["GRUCell", "LSTMCell", "RNNCell", "RNNCellBase"]


class RNNCellBase(Module):
    """The weights of a cell, and the checks of what it is given."""

    weight_ih: Any
    weight_hh: Any
    bias_ih: Any
    bias_hh: Any
    parts: ClassVar[int] = 1

    def __init__(self, input_size: int, hidden_size: int, bias: bool, num_chunks: int, device: Any = None,
                 dtype: Any = None):  # fmt: skip
        super().__init__()
        self.input_size = input_size
        self.hidden_size = hidden_size
        self.bias = bias
        gates = num_chunks * hidden_size
        shift = (gates,) if bias else None
        declare(self, device, dtype, weight_ih=(gates, input_size), weight_hh=(gates, hidden_size), bias_ih=shift,
                bias_hh=shift)  # fmt: skip
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """All weights uniform in ±1 / sqrt(hidden_size)."""
        bound = 1.0 / math.sqrt(self.hidden_size) if self.hidden_size > 0 else 0
        for parameter in self.parameters():
            init.uniform_(parameter, -bound, bound)

    def extra_repr(self) -> str:
        return f"{self.input_size}, {self.hidden_size}" + ("" if self.bias is True else f", bias={self.bias}")

    def step(self, mode: str, input: Any, hx: tuple[Any, ...] | None) -> tuple[Any, ...]:
        """The next state, of a batch or of one."""
        name = self._get_name()
        if input.ndim not in (1, 2):
            raise ValueError(f"{name}: Expected input to be 1D or 2D, got {input.ndim}D instead")
        for place, h in enumerate(hx or ()):
            if h.ndim not in (1, 2):
                what = "hidden" if self.parts == 1 else f"hx[{place}]"
                raise ValueError(f"{name}: Expected {what} to be 1D or 2D, got {h.ndim}D instead")
        alone = input.ndim == 1
        x = input.unsqueeze(0) if alone else input
        if hx is None:
            hx = (zeros((x.shape[0], self.hidden_size), dtype=x.dtype),) * self.parts
        elif alone:
            hx = tuple(h.unsqueeze(0) for h in hx)
        state = CELLS[mode](x, hx, (self.weight_ih, self.weight_hh, self.bias_ih, self.bias_hh))
        return tuple(h.squeeze(0) for h in state) if alone else state


class RNNCell(RNNCellBase):
    """h = tanh(W_ih x + b_ih + W_hh h + b_hh), or relu (Elman 1990).

    Shapes: x [n, input_size] or [input_size], hx [n, hidden_size] -> like hx
    >>> sg.nn.RNNCell(3, 4)(sg.zeros(2, 3)).shape
    torch.Size([2, 4])
    """

    def __init__(self, input_size: int, hidden_size: int, bias: bool = True, nonlinearity: str = "tanh",
                 device: Any = None, dtype: Any = None):  # fmt: skip
        super().__init__(input_size, hidden_size, bias, 1, device, dtype)
        self.nonlinearity = nonlinearity

    def forward(self, input: Any, hx: Any = None) -> Any:
        if self.nonlinearity not in ("tanh", "relu"):
            raise GradError(f"Unknown nonlinearity: {self.nonlinearity}")
        return self.step(f"RNN_{self.nonlinearity.upper()}", input, None if hx is None else (hx,))[0]

    def extra_repr(self) -> str:
        text = super().extra_repr()
        return text if self.nonlinearity == "tanh" else f"{text}, nonlinearity={self.nonlinearity}"


class LSTMCell(RNNCellBase):
    """One step of long short-term memory (Hochreiter, Schmidhuber 1997).

    Shapes: x [n, input_size] or [input_size], hx (h, c), each [n, hidden_size] -> like hx
    >>> h, c = sg.nn.LSTMCell(3, 4)(sg.zeros(2, 3))
    >>> h.shape, c.shape
    (torch.Size([2, 4]), torch.Size([2, 4]))
    """

    parts = 2

    def __init__(self, input_size: int, hidden_size: int, bias: bool = True, device: Any = None, dtype: Any = None):
        super().__init__(input_size, hidden_size, bias, 4, device, dtype)

    def forward(self, input: Any, hx: Any = None) -> Any:
        return self.step("LSTM", input, None if hx is None else tuple(hx))


class GRUCell(RNNCellBase):
    """One step of a gated recurrent unit (Cho et al. 2014).

    Shapes: x [n, input_size] or [input_size], hx [n, hidden_size] -> like hx
    >>> sg.nn.GRUCell(3, 4)(sg.zeros(2, 3)).shape
    torch.Size([2, 4])
    """

    def __init__(self, input_size: int, hidden_size: int, bias: bool = True, device: Any = None, dtype: Any = None):
        super().__init__(input_size, hidden_size, bias, 3, device, dtype)

    def forward(self, input: Any, hx: Any = None) -> Any:
        return self.step("GRU", input, None if hx is None else (hx,))[0]
