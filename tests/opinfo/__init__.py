"""PyTorch's own samples (`op_db`) as the oracle of every operation; `python tests/opinfo/__main__.py --help`."""
