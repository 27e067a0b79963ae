"""Linear regression with the framework's parts (document 004, section 5)."""

from linear_regression_scratch import synthetic_data
from training import arguments, compare, draw

import symgrad as torch
from symgrad import nn
from symgrad.utils import data


def load_array(data_arrays, batch_size, is_train=True):
    """A DataLoader over tensors."""
    dataset = data.TensorDataset(*data_arrays)
    return data.DataLoader(dataset, batch_size, shuffle=is_train)


def main(epochs=3, pictures=None):
    torch.manual_seed(0)
    true_w, true_b = torch.tensor([2, -3.4]), 4.2
    batches = load_array(synthetic_data(true_w, true_b, 1000), batch_size=10)
    net = nn.Sequential(nn.Linear(2, 1))
    net[0].weight.data.normal_(0, 0.01)
    net[0].bias.data.fill_(0)
    _, twin, eager, compiled = compare(
        "linear regression", net, nn.MSELoss(), lambda params: torch.optim.SGD(params, lr=0.03),
        lambda: batches, epochs)  # fmt: skip
    draw("linear regression", eager, compiled, pictures)
    w, b = twin[0].weight.detach().reshape(-1).tolist(), twin[0].bias.item()
    print(f"y = {w[0]:.3f} x0 + {w[1]:.3f} x1 + {b:.3f}")
    return eager, compiled, (w, b)


if __name__ == "__main__":
    main(**vars(arguments(epochs=3)))
