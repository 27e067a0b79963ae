"""A network of two layers trained with autograd, at the sizes of both documents."""

import math

import symgrad as torch

SIZES = {"large": (64, 1000, 100, 10), "small": (50, 40, 100, 10)}


def step(x, y, w1, w2, learning_rate):
    """Forward pass, backward pass, update, gradients zeroed."""
    y_pred = x.mm(w1).clamp(min=0).mm(w2)
    loss = (y_pred - y).pow(2).sum()
    loss.backward()
    with torch.no_grad():
        w1 -= learning_rate * w1.grad
        w2 -= learning_rate * w2.grad
        # Zero the gradients by hand after updating the weights.
        w1.grad.zero_()
        w2.grad.zero_()
    return loss


def train(step, x, y, start, steps, learning_rate):
    w1, w2 = (w.clone().requires_grad_() for w in start)
    losses = []
    for t in range(steps):
        loss = step(x, y, w1, w2, learning_rate).item()
        losses.append(loss)
        if t % 100 == 99:
            print(t, loss)
    return losses


def main(steps=500, sizes=SIZES["large"], learning_rate=1e-6, arrays=None):
    N, D_in, H, D_out = sizes
    torch.manual_seed(0)
    shapes = [(N, D_in), (N, D_out), (D_in, H), (H, D_out)]
    x, y, w1, w2 = [torch.randn(*s) for s in shapes] if arrays is None else map(torch.tensor, arrays)
    eager = train(step, x, y, (w1, w2), steps, learning_rate)
    compiled = train(torch.compile(step), x, y, (w1, w2), steps, learning_rate)
    assert all(math.isclose(p, q, rel_tol=1e-3, abs_tol=1e-2) for p, q in zip(eager, compiled))
    return eager


if __name__ == "__main__":
    for name, sizes in SIZES.items():
        print(name)
        main(sizes=sizes, learning_rate=1e-6 if name == "large" else 1e-5)
