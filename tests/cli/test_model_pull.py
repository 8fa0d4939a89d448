"""Networks by name, fetched from a real server on loopback that behaves well or badly."""

from __future__ import annotations

import hashlib
import io
import re
import tarfile
import threading
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tycokit import models
from tycokit.errors import ModelError
from tycokit.models import Network

GRAPH = bytes(range(256)) * 4000  # 1 MB that is no network; only its digest counts
LABELS = b"???\nperson\n"


def tar(**members: bytes) -> bytes:
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w:gz") as archive:
        for name, content in members.items():
            entry = tarfile.TarInfo(name.replace("__", "/"))
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return made.getvalue()


def zipped(members: dict[str, bytes]) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return made.getvalue()


ARCHIVE = zipped({"net/detect.tflite": GRAPH, "net/labelmap.txt": LABELS, "../../evil": b"x"})


class Publisher:
    """An HTTP server that sends one archive; `breaks` connections end half-way."""

    def __init__(self) -> None:
        self.content = ARCHIVE
        self.breaks = 0
        self.ranges = True
        self.status = 200
        self.asked: list[str | None] = []
        publisher = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                publisher.answer(self)

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = False
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_port}/net.zip"

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        wanted = request.headers.get("Range")
        self.asked.append(wanted)
        if self.status != 200:
            request.send_error(self.status)
            return
        begin = 0
        if wanted and self.ranges:
            found = re.fullmatch(r"bytes=(\d+)-", wanted)
            assert found is not None
            begin = int(found[1])
            if begin >= len(self.content):
                request.send_response(416)
                request.send_header("Content-Range", f"bytes */{len(self.content)}")
                request.send_header("Content-Length", "0")
                request.end_headers()
                return
            request.send_response(206)
            last = len(self.content) - 1
            request.send_header("Content-Range", f"bytes {begin}-{last}/{len(self.content)}")
        else:
            request.send_response(200)
        body = self.content[begin:]
        request.send_header("Content-Length", str(len(body)))
        request.end_headers()
        if self.breaks:
            self.breaks -= 1
            body = body[: len(body) // 2]
        request.wfile.write(body)
        request.close_connection = True

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@pytest.fixture
def publisher() -> Iterator[Publisher]:
    made = Publisher()
    yield made
    made.close()


@pytest.fixture
def network(publisher: Publisher) -> Network:
    return Network(
        "net",
        "TFLite",
        "COCO",
        "Apache-2.0",
        publisher.url,
        "detect.tflite",
        len(GRAPH),
        hashlib.sha256(GRAPH).hexdigest(),
        "labelmap.txt",
    )


def test_a_network_is_fetched_whole_and_only_once(
    publisher: Publisher, network: Network, tmp_path: Path
) -> None:
    seen: list[tuple[int, int | None]] = []
    folder = models.fetch(network, tmp_path, lambda done, total: seen.append((done, total)))

    assert sorted(path.name for path in folder.iterdir()) == ["detect.tflite", "labelmap.txt"]
    assert (folder / "detect.tflite").read_bytes() == GRAPH
    assert (folder / "labelmap.txt").read_bytes() == LABELS
    assert [path.name for path in tmp_path.iterdir()] == ["net"]
    assert seen[-1] == (len(ARCHIVE), len(ARCHIVE))
    assert models.present(network, tmp_path)
    assert models.fetch(network, tmp_path) == folder
    assert len(publisher.asked) == 1


def test_a_download_that_breaks_off_goes_on_where_it_stopped(
    publisher: Publisher, network: Network, tmp_path: Path
) -> None:
    publisher.breaks = 2
    folder = models.fetch(network, tmp_path, pause=0)
    assert (folder / "detect.tflite").read_bytes() == GRAPH
    half = len(ARCHIVE) // 2
    rest = half + (len(ARCHIVE) - half) // 2
    assert publisher.asked == [None, f"bytes={half}-", f"bytes={rest}-"]


def test_a_server_that_ignores_ranges_is_read_from_the_start(
    publisher: Publisher, network: Network, tmp_path: Path
) -> None:
    publisher.breaks, publisher.ranges = 1, False
    folder = models.fetch(network, tmp_path, pause=0)
    assert (folder / "detect.tflite").read_bytes() == GRAPH


def test_what_broke_off_in_an_earlier_run_is_kept_for_the_next(
    publisher: Publisher, network: Network, tmp_path: Path
) -> None:
    publisher.breaks = 4
    with pytest.raises(ModelError, match=r"broke off after .* bytes are kept, run it again"):
        models.fetch(network, tmp_path, pause=0)
    publisher.asked.clear()
    assert models.fetch(network, tmp_path, pause=0).is_dir()
    assert publisher.asked[0] is not None


def test_a_part_that_is_whole_already_is_used(
    publisher: Publisher, network: Network, tmp_path: Path
) -> None:
    (tmp_path / "net.part").write_bytes(ARCHIVE)
    assert models.fetch(network, tmp_path).is_dir()


def test_a_part_of_another_file_is_thrown_away(
    publisher: Publisher, network: Network, tmp_path: Path
) -> None:
    (tmp_path / "net.part").write_bytes(b"x" * (len(ARCHIVE) + 1))
    assert models.fetch(network, tmp_path).is_dir()


def test_a_network_with_another_digest_is_refused_and_not_kept(
    publisher: Publisher, network: Network, tmp_path: Path
) -> None:
    other = replace(network, sha256="0" * 64)
    with pytest.raises(ModelError, match=r"has SHA-256 .*, not 0{64}: it is not the network"):
        models.fetch(other, tmp_path)
    assert list(tmp_path.iterdir()) == []
    assert not models.present(other, tmp_path)


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: b"<html>not here</html>", "sent no archive that can be read"),
        (lambda: tar(net__other=b"x"), "holds no detect.tflite"),
        (lambda: zipped({"detect.tflite": b"x" * 9_000_000}), "has SHA-256"),
        (lambda: tar(net__detect=b"x" * 99_999)[:-40], "holds no|no archive"),
    ],
)
def test_an_archive_without_the_network_is_refused(
    publisher: Publisher,
    network: Network,
    tmp_path: Path,
    make: Callable[[], bytes],
    says: str,
) -> None:
    publisher.content = make()
    with pytest.raises(ModelError, match=says):
        models.fetch(network, tmp_path, pause=0)
    assert list(tmp_path.iterdir()) == []


