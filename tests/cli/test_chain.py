"""From a file dropped into a folder to a mail with its picture, and to the report of the day."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from command import tycokit
from receivers import mail_server, wait_for

from tycokit import samples
from tycokit.client import connect

ROOT = Path(__file__).parents[2]
RULES = """{"from_email": "alerts@example.com", "rules": [
  {"id": "people", "unsafe": ["person"], "notify": ["guard@example.com"], "cool_down": "1h"}
]}"""


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Path]:
    """A pachd with all pipelines, the offline detector and a rule; the folder with its config."""
    config, data = tmp_path / "config.json", tmp_path / "data"

    def run(*words: str) -> None:
        done = tycokit(ROOT, config, *words)
        assert done.returncode == 0, done.stderr

    run("up", "--data", str(data), "--port", "0")
    try:
        run("deploy", "--yes")
        run("model", "put", "mtcnn")
        (tmp_path / "rules.json").write_text(RULES)
        run("put", "--repo", "rules", str(tmp_path / "rules.json"))
        yield tmp_path
    finally:
        tycokit(ROOT, config, "down", "--data", str(data))


@pytest.mark.timeout(400)  # every stage starts cold, the detector with TensorFlow
def test_from_a_dropped_file_to_a_mail_and_the_report(site: Path) -> None:
    config, camera = site / "config.json", site / "camera"
    camera.mkdir()
    environ = {**os.environ, "PACH_CONFIG": str(config)}
    with mail_server() as (server, url):
        subprocess.run(
            [sys.executable, "-m", "tycokit", "targets", "set", "mail"],
            input=url,
            env=environ,
            text=True,
            check=True,
            timeout=60,
            stdout=subprocess.DEVNULL,
        )
        watch = subprocess.Popen(
            [sys.executable, "-m", "tycokit", "watch", str(camera), "--settle", "0.2"],
            env=environ,
            stdout=subprocess.DEVNULL,
        )
        try:
            picture = samples.picture(camera)
            wait_for(server.messages, 1, seconds=240)
        except AssertionError:
            pytest.fail(tycokit(site, config, "status").stdout)
        finally:
            watch.terminate()
            watch.wait(30)
    (message,) = server.messages
    assert message["To"] == "guard@example.com"
    assert message["Subject"] == "Threat at dev1: person 99 %"
    (image,) = [part for part in message.walk() if part.get_content_type() == "image/jpeg"]
    assert len(image.get_payload(decode=True)) > 10_000
    client = connect(config)
    list(client.wait_commit(client.inspect_branch("images", "master").head.id))
    done = tycokit(site, config, "report", "--day", "2017-11-28")
    assert done.returncode == 0, done.stderr
    page = Path(done.stdout.strip()).read_text()
    assert "person" in page
    assert "guard@example.com: sent" in page
    assert picture.stem.partition("_")[0] in page
    assert (site / "report" / "usage.html").is_file()
    records = tycokit(site, config, "records")
    assert records.returncode == 0, records.stderr
    traced = tycokit(site, config, "trace", "threat-detect@master:/dev1/1511891098.json")
    assert traced.returncode == 0, traced.stderr
    assert picture.name in traced.stdout
