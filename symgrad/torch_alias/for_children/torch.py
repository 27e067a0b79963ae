"""Found on the path by processes that a script under `symgrad run` starts afresh: makes `torch` symgrad there too."""

from symgrad.torch_alias import install

if __name__ == "torch":
    install()
