"""tk.commits(repo): branches, commits, their files, and what differs between any two of them."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime, timezone
from typing import Any, ClassVar

from markupsafe import Markup
from python_pachyderm import Client

from tycokit.pictures import scenes, sightings
from tycokit.pictures.scenes import Scene
from tycokit.repos import addresses, browsing, difference, history, previews
from tycokit.repos.addresses import DEFAULT_PROJECT, Address
from tycokit.widgets import showing, states
from tycokit.widgets.base import View, request

FIRST = 50  # commits that come with the first paint
_SAVED = 20  # commits of the static rendering


class Commits(View):
    """The history of a repo. `repo` may name a project too: `project/repo`."""

    NAME: ClassVar[str] = "commits"
    TITLE: ClassVar[str] = "Commits"
    EVERY: ClassVar[float] = 2.0
    PARTS: ClassVar[tuple[str, ...]] = ("boxes", "cells", "files", "browse")

    def __init__(
        self, repo: str, client: Client | None = None, project: str = DEFAULT_PROJECT
    ) -> None:
        self._repo = addresses.parse(repo, project)
        self._scenes: dict[str, Scene] = {}  # of commits whose files were looked at
        super().__init__(client)

    def read(self) -> dict[str, Any]:
        repo, project = self._repo.repo, self._repo.project
        page = history.page(self.client, repo, count=FIRST, project=project)
        return {
            "repo": repo,
            "project": project,
            "branches": [asdict(branch) for branch in history.branches(self.client, repo, project)],
            "commits": [asdict(commit) for commit in page.commits],
            "more": page.more,
        }

    def static_html(self) -> str:
        commits = self.state["commits"]
        heads = {branch["head"]: branch["name"] for branch in self.state["branches"]}
        rows = Markup("").join(_row(commit, heads) for commit in commits[:_SAVED])
        hidden = len(commits) - _SAVED
        more = f"and {hidden} or more older commits" if hidden > 0 else ""
        return Markup(
            "<h3>{}</h3><table class='tycokit-table'><tr><th>when</th><th>commit</th>"
            "<th>branch</th><th>state</th><th>made by</th><th class='tycokit-number'>size</th>"
            "<th>message</th></tr>{}</table><p class='tycokit-quiet'>{}</p>"
        ).format(self.state["repo"], rows, more or ("" if commits else "no commits yet"))

    # what the browser asks for

    @request
    def page(self, branch: str | None, offset: int, count: int) -> dict[str, Any]:
        """Commits after the newest `offset` ones, of one branch or of all (None)."""
        repo = self._repo
        page = history.page(
            self.client,
            repo.repo,
            branch=branch,
            offset=offset,
            count=min(count, 200),
            project=repo.project,
        )
        return {"commits": [asdict(commit) for commit in page.commits], "more": page.more}

    @request
    def commit(self, name: str) -> dict[str, Any]:
        """One commit, by its id, a branch, or an ancestry such as `master^2`."""
        return asdict(history.commit(self.client, self._at(name)))

    @request
    def folder(self, commit: str, path: str, after: str = "", count: int = 200) -> dict[str, Any]:
        """A page of a folder."""
        found = browsing.folder(
            self.client, self._at(commit, path), after=after, count=min(count, 1000)
        )
        entries = [{"name": each.name, **asdict(each)} for each in found.entries]
        return {"entries": entries, "after": found.after}

    @request
    def preview(self, commit: str, path: str) -> tuple[dict[str, Any], list[bytes]]:
        """A file, as showing.preview has it."""
        blobs = showing.Blobs()
        shown = previews.preview(self.client, self._at(commit, path))
        return showing.preview(shown, blobs), blobs.found

    @request
    def seen(self, commit: str, path: str) -> dict[str, Any]:
        """What was seen in a picture, or what detections say: {} where there is nothing to draw."""
        scene = self._scene(commit)
        found = None if scene.drawn else sightings.shot(self.client, scene, path)
        return showing.shot(found) if found and found.looked else {}

    @request
    def picture(self, commit: str, path: str) -> tuple[dict[str, Any], list[bytes]]:
        """The picture that a file of detections is about: {} where it is not found."""
        scene = self._scene(commit)
        found = sightings.shot(self.client, scene, path)
        at = sightings.locate(self.client, scene, found.picture) if found else None
        if at is None:
            return {}, []
        blobs = showing.Blobs()
        return showing.preview(previews.preview(self.client, at), blobs), blobs.found

    @request
    def changes(self, new: str, old: str, after: str = "", count: int = 200) -> dict[str, Any]:
        """A page of the files that differ; `old` may be empty, for the parent."""
        found = difference.files(
            self.client,
            self._at(new),
            self._at(old) if old else None,
            after=after,
            count=min(count, 1000),
        )
        return {"changes": [asdict(change) for change in found.changes], "after": found.after}

    @request
    def difference(self, new: str, old: str, path: str) -> tuple[dict[str, Any], list[bytes]]:
        """How a file differs between two commits, as showing.comparison has it."""
        blobs = showing.Blobs()
        found = difference.file(self.client, self._at(new, path), self._at(old, path))
        return showing.comparison(found, blobs), blobs.found

    def _at(self, commit: str, path: str = "") -> Address:
        return Address(self._repo.repo, commit, path, self._repo.project)

    def _scene(self, commit: str) -> Scene:
        with self._lock:
            known = self._scenes.get(commit)
        if known is not None:
            return known
        found = scenes.scene(self.client, self._at(commit))
        if found.detections is not None:  # else its pipelines may still be at work
            with self._lock:
                self._scenes[commit] = found
        return found


def _row(commit: dict[str, Any], heads: dict[str, str]) -> Markup:
    when = datetime.fromtimestamp(commit["started"], timezone.utc).strftime("%Y-%m-%d %H:%M:%S")
    head = (
        Markup(" <strong>{}</strong>").format(heads[commit["id"]]) if commit["id"] in heads else ""
    )
    return Markup(
        "<tr><td>{}</td><td class='tycokit-mono'>{}</td><td>{}{}</td><td>{}</td><td>{}</td>"
        "<td class='tycokit-number'>{}</td><td>{}</td></tr>"
    ).format(
        when,
        commit["id"][:12],
        commit["branch"],
        head,
        states.chip(commit["job"] or commit["state"]),
        commit["origin"],
        f"{commit['size']:,} B",
        commit["error"] or commit["message"],
    )
