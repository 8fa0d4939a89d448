"""A folder with two stages, and a pachd to deploy them to."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from command import tycokit
from pipeline_driver import Site, counts
from python_pachyderm import Client

from tycokit.cli import app, show
from tycokit.contexts import config
from tycokit.deploying import present, since, wanted
from tycokit.deploying.actions import Action
from tycokit.deploying.apply import ASIDE, apply
from tycokit.deploying.plan import Plan, Told, plan
from tycokit.deploying.present import Present
from tycokit.pipelines.specs import Repo
from tycokit.repos.addresses import DEFAULT_PROJECT

COPY = 'cp "${TYCOKIT_PFS:-/pfs}"/picture/* "${TYCOKIT_PFS:-/pfs}"/out/'


def pfs(name: str, repo: str, glob: str, **more: Any) -> dict[str, Any]:
    return {"pfs": {"name": name, "repo": repo, "glob": glob, **more}}


class Folder:
    """Two stages, of which one reads what the other makes."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for name in ("specs", "notebooks"):
            (folder / name).mkdir()
        self.notebook("a", "one")
        self.notebook("b", "one")
        self.spec("a", "images")
        self.spec("b", "a")

    def notebook(self, name: str, text: str) -> None:
        (self.folder / "notebooks" / f"{name}.ipynb").write_text(text)

    def spec(self, name: str, repo: str, **more: Any) -> None:
        document = {
            "pipeline": {"name": name},
            "transform": {
                "image": "registry.example:5000/lab/stage:V1",
                "cmd": ["sh"],
                "stdin": [COPY],
            },
            "input": {
                "cross": [
                    pfs("picture", repo, "/*"),
                    pfs("notebook", "notebooks", f"/{name}.ipynb"),
                ]
            },
            **more,
        }
        (self.folder / "specs" / f"{name}.json").write_text(json.dumps(document))

    def both(self, text: str, timeout: str) -> None:
        """Change b's notebook and b's spec."""
        self.notebook("b", text)
        self.spec("b", "a", datum_timeout=timeout)


class Place(Folder):
    """With a pachd that a context names."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.site = Site(folder)
        self.config = folder / "config.json"
        port, token = self.site.pachd.port, self.site.client.auth_token
        config.register(self.config, config.Context("here", f"grpc://127.0.0.1:{port}", token))

    def run(self, *words: str, code: int = 0) -> str:
        done = tycokit(self.folder, self.config, "deploy", *words)
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout + done.stderr

    def run_here(
        self, patch: pytest.MonkeyPatch, *words: str, at: str, do: Callable[[], None]
    ) -> int:
        """The command in this process, its exit code; `do` is called when it has shown a line."""
        lines, ending = show.line, signal.getsignal(signal.SIGTERM)

        def line(text: str, style: str = "") -> None:
            lines(text, style)
            if text == at:
                do()

        patch.setenv("PACH_CONFIG", str(self.config))
        patch.chdir(self.folder)
        patch.setattr(show, "line", line)
        try:
            return app.run_command(["deploy", *words])
        finally:
            signal.signal(signal.SIGTERM, ending)

    def ended(self, pipeline: str, project: str | None = None) -> tuple[int, int, int]:
        """Datums of a pipeline's newest job, once it has ended: processed, skipped, failed."""
        client = self.site.client
        newest = next(client.list_job(pipeline, project_name=project)).job.id
        (info,) = client.inspect_job(newest, pipeline, wait=True, project_name=project)
        return counts(info)

    def pictures(self, *names: str) -> None:
        id_ = self.site.put("images", {f"/{name}": name.encode() for name in names})
        self.site.jobs(id_)

    def state(self) -> dict[str, Any]:
        """All that a deploy may change, without what it puts where nobody reads it."""
        client = self.site.client
        infos = list(client.list_pipeline(details=True))
        commits = [one.commit for one in client.list_commit("notebooks")]
        branches = [one.branch.name for one in client.list_branch("notebooks")]
        return {
            "pipelines": {one.pipeline.name: (one.version, one.stopped) for one in infos},
            "timeouts": {one.pipeline.name: one.details.datum_timeout.seconds for one in infos},
            "repos": sorted(one.repo.name for one in client.list_repo()),
            "branches": sorted(one for one in branches if not one.startswith(ASIDE)),
            "commits": sorted(one.id for one in commits if not one.branch.name.startswith(ASIDE)),
            "b.ipynb": self.site.read("notebooks", "/b.ipynb"),
        }

    def left(self) -> list[str]:
        """What deploys have left lying about."""
        client = self.site.client
        branches = [one.branch.name for one in client.list_branch("notebooks")]
        open_ = [one.transaction.id for one in client.list_transaction()]
        commits = [one.commit.branch.name for one in client.list_commit("notebooks")]
        return [*open_, *(one for one in (*branches, *commits) if one.startswith(ASIDE))]

    @property
    def look(self) -> Looked:
        """What is planned, as the command does it, but in this process."""
        return self.told()

    def told(self, **more: Any) -> Looked:
        return Looked(self.site.client, self.folder, **more)


class Looked:
    """A plan, and what it was made of."""

    def __init__(
        self, client: Client, folder: Path, repos: Sequence[str] = (), **told: Any
    ) -> None:
        self.client = client
        self.what = wanted.read(folder / "specs", None, 1)
        self.there: Present = present.look(client, self.what, ("images", "weights"))
        self.plan: Plan = plan(
            self.what, self.there, Told([Repo(DEFAULT_PROJECT, name) for name in repos], **told)
        )

    @property
    def effects(self) -> dict[str, tuple[str, str]]:
        """By pipeline: all, some or none, and why."""
        return {one.pipeline.name: (one.share, one.why) for one in self.plan.effects}

    def apply(
        self,
        report: Callable[[Action], None] = lambda _: None,
        before: Callable[[], None] = lambda: None,
    ) -> None:
        """`before` is called at the last moment before anything is changed."""

        def still() -> None:
            before()
            outputs = [spec.output for spec in self.what.specs]
            since.require_same(self.client, self.plan.actions, outputs, self.there)

        apply(self.client, self.plan.actions, report, still)


def versions(client: Client) -> dict[str, int]:
    return {info.pipeline.name: info.version for info in client.list_pipeline()}
