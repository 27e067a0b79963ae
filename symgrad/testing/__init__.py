"""Oracles for emitted kernels: what a machine without a GPU can still check."""
