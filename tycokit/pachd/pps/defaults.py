"""What a pipeline spec means where it says nothing."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

from tycokit.pachd.pfs.names import normal_path
from tycokit.pachd.pfs.values import DEFAULT_PROJECT, Trigger
from tycokit.pachd.pps.spec import (
    CronInput,
    Input,
    PfsInput,
    PipelineSpec,
    Service,
)

IMAGE = "ubuntu:20.04"
DATUM_TRIES = 3


def with_defaults(spec: PipelineSpec, new_salt: str, now: int) -> PipelineSpec:
    """`spec` with its defaults filled and its inputs sorted.

    `new_salt` is the salt of a pipeline that has none yet, `now` (ns since the epoch) the start of
    a cron input without one. To be filled once only: what it names would be sorted by those names.
    """
    spec = replace(spec, project=spec.project or DEFAULT_PROJECT)
    transform = spec.transform
    return replace(
        spec,
        transform=transform and replace(transform, image=transform.image or IMAGE),
        input=spec.input and _Filler(spec, now).fill(in_order(spec.input)),
        output_branch=spec.output_branch or "master",
        datum_tries=spec.datum_tries or DATUM_TRIES,
        reprocess_spec=spec.reprocess_spec or "until_success",
        salt=spec.salt or new_salt,
        service=_service(spec.service),
        spout=spec.spout and replace(spec.spout, service=_service(spec.spout.service)),
    )


def _service(service: Service | None) -> Service | None:
    return service and replace(service, type=service.type or "NodePort")


def in_order(given: Input) -> Input:
    """The inputs of each cross, join, group and union, stably sorted by their explicit names.

    This order goes into the ids of datums.
    """
    if isinstance(given, (PfsInput, CronInput)):
        return given
    return replace(given, inputs=tuple(sorted(map(in_order, given.inputs), key=_sort_name)))


def _sort_name(given: Input) -> str:
    if isinstance(given, PfsInput):
        return given.name
    if isinstance(given, CronInput):
        return ""
    return _sort_name(given.inputs[0]) if given.inputs else ""


class _Filler:
    """Fills the inputs of one pipeline; counts the trigger branches that it names."""

    def __init__(self, spec: PipelineSpec, now: int) -> None:
        self.spec = spec
        self.now = now
        self.triggers: Counter[str] = Counter()

    def fill(self, given: Input) -> Input:
        if isinstance(given, PfsInput):
            return self._pfs(given)
        if isinstance(given, CronInput):
            return replace(
                given,
                project=given.project or self.spec.project,
                repo=given.repo or f"{self.spec.name}_{given.name}",
                start=self.now if given.start is None else given.start,
            )
        return replace(given, inputs=tuple(self.fill(below) for below in given.inputs))

    def _pfs(self, given: PfsInput) -> PfsInput:
        trigger = given.trigger
        return replace(
            given,
            project=given.project or self.spec.project,
            branch=given.branch or self._branch(given),
            # A repo called "out" must be named by the author: validate says so.
            name=given.name or ("" if given.repo == "out" else given.repo),
            repo_type=given.repo_type or "user",
            # Cleaning would make an absent glob the root's.
            glob=given.glob and normal_path(given.glob),
            trigger=trigger and _trigger(trigger),
        )

    def _branch(self, given: PfsInput) -> str:
        if given.trigger is None:
            return "master"
        self.triggers[given.repo] += 1
        return f"{self.spec.name}-trigger-{self.triggers[given.repo]}"


def _trigger(trigger: Trigger) -> Trigger:
    return replace(trigger, branch=trigger.branch or "master")
