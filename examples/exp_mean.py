"""Variables, a graph picture, backward with a gradient given, and a hook on a tensor's gradient."""

import symgrad as T
from symgrad.autograd import Variable


def forward(x):
    """The mean of (exp(x + 2) + exp(-x - 2)) / 2."""
    y = T.exp(x + 2)
    yy = T.exp(-x - 2)
    z = (y + yy) / 2
    return z.mean()


def gradient(x):
    """The gradient of `forward`, as a function that can be compiled whole."""
    (g,) = T.autograd.grad(forward(x), x)
    return g


def main():
    x = Variable(T.ones(2, 2), requires_grad=True)
    print(x)
    out = forward(x)
    print(out)
    picture = T.make_dot(out, params={"x": x})
    print(picture.source.splitlines()[0])

    out.backward(T.tensor(1.0), retain_graph=True)
    print(x.grad)
    first = x.grad.clone()
    out.backward(T.tensor(0.5))  # the graph was kept; gradients add up
    assert T.amax(T.abs(x.grad - 1.5 * first)).item() < 1e-5

    compiled = T.compile(gradient)(x)
    assert T.amax(T.abs(compiled - first)).item() < 1e-5

    T.manual_seed(0)
    xx = Variable(T.randn(1, 1), requires_grad=True)
    print(xx)
    yy = 3 * xx
    zz = yy**2
    seen = []
    yy.register_hook(seen.append)
    zz.backward(T.FloatTensor([[0.1]]))
    print(xx.grad, seen[0])
    assert abs(xx.grad.item() - 1.8 * xx.item()) < 1e-5 and abs(seen[0].item() - 0.6 * xx.item()) < 1e-5
    return first.tolist(), xx.item(), xx.grad.item()


if __name__ == "__main__":
    main()
