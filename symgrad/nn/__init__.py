"""Neural networks: modules, layers, losses, starting values."""

from symgrad.nn import functional, init, parameter
from symgrad.nn.activation import ReLU, Sigmoid, Tanh
from symgrad.nn.container import ModuleList, Sequential
from symgrad.nn.linear import Flatten, Identity, Linear
from symgrad.nn.loss import L1Loss, MSELoss
from symgrad.nn.module import Module
from symgrad.nn.parameter import Buffer, Parameter

__all__ = ["Buffer", "Flatten", "Identity", "L1Loss", "Linear", "MSELoss", "Module", "ModuleList", "Parameter",
           "ReLU", "Sequential", "Sigmoid", "Tanh", "functional", "init", "parameter"]  # fmt: skip
