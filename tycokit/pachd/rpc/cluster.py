"""The small services around pfs and pps: admin, version, health, and a cluster with auth off."""

from __future__ import annotations

from typing import Any

import grpc
from google.protobuf.empty_pb2 import Empty
from grpc_health.v1 import health_pb2, health_pb2_grpc
from python_pachyderm.proto.v2.admin import admin_pb2, admin_pb2_grpc
from python_pachyderm.proto.v2.auth import auth_pb2_grpc
from python_pachyderm.proto.v2.debug import debug_pb2_grpc
from python_pachyderm.proto.v2.enterprise import enterprise_pb2, enterprise_pb2_grpc
from python_pachyderm.proto.v2.identity import identity_pb2_grpc
from python_pachyderm.proto.v2.license import license_pb2_grpc
from python_pachyderm.proto.v2.proxy import proxy_pb2_grpc
from python_pachyderm.proto.v2.version.versionpb import version_pb2, version_pb2_grpc

_VERSION = (2, 7, 8)
"""The Pachyderm whose behaviour this server has."""


class AdminServicer(admin_pb2_grpc.APIServicer):
    def __init__(self, cluster_id: str, cores: int) -> None:
        self._cluster_id = cluster_id
        self._cores = cores

    def InspectCluster(self, request: Any, context: Any) -> Any:
        # what this one machine has instead of nodes; ClusterInfo has no field for it
        context.send_initial_metadata((("tycokit-cores", str(self._cores)),))
        return admin_pb2.ClusterInfo(
            id=self._cluster_id, deployment_id=self._cluster_id, version_warnings_ok=True
        )


class VersionServicer(version_pb2_grpc.APIServicer):
    def GetVersion(self, request: Any, context: Any) -> Any:
        major, minor, micro = _VERSION
        return version_pb2.Version(major=major, minor=minor, micro=micro)


class HealthServicer(health_pb2_grpc.HealthServicer):
    def Check(self, request: Any, context: Any) -> Any:
        return health_pb2.HealthCheckResponse(
            status=health_pb2.HealthCheckResponse.ServingStatus.SERVING
        )


def _auth_is_off(_self: Any, _request: Any, context: Any) -> None:
    context.abort(grpc.StatusCode.UNIMPLEMENTED, "the auth service is not activated")


def _answering(base: type, answer: Any) -> type:
    """A servicer that gives the same answer to every method of a generated base class."""
    methods = {name: answer for name in vars(base) if name[0].isupper()}
    return type(base.__name__, (base,), methods)


class LicenseServicer(license_pb2_grpc.APIServicer):
    def DeleteAll(self, request: Any, context: Any) -> Any:
        return Empty()  # Client.delete_all calls it on every cluster


class EnterpriseServicer(enterprise_pb2_grpc.APIServicer):
    def GetState(self, request: Any, context: Any) -> Any:
        return enterprise_pb2.GetStateResponse(state=enterprise_pb2.State.NONE)


def register(server: grpc.Server, cluster_id: str, cores: int) -> None:
    """Add the servicers of this module."""
    admin_pb2_grpc.add_APIServicer_to_server(AdminServicer(cluster_id, cores), server)
    version_pb2_grpc.add_APIServicer_to_server(VersionServicer(), server)
    health_pb2_grpc.add_HealthServicer_to_server(HealthServicer(), server)
    auth = _answering(auth_pb2_grpc.APIServicer, _auth_is_off)
    auth_pb2_grpc.add_APIServicer_to_server(auth(), server)
    identity = _answering(identity_pb2_grpc.APIServicer, _auth_is_off)
    identity_pb2_grpc.add_APIServicer_to_server(identity(), server)
    license_pb2_grpc.add_APIServicer_to_server(LicenseServicer(), server)
    enterprise_pb2_grpc.add_APIServicer_to_server(EnterpriseServicer(), server)
    debug_pb2_grpc.add_DebugServicer_to_server(debug_pb2_grpc.DebugServicer(), server)
    proxy_pb2_grpc.add_APIServicer_to_server(proxy_pb2_grpc.APIServicer(), server)
