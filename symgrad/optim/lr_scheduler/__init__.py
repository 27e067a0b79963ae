"""Learning rate schedules, with PyTorch's names, formulas and state."""

from symgrad.optim.lr_scheduler.base import LRScheduler, _LRScheduler
from symgrad.optim.lr_scheduler.composed import ChainedScheduler, SequentialLR
from symgrad.optim.lr_scheduler.cosine import CosineAnnealingLR, CosineAnnealingWarmRestarts
from symgrad.optim.lr_scheduler.cycles import CyclicLR, OneCycleLR
from symgrad.optim.lr_scheduler.factors import (
    ConstantLR,
    ExponentialLR,
    LinearLR,
    MultiStepLR,
    PolynomialLR,
    StepLR,
)  # fmt: skip
from symgrad.optim.lr_scheduler.functions import LambdaLR, MultiplicativeLR
from symgrad.optim.lr_scheduler.plateau import ReduceLROnPlateau

__all__ = [
    "ChainedScheduler", "ConstantLR", "CosineAnnealingLR", "CosineAnnealingWarmRestarts", "CyclicLR",
    "ExponentialLR", "LRScheduler", "LambdaLR", "LinearLR", "MultiStepLR", "MultiplicativeLR", "OneCycleLR",
    "PolynomialLR", "ReduceLROnPlateau", "SequentialLR", "StepLR", "_LRScheduler",
]  # fmt: skip
