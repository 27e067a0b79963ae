"""What training code does to parameters and gradients as a whole; sequences of several lengths."""

from symgrad.nn.utils import parametrizations as parametrizations
from symgrad.nn.utils import parametrize as parametrize
from symgrad.nn.utils import rnn as rnn
from symgrad.nn.utils.clip_grad import (
    clip_grad_norm,
    clip_grad_norm_,
    clip_grad_value_,
    clip_grads_with_norm_,
    get_total_norm,
)
from symgrad.nn.utils.vectors import parameters_to_vector, vector_to_parameters
from symgrad.nn.utils.weight_norm import remove_weight_norm, weight_norm

__all__ = [
    "clip_grad_norm", "clip_grad_norm_", "clip_grad_value_", "clip_grads_with_norm_", "get_total_norm",
    "parameters_to_vector", "parametrizations", "parametrize", "remove_weight_norm", "rnn",
    "vector_to_parameters", "weight_norm",
]  # fmt: skip
