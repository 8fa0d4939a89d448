"""A job whose datums are all skipped but one: 100, 1,000 and 10,000 of them; and in a join."""

from __future__ import annotations

import itertools
import sys
import time

from python_pachyderm import Client
from python_pachyderm.service import pps_proto

from benchmarks.measure import Times, compare, ended, machine, say, timed
from benchmarks.serving import numbered, pachd, put

# takes each datum, and does nothing with it
NOTHING = """
import os
from tycokit.stage import batch
batch.loop(os.environ, lambda env: "", lambda: False)
"""


def main() -> None:
    machine()
    with pachd() as client:
        times = {count: job(client, count) for count in (100, 1_000, 10_000)}
        joins = {count: join(client, count) for count in (100, 10_000)}
    compare("that of 100", times[1_000], times[100], 3)
    results = [compare("that of 100", times[10_000], times[100], 3)]
    say(str(joins[10_000]))
    ended([*results, compare("that of 100", joins[10_000], joins[100], 3)])


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


def join(client: Client, count: int) -> Times:
    """The same where two files make a datum, found by their names, as annotate's do."""
    threats, pictures, pipeline = f"threats_{count}", f"pictures_{count}", f"join_{count}"
    for repo in (threats, pictures):
        client.create_repo(repo)
    put(client, threats, {f"/dev1/{at}.json": b"%d" % at for at in range(count)})
    put(client, pictures, {f"/valid/dev1_{at}.jpg": b"%d" % at for at in range(count)})
    globs = {threats: "/(*)/(*).json", pictures: "/valid/(*)_(*).*"}
    parts = [
        pps_proto.Input(pfs=pps_proto.PFSInput(repo=repo, glob=glob, join_on="$1_$2"))
        for repo, glob in globs.items()
    ]
    client.create_pipeline(
        pipeline,
        transform=pps_proto.Transform(cmd=[sys.executable, "-c", NOTHING], datum_batching=True),
        input=pps_proto.Input(join=parts),
    )
    wait(client, pipeline, count, 0)
    numbers = itertools.count(count)

    def one_more() -> None:
        at = next(numbers)
        client.put_file_bytes((pictures, "master"), f"/valid/dev1_{at}.jpg", b"new")
        wait(client, pipeline, 0, at)
        client.put_file_bytes((threats, "master"), f"/dev1/{at}.json", b"new")
        wait(client, pipeline, 1, at)

    return timed(f"two jobs, one of a new pair, {count} to skip", one_more, 7, 2)


def wait(client: Client, pipeline: str, processed: int, skipped: int) -> None:
    newest = next(client.list_job(pipeline)).job.id
    (info,) = client.inspect_job(newest, pipeline, wait=True)
    assert info.state == pps_proto.JobState.JOB_SUCCESS, info.reason
    assert (info.data_processed, info.data_skipped) == (processed, skipped)


if __name__ == "__main__":
    main()
