"""From what the stages left about some pictures to one row a picture."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

from tycokit.errors import BadName
from tycokit.vision import names


def bucket(environ: Mapping[str, str]) -> str:
    """What the datum's pictures have in common, as a file's name: the key of its group."""
    return quote(environ.get("PACH_DATUM_reports_GROUP_BY", "0"), safe="")


def rows(
    reports: Path,
    detections: Path,
    model_runs: Path,
    threats: Path,
    threat_runs: Path,
    receipts: Path,
) -> list[dict[str, Any]]:
    """A row a picture, of the folders that hold each stage's files; one may be missing.

    `reports` is validate's, the others have `<user-device>/<time>` below them. The rows have the
    columns of `table.SCHEMA`.
    """
    found: dict[str, dict[str, Any]] = {}
    for file in _files(reports, "**/*.json"):
        report = json.loads(file.read_bytes())
        found[report["name"]] = _row(report["name"], report["valid"], report["reason"])
    for file in _files(detections, "*/*.json"):
        seen = json.loads(file.read_bytes())
        row = found.setdefault(seen["picture"], _row(seen["picture"], True, ""))
        place = Path(seen["device"], seen["time"])
        weights = seen.get("weights", {})
        row |= {
            "objects": seen["objects"],
            "weights": weights.get("name", ""),
            "weights_sha256": weights.get("sha256", ""),
        }
        commits, seconds = _run(model_runs / f"{place}.ipynb")
        row |= {
            "weights_commit": commits.get("weights", ""),
            "model_notebook_commit": commits.get("notebook", ""),
            "seconds": seconds,
        }
        _add_threat(row, threats / f"{place}.json", threat_runs / f"{place}.ipynb")
        _add_receipts(row, receipts / f"{place}.json")
    return list(found.values())


def _row(name: str, valid: bool, reason: str) -> dict[str, Any]:
    device, time = "", None
    try:
        parsed = names.parse(name)
        device = parsed.device
        time = names.moment(parsed.time)
    except (BadName, OverflowError, ValueError):
        pass  # refused for just that: its row has no time
    return {
        "device": device,
        "time": time,
        "picture": name,
        "valid": valid,
        "reason": reason,
        "objects": [],
        "matched": False,
        "rules": [],
        "alerts": [],
        **dict.fromkeys(("weights", "weights_sha256", "weights_commit", "rules_commit"), ""),
        **dict.fromkeys(("model_notebook_commit", "threat_notebook_commit"), ""),
        "seconds": None,
    }


def _add_threat(row: dict[str, Any], threat: Path, run: Path) -> None:
    commits, _ = _run(run)
    row["rules_commit"] = commits.get("rules", "")
    row["threat_notebook_commit"] = commits.get("notebook", "")
    if threat.is_file():
        row["matched"] = True
        row["rules"] = [str(rule["id"]) for rule in json.loads(threat.read_bytes())["rules"]]


def _add_receipts(row: dict[str, Any], file: Path) -> None:
    if file.is_file():
        row["alerts"] = [
            {**receipt, "at": datetime.fromisoformat(receipt["at"]) if receipt["at"] else None}
            for receipt in json.loads(file.read_bytes())["receipts"]
        ]


def _run(notebook: Path) -> tuple[Mapping[str, str], float | None]:
    """The commits that an executed notebook was made from, and the seconds that it took."""
    if not notebook.is_file():
        return {}, None
    metadata = json.loads(notebook.read_bytes())["metadata"]
    return (
        metadata.get("tycokit", {}).get("commits", {}),
        metadata.get("papermill", {}).get("duration"),
    )


def _files(folder: Path, glob: str) -> list[Path]:
    return sorted(folder.glob(glob)) if folder.is_dir() else []
