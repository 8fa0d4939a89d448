"""Pipelines on the move: their specs without what one pachd added, made stopped at another."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from google.protobuf import json_format
from python_pachyderm import Client

from tycokit import targeting
from tycokit.errors import NodesUnknown
from tycokit.moving.asking import commit, repo_of
from tycokit.moving.contents import Contents, PipelineEntry
from tycokit.moving.destination import Destination
from tycokit.pipelines import specs
from tycokit.pipelines.specdiff import differences, request_of
from tycokit.pipelines.specs import Repo, Spec, pfs_inputs
from tycokit.repos import browsing
from tycokit.repos.addresses import DEFAULT_BRANCH
from tycokit.scaling import change, nodes

COPIED = "tycokit.copied-from"  # an annotation: we made it, and from where
MADE, UPDATED, STOPPED = "make", "update", "stop"  # what can be done for a pipeline


def portable(info: Any) -> dict[str, Any]:
    """The spec of a PipelineInfo with details, as JSON, without what its pachd made up."""
    made = request_of(info)
    for name in ("salt", "spec_commit", "update", "reprocess"):
        made.ClearField(name)
    _take_origin(made.metadata.annotations)
    for pfs in pfs_inputs(made.input):
        pfs.ClearField("commit")
        if pfs.HasField("trigger"):
            pfs.ClearField("branch")  # pachd's own, beside the trigger's
    for cron in crons(made.input):
        cron.ClearField("start")  # from now on: what ticked before is not made up for
        cron.ClearField("commit")
    found: dict[str, Any] = json_format.MessageToDict(made, preserving_proto_field_name=True)
    return found


def crons(node: Any) -> Iterable[Any]:
    """Every CronInput of an Input, at any depth."""
    if node.HasField("cron"):
        yield node.cron
    for inner in (*node.cross, *node.union, *node.join, *node.group):
        yield from crons(inner)


def secrets(entries: Iterable[PipelineEntry]) -> dict[str, list[str]]:
    """The secrets that pipelines ask for, and which pipelines do."""
    found: dict[str, list[str]] = {}
    for entry in entries:
        for name in sorted(_secrets(_spec(entry))):
            found.setdefault(name, []).append(str(entry.pipeline))
    return found


@dataclass(frozen=True, slots=True)
class Planned:
    """What a pipeline comes to: `done` says it in words, "" where it stays as it is.

    `info` is the pipeline that is there (PipelineInfo), `told` a sentence for each thing that
    somebody has to do.
    """

    spec: Spec
    info: Any
    done: str
    told: tuple[str, ...]

    @property
    def pipeline(self) -> Repo:
        return self.spec.output

    def make(self, client: Client) -> None:
        """Make, update or stop it. It does not run before somebody starts it."""
        name, project = self.pipeline.name, self.pipeline.project
        if self.done == UPDATED and not self.info.stopped:  # first: or it runs with the new spec
            client.stop_pipeline(name, project_name=project)
        if self.done in (MADE, UPDATED):
            client.create_pipeline_from_request(self.spec.request)
        if self.done in (MADE, STOPPED):
            client.stop_pipeline(name, project_name=project)


def plan(there: Destination, contents: Contents) -> Iterator[Planned]:
    """What is to be done for each pipeline, in the order to do it.

    They are made before their data comes, so that none of it is processed before somebody starts
    them. One that is there with another spec is updated by the destination's `replace` only.
    """
    client, name = there.client, there.name
    present = there.repos()
    repos = present | {entry.repo for entry in contents.repos}
    pipelines = _there(client)
    known = {info.secret.name for info in client.list_secret()}
    targets = targeting.names(client)
    for given in specs.order([_spec(entry) for entry in contents.pipelines]):
        spec = targeting.mounted(given, targets)
        info = pipelines.get(spec.output)
        told = _untold(given, targets, name) + _scaled(client, spec)
        fault = _fault(spec, repos, known, name)
        if info is None and spec.output in repos:
            fault = f"has the name of a repo that {name} has"
        done, fault = ("", fault) if fault else _decide(there, spec, info, contents)
        if fault:
            told.append(f"pipeline {spec.output} {fault}")
        else:
            repos.add(spec.output)
        yield Planned(spec, info, done, tuple(told))


def start(client: Client, contents: Contents) -> None:
    """Start the copies that run at the source and are stopped here."""
    waiting = stopped(client, contents)
    for spec in specs.order([_spec(entry) for entry in contents.pipelines]):
        if spec.output in waiting:
            client.start_pipeline(spec.output.name, project_name=spec.output.project)


def stopped(client: Client, contents: Contents) -> list[Repo]:
    """The copies that run at the source and are stopped here."""
    there = _there(client)
    return [
        entry.pipeline
        for entry in contents.pipelines
        if entry.running and entry.pipeline in there and _waits(there[entry.pipeline])
    ]


def _waits(info: Any) -> bool:
    """Whether a pipeline is stopped as a copy is; one of the destination's own is left alone."""
    return bool(info.stopped) and COPIED in info.details.metadata.annotations


