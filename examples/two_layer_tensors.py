"""A network of two layers: tensors, and gradients written out by hand."""

import math

import symgrad as torch


def step(x, y, w1, w2, learning_rate):
    """Forward pass, loss, backward pass by hand, update in place."""
    h = x.mm(w1)
    h_relu = h.clamp(min=0)
    y_pred = h_relu.mm(w2)
    loss = (y_pred - y).pow(2).sum()

    grad_y_pred = 2.0 * (y_pred - y)
    grad_w2 = h_relu.t().mm(grad_y_pred)
    grad_h_relu = grad_y_pred.mm(w2.t())
    grad_h = grad_h_relu.clone()
    grad_h[h < 0] = 0
    grad_w1 = x.t().mm(grad_h)

    w1 -= learning_rate * grad_w1
    w2 -= learning_rate * grad_w2
    return loss


def train(step, x, y, start, steps, learning_rate):
    w1, w2 = (w.clone() for w in start)
    losses = []
    for t in range(steps):
        loss = step(x, y, w1, w2, learning_rate).item()
        losses.append(loss)
        if t % 100 == 99:
            print(t, loss)
    return losses


def main(steps=500, sizes=(64, 1000, 100, 10), learning_rate=1e-6, arrays=None):
    dtype = torch.float
    device = torch.device("cpu")
    # device = torch.device("cuda:0")  # Uncomment this to run on GPU
    N, D_in, H, D_out = sizes
    torch.manual_seed(0)
    shapes = [(N, D_in), (N, D_out), (D_in, H), (H, D_out)]
    x, y, w1, w2 = ([torch.randn(*s, device=device, dtype=dtype) for s in shapes] if arrays is None
                    else map(torch.tensor, arrays))  # fmt: skip
    eager = train(step, x, y, (w1, w2), steps, learning_rate)
    compiled = train(torch.compile(step), x, y, (w1, w2), steps, learning_rate)
    assert all(math.isclose(p, q, rel_tol=1e-2, abs_tol=1e-2) for p, q in zip(eager, compiled))
    return eager


if __name__ == "__main__":
    main()
