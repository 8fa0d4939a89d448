"""Pipelines whose datums wait, each until a test opens its gate."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pipeline_driver import Site
from python_pachyderm.service import pps_proto


class Gates:
    """A folder with a file for each datum that may go on, by the name of its input file."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(exist_ok=True)

    @property
    def lines(self) -> list[str]:
        """Shell lines that wait for the datum's gate; `in` is the input's name."""
        return [
            "set -e",
            f"until [ -e {self.folder}/all ] || [ -e {self.folder}/${{in##*/}} ]; do",
            "  sleep 0.05",
            "done",
        ]

    def open(self, *names: str) -> None:
        """Let these datums go on; without names, all."""
        for name in names or ("all",):
            (self.folder / name).touch()


def pipeline(site: Site, name: str, repo: str, *lines: str, **more: Any) -> None:
    """A pipeline that runs shell lines on each file of a repo, which it knows as `in`."""
    given = more.pop("input", None) or pps_proto.Input(
        pfs=pps_proto.PFSInput(repo=repo, glob="/*", name="in")
    )
    command = pps_proto.Transform(cmd=["sh"], stdin=["set -e", *lines])
    site.client.create_pipeline_from_request(
        pps_proto.CreatePipelineRequest(
            pipeline=pps_proto.Pipeline(name=name), transform=command, input=given, **more
        )
    )


def constant(number: int) -> Any:
    return pps_proto.ParallelismSpec(constant=number)


def one_a_set() -> Any:
    """Each datum is handed out for itself, so that all workers have one."""
    return pps_proto.DatumSetSpec(number=1)