def _there(client: Client) -> dict[Repo, Any]:
    return {repo_of(info.pipeline): info for info in client.list_pipeline(details=True)}


def _decide(there: Destination, spec: Spec, info: Any, contents: Contents) -> tuple[str, str]:
    """What to do for a pipeline, and why nothing is done; the spec is told where it is from."""
    annotations = spec.request.metadata.annotations
    if info is None:
        annotations[COPIED] = contents.origin.name
        return MADE, ""
    origin = _take_origin(info.details.metadata.annotations)
    fields = differences(spec.request, info)
    if fields and not there.replace:
        told = ", ".join(fields)
        return "", (
            f"is in {there.name} with another spec ({told}) and stays as it is; --replace updates"
            " it"
        )
    if fields:
        spec.request.update = True
        annotations[COPIED] = origin or contents.origin.name
        return UPDATED, ""
    cut_short = origin is not None and not info.stopped
    return STOPPED if cut_short and _awaits(there.client, spec, contents) else "", ""


def _scaled(client: Client, spec: Spec) -> list[str]:
    """Give a spec with a coefficient the workers for this cluster; a sentence where it cannot."""
    try:
        change.resolve(spec.request, lambda: nodes.find(client))
    except NodesUnknown as error:
        return [f"pipeline {spec.output} keeps its number of workers: {error}"]
    return []


def _take_origin(annotations: Any) -> str | None:
    """Where a pipeline was copied from; it is taken out, so that it is no difference."""
    if COPIED not in annotations:  # asking a protobuf map for a key would make it
        return None
    origin = str(annotations[COPIED])
    del annotations[COPIED]
    return origin


def _spec(entry: PipelineEntry) -> Spec:
    """The spec, checked as one from a file is. Raises SpecError."""
    (spec,) = specs.parse(json.dumps(entry.spec), f"the spec of {entry.pipeline}", 1)
    return spec


def _fault(spec: Spec, repos: Collection[Repo], known: Collection[str], name: str) -> str | None:
    """Why a pipeline cannot be made there."""
    for repo in spec.inputs:
        if repo not in repos:
            return f"reads {repo}, which {name} does not have"
    unknown = sorted(_secrets(spec) - set(known))
    if unknown:
        return (
            f"needs the secret {', '.join(unknown)}, which is never copied: make it in {name},"
            " then copy again"
        )
    return None


def _untold(spec: Spec, targets: Collection[str], name: str) -> list[str]:
    """The targets of alerts that a spec has mounted and this pachd lacks."""
    if targeting.ANNOTATION not in spec.request.metadata.annotations:
        return []
    mounted = {secret.removeprefix(targeting.PREFIX) for secret in _secrets(spec)}
    return [
        f"pipeline {spec.output} tells nobody by {target!r}, whose key is never copied:"
        f" `tycokit targets set {target} --context {name}`"
        for target in sorted(mounted - set(targets))
    ]


def _secrets(spec: Spec) -> set[str]:
    transform = spec.request.transform
    return {secret.name for secret in transform.secrets} | set(transform.image_pull_secrets)


def _awaits(client: Client, spec: Spec, contents: Contents) -> bool:
    """Whether data is brought to a pipeline that has seen none: to stop it came too late before."""
    if not {step.repo for step in contents.steps} & set(spec.inputs):
        return False
    project = spec.output.project
    return not any(
        browsing.folder(
            client,
            commit(Repo(pfs.project or project, pfs.repo), pfs.branch or DEFAULT_BRANCH),
            count=1,
        ).entries
        for pfs in pfs_inputs(spec.request.input)
    )
