"""Document 003's convolutional net with a head, on the digits enlarged to 28 × 28."""

import digits
from training import arguments, compare, draw

import symgrad as torch
import symgrad.nn.functional as F
from symgrad import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 6, 5)
        self.conv2 = nn.Conv2d(6, 15, 5)
        self.head = nn.Linear(15 * 4 * 4, 10)

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.conv1(x)), 2)
        x = F.max_pool2d(F.relu(self.conv2(x)), 2)
        return self.head(x.flatten(1))


def main(epochs=8, pictures=None):
    torch.manual_seed(0)
    training, test = [(F.interpolate(x, size=(28, 28), mode="bilinear"), y) for x, y in digits.load(images=True)]
    batches = digits.loader(training, batch_size=64)
    model, twin, eager, compiled = compare(
        "LeNet", Net(), nn.CrossEntropyLoss(),
        lambda params: torch.optim.SGD(params, lr=0.02, momentum=0.9), lambda: batches, epochs)  # fmt: skip
    draw("LeNet", eager, compiled, pictures)
    print(f"accuracy {digits.accuracy(model, test):.3f} eager, {digits.accuracy(twin, test):.3f} compiled")
    return eager, compiled, digits.accuracy(twin, test)


if __name__ == "__main__":
    main(**vars(arguments(epochs=8)))
