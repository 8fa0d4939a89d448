"""Pictures with what was seen in them, a page at a time, and two commits' findings compared.

    found = sightings.page(client, scenes.scene(client, addresses.parse("model@master")))
    for shot in found.shots: print(shot.picture, [one.object.name for one in shot.seen])

A page reads the few files that it shows; a search goes on from where its page ended.
"""

from __future__ import annotations

import heapq
import posixpath
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from itertools import islice

from python_pachyderm import Client

from tycokit.errors import BadName
from tycokit.pictures import findings, scenes
from tycokit.pictures.findings import Seen
from tycokit.pictures.scenes import Scene
from tycokit.repos import browsing, thumbnails
from tycokit.repos.addresses import Address
from tycokit.vision import names

_AT_ONCE = 32  # pictures whose files are read together
_READERS = 8
_DEVICES = 500


@dataclass(frozen=True, slots=True)
class Shot:
    """A picture and what was seen in it, the surest first.

    `path` is that of the detections, or of the picture where pictures are listed. `picture` is a
    name that `locate` finds. `rules` are the ids of the rules that it fired. `compared` says
    whether both commits have looked at it; `looked`, whether any has.
    """

    path: str
    picture: str
    device: str
    time: str
    seen: tuple[Seen, ...]
    rules: tuple[str, ...]
    looked: bool
    compared: bool


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which pictures a page is to have: those with an object that is visible, and `only` such.

    An object is visible when its class is not `hidden` and its score is at least `least_score`.
    `only` is "" (all pictures), seen (with any visible object), threats, new or old (with a visible
    object that only that commit has). `device` is a user-device's name, "" for all.
    """

    only: str = ""
    hidden: frozenset[int] = frozenset()
    least_score: float = 0.0
    device: str = ""
    newest: bool = False


@dataclass(frozen=True, slots=True)
class Shots:
    """A page. `after` is where the next one begins, "" on the last; `looked` counts pictures."""

    shots: tuple[Shot, ...]
    after: str
    looked: int


def page(
    client: Client,
    scene: Scene,
    old: Scene | None = None,
    *,
    wanted: Wanted = Wanted(),
    after: str = "",
    count: int = 60,
    most: int = 600,
) -> Shots:
    """Up to `count` pictures after a path, by path, or backwards where `wanted.newest`.

    With `old`, what each picture's commit saw is compared with what `old` saw in it. At most `most`
    pictures are looked at: where few are wanted a page may have less than `count`, and go on.
    """
    shots: list[Shot] = []
    looked, last = 0, ""
    paths = _paths(client, scene, old, wanted, after)
    with closing(paths), ThreadPoolExecutor(_READERS) as readers:
        while looked < most:
            batch = list(islice(paths, min(_AT_ONCE, most - looked)))
            if not batch:
                return Shots(tuple(shots), "", looked)
            for shot in readers.map(lambda path: _shot(client, scene, old, path), batch):
                looked += 1
                if shot is None or not _is_wanted(shot, wanted):
                    continue
                if len(shots) == count:
                    return Shots(tuple(shots), last, looked - 1)
                shots.append(shot)
                last = shot.path
            last = batch[-1]
    return Shots(tuple(shots), last, looked)


def shot(client: Client, scene: Scene, path: str) -> Shot | None:
    """What was seen in the picture at a path, or in that of the detections at a path."""
    return _shot(client, scene, None, path)


def devices(client: Client, scene: Scene) -> tuple[str, ...]:
    """The user-devices that have detections: the folders in which these lie, at most 500."""
    at = scene.detections or scene.threats
    if at is None or scene.listed == scenes.PICTURES:
        return ()
    entries = browsing.folder(client, at, count=_DEVICES).entries
    return tuple(entry.name for entry in entries if entry.folder)


def locate(client: Client, scene: Scene, picture: str) -> Address | None:
    """Where a shot's picture lies, None where its commits do not have it."""
    if scene.listed == scenes.PICTURES and scene.at is not None and picture.startswith("/"):
        return scene.at.below(picture)
    if "/" in picture:
        return None
    for folder in scene.pictures:
        at = folder.below(posixpath.join(folder.path or "/", picture))
        if browsing.entry(client, at) is not None:
            return at
    return None


def _paths(
    client: Client, scene: Scene, old: Scene | None, wanted: Wanted, after: str
) -> Generator[str, None, None]:
    """Each picture's path once, those that only the old commit has included."""
    sources = [one for one in (scene, old) if one is not None and one.at is not None]
    if scene.listed == scenes.PICTURES:
        sources = sources[:1]
    streams: list[Generator[str, None, None]] = [
        _one(client, source, wanted, after) for source in sources
    ]
    try:
        last = ""
        for path in heapq.merge(*streams, reverse=wanted.newest):
            if path != last:
                yield path
            last = path
    finally:
        for stream in streams:
            stream.close()


def _one(client: Client, scene: Scene, wanted: Wanted, after: str) -> Generator[str, None, None]:
    assert scene.at is not None
    at, pictures = scene.at, scene.listed == scenes.PICTURES
    if wanted.device and not pictures:
        at = at.below(f"/{wanted.device}/")
        if browsing.entry(client, at) is None:
            return
    with closing(browsing.files(client, at, after=after, newest=wanted.newest)) as found:
        for entry in found:
            if entry.suffix in thumbnails.SUFFIXES if pictures else entry.suffix == ".json":
                yield entry.path


def _shot(client: Client, scene: Scene, old: Scene | None, path: str) -> Shot | None:
    """What is known of one path; None when it is about no picture."""
    is_picture = browsing.suffix(path) in thumbnails.SUFFIXES
    detections = _detections_path(scene, path) if is_picture else path
    found = findings.find(client, scene, detections) if detections else None
    before = findings.find(client, old, detections) if detections and old else None
    known = found or before
    if known is None and not is_picture:
        return None
    seen = findings.compared(found, before) if old else findings.alone(found)
    device, time = (known.device, known.time) if known else _named(path)
    return Shot(
        path=path,
        picture=path if is_picture or known is None else known.picture,
        device=device,
        time=time,
        seen=tuple(sorted(seen, key=lambda one: -one.object.score)),
        rules=found.rules if found else (),
        looked=known is not None,
        compared=found is not None and before is not None,
    )


def _is_wanted(shot: Shot, wanted: Wanted) -> bool:
    if not wanted.only:
        return True
    visible = [
        one
        for one in shot.seen
        if one.object.class_number not in wanted.hidden and one.object.score >= wanted.least_score
    ]
    if wanted.only == "seen":
        return bool(visible)
    if wanted.only == "threats":
        return any(one.threat for one in visible)
    return any(one.by == wanted.only for one in visible)


def _detections_path(scene: Scene, picture: str) -> str | None:
    if scene.drawn:  # which lies as they do
        return f"{posixpath.splitext(picture)[0]}.json"
    try:
        return f"/{names.parse(posixpath.basename(picture)).key}.json"
    except BadName:
        return None


def _named(picture: str) -> tuple[str, str]:
    try:
        name = names.parse(posixpath.basename(picture))
    except BadName:
        return "", ""
    return name.device, name.time
