"""The twelve training steps of the peers' table; the documents' own are in `symgrad.bench.problems`."""

from __future__ import annotations

from dataclasses import dataclass

from symgrad.bench import PROBLEMS, Workload
from symgrad.bench.workload import Adam, Sgd
from workloads.cross_entropy import CrossEntropy
from workloads.dynamic import DynamicPolynomial
from workloads.lenet import LeNet
from workloads.linear import LinearRegression
from workloads.mlp import Perceptron
from workloads.pointwise import Pointwise
from workloads.transformer import TransformerBlock


@dataclass(frozen=True)
class Row:
    """A workload and the seconds it is to take on the machine that the limits were first measured on."""

    workload: Workload
    reach: float


ROWS = {
    "w1": Row(PROBLEMS["polynomial"], 2.4e-6),
    "w2": Row(PROBLEMS["polynomial-large"], 1.65e-3),
    "w3": Row(PROBLEMS["legendre"], 2.4e-6),
    "w4": Row(PROBLEMS["two-layer"], 180e-6),
    "w5": Row(PROBLEMS["two-layer-small"], 15e-6),
    "w6": Row(Perceptron("perceptron", "784-512-256-10, norm, dropout, Adam", Adam(1e-3), 128), 1.7e-3),
    "w7": Row(LeNet("lenet", "LeNet, batch 64, momentum", Sgd(0.02, 0.9), 64), 1.7e-3),
    "w8": Row(LinearRegression("linear", "linear regression, batch 10", Sgd(0.03), 10), 2.2e-6),
    "w9": Row(Pointwise("pointwise", "20 elementwise ops, 4M elements", None, 1 << 22), 9.5e-3),
    "w10": Row(CrossEntropy("cross-entropy", "cross entropy 4096×1000", None, 4096, 1000), 1.3e-3),
    "w11": Row(TransformerBlock("transformer", "transformer block 8×64×128, Adam", Adam(1e-3), 8, 64), 3.6e-3),
    "w12": Row(DynamicPolynomial("dynamic", "random-depth polynomial, eager", Sgd(1e-8, 0.9), 2000), 100e-6),
}  # fmt: skip
