"""Softmax regression on the digits: one layer and cross entropy."""

import digits
from training import arguments, compare, draw

import symgrad as torch
from symgrad import nn


def main(epochs=20, pictures=None):
    torch.manual_seed(0)
    training, test = digits.load()
    batches = digits.loader(training)
    model, twin, eager, compiled = compare(
        "softmax regression", nn.Linear(64, 10), nn.CrossEntropyLoss(),
        lambda params: torch.optim.SGD(params, lr=0.5), lambda: batches, epochs)  # fmt: skip
    draw("softmax regression", eager, compiled, pictures)
    print(f"accuracy {digits.accuracy(model, test):.3f} eager, {digits.accuracy(twin, test):.3f} compiled")
    return eager, compiled, digits.accuracy(twin, test)


if __name__ == "__main__":
    main(**vars(arguments(epochs=20)))
