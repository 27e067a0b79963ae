"""Damaged files: bytes changed, cut, doubled and moved; of archives also behind checksums that are right again."""

from __future__ import annotations

import io
import random
import zipfile
from collections.abc import Iterator
from pathlib import Path


def sources(folder: str) -> list[bytes]:
    """The whole files."""
    return [path.read_bytes() for path in sorted(Path(folder).iterdir())]


def mutants(files: list[bytes], count: int, seed: int) -> Iterator[bytes]:
    """`count` damaged files, made of each whole one in turn."""
    rng = random.Random(seed)
    for i in range(count):
        data = files[i % len(files)]
        if data.startswith(b"PK") and rng.random() < 0.7:
            yield rezipped(data, rng)
        else:
            yield mutated(data, rng)


def mutated(data: bytes, rng: random.Random) -> bytes:
    """One to three changes."""
    for _ in range(rng.randint(1, 3)):
        at, other, length = rng.randrange(len(data) + 1), rng.randrange(len(data) + 1), rng.randint(1, 12)
        kind = rng.randrange(6)
        if kind == 0:
            data = data[:at]
        elif kind == 1:
            data = data[:at] + data[at + length :]
        elif kind == 2:
            data = data[:at] + data[other : other + length] + data[at:]
        elif kind == 3:
            data = data[:at] + rng.choice((b"\xff", b"\0", b"\x7f")) * length + data[at + length :]
        else:
            data = data[:at] + rng.randbytes(1) + data[at + 1 :]
    return data


def rezipped(data: bytes, rng: random.Random) -> bytes:
    """An archive one of whose records is changed, with a checksum for what it is now."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as source, zipfile.ZipFile(out, "w") as archive:
        names = source.namelist()
        chosen = rng.choice([n for n in names if n.endswith("data.pkl")] * 5 + names)
        for name in names:
            record = source.read(name)
            archive.writestr(name, mutated(record, rng) if name == chosen else record)
    return out.getvalue()
