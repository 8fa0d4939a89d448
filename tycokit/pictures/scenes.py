"""Which commits belong together: the pictures, what a network saw in them, which were threats.

What a repo is for is told by its content, so that other names and other pipelines do as well:
detections are JSON files with "picture" and "objects", threats name the rules too.
"""

from __future__ import annotations

import json
import posixpath
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

from python_pachyderm import Client

from tycokit.repos import addresses, browsing, thumbnails
from tycokit.repos.addresses import Address
from tycokit.repos.browsing import Entry

PICTURES, DETECTIONS, THREATS = "pictures", "detections", "threats"
MOST_JSON = 2_000_000  # bytes of one picture's detections
_NEWEST = 20  # commits of a branch among which the newest finished one is looked for
_FOLDERS = 20
_FILES_A_FOLDER = 4


@dataclass(frozen=True, slots=True)
class Scene:
    """Commits that belong together. `listed` says what the one that was asked for (`at`) holds.

    `pictures` are the folders in which a picture is looked for by its name, the nearest first.
    `detections` and `threats` hold `/<user-device>/<time>.json`; None where there is none, and the
    same where threats are listed. Commits are named by their ids; `at` is None while its branch has
    no finished commit. `drawn`: the pictures were made from the detections, whose boxes they show.
    """

    at: Address | None
    listed: str
    pictures: tuple[Address, ...]
    detections: Address | None
    threats: Address | None
    drawn: bool = False


def scene(client: Client, at: Address) -> Scene:
    """What belongs to a commit: of a branch, the newest finished ones now; of an id, its own set,
    and the newest ones where that has none and nothing came after it.

    The pictures are those that the commit was made from, whatever came after.
    """
    found = _finished(client, at)
    if found is None:
        return Scene(None, "", (), None, None)
    here = replace(addresses.of(found.commit), path=at.path)
    role, folders = _role(client, here)
    below = _below(client, at, found)
    if role == PICTURES:
        detections = _first(client, below(), DETECTIONS)
        threats = _first(client, below(), THREATS)
        if detections is None and threats is None:
            return _drawn(client, Scene(here, role, folders, None, None), found)
        return Scene(here, role, folders, detections, threats)
    pictures = [
        folder
        for each in _above(client, found)
        for kind, inner in [_role(client, each)]
        if kind == PICTURES
        for folder in inner
    ]
    if role == THREATS:
        return Scene(here, role, tuple(pictures), here, here)
    threats = _first(client, below(), THREATS) if role == DETECTIONS else None
    return Scene(here, role, tuple(pictures), here if role else None, threats)


def _drawn(client: Client, scene: Scene, info: Any) -> Scene:
    """Pictures in which no network looked for anything: perhaps they show what one has found."""
    for at in _above(client, info):
        role = _role(client, at)[0]
        if role in (DETECTIONS, THREATS):
            threats = at if role == THREATS else None
            return replace(scene, detections=at, threats=threats, drawn=True)
    return scene


def detections_of(data: bytes) -> dict[str, Any] | None:
    """A file's JSON if it says what was seen in a picture, else None."""
    try:
        found = json.loads(data)
    except (ValueError, RecursionError):
        return None
    is_one = isinstance(found, dict) and isinstance(found.get("picture"), str)
    return found if is_one and isinstance(found.get("objects"), list) else None


def _role(client: Client, at: Address) -> tuple[str, tuple[Address, ...]]:
    """What a commit holds, by a few of its files, and the folders in which pictures lie."""
    folders: dict[str, None] = {}
    for entry in _samples(client, at):
        if entry.suffix == ".json" and entry.size <= MOST_JSON:
            data = browsing.read_entry(client, at.below(entry.path), entry, MOST_JSON).data
            seen = detections_of(data)
            if seen is not None:
                return (THREATS if "rules" in seen else DETECTIONS), ()
        elif entry.suffix in thumbnails.SUFFIXES:
            folders.setdefault(posixpath.dirname(entry.path))
    # what has been refused is looked at last
    ordered = sorted(folders, key=lambda path: posixpath.basename(path) == "invalid")
    return (PICTURES if folders else ""), tuple(at.below(folder) for folder in ordered)


def _samples(client: Client, at: Address) -> Iterator[Entry]:
    listing = browsing.folder(client, at, count=_FOLDERS)
    files = [entry for entry in listing.entries if not entry.folder]
    yield from files[:_FILES_A_FOLDER]
    for entry in listing.entries:
        if entry.folder:
            yield from islice(browsing.files(client, at.below(entry.path)), _FILES_A_FOLDER)


def _finished(client: Client, at: Address) -> Any | None:
    """The commit, or of a branch the newest one that is finished and good."""
    if not at.is_branch:
        (info,) = client.inspect_commit(at.at)
        return info
    infos = client.list_commit(
        at.repo, to_commit=at.at, number=_NEWEST, all=True, project_name=at.project
    )
    return next((info for info in infos if info.HasField("finished") and not info.error), None)


def _above(client: Client, info: Any) -> Iterator[Address]:
    """The commits that this one was made from, the nearest first."""
    known = {_key(each.commit): each for each in client.inspect_commit(info.commit.id)}
    waiting = [info]
    seen: set[tuple[str, str, str]] = set()
    for one in waiting:  # grows while it is walked
        for up in one.direct_provenance:
            key = _key(up)
            if up.branch.repo.type == "user" and key not in seen:
                seen.add(key)
                yield addresses.of(up)
                if key in known:
                    waiting.append(known[key])


def _below(client: Client, at: Address, info: Any) -> Callable[[], Iterator[Address]]:
    """The commits that were made from this one, upstream first."""
    branch = info.commit.branch.name

    def heads() -> Iterator[Address]:
        for down in client.inspect_branch(at.repo, branch, at.project).subvenance:
            if down.repo.type == "user":
                repo, project = down.repo.name, down.repo.project.name
                found = _finished(client, Address(repo, down.name, project=project))
                if found is not None:
                    yield addresses.of(found.commit)

    def in_set() -> Iterator[Address]:
        made = {_key(info.commit)}
        for each in client.inspect_commit(info.commit.id):
            if each.commit.branch.repo.type == "user" and any(
                _key(up) in made for up in each.direct_provenance
            ):
                made.add(_key(each.commit))
                if each.HasField("finished") and not each.error:
                    yield addresses.of(each.commit)

    def both() -> Iterator[Address]:
        yield from in_set()
        # what was made of it later: by a pipeline that came later, or with other weights
        if client.inspect_branch(at.repo, branch, at.project).head.id == info.commit.id:
            yield from heads()

    return heads if at.is_branch else both


def _first(client: Client, commits: Iterable[Address], role: str) -> Address | None:
    return next((each for each in commits if _role(client, each)[0] == role), None)


def _key(commit: Any) -> tuple[str, str, str]:
    repo = commit.branch.repo
    return repo.project.name or addresses.DEFAULT_PROJECT, repo.name, commit.id
