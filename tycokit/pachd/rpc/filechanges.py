"""What each message of a ModifyFile stream asks for."""

from __future__ import annotations

from typing import Any

from tycokit.pachd.pfs.modify import Modification
from tycokit.pachd.pfs.urls import pieces
from tycokit.pachd.pfs.values import CommitAddress
from tycokit.pachd.rpc import values as to
from tycokit.pachd.rpc import wire

Request = Any


def set_commit(request: Request) -> CommitAddress | None:
    """The commit that a message names, if it is one that does."""
    if isinstance(request, wire.Add | wire.Delete) or request.WhichOneof("body") != "set_commit":
        return None
    return to.address_from(request.set_commit)


def change(modification: Modification, request: Request) -> None:
    """Make the change that any other message asks for."""
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
        modification.copy(copy.dst, source, copy.src.path, copy.append, copy.datum)
    elif kind == "add_file":
        add = request.add_file
        if add.WhichOneof("source") == "url":
            for piece in pieces(add.url.URL, add.url.recursive):
                modification.add(add.path, piece, add.datum)
        else:
            modification.add(add.path, add.raw.value, add.datum)
