"""Each command in a second project that has the same repos and pipelines as the first."""

from __future__ import annotations

import io
import json
import re
import shlex
from collections.abc import Iterator
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

import pytest
from command import tycokit
from pipeline_driver import ROOT
from python_pachyderm import Client

from tycokit import samples
from tycokit.alerting import ledger
from tycokit.alerting.alert import alerts
from tycokit.alerting.ledger import Receipt
from tycokit.cli import main
from tycokit.client import connect
from tycokit.contexts import local
from tycokit.repos.addresses import Address

# the name of the file says what the datum is to do
SCRIPT = """
for file in /pfs/picture/* $TYCOKIT_PFS/picture/*; do
  [ -e "$file" ] || continue
  echo "looking at $(basename "$file")"
  case "$file" in *fail*) exit 3;; esac
  cp "$file" "$(dirname "$(dirname "$file")")/out/"
done
"""
COPY = {
    "pipeline": {"name": "copy"},
    "transform": {"cmd": ["sh"], "stdin": SCRIPT.strip().splitlines()},
    "input": {"pfs": {"name": "picture", "repo": "images", "glob": "/*"}},
    "datum_tries": 1,
}


class House:
    """A folder with a spec, and a pachd on which the projects default and lab have its pipeline."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.config, self.data = folder, folder / "config.json", folder / "data"
        (folder / "specs").mkdir()
        (folder / "specs" / "copy.json").write_text(json.dumps(COPY))
        self.process("up", "--data", str(self.data), "--port", "0")
        self.says("deploy", "--yes")
        self.says("deploy", "--yes", "--project", "lab", "--create-project")
        self.put("usual.jpg")
        self.put("first.jpg", "--project", "lab")

    def process(self, *words: str) -> str:
        """Run a command that starts processes or waits for signals."""
        done = tycokit(self.folder, self.config, *words)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def runs(self, *words: str) -> tuple[int, str]:
        """Run any other one within this process, which is much faster."""
        said = io.StringIO()
        with redirect_stdout(said), redirect_stderr(said):
            code = main(words)
        return code, said.getvalue()

    def says(self, *words: str, code: int = 0) -> str:
        ended, said = self.runs(*words)
        assert ended == code, said
        return said

    def put(self, name: str, *options: str) -> str:
        """Put a file and wait for what comes of it; the id of the commit."""
        (self.folder / name).write_text(name)
        commit = self.says("put", name, *options).split()[-1]
        list(self.client.inspect_job(commit, wait=True))
        return commit

    @property
    def client(self) -> Client:
        return connect(self.config)

    def files(self, repo: str, project: str) -> set[str]:
        found = self.client.list_file(Address(repo, project=project).at, "/")
        return {info.file.path for info in found}


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    folder = tmp_path_factory.mktemp("house")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PACH_CONFIG", str(folder / "config.json"))
        patch.setenv("COLUMNS", "300")
        patch.chdir(folder)
        try:
            yield House(folder)
        finally:
            local.stop(folder / "data")


@pytest.fixture
def at_lab(house: House) -> Iterator[House]:
    """The house, with a context whose project is lab."""
    house.says("context", "use", "tycokit", "--project", "lab")
    yield house
    house.says("context", "use", "tycokit", "--project", "default")


def test_put_and_watch_reach_the_project_and_no_other(house: House) -> None:
    before = house.files("images", "default")
    (house.folder / "a.jpg").write_text("a")
    (house.folder / "b.jpg").write_text("b")
    camera = house.folder / "camera"
    camera.mkdir()
    (camera / "c.jpg").write_text("c")
    (camera / "d.jpg").write_text("d")
    assert "1 file put into lab/images, commit" in house.says("put", "a.jpg", "--project", "lab")
    assert "1 file put into lab/images, commit" in house.says(
        "put", "b.jpg", "--repo", "lab/images"
    )
    words = ("watch", "camera", "--once", "--settle", "0.1", "--project", "lab")
    said = house.process(*words)
    assert "watching camera for repo lab/images" in said
    assert "2 files, commit" in said
    assert "commit " not in house.process(*words)  # each file once
    assert house.files("images", "lab") >= {"/a.jpg", "/b.jpg", "/c.jpg", "/d.jpg"}
    assert house.files("images", "default") == before
    nowhere = tycokit(house.folder, house.config, "watch", "camera", "--project", "none")
    assert nowhere.returncode == 1
    assert "there is no repo none/images" in nowhere.stderr


def test_status_top_and_doctor_tell_projects_apart(house: House) -> None:
    said = house.says("status", "--data", str(house.data))
    assert "repos    copy, images, lab/copy, lab/images" in said
    assert "pipeline copy: running, last job success" in said
    assert "pipeline lab/copy: running, last job " in said
    groups = {one["group"] for one in json.loads(house.says("top", "--json"))["groups"]}
    assert groups == {"pachd", "copy", "lab/copy"}
    assert "2 pipelines" in house.runs("doctor")[1]


def test_logs_are_those_of_the_named_pipeline_or_of_a_job_anywhere(house: House) -> None:
    commit = house.put("heard.jpg", "--project", "lab")
    there = house.says("logs", "lab/copy")
    assert house.says("logs", "copy", "--project", "lab") == there
    assert "looking at heard.jpg" in there
    assert there.startswith("lab/copy ")
    assert "usual.jpg" not in there
    usual = house.says("logs", "copy")
    assert "looking at usual.jpg" in usual
    assert "heard.jpg" not in usual
    for words in ([commit], [f"lab/copy@{commit}"], [f"copy@{commit}", "--project", "lab"]):
        assert "looking at heard.jpg" in house.says("logs", *words)
    for words in ([f"copy@{commit}"], [commit, "--project", "default"]):
        assert "there is no job" in house.says("logs", *words, code=1)
    assert "the form is name or project/name" in house.says("logs", "lab/copy:/a", code=1)


def test_scale_changes_the_pipeline_of_the_project(house: House) -> None:
    assert house.says("scale", "lab/copy").startswith("lab/copy: running, 1 worker (1)")
    assert "lab/copy is version 2 now" in house.says("scale", "copy", "2", "--project", "lab")
    (usual,) = house.client.inspect_pipeline("copy")
    assert usual.version == 1
    assert "lab/copy is version 3 now" in house.says("scale", "lab/copy", "--undo")
    list(house.client.wait_commit(house.client.inspect_branch("copy", "master", "lab").head.id))


def test_glob_looks_into_the_repo_of_the_project(house: House) -> None:
    there = house.says("glob", "lab/images", "/first*")
    assert there.startswith("1 datum, ")
    assert house.says("glob", "images", "/first*", "--project", "lab") == there
    assert house.says("glob", "images", "/first*").startswith("0 datums")


def test_each_address_of_a_trace_can_be_traced(house: House) -> None:
    there = house.says("trace", "lab/copy:/first.jpg")
    assert house.says("trace", "copy:/first.jpg", "--project", "lab") == there
    ((picture,),) = [re.findall(r"^  picture +(\S+)$", there, re.M)]
    assert re.fullmatch(r"lab/images@[0-9a-f]{32}:/first.jpg", picture)
    assert "\nlab/copy  job " in there
    onward = house.says("trace", picture, "--forward")
    assert onward.startswith(picture)
    (result,) = re.findall(r"^  (lab/copy@\S+)", onward, re.M)
    assert f"picture      {picture}" in house.says("trace", result)
    assert house.says("trace", "copy:/first.jpg", code=1)


def test_what_doctor_says_can_be_typed_as_it_stands(house: House) -> None:
    job = house.put("fail.jpg", "--project", "lab")
    house.client.stop_pipeline("copy", "lab")
    try:
        said = house.says("doctor", code=1)
        assert f"✖ job lab/copy@{job}: failure" in said
        assert "`pachctl start pipeline copy --project lab`" in said
        assert "fail.jpg" in _typed(house, said)

        house.says("context", "use", "tycokit", "--project", "lab")
        said = house.says("doctor", code=1)
        assert f"✖ job copy@{job}: failure" in said
        assert "`pachctl start pipeline copy` lets" in said
        assert "fail.jpg" in _typed(house, said)
    finally:
        house.says("context", "use", "tycokit", "--project", "default")
        house.client.start_pipeline("copy", "lab")
        house.client.delete_file(Address("images", project="lab").at, "/fail.jpg")
        list(house.client.wait_commit(house.client.inspect_branch("copy", "master", "lab").head.id))


def _typed(house: House, said: str) -> str:
    """What the commands say that doctor names."""
    commands = re.findall(r"`tycokit ([^`]*)`", said)
    assert commands
    return "".join(house.says(*shlex.split(command)) for command in commands)


def test_names_are_those_of_the_contexts_project(at_lab: House) -> None:
    house = at_lab
    contexts = house.says("contexts")
    assert re.search(r"^\* +tycokit +\S+ +lab +Pachyderm 2", contexts, re.M)
    before = house.files("images", "default")
    commit = house.put("home.jpg")
    assert "/home.jpg" in house.files("images", "lab")
    assert house.files("images", "default") == before
    assert "copy@" not in house.says("logs", commit)  # all went well
    assert "looking at home.jpg" in house.says("logs", "copy")
    usual = house.says("logs", "default/copy")
    assert usual.startswith("default/copy ")
    assert "looking at usual.jpg" in usual
    assert house.says("trace", "default/copy:/usual.jpg").startswith("default/copy@")
    assert house.says("trace", "copy:/home.jpg").startswith("copy@")
    assert house.says("scale", "default/copy").startswith("default/copy: ")
    groups = {one["group"] for one in json.loads(house.says("top", "--json"))["groups"]}
    assert groups == {"pachd", "copy", "default/copy"}
    said = house.says("status", "--data", str(house.data))
    assert "repos    copy, default/copy, default/images, images" in said
    assert "pipeline copy: running, last job " in said
    assert "pipeline default/copy: running, last job " in said


def test_deploy_puts_specs_without_a_project_into_the_contexts(at_lab: House) -> None:
    house = at_lab
    assert "as they should be" in house.says("deploy", "--yes")
    more = {**COPY, "pipeline": {"name": "again"}}
    (house.folder / "specs" / "again.json").write_text(json.dumps(more))
    assert "created pipeline lab/again" in house.says("deploy", "--yes")
    (found,) = house.client.inspect_pipeline("again", details=True, project_name="lab")
    assert found.details.input.pfs.project == "lab"
    assert "create pipeline again\n" in house.says(
        "deploy", "--dry-run", "--project", "default", code=2
    )
    (house.folder / "specs" / "again.json").unlink()
    house.client.delete_pipeline("again", project_name="lab")


def test_deploy_takes_the_names_that_its_plan_shows(house: House) -> None:
    plan = ("deploy", "--dry-run", "--project", "lab")
    for name in ("copy", "lab/copy"):
        assert "reprocess pipeline lab/copy\n" in house.says(*plan, "--again", name, code=2)
    said = house.says(*plan, "--again", "default/copy", code=1)
    assert "no spec here is of a pipeline default/copy" in said

    own = house.folder / "own"  # specs of two projects; a pipeline of each has the same name
    own.mkdir()
    (own / "usual.json").write_text(json.dumps(COPY))
    there = {**COPY, "pipeline": {"name": "copy", "project": {"name": "lab"}}}
    (own / "there.json").write_text(json.dumps(there))
    said = house.says("deploy", "own", "--dry-run", "--again", "copy", code=2)
    assert "reprocess pipeline copy\n" in said
    assert "reprocess pipeline lab/copy" not in said

    there |= {"input": {"pfs": {"name": "picture", "repo": "bells", "glob": "/*"}}}
    (own / "there.json").write_text(json.dumps(there))
    plan = ("deploy", "own", "--dry-run")
    said = house.says(*plan, "--create-repo", "bells", code=1)
    assert "make it with --create-repo lab/bells\n" in said
    assert "create repo lab/bells\n" in house.says(*plan, "--create-repo", "lab/bells", code=2)
    assert "the form is name or project/name" in house.says(*plan, "--again", "a:b", code=1)


def test_deploy_takes_names_for_those_of_the_contexts_project(at_lab: House) -> None:
    for name in ("copy", "lab/copy"):
        said = at_lab.says("deploy", "--dry-run", "--again", name, code=2)
        assert "reprocess pipeline lab/copy\n" in said


def test_receipts_of_earlier_versions_are_brought_along_as_the_page_says(house: House) -> None:
    page = (ROOT / "docs" / "changing.md").read_text(encoding="utf-8")
    (code,) = re.findall(r"```python\n(.*?)```", page, re.S)
    (alert,) = alerts(samples.threat(), "threat-detect@0123:/dev1/1511891098.json")
    receipt = Receipt(alert.rule, alert.receiver, "sent", alert.key, alert.message_id, "")
    ledger.Repo(house.client).note(alert, receipt)
    try:
        exec(code, {})
        assert ledger.Repo(house.client, "lab").find(alert) == receipt
    finally:
        for project in ("default", "lab"):
            house.client.delete_repo("receipts", project_name=project)


def test_a_context_keeps_its_project_when_it_is_renewed(at_lab: House) -> None:
    at_lab.process("up", "--data", str(at_lab.data))
    assert "put into images," in at_lab.says("put", "first.jpg")
    contexts = json.loads(at_lab.config.read_text())["v2"]["contexts"]
    assert contexts["tycokit"]["project"] == "lab"


def test_export_takes_names_of_the_contexts_project(at_lab: House, tmp_path: Path) -> None:
    at_lab.says("export", str(tmp_path / "a.tar"), "copy", "default/images")
    said = at_lab.says("export", str(tmp_path / "b.tar"), "nothing", code=1)
    assert (
        "has no repo or pipeline nothing; it has copy, default/copy, default/images, images" in said
    )


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["put", "specs", "--project", "none"], "repo none/images not found"),
        (["logs", "none/copy"], 'pipeline "none/copy"'),
        (["scale", "copy", "--project", "none"], 'pipeline "none/copy"'),
        (["glob", "none/images", "/*"], "not found in repo none/images"),
        (["trace", "none/images:/a"], "none/images"),
        (["records", "--project", "none"], "there are no records yet in the project none"),
        (["report", "--project", "none"], "there is no report yet in the project none"),
        (["rules", "try", "rules.json", "--project", "none"], "there is no repo none/model"),
        (["model", "put", "mtcnn", "--project", "none"], "repo none/weights not found"),
        (["open", "0" * 64, "--project", "none"], "no pipeline has such a datum"),
        (["put", "specs", "--repo", "images@dev"], "the form is name or project/name"),
        (["open", "0" * 64, "--pipeline", "a:b"], "the form is name or project/name"),
    ],
)
def test_a_project_or_name_that_is_none_is_told_in_a_sentence(
    house: House, words: list[str], says: str
) -> None:
    (house.folder / "rules.json").write_text(
        '{"threat_classes": [1], "from_email": "a@example.com", "to_email": "b@example.com"}'
    )
    assert says in house.says(*words, code=1)
