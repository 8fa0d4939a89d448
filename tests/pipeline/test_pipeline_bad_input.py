"""What strangers send and people mistype: refused by name, while the rest goes on."""

from __future__ import annotations

import json
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pipeline_driver import FAILURE, STAGES, SUCCESS, UNRUNNABLE, Site, photograph, spec

from tycokit import samples
from tycokit.pipelines import specs
from tycokit.repos import upload
from tycokit.repos.upload import Item

BELOW = ("threat-detect", "annotate", "plot")


@pytest.fixture(scope="module")
def site(empty_site: Site) -> Site:
    """Two pictures have gone through, one of them a threat."""
    empty_site.deploy(specs.order([spec(name) for name in STAGES]))
    pictures = {
        "/cam_1511891001.jpg": photograph(person=True),
        "/cam_1511891002.jpg": photograph(person=False),
    }
    jobs = empty_site.jobs(empty_site.put("images", pictures))
    assert {info.state for info in jobs.values()} == {SUCCESS}
    return empty_site


@pytest.fixture
def good_rules(site: Site) -> Iterator[bytes]:
    """The sample rules, which hold again afterwards."""
    text = json.dumps(samples.rules()).encode()
    yield text
    site.jobs(site.put("rules", {"/rules.json": text}))


def states(jobs: dict[str, Any]) -> dict[str, int]:
    return {name: info.state for name, info in jobs.items()}


def bomb(side: int) -> bytes:
    """A PNG of some kB that unpacks to side x side grey pixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        whole = kind + data
        return struct.pack(">I", len(data)) + whole + struct.pack(">I", zlib.crc32(whole))

    packer = zlib.compressobj(9)
    row = bytes(side + 1)
    data = b"".join(packer.compress(row) for _ in range(side)) + packer.flush()
    head = struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
    parts = chunk(b"IHDR", head) + chunk(b"IDAT", data) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + parts


@pytest.mark.parametrize(
    ("rules", "says"),
    [
        (
            b'{"from_email": "a@example.com",\n "to_email" "b@example.com"}',
            "not JSON: line 2, column",
        ),
        (
            json.dumps({**samples.rules(), "threat_classes": [1, "dragon"]}).encode(),
            "threat_classes: unknown class 'dragon'",
        ),
    ],
    ids=["not JSON", "unknown class"],
)
def test_bad_rules_fail_threat_detect_alone_until_they_are_good(
    site: Site, good_rules: bytes, rules: bytes, says: str
) -> None:
    threats = site.paths("threat-detect", "/*/*.json")
    before = {name: next(site.client.list_job(name)).job.id for name in ("validate", "model")}
    bad = site.put("rules", {"/rules.json": rules})
    jobs = site.jobs(bad)
    assert states(jobs) == {"threat-detect": FAILURE, "annotate": UNRUNNABLE, "plot": UNRUNNABLE}
    assert f"rules.json: {says}" in site.said("threat-detect", bad)
    for name, job in before.items():
        info = next(site.client.list_job(name))
        assert (info.job.id, info.state) == (job, SUCCESS)

    # pictures go on to be looked at meanwhile
    name = f"late_{1511892000 + len(site.paths('images', '/*'))}.jpg"
    during = site.put("images", {f"/{name}": photograph(person=True)})
    assert states(site.jobs(during)) == {
        "validate": SUCCESS,
        "model": SUCCESS,
        "threat-detect": FAILURE,
        "annotate": UNRUNNABLE,
        "plot": UNRUNNABLE,
    }
    result = f"/{name.removesuffix('.jpg').replace('_', '/')}.json"
    assert site.json("model", result, during)["objects"]

    jobs = site.jobs(site.put("rules", {"/rules.json": good_rules}))
    assert states(jobs) == dict.fromkeys(BELOW, SUCCESS)
    assert site.paths("threat-detect", "/*/*.json") == sorted([*threats, result])


def test_pictures_that_cannot_be_used_are_refused_and_the_others_go_on(
    site: Site, tmp_path: Path
) -> None:
    whole = photograph(person=True)
    # name → its bytes, and what the refusal says; "" where it is good
    sent = {
        "good_1511893000.jpg": (whole, ""),
        "zero_1511893000.jpg": (b"", "it is empty (zero bytes)"),
        "half_1511893000.jpg": (whole[: len(whole) // 2], "damaged or ends early"),
        "head_1511893000.jpg": (whole[:20], "no picture"),
        "bomb_1511893000.png": (bomb(8000), "8000 x 8000 pixels are more than 50000000"),
        "program_1511893000.jpg": (b"#!/bin/sh\nexit 1\n" * 20, "no picture"),
        ".._1511893000.jpg": (whole, "must not be '..'"),
        "_1511893000.jpg": (whole, "before the '_' is empty"),
        f"{'n' * 234}_1511893000.jpg": (whole, "name length: 249 characters"),
        # these no stage ever sees: pachd takes no such path
        "bell\x07_1511893000.jpg": (whole, "only printable ASCII characters allowed"),
        "line\n_1511893000.jpg": (whole, "only printable ASCII characters allowed"),
        "caf\u00e9_1511893000.jpg": (whole, "only printable ASCII characters allowed"),
        "../up_1511893000.jpg": (whole, "relative file paths are not allowed"),
        f"{'n' * 285}_1511893000.jpg": (
            whole,
            "a name in it is 45 characters longer than the 255 max",
        ),
    }
    items = []
    for number, (name, (data, _)) in enumerate(sent.items()):
        source = tmp_path / str(number)
        source.write_bytes(data)
        items.append(Item(source, f"/{name}"))
    put = upload.put(site.client, "images", items)
    assert put.commit is not None
    jobs = site.jobs(put.commit)
    assert states(jobs) == dict.fromkeys(STAGES, SUCCESS), site.logs("validate", put.commit)

    told = {
        report["name"]: report["reason"]
        for report in (
            site.json("validate", path) for path in site.paths("validate", "/reports/*.json")
        )
    }
    told |= {
        item.path[1:]: put.refused[item.source] for item in items if item.source in put.refused
    }
    for name, (_, says) in sent.items():
        assert says in told[name], name
        assert bool(told[name]) == bool(says), name
    assert site.paths("validate", "/valid/*_1511893000*") == ["/valid/good_1511893000.jpg"]
    assert site.paths("threat-detect", "/*/1511893000.json") == ["/good/1511893000.json"]
    kept = {path.rpartition("/")[2] for path in site.paths("validate", "/invalid/*")}
    stored = {item.path[1:] for item in put.stored}
    assert kept == stored - {"good_1511893000.jpg"}


def test_two_pictures_of_one_second_are_named_and_one_of_them_can_go(site: Site) -> None:
    jpeg = photograph(person=True)
    twins = {"/twin_1511894000.jpg": jpeg, "/twin_1511894000.jpeg": jpeg}
    put = site.put("images", twins)
    jobs = site.jobs(put)
    assert states(jobs) == {
        "validate": SUCCESS,
        "model": FAILURE,
        **dict.fromkeys(BELOW, UNRUNNABLE),
    }
    assert "duplicate path output by different datums (/twin/1511894000." in jobs["model"].reason
    site.client.delete_file(("images", "master"), "/twin_1511894000.jpeg")
    head = site.client.inspect_branch("images", "master").head.id
    assert states(site.jobs(head)) == dict.fromkeys(STAGES, SUCCESS)
    assert site.json("model", "/twin/1511894000.json")["picture"] == "twin_1511894000.jpg"
