"""The nouns of a trace: files, and datums as the jobs ran them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tycokit.repos.addresses import Address

NOTEBOOK = "notebook"  # the input that a stage executes


@dataclass(frozen=True, slots=True)
class File:
    """A file or folder of a commit; `at` names the commit by its id, and the path.

    `size` is in bytes, a folder's that of all below it. `hash` is Pachyderm's, in hex. `datum` is
    the id of the datum that wrote it, "" for a folder and for what no pipeline wrote.
    """

    at: Address
    folder: bool
    size: int
    hash: str
    datum: str = ""

    @property
    def key(self) -> str:
        """What names it in a trace: its address."""
        return str(self.at)

    def as_dict(self) -> dict[str, Any]:
        return {
            "address": str(self.at),
            "project": self.at.project,
            "repo": self.at.repo,
            "commit": self.at.commit,
            "path": self.at.path,
            "folder": self.folder,
            "size": self.size,
            "hash": self.hash,
        }


@dataclass(frozen=True, slots=True)
class Used:
    """A file that a datum read, and the name of the input that it came through."""

    name: str
    file: File


@dataclass(frozen=True, slots=True)
class Attempt:
    """A datum as one job ran it: what made the files that carry its id.

    `state` is Pachyderm's in lower case, `seconds` how long the user code took, `created` when the
    job was made (unix time), `version` that of the pipeline, `command` what it ran. `lost` says why
    nothing more is known, "" where all is.
    """

    project: str
    pipeline: str
    job: str
    datum: str
    state: str = ""
    created: float = 0.0
    seconds: float = 0.0
    version: int = 0
    command: tuple[str, ...] = ()
    inputs: tuple[Used, ...] = ()
    lost: str = ""

    @property
    def key(self) -> str:
        """What names it in a trace."""
        return f"{Address(self.pipeline, self.job, project=self.project)}#{self.datum}"

    @property
    def output(self) -> Address:
        """The commit that its job wrote."""
        return Address(self.pipeline, self.job, project=self.project)

    @property
    def notebook(self) -> File | None:
        """The notebook that it executed, where its pipeline is a stage."""
        return next((used.file for used in self.inputs if used.name == NOTEBOOK), None)

    def as_dict(self) -> dict[str, Any]:
        return {
            "project": self.project,
            "pipeline": self.pipeline,
            "job": self.job,
            "datum": self.datum,
            "state": self.state,
            "created": self.created,
            "seconds": self.seconds,
            "version": self.version,
            "command": list(self.command),
            "lost": self.lost,
        }


@dataclass(frozen=True, slots=True)
class Run:
    """What an attempt left of itself: its files, its executed notebook, the parameters in that.

    `parameters` is None where there is no executed notebook, or none that can be read.
    """

    outputs: tuple[File, ...]
    executed: File | None
    parameters: Mapping[str, Any] | None
