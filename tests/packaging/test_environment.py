"""pyproject.toml, both locks and environment.yml name the same packages and versions."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).parents[2]
LOCKS = ["requirements.lock", "requirements-stage.lock"]
PYTHONS = ["3.10.13", "3.11.2", "3.12.3"]
HASH = re.compile(r"--hash=sha256:[0-9a-f]{64}")

# conda-forge's name where it is not PyPI's.
CONDA_NAMES = {
    "jupyter-client": "jupyter_client",
    # plain `matplotlib` there brings a Qt desktop along
    "matplotlib": "matplotlib-base",
}


@dataclass(frozen=True, slots=True)
class Pin:
    requirement: Requirement
    hashes: tuple[str, ...]
    line: str

    @property
    def name(self) -> str:
        return canonicalize_name(self.requirement.name)

    @property
    def version(self) -> Version:
        (specifier,) = self.requirement.specifier
        assert specifier.operator == "==", self.line
        return Version(specifier.version)


def applies(requirement: Requirement, python: str) -> bool:
    return requirement.marker is None or requirement.marker.evaluate(debian(python))


def debian(python: str) -> dict[str, str]:
    """The markers of CPython on Linux, whatever runs this test."""
    return {
        "implementation_name": "cpython",
        "os_name": "posix",
        "platform_machine": "x86_64",
        "platform_python_implementation": "CPython",
        "platform_system": "Linux",
        "python_full_version": python,
        "python_version": python.rpartition(".")[0],
        "sys_platform": "linux",
        "extra": "",
    }


def read_lock(name: str) -> Iterator[Pin]:
    for line in (ROOT / name).read_text().replace("\\\n", " ").splitlines():
        requirement, *hashes = re.split(r"\s+(?=--hash=)", line.strip())
        yield Pin(Requirement(requirement), tuple(hashes), line)


def locked(name: str, python: str) -> dict[str, Version]:
    """Version by package name, as pip on that Python takes them from the lock."""
    found: dict[str, Version] = {}
    for pin in read_lock(name):
        if applies(pin.requirement, python):
            assert pin.name not in found, f"{name} pins {pin.name} twice on Python {python}"
            found[pin.name] = pin.version
    return found


def project() -> dict[str, Any]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text())


def base() -> list[Requirement]:
    return [Requirement(text) for text in project()["project"]["dependencies"]]


def extras() -> list[Requirement]:
    tables = project()["project"]["optional-dependencies"].values()
    return [Requirement(text) for table in tables for text in table]


def build() -> list[Requirement]:
    return [Requirement(text) for text in project()["dependency-groups"]["build"]]


def names(requirements: list[Requirement], python: str) -> set[str]:
    return {canonicalize_name(wanted.name) for wanted in requirements if applies(wanted, python)}


@dataclass(frozen=True, slots=True)
class Environment:
    """environment.yml: specifiers by PyPI's package name, and the Python of PYTHONS it takes."""

    conda: dict[str, SpecifierSet]
    pip: dict[str, SpecifierSet]
    python: str


def environment() -> Environment:
    document = yaml.safe_load((ROOT / "environment.yml").read_text())
    *conda_texts, last = document["dependencies"]
    pypi_names = {there: here for here, there in CONDA_NAMES.items()}
    conda: dict[str, SpecifierSet] = {}
    for text in conda_texts:
        name, _, version = text.partition("=")
        # conda's `name=1.2` means any 1.2.x
        conda[pypi_names.get(name, name)] = SpecifierSet(f"=={version}.*" if version else "")
    pip: dict[str, SpecifierSet] = {}
    for text in last["pip"]:
        if not text.startswith("-"):
            requirement = Requirement(text)
            pip[canonicalize_name(requirement.name)] = requirement.specifier
    del conda["pip"]
    (python,) = conda.pop("python").filter(PYTHONS)
    return Environment(conda, pip, python)


@pytest.mark.parametrize("lock", LOCKS)
def test_every_line_of_a_lock_is_one_version_with_hashes_and_no_address(lock: str) -> None:
    text = (ROOT / lock).read_text()
    assert "://" not in text
    assert " @ " not in text
    pins = list(read_lock(lock))
    assert pins
    for pin in pins:
        assert pin.version
        assert pin.hashes, pin.line
        assert all(HASH.fullmatch(found) for found in pin.hashes), pin.line


@pytest.mark.parametrize("python", PYTHONS)
def test_the_locks_hold_versions_that_pyproject_allows(python: str) -> None:
    wanted = [base() + build() + extras(), base() + build()]
    for lock, requirements in zip(LOCKS, wanted, strict=True):
        versions = locked(lock, python)
        for requirement in requirements:
            if not applies(requirement, python):
                continue
            name = canonicalize_name(requirement.name)
            assert name in versions, f"{lock} lacks {name}: make lock"
            assert requirement.specifier.contains(versions[name]), f"{lock}: {name}: make lock"


@pytest.mark.parametrize("python", PYTHONS)
def test_a_stage_container_has_the_versions_of_the_whole_lock(python: str) -> None:
    stage = locked("requirements-stage.lock", python)
    whole = locked("requirements.lock", python)
    assert stage.items() <= whole.items()
    hashes = {(pin.name, pin.version): pin.hashes for pin in read_lock("requirements.lock")}
    for pin in read_lock("requirements-stage.lock"):
        assert hashes[pin.name, pin.version] == pin.hashes


def test_a_stage_container_has_no_jupyterlab_and_nothing_else_of_the_extras() -> None:
    for python in PYTHONS:
        stage = locked("requirements-stage.lock", python)
        assert not {"jupyterlab", "jupyter-server", "ipywidgets", "anywidget"} & stage.keys()
        assert not {"pytest", "mypy", "ruff", "hypothesis"} & stage.keys()


def test_environment_yml_names_every_dependency_once_and_nothing_else() -> None:
    found = environment()
    assert not found.conda.keys() & found.pip.keys()
    assert found.conda.keys() | found.pip.keys() == names(base() + extras(), found.python)


def test_environment_yml_takes_the_versions_of_the_lock() -> None:
    found = environment()
    versions = locked("requirements.lock", found.python)
    for name, specifier in (found.conda | found.pip).items():
        assert len(specifier) == 1, f"{name} has no version in environment.yml"
        assert specifier.contains(versions[name]), f"{name}: the lock has {versions[name]}"


def test_environment_yml_asks_conda_forge_only_and_installs_tycokit_itself() -> None:
    document = yaml.safe_load((ROOT / "environment.yml").read_text())
    assert document["channels"] == ["conda-forge", "nodefaults"]
    assert "-e ." in document["dependencies"][-1]["pip"]


def test_environment_yml_takes_what_protobuf_ties_together_from_pip() -> None:
    tied = {"protobuf", "python-pachyderm", "tensorflow", "grpcio"}
    assert tied <= environment().pip.keys()


def test_pyproject_declares_what_runs_on_each_python_that_it_names() -> None:
    document = project()["project"]
    allowed = SpecifierSet(document["requires-python"])
    named = {
        text.rpartition(" ")[2]
        for text in document["classifiers"]
        if text.startswith("Programming Language :: Python :: ")
    }
    assert named == {python.rpartition(".")[0] for python in PYTHONS}
    assert all(allowed.contains(python) for python in PYTHONS)
    assert not allowed.contains("3.9.18")
    assert not allowed.contains("3.13.0")
