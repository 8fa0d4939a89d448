"""A job whose datums are all skipped but one: 100, 1,000 and 10,000 of them."""

from __future__ import annotations

import itertools
import time

from python_pachyderm import Client
from python_pachyderm.service import pps_proto

from benchmarks.measure import Times, compare, ended, machine, say, timed
from benchmarks.serving import numbered, pachd, put


def main() -> None:
    machine()
    with pachd() as client:
        times = {count: job(client, count) for count in (100, 1_000, 10_000)}
    compare("that of 100", times[1_000], times[100], 3)
    ended([compare("that of 100", times[10_000], times[100], 3)])


def job(client: Client, count: int) -> Times:
    repo, pipeline = f"in_{count}", f"pipe_{count}"
    client.create_repo(repo)
    put(client, repo, numbered(count))
    begin = time.perf_counter()
    client.create_pipeline(
        pipeline,
        transform=pps_proto.Transform(cmd=["true"]),
        parallelism_spec=pps_proto.ParallelismSpec(constant=2),
        input=pps_proto.Input(pfs=pps_proto.PFSInput(repo=repo, glob="/*")),
    )
    wait(client, pipeline, count, 0)
    say(f"the first job, of {count} datums: {time.perf_counter() - begin:.1f} s")
    numbers = itertools.count(count)

    def one_more() -> None:
        at = next(numbers)
        client.put_file_bytes((repo, "master"), f"/f{at:06d}", b"new")
        wait(client, pipeline, 1, at)

    return timed(f"a job with one datum to do, {count} to skip", one_more, 7, 2)


def wait(client: Client, pipeline: str, processed: int, skipped: int) -> None:
    newest = next(client.list_job(pipeline)).job.id
    (info,) = client.inspect_job(newest, pipeline, wait=True)
    assert info.state == pps_proto.JobState.JOB_SUCCESS, info.reason
    assert (info.data_processed, info.data_skipped) == (processed, skipped)


if __name__ == "__main__":
    main()
