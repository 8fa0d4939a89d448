"""Specs of Pachyderm 1.x: what becomes of each part, and that their commands run here."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from command import tycokit

from tycokit.client import connect
from tycokit.errors import SpecError
from tycokit.pipelines import oldspecs

# as such specs stood in repositories of 2017 and 2018
EDGES = """{
  "pipeline": {"name": "edges"},
  "transform": {
    "image": "pachyderm/opencv",
    "cmd": ["/bin/bash"],
    "env": {"GREETING": "hello"},
    "stdin": [
      "for file in /pfs/images/*; do",
      "  ln -s $file /pfs/out/$(basename $file)",
      "done",
      "echo $GREETING $(basename $images) > /pfs/out/greeting",
      "wc -c < $notes > /pfs/out/size"
    ]
  },
  "parallelism_spec": {"strategy": "CONSTANT", "constant": "1"},
  "enable_stats": true,
  "standby": false,
  "input": {"cross": [
    {"atom": {"repo": "images", "glob": "/*", "commit": "", "from_commit": "abc"}},
    {"atom": {"repo": "notes", "name": "notes", "glob": "/note"}}
  ]}
}"""


def one(spec: dict[str, Any] | str, nodes: int = 1) -> oldspecs.Upgraded:
    text = spec if isinstance(spec, str) else json.dumps(spec)
    (made,) = oldspecs.upgrade(text, "old.json", nodes)
    return made


def like(**more: Any) -> dict[str, Any]:
    return {
        "pipeline": {"name": "p"},
        "transform": {"cmd": ["true"]},
        "input": {"atom": {"repo": "a", "glob": "/*"}},
        **more,
    }


def test_atoms_constants_and_projects() -> None:
    made = one(EDGES)
    assert made.spec["input"] == {
        "cross": [
            {"pfs": {"repo": "images", "glob": "/*"}},
            {"pfs": {"repo": "notes", "name": "notes", "glob": "/note"}},
        ]
    }
    assert made.spec["parallelism_spec"] == {"constant": 1}
    assert made.spec["pipeline"] == {"name": "edges", "project": {"name": "default"}}
    assert made.spec["autoscaling"] is False
    assert made.spec["transform"] == json.loads(EDGES)["transform"]
    said = "\n".join(made.changes)
    for part in (
        "input.cross[0].atom is now input.cross[0].pfs",
        "input.cross[0].pfs.from_commit is left out (abc)",
        "parallelism_spec.strategy is left out",
        "parallelism_spec.constant is the number 1",
        "pipeline.project is default",
        "enable_stats is left out",
        "standby is now autoscaling",
    ):
        assert part in said


@pytest.mark.parametrize(("nodes", "workers"), [(1, 2), (3, 6)])
def test_a_coefficient_is_so_many_times_the_nodes(nodes: int, workers: int) -> None:
    made = one(like(parallelism_spec={"strategy": "COEFFICIENT", "coefficient": "2"}), nodes)
    assert made.spec["parallelism_spec"] == {"constant": workers}
    assert "2" in made.spec["metadata"]["annotations"].values()


def test_the_oldest_inputs_and_resources() -> None:
    old = like(
        inputs=[{"name": "x", "repo": {"name": "a"}, "glob": "/"}, {"repo": {"name": "b"}}],
        resource_spec={"memory": "1G", "cpu": 1, "gpu": 2},
        chunk_spec={"number": 3},
    )
    del old["input"]
    made = one(old).spec
    assert made["input"]["cross"] == [
        {"pfs": {"name": "x", "repo": "a", "glob": "/"}},
        {"pfs": {"repo": "b", "glob": "/"}},
    ]
    gpu = {"type": "nvidia.com/gpu", "number": 2}
    assert made["resource_requests"] == {"memory": "1G", "cpu": 1, "gpu": gpu}
    assert made["datum_set_spec"] == {"number": 3}


def test_what_is_new_already_stays_as_it_is() -> None:
    new = one(EDGES).spec
    again = one(new)
    assert again.spec == new
    assert again.changes == ()


def test_the_given_file_and_object_are_not_touched() -> None:
    old = like(standby=True)
    before = json.dumps(old)
    one(old)
    assert json.dumps(old) == before


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        (like(input={"git": {"URL": "https://example.com/x.git"}}), "input.git: 2.x has no git"),
        (like(parallelism_spec={"constant": "many"}), "constant must be a number"),
        (like(transfrom={}), "unknown key 'transfrom'"),
        ("{", "is not JSON"),
        ("[3]", "must be a JSON object"),
    ],
)
def test_what_cannot_be_upgraded_is_named(spec: Any, said: str) -> None:
    with pytest.raises(SpecError, match=r"old\.json") as error:
        one(spec)
    assert said in str(error.value)


def test_the_upgraded_commands_run(tmp_path: Path) -> None:
    (tmp_path / "edges.json").write_text(EDGES)
    config, data = tmp_path / "config.json", tmp_path / "data"
    done = tycokit(tmp_path, config, "specs", "upgrade", "edges.json", "--out", "new")
    assert done.returncode == 0, done.stderr
    assert "edges.json: edges: input.cross[0].atom is now" in done.stderr
    done = tycokit(tmp_path, config, "up", "--data", str(data), "--port", "0")
    assert done.returncode == 0, done.stderr
    try:
        client = connect(config)
        for repo in ("images", "notes"):
            client.create_repo(repo)
        client.put_file_bytes(("images", "master"), "/liberty.png", b"a picture")
        client.put_file_bytes(("notes", "master"), "/note", b"four")
        done = tycokit(tmp_path, config, "deploy", "--yes", "new", "--create-repo", "notes")
        assert done.returncode == 0, done.stderr
        (info,) = client.inspect_job(next(client.list_job("edges")).job.id, "edges", wait=True)
        logs = [line.message for line in client.get_job_logs("edges", info.job.id)]
        assert info.data_processed == 1, logs
        read = {
            path: client.get_file(("edges", "master"), path).read()
            for path in ("/liberty.png", "/greeting", "/size")
        }
        assert read == {
            "/liberty.png": b"a picture",
            "/greeting": b"hello liberty.png\n",
            "/size": b"4\n",
        }
    finally:
        tycokit(tmp_path, config, "down", "--data", str(data))
