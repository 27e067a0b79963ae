"""Optimizers, with PyTorch's names, formulas and state."""

from symgrad.optim import lr_scheduler, swa_utils
from symgrad.optim.adadelta import Adadelta
from symgrad.optim.adagrad import Adagrad
from symgrad.optim.adam import Adam, AdamW
from symgrad.optim.adamax import Adamax
from symgrad.optim.asgd import ASGD
from symgrad.optim.lbfgs import LBFGS
from symgrad.optim.nadam import NAdam
from symgrad.optim.optimizer import Optimizer
from symgrad.optim.radam import RAdam
from symgrad.optim.rmsprop import RMSprop
from symgrad.optim.rprop import Rprop
from symgrad.optim.sgd import SGD

__all__ = [
    "ASGD", "LBFGS", "SGD", "Adadelta", "Adagrad", "Adam", "AdamW", "Adamax", "NAdam", "Optimizer", "RAdam", "RMSprop",
    "Rprop", "lr_scheduler", "swa_utils",
]  # fmt: skip
