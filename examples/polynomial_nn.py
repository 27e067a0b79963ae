"""Fit y = sin(x) with a linear layer on (x, x^2, x^3); the update is written by hand."""

import math

import symgrad as torch


def make_model(start=None):
    model = torch.nn.Sequential(torch.nn.Linear(3, 1), torch.nn.Flatten(0, 1))
    if start is not None:
        with torch.no_grad():
            model[0].weight.copy_(torch.tensor([start[1:]]))
            model[0].bias.fill_(start[0])
    return model


def make_step(model, loss_fn):
    def step(xx, y, learning_rate):
        y_pred = model(xx)
        loss = loss_fn(y_pred, y)
        model.zero_grad()
        loss.backward()
        with torch.no_grad():
            for param in model.parameters():
                param -= learning_rate * param.grad
        return loss

    return step


def train(model, step, xx, y, steps, learning_rate):
    for t in range(steps):
        loss = step(xx, y, learning_rate)
        if t % 100 == 99:
            print(t, loss.item())
    # You can access the first layer of `model` like accessing the first item of a list
    linear_layer = model[0]
    w = linear_layer.weight
    print(f"Result: y = {linear_layer.bias.item()} + {w[:, 0].item()} x + {w[:, 1].item()} x^2 + {w[:, 2].item()} x^3")
    return [linear_layer.bias.item(), *w.detach().flatten().tolist()]


def main(steps=2000, start=None, learning_rate=1e-6):
    torch.manual_seed(0)
    x = torch.linspace(-math.pi, math.pi, 2000)
    y = torch.sin(x)
    p = torch.tensor([1, 2, 3])
    xx = x.unsqueeze(-1).pow(p)
    loss_fn = torch.nn.MSELoss(reduction="sum")

    model = make_model(start)
    twin = make_model(start)
    twin.load_state_dict(model.state_dict())
    eager = train(model, make_step(model, loss_fn), xx, y, steps, learning_rate)
    compiled = train(twin, torch.compile(make_step(twin, loss_fn)), xx, y, steps, learning_rate)
    assert all(math.isclose(p, q, rel_tol=1e-4, abs_tol=1e-5) for p, q in zip(eager, compiled))
    return eager


if __name__ == "__main__":
    main()
