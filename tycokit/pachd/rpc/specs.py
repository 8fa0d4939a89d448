"""Pipeline specs and inputs to protobuf messages and back."""

from __future__ import annotations

from typing import Any

from google.protobuf import json_format
from google.protobuf.duration_pb2 import Duration
from python_pachyderm.proto.v2.pps import pps_pb2

from tycokit.pachd.pps.spec import (
    CronInput,
    CrossInput,
    DatumSetSpec,
    GroupInput,
    Input,
    JoinInput,
    NestedInput,
    PfsInput,
    PipelineSpec,
    SecretMount,
    Service,
    Spout,
    Transform,
    UnionInput,
    one_input,
)
from tycokit.pachd.rpc.values import project_name, timestamp, trigger_from, trigger_message

Message = Any
_NESTED: dict[str, type[NestedInput]] = {
    "cross": CrossInput,
    "union": UnionInput,
    "join": JoinInput,
    "group": GroupInput,
}
_AS_JSON = (
    "egress",
    "tf_job",
    "metadata",
    "resource_requests",
    "resource_limits",
    "sidecar_resource_requests",
    "sidecar_resource_limits",
    "scheduling_spec",
    "spec_commit",
    "determined",
)
_AS_IS = (
    "description",
    "output_branch",
    "datum_tries",
    "reprocess_spec",
    "salt",
    "autoscaling",
    "s3_out",
    "pod_spec",
    "pod_patch",
    "details_json",
)
_TRANSFORM_LISTS = ("cmd", "stdin", "err_cmd", "err_stdin", "image_pull_secrets")
_TRANSFORM_AS_IS = (
    "image",
    "debug",
    "user",
    "working_dir",
    "dockerfile",
    "memory_volume",
    "datum_batching",
)
_PFS = (
    "repo",
    "project",
    "repo_type",
    "branch",
    "commit",
    "name",
    "glob",
    "join_on",
    "outer_join",
    "group_by",
    "lazy",
    "empty_files",
    "s3",
)
_CRON = ("name", "spec", "repo", "project", "commit", "overwrite")


def _json(message: Message) -> Any:
    return json_format.MessageToDict(message, preserving_proto_field_name=True)


def _optional(message: Message, name: str) -> Message | None:
    return getattr(message, name) if message.HasField(name) else None


def seconds(message: Message | None) -> float | None:
    """A Duration in seconds."""
    return None if message is None else message.seconds + message.nanos / 1e9


def duration(value: float | None) -> Duration | None:
    """Seconds as a Duration."""
    if value is None:
        return None
    return Duration(seconds=int(value), nanos=round((value - int(value)) * 1e9))


def spec_from(request: Message) -> PipelineSpec:
    """What a CreatePipelineRequest asks for. Raises InvalidSpec: an input of no or two kinds."""
    parallelism = _optional(request, "parallelism_spec")
    transform = _optional(request, "transform")
    input_ = _optional(request, "input")
    sets = _optional(request, "datum_set_spec")
    service = _optional(request, "service")
    spout = _optional(request, "spout")
    return PipelineSpec(
        name=request.pipeline.name,
        project=project_name(request.pipeline.project),
        transform=_transform_from(transform) if transform is not None else None,
        input=input_from(input_) if input_ is not None else None,
        parallelism=parallelism.constant if parallelism is not None else None,
        datum_timeout=seconds(_optional(request, "datum_timeout")),
        job_timeout=seconds(_optional(request, "job_timeout")),
        datum_set_spec=DatumSetSpec(sets.number, sets.size_bytes, sets.per_worker)
        if sets is not None
        else None,
        service=_service_from(service) if service is not None else None,
        spout=_spout_from(spout) if spout is not None else None,
        tolerations=tuple(_json(each) for each in request.tolerations),
        **_fields(request, _AS_IS),
        **{name: _json(getattr(request, name)) for name in _AS_JSON if request.HasField(name)},
    )


def _transform_from(message: Message) -> Transform:
    lists: dict[str, Any] = {name: tuple(getattr(message, name)) for name in _TRANSFORM_LISTS}
    return Transform(
        env=dict(message.env),
        secrets=tuple(
            SecretMount(each.name, each.key, each.mount_path, each.env_var)
            for each in message.secrets
        ),
        accept_return_code=tuple(message.accept_return_code),
        **_fields(message, _TRANSFORM_AS_IS),
        **lists,
    )


