"""A datum in a container, laid out as Pachyderm's worker does."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from containers import Container
from image_workshop import ROOT

UUID = "3b9aca00a1b24c3d8e4f5a6b7c8d9e0f"


@dataclass(frozen=True, slots=True)
class Match:
    """What a glob found in a repo, which is a folder here: a file, a folder, or the whole of it.

    `group`: the key of its group; the glob found all of the repo then.
    """

    repo: Path
    path: str = "/"
    group: str = ""


def lay_out(pfs: Path, inputs: Mapping[str, Match]) -> dict[str, str]:
    """Make /pfs as a worker leaves it to user code; the variables that the worker sets."""
    datum = pfs / ".scratch" / UUID / "datum"
    (datum / "out").mkdir(parents=True)
    env = {"PACH_DATUM_ID": "datum", "PACH_JOB_ID": UUID, "PACH_OUTPUT_COMMIT_ID": UUID}
    env |= {"PPS_PIPELINE_NAME": "stage", "PPS_PROJECT_NAME": "default", "PACH_IN_WORKER": "true"}
    for name, match in inputs.items():
        inside = match.path.strip("/")
        source, target = match.repo / inside, datum / name / inside
        if source.is_dir():
            shutil.copytree(source, target)
        else:
            target.parent.mkdir(parents=True)
            shutil.copy(source, target)
        env[name] = f"/pfs/{name}/{inside}".rstrip("/")
        env[f"{name}_COMMIT"] = UUID
        if match.group:
            env[f"PACH_DATUM_{name}_GROUP_BY"] = match.group
    (datum / ".env").write_text("".join(f"{name}={value}\n" for name, value in env.items()))
    for entry in datum.iterdir():
        (pfs / entry.name).symlink_to(Path("/pfs") / entry.relative_to(pfs))
    for path in (pfs, *pfs.rglob("*")):
        os.chown(path, 1000, 1000, follow_symlinks=False)
    return env


def run_spec(container: Container, stage: str, pfs: Path, inputs: Mapping[str, Match]) -> Path:
    """Run the command of a stage's spec on a datum; the folder with its results."""
    spec = json.loads((ROOT / "specs" / f"{stage}.json").read_text())
    notebook = Match(ROOT / "notebooks", f"/{stage.replace('-', '_')}.ipynb")
    env = lay_out(pfs, {**inputs, "notebook": notebook})
    printed = container.run(*spec["transform"]["cmd"], pfs=pfs, env=env)
    assert "runs cold" not in printed
    return pfs / ".scratch" / UUID / "datum" / "out"
