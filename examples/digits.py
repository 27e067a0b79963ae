"""The digits that ship with scikit-learn: 1,797 pictures of 8 × 8, as tensors, in batches."""

import symgrad as torch


def load(images=False):
    """Pictures in [0, 1] and their classes: (training, test); flat, or of shape [N, 1, 8, 8]."""
    from sklearn.datasets import load_digits

    x, y = load_digits(return_X_y=True)
    x = torch.from_numpy(x.astype("float32") / 16)
    y = torch.from_numpy(y.astype("int64"))
    if images:
        x = x.reshape(-1, 1, 8, 8)
    return (x[:1500], y[:1500]), (x[1500:], y[1500:])


def loader(data, batch_size=100):
    """Shuffled batches; those that are not full are dropped."""
    dataset = torch.utils.data.TensorDataset(*data)
    return torch.utils.data.DataLoader(dataset, batch_size, shuffle=True, drop_last=True)


def accuracy(model, data):
    """The share of pictures whose class the model finds."""
    x, y = data
    model.eval()
    with torch.no_grad():
        found = (model(x).argmax(dim=1) == y).float().mean().item()
    model.train()
    return found