def _fields(message: Message, names: tuple[str, ...]) -> dict[str, Any]:
    return {name: getattr(message, name) for name in names}


def _service_from(message: Message) -> Service:
    return Service(message.internal_port, message.external_port, message.ip, message.type)


def _spout_from(message: Message) -> Spout:
    service = _optional(message, "service")
    return Spout(_service_from(service) if service is not None else None)


def input_from(message: Message) -> Input:
    """Raises InvalidSpec: none or several kinds of input set."""
    given: list[Input] = []
    if message.HasField("pfs"):
        pfs = message.pfs
        trigger = _optional(pfs, "trigger")
        given.append(
            PfsInput(
                trigger=trigger_from(trigger) if trigger is not None else None,
                **{name: getattr(pfs, name) for name in _PFS},
            )
        )
    if message.HasField("cron"):
        cron = message.cron
        start = _optional(cron, "start")
        given.append(
            CronInput(
                start=start.ToNanoseconds() if start is not None else None,
                **{name: getattr(cron, name) for name in _CRON},
            )
        )
    for name, kind in _NESTED.items():
        below = getattr(message, name)
        if below:
            given.append(kind(tuple(input_from(each) for each in below)))
    return one_input(given)


def input_message(given: Input) -> Message:
    if isinstance(given, PfsInput):
        pfs = pps_pb2.PFSInput(**{name: getattr(given, name) for name in _PFS})
        if given.trigger is not None:
            pfs.trigger.CopyFrom(trigger_message(given.trigger))
        return pps_pb2.Input(pfs=pfs)
    if isinstance(given, CronInput):
        return pps_pb2.Input(
            cron=pps_pb2.CronInput(
                start=timestamp(given.start), **{name: getattr(given, name) for name in _CRON}
            )
        )
    name = next(name for name, kind in _NESTED.items() if isinstance(given, kind))
    return pps_pb2.Input(**{name: [input_message(below) for below in given.inputs]})


def transform_message(transform: Transform) -> Message:
    return pps_pb2.Transform(
        env=dict(transform.env),
        secrets=[
            pps_pb2.SecretMount(
                name=each.name, key=each.key, mount_path=each.mount_path, env_var=each.env_var
            )
            for each in transform.secrets
        ],
        accept_return_code=transform.accept_return_code,
        **{name: getattr(transform, name) for name in (*_TRANSFORM_LISTS, *_TRANSFORM_AS_IS)},
    )


def _service_message(service: Service) -> Message:
    return pps_pb2.Service(
        internal_port=service.internal_port,
        external_port=service.external_port,
        ip=service.ip,
        type=service.type,
    )


def fill(message: Message, spec: PipelineSpec) -> None:
    """Set those fields of a Details message that have a counterpart in the spec."""
    known = message.DESCRIPTOR.fields_by_name
    if "transform" in known and spec.transform is not None:
        message.transform.CopyFrom(transform_message(spec.transform))
    if "input" in known and spec.input is not None:
        message.input.CopyFrom(input_message(spec.input))
    if "parallelism_spec" in known and spec.parallelism is not None:
        message.parallelism_spec.constant = spec.parallelism
    for name in ("datum_timeout", "job_timeout"):
        value = duration(getattr(spec, name))
        if name in known and value is not None:
            getattr(message, name).CopyFrom(value)
    if "service" in known and spec.service is not None:
        message.service.CopyFrom(_service_message(spec.service))
    if "spout" in known and spec.spout is not None:
        message.spout.SetInParent()
        if spec.spout.service is not None:
            message.spout.service.CopyFrom(_service_message(spec.spout.service))
    if "datum_set_spec" in known and spec.datum_set_spec is not None:
        sets = spec.datum_set_spec
        message.datum_set_spec.number = sets.number
        message.datum_set_spec.size_bytes = sets.size_bytes
        message.datum_set_spec.per_worker = sets.per_worker
    for name in _AS_IS:
        if name in known:
            setattr(message, name, getattr(spec, name))
    for name in _AS_JSON:
        value = getattr(spec, name)
        if name in known and value is not None:
            json_format.ParseDict(dict(value), getattr(message, name))
    if "tolerations" in known:
        for each in spec.tolerations:
            json_format.ParseDict(dict(each), message.tolerations.add())
