"""A perceptron of three layers on the digits, with BatchNorm, Dropout, Adam and a schedule of the learning rate."""

import digits
from training import arguments, compare, draw

import symgrad as torch
from symgrad import nn


def make_model():
    return nn.Sequential(
        nn.Linear(64, 128), nn.BatchNorm1d(128), nn.ReLU(), nn.Dropout(0.2),
        nn.Linear(128, 64), nn.BatchNorm1d(64), nn.ReLU(), nn.Dropout(0.2),
        nn.Linear(64, 10),
    )  # fmt: skip


def main(epochs=20, pictures=None):
    torch.manual_seed(0)
    training, test = digits.load()
    batches = digits.loader(training)
    model, twin, eager, compiled = compare(
        "perceptron", make_model(), nn.CrossEntropyLoss(),
        lambda params: torch.optim.Adam(params, lr=2e-3), lambda: batches, epochs)  # fmt: skip
    draw("perceptron", eager, compiled, pictures)
    print(f"accuracy {digits.accuracy(model, test):.3f} eager, {digits.accuracy(twin, test):.3f} compiled")
    return eager, compiled, digits.accuracy(twin, test)


if __name__ == "__main__":
    main(**vars(arguments(epochs=20)))
