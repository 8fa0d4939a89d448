"""The memory of a warm worker after 2,000 datums, against after 20."""

from __future__ import annotations

import time

import psutil

from benchmarks.measure import Times, compare, ended, machine, say
from benchmarks.model_stage import create, job, prepare
from benchmarks.pictures import jpegs
from benchmarks.serving import pachd

DATUMS, STEP = 2000, 250


def main() -> None:
    machine()
    with pachd() as client:
        prepare(client)
        create(client, 1)  # which runs 10
        job(client, jpegs(10))
        early = held()
        say(f"after 20 datums: {early:.1f} MB")
        pictures, done = jpegs(STEP), 20
        while done < DATUMS:
            job(client, pictures)
            done += STEP
            say(f"after {done} datums: {held():.1f} MB")
        late = held()
    before = Times("MB after 20 datums, as seconds", (early,))
    after = Times(f"MB after {done} datums, as seconds", (late,))
    say(str(before))
    say(str(after))
    ended([compare("that after 20", after, before, 1.1)])


def held() -> float:
    """MB that the one warm worker holds."""
    limit = time.monotonic() + 10
    while time.monotonic() < limit:
        found = [each for each in psutil.process_iter() if is_worker(each)]
        if len(found) == 1:
            return float(found[0].memory_info().rss) / (1 << 20)
        time.sleep(0.2)
    raise RuntimeError("there must be one warm worker on this machine, and no other stage")


def is_worker(process: psutil.Process) -> bool:
    """Whether it runs the model stage's notebook: the supervisor is its parent."""
    try:
        mine = "tycokit.stage.executor" in process.cmdline()
        parent = process.parent()
        return mine and parent is not None and "tycokit.stage.executor" in parent.cmdline()
    except psutil.Error:
        return False


if __name__ == "__main__":
    main()
