"""`repo@commit:/path`: how people, and Pachyderm's own messages, name what lies in a repo."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Any

from python_pachyderm.service import pfs_proto

from tycokit.errors import AddressError

DEFAULT_PROJECT = "default"
DEFAULT_BRANCH = "master"
FORM = "the form is repo@branch:/path or repo@commit:/path"
NAME_FORM = "the form is name or project/name"

_NAME = r"[a-zA-Z0-9_-]+"
_ADDRESS = re.compile(
    rf"(?:(?P<project>{_NAME})/)?(?P<repo>{_NAME})(?:@(?P<commit>[^:/]+))?(?::(?P<path>/.*))?"
)
_ID = re.compile(r"[0-9a-f]{12}4[0-9a-f]{19}")


@dataclass(frozen=True, slots=True)
class Address:
    """A commit of a repo, and a path in it where one was named (else "").

    `commit` is a branch's name, a commit's id, or either with an ancestry (`master^`, `master.3`).
    """

    repo: str
    commit: str = DEFAULT_BRANCH
    path: str = ""
    project: str = DEFAULT_PROJECT

    def __str__(self) -> str:
        return self.called(DEFAULT_PROJECT)

    def called(self, home: str) -> str:
        """The text that `parse` reads as this address, where `home` is the project meant."""
        repo = called(self.project, self.repo, home)
        return f"{repo}@{self.commit}" + (f":{self.path}" if self.path else "")

    @property
    def is_branch(self) -> bool:
        """Whether the commit is named by a branch, so that it moves on."""
        return not is_id(self.commit) and re.fullmatch(_NAME, self.commit) is not None

    @property
    def at(self) -> Any:
        """The commit as a protobuf message, which every method of the Client takes."""
        repo = pfs_proto.Repo(
            name=self.repo, type="user", project=pfs_proto.Project(name=self.project)
        )
        name = self.commit if self.is_branch else ""
        return pfs_proto.Commit(
            repo=repo,
            branch=pfs_proto.Branch(repo=repo, name=name),
            id="" if self.is_branch else self.commit,
        )

    def below(self, path: str) -> Address:
        """The same commit, another path."""
        return replace(self, path=path)


def parse(text: str, project: str = DEFAULT_PROJECT) -> Address:
    """Read `[project/]repo[@commit][:/path]`; the branch is `master` where none is named.

    Raises AddressError.
    """
    found = _ADDRESS.fullmatch(text.strip())
    if found is None:
        raise AddressError(text, FORM)
    return Address(
        found["repo"],
        found["commit"] or DEFAULT_BRANCH,
        found["path"] or "",
        found["project"] or project,
    )


def named(text: str, project: str = DEFAULT_PROJECT) -> Address:
    """Read `[project/]name`, of a repo or a pipeline, and nothing after it. Raises AddressError."""
    if re.fullmatch(rf"(?:{_NAME}/)?{_NAME}", text) is None:
        raise AddressError(text, NAME_FORM)
    return parse(text, project)


def called(project: str, name: str, home: str = DEFAULT_PROJECT) -> str:
    """How to call a repo or pipeline where `home` is the project meant: another stands before it.

    `project` is as pachd has it, "" for the usual one.
    """
    project = project or DEFAULT_PROJECT
    return name if project == home else f"{project}/{name}"


def of(commit: Any, path: str = "") -> Address:
    """The address of a commit that pachd named (protobuf)."""
    repo = commit.branch.repo if commit.branch.repo.name else commit.repo
    return Address(
        repo.name,
        commit.id or commit.branch.name or DEFAULT_BRANCH,
        path,
        repo.project.name or DEFAULT_PROJECT,
    )


def is_id(text: str) -> bool:
    """Whether a text is a commit's id, a global ID, and no branch's name."""
    return _ID.fullmatch(text) is not None
