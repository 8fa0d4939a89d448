"""The command line. This package alone reads argv and the environment.

`main` is the entry point; each module holds the commands of one subject and does no more than
read options, call what does the work, and show what came of it.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and answer its exit code: 0 done, 1 failed, 2 wrong usage."""
    words = list(sys.argv[1:] if argv is None else argv)
    if words[:1] == ["stage"]:
        # `tycokit stage` runs once a datum: importing typer, rich and grpc would cost it more
        # than all the rest that it does
        from tycokit.stage.runner import run

        return run(words[1:], os.environ)
    from tycokit.cli.app import run_command

    return run_command(words)
