"""`make images`: which builder it takes, what it asks of it, and what it says without one."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
from image_workshop import ROOT

# Stands where a builder would: answers `info`, and writes down how it was called.
BUILDER = """#!/bin/sh
[ "$1" = info ] && exit {info}
printf '%s\\n' "$0" "$@" >> "{folder}/asked"
for word in "$@"; do
    case $word in
    --secret=id=pip.conf,src=*) cat "${{word#*src=}}" > "{folder}/pip.conf" ;;
    esac
done
exit {build}
"""


@dataclass(frozen=True, slots=True)
class Machine:
    """A machine whose PATH has git and what else is put there."""

    folder: Path

    def install(self, name: str, *, info: int = 0, build: int = 0) -> None:
        path = self.folder / "bin" / name
        path.write_text(BUILDER.format(folder=self.folder, info=info, build=build))
        path.chmod(0o755)

    def make(self, *words: str, **env: str) -> subprocess.CompletedProcess[str]:
        kept = {name: os.environ[name] for name in os.environ if not name.startswith("PIP_")}
        return subprocess.run(
            [sys.executable, "images/build.py", *words],
            cwd=ROOT,
            env={**kept, "PATH": str(self.folder / "bin"), "PIP_CONFIG_FILE": os.devnull, **env},
            capture_output=True,
            text=True,
            check=False,
        )

    @property
    def asked(self) -> list[str]:
        return (self.folder / "asked").read_text().splitlines()


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    (tmp_path / "bin").mkdir()
    for name in ("cat", "git"):
        (tmp_path / "bin" / name).symlink_to(f"/usr/bin/{name}")
    return Machine(tmp_path)


def test_without_a_builder_it_says_what_to_install(machine: Machine) -> None:
    done = machine.make("--tag", "V2")
    assert done.returncode == 1
    assert done.stderr.splitlines() == [
        "images: no docker, podman or buildah works here.",
        "One that needs no daemon, on Debian and Ubuntu: apt-get install buildah runc",
    ]


def test_docker_without_its_daemon_is_named_and_passed_over(machine: Machine) -> None:
    machine.install("docker", info=1)
    done = machine.make("--tag", "V2")
    assert (done.returncode, "`docker info` fails" in done.stderr) == (1, True)
    machine.install("buildah")
    assert machine.make("--tag", "V2").returncode == 0
    assert Path(machine.asked[0]).name == "buildah"


@pytest.mark.parametrize("name", ["docker", "podman", "buildah"])
def test_it_builds_both_images_by_the_names_that_specs_use(machine: Machine, name: str) -> None:
    machine.install(name)
    assert machine.make("--tag", "V2", "--base", "debian-python").returncode == 0
    asked = machine.asked
    assert [word for word in asked if "--tag" in word] == [
        "--tag=tycokit/stage:V2",
        "--tag=tycokit/lab:V2",
    ]
    assert asked.count("--build-arg=BASE=debian-python") == 2
    assert asked.count("--label=org.opencontainers.image.version=V2") == 2
    # only the docker format has a health command
    assert ("docker" in asked) is (name != "docker")


def test_a_builder_can_be_chosen(machine: Machine) -> None:
    machine.install("docker")
    machine.install("buildah")
    assert machine.make("--tag", "V2", "--builder", "buildah").returncode == 0
    assert Path(machine.asked[0]).name == "buildah"


def test_a_chosen_builder_that_does_not_work_is_named(machine: Machine) -> None:
    machine.install("docker", info=1)
    machine.install("buildah")
    for name, why in {"podman": "", "docker": "; `docker info` fails"}.items():
        done = machine.make("--tag", "V2", "--builder", name)
        assert done.returncode == 1
        assert done.stderr.splitlines()[0] == f"images: no {name} works here{why}."
        assert "apt-get install buildah runc" in done.stderr
    assert not (machine.folder / "asked").exists()


def test_the_first_that_cannot_be_built_ends_it(machine: Machine) -> None:
    machine.install("podman", build=125)
    done = machine.make("--tag", "V2")
    assert (done.returncode, done.stderr) == (
        1,
        "images: podman could not build tycokit/stage:V2\n",
    )


def test_an_unknown_image_is_refused(machine: Machine) -> None:
    done = machine.make("--tag", "V2", "stages")
    assert done.returncode == 2
    assert "no image stages; there are stage, lab" in done.stderr


def test_pip_in_the_build_reaches_what_pip_here_does(machine: Machine, tmp_path: Path) -> None:
    config = tmp_path / "mine.conf"
    config.write_text(
        "[global]\nindex-url = https://a.example/simple\nproxy = http://global.example\n"
        "[install]\nproxy = http://user:100%sure@install.example\nfind-links = /wheels\n"
    )
    machine.install("buildah")
    machine.make("--tag", "V2", "stage", PIP_CONFIG_FILE=str(config), PIP_CERT="/my/ca.crt")
    assert "--secret=id=pip-cert,src=/my/ca.crt" in machine.asked
    assert not [word for word in machine.asked if "example" in word]
    assert set((tmp_path / "pip.conf").read_text().split("\n")) == {
        "[global]",
        "index-url = https://a.example/simple",
        "proxy = http://user:100%sure@install.example",
        "cert = /run/secrets/pip-cert",
        "",
    }


def test_without_a_configuration_no_secret_is_handed_over(machine: Machine) -> None:
    machine.install("buildah")
    machine.make("--tag", "V2")
    assert not [word for word in machine.asked if "secret" in word]
