"""What becomes of a deploy when others change things meanwhile, and when it is cut short."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import grpc
import psutil
import pytest
from deploy_place import Folder, Looked, Place, pfs
from python_pachyderm import Client
from python_pachyderm.service import pps_proto

from tycokit import local, running
from tycokit.client import connect_to
from tycokit.deploying.actions import Fill, UpdatePipeline
from tycokit.deploying.apply import ASIDE
from tycokit.errors import PlanOutdated, SpecError
from tycokit.pachd.pps import pipelines as makers
from tycokit.running import Running
from tycokit.specs import Repo
from tycokit.upload import Item

WEIGHTS = Repo("default", "weights")


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    made = Place(tmp_path)
    yield made
    made.site.pachd.stop()


def state(place: Place) -> dict[str, Any]:
    """All that a deploy may change."""
    client = place.site.client
    infos = list(client.list_pipeline(details=True))
    return {
        "pipelines": {one.pipeline.name: (one.version, one.stopped) for one in infos},
        "timeouts": {one.pipeline.name: one.details.datum_timeout.seconds for one in infos},
        "repos": sorted(one.repo.name for one in client.list_repo()),
        "branches": sorted(one.branch.name for one in client.list_branch("notebooks")),
        "commits": sorted(one.commit.id for one in client.list_commit("notebooks")),
        "transactions": list(client.list_transaction()),
        "b.ipynb": place.site.read("notebooks", "/b.ipynb"),
    }


def test_a_notebook_and_the_spec_that_goes_with_it_change_at_once(place: Place) -> None:
    client = place.site.client
    place.look.apply()
    place.pictures("x", "y")
    place.both("two", "60s")
    place.look.apply()
    head = client.inspect_branch("notebooks", "master").head.id
    for name, version in (("a", 1), ("b", 2)):
        newest, *others = client.list_job(name, history=-1)
        assert (newest.job.id, newest.pipeline_version) == (head, version)
        assert len(others) == 2  # the first one, and that of the pictures
    assert place.ended("b") == (2, 0, 0)
    assert state(place)["branches"] == ["master"]


def others(place: Place) -> dict[str, tuple[Callable[[], Any], str]]:
    """What somebody else may do between a plan and the yes, and what is said of it."""
    client = place.site.client

    def update() -> None:
        (info,) = client.inspect_pipeline("b")
        request = place.look.what.specs[1].request
        assert request.pipeline.name == info.pipeline.name
        request.update = True
        client.create_pipeline_from_request(request)

    return {
        "update": (update, r"pipeline b was updated at [\d:]+ UTC \(version 2, it was 1\)"),
        "delete": (lambda: client.delete_pipeline("b"), "pipeline b was deleted"),
        "stop": (lambda: client.stop_pipeline("b"), "pipeline b was stopped"),
        "commit": (
            lambda: place.site.put("notebooks", {"/mine.ipynb": b"mine"}),
            "repo notebooks got commit [0-9a-f]{12}",
        ),
        "fill": (
            lambda: place.site.put("weights", {"/own.pb": b"somebody's own"}),
            "repo weights got commit [0-9a-f]{12}",
        ),
        "repo": (lambda: client.create_repo("doorbells"), "repo doorbells was made"),
        "pipeline": (
            lambda: client.create_pipeline_from_request(place.look.what.specs[2].request),
            r"pipeline c was made at [\d:]+ UTC",
        ),
    }


@pytest.mark.parametrize("what", ["update", "delete", "stop", "commit", "fill", "repo", "pipeline"])
def test_what_others_changed_meanwhile_is_told_and_nothing_is_done(place: Place, what: str) -> None:
    client = place.site.client
    client.create_repo("weights")
    place.look.apply()
    place.both("two", "60s")
    fill = Fill(WEIGHTS, "a network", lambda folder: [item(folder)])
    if what in ("pipeline", "repo"):
        place.spec("c", "doorbells" if what == "repo" else "images")
        place.notebook("c", "one")
    looked = place.told(fills=[fill], repos=["doorbells"])
    assert len(looked.plan.actions) > 2
    seen: list[Any] = []

    def meanwhile() -> None:
        do, _ = others(place)[what]
        ours = place.folder / "specs" / "b.json"
        text = ours.read_text()
        place.spec("b", "a", datum_timeout="30s")  # what the other has in mind
        do()
        ours.write_text(text)
        seen.append(state_but_aside(place))

    with pytest.raises(PlanOutdated) as caught:
        looked.apply(before=meanwhile)
    _, says = others(place)[what]
    assert re.search(f"{says}.*: nothing was changed; run it again", str(caught.value))
    assert state_but_aside(place) == seen[0]
    assert state(place)["branches"] == ["master"]

    place.told(fills=[fill], repos=["doorbells"]).apply()
    assert place.told(fills=[fill], repos=["doorbells"]).plan.empty
    (info,) = client.inspect_pipeline("b", details=True)
    assert (info.details.datum_timeout.seconds, info.stopped) == (60, what == "stop")
    assert place.site.read("notebooks", "/b.ipynb") == b"two"
    own = "/own.pb" if what == "fill" else "/net"
    assert place.site.paths("weights", "/*") == [own]


def item(folder: Path) -> Item:
    (folder / "net").write_bytes(b"net")
    return Item(folder / "net", "/net")


def state_but_aside(place: Place) -> dict[str, Any]:
    """Without what a deploy has put where nobody reads it."""
    found = state(place)
    client = place.site.client
    found["commits"] = [
        one.commit.id
        for one in client.list_commit("notebooks")
        if not one.commit.branch.name.startswith(ASIDE)
    ]
    found["branches"] = [one for one in found["branches"] if not one.startswith(ASIDE)]
    return found


def test_a_stopped_pipeline_is_updated_and_not_started(place: Place) -> None:
    client = place.site.client
    place.look.apply()
    place.pictures("x")
    client.stop_pipeline("b")
    jobs = len(list(client.list_job("b", history=-1)))
    place.both("two", "60s")
    looked = place.look
    assert looked.effects["b"] == ("none", "it is paused")
    looked.apply()
    assert state(place)["pipelines"]["b"] == (2, True)
    assert len(list(client.list_job("b", history=-1))) == jobs
    client.start_pipeline("b")
    assert place.ended("b") == (1, 0, 0)


def test_a_pipeline_that_is_read_is_not_pruned_whatever_project_reads_it(place: Place) -> None:
    client = place.site.client
    place.look.apply()
    client.create_project("cellar")
    reader(client, "far", "cellar")
    (place.folder / "specs" / "b.json").unlink()
    place.spec("c", "images")
    place.notebook("c", "one")
    (place.folder / "specs" / "a.json").unlink()
    with pytest.raises(SpecError, match=r"pipeline a, .* is read by cellar/far: delete"):
        place.told(prune=True)
    client.delete_pipeline("far", project_name="cellar")
    looked = place.told(prune=True)

    def meanwhile() -> None:
        reader(client, "near", "default")

    with pytest.raises(PlanOutdated, match="pipeline near reads a: nothing was changed"):
        looked.apply(before=meanwhile)
    client.delete_pipeline("near")
    place.told(prune=True).apply()
    assert list(state(place)["pipelines"]) == ["c"]


def reader(client: Client, name: str, project: str) -> None:
    """A pipeline of somebody's that reads what a makes."""
    given = pps_proto.Input(pfs=pps_proto.PFSInput(repo="a", project="default", glob="/*"))
    transform = pps_proto.Transform(cmd=["true"])
    client.create_pipeline(name, transform=transform, input=given, project_name=project)


