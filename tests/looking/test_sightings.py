"""Pictures with what was seen in them, told by what repos hold, and two networks compared."""

from __future__ import annotations

import json

import pytest
from house_driver import CAR, DOG, PERSON, copying, draw, house, jpeg, retrain
from pipeline_driver import Site

from tycokit.pictures import scenes, sightings
from tycokit.pictures.scenes import Scene
from tycokit.pictures.sightings import Shot, Wanted
from tycokit.repos import addresses
from tycokit.repos.addresses import Address

PICTURES = {f"/cam{number % 3}_15118910{number:02}.jpg": jpeg() for number in range(12)}


@pytest.fixture(scope="module")
def first(site: Site) -> str:
    return house(site, PICTURES, [PERSON, DOG])


@pytest.fixture(scope="module")
def second(site: Site, first: str) -> str:
    """The new weights find a car, the person a little elsewhere, and no dog."""
    moved = (1, "person", 0.8, (0.22, 0.12, 0.8, 0.42))
    return retrain(site, [moved, CAR])


def scene(site: Site, text: str) -> Scene:
    return scenes.scene(site.client, addresses.parse(text))


def names(shot: Shot) -> list[tuple[str, bool, str]]:
    return [(one.object.name, one.threat, one.by) for one in shot.seen]


def every(site: Site, found: Scene, old: Scene | None = None, **more: object) -> list[Shot]:
    """All pages."""
    shots: list[Shot] = []
    after = ""
    while True:
        page = sightings.page(site.client, found, old, after=after, **more)  # type: ignore[arg-type]
        shots += page.shots
        after = page.after
        if not after:
            return shots


def test_what_belongs_to_a_commit_of_detections(site: Site, first: str, second: str) -> None:
    found = scene(site, f"model@{first}")
    assert found.listed == "detections"
    assert found.at == found.detections == Address("model", first)
    assert found.threats == Address("threat-detect", first)
    assert found.pictures[0] == Address("validate", first, "/valid")
    assert Address("images", first, "/") in found.pictures
    head = scene(site, "model")
    assert head.detections == Address("model", second)
    assert head.pictures[0].repo == "validate"


def test_what_belongs_to_pictures_and_to_threats(site: Site, first: str, second: str) -> None:
    pictures = scene(site, "images")
    assert pictures.listed == "pictures"
    assert pictures.detections == Address("model", second)
    assert pictures.threats == Address("threat-detect", second)
    then = scene(site, f"images@{first}")
    assert then.detections == Address("model", first)
    threats = scene(site, "threat-detect")
    assert threats.listed == "threats"
    assert threats.detections == threats.threats == Address("threat-detect", second)
    assert threats.pictures[0].repo == "validate"


def test_pictures_that_show_what_was_found(site: Site, first: str) -> None:
    draw(site, "annotate")
    found = scene(site, "annotate")
    assert (found.listed, found.drawn) == ("pictures", True)
    head = site.client.inspect_branch("threat-detect", "master").head.id
    assert found.detections == found.threats == Address("threat-detect", head)
    shots = {shot.path: shot for shot in every(site, found)}
    assert len(shots) == 13
    one = shots["/cam0/1511891000.jpg"]
    assert (one.picture, one.device, one.time) == (one.path, "cam0", "1511891000")
    assert (names(one), one.rules) == ([("person", True, "")], ("people",))
    assert not shots["/all.jpg"].looked  # of all of them together
    # where nothing was looked for, and nothing drawn
    assert not scene(site, "images").drawn
    copying(site, "copied", "images", "cp /pfs/images/* /pfs/out")
    site.job("copied", next(iter(site.client.list_job("copied"))).job.id)
    alone = scene(site, "copied")
    assert (alone.listed, alone.detections, alone.drawn) == ("pictures", None, False)


def test_every_picture_once_over_pages(site: Site, first: str) -> None:
    for repo in ("images", "model"):
        shots = every(site, scene(site, f"{repo}@{first}"), count=5)
        assert len(shots) == 12
        assert {shot.picture.lstrip("/") for shot in shots} == {name[1:] for name in PICTURES}
        assert shots == sorted(shots, key=lambda shot: shot.path)
        backwards = every(site, scene(site, f"{repo}@{first}"), count=5, wanted=Wanted(newest=True))
        assert backwards == shots[::-1]


def test_a_shot_tells_what_was_seen_where(site: Site, first: str) -> None:
    shot = every(site, scene(site, f"model@{first}"))[0]
    assert (shot.device, shot.time, shot.looked) == ("cam0", "1511891000", True)
    assert shot.path == "/cam0/1511891000.json"
    assert names(shot) == [("person", True, ""), ("dog", False, "")]
    assert shot.rules == ("people",)
    assert (shot.seen[0].object.box.ymin, shot.seen[0].object.box.xmax) == (0.2, 0.4)


