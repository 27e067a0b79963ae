"""Linear regression from scratch (document 004, section 4): data, model, loss and update written by hand."""

import random

from training import arguments, draw, train

import symgrad as torch


def synthetic_data(w, b, num_examples):
    """y = Xw + b + noise."""
    X = torch.normal(0, 1, (num_examples, len(w)))
    y = torch.matmul(X, w) + b
    y += torch.normal(0, 0.01, y.shape)
    return X, y.reshape((-1, 1))


def data_iter(batch_size, features, labels):
    num_examples = len(features)
    indices = list(range(num_examples))
    random.shuffle(indices)
    for i in range(0, num_examples, batch_size):
        batch_indices = torch.tensor(indices[i : min(i + batch_size, num_examples)])
        yield features[batch_indices], labels[batch_indices]


def linreg(X, w, b):
    return torch.matmul(X, w) + b


def squared_loss(y_hat, y):
    return (y_hat - y.reshape(y_hat.shape)) ** 2 / 2


def sgd(params, lr, batch_size):
    with torch.no_grad():
        for param in params:
            param -= lr * param.grad / batch_size
            param.grad.zero_()


def main(epochs=3, pictures=None, batch_size=10, lr=0.03):
    torch.manual_seed(0)
    true_w, true_b = torch.tensor([2, -3.4]), 4.2
    features, labels = synthetic_data(true_w, true_b, 1000)
    curves = []
    for wrap, label in ((lambda step: step, "eager"), (torch.compile, "compiled")):
        torch.manual_seed(1)
        random.seed(1)
        w = torch.normal(0, 0.01, size=(2, 1), requires_grad=True)
        b = torch.zeros(1, requires_grad=True)

        def step(X, y, w=w, b=b):
            loss = squared_loss(linreg(X, w, b), y)
            loss.sum().backward()
            sgd([w, b], lr, batch_size)
            return loss.mean()

        losses, seconds = train(wrap(step), lambda: data_iter(batch_size, features, labels), epochs, label)
        curves.append(losses)
        print(f"{label}: {seconds * 1e3:.1f} ms an epoch; w off by {(true_w - w.detach().reshape(-1)).tolist()}, "
              f"b by {true_b - b.item():.5f}")
    draw("linear regression from scratch", *curves, pictures)
    return *curves, (w.detach().reshape(-1).tolist(), b.item())


if __name__ == "__main__":
    main(**vars(arguments(epochs=3)))
