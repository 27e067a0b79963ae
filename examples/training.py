"""Train a model eagerly, then its twin compiled, from the same start on the same batches; draw both losses.

Each example beside this file describes its model, data and step; what they share is here.
"""

import argparse
import copy
import time
from pathlib import Path

from tqdm import tqdm

import symgrad as torch


def make_step(model, criterion, optimizer):
    """The usual step; compiled, its forward, backward and update are one program."""

    def step(x, y):
        optimizer.zero_grad()
        loss = criterion(model(x), y)
        loss.backward()
        optimizer.step()
        return loss

    return step


def train(step, batches, epochs, label):
    """Losses of every step, and seconds per epoch once the first is over (it compiles)."""
    losses, seconds = [], []
    with tqdm(total=epochs, desc=label, unit="epoch") as bar:
        for _ in range(epochs):
            start = time.perf_counter()
            losses += [step(x, y).item() for x, y in batches()]
            seconds.append(time.perf_counter() - start)
            bar.set_postfix(loss=f"{losses[-1]:.4f}")
            bar.update()
    return losses, min(seconds[1:] or seconds)


def compare(name, model, criterion, make_optimizer, batches, epochs, seed=0):
    """Train `model` eagerly and a copy of it compiled; returns both, and both lists of losses.

    `batches()` gives the batches of an epoch anew; it and the model draw from the seed, so both see the same.
    """
    twin = copy.deepcopy(model)
    results = []
    for net, wrap, label in ((model, lambda step: step, "eager"), (twin, torch.compile, "compiled")):
        torch.manual_seed(seed)
        step = wrap(make_step(net, criterion, make_optimizer(net.parameters())))
        results.append(train(step, batches, epochs, label))
    (eager, slow), (compiled, fast) = results
    print(f"{name}: last loss {eager[-1]:.4f} eager, {compiled[-1]:.4f} compiled; "
          f"{slow * 1e3:.1f} ms an epoch eager, {fast * 1e3:.1f} ms compiled")
    return model, twin, eager, compiled


def draw(name, eager, compiled, folder):
    """The loss curves as a picture, if a folder is given."""
    if folder is None:
        return
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(figsize=(6, 3.5), layout="constrained")
    axes.plot(eager, label="eager", linewidth=3, alpha=0.4)
    axes.plot(compiled, label="compiled", linewidth=1)
    axes.set(title=name, xlabel="step", ylabel="loss", yscale="log")
    axes.legend()
    folder.mkdir(parents=True, exist_ok=True)
    figure.savefig(folder / f"{name.replace(' ', '_')}.png", dpi=150)
    plt.close(figure)


def arguments(epochs):
    """`--epochs` and `--pictures FOLDER`."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--epochs", type=int, default=epochs)
    parser.add_argument("--pictures", type=Path, metavar="FOLDER", help="draw the loss curves there (needs matplotlib)")
    return parser.parse_args()
