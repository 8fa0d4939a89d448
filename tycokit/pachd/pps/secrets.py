"""Secrets: one file each that only this user can read, as Kubernetes' JSON of a Secret."""

from __future__ import annotations

import base64
import binascii
import json
import re
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tycokit.errors import InvalidSecret, InvalidSpec, NotServed, SecretExists, SecretNotFound
from tycokit.pachd.pfs import rows
from tycokit.pachd.pps.namespace import can_mount
from tycokit.pachd.pps.spec import Transform
from tycokit.pachd.store.database import Database
from tycokit.pachd.store.durable import make_private, write_private

_NAME = re.compile(r"[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?")  # Kubernetes: a DNS subdomain
_KEY = re.compile(r"(?!\.{1,2}$)[-._a-zA-Z0-9]{1,253}")
_SUITE = "pachyderm"


@dataclass(frozen=True, slots=True)
class SecretInfo:
    """What may be told of a secret: never its values."""

    name: str
    type: str
    created: int  # ns since the epoch


class Secrets:
    """Their names stand in the database, their values in one folder, made with the first of them.

    The file comes before the row and goes after it: a row never names a file that is not there.
    A file that a crash left without its row is removed at the next start.
    """

    def __init__(self, folder: Path, database: Database) -> None:
        self._folder = folder
        self._database = database
        self._changing = threading.Lock()
        known = {f"{info.name}.json" for info in self.list()}
        for path in folder.iterdir() if folder.exists() else ():
            if path.name not in known:
                path.unlink()

    def create(self, file: bytes, now: int) -> None:
        """Keep a secret.

        Args:
            file: JSON of a Kubernetes Secret, its data in base64.

        Raises:
            InvalidSecret, SecretExists.
        """
        name, kept = _parse(file)
        with self._changing, self._database.write() as connection:
            if _row(connection, name) is not None:
                raise SecretExists(name)
            self._put(name, kept)
            connection.execute("INSERT INTO secret VALUES (?, ?, ?)", (name, kept["type"], now))

    def _put(self, name: str, kept: dict[str, Any]) -> None:
        make_private(self._folder)
        write_private(self._path(name), json.dumps(kept))

    def delete(self, name: str) -> None:
        """Raises SecretNotFound."""
        with self._changing:  # the file that goes must not be that of a new one of this name
            with self._database.write() as connection:
                if connection.execute("DELETE FROM secret WHERE name = ?", (name,)).rowcount == 0:
                    raise SecretNotFound(name, "failed to delete secret: ")
            self._path(name).unlink(missing_ok=True)

    def inspect(self, name: str) -> SecretInfo:
        """Raises SecretNotFound."""
        with self._database.read() as connection:
            row = _row(connection, name)
        if row is None:
            raise SecretNotFound(name, "failed to get secret: ")
        return SecretInfo(row["name"], row["type"], row["created"])

    def list(self) -> list[SecretInfo]:
        """By name."""
        with self._database.read() as connection:
            found = connection.execute("SELECT * FROM secret ORDER BY name").fetchall()
        return [SecretInfo(row["name"], row["type"], row["created"]) for row in found]

    def values(self, name: str) -> dict[str, bytes]:
        """The secret itself, by key; for user code only. Raises SecretNotFound."""
        self.inspect(name)
        try:
            data: dict[str, str] = json.loads(self._path(name).read_text())["data"]
        except FileNotFoundError as error:
            raise SecretNotFound(name) from error
        return {key: base64.b64decode(value) for key, value in data.items()}

    def _path(self, name: str) -> Path:
        return self._folder / f"{name}.json"


def _row(connection: rows.Connection, name: str) -> rows.Row | None:
    row: rows.Row | None = connection.execute(
        "SELECT * FROM secret WHERE name = ?", (name,)
    ).fetchone()
    return row


def check_mounts(connection: rows.Connection, transform: Transform) -> None:
    """Refuse a transform whose secrets are not there, or cannot be where it wants them.

    Raises:
        InvalidSpec, NotServed.
    """
    for each in transform.secrets:
        if _row(connection, each.name) is None:
            raise InvalidSpec(f"missing Kubernetes secret {each.name}")
        if each.mount_path and not can_mount(each.mount_path):
            raise NotServed(
                f"a secret at the mount_path {each.mount_path!r} is not served by the local pachd:"
                " it must be the absolute path of a folder that is not below /pfs, /proc, /sys or"
                " /dev"
            )
        if each.env_var and not each.key:
            raise InvalidSpec(f"secret {each.name}: env_var {each.env_var} needs a key")


def _parse(file: bytes) -> tuple[str, dict[str, Any]]:
    """Name and what is kept of a secret; no message may quote any part of a value."""
    try:
        given = json.loads(file)
    except ValueError:
        raise InvalidSecret("the file is not JSON") from None
    if not isinstance(given, dict) or not isinstance(given.get("metadata"), dict):
        raise InvalidSecret("the file is not the JSON of a Kubernetes Secret")
    if given.get("kind", "Secret") != "Secret":
        raise InvalidSecret(f"it is of the kind {given['kind']!r}, not Secret")
    metadata = given["metadata"]
    name = metadata.get("name")
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise InvalidSecret(
            "its name must be lower case letters, digits, '-' and '.', and begin and end with a"
            " letter or digit"
        )
    labels = _object(metadata, "labels")
    if labels.get("suite", _SUITE) != _SUITE:
        raise InvalidSecret(f'invalid "suite" label set on secret: suite={labels["suite"]}')
    labels |= {"suite": _SUITE, "secret-source": "pachyderm-user"}
    data = _object(given, "data")
    for key, value in _object(given, "stringData").items():
        data[key] = base64.b64encode(str(value).encode()).decode()
    for key, value in data.items():
        if not _KEY.fullmatch(key):
            raise InvalidSecret(f"its key {key!r} must be letters, digits, '-', '_' or '.'")
        try:
            base64.b64decode(value, validate=True)
        except (TypeError, ValueError, binascii.Error):
            raise InvalidSecret(f"the value of its key {key!r} is not base64") from None
    annotations = _object(metadata, "annotations")
    kind = str(given.get("type") or "Opaque")
    return name, {"type": kind, "labels": labels, "annotations": annotations, "data": data}


def _object(given: dict[str, Any], name: str) -> dict[str, Any]:
    found = given.get(name) or {}
    if not isinstance(found, dict):
        raise InvalidSecret(f"its {name} must be an object")
    return dict(found)
