"""What others have changed since a plan was made of what it is about."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from python_pachyderm import Client

from tycokit.deploying import present
from tycokit.deploying.actions import (
    Action,
    CommitNotebooks,
    CreatePipeline,
    CreateRepo,
    DeletePipeline,
    Fill,
)
from tycokit.deploying.present import Present
from tycokit.errors import PlanOutdated
from tycokit.pipelines.specs import Repo


def require_same(
    client: Client, actions: Sequence[Action], pipelines: Iterable[Repo], before: Present
) -> None:
    """Raise PlanOutdated where a pachd is no longer what these actions were planned for."""
    if found := changes(actions, pipelines, before, present.again(client, before)):
        raise PlanOutdated(found)


def changes(
    actions: Sequence[Action], pipelines: Iterable[Repo], before: Present, now: Present
) -> list[str]:
    """A clause each; none where all can be done still as it was planned.

    `pipelines` are those that the specs are for, also those that the plan leaves as they are.
    """
    gone = [one.pipeline for one in actions if isinstance(one, DeletePipeline)]
    found = [*_pipelines([*pipelines, *gone], before, now)]
    new = {one.spec.output for one in actions if isinstance(one, CreatePipeline)}
    new |= {one.repo for one in actions if isinstance(one, CreateRepo)}
    found += [
        f"repo {repo} was made" for repo in sorted(new & now.repos) if repo not in now.pipelines
    ]
    for repo in (one.repo for one in actions if isinstance(one, (CommitNotebooks, Fill))):
        was, is_ = before.heads.get(repo), now.heads.get(repo)
        if was is not None and is_ is not None:
            found += moved(repo, was.commit, is_.commit)
    readers, known = now.readers(gone), before.readers(gone)
    for repo in gone:
        found += [f"pipeline {one} reads {repo}" for one in sorted(readers[repo] - known[repo])]
    return found


def moved(repo: Repo, was: str, is_: str) -> list[str]:
    """A clause where master's head, a commit's id or "", is another one."""
    if was == is_:
        return []
    return [f"repo {repo} {f'got commit {is_[:12]}' if is_ else 'lost its commits'}"]


def _pipelines(pipelines: Iterable[Repo], before: Present, now: Present) -> Iterator[str]:
    for repo in pipelines:
        was, is_ = before.pipelines.get(repo), now.pipelines.get(repo)
        if was is None and is_ is not None:
            yield f"pipeline {repo} was made{_when(is_)}"
        elif was is not None and is_ is None:
            yield f"pipeline {repo} was deleted"
        elif was is not None and is_ is not None and was.spec_commit.id != is_.spec_commit.id:
            yield (
                f"pipeline {repo} was updated{_when(is_)}"
                f" (version {is_.version}, it was {was.version})"
            )
        elif was is not None and is_ is not None and was.stopped != is_.stopped:
            yield f"pipeline {repo} was {'stopped' if is_.stopped else 'started'}"


def _when(info: Any) -> str:
    """When a version was made: who made it, Pachyderm does not keep."""
    made = info.details.created_at
    return f" at {made.ToDatetime():%H:%M:%S} UTC" if made.seconds else ""
