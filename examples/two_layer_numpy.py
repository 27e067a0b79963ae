"""A network of two layers in NumPy, gradients by hand; symgrad's autograd finds the same weights."""

import numpy as np

import symgrad as sg


def numpy_step(x, y, w1, w2, learning_rate):
    """One step: the loss; w1 and w2 are updated in place."""
    h = x.dot(w1)
    h_relu = np.maximum(h, 0)
    y_pred = h_relu.dot(w2)
    loss = np.square(y_pred - y).sum()

    grad_y_pred = 2.0 * (y_pred - y)
    grad_w2 = h_relu.T.dot(grad_y_pred)
    grad_h_relu = grad_y_pred.dot(w2.T)
    grad_h = grad_h_relu.copy()
    grad_h[h < 0] = 0
    grad_w1 = x.T.dot(grad_h)

    w1 -= learning_rate * grad_w1
    w2 -= learning_rate * grad_w2
    return loss


def tensor_step(x, y, w1, w2, learning_rate):
    """The same step with gradients from autograd."""
    loss = (x.mm(w1).clamp(min=0).mm(w2) - y).pow(2).sum()
    loss.backward()
    with sg.no_grad():
        w1 -= learning_rate * w1.grad
        w2 -= learning_rate * w2.grad
        w1.grad = None
        w2.grad = None
    return loss


def main(steps=500, sizes=(64, 1000, 100, 10), learning_rate=1e-6):
    N, D_in, H, D_out = sizes
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((N, D_in)), rng.standard_normal((N, D_out))
    start = rng.standard_normal((D_in, H)), rng.standard_normal((H, D_out))

    w1, w2 = (w.copy() for w in start)
    for t in range(steps):
        loss = numpy_step(x, y, w1, w2, learning_rate)
        if t % 100 == 99:
            print(t, loss)

    for step in (tensor_step, sg.compile(tensor_step)):
        v1, v2 = (sg.tensor(w, requires_grad=True) for w in start)
        for _ in range(steps):
            tensor_loss = step(sg.from_numpy(x), sg.from_numpy(y), v1, v2, learning_rate)
        np.testing.assert_allclose(v1.detach().numpy(), w1, rtol=1e-6, atol=1e-8)
        np.testing.assert_allclose(v2.detach().numpy(), w2, rtol=1e-6, atol=1e-8)
    print("autograd and compiled agree:", tensor_loss.item())
    return float(loss)


if __name__ == "__main__":
    main()
