"""In which fields a given spec differs from the pipeline that pachd has, and in which lines; pure.

pachd fills defaults in, sorts inputs and adds what it knows itself. Both sides are therefore
brought to the same form first: every default written out, everything of pachd's own left out.
"""

from __future__ import annotations

import difflib
import json
import posixpath
from typing import Any

from google.protobuf import json_format
from python_pachyderm.service import pps_proto

from tycokit.repos.addresses import DEFAULT_PROJECT

# of a request: how to create, not what
_HOW = ("update", "reprocess", "dry_run", "details_json", "spec_commit")


def differences(request: Any, info: Any) -> list[str]:
    """Names of the top-level fields that differ between a request and a PipelineInfo."""
    wanted, found = _comparable(request, info)
    changed = []
    for field in wanted.DESCRIPTOR.fields:
        one, other = pps_proto.CreatePipelineRequest(), pps_proto.CreatePipelineRequest()
        _copy(wanted, one, field)
        _copy(found, other, field)
        if one != other:
            changed.append(str(field.name))
    return changed


def unified(request: Any, info: Any) -> str:
    """What a request would change of a PipelineInfo's spec, as a unified diff of its JSON."""
    wanted, found = _comparable(request, info)
    name, version = info.pipeline.name, info.version
    lines = difflib.unified_diff(
        _json(found),
        _json(wanted),
        fromfile=f"{name}, version {version}",
        tofile=f"{name}, version {version + 1}",
        n=2,
        lineterm="",
    )
    return "\n".join(lines)


def request_of(info: Any) -> Any:
    """The request that would make the pipeline of this info, which has details."""
    made = pps_proto.CreatePipelineRequest()
    made.pipeline.CopyFrom(info.pipeline)
    for field in info.details.DESCRIPTOR.fields:
        target = made.DESCRIPTOR.fields_by_name.get(field.name)
        if target is not None and target.message_type == field.message_type:
            _copy(info.details, made, field)
    return made


def _comparable(request: Any, info: Any) -> tuple[Any, Any]:
    """A request, and the one that would make a PipelineInfo, in the same form."""
    wanted, found = _normal(request), _normal(request_of(info))
    if not request.salt:
        wanted.salt = found.salt  # pachd made it up
    _starts(wanted.input, found.input)
    return wanted, found


def _json(request: Any) -> list[str]:
    made = json_format.MessageToDict(request, preserving_proto_field_name=True)
    return json.dumps(made, indent=2, sort_keys=True, ensure_ascii=False).splitlines()


def _copy(source: Any, target: Any, field: Any) -> None:
    value = getattr(source, field.name)
    if field.label == field.LABEL_REPEATED:
        getattr(target, field.name).extend(value)
    elif field.message_type is None:
        setattr(target, field.name, value)
    elif source.HasField(field.name):
        getattr(target, field.name).CopyFrom(value)


def _normal(request: Any) -> Any:
    made = pps_proto.CreatePipelineRequest()
    made.CopyFrom(request)
    for name in _HOW:
        made.ClearField(name)
    made.pipeline.project.name = made.pipeline.project.name or DEFAULT_PROJECT
    made.transform.image = made.transform.image or "ubuntu:20.04"
    made.parallelism_spec.constant = made.parallelism_spec.constant or 1
    made.output_branch = made.output_branch or "master"
    made.datum_tries = made.datum_tries or 3
    made.reprocess_spec = made.reprocess_spec or "until_success"
    if made.HasField("service"):
        made.service.type = made.service.type or "NodePort"
    for field in made.DESCRIPTOR.fields:
        # an empty message says nothing that a missing one does not, but for a spout
        single = field.message_type is not None and field.label != field.LABEL_REPEATED
        if single and field.name != "spout" and not getattr(made, field.name).ByteSize():
            made.ClearField(field.name)
    _normal_input(made.input, made.pipeline)
    return made


def _normal_input(node: Any, pipeline: Any) -> None:
    if node.HasField("pfs"):
        pfs = node.pfs
        pfs.project = pfs.project or pipeline.project.name
        pfs.repo_type = pfs.repo_type or "user"
        pfs.name = pfs.name or pfs.repo
        pfs.glob = posixpath.normpath("/" + pfs.glob.lstrip("/"))
        if pfs.HasField("trigger"):
            pfs.trigger.branch = pfs.trigger.branch or "master"
            if pfs.branch.startswith(f"{pipeline.name}-trigger-"):
                pfs.branch = ""  # pachd's own name for it
        else:
            pfs.branch = pfs.branch or "master"
        pfs.commit = ""
    if node.HasField("cron"):
        cron = node.cron
        cron.project = cron.project or pipeline.project.name
        cron.repo = cron.repo or f"{pipeline.name}_{cron.name}"
        cron.commit = ""
    for inner in (node.cross, node.union, node.join, node.group):
        for one in inner:
            _normal_input(one, pipeline)
        in_order = sorted(inner, key=lambda one: one.SerializeToString(deterministic=True))
        del inner[:]
        inner.extend(in_order)


def _starts(wanted: Any, found: Any) -> None:
    """Take over the start of each cron input that the spec leaves to pachd."""
    if wanted.HasField("cron") and found.HasField("cron") and not wanted.cron.HasField("start"):
        found.cron.ClearField("start")
    for kind in ("cross", "union", "join", "group"):
        for one, other in zip(getattr(wanted, kind), getattr(found, kind), strict=False):
            _starts(one, other)