def test_a_repo_that_somebody_writes_to_is_left_alone(place: Place) -> None:
    client = place.site.client
    place.look.apply()
    place.notebook("b", "two")
    with (
        client.commit("notebooks", "master") as commit,
        pytest.raises(SpecError, match=f"repo notebooks: .*: commit {commit.id} is open"),
    ):
        _ = place.look
    place.look.apply()
    assert place.site.read("notebooks", "/b.ipynb") == b"two"


def test_two_deploys_at_once_leave_what_one_would(place: Place) -> None:
    place.look.apply()
    place.both("two", "60s")
    place.spec("c", "b")
    place.notebook("c", "one")
    together = threading.Barrier(2)
    failed: list[BaseException] = []

    def deploy(looked: Looked) -> None:
        try:
            looked.apply(before=together.wait)
        except (PlanOutdated, grpc.RpcError) as error:
            failed.append(error)

    running = [threading.Thread(target=deploy, args=(place.look,)) for _ in range(2)]
    for one in running:
        one.start()
    for one in running:
        one.join()
    (error,) = failed  # pachd lets no pipeline be made twice
    assert isinstance(error, PlanOutdated) or 'pipeline "default/c" already exists' in str(error)
    assert place.look.plan.empty
    assert state(place)["pipelines"] == {"a": (1, False), "b": (2, False), "c": (1, False)}
    assert state(place)["branches"] == ["master"]


