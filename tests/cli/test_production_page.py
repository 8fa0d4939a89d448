"""docs/production.md: each command runs against the local pachd, or is checked where it cannot."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml
from command import tycokit
from receivers import mail_server, wait_for

from tycokit import samples
from tycokit.client import connect
from tycokit.contexts.config import context as read

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "production.md").read_text(encoding="utf-8")
COMMANDS = [
    line.removeprefix("$ ")
    for block in re.findall(r"```console\n(.*?)```", PAGE, re.S)
    for line in block.strip().splitlines()
]
(RULES,) = re.findall(r"```json\n(.*?)```", PAGE, re.S)
# what of each program's manual the page uses: a command's words, and the options that it has
MANUALS = {
    "helm repo add": set(),
    "helm repo update": set(),
    "helm install": {"--version", "--namespace", "--create-namespace", "--values"},
    "kubectl rollout status": {"--namespace", "--timeout"},
    "kubectl get service": {"--namespace"},
    "docker tag": set(),
    "docker push": set(),
}
# the names in Pachyderm's chart, version 2.7, that the values file uses
CHART = {
    "deployTarget",
    "pachd.storage.amazon.bucket",
    "pachd.storage.amazon.region",
    "global.postgresql.postgresqlPassword",
    "global.postgresql.postgresqlPostgresPassword",
    "proxy.enabled",
    "proxy.service.type",
    "loki-stack.loki.persistence.enabled",
}
ELSEWHERE = [line for line in COMMANDS if line.split()[0] in ("helm", "kubectl", "docker")]
HERE = [line for line in COMMANDS if line.split()[0] in ("tycokit", "sed")]
MAKE = [line for line in COMMANDS if line.split()[0] == "make"]


def test_every_command_is_run_or_checked() -> None:
    assert sorted(HERE + ELSEWHERE + MAKE) == sorted(COMMANDS)
    assert len(HERE) > 20


@pytest.mark.parametrize("line", ELSEWHERE)
def test_commands_of_other_programs_are_in_their_manuals(line: str) -> None:
    words = shlex.split(line)
    (manual,) = [known for known in MANUALS if all(word in words for word in known.split())]
    assert {word for word in words if word.startswith("--")} <= MANUALS[manual]
    for word in words:
        if word.startswith("docs/"):
            assert (ROOT / word).is_file()


@pytest.mark.parametrize("line", MAKE)
def test_make_has_the_targets(line: str) -> None:
    words = [*shlex.split(line), "--dry-run"]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_the_values_are_the_charts() -> None:
    def leaves(value: object, path: str) -> Iterator[str]:
        if isinstance(value, dict):
            for name, inner in value.items():
                yield from leaves(inner, f"{path}.{name}" if path else name)
        else:
            yield path

    values = yaml.safe_load((ROOT / "docs" / "pachyderm-values.yaml").read_text())
    assert set(leaves(values, "")) == CHART


@dataclass(frozen=True, slots=True)
class Reader:
    """Who follows the page, in a folder of theirs; two pachds stand for the two clusters."""

    folder: Path

    @property
    def config(self) -> Path:
        return self.folder / "config.json"

    def up(self, name: str) -> tuple[str, str]:
        """Start a pachd; its address and token."""
        config = self.folder / f"{name}.json"
        data = str(self.folder / name)
        done = tycokit(self.folder, config, "up", "--data", data, "--port", "0")
        assert done.returncode == 0, done.stderr
        found = read(config)
        assert found is not None
        return found.address, str(found.token)

    def down(self, name: str) -> None:
        tycokit(self.folder, self.folder / f"{name}.json", "down", "--data", f"{name}")

    def types(self, line: str) -> str:
        """Run a line of the page in a shell; what it says."""
        done = subprocess.run(
            ["bash", "-c", line],
            cwd=self.folder,
            env={
                **os.environ,
                "PACH_CONFIG": str(self.config),
                "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
                "COLUMNS": "300",
            },
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            timeout=300,
            check=False,
        )
        assert done.returncode == (2 if "--dry-run" in line else 0), done.stdout + done.stderr
        return done.stdout


@pytest.fixture
def reader(tmp_path: Path) -> Iterator[Reader]:
    for name in ("specs", "notebooks"):
        shutil.copytree(ROOT / name, tmp_path / name)
    (tmp_path / "rules.json").write_text(RULES)
    samples.picture(tmp_path)
    made = Reader(tmp_path)
    yield made
    for name in ("first", "second"):
        made.down(name)


@pytest.mark.timeout(600)  # every stage starts cold, the detector with TensorFlow
def test_from_the_context_to_the_mail_and_on_to_another_cluster(reader: Reader) -> None:
    address, token = reader.up("first")
    (reader.folder / "session-token").write_text(token)
    second, other_token = reader.up("second")
    said = {}
    with mail_server() as (mails, url):
        (reader.folder / "mail-url").write_text(url)
        for line in HERE:
            said[line] = reader.types(line.replace("grpc://203.0.113.7:80", address))
            if "context set" in line:
                made = tycokit(
                    reader.folder, reader.config, "context", "set", "staging", second,
                    typed=other_token,
                )  # fmt: skip
                assert made.returncode == 0, made.stderr
                reader.types("tycokit context use production")
            if line.startswith("tycokit put dev1"):
                wait_for(mails.messages, 1, seconds=300)
                client = connect(reader.config)
                list(client.wait_commit(client.inspect_branch("images", "master").head.id))
    assert [message["To"] for message in mails.messages] == ["guard@example.com"]
    images = {
        info.details.transform.image for info in connect(reader.config).list_pipeline(details=True)
    }
    assert images == {"registry.example.com/tycokit/stage:V2"}
    assert "dev1_1511891098.jpg" in said["tycokit trace threat-detect:/dev1/1511891098.json"]
    assert "production" in said["tycokit contexts"]
    staging = connect(reader.config, "staging")
    assert staging.path_exists(("images", "master"), "/dev1_1511891098.jpg")
    assert {info.pipeline.name for info in staging.list_pipeline()} == {
        info.pipeline.name for info in connect(reader.config).list_pipeline()
    }
