"""Pictures: `make_dot` of a tensor's history, `draw_graph` of a graph and its fused kernels."""

from symgrad.viz.dot import make_dot, resize_graph
from symgrad.viz.program import draw_graph
from symgrad.viz.render import draw, render, to_svg

__all__ = ["draw", "draw_graph", "make_dot", "render", "resize_graph", "to_svg"]
