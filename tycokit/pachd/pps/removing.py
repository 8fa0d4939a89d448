"""Removing what user code has left, whatever it has done to it."""

from __future__ import annotations

import contextlib
import os
import shutil
import stat


def remove(path: str) -> None:
    """Remove a file, or a folder with all in it, also where its owner may not; nothing if there
    is none.

    Raises:
        OSError: it cannot be removed (it is another user's, say).
    """
    try:
        if os.path.isdir(path) and not os.path.islink(path):
            _remove_folder(path)
        else:
            os.unlink(path)
    except OSError:
        _remove_hard(path)


def entries(folder: str) -> list[os.DirEntry[str]]:
    """What is in a folder, also in one that its owner may not read. Raises OSError."""
    try:
        with os.scandir(folder) as found:
            return list(found)
    except PermissionError:
        os.chmod(folder, stat.S_IRWXU)
        with os.scandir(folder) as found:
            return list(found)


def _remove_folder(folder: str) -> None:
    # as shutil's, which looks three times as often whether somebody changes the folder meanwhile
    with os.scandir(folder) as found:
        inside = list(found)
    for entry in inside:
        if entry.is_dir(follow_symlinks=False):
            _remove_folder(entry.path)
        else:
            os.unlink(entry.path)
    os.rmdir(folder)


def _remove_hard(path: str) -> None:
    parent = os.path.dirname(path)
    with contextlib.suppress(OSError):
        os.chmod(parent, stat.S_IRWXU)
    if os.path.isdir(path) and not os.path.islink(path):
        shutil.rmtree(path, onerror=_make_writable)
    else:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)


def _make_writable(_function: object, path: str, _error: object) -> None:
    """User code may leave folders that even their owner cannot empty."""
    os.chmod(os.path.dirname(path), stat.S_IRWXU)
    with contextlib.suppress(OSError):
        os.chmod(path, stat.S_IRWXU)
    if os.path.isdir(path) and not os.path.islink(path):
        shutil.rmtree(path, ignore_errors=True)
    else:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)
