"""Schedules to source text: loop IR, its mappings and printers, and the emitted module."""

from symgrad.codegen.emit import emit
from symgrad.codegen.module import Entry, Module, Param

__all__ = ["Entry", "Module", "Param", "emit"]
