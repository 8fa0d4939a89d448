"""All servicers of a server."""

from __future__ import annotations

from functools import partial

import grpc
from python_pachyderm.proto.v2.pps import pps_pb2_grpc
from python_pachyderm.proto.v2.transaction import transaction_pb2_grpc

from tycokit.pachd.pfs.transaction import Pfs
from tycokit.pachd.pfs.values import Commit
from tycokit.pachd.pps.master import Master
from tycokit.pachd.pps.values import Job, Pipeline
from tycokit.pachd.rpc import cluster
from tycokit.pachd.rpc import pfs as files
from tycokit.pachd.rpc.pps import PpsServicer
from tycokit.pachd.rpc.transactions import TransactionServicer


def register(
    server: grpc.Server, pfs: Pfs, master: Master, check: files.Check, cluster_id: str, cores: int
) -> None:
    """Add every service of Pachyderm to a gRPC server.

    Args:
        check: what Fsck tells. cluster_id, cores: what InspectCluster says.
    """
    files.register(server, pfs, check, partial(_written_by, master), master.delete_everything)
    pps_pb2_grpc.add_APIServicer_to_server(PpsServicer(master), server)
    transaction_pb2_grpc.add_APIServicer_to_server(TransactionServicer(pfs), server)
    cluster.register(server, cluster_id, cores)


def _written_by(master: Master, commit: Commit, datum: str) -> list[str] | None:
    if commit.repo.type != "user":
        return None
    return master.written_by(Job(Pipeline(commit.repo.project, commit.repo.name), commit.id), datum)
