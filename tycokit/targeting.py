"""Targets of alerts in a cluster: a secret each, mounted where a spec asks for them.

A spec asks by the annotation `tycokit.targets`, which names the folder; each target is then the
file `<folder>/<name>/url`. Secrets can be written and named, never read back.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from python_pachyderm import Client
from python_pachyderm.service import pps_proto

from tycokit.alerting import delivery
from tycokit.alerting.targets import KEY, is_name
from tycokit.errors import TargetError
from tycokit.pipelines.specdiff import request_of
from tycokit.pipelines.specs import Spec
from tycokit.repos.addresses import called

PREFIX = "alert-target-"
ANNOTATION = "tycokit.targets"


def names(client: Client) -> list[str]:
    """The names of the targets that the cluster has."""
    found = [info.secret.name for info in client.list_secret()]
    return sorted(name.removeprefix(PREFIX) for name in found if name.startswith(PREFIX))


def mounted(spec: Spec, targets: Iterable[str]) -> Spec:
    """The spec with every target mounted, if it asks for them; else as it is."""
    folder = spec.request.metadata.annotations.get(ANNOTATION)
    if not folder:
        return spec
    request = pps_proto.CreatePipelineRequest()
    request.CopyFrom(spec.request)
    kept = [one for one in request.transform.secrets if not one.name.startswith(PREFIX)]
    del request.transform.secrets[:]
    request.transform.secrets.extend(kept)
    for name in sorted(targets):
        request.transform.secrets.add(name=f"{PREFIX}{name}", mount_path=f"{folder}/{name}")
    return replace(spec, request=request)


def put(client: Client, name: str, url: str) -> list[str]:
    """Make or replace a target; the pipelines that have it from now on.

    Raises TargetError for a name or URL that cannot be one; its message holds no key.
    """
    if not is_name(name):
        raise TargetError(name, "a name is 1 to 50 of a-z, 0-9, '.' and '-', no sign at its ends")
    fault = delivery.fault(url)
    if fault is not None:
        raise TargetError(name, fault)
    if name in names(client):
        client.delete_secret(f"{PREFIX}{name}")
    client.create_secret(f"{PREFIX}{name}", {KEY: url})
    return _remount(client)


def remove(client: Client, name: str) -> list[str]:
    """Remove a target; the pipelines that had it. Raises TargetError where there is none."""
    present = names(client)
    if name not in present:
        known = ", ".join(present) or "none"
        raise TargetError(name, f"there is no such target; there are: {known}")
    changed = _remount(client, [other for other in present if other != name])
    client.delete_secret(f"{PREFIX}{name}")
    return changed


def _remount(client: Client, targets: list[str] | None = None) -> list[str]:
    """Update the pipelines that ask for targets; nothing is processed again by it."""
    wanted, changed = names(client) if targets is None else targets, []
    for info in client.list_pipeline(details=True):
        if info.details.metadata.annotations.get(ANNOTATION):
            made = mounted(Spec(info.pipeline.name, request_of(info)), wanted)
            made.request.update = True
            client.create_pipeline_from_request(made.request)
            changed.append(called(info.pipeline.project.name, info.pipeline.name))
    return changed
