"""The command `parity`: everything that is not a test run."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from importlib import import_module

COMMANDS = {
    "articles": ("parity.articles", "five articles on training loops, run and judged"),
    "audit": ("parity.arguments", "which arguments of every optimizer and loss do something"),
    "bench": (
        "parity.throughput",
        "whether a step of B, a lane or a release, is slower than one of A",
    ),
    "bisect": ("parity.upgrades.bisecting", "which release of a package changed training"),
    "fingerprint": ("parity.fingerprint", "what each lane's optimizers do, dial by dial"),
    "history": ("parity.history", "when a lane's dials, scores, verdicts or speed last changed"),
    "judge": ("parity.watching", "what the oracle says of a recorded training loop"),
    "report": ("parity.report", "one page of what runs found, and the same as Markdown and JSON"),
    "upgrade": ("parity.upgrades", "what training does otherwise from one release to another"),
}  # each with the module that has its `add_options` and `main`, and what it tells


INTERRUPTED = 130  # what a shell says of a program that Ctrl-C ended


def main(words: Sequence[str] | None = None) -> int:
    """Run a command; return its exit status (2: it was asked for something impossible)."""
    parser = argparse.ArgumentParser(prog="parity", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, (module, what) in COMMANDS.items():
        import_module(module).add_options(commands.add_parser(name, help=what, description=what))
    options = parser.parse_args(words)
    try:
        status: int = import_module(COMMANDS[options.command][0]).main(options)
    except (ValueError, OSError) as error:  # a disk that is full, a file that is not to be had
        commands.choices[options.command].error(str(error))
    except KeyboardInterrupt:
        parser.exit(INTERRUPTED, "interrupted; what was finished is kept\n")
    return status
