"""Fit y = sin(x) with a linear layer on (x, x^2, x^3), updated by an optimizer."""

import math

from polynomial_nn import make_model

import symgrad as torch


def make_step(model, loss_fn, optimizer):
    def step(xx, y):
        y_pred = model(xx)
        loss = loss_fn(y_pred, y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss

    return step


def train(model, step, xx, y, steps):
    for t in range(steps):
        loss = step(xx, y)
        if t % 100 == 99:
            print(t, loss.item())
    bias, w = model[0].bias, model[0].weight
    print(f"Result: y = {bias.item()} + {w[:, 0].item()} x + {w[:, 1].item()} x^2 + {w[:, 2].item()} x^3")
    return [bias.item(), *w.detach().flatten().tolist()]


def main(steps=2000, start=None, learning_rate=1e-3):
    torch.manual_seed(0)
    x = torch.linspace(-math.pi, math.pi, 2000)
    y = torch.sin(x)
    xx = x.unsqueeze(-1).pow(torch.tensor([1, 2, 3]))
    loss_fn = torch.nn.MSELoss(reduction="sum")

    model = make_model(start)
    twin = make_model(start)
    twin.load_state_dict(model.state_dict())
    results = []
    for net, wrap in ((model, lambda step: step), (twin, torch.compile)):
        optimizer = torch.optim.RMSprop(net.parameters(), lr=learning_rate)
        results.append(train(net, wrap(make_step(net, loss_fn, optimizer)), xx, y, steps))
    eager, compiled = results
    assert all(math.isclose(p, q, rel_tol=1e-2, abs_tol=1e-2) for p, q in zip(eager, compiled))
    return eager


if __name__ == "__main__":
    main()
