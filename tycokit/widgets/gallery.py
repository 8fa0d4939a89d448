"""tk.gallery(repo or commit): pictures with what was seen in them, and two commits compared."""

from __future__ import annotations

import base64
from dataclasses import replace
from typing import Any, ClassVar

from markupsafe import Markup
from python_pachyderm import Client

from tycokit.errors import LookError
from tycokit.pictures import scenes, sightings
from tycokit.pictures.scenes import Scene
from tycokit.pictures.sightings import Shot, Wanted
from tycokit.repos import addresses, history
from tycokit.repos.addresses import DEFAULT_PROJECT, Address
from tycokit.repos.thumbnails import Thumbnails
from tycokit.widgets import page, showing
from tycokit.widgets.base import View, request

FIRST = 24  # pictures that come with the first paint
_COMMITS = 50  # that can be chosen to compare with
_MOST_THUMBS = 24
_LARGEST = 1600  # pixels of a side
_SAVED = 12  # pictures of the static rendering
_SAVED_SIDE = 240


class Gallery(View):
    """Pictures with boxes: of a repo of pictures, of detections, or of threats.

    `where` is a repo or a commit (`model`, `model@master^`, `model@<id>`); `compare` another commit
    of the same repo (`master^`, an id, or written out), to see what only one of both saw.
    """

    NAME: ClassVar[str] = "gallery"
    TITLE: ClassVar[str] = "Gallery"
    EVERY: ClassVar[float] = 3.0
    PARTS: ClassVar[tuple[str, ...]] = ("boxes", "lightbox")

    def __init__(
        self,
        where: str,
        compare: str | None = None,
        client: Client | None = None,
        project: str = DEFAULT_PROJECT,
    ) -> None:
        self._where = addresses.parse(where, project)
        self._compare = self._other(compare) if compare else None
        self._scene = self._old = Scene(None, "", (), None, None)
        self._head = sightings.Shots((), "", 0)
        self._drawn: list[tuple[Shot, str, int, int]] = []  # for the static rendering
        self._made: tuple[Client, Thumbnails] | None = None
        super().__init__(client)

    def read(self) -> dict[str, Any]:
        client = self.client
        scene = scenes.scene(client, self._where)
        old = scenes.scene(client, self._compare) if self._compare else None
        if scene != self._scene or (old and old != self._old) or not self._head.shots:
            head = sightings.page(client, scene, old, count=FIRST, most=4 * FIRST)
            drawn = [self._draw(scene, old, shot) for shot in head.shots[:_SAVED]]
            with self._lock:
                self._scene, self._old = scene, old or self._old
                self._head, self._drawn = head, drawn
        listed = scene.detections or scene.at or self._where
        commits = history.page(client, listed.repo, count=_COMMITS, project=listed.project).commits
        return {
            "where": str(self._where),
            "commit": scene.at.commit if scene.at else "",
            "listed": scene.listed,
            "detections": str(scene.detections or ""),
            "threats": str(scene.threats or ""),
            "drawn": scene.drawn,
            "compare": old.at.commit if old and old.at else "",
            "devices": sightings.devices(client, scene),
            "commits": [
                {"id": each.id, "started": each.started, "message": each.message}
                for each in commits
                if each.state == "finished"
            ],
            **_page(self._head),
        }

    def static_html(self) -> str:
        state, drawn = self.state, self._drawn
        seen = f"{state['where']} ({state['commit'][:12]})" if state["commit"] else state["where"]
        old = f", compared with {state['compare'][:12]}" if state["compare"] else ""
        more = len(state["shots"]) > len(drawn) or state["after"]
        last = f"the first {len(drawn)} pictures" if more else f"{len(drawn)} pictures"
        return Markup(
            "<h3>{}{}</h3><div class='tycokit-gallery-grid'>{}</div><p class='tycokit-quiet'>{}</p>"
        ).format(seen, old, Markup("").join(_card(*each, state["drawn"]) for each in drawn), last)

    # what the browser asks for

    @request
    def page(
        self,
        after: str = "",
        count: int = 60,
        compare: str = "",
        only: str = "",
        hidden: list[int] | None = None,
        least_score: float = 0.0,
        device: str = "",
        newest: bool = False,
    ) -> dict[str, Any]:
        """A page of pictures; `compare` is a commit's id, the rest is that of sightings.Wanted."""
        wanted = Wanted(only, frozenset(hidden or ()), least_score, device, newest)
        scene, old = self._scenes(compare)
        found = sightings.page(
            self.client, scene, old, wanted=wanted, after=after, count=min(count, 200)
        )
        return _page(found)

    @request
    def thumbs(
        self, pictures: list[str], side: int, compare: str = ""
    ) -> tuple[dict[str, Any], list[bytes]]:
        """Pictures, no side longer than `side` pixels, each with its size or what is wrong."""
        scene, old = self._scenes(compare)
        blobs = showing.Blobs()
        found: list[dict[str, Any]] = []
        for name in pictures[:_MOST_THUMBS]:
            try:
                made = self._thumb(scene, old, name, min(side, _LARGEST))
            except LookError as error:
                found.append({"picture": name, "error": str(error)})
                continue
            size = {"width": made.width, "height": made.height}
            found.append({"picture": name, "blob": blobs.add(made.jpeg), **size})
        return {"found": found}, blobs.found

    def _scenes(self, compare: str) -> tuple[Scene, Scene | None]:
        with self._lock:
            scene, old = self._scene, self._old
        if not compare:
            return scene, None
        if old.at is not None and old.at.commit == compare:
            return scene, old
        base = scene.at or self._where
        old = scenes.scene(self.client, replace(base, commit=compare))
        with self._lock:
            self._old = old
        return scene, old

    def _other(self, compare: str) -> Address:
        if "@" in compare:
            return addresses.parse(compare, self._where.project)
        return replace(self._where, commit=compare)

    def _thumb(self, scene: Scene, old: Scene | None, picture: str, side: int) -> Any:
        client = self.client
        at = sightings.locate(client, scene, picture)
        if at is None and old is not None:
            at = sightings.locate(client, old, picture)
        if at is None:
            raise LookError(f"{picture}: none of the commits that it came from has it")
        with self._lock:
            if self._made is None or self._made[0] is not client:
                self._made = (client, Thumbnails(client))
            thumbnails = self._made[1]
        return thumbnails.get(at, side)

    def _draw(self, scene: Scene, old: Scene | None, shot: Shot) -> tuple[Shot, str, int, int]:
        try:
            made = self._thumb(scene, old, shot.picture, _SAVED_SIDE)
        except LookError:
            return shot, "", 4, 3
        data = base64.b64encode(made.jpeg).decode()
        return shot, f"data:image/jpeg;base64,{data}", made.width, made.height


