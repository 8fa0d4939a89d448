"""deploy, put and logs through the command line, on a local pachd of their own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from command import tycokit
from python_pachyderm import Client

from tycokit.client import connect
from tycokit.contexts import local

# the name of the file says what the datum is to do
SCRIPT = """
for file in /pfs/picture/* $TYCOKIT_PFS/picture/*; do
  [ -e "$file" ] || continue
  echo "looking at $(basename "$file")"
  case "$file" in
    *fail*) echo 'executed notebook, as far as it got: /tmp/failed/a.ipynb' >&2; exit 3;;
  esac
  cp "$file" "$(dirname "$(dirname "$file")")/out/"
done
"""


def spec(name: str, repo: str, **more: Any) -> dict[str, Any]:
    picture = {"pfs": {"name": "picture", "repo": repo, "glob": "/*"}}
    notebook = {"pfs": {"name": "notebook", "repo": "notebooks", "glob": "/a.ipynb"}}
    return {
        "pipeline": {"name": name},
        "transform": {"cmd": ["sh"], "stdin": SCRIPT.strip().splitlines()},
        "input": {"cross": [picture, notebook]},
        "datum_tries": 1,
        **more,
    }


class Project:
    """A folder with specs and notebooks, and a pachd that is the active context."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.config = folder / "config.json"
        (folder / "specs").mkdir()
        (folder / "notebooks").mkdir()
        self.notebook("one")
        self.spec("b", "a")
        self.spec("a", "images")

    def notebook(self, text: str) -> None:
        (self.folder / "notebooks" / "a.ipynb").write_text(text)

    def spec(self, name: str, repo: str, **more: Any) -> None:
        (self.folder / "specs" / f"{name}.json").write_text(json.dumps(spec(name, repo, **more)))

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        return tycokit(self.folder, self.config, *words)

    @property
    def client(self) -> Client:
        return connect(self.config)

    def names(self) -> tuple[list[str], list[str]]:
        client = self.client
        repos = sorted(info.repo.name for info in client.list_repo())
        return repos, sorted(info.pipeline.name for info in client.list_pipeline())


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    made = Project(tmp_path)
    done = made.run("up", "--data", str(tmp_path / "data"), "--port", "0")
    assert done.returncode == 0, done.stderr
    yield made
    local.stop(tmp_path / "data")


def test_deploy_makes_what_is_missing_and_then_changes_nothing(project: Project) -> None:
    dry = project.run("deploy", "--dry-run")
    assert dry.returncode == 2
    assert "create pipeline a\n" in dry.stdout
    assert project.names() == ([], [])

    first = project.run("deploy", "--yes")
    assert first.returncode == 0, first.stderr
    assert first.stdout.splitlines()[-5:] == [
        "created repo images",
        "created repo notebooks",
        "committed notebooks a.ipynb",
        "created pipeline a",
        "created pipeline b",
    ]
    assert project.names() == (["a", "b", "images", "notebooks"], ["a", "b"])
    commits = len(list(project.client.list_commit()))

    again = project.run("deploy", "--yes")
    assert again.returncode == 0
    assert again.stdout == "2 pipelines and 1 notebook are as they should be\n"
    assert len(list(project.client.list_commit())) == commits

    project.notebook("two")
    project.spec("b", "a", datum_timeout="1m")
    changed = project.run("deploy", "--yes")
    assert changed.stdout.splitlines()[-2:] == [
        "committed notebooks a.ipynb",
        "updated pipeline b (datum_timeout)",
    ]
    assert "as they should be" in project.run("deploy", "--yes").stdout


def test_deploy_leaves_notebooks_for_people_alone(project: Project) -> None:
    def write(name: str, *tags: str) -> None:
        cell = {"cell_type": "code", "metadata": {"tags": list(tags)}, "source": ""}
        path = project.folder / "notebooks" / f"{name}.ipynb"
        path.write_text(json.dumps({"cells": [cell], "metadata": {}}))

    write("tour")
    write("stage", "parameters")
    done = project.run("deploy", "--yes")
    assert "committed notebooks a.ipynb, stage.ipynb\n" in done.stdout
    assert "2 pipelines and 2 notebooks are as" in project.run("deploy", "--yes").stdout


def test_deploy_samples_fills_what_is_empty_and_only_that(project: Project) -> None:
    weights = {"pfs": {"name": "weights", "repo": "weights", "glob": "/"}}
    rules = {"pfs": {"name": "rules", "repo": "rules", "glob": "/"}}
    picture = {"pfs": {"name": "picture", "repo": "images", "glob": "/*"}}
    project.spec("a", "images", input={"cross": [picture, weights, rules]})
    dry = project.run("deploy", "--samples", "--dry-run")
    assert dry.returncode == 2
    assert "put sample rules into rules\n" in dry.stdout
    assert project.names() == ([], [])

    first = project.run("deploy", "--yes", "--samples").stdout.splitlines()
    assert first.index("put sample rules into rules") < first.index("created pipeline a")
    client = project.client
    assert client.path_exists(("weights", "master"), "/mtcnn")
    assert "as they should be" in project.run("deploy", "--yes", "--samples").stdout

    client.put_file_bytes(("weights", "master"), "/own.pb", b"a network of somebody's own")
    client.delete_file(("weights", "master"), "/mtcnn")
    client.delete_file(("rules", "master"), "/rules.json")
    again = project.run("deploy", "--yes", "--samples")
    assert again.stdout.splitlines()[-1] == "put sample rules into rules"
    assert not client.path_exists(("weights", "master"), "/mtcnn")


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"transfrom": {}}, "a.json: unknown key 'transfrom'; did you mean 'transform'?"),
        (
            {"input": {"pfs": {"repo": "imagse", "glob": "/*"}}},
            (
                "a.json: reads repo imagse, which does not exist and which no pipeline here makes;"
                " did you mean 'images'?"
            ),
        ),
        ({"input": {"pfs": {"repo": "b", "glob": "/*"}}}, "pipelines form a cycle: a -> b -> a"),
        ({"input": {"pfs": {"repo": "images", "glob": "/{a"}}}, "is not closed"),
    ],
)
def test_a_deploy_that_is_refused_creates_nothing(
    project: Project, change: dict[str, Any], says: str
) -> None:
    project.spec("a", "images", **change)
    done = project.run("deploy", "--yes")
    assert done.returncode == 1
    assert says in done.stderr
    assert project.names() == ([], [])


def test_an_input_repo_of_your_own_is_made_when_you_say_so(project: Project) -> None:
    project.spec("a", "doorbells")
    assert "--create-repo doorbells" in project.run("deploy", "--yes").stderr
    done = project.run("deploy", "--yes", "--create-repo", "doorbells")
    assert "created repo doorbells" in done.stdout


def test_pictures_go_in_as_one_commit_and_the_logs_tell_what_became_of_them(
    project: Project,
) -> None:
    assert project.run("deploy", "--yes").returncode == 0
    client = project.client
    before = len(list(client.list_commit("images")))
    pictures = project.folder / "pictures"
    (pictures / "deeper").mkdir(parents=True)
    for name in ("x.jpg", "deeper/y.jpg", "bad*name.jpg", "empty.jpg"):
        (pictures / name).write_bytes(b"" if name == "empty.jpg" else name.encode())
    (pictures / "gone.jpg").symlink_to("nowhere")

    done = project.run("put", str(pictures))

    assert done.returncode == 1
    assert "3 files put into images" in done.stdout
    assert "globbing character (*) not allowed in path" in done.stderr
    assert "gone.jpg: is a link that leads nowhere" in done.stderr
    assert len(list(client.list_commit("images"))) == before + 1
    stored = [file.file.path for file in client.list_file(("images", "master"), "/")]
    assert stored == ["/empty.jpg", "/x.jpg", "/y.jpg"]

    commit = done.stdout.split()[-1]
    states = [job.state for job in client.inspect_job(commit, wait=True)]
    assert states == [5, 5]  # JOB_SUCCESS
    logs = project.run("logs", "a")
    assert logs.returncode == 0
    assert sum("looking at x.jpg" in line for line in logs.stdout.splitlines()) == 1
    both = project.run("logs", commit)
    assert sum("looking at x.jpg" in line for line in both.stdout.splitlines()) == 2
    assert f"job b@{commit}: success" in both.stderr
    assert project.run("logs", f"b@{commit}").stdout.count("looking at x.jpg") == 1
    assert project.run("logs", "a", "--tail", "1").stdout.count("\n") == 1


def test_followed_logs_of_a_job_come_while_it_runs(project: Project) -> None:
    assert project.run("deploy", "--yes").returncode == 0
    (project.folder / "x.jpg").write_bytes(b"x")
    commit = project.run("put", "x.jpg").stdout.split()[-1]
    following = subprocess.Popen(
        [sys.executable, "-m", "tycokit", "logs", "--follow", commit],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PACH_CONFIG": str(project.config)},
    )
    try:
        assert following.stdout is not None
        wanted = {"a", "b"}  # in either order: each job's log is a stream of its own
        for line in following.stdout:
            if "looking at x.jpg" in line:
                wanted.discard(line.split()[0])
            if not wanted:
                break
        assert not wanted
    finally:
        following.terminate()
        following.communicate(timeout=30)


def test_the_logs_of_a_failed_job_say_where_its_notebook_lies(project: Project) -> None:
    assert project.run("deploy", "--yes").returncode == 0
    (project.folder / "fail.jpg").write_bytes(b"x")
    commit = project.run("put", "fail.jpg").stdout.split()[-1]
    states = [job.state for job in project.client.inspect_job(commit, wait=True)]
    assert states == [4, 9]  # JOB_FAILURE, JOB_UNRUNNABLE
    for what in ("a", commit):
        done = project.run("logs", what)
        assert done.returncode == 0
        assert "looking at fail.jpg" in done.stdout
        assert "failed datum" in done.stderr
        assert "/fail.jpg" in done.stderr
        assert "its notebook, as far as it got: /tmp/failed/a.ipynb" in done.stderr


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["logs", "nothing"], "nothing"),
        (["logs", "0" * 12 + "4" + "0" * 19], "0000"),
        (["put", "nowhere.jpg"], "there is no such file"),
        (["put", "specs", "--repo", "nowhere"], "repo default/nowhere not found"),
        (["put", "empty"], "there is no file"),
        (["deploy", "nowhere"], "there is no such folder"),
        (["deploy", "--context", "nowhere"], "has no context 'nowhere'"),
        (["model", "put", "nowhere.tflite"], "there is no such file"),
        (["model", "pull", "nowhere"], "is not a network that can be had by name"),
    ],
)
def test_what_is_not_there_is_told_in_a_sentence(
    project: Project, words: list[str], says: str
) -> None:
    (project.folder / "empty").mkdir()
    done = project.run(*words)
    assert done.returncode == 1
    assert says in done.stderr
    assert done.stderr.startswith("tycokit: ")
    assert done.stderr.count("\n") == 1


def test_a_network_is_committed_in_place_of_the_one_before(project: Project) -> None:
    project.client.create_repo("weights")
    (project.folder / "net.tflite").write_bytes(b"network")
    (project.folder / "labelmap.txt").write_text("???\nperson\n")

    def held() -> list[str]:
        return [file.file.path for file in project.client.list_file(("weights", "master"), "/")]

    assert project.run("model", "put", "net.tflite").returncode == 0
    assert held() == ["/labelmap.txt", "/net.tflite"]
    assert "weights now holds mtcnn" in project.run("model", "put", "mtcnn").stdout
    assert held() == ["/mtcnn"]
