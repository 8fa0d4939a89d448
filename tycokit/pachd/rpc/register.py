"""All servicers of a server."""

from __future__ import annotations

import grpc
from python_pachyderm.proto.v2.pps import pps_pb2_grpc
from python_pachyderm.proto.v2.transaction import transaction_pb2_grpc

from tycokit.pachd.pfs.transaction import Pfs
from tycokit.pachd.pps.master import Master
from tycokit.pachd.rpc import cluster
from tycokit.pachd.rpc import pfs as files
from tycokit.pachd.rpc.pps import PpsServicer
from tycokit.pachd.rpc.transactions import TransactionServicer


def register(
    server: grpc.Server, pfs: Pfs, master: Master, check: files.Check, cluster_id: str
) -> None:
    """Add every service of Pachyderm to a gRPC server.

    Args:
        check: what Fsck tells. cluster_id: what InspectCluster says.
    """
    files.register(server, pfs, check, master.delete_everything)
    pps_pb2_grpc.add_APIServicer_to_server(PpsServicer(master), server)
    transaction_pb2_grpc.add_APIServicer_to_server(TransactionServicer(pfs), server)
    cluster.register(server, cluster_id)
