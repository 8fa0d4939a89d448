"""The toolkit's stages in a project of their own, by the command line and from Python."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from command import tycokit
from pipeline_driver import NETWORK, ROOT, SUCCESS, Site, photograph

import tycokit as tk
from tycokit import rulesrepo, samples
from tycokit.contexts import config
from tycokit.errors import RulesChanged
from tycokit.repos.addresses import Address

DAY = 1511827200  # 2017-11-28, midnight UTC
THREAT, SAFE = f"gate_{DAY + 10}.jpg", f"yard_{DAY + 20}.jpg"

pytestmark = pytest.mark.timeout(600)  # every stage starts cold


class Lab:
    """A pachd with all stages in the project lab, and a context whose project is default."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.site = Site(folder)
        port, token = self.site.pachd.port, self.site.client.auth_token
        here = config.Context("here", f"grpc://127.0.0.1:{port}", token)
        config.register(folder / "config.json", here)
        (folder / "rules.json").write_text(json.dumps(samples.rules()))
        for name, person in ((THREAT, True), (SAFE, False)):
            (folder / name).write_bytes(photograph(person=person))

    def runs(self, *words: str) -> subprocess.CompletedProcess[str]:
        return tycokit(self.folder, self.folder / "config.json", *words)

    def says(self, *words: str) -> str:
        done = self.runs(*words)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout + done.stderr


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    made = Lab(tmp_path_factory.mktemp("lab"))
    try:
        specs = str(ROOT / "specs")
        made.says("deploy", specs, "--project", "lab", "--create-project", "--yes")
        assert "lab/weights now holds" in made.says("model", "put", NETWORK, "--project", "lab")
        made.says("put", "rules.json", "--repo", "lab/rules")
        commit = made.says("put", THREAT, SAFE, "--project", "lab").split()[-1]
        for name, info in made.site.jobs(commit).items():
            said = made.says("logs", f"lab/{name}@{commit}")
            assert info.state == SUCCESS, said
        yield made
    finally:
        made.site.pachd.stop()


def test_a_result_is_traced_within_the_project(lab: Lab) -> None:
    said = lab.says("trace", f"lab/annotate:/gate/{DAY + 10}.jpg", "--box", "0")
    assert re.search(rf"picture +lab/images@[0-9a-f]{{32}}:/{THREAT}$", said, re.M)
    for repo in ("weights", "rules", "notebooks"):
        assert f" lab/{repo}@" in said
    assert "default/" not in said


def test_records_reports_and_rules_are_the_projects(lab: Lab) -> None:
    lab.says("records", "--project", "lab", "--out", "records")
    assert list((lab.folder / "records").glob("day=2017-11-28/*.parquet"))
    first = Path(lab.says("report", "--project", "lab").strip())
    assert (first.parent / "2017-11-28" / "index.html").is_file()
    usage = (first.parent / "usage.html").read_text()
    assert "threat-detect" in usage
    assert "gate" in usage
    tried = lab.says("rules", "try", "rules.json", "--project", "lab", "--json")
    assert json.loads(tried)["count"] == {"same": 1, "safe": 1}
    assert lab.runs("records").returncode == 1
    assert lab.runs("report").returncode == 1


def test_who_was_told_is_kept_in_the_project_and_names_what_can_be_traced(lab: Lab) -> None:
    client = lab.site.client
    projects = {
        info.repo.project.name for info in client.list_repo() if info.repo.name == "receipts"
    }
    assert projects == {"lab"}
    (receipt,) = client.glob_file(Address("receipts", project="lab").at, "/**.json")
    with client.get_file(receipt.file.commit, receipt.file.path) as file:
        reference = json.loads(file.read())["reference"]
    assert reference.startswith("lab/threat-detect@")
    assert THREAT in lab.says("trace", reference)


def test_a_datum_is_found_in_whatever_project_it_is(lab: Lab) -> None:
    datum = lab.says("logs", "lab/validate", "--all").split("\n")
    (id_,) = {line.split()[1] for line in datum if THREAT in line and line.split()[1] != "-"}
    assert "of lab/validate" in lab.says("open", id_, "--into", "first")
    assert (lab.folder / "first" / "validate.ipynb").is_file()
    lab.says("open", id_, "--into", "second", "--pipeline", "lab/validate")
    assert lab.runs("open", id_, "--into", "third", "--pipeline", "validate").returncode == 1
    assert lab.runs("open", id_, "--into", "third", "--project", "default").returncode == 1


def test_python_and_the_form_of_the_rules_have_the_same_by_project(lab: Lab) -> None:
    client = lab.site.client
    seen = tk.records(client=client, project="lab")
    assert list(seen["picture"]) == [THREAT, SAFE]
    assert len(tk.records(client=client)) == 0
    tried = tk.backtest(samples.rules(), client=client, project="lab")
    assert tried.count() == {"same": 1, "safe": 1}
    view = tk.rules(client=client, project="lab")
    try:
        found = view.state
        assert json.loads(found["text"]) == samples.rules()
        with pytest.raises(RulesChanged):
            view.commit(found["text"], "another")
        made = view.commit(found["text"], found["commit"])["commit"]
    finally:
        view.close()
    assert rulesrepo.head(client, "lab").commit == made
    assert rulesrepo.head(client).commit == ""
