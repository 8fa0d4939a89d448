"""Fetch one file over HTTP and go on where an earlier attempt broke off."""

from __future__ import annotations

import http.client
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tycokit.errors import ModelError

ATTEMPTS = 4
TIMEOUT = 30.0  # seconds without a byte
_CHUNK = 1 << 18

Progress = Callable[[int, int | None], None]
"""Called with the bytes that are there and the bytes there will be, None where not known."""


def quiet(done: int, total: int | None) -> None:
    """A Progress that shows nothing."""


class _BrokenOffError(ConnectionError):
    """The connection ended before the file did."""


def fetch(
    name: str,
    url: str,
    part: Path,
    progress: Progress = quiet,
    *,
    pause: float = 1.0,
    most: int = 2_000_000_000,
) -> None:
    """Fetch `url` into `part`, whose bytes of an earlier attempt are kept where that is possible.

    `name` is what the errors speak of. A connection that breaks is taken up again, `ATTEMPTS`
    times in all, `pause` seconds apart, doubled each time. Raises ModelError; `part` then stays
    for the next attempt.
    """
    part.parent.mkdir(parents=True, exist_ok=True)
    for attempt in range(1, ATTEMPTS + 1):
        try:
            _attempt(name, url, part, progress, most)
        except urllib.error.HTTPError as error:
            error.close()
            if error.code < 500 or attempt == ATTEMPTS:
                raise ModelError(name, f"{url} answers {error.code} {error.reason}") from error
        except (http.client.HTTPException, OSError) as error:
            if attempt == ATTEMPTS:
                kept = part.stat().st_size if part.exists() else 0
                more = f"; the first {kept:,} bytes are kept, run it again" if kept else ""
                why = getattr(error, "reason", error)
                raise ModelError(name, f"cannot fetch {url}: {why}{more}") from error
        else:
            return
        time.sleep(pause * 2 ** (attempt - 1))


def _attempt(name: str, url: str, part: Path, progress: Progress, most: int) -> None:
    have = part.stat().st_size if part.exists() else 0
    request = urllib.request.Request(url, headers={"User-Agent": "tycokit"})
    if have:
        request.add_header("Range", f"bytes={have}-")
    try:
        answer: Any = urllib.request.urlopen(request, timeout=TIMEOUT)
    except urllib.error.HTTPError as error:
        if error.code != 416 or not have:
            raise
        total = error.headers.get("Content-Range", "").rpartition("/")[2]
        error.close()
        if total == str(have):
            return  # it was whole already
        part.unlink()  # longer than the file: another version's bytes
        answer = urllib.request.urlopen(url, timeout=TIMEOUT)
        have = 0
    with answer:
        have = _begin(answer, have)
        length = answer.headers.get("Content-Length")
        total_size = have + int(length) if length and length.isdigit() else None
        with part.open("ab" if have else "wb") as stream:
            progress(have, total_size)
            while chunk := answer.read(_CHUNK):
                have += len(chunk)
                if have > most:
                    raise ModelError(name, f"{url} sends more than {most:,} bytes")
                stream.write(chunk)
                progress(have, total_size)
    if total_size is not None and have != total_size:
        raise _BrokenOffError(f"the connection broke off after {have:,} of {total_size:,} bytes")


def _begin(answer: Any, have: int) -> int:
    """How many bytes of the part stay: all when the server goes on there, else none."""
    if answer.status != 206:
        return 0  # it ignores Range and sends the file from the start
    said = answer.headers.get("Content-Range", "")
    start = said.removeprefix("bytes ").partition("-")[0]
    if start != str(have):
        raise _BrokenOffError(f"the server goes on at {said!r} and not at byte {have}")
    return have
