"""The folder that a notebook is tried in: as a worker lays out /pfs, below a temporary folder.

What was fetched of Pachyderm stays for the next run, which differs in a value only, mostly.
"""

from __future__ import annotations

import hashlib
import re
import shutil
import tempfile
import weakref
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from python_pachyderm import Client

from tycokit.errors import TrialError
from tycokit.processing import opening
from tycokit.repos import addresses, browsing
from tycokit.repos.addresses import Address
from tycokit.stage.datum import NOTEBOOK, OUT

_ADDRESS = re.compile(r"[\w/-]+@[^:/]+:?/")


@dataclass(frozen=True, slots=True)
class Laid:
    """A folder that is ready: `variables` are what a worker's environment says of the inputs.

    `origins` name where each input's files come from: an address with the commit's id, or a path.
    """

    root: Path
    notebook: Path
    out: Path
    variables: Mapping[str, str]
    origins: Mapping[str, str]


class Folder:
    """A temporary folder of one notebook; close it."""

    def __init__(self) -> None:
        self.path = Path(tempfile.mkdtemp(prefix="tycokit-run-"))
        # also where Python ends, as a notebook's kernel does
        self._remove = weakref.finalize(self, shutil.rmtree, self.path, ignore_errors=True)
        self._runs = 0
        self._roots = 0

    @property
    def root(self) -> Path:
        """What stands for /pfs."""
        return self.path / f"pfs{self._roots or ''}"

    def leave(self) -> None:
        """Lay the next run out elsewhere: cells of one that was stopped may still write here."""
        self._roots += 1

    def close(self) -> None:
        """Remove it, with the results in it; again does nothing."""
        self._remove()

    def lay(self, client: Client, notebook: Path, inputs: Mapping[str, str]) -> Laid:
        """Lay out a notebook and its inputs, and a new folder for its results.

        `inputs`: a path on this machine or `repo@commit:/path` by the parameter's name; an empty
        one is left out, so that the notebook takes its default. Raises TrialError, AddressError,
        FileCut, and what the client raises; all stays as it was then.
        """
        chosen = {name: _named(client, name, text) for name, text in inputs.items() if text.strip()}
        places = {
            name: what if isinstance(what, Path) else self._fetched(client, what)
            for name, what in chosen.items()
        }
        self._runs += 1
        out = self.path / "runs" / str(self._runs) / OUT
        out.mkdir(parents=True)
        shutil.rmtree(self.path / "runs" / str(self._runs - 1), ignore_errors=True)
        shutil.rmtree(self.root, ignore_errors=True)
        code = self.root / NOTEBOOK / notebook.name
        code.parent.mkdir(parents=True)
        code.symlink_to(notebook.absolute())  # the file itself: a warm executor knows it again
        (self.root / OUT).symlink_to(out)
        variables = {NOTEBOOK: str(code)}
        for name, what in chosen.items():
            place = self.root / name
            if isinstance(what, Path):
                variables[name] = str(_link(what, place))
            else:
                place.symlink_to(places[name])
                variables[name] = str(place / what.path.strip("/"))
                variables[f"{name}_COMMIT"] = what.commit
        origins = {name: str(what) for name, what in chosen.items()}
        return Laid(self.root, code, out, variables, origins)

    def _fetched(self, client: Client, at: Address) -> Path:
        """The folder that holds what lies at an address of a commit's id, fetched once."""
        key = hashlib.sha256(str(at).encode()).hexdigest()[:16]
        folder = self.path / "fetched" / key
        if not folder.exists():
            part = folder.with_suffix(".part")
            shutil.rmtree(part, ignore_errors=True)
            opening.fetch(client, at.at, at.path or "/", part)
            part.rename(folder)
        return folder


def chosen(client: Client, text: str) -> Path | Address:
    """What a person wrote for an input: a path, or an address with its commit's id.

    Raises TrialError when it names nothing, and what the client raises.
    """
    text = text.strip()
    path = Path(text).expanduser().absolute()
    if path.exists():
        return path
    if not _ADDRESS.match(text):
        raise TrialError(
            f"there is no file {text} on this machine; for one in Pachyderm {addresses.FORM}"
        )
    found = addresses.parse(text)
    (info,) = client.inspect_commit(found.at)
    found = replace(found, commit=info.commit.id)
    if browsing.entry(client, found) is None:
        raise TrialError(f"there is no file {found.path} in {found.below('')}")
    return found


def _named(client: Client, name: str, text: str) -> Path | Address:
    try:
        return chosen(client, text)
    except TrialError as error:
        raise TrialError(f"{name}: {error}") from None


def _link(path: Path, place: Path) -> Path:
    """Lay a file or folder of this machine at an input's place; what the notebook is given."""
    if path.is_dir():
        place.symlink_to(path)
        return place
    place.mkdir()
    (place / path.name).symlink_to(path)
    return place / path.name
