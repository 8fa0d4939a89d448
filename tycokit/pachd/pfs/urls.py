"""Bytes from a URL, for put_file_url."""

from __future__ import annotations

import contextlib
import errno
import http.client
import os
import stat
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass

from tycokit.errors import NotServed, UrlUnreadable

_PIECE = 1 << 20
_SECONDS = 60  # without a byte


@dataclass(frozen=True, slots=True)
class Fetched:
    """One file behind a URL.

    `below` is its path below the URL's own, without a slash in front; "" when the URL names it.
    `pieces` gives its bytes once, and one empty piece when there are none.
    """

    below: str
    pieces: Iterator[bytes]


def fetch(url: str, recursive: bool = False) -> Iterator[Fetched]:
    """What an http, https or file URL leads to; each file must be read before the next is asked.

    `recursive` takes every file below the folder that a file URL names, in the order of their
    paths, and means nothing for the other schemes, which have no folders.

    Raises, also while pieces are read:
        UrlUnreadable: no answer, an error status, less than was announced, no such file, a folder
        without files, something that is neither file nor folder.
        NotServed: another scheme.
    """
    parts = urllib.parse.urlsplit(url)
    if parts.scheme in ("http", "https"):
        yield Fetched("", _from_web(url))
    elif parts.scheme == "file":
        yield from _from_disk(url, recursive)
    else:
        raise NotServed(f"the local pachd reads http, https and file URLs, not {url}")


def _from_web(url: str) -> Iterator[bytes]:
    try:
        with urllib.request.urlopen(url, timeout=_SECONDS) as response:
            yield b""
            while piece := response.read(_PIECE):
                yield piece
            if missing := getattr(response, "length", None):  # http.client itself says nothing
                raise UrlUnreadable(url, f"it ended {missing} bytes early")
    except urllib.error.HTTPError as error:
        with error:
            raise UrlUnreadable(url, f"HTTP status {error.code}") from error
    except (OSError, ValueError, http.client.HTTPException) as error:
        raise UrlUnreadable(url, str(error) or type(error).__name__) from error


def _from_disk(url: str, recursive: bool) -> Iterator[Fetched]:
    parts = urllib.parse.urlsplit(url)
    if parts.netloc not in ("", "localhost"):
        raise UrlUnreadable(url, "a file URL can only name files of this machine")
    path = urllib.request.url2pathname(parts.path)
    if not (recursive and os.path.isdir(path)):
        yield Fetched("", _from_file(url, path))
        return
    found = False
    for below in _below(url, path):
        found = True
        yield Fetched(below, _from_file(url, os.path.join(path, below)))
    if not found:
        raise UrlUnreadable(url, "no objects were listed")


def _below(url: str, folder: str, prefix: str = "") -> Iterator[str]:
    """Paths of all that is below a folder and is none itself; links to folders are not entered."""
    with _said(url), os.scandir(folder) as entries:
        names = sorted((each.name, each.is_dir(follow_symlinks=False)) for each in entries)
    for name, is_dir in names:
        if is_dir:
            yield from _below(url, os.path.join(folder, name), f"{prefix}{name}/")
        else:
            yield prefix + name


def _from_file(url: str, path: str) -> Iterator[bytes]:
    with _said(url):
        # a pipe without a writer would hold up an open that waits
        file = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            status = os.fstat(file)
            if stat.S_ISDIR(status.st_mode):
                raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), path)
            if not stat.S_ISREG(status.st_mode):
                raise OSError(errno.EINVAL, "neither a file nor a folder", path)
            # one byte more than there are: the end of a small file shows in one read
            piece = os.read(file, min(status.st_size + 1, _PIECE))
            yield piece
            while piece:
                piece = os.read(file, _PIECE)
                if piece:
                    yield piece
        finally:
            os.close(file)


@contextlib.contextmanager
def _said(url: str) -> Iterator[None]:
    """What the disk refuses, said of the URL. What whoever takes the bytes raises passes by."""
    try:
        yield
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        raise UrlUnreadable(url, f"{where}{error.strerror}") from error