def test_a_tar_is_taken_apart_too(publisher: Publisher, network: Network, tmp_path: Path) -> None:
    publisher.content = tar(
        **{"deep__frozen_inference_graph.pb": GRAPH, "..__..__evil": b"x", "deep__x.ckpt": b"y"}
    )
    frozen = replace(network, member="frozen_inference_graph.pb", labels=None)
    folder = models.fetch(frozen, tmp_path / "models")
    assert [path.name for path in folder.iterdir()] == ["frozen_inference_graph.pb"]
    assert [path.name for path in tmp_path.iterdir()] == ["models"]


@pytest.mark.parametrize(("status", "tries"), [(404, 1), (503, 4)])
def test_a_refusal_is_told_at_once_and_trouble_is_tried_again(
    publisher: Publisher, network: Network, tmp_path: Path, status: int, tries: int
) -> None:
    publisher.status = status
    with pytest.raises(ModelError, match=f"answers {status}"):
        models.fetch(network, tmp_path, pause=0)
    assert len(publisher.asked) == tries


def test_a_publisher_that_is_away_is_named(
    publisher: Publisher, network: Network, tmp_path: Path
) -> None:
    publisher.status = 500
    away = replace(network, url="http://127.0.0.1:9/net.zip")
    with pytest.raises(ModelError, match=r"net: cannot fetch http://127\.0\.0\.1:9/net\.zip: .*"):
        models.fetch(away, tmp_path, pause=0)


def test_names_are_found_or_the_nearest_is_told() -> None:
    assert models.find("mtcnn").url is None
    with pytest.raises(ModelError, match="did you mean ssd_mobilenet_v1_coco_2017_11_17"):
        models.find("ssd_mobilenet_v1_coco_2017_11_1")
    with pytest.raises(ModelError, match="tycokit model list"):
        models.find("qqqq")


def test_what_to_commit_for_each_way_to_name_a_network(tmp_path: Path) -> None:
    fetched = tmp_path / "models"
    folder = tmp_path / "mine"
    (folder / "variables").mkdir(parents=True)
    (folder / "saved_model.pb").write_bytes(b"x")
    (folder / "variables" / "data").write_bytes(b"y")
    single = tmp_path / "single"
    single.mkdir()
    for name in ("net.tflite", "labelmap.txt", "notes.md"):
        (single / name).write_bytes(b"z")

    def paths(weights: str) -> list[str]:
        return [item.path for item in models.files(weights, fetched)]

    assert paths("mtcnn") == ["/mtcnn"]
    assert paths(str(folder)) == ["/saved_model.pb", "/variables/data"]
    assert paths(str(single / "net.tflite")) == ["/net.tflite", "/labelmap.txt"]
    with pytest.raises(ModelError, match="no such file or folder"):
        paths(str(tmp_path / "none.pb"))
    with pytest.raises(ModelError, match="tycokit model pull ssdlite_mobilenet_v2_coco_2018_05_09"):
        paths("ssdlite_mobilenet_v2_coco_2018_05_09")
