"""Open transactions: requests that wait, as opaque bytes, until they run together."""

from __future__ import annotations

import uuid
from dataclasses import dataclass

from tycokit.errors import TransactionNotFound
from tycokit.pachd.pfs import rows


@dataclass(frozen=True, slots=True)
class Queued:
    """One waiting request, and what it answered when it was tried."""

    kind: str
    request: bytes
    response: bytes


@dataclass(frozen=True, slots=True)
class OpenTransaction:
    id: str
    started: int  # ns since the epoch
    queued: tuple[Queued, ...]


def start(connection: rows.Connection, now: int) -> OpenTransaction:
    id_ = uuid.uuid4().hex
    connection.execute("INSERT INTO open_transaction (name, started) VALUES (?, ?)", (id_, now))
    return OpenTransaction(id_, now, ())


def inspect(connection: rows.Connection, id_: str) -> OpenTransaction:
    """Raises TransactionNotFound."""
    for found in _load(connection, id_):
        return found
    raise TransactionNotFound(id_)


def list_all(connection: rows.Connection) -> list[OpenTransaction]:
    """Oldest first."""
    return _load(connection, None)


def _load(connection: rows.Connection, id_: str | None) -> list[OpenTransaction]:
    found = connection.execute(
        "SELECT * FROM open_transaction WHERE ?1 IS NULL OR name = ?1 ORDER BY id", (id_,)
    ).fetchall()
    return [
        OpenTransaction(
            row["name"],
            row["started"],
            tuple(
                Queued(each["kind"], each["request"], each["response"])
                for each in connection.execute(
                    "SELECT * FROM queued_request WHERE parent = ? ORDER BY position", (row["id"],)
                )
            ),
        )
        for row in found
    ]


def replace(connection: rows.Connection, id_: str, queued: tuple[Queued, ...]) -> None:
    """Set what waits in a transaction. Raises TransactionNotFound."""
    row = connection.execute("SELECT id FROM open_transaction WHERE name = ?", (id_,)).fetchone()
    if row is None:
        raise TransactionNotFound(id_)
    connection.execute("DELETE FROM queued_request WHERE parent = ?", (row["id"],))
    connection.executemany(
        "INSERT INTO queued_request VALUES (?, ?, ?, ?, ?)",
        [
            (row["id"], position, each.kind, each.request, each.response)
            for position, each in enumerate(queued)
        ],
    )


def delete(connection: rows.Connection, id_: str) -> None:
    """Raises TransactionNotFound."""
    replace(connection, id_, ())
    connection.execute("DELETE FROM open_transaction WHERE name = ?", (id_,))
