"""The messages that come by the ten thousand, to and from protobuf's bytes by hand.

Where protobuf's Python runtime has no C part (3.20 on Python 3.11 and later) it takes 30 to 80 µs a
message, which would be most of what putting or listing many small files costs. What is not exactly
the usual form of a message goes to the generated code, which alone says what is valid.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from python_pachyderm.proto.v2.pfs import pfs_pb2

from tycokit.pachd.pfs.values import FileInfo
from tycokit.pachd.rpc import values as to

_ADD, _DELETE = 0x12, 0x1A  # tags of ModifyFileRequest's fields 2 and 3, length-delimited
_PATH, _DATUM, _RAW = 0x0A, 0x12, 0x1A  # of AddFile's and DeleteFile's fields 1, 2 and 3
_VALUE = 0x0A  # of BytesValue's only field


@dataclass(frozen=True, slots=True)
class Add:
    """AddFile with raw bytes."""

    path: str
    datum: str
    data: bytes


@dataclass(frozen=True, slots=True)
class Delete:
    """DeleteFile."""

    path: str
    datum: str


class _Unusual(Exception):
    """A form that only the generated code reads."""


def modify_request(data: bytes) -> Any:
    """A ModifyFileRequest: Add, Delete, or the generated message for all others."""
    try:
        fields = list(_fields(data))
        if len(fields) == 1:
            tag, body = fields[0]
            if tag == _DELETE:
                found = _once(body, (_PATH, _DATUM))
                return Delete(_text(found, _PATH), _text(found, _DATUM))
            if tag == _ADD:
                found = _once(body, (_PATH, _DATUM, _RAW))
                raw = _once(found[_RAW], (_VALUE,))
                return Add(_text(found, _PATH), _text(found, _DATUM), raw.get(_VALUE, b""))
    except (_Unusual, IndexError, KeyError, UnicodeDecodeError):
        pass
    return pfs_pb2.ModifyFileRequest.FromString(data)


def _fields(data: bytes) -> Iterator[tuple[int, bytes]]:
    """(tag, bytes) of each length-delimited field. Raises _Unusual for any other."""
    at, end = 0, len(data)
    while at < end:
        tag = data[at]
        if tag & 0x87 != 2:  # another wire type, or a field number above 15
            raise _Unusual
        length = shift = 0
        while True:
            at += 1
            byte = data[at]
            length |= (byte & 0x7F) << shift
            if byte < 0x80:
                break
            shift += 7
        at += 1
        if at + length > end or shift > 28:
            raise _Unusual
        yield tag, data[at : at + length]
        at += length


def _once(data: bytes, tags: tuple[int, ...]) -> dict[int, bytes]:
    """Fields by tag. Raises _Unusual: one comes twice, or is none of those expected."""
    found: dict[int, bytes] = {}
    for tag, body in _fields(data):
        if tag in found or tag not in tags:
            raise _Unusual
        found[tag] = body
    return found


def _text(found: dict[int, bytes], tag: int) -> str:
    return found[tag].decode() if tag in found else ""


def file_infos(found: Iterable[FileInfo]) -> Iterator[bytes]:
    """FileInfo messages as bytes. What their files share is encoded once."""
    commit = None
    head = committed = b""
    for info in found:
        if info.commit != commit:
            commit = info.commit
            head = _field(1, to.commit_message(info.commit).SerializeToString())
            when = to.timestamp(info.committed)
            committed = _field(3, when.SerializeToString()) if when is not None else b""
        file = head + _filled(2, info.path.encode()) + _filled(3, info.tag.encode())
        kind = b"\x10\x02" if info.is_dir else b"\x10\x01"
        size = b"\x20" + _varint(info.size) if info.size else b""
        yield _field(1, file) + kind + committed + size + _filled(5, info.hash)


def _filled(number: int, data: bytes) -> bytes:
    """A field, left out when empty, as proto3 does with plain ones."""
    return _field(number, data) if data else b""


def _field(number: int, data: bytes) -> bytes:
    return bytes((number << 3 | 2,)) + _varint(len(data)) + data


def _varint(number: int) -> bytes:
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)
