"""docs/compatibility.md names every RPC of Pachyderm 2.7, and says the truth about each."""

from __future__ import annotations

import importlib
import os
import pkgutil
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf import descriptor_pb2
from grpc_health.v1 import health_pb2
from python_pachyderm.proto import v2

from tycokit.pachd.pps.calls import not_batching
from tycokit.pachd.rpc.nextdatum import WorkerDoor
from tycokit.pachd.server import Pachd

TABLE = Path(__file__).parents[2] / "docs" / "compatibility.md"
STATES = ("served", "differs", "not served")
AUTH_IS_OFF = "the auth service is not activated"
WITH_AUTH = ("auth_v2.API", "identity_v2.API")
ON_WORKERS = "pachyderm.worker.Worker"  # workers listen for it, at ports of their own


@dataclass(frozen=True, slots=True)
class Rpc:
    service: str
    name: str
    request: Any
    response: Any
    request_streams: bool
    response_streams: bool

    @property
    def path(self) -> str:
        return f"/{self.service}/{self.name}"


def rpcs() -> list[Rpc]:
    """Every RPC of the generated stubs of Pachyderm 2.7, and gRPC's health service."""
    modules = [
        importlib.import_module(found.name)
        for found in pkgutil.walk_packages(v2.__path__, v2.__name__ + ".")
        if found.name.endswith("_pb2")
    ]
    found: list[Rpc] = []
    for module in [*modules, health_pb2]:
        file = descriptor_pb2.FileDescriptorProto()
        module.DESCRIPTOR.CopyToProto(file)
        for service in file.service:
            described = module.DESCRIPTOR.services_by_name[service.name]
            for method in service.method:
                types = described.methods_by_name[method.name]
                found.append(
                    Rpc(
                        described.full_name,
                        method.name,
                        types.input_type._concrete_class,
                        types.output_type._concrete_class,
                        method.client_streaming,
                        method.server_streaming,
                    )
                )
    return found


def table() -> dict[str, tuple[str, str]]:
    """Path of each RPC in the document → its state, and how it differs."""
    found: dict[str, tuple[str, str]] = {}
    service = ""
    for line in TABLE.read_text(encoding="utf-8").splitlines():
        if heading := re.fullmatch(r"### `(.+)`", line):
            service = heading[1]
        elif row := re.fullmatch(r"\| `(\w+)` \| ([^|]+) \|(.*)\|", line):
            path = f"/{service}/{row[1]}"
            assert path not in found, f"{path} stands there twice"
            found[path] = row[2].strip(), row[3].strip()
    return found


RPCS = rpcs()
TOLD = table()


@pytest.fixture(scope="module")
def channel(tmp_path_factory: pytest.TempPathFactory) -> Iterator[grpc.Channel]:
    """To pachd."""
    pachd = Pachd(tmp_path_factory.mktemp("pachd"), 0, None, dict(os.environ))
    port = pachd.start()
    with grpc.insecure_channel(f"127.0.0.1:{port}") as made:
        yield made
    pachd.stop()


@pytest.fixture(scope="module")
def worker() -> Iterator[grpc.Channel]:
    """To a worker."""
    door = WorkerDoor(not_batching)
    with grpc.insecure_channel(f"127.0.0.1:{door.port}") as made:
        yield made
    door.close()


def answer(channel: grpc.Channel, rpc: Rpc) -> tuple[grpc.StatusCode, str]:
    """What the RPC says to an empty request; one that goes on listening is OK."""
    kind = f"{'stream' if rpc.request_streams else 'unary'}_"
    kind += "stream" if rpc.response_streams else "unary"
    call = getattr(channel, kind)(
        rpc.path,
        request_serializer=rpc.request.SerializeToString,
        response_deserializer=rpc.response.FromString,
    )
    empty = rpc.request()
    try:
        answered = call(iter([empty]) if rpc.request_streams else empty, timeout=3)
        if rpc.response_streams:
            next(answered, None)
            answered.cancel()
    except grpc.RpcError as error:
        if error.code() != grpc.StatusCode.DEADLINE_EXCEEDED:
            return error.code(), str(error.details())
    return grpc.StatusCode.OK, ""


def test_the_table_is_complete() -> None:
    paths = {rpc.path for rpc in RPCS}
    assert len(paths) > 150
    assert paths - TOLD.keys() == set(), "these RPCs are not in docs/compatibility.md"
    assert TOLD.keys() - paths == set(), "docs/compatibility.md names what Pachyderm does not have"
    for path, (state, how) in TOLD.items():
        assert state in STATES, f"{path}: {state!r} is none of {STATES}"
        if state == "differs":
            assert how, f"{path} differs: say how"


@pytest.mark.parametrize("rpc", RPCS, ids=lambda rpc: rpc.path)
def test_the_table_is_true(rpc: Rpc, channel: grpc.Channel, worker: grpc.Channel) -> None:
    state, _ = TOLD[rpc.path]
    code, text = answer(worker if rpc.service == ON_WORKERS else channel, rpc)
    if state != "not served":
        assert code != grpc.StatusCode.UNIMPLEMENTED, text
        assert code != grpc.StatusCode.INTERNAL, text
        return
    assert code == grpc.StatusCode.UNIMPLEMENTED, text
    if rpc.service in WITH_AUTH:
        assert text == AUTH_IS_OFF
    else:
        assert text.endswith(" is not served by the local pachd"), text
