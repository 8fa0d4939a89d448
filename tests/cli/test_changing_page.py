"""docs/changing.md: its commands run on a pachd, say what it shows, and process what it says."""

from __future__ import annotations

import json
import os
import pty
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import nbformat
import pytest
from pipeline_driver import NETWORK, ROOT, STAGES, Site, counts, photograph

from tycokit import models, samples
from tycokit.contexts import config

PAGE = (ROOT / "docs" / "changing.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```console\n(.*?)```", PAGE, re.S)


class Reader:
    """Somebody who follows the page, in a folder of their own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.site = Site(folder)
        self.config = folder / "config.json"
        port, token = self.site.pachd.port, self.site.client.auth_token
        config.register(self.config, config.Context("here", f"grpc://127.0.0.1:{port}", token))
        (folder / "specs").mkdir()
        for stage in STAGES:
            shutil.copy(ROOT / "specs" / f"{stage}.json", folder / "specs")
        shutil.copytree(ROOT / "notebooks", folder / "notebooks")
        (folder / "rules.json").write_text(json.dumps(samples.rules()))
        client = self.site.client
        for repo in ("weights", "rules"):
            client.create_repo(repo)
        files = models.files(NETWORK, folder / "models")
        self.site.put("weights", {item.path: item.source.read_bytes() for item in files})
        self.site.put("rules", {"/rules.json": json.dumps(samples.rules()).encode()})
        self.types("tycokit deploy")
        person, nobody = photograph(person=True), photograph(person=False)
        pictures = {
            "/dev1_1511891098.jpg": person,
            "/dev1_1511891158.jpg": nobody,
            "/dev2_1511891218.jpg": person,
        }
        self.site.jobs(self.site.put("images", pictures))

    def types(self, line: str) -> str:
        """What a command of the page says, with `y` typed where it asks; it must succeed."""
        words = shlex.split(line)
        assert words[0] == "tycokit", line
        ours, theirs = pty.openpty()
        try:
            os.write(ours, b"y\n")
            done = subprocess.run(
                [sys.executable, "-m", *words],
                stdin=theirs,
                capture_output=True,
                text=True,
                cwd=self.folder,
                env={**os.environ, "PACH_CONFIG": str(self.config), "COLUMNS": "300"},
                timeout=120,
                check=False,
            )
        finally:
            os.close(ours)
            os.close(theirs)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def does(self, block: str) -> None:
        """Run a block's command, and see that it says what the page shows of it."""
        command, *shown = block.strip().splitlines()
        said = [line.strip() for line in self.types(command.removeprefix("$ ")).splitlines()]
        for line in shown:
            assert any(one.startswith(line.strip()) for one in said), (line, said)

    def edit(self, path: str, old: str, new: str) -> None:
        file = self.folder / path
        text = file.read_text()
        assert old in text
        file.write_text(text.replace(old, new))

    def processed(self, *pipelines: str) -> dict[str, tuple[int, int]]:
        """Datums of the newest job of each pipeline, once it has ended: processed, skipped."""
        found = {}
        for name in pipelines:
            newest = next(self.site.client.list_job(name, history=-1)).job.id
            processed, skipped, failed = counts(self.site.job(name, newest))
            assert failed == 0
            found[name] = (processed, skipped)
        return found


@pytest.fixture
def reader(tmp_path: Path) -> Iterator[Reader]:
    made = Reader(tmp_path)
    yield made
    made.site.pachd.stop()


@pytest.mark.timeout(600)  # every stage starts cold on a busy machine
def test_what_the_page_says_runs_again_runs_again(reader: Reader) -> None:
    assert reader.processed(*STAGES) == {
        "validate": (3, 0),
        "model": (3, 0),
        "threat-detect": (3, 0),
        "annotate": (2, 0),
        "plot": (1, 0),
    }
    page = iter(BLOCKS)

    # a notebook that decides as before
    notebook = reader.folder / "notebooks" / "threat_detect.ipynb"
    read = nbformat.read(notebook, as_version=4)
    read.cells.append(nbformat.v4.new_markdown_cell("another word"))
    nbformat.write(read, notebook)
    reader.does(next(page))
    assert reader.processed("validate", "model", "threat-detect", "annotate") == {
        "validate": (0, 3),
        "model": (0, 3),
        "threat-detect": (3, 0),
        "annotate": (0, 2),
    }

    # another image tag, and then for one stage all again
    reader.does(next(page))
    assert reader.processed(*STAGES) == {
        "validate": (0, 3),
        "model": (0, 3),
        "threat-detect": (0, 3),
        "annotate": (0, 2),
        "plot": (0, 1),
    }
    images = {
        info.details.transform.image for info in reader.site.client.list_pipeline(details=True)
    }
    assert images == {"tycokit/stage:V2"}
    reader.does(next(page))
    assert reader.processed("validate", "model", "threat-detect") == {
        "validate": (0, 3),
        "model": (3, 0),
        "threat-detect": (0, 3),
    }

    # a parameter in the spec
    reader.edit("specs/model.json", '"0.5"', '"0.6"')
    reader.does(next(page))
    assert reader.processed("model") == {"model": (0, 3)}
    reader.edit("specs/model.json", '"0.6"', '"0.4"')
    reader.does(next(page))
    assert reader.processed("model") == {"model": (3, 0)}

    # an input in the spec
    reader.edit("specs/model.json", '"/valid/*"', '"/valid/dev1_*"')
    reader.does(next(page))
    assert reader.processed("model", "threat-detect") == {
        "model": (0, 2),
        "threat-detect": (0, 2),
    }
    assert reader.site.paths("threat-detect", "/**.json") == ["/dev1/1511891098.json"]

    # rules, workers, a stage less
    reader.edit("rules.json", "{", "{ ")
    reader.does(next(page))
    assert reader.processed("threat-detect", "annotate") == {
        "threat-detect": (2, 0),
        "annotate": (0, 1),
    }
    reader.does(next(page))
    assert reader.processed("model") == {"model": (0, 2)}
    (reader.folder / "specs" / "plot.json").unlink()
    reader.does(next(page))
    assert "plot" not in {info.pipeline.name for info in reader.site.client.list_pipeline()}
    assert list(page) == []
