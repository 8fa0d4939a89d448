"""Which pipeline specs Pachyderm refuses, and in which words."""

from __future__ import annotations

import json

from tycokit.errors import InvalidSpec, NotServed
from tycokit.globs import glob
from tycokit.pachd.pfs import cron, names
from tycokit.pachd.pps.spec import (
    CronInput,
    CrossInput,
    Input,
    PfsInput,
    PipelineSpec,
    Service,
    UnionInput,
    leaves,
)

_SERVICE_TYPES = ("ClusterIP", "LoadBalancer", "NodePort")


def validate(spec: PipelineSpec, *, update: bool = False) -> None:
    """Refuse a spec that is wrong in itself; `spec` has its defaults filled.

    What is well formed but not served here (services, egress, s3, …) passes.

    Raises:
        InvalidSpec, InvalidName: with Pachyderm's message.
        BadGlob: the glob of an input is malformed.
    """
    if not spec.name:
        raise InvalidSpec("invalid pipeline spec: request.Pipeline.Name cannot be empty")
    names.check_pipeline(spec.project, spec.name)
    if spec.tf_job is not None:
        raise InvalidSpec("embedding TFJobs in pipelines is not supported yet")
    if spec.reprocess_spec not in ("until_success", "every_job"):
        raise InvalidSpec(
            "invalid pipeline spec: ReprocessSpec must be one of 'until_success' or 'every_job'"
        )
    if update and spec.spec_commit is not None:
        raise InvalidSpec("Cannot update a pipeline and provide a spec commit at the same time")
    _check_transform(spec)
    _check_kind(spec)
    _check_json(spec.pod_spec, "malformed PodSpec")
    _check_json(spec.pod_patch, "malformed PodPatch")
    names.check_branch(spec.output_branch)
    if spec.datum_tries < 0:
        raise InvalidSpec("datum_tries cannot be negative")
    if spec.input is not None:
        _check_names(spec.input, set())
        _check_input(spec.input, s3_allowed=True)


def refuse_unserved(spec: PipelineSpec) -> None:
    """Raises NotServed for what would be accepted and then not happen."""
    inputs = list(leaves(spec.input))
    unserved = {
        "egress": spec.egress is not None,
        "s3 outputs": spec.s3_out,
        "s3 inputs": any(isinstance(leaf, PfsInput) and leaf.s3 for leaf in inputs),
    }
    for what, asked in unserved.items():
        if asked:
            raise NotServed(f"{what} are not served by the local pachd")


def _check_transform(spec: PipelineSpec) -> None:
    if spec.transform is None:
        raise InvalidSpec("pipeline must specify a transform")
    if not spec.transform.image:
        raise InvalidSpec("invalid transform: pipeline transform must contain an image")


def _check_kind(spec: PipelineSpec) -> None:
    """Spouts and services exclude some of the rest; all else needs an input."""
    if spec.s3_out and (spec.spout is not None or spec.service is not None):
        raise InvalidSpec("s3 output is not supported in spouts or services")
    if spec.spout is not None:
        if spec.autoscaling:
            raise InvalidSpec(
                "autoscaling can't be used with spouts (spouts aren't triggered externally)"
            )
        if spec.spout.service is None and spec.input is not None:
            raise InvalidSpec("spout pipelines (without a service) must not have an input")
        _check_service(spec.spout.service)
    elif spec.input is None:
        raise InvalidSpec("no input set")
    _check_service(spec.service)
    if spec.service is not None and spec.workers != 1:
        raise InvalidSpec("services can only be run with a constant parallelism of 1")


def _check_service(service: Service | None) -> None:
    if service is not None and service.type not in _SERVICE_TYPES:
        raise InvalidSpec(f"the following service type {service.type} is not allowed")


def _check_json(text: str, message: str) -> None:
    if not text:
        return
    try:
        json.loads(text)
    except ValueError as error:
        raise InvalidSpec(message) from error


def _check_names(given: Input, taken: set[str]) -> None:
    """Add the input's names to `taken`; each may be used once, but in each branch of a union."""
    if isinstance(given, (PfsInput, CronInput)):
        # Without a name it is refused for that, and in better words.
        if given.name and given.name in taken:
            raise InvalidSpec(f'name "{given.name}" was used more than once')
        taken.add(given.name)
        return
    if isinstance(given, UnionInput):
        branches = [set(taken) for _ in given.inputs]
        for below, names_there in zip(given.inputs, branches, strict=True):
            _check_names(below, names_there)
        taken.update(*branches)
        return
    for below in given.inputs:
        _check_names(below, taken)


def _check_input(given: Input, *, s3_allowed: bool) -> None:
    if isinstance(given, PfsInput):
        _check_pfs(given, s3_allowed=s3_allowed)
    elif isinstance(given, CronInput):
        _check_input_name(given.name)
        names.check_repo(given.repo)
        cron.parse(given.spec)
    else:
        if not given.inputs:
            raise InvalidSpec("no input set")
        only_crossed = s3_allowed and isinstance(given, CrossInput)
        for below in given.inputs:
            _check_input(below, s3_allowed=only_crossed)


def _check_pfs(given: PfsInput, *, s3_allowed: bool) -> None:
    if not given.repo:
        raise InvalidSpec("input must specify a repo")
    if not given.name and given.repo == "out":
        raise InvalidSpec(
            "inputs based on repos named \"out\" must have 'name' set, as pachyderm already creates"
            " /pfs/out to collect job output"
        )
    _check_input_name(given.name)
    if not given.branch:
        raise InvalidSpec("input must specify a branch")
    if not given.glob:
        raise InvalidSpec("input must specify a glob")
    if given.commit:
        raise InvalidSpec(
            "input cannot come from a commit; use a branch with head pointing to the commit"
        )
    glob.compile(given.glob)
    if given.s3:
        _check_s3(given, s3_allowed=s3_allowed)


def _check_input_name(name: str) -> None:
    if not name:
        raise InvalidSpec("input must specify a name")
    if name in ("out", ".env"):
        raise InvalidSpec(f"input cannot be named {name}")
    # It becomes one folder under /pfs, and a line of /pfs/.env.
    if "/" in name or name in (".", "..") or not name.isprintable():
        raise InvalidSpec(f'input name "{name}" cannot be the name of a folder')


def _check_s3(given: PfsInput, *, s3_allowed: bool) -> None:
    if not s3_allowed:
        raise InvalidSpec("s3 inputs are not supported inside join, group and union inputs")
    if given.glob != "/":
        raise InvalidSpec('s3 inputs must have the glob "/"')
    if given.lazy or given.empty_files:
        raise InvalidSpec("s3 inputs cannot be lazy and cannot have empty_files")
