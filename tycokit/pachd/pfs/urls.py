"""Bytes from a URL, for put_file_url."""

from __future__ import annotations

import http.client
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator

from tycokit.errors import NotServed, UrlUnreadable

_PIECE = 1 << 20
_SECONDS = 60  # without a byte


def pieces(url: str, recursive: bool = False) -> Iterator[bytes]:
    """The body behind an http, https or file URL; one empty piece when there is nothing.

    Raises:
        UrlUnreadable: no answer, an error status, less than was announced, no such file.
        NotServed: another scheme.
    """
    scheme = urllib.parse.urlsplit(url).scheme
    if scheme not in ("http", "https", "file") or recursive:
        raise NotServed(f"the local pachd reads http, https and file URLs of one file, not {url}")
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