def test_its_picture_is_found(site: Site, first: str) -> None:
    for repo in ("images", "model", "threat-detect"):
        found = scene(site, f"{repo}@{first}")
        shot = every(site, found)[0]
        at = sightings.locate(site.client, found, shot.picture)
        assert at is not None
        assert site.client.get_file(at.at, at.path).read() == jpeg()
    assert sightings.locate(site.client, found, "none_1511891000.jpg") is None
    assert sightings.locate(site.client, found, "../x.jpg") is None


def test_two_networks_compared(site: Site, first: str, second: str) -> None:
    new, old = scene(site, f"model@{second}"), scene(site, f"model@{first}")
    shots = every(site, new, old)
    assert len(shots) == 12
    assert names(shots[0]) == [
        ("person", True, "both"),
        ("dog", False, "old"),
        ("car", False, "new"),
    ]
    assert shots[0].compared
    only_new = every(site, new, old, wanted=Wanted("new"))
    assert len(only_new) == 12
    assert every(site, new, old, wanted=Wanted("new", least_score=0.6)) == []
    assert every(site, new, old, wanted=Wanted("old", hidden=frozenset({18}))) == []


def test_a_search_looks_at_some_and_goes_on(site: Site, first: str, second: str) -> None:
    new, old = scene(site, f"model@{second}"), scene(site, f"model@{first}")
    wanted = Wanted("new", least_score=0.6)
    page = sightings.page(site.client, new, old, wanted=wanted, most=5)
    assert (page.shots, page.looked) == ((), 5)
    rest = sightings.page(site.client, new, old, wanted=wanted, after=page.after)
    assert (rest.shots, rest.looked, rest.after) == ((), 7, "")


def test_only_threats_and_only_one_device(site: Site, first: str, second: str) -> None:
    found = scene(site, f"model@{second}")
    assert sightings.devices(site.client, found) == ("cam0", "cam1", "cam2")
    mine = every(site, found, wanted=Wanted("threats", device="cam1"))
    assert {shot.device for shot in mine} == {"cam1"}
    assert len(mine) == 4
    assert every(site, found, wanted=Wanted("threats", hidden=frozenset({1}))) == []
    assert every(site, found, wanted=Wanted(device="nobody")) == []


def test_a_picture_and_its_detections_are_one_shot(site: Site, first: str) -> None:
    pictures, detections = scene(site, f"images@{first}"), scene(site, f"model@{first}")
    one = sightings.shot(site.client, pictures, "/cam0_1511891000.jpg")
    other = sightings.shot(site.client, detections, "/cam0/1511891000.json")
    assert one is not None
    assert other is not None
    assert one.seen == other.seen
    assert sightings.shot(site.client, detections, "/cam0/nothing.json") is None


def test_pictures_that_nobody_looked_at(site: Site) -> None:
    site.client.create_repo("album")
    site.put("album", {"/holiday.jpg": jpeg(), "/notes.txt": b"x", "/sub/a.png": jpeg()})
    found = scene(site, "album")
    assert (found.listed, found.detections) == ("pictures", None)
    shots = every(site, found)
    assert [(shot.picture, shot.looked) for shot in shots] == [
        ("/holiday.jpg", False),
        ("/sub/a.png", False),
    ]


def test_a_repo_without_any_of_it(site: Site) -> None:
    site.client.create_repo("bare")
    site.put("bare", {"/a.txt": b"x", "/b.json": b"[]", "/c.json": b'{"objects": 3}'})
    found = scene(site, "bare")
    assert found.listed == ""
    assert every(site, found) == []


def test_a_first_job_that_has_not_ended_shows_nothing_yet(site: Site) -> None:
    site.client.create_repo("slow-pictures")
    copying(site, "slow", "slow-pictures", "sleep 600")
    site.put("slow-pictures", {"/cam0_1511891000.jpg": jpeg()})
    found = scene(site, "slow")
    assert (found.listed, found.pictures, found.detections) == ("", (), None)
    assert every(site, found) == []
    site.client.delete_pipeline("slow", force=True)


def test_what_is_odd_in_a_file_is_left_out(site: Site) -> None:
    site.client.create_repo("odd")
    good = {"class": 1, "name": "<b>", "score": 0.5, "box": [0, 0, 1, 1]}
    objects = [good, {}, 3, {**good, "score": float("nan")}, {**good, "box": [0, 0]}]
    site.put(
        "odd",
        {
            "/d/1511891000.json": json.dumps({"picture": "x.jpg", "objects": objects}).encode(),
            "/d/1511891001.json": b"{",
            "/d/1511891002.json": b'{"picture": "y.jpg", "objects": [], "rules": 3}',
        },
    )
    shots = every(site, scene(site, "odd"))
    assert [[one.object.name for one in shot.seen] for shot in shots] == [["<b>"], []]
