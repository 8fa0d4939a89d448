"""The process that searches for a regular expression: a program of its own, of Python's library.

Python's `re` holds the interpreter while it tries, so no thread could stop it, and the kernel would
stand still; a process can be ended. On its standard input come JSON messages, each after its
length; each is answered in the same form. The first is the expression, the others are lists of
texts. Its end is the end of its input.
"""

from __future__ import annotations

import json
import re
import struct
import sys
from typing import BinaryIO

LENGTH = struct.Struct(">Q")
MOST_SPANS = 20  # places that are marked in one line


def main(source: BinaryIO, target: BinaryIO) -> None:
    """Serve one expression."""
    expression, ignore_case = json.loads(_read(source) or b'["", false]')
    try:
        pattern = re.compile(expression, re.IGNORECASE if ignore_case else 0)
    except (re.error, OverflowError, RecursionError) as error:
        _write(target, {"error": str(error)})
        return
    _write(target, {})
    while (body := _read(source)) is not None:
        asked = json.loads(body)
        texts = asked["texts"]
        if asked["spans"]:
            _write(target, [_spans(pattern, text) for text in texts])
        else:
            _write(target, [at for at, text in enumerate(texts) if pattern.search(text)])


def _spans(pattern: re.Pattern[str], text: str) -> list[tuple[int, int]]:
    found: list[tuple[int, int]] = []
    for match in pattern.finditer(text):
        if match.end() > match.start():
            found.append(match.span())
        if len(found) == MOST_SPANS:
            break
    return found


def _read(source: BinaryIO) -> bytes | None:
    head = source.read(LENGTH.size)
    if len(head) < LENGTH.size:
        return None
    size = LENGTH.unpack(head)[0]
    body = source.read(size)
    return body if len(body) == size else None


def _write(target: BinaryIO, value: object) -> None:
    body = json.dumps(value).encode("ascii")
    target.write(LENGTH.pack(len(body)) + body)
    target.flush()


if __name__ == "__main__":
    main(sys.stdin.buffer, sys.stdout.buffer)
