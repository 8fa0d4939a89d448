"""What each message of a ModifyFile stream asks for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tycokit.errors import StreamCut
from tycokit.pachd.pfs.modify import Modification
from tycokit.pachd.pfs.urls import fetch
from tycokit.pachd.pfs.values import CommitAddress
from tycokit.pachd.rpc import values as to
from tycokit.pachd.rpc import wire

Request = Any


def set_commit(request: Request) -> CommitAddress | None:
    """The commit that a message names, if it is one that does."""
    if isinstance(request, wire.Add | wire.Delete) or request.WhichOneof("body") != "set_commit":
        return None
    return to.address_from(request.set_commit)


def change(modification: Modification, request: Request, wanted: Callable[[], bool]) -> None:
    """Make the change that any other message asks for.

    `wanted` is asked now and then while a URL is read, or while the source of a copy is not there
    yet. Raises StreamCut once it says no.
    """
    if isinstance(request, wire.Add):
        modification.add(request.path, request.data, request.datum)
        return
    if isinstance(request, wire.Delete):
        modification.delete(request.path, request.datum)
        return
    kind = request.WhichOneof("body")
    if kind == "delete_file":
        modification.delete(request.delete_file.path, request.delete_file.datum)
    elif kind == "copy_file":
        copy = request.copy_file
        source = to.address_from(copy.src.commit)
        modification.copy(copy.dst, source, copy.src.path, copy.append, copy.datum, wanted)
    elif kind == "add_file":
        add = request.add_file
        if add.WhichOneof("source") == "url":
            _add_from_url(modification, add, wanted)
        else:
            modification.add(add.path, add.raw.value, add.datum)


def _add_from_url(modification: Modification, add: Request, wanted: Callable[[], bool]) -> None:
    for file in fetch(add.url.URL, add.url.recursive):
        path = f"{add.path.rstrip('/')}/{file.below}" if file.below else add.path
        for piece in file.pieces:
            if not wanted():
                raise StreamCut
            modification.add(path, piece, add.datum)
