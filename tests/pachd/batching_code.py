"""User code that asks for one datum after the other."""

from __future__ import annotations

import sys
import textwrap
from typing import Any

from python_pachyderm.service import pps_proto

_HELPER = """
    import os, pathlib, sys
    del os.environ["PACH_CONFIG"]  # the tests' own, which names no file
    from python_pachyderm import Client
    print("process started", flush=True)
    worker = Client().worker
    while True:
        with worker.batch_datum():
"""


def batching(body: str, head: str = _HELPER, **more: Any) -> Any:
    """A transform that runs a Python program whose loop has this body."""
    program = textwrap.dedent(head) + textwrap.indent(textwrap.dedent(body), " " * 8)
    env = {"HOME": "/nonexistent"}  # no context: only the worker is wanted
    cmd = [sys.executable, "-c", program]
    return pps_proto.Transform(cmd=cmd, datum_batching=True, env=env, **more)


COPY = """
    (file,) = pathlib.Path("/pfs/in").iterdir()
    assert os.environ["in"] == str(file), os.environ["in"]
    out = pathlib.Path("/pfs/out", file.name)
    out.write_text(f"{os.getpid()} {os.environ['PACH_DATUM_ID']}")
"""
