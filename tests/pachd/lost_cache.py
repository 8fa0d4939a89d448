"""What a power cut leaves of a folder, worked out from the system calls of those who wrote to it.

strace tells what was written, renamed and synced. `Disk` goes through that and knows at each point
what is sure to be on the disk: of a file what it held when an fsync of it began, of a folder the
names it had when an fsync of it began. Everything else was in the page cache only, and is lost.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

CALLS = (
    *("open", "openat", "creat", "close", "lseek", "write", "writev", "pwrite64", "pwritev"),
    *("ftruncate", "truncate", "fallocate", "copy_file_range", "sendfile", "splice"),
    *("rename", "renameat", "renameat2", "link", "linkat", "symlink", "symlinkat"),
    *("unlink", "unlinkat", "mkdir", "mkdirat", "rmdir", "fsync", "fdatasync"),
)
_LINE = re.compile(r"(\d+) +(.*)")
_CALL = re.compile(r"(\w+)\((.*)\) += (-?\d+|\?)(?:[< ].*)?")
_OPENED = re.compile(r"(\d+)<([^>]*)>.*")


def strace(log: Path, command: list[str]) -> list[str]:
    """The command that runs another one, and writes down what it does."""
    # whole data, in hexadecimal, and what each file descriptor stands for
    words = ["strace", "-f", "-y", "-xx", "-s", "16777216", "--seccomp-bpf", "-o", str(log)]
    return [*words, "-e", "trace=" + ",".join(CALLS), "-e", "signal=none", *command]


@dataclass(frozen=True, slots=True)
class Call:
    name: str
    arguments: list[str]
    result: int


@dataclass(slots=True)
class _File:
    now: bytearray = field(default_factory=bytearray)
    kept: bytes = b""
    synced: bool = False


@dataclass(slots=True)
class _Folder:
    now: dict[str, _File | _Folder] = field(default_factory=dict)
    kept: dict[str, _File | _Folder] = field(default_factory=dict)


_Node = _File | _Folder


class Unknown(Exception):
    """A call whose effect on the folder is not known here."""


class Disk:
    """The folder `root`, empty at first; folders named in `passing` are not looked at."""

    def __init__(self, root: Path, passing: tuple[str, ...] = ()) -> None:
        self._root = str(root)
        self._passing = tuple(f"{root}/{name}" for name in passing)
        self._top = _Folder()
        self._begun: dict[str, tuple[str, Callable[[], None]]] = {}
        self._places: dict[tuple[str, str], int] = {}  # where write() goes on, by path and number
        self.syncs = 0

    def take(self, lines: Iterator[str]) -> None:
        """Go on by lines of strace's."""
        for line in lines:
            found = _LINE.fullmatch(line.rstrip("\n"))
            assert found, line[:200]
            process, said = found.groups()
            if said.startswith(("+++", "---")):
                continue
            if said.endswith(" <unfinished ...>"):
                begun = said.removesuffix(" <unfinished ...>")
                self._begun[process] = begun, self._sync_of(begun)
                continue
            end = None
            if resumed := re.fullmatch(r"<\.\.\. \w+ resumed>(.*)", said):
                begun, end = self._begun.pop(process)
                said = begun + resumed[1]
            parsed = _CALL.fullmatch(said)
            if parsed is None:
                assert said.startswith("exit"), said[:200]
                continue
            name, arguments, result = parsed.groups()
            if result == "?" or int(result) < 0:
                continue
            self._do(Call(name, _split(arguments), int(result)), end)

    def leave(self, to: Path, names: bool) -> None:
        """Put into a folder what a power cut leaves now.

        `names`: all names are there, though not the bytes behind them, as file systems may do.
        """
        self._leave(self._top, to, names)

    def _leave(self, folder: _Folder, to: Path, names: bool) -> None:
        to.mkdir(exist_ok=True, mode=0o700)
        for name, node in (folder.now if names else folder.kept).items():
            if isinstance(node, _Folder):
                self._leave(node, to / name, names)
            else:
                (to / name).write_bytes(node.kept)

    def _do(self, call: Call, end: Callable[[], None] | None) -> None:
        name, given = call.name, call.arguments
        if name in ("open", "openat", "creat"):
            self._open(call)
        elif name == "close":
            number, path = _descriptor(given[0])
            self._places.pop((path, number), None)
        elif name == "lseek":
            number, path = _descriptor(given[0])
            self._places[path, number] = call.result
        elif name in ("write", "pwrite64"):
            self._write(call)
        elif name == "ftruncate":
            file = self._file(_descriptor(given[0])[1])
            if file is not None:
                size = int(given[1])
                del file.now[size:]
                file.now.extend(bytes(size - len(file.now)))
        elif name in ("fsync", "fdatasync"):
            (end or self._sync_of(f"{name}({given[0]}"))()
        elif name == "rename":
            self._rename(_text(given[0]), _text(given[1]))
        elif name in ("renameat", "renameat2"):
            self._rename(_at(given[0], given[1]), _at(given[2], given[3]))
        elif name in ("unlink", "rmdir"):
            self._drop(_text(given[0]))
        elif name == "unlinkat":
            self._drop(_at(given[0], given[1]))
        elif name == "mkdir":
            self._make(_text(given[0]), _Folder())
        elif name == "mkdirat":
            self._make(_at(given[0], given[1]), _Folder())
        elif any(map(self._is_ours, _paths(given))):
            raise Unknown(f"{name}({given})"[:300])

    def _is_ours(self, path: str) -> bool:
        inside = path == self._root or path.startswith(f"{self._root}/")
        return inside and not path.startswith(self._passing)

    def _open(self, call: Call) -> None:
        if call.name == "openat":
            path, flags = _at(call.arguments[0], call.arguments[1]), call.arguments[2]
        else:
            path = _text(call.arguments[0])
            flags = "O_CREAT|O_TRUNC" if call.name == "creat" else call.arguments[1]
        if not self._is_ours(path):
            return
        if "O_CREAT" in flags and self._find(path) is None:
            self._make(path, _File())
        node = self._find(path)
        if isinstance(node, _File):
            if "O_TRUNC" in flags:
                node.now.clear()
            at = -1 if "O_APPEND" in flags else 0
            self._places[path, str(call.result)] = at

    def _write(self, call: Call) -> None:
        number, path = _descriptor(call.arguments[0])
        file = self._file(path)
        if file is None:
            return
        data = _bytes(call.arguments[1])[: call.result]
        assert len(data) == call.result, "strace has cut it short"
        if call.name == "pwrite64":
            at = int(call.arguments[3])
        else:
            at = self._places.get((path, number), 0)
            at = len(file.now) if at < 0 else at
            if self._places.get((path, number), 0) >= 0:
                self._places[path, number] = at + len(data)
        file.now.extend(bytes(max(0, at - len(file.now))))
        file.now[at : at + len(data)] = data

    def _sync_of(self, begun: str) -> Callable[[], None]:
        """What the end of a call makes sure of: what was there when it began."""
        found = re.match(r"(?:fsync|fdatasync)\((\d+<.*>)", begun)
        node = self._find(_descriptor(found[1])[1]) if found else None
        if node is None:
            return lambda: None
        if isinstance(node, _File):
            data = bytes(node.now)

            def keep() -> None:
                node.kept, node.synced = data, True
                self.syncs += 1

            return keep
        names = dict(node.now)

        def keep_names() -> None:
            node.kept = names
            self.syncs += 1

        return keep_names

    def _rename(self, old: str, new: str) -> None:
        node = self._find(old)
        if node is not None:
            self._drop(old)
            self._make(new, node)

    def _make(self, path: str, node: _Node) -> None:
        if path != self._root and self._is_ours(path):
            above, _, name = path.rpartition("/")
            folder = self._find(above)
            assert isinstance(folder, _Folder), path
            folder.now[name] = node

    def _drop(self, path: str) -> None:
        above, _, name = path.rpartition("/")
        folder = self._find(above)
        if isinstance(folder, _Folder):
            folder.now.pop(name, None)

    def _file(self, path: str) -> _File | None:
        node = self._find(path)
        return node if isinstance(node, _File) else None

    def _find(self, path: str) -> _Node | None:
        if not self._is_ours(path):
            return None
        node: _Node | None = self._top
        for name in path[len(self._root) :].split("/"):
            if name:
                node = node.now.get(name) if isinstance(node, _Folder) else None
        return node


