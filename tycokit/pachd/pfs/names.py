"""What names and paths may look like, and Pachyderm's words where they do not."""

from __future__ import annotations

import posixpath
import re

from tycokit.errors import InvalidName, InvalidPath

_NAME = re.compile(r"[a-zA-Z0-9_-]+")
_UUID4 = re.compile(r"[0-9a-f]{12}4[0-9a-f]{19}")
_PRINTABLE = re.compile(r"[ -~]+")
_GLOBBING = re.compile(r"[*?\[\]{}!()@+^]")
_LONGEST = 51
_LONGEST_KUBERNETES = 63
# Linux's own: a worker could not lay a file with a longer one on its disk, where the folder that
# becomes /pfs has a path of its own
_LONGEST_FILE_NAME = 255
_LONGEST_PATH = 3500
_RESERVED_REPO = "__filesets__"


def is_uuid4(text: str) -> bool:
    """True for the id of a commit, commit set, job or transaction."""
    return _UUID4.fullmatch(text) is not None


def check_name(name: str) -> None:
    """Raises InvalidName unless `name` is letters, digits, underscores and dashes."""
    if not _NAME.fullmatch(name):
        raise InvalidName(
            name,
            f"name ({name}) invalid: only alphanumeric characters, underscores, and dashes"
            " are allowed",
        )


def check_repo(name: str) -> None:
    """Raises InvalidName for a repo that cannot be made."""
    check_name(name)
    if name == _RESERVED_REPO:
        raise InvalidName(name, f"repo name {name} is reserved")


def check_branch(name: str) -> None:
    """Raises InvalidName for a branch that cannot be made: it could be taken for a commit id."""
    check_name(name)
    if is_uuid4(name):
        raise InvalidName(name, "branch name cannot be a UUID V4")


def check_project(name: str) -> None:
    """Raises InvalidName for a project that cannot be made."""
    try:
        check_name(name)
        _check_length("project", name)
        _check_start("project", name)
    except InvalidName as error:
        raise InvalidName(name, f"invalid project name: {error}") from None


def check_pipeline(project: str, name: str) -> None:
    """Raises InvalidName for a pipeline that cannot be made in `project`.

    Its Kubernetes name is limited too, so that a spec that works here works on a cluster.
    """
    try:
        check_name(name)
    except InvalidName as error:
        raise InvalidName(name, f"invalid pipeline name: {error}") from None
    _check_length("pipeline", name)
    kubernetes = f"{project}-{name}-v99".replace("_", "-").lower()
    if len(kubernetes) > _LONGEST_KUBERNETES:
        raise InvalidName(
            name,
            f'Kubernetes name "{kubernetes}" is {len(kubernetes) - _LONGEST_KUBERNETES}'
            f" characters longer than the {_LONGEST_KUBERNETES} max",
        )
    _check_start("pipeline", name)


def _check_length(what: str, name: str) -> None:
    if len(name) > _LONGEST:
        raise InvalidName(
            name,
            f'{what} name "{name}" is {len(name) - _LONGEST} characters longer than'
            f" the {_LONGEST} max",
        )


def _check_start(what: str, name: str) -> None:
    if not name[0].isalnum():
        raise InvalidName(name, f"{what} names must start with an alphanumeric character")


def normal_path(path: str) -> str:
    """Absolute and without trailing slash; "", "." and "/" are the root "/"."""
    # normpath keeps two leading slashes apart from one, so hand it exactly one.
    return posixpath.normpath("/" + path.lstrip("/"))


def check_path(path: str) -> None:
    """Raises InvalidPath for a path that no file can have."""
    if path and not _PRINTABLE.fullmatch(path):
        raise InvalidPath(path, "only printable ASCII characters allowed")
    globbing = _GLOBBING.search(path)
    if globbing:
        raise InvalidPath(path, f"globbing character ({globbing[0]}) not allowed in path")
    if not {".", ".."}.isdisjoint(path.split("/")):
        raise InvalidPath(path, "relative file paths are not allowed")
    for what, size, most in (
        ("it", len(path), _LONGEST_PATH),
        ("a name in it", max(map(len, path.split("/"))), _LONGEST_FILE_NAME),
    ):
        if size > most:
            raise InvalidPath(
                path, f"{what} is {size - most} characters longer than the {most} max"
            )


def check_file(path: str) -> None:
    """Raises InvalidPath for a path that no file can have, the root's among them."""
    check_path(path)
    if normal_path(path) == "/":
        raise InvalidPath(path, "the root is a directory")


def printed_pipeline(project: str, name: str) -> str:
    return f"{project}/{name}"


def printed_job(project: str, pipeline: str, job_id: str) -> str:
    return f"{project}/{pipeline}@{job_id}"
