"""From a user's function to a call that runs emitted code: the only package that sees everything."""

from symgrad.compiler.compiled import Compiled, compile, trace_graph

__all__ = ["Compiled", "compile", "trace_graph"]
