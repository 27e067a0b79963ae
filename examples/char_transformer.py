"""A small transformer that learns to write Python, letter by letter, from a module of the standard library."""

import textwrap
from pathlib import Path

from training import arguments, compare, draw

import symgrad as torch
import symgrad.nn.functional as F
from symgrad import nn


class Block(nn.Module):
    """Attention to what came before, then a perceptron; each added to what it was given."""

    def __init__(self, width, heads):
        super().__init__()
        self.heads = heads
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.mlp = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))

    def forward(self, x):
        batch, length, width = x.shape
        q, k, v = (
            part.reshape(batch, length, self.heads, width // self.heads).transpose(1, 2)
            for part in self.qkv(self.norm1(x)).chunk(3, dim=-1)
        )
        mixed = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.out(mixed.transpose(1, 2).reshape(batch, length, width))
        return x + self.mlp(self.norm2(x))


class Writer(nn.Module):
    """Letters in, scores of the next letter out."""

    def __init__(self, letters, length, width=64, heads=4, depth=2):
        super().__init__()
        self.letter, self.place = nn.Embedding(letters, width), nn.Embedding(length, width)
        self.blocks = nn.Sequential(*(Block(width, heads) for _ in range(depth)))
        self.norm, self.head = nn.LayerNorm(width), nn.Linear(width, letters)

    def forward(self, ids):
        x = self.letter(ids) + self.place(torch.arange(ids.shape[1]))
        return self.head(self.norm(self.blocks(x))).transpose(1, 2)  # [batch, letters, length], as the loss has it

    def write(self, start, count, length):
        """`count` letters after `start`, each drawn from the scores."""
        ids = list(start)
        with torch.no_grad():
            for _ in range(count):
                scores = self(torch.tensor([ids[-length:]]))[0, :, -1]
                ids.append(torch.multinomial(torch.softmax(scores, 0), 1).item())
        return ids


def main(epochs=3, pictures=None, steps=50, batch=16, length=32):
    torch.manual_seed(0)
    text = Path(textwrap.__file__).read_text(encoding="utf-8")
    letters = sorted(set(text))
    number = {letter: i for i, letter in enumerate(letters)}
    data = torch.tensor([number[letter] for letter in text])

    def batches():
        for _ in range(steps):
            starts = torch.randint(len(data) - length - 1, (batch, 1))
            places = starts + torch.arange(length)
            yield data[places], data[places + 1]

    _, twin, eager, compiled = compare(
        "char transformer", Writer(len(letters), length), nn.CrossEntropyLoss(),
        lambda params: torch.optim.AdamW(params, lr=3e-3), batches, epochs)  # fmt: skip
    draw("char transformer", eager, compiled, pictures)
    torch.manual_seed(1)
    written = "".join(letters[i] for i in twin.write([number["d"]], 80, length))
    print(f"it writes: {written!r}")
    return eager, compiled, written


if __name__ == "__main__":
    main(**vars(arguments(epochs=10)))
