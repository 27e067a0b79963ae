"""The command `symgrad`: parses the line and hands over to the module that does the work."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from symgrad import __version__
from symgrad.config import BACKENDS
from symgrad.errors import SymgradError

EXAMPLES = """examples:
  symgrad run train.py --epochs 3
  symgrad demo
  symgrad bench --quick
  symgrad graph train.py:step --args "x=f32[64,10],y=f32[64,1]" --show source
  symgrad doctor
"""


def parser() -> argparse.ArgumentParser:
    """All commands and their options."""
    shape = argparse.RawDescriptionHelpFormatter
    top = argparse.ArgumentParser(
        prog="symgrad", epilog=EXAMPLES, formatter_class=shape,
        description="Traces a PyTorch-style training step once and compiles it to readable Python.",
    )  # fmt: skip
    top.add_argument("--version", action="version", version=f"symgrad {__version__}")
    commands = top.add_subparsers(dest="command", metavar="COMMAND", required=True)

    demo = commands.add_parser("demo", help="fit a polynomial to sin(x), eager and compiled, and show both")
    demo.add_argument("-o", "--output", type=Path, default=Path("symgrad-demo"), metavar="DIR",
                      help="where pictures and the emitted module go (./symgrad-demo)")  # fmt: skip
    demo.add_argument("--steps", type=positive, default=2000, metavar="N", help="training steps (2000)")
    demo.add_argument("--no-peers", action="store_true", help="leave out PyTensor, JAX and PyTorch")
    backend_option(demo)

    bench = commands.add_parser("bench", help="time the documents' training steps, eager against compiled")
    bench.add_argument("names", nargs="*", metavar="NAME", help="which steps (all); an unknown name lists them")
    bench.add_argument("--quick", action="store_true", help="small steps and few runs")
    backend_option(bench)

    graph = commands.add_parser(
        "graph", help="show the graph, passes, source or picture of a function",
        epilog="Example tensors come from --args, else from EXAMPLE or example() in the file.",
    )  # fmt: skip
    graph.add_argument("target", metavar="FILE:FUNCTION", help="for example train.py:step")
    graph.add_argument("--args", metavar="TYPES", help='example arguments by type: "x=f32[64,10],lr=0.1"')
    graph.add_argument("--show", choices=("ir", "passes", "source", "picture"),
                       help="what to show (ir; picture where -o names one)")  # fmt: skip
    graph.add_argument("-o", "--output", type=Path, metavar="FILE", help="write there: out.svg, out.png, out.py")
    backend_option(graph)

    script = commands.add_parser("run", help="run a script that imports torch, with symgrad in PyTorch's place")
    script.add_argument("script", metavar="SCRIPT.py")
    script.add_argument("args", nargs=argparse.REMAINDER, metavar="…", help="what the script finds in sys.argv")

    commands.add_parser("doctor", help="versions, backends, CPU, BLAS, cache: what works here and what does not")
    cache = commands.add_parser("cache", help="where compiled code is kept, and how much of it")
    cache.add_argument("--clear", action="store_true", help="remove it all")
    return top


def backend_option(command: argparse.ArgumentParser) -> None:
    command.add_argument("--backend", choices=(*BACKENDS, "reference"), metavar="NAME",
                         help="auto, numba, numpy or cupy (auto)")  # fmt: skip


def positive(text: str) -> int:
    """A whole number above zero."""
    if not text.isdigit() or int(text) == 0:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number above zero")
    return int(text)


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; its exit code. What the user can mend is one message, not a traceback."""
    args = parser().parse_args(argv)
    try:
        return run(args)
    except SymgradError as error:
        complaint = told(error)
    except (ValueError, OSError) as error:
        if not is_ours(error):
            raise
        complaint = str(error)
    print(f"symgrad {args.command}: {complaint}", file=sys.stderr)
    return 1


def told(error: SymgradError) -> str:
    """An error in full, its place only where that is in a file of the user's."""
    lines = [f"{type(error).__name__}: {error.message}"]
    if error.loc is not None and is_users(error.loc.file):
        lines.append(f"  at {error.loc.file}:{error.loc.line} in {error.loc.function}")
    if error.hint:
        lines.append(f"  hint: {error.hint}")
    return "\n".join(lines)


def is_users(file: str) -> bool:
    """Whether a file is neither this package's nor part of the Python installation."""
    return not file.startswith((os.path.dirname(__file__), sys.prefix, sys.base_prefix, "<"))


def is_ours(error: Exception) -> bool:
    """Whether an error was raised without any code of the user's being run."""
    trace = error.__traceback__
    while trace is not None:
        if is_users(trace.tb_frame.f_code.co_filename):
            return False
        trace = trace.tb_next
    return True


def run(args: argparse.Namespace) -> int:
    """Hand over to the command's own module, imported only now."""
    if args.command == "demo":
        from symgrad.demo import demo

        return demo(args.output, steps=args.steps, backend=args.backend or "auto", with_peers=not args.no_peers)
    if args.command == "bench":
        from symgrad.bench.report import bench

        return bench(args.names, quick=args.quick, backend=args.backend or "auto")
    if args.command == "graph":
        from symgrad.show import show

        pictured = args.output is not None and args.output.suffix in (".svg", ".png", ".pdf", ".gv", ".dot")
        kind = args.show or ("picture" if pictured else "ir")
        return show(args.target, types=args.args, kind=kind, backend=args.backend, output=args.output)
    if args.command == "run":
        from symgrad.torch_alias.script import run_script

        return run_script(args.script, args.args)
    from symgrad import doctor

    return doctor.cache(clear=args.clear) if args.command == "cache" else doctor.doctor()


if __name__ == "__main__":
    sys.exit(main())
