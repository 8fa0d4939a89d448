"""A datum in a container, laid out as Pachyderm's worker does."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

from image_workshop import ROOT, Container

UUID = "3b9aca00a1b24c3d8e4f5a6b7c8d9e0f"


def lay_out(pfs: Path, inputs: dict[str, Path]) -> dict[str, str]:
    """Make /pfs as a worker leaves it to user code; the variables that the worker sets.

    An input is a file, or the folder that is the whole repo.
    """
    datum = pfs / ".scratch" / UUID / "datum"
    (datum / "out").mkdir(parents=True)
    env = {"PACH_DATUM_ID": "datum", "PACH_JOB_ID": UUID, "PACH_OUTPUT_COMMIT_ID": UUID}
    env |= {"PPS_PIPELINE_NAME": "stage", "PPS_PROJECT_NAME": "default", "PACH_IN_WORKER": "true"}
    for name, path in inputs.items():
        if path.is_dir():
            shutil.copytree(path, datum / name)
            env[name] = f"/pfs/{name}"
        else:
            (datum / name).mkdir()
            shutil.copy(path, datum / name)
            env[name] = f"/pfs/{name}/{path.name}"
        env[f"{name}_COMMIT"] = UUID
    (datum / ".env").write_text("".join(f"{name}={value}\n" for name, value in env.items()))
    for entry in datum.iterdir():
        (pfs / entry.name).symlink_to(Path("/pfs") / entry.relative_to(pfs))
    for path in (pfs, *pfs.rglob("*")):
        os.chown(path, 1000, 1000, follow_symlinks=False)
    return env


def run_spec(container: Container, stage: str, pfs: Path, inputs: dict[str, Path]) -> Path:
    """Run the command of a stage's spec on a datum; the folder with its results."""
    spec = json.loads((ROOT / "specs" / f"{stage}.json").read_text())
    notebook = ROOT / "notebooks" / f"{stage.replace('-', '_')}.ipynb"
    env = lay_out(pfs, {**inputs, "notebook": notebook})
    printed = container.run(*spec["transform"]["cmd"], pfs=pfs, env=env)
    assert "runs cold" not in printed
    return pfs / ".scratch" / UUID / "datum" / "out"
