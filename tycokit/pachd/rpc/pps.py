"""pps_v2.API."""

from __future__ import annotations

from python_pachyderm.proto.v2.pps import pps_pb2_grpc

from tycokit.pachd.pps.master import Master
from tycokit.pachd.rpc.datums import DatumHandlers
from tycokit.pachd.rpc.jobs import JobHandlers
from tycokit.pachd.rpc.logs import LogHandlers
from tycokit.pachd.rpc.pipelines import PipelineHandlers
from tycokit.pachd.rpc.secrets import SecretHandlers


class PpsServicer(
    PipelineHandlers,
    JobHandlers,
    DatumHandlers,
    LogHandlers,
    SecretHandlers,
    pps_pb2_grpc.APIServicer,
):
    """What is not here answers UNIMPLEMENTED through the generated base class."""

    def __init__(self, master: Master) -> None:
        PipelineHandlers.__init__(self, master)
        JobHandlers.__init__(self, master)
        DatumHandlers.__init__(self, master)
        LogHandlers.__init__(self, master)
        SecretHandlers.__init__(self, master.secrets)
