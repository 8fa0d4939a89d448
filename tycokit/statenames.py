"""The states of pipelines, jobs and datums in the words that people read."""

from __future__ import annotations

from python_pachyderm.service import pps_proto


def pipeline(state: int) -> str:
    """Such as `running`."""
    return str(pps_proto.PipelineState.Name(state)).removeprefix("PIPELINE_").lower()


def job(state: int) -> str:
    """Such as `success`; "" where there has been no job."""
    name = str(pps_proto.JobState.Name(state)).removeprefix("JOB_").lower()
    return "" if name == "state_unknown" else name


def datum(state: int) -> str:
    """Such as `skipped`."""
    return str(pps_proto.DatumState.Name(state)).lower()
