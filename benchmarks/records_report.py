"""Records and reports of ten thousand pictures against ten times those of a thousand.

`python -m benchmarks.records_report [COUNT]`: COUNT pictures (10,000) of ten days in a new pachd,
of which every fourth is a threat that was told of.
"""

from __future__ import annotations

import json
import sys
import time

from python_pachyderm import Client

from benchmarks import measure, serving
from benchmarks.measure import Times
from tycokit import packaged, samples
from tycokit.deploying.actions import NOTEBOOKS
from tycokit.pipelines import specs

START, DAYS, DEVICES = 1511827200, 10, 8
STAGES = ("records", "report")
SOURCES = ("validate", "model", "threat-detect", "annotate", "alert")


def files(count: int) -> dict[str, dict[str, bytes]]:
    """What the other stages would have left, by repo."""
    executed = json.dumps(
        {
            "cells": [],
            "metadata": {"papermill": {"duration": 0.03}, "tycokit": {"commits": {"weights": "w"}}},
            "nbformat": 4,
            "nbformat_minor": 5,
        }
    ).encode()
    found: dict[str, dict[str, bytes]] = {repo: {} for repo in SOURCES}
    drawn = samples.PHOTOGRAPHS[0].source.read_bytes()
    for number in range(count):
        moment = str(START + number * DAYS * 86_400 // count)
        device, picture = f"dev{number % DEVICES}", f"dev{number % DEVICES}_{moment}.jpg"
        about = {"picture": picture, "device": device, "time": moment}
        place = f"/{device}/{moment}"
        report = {"name": picture, "valid": True, "reason": "", "checks": []}
        found["validate"][f"/reports/{picture}.json"] = json.dumps(report).encode()
        seen = {**samples.detections(), **about, "weights": {"name": "n", "sha256": "s"}}
        found["model"][f"{place}.json"] = json.dumps(seen).encode()
        found["model"][f"{place}.ipynb"] = executed
        found["threat-detect"][f"{place}.ipynb"] = executed
        if number % 4 == 0:
            threat = {**samples.threat(), **about}
            found["threat-detect"][f"{place}.json"] = json.dumps(threat).encode()
            found["annotate"][f"{place}.jpg"] = drawn
            receipt = {"rule": "plain", "receiver": "a@b.c", "state": "sent", "attempts": 1}
            receipt |= {"reason": "", "message_id": moment, "at": "2017-11-28T00:00:00+00:00"}
            found["alert"][f"{place}.json"] = json.dumps({"receipts": [receipt]}).encode()
    return found


def run(count: int) -> float:
    """Seconds from the creation of both pipelines until both have ended."""
    with serving.pachd() as client:
        for repo, data in files(count).items():
            client.create_repo(repo)
            serving.put(client, repo, data, append=True)
        client.create_repo(NOTEBOOKS)
        source = packaged.notebooks()
        serving.put(
            client,
            NOTEBOOKS,
            {f"/{name}.ipynb": (source / f"{name}.ipynb").read_bytes() for name in STAGES},
        )
        begin = time.perf_counter()
        for spec in specs.read(packaged.specs(), 1):
            if spec.output.name in STAGES:
                client.create_pipeline_from_request(spec.request)
        _wait(client)
        return time.perf_counter() - begin


def _wait(client: Client) -> None:
    for stage in STAGES:
        job = next(iter(client.list_job(stage))).job
        (info,) = client.inspect_job(job.id, stage, wait=True)
        if info.data_failed or not info.data_total:
            sys.exit(f"{stage} failed: {info.reason}")


def main(count: int) -> list[bool]:
    measure.machine()
    few = Times(f"records and report of {count // 10:,} pictures", (run(count // 10),))
    many = Times(f"records and report of {count:,} pictures", (run(count),))
    print(few)
    print(many)
    return [measure.compare("those of a tenth", many, few, bar=30)]


if __name__ == "__main__":
    measure.ended(main(int(sys.argv[1]) if len(sys.argv) > 1 else 10_000))
