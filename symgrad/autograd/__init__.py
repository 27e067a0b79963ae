"""What torch.autograd offers: gradients on demand, custom Functions, grad modes, checks, old Variable."""

from symgrad.autograd import anomaly_mode, function, functional, graph
from symgrad.autograd.anomaly_mode import detect_anomaly, set_detect_anomaly
from symgrad.autograd.check import gradcheck, gradgradcheck
from symgrad.autograd.variable import Variable
from symgrad.errors import GradcheckError
from symgrad.ops.autograd import backward, grad
from symgrad.ops.function import Function
from symgrad.tensor import enable_grad, inference_mode, is_grad_enabled, no_grad, set_grad_enabled

__all__ = ["Function", "GradcheckError", "Variable", "anomaly_mode", "backward", "detect_anomaly", "enable_grad",
           "function", "functional", "grad", "gradcheck", "gradgradcheck", "graph", "inference_mode",
           "is_grad_enabled", "no_grad", "set_detect_anomaly", "set_grad_enabled"]  # fmt: skip
