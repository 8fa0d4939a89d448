"""Executed notebooks, to be compared."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import nbformat


def read(path: Path) -> list[Any]:
    """An executed notebook's sources and outputs; what differs between two cold runs is left out.

    A kernel sends text whenever a timer runs out, so neighbouring pieces of a stream are joined.
    """
    found = []
    for cell in nbformat.read(path, as_version=4).cells:
        outputs: list[dict[str, Any]] = []
        for output in cell.get("outputs", []):
            part = dict(output)
            if "text" in part:
                part["text"] = re.sub(r"ipykernel_\d+", "ipykernel_N", part["text"])
            if "traceback" in part:
                part["traceback"] = [re.sub(r"ipykernel_\d+", "", t) for t in part["traceback"]]
            last = outputs[-1] if outputs else {}
            if part["output_type"] == "stream" and last.get("name") == part["name"]:
                last["text"] += part["text"]
            else:
                outputs.append(part)
        found.append((cell.cell_type, cell.source, outputs, cell.get("execution_count")))
    return found