def _split(arguments: str) -> list[str]:
    """At the commas; text is in hexadecimal, so no comma is inside any."""
    return [each.strip() for each in arguments.split(", ")]


def _paths(arguments: list[str]) -> list[str]:
    """Everything in a call that may be a path."""
    inside = [found for each in arguments for found in re.findall(r'[<"]([^>"]*)[>"]', each)]
    return [bytes.fromhex(each.replace("\\x", "")).decode(errors="replace") for each in inside]


def _plain(text: str) -> str:
    return bytes.fromhex(text.replace("\\x", "")).decode() if "\\x" in text else text


def _bytes(argument: str) -> bytes:
    return bytes.fromhex(argument.strip('"').replace("\\x", ""))


def _text(argument: str) -> str:
    return _bytes(argument).decode() if argument.startswith('"\\x') else argument.strip('"')


def _descriptor(argument: str) -> tuple[str, str]:
    """The number and the path of an open file."""
    found = _OPENED.fullmatch(argument)
    return (found[1], _plain(found[2])) if found else (argument, "")


def _at(folder: str, name: str) -> str:
    """A path from a call that takes it relative to an open folder."""
    path = _text(name)
    if path.startswith("/"):
        return path
    found = re.search(r"<(.*)>", folder)
    return f"{_plain(found[1])}/{path}" if found else path