def _page(found: sightings.Shots) -> dict[str, Any]:
    shots = [showing.shot(each) for each in found.shots]
    return {"shots": shots, "after": found.after, "looked": found.looked}


def _card(shot: Shot, data: str, width: int, height: int, is_drawn: bool) -> Markup:
    """A picture with its boxes, as a drawing; `is_drawn`: they are in the picture already."""
    objects = showing.shot(shot)["seen"]
    image = Markup('<image href="{}" width="{}" height="{}"/>').format(data, width, height)
    drawn = Markup('<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {} {}">{}{}</svg>').format(
        width,
        height,
        image if data else "",
        Markup("").join(_box(one, width, height) for one in reversed(objects) if not is_drawn),
    )
    nothing = "nothing seen" if shot.looked else "" if is_drawn else "no network looked at it"
    words = ", ".join(f"{one['name']} {one['score']:.0%}" for one in objects) or nothing
    threat = Markup(' <strong class="tycokit-bad">▲ threat</strong>')
    return Markup(
        '<figure class="tycokit-gallery-card">{}<figcaption><strong>{}</strong>{}<br>{}'
        "</figcaption></figure>"
    ).format(
        page.drawing(drawn, f"{shot.picture}: {words}".rstrip(": "), width),
        shot.picture.lstrip("/"),
        threat if any(one["threat"] for one in objects) else "",
        words,
    )


def _box(one: dict[str, Any], width: int, height: int) -> Markup:
    ymin, xmin, ymax, xmax = one["box"]
    return Markup(
        '<rect x="{:.1f}" y="{:.1f}" width="{:.1f}" height="{:.1f}" fill="none" stroke="{}"'
        ' stroke-width="{}"{}><title>{}</title></rect>'
    ).format(
        xmin * width,
        ymin * height,
        (xmax - xmin) * width,
        (ymax - ymin) * height,
        one["colour"],
        4 if one["threat"] else 2,
        Markup(' stroke-dasharray="6 4"') if one["by"] == "old" else "",
        f"{one['name']} {one['score']:.0%} {one['by']}".strip(),
    )