@pytest.mark.parametrize("done", range(6))
def test_a_deploy_that_is_stopped_is_finished_by_the_next(place: Place, done: int) -> None:
    """By Ctrl-C, after so many of its steps."""
    client = place.site.client
    place.look.apply()
    place.both("two", "60s")
    place.spec("c", "doorbells")
    place.notebook("c", "one")
    (place.folder / "specs" / "a.json").unlink()
    place.spec("b", "images", datum_timeout="60s")
    before = state_but_aside(place)
    steps: list[str] = []

    def step(action: object = "the last look") -> None:
        if len(steps) == done:
            raise KeyboardInterrupt
        steps.append(str(action))

    with pytest.raises(KeyboardInterrupt):
        place.told(repos=["doorbells"], prune=True).apply(report=step, before=step)
    after = state_but_aside(place)
    assert list(client.list_transaction()) == []
    assert after["branches"] == ["master"]
    if done < 2:  # the repo, at most
        assert (after | {"repos": 0}) == (before | {"repos": 0})

    place.told(repos=["doorbells"], prune=True).apply()
    assert place.told(prune=True).plan.empty
    assert state(place)["pipelines"] == {"b": (2, False), "c": (1, False)}
    assert state(place)["b.ipynb"] == b"two"


def test_a_pipeline_is_made_once_however_many_there_are(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[str] = []
    make = makers.create_pipeline

    def counted(transaction: Any, given: Any, **more: Any) -> None:
        made.append(given.name)
        make(transaction, given, **more)

    monkeypatch.setattr(makers, "create_pipeline", counted)
    names = [f"p{number:02}" for number in range(60)]
    for name, upstream in zip(names, ["images", *names], strict=False):
        place.spec(name, upstream if int(name[1:]) % 6 else "images")
        place.notebook(name, "one")
    for text in ("one", "two"):
        for name in names:
            place.notebook(name, text)
            if text == "two":
                path = place.folder / "specs" / f"{name}.json"
                path.write_text(json.dumps(json.loads(path.read_text()) | {"datum_timeout": "9s"}))
        made.clear()
        place.look.apply()
        assert [made.count(name) for name in names] == [1] * 60


def test_new_branches_by_triggers_take_transactions_of_their_own(place: Place) -> None:
    """Pachyderm makes no two commits of a repo in one, and each new branch begins with one."""
    place.spec("b", "a", input=pfs("picture", "a", "/*", trigger={"commits": 1}))
    for name in ("hourly", "daily"):
        given = pfs("picture", "images", "/*", trigger={"commits": 1})
        place.spec(name, "images", input=given)
    place.look.apply()
    assert set(state_of(place.site.client)) == {"a", "b", "hourly", "daily"}
    assert place.look.plan.empty
    place.pictures("x")
    for name in ("a", "b", "hourly", "daily"):
        assert place.ended(name)[0] == 1, name


def state_of(client: Client) -> dict[str, int]:
    return {info.pipeline.name: info.version for info in client.list_pipeline()}


class Crashing(Folder):
    """With a pachd that can be killed and started again on its data."""

    @property
    def data(self) -> Path:
        return self.folder / "data"

    def start(self) -> Client:
        def probe(found: Running) -> None:
            connect_to(found.address, found.token)

        found, _ = local.start(self.data, 0, probe=probe)
        return connect_to(found.address, found.token)

    def kill(self) -> None:
        found = running.find(self.data)
        assert found is not None
        process = psutil.Process(found.pid)
        process.kill()
        process.wait()


@pytest.fixture
def crashing(tmp_path: Path) -> Iterator[Crashing]:
    made = Crashing(tmp_path)
    yield made
    local.stop(made.data)


@pytest.mark.parametrize("changed", [False, True])
def test_a_deploy_whose_pachd_is_killed_is_finished_by_the_next(
    crashing: Crashing, changed: bool
) -> None:
    """Right before everything changes, and after that, when pipelines are to be deleted yet."""
    client = crashing.start()
    Looked(client, crashing.folder).apply()
    crashing.notebook("b", "two")
    crashing.spec("b", "images", datum_timeout="60s")
    (crashing.folder / "specs" / "a.json").unlink()
    looked = Looked(client, crashing.folder, prune=True)

    def kill(action: object = None) -> None:
        if changed == isinstance(action, UpdatePipeline):
            crashing.kill()

    with pytest.raises(ConnectionError):
        looked.apply(report=kill, before=kill)
    client = crashing.start()
    with client.get_file(("notebooks", "master"), "/b.ipynb") as file:
        assert file.read() == (b"two" if changed else b"one")
    assert state_of(client) == {"a": 1, "b": 2 if changed else 1}
    assert list(client.list_transaction()) == []

    Looked(client, crashing.folder, prune=True).apply()
    assert state_of(client) == {"b": 2}
    assert Looked(client, crashing.folder, prune=True).plan.empty
