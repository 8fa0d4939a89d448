"""The memory of a warm worker after 2,000 datums, against after 20."""

from __future__ import annotations

import time

import psutil
from python_pachyderm import Client

from benchmarks.measure import Times, compare, ended, machine, say
from benchmarks.model_stage import Stage, create, job, prepare
from benchmarks.pictures import jpegs
from benchmarks.serving import pachd

DATUMS, STEP = 2000, 250
MODEL = Stage()
EXECUTOR = "tycokit.stage.executor"


def main() -> None:
    machine()
    with pachd() as client:
        prepare(client)
        create(client, MODEL)  # which runs 10
        job(client, jpegs(10), MODEL)
        early = held(client)
        say(f"after 20 datums: {early:.1f} MB")
        pictures, done = jpegs(STEP), 20
        while done < DATUMS:
            job(client, pictures, MODEL)
            done += STEP
            say(f"after {done} datums: {held(client):.1f} MB")
        late = held(client)
    before = Times("memory of a warm worker after 20 datums", (early,), "MB")
    after = Times(f"memory of a warm worker after {done} datums", (late,), "MB")
    say(str(before))
    say(str(after))
    ended([compare("that after 20", after, before, 1.1)])


def held(client: Client) -> float:
    """MB that the one warm worker of this pachd holds."""
    limit = time.monotonic() + 10
    while time.monotonic() < limit:
        found = [each for each in psutil.process_iter() if is_worker(each, client.address)]
        if len(found) == 1:
            return float(found[0].memory_info().rss) / (1 << 20)
        time.sleep(0.2)
    raise RuntimeError("there must be one warm worker")


def is_worker(process: psutil.Process, address: str) -> bool:
    """Whether it runs a notebook for the pachd there: the supervisor is its parent."""
    try:
        parent = process.parent()
        both = [] if parent is None else [process, parent]
        if not both or any(EXECUTOR not in each.cmdline() for each in both):
            return False
        return address.endswith(f":{process.environ().get('PACHD_PEER_SERVICE_PORT')}")
    except psutil.Error:
        return False


if __name__ == "__main__":
    main()
