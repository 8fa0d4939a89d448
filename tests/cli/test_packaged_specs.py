"""An installed wheel has the specs and notebooks that a checkout has."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

from tycokit import packaged

ROOT = Path(__file__).parents[2]


def test_the_wheel_brings_specs_and_notebooks(tmp_path: Path) -> None:
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)],
        cwd=ROOT,
        check=True,
        capture_output=True,
        timeout=120,
    )
    (wheel,) = tmp_path.glob("*.whl")
    zipfile.ZipFile(wheel).extractall(tmp_path / "installed")
    code = "from tycokit import packaged; print(packaged.specs(), packaged.notebooks())"
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={"PYTHONPATH": str(tmp_path / "installed")},
        cwd=tmp_path,
        check=True,
        capture_output=True,
        text=True,
        timeout=60,
    )
    specs, notebooks = map(Path, done.stdout.split())
    assert specs.is_relative_to(tmp_path)
    for theirs, ours in ((specs, packaged.specs()), (notebooks, packaged.notebooks())):
        assert ours.is_relative_to(ROOT)
        found = {path.name: path.read_bytes() for path in theirs.iterdir()}
        assert found.keys() == {path.name for path in ours.iterdir()}
        assert found == {name: (ours / name).read_bytes() for name in found}
