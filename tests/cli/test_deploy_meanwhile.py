"""What a deploy does when others change things between its plan and the yes."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import grpc
import pytest
from deploy_place import Looked, Place
from python_pachyderm import Client
from python_pachyderm.service import pps_proto

from tycokit.deploying.actions import Fill
from tycokit.errors import PlanOutdated, SpecError
from tycokit.pipelines.specs import Repo
from tycokit.repos.upload import Item

WEIGHTS = Repo("default", "weights")


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
        seen.append(place.state())

    with pytest.raises(PlanOutdated) as caught:
        looked.apply(before=meanwhile)
    _, says = others(place)[what]
    assert re.search(f"{says}.*: nothing was changed; run it again", str(caught.value))
    assert place.state() == seen[0]
    assert place.left() == []

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


def test_the_command_says_so_and_fails(
    place: Place, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    place.look.apply()
    place.both("two", "60s")

    def stop() -> None:
        place.site.client.stop_pipeline("b")

    shown = "update pipeline b (datum_timeout)"
    assert place.run_here(monkeypatch, "--yes", at=shown, do=stop) == 1
    assert capfd.readouterr().err == (
        "tycokit: since this was planned, pipeline b was stopped: nothing was changed;"
        " run it again\n"
    )


def test_of_many_changes_some_are_told() -> None:
    told = str(PlanOutdated([f"pipeline p{number} was deleted" for number in range(200)]))
    assert told.endswith("p4 was deleted, and 195 more: nothing was changed; run it again")


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
    assert list(place.state()["pipelines"]) == ["c"]


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
    assert place.state()["pipelines"] == {"a": (1, False), "b": (2, False), "c": (1, False)}
    assert place.left() == []
