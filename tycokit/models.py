"""Networks by name: where their publisher keeps them, and how to be sure that it is them.

    fetch(find("ssd_mobilenet_v1_coco_2017_11_17"), folder)     # the network's folder

Only the network and its label map are taken out of an archive, each written under a name of our
own, so that an archive cannot write anywhere else.
"""

from __future__ import annotations

import difflib
import hashlib
import shutil
import tarfile
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from tycokit import download
from tycokit.errors import ModelError
from tycokit.repos.upload import Item
from tycokit.vision import labels

_ZOO = "http://download.tensorflow.org/models/object_detection"
_TFLITE = "https://storage.googleapis.com/download.tensorflow.org/models/tflite"
_MOST_LABELS = 1_000_000  # bytes


@dataclass(frozen=True, slots=True)
class Network:
    """A network that can be had by name.

    `member` is its file's name in the archive at `url`, `size` that file's bytes and `sha256`
    their digest. `labels` is the label map's name in the archive, None where the classes are
    COCO's own numbers. `url` None: it needs no download.
    """

    name: str
    kind: str
    classes: str
    licence: str
    url: str | None = None
    member: str = ""
    size: int = 0
    sha256: str = ""
    labels: str | None = None


def _frozen(name: str, size: int, sha256: str) -> Network:
    return Network(
        name,
        "frozen graph",
        "COCO, 90",
        "Apache-2.0",
        f"{_ZOO}/{name}.tar.gz",
        "frozen_inference_graph.pb",
        size,
        sha256,
    )


NETWORKS = (
    Network("mtcnn", "built in", "faces, as person", "MIT"),
    Network(
        "coco_ssd_mobilenet_v1_1.0_quant_2018_06_29",
        "TFLite",
        "COCO, 90",
        "Apache-2.0",
        f"{_TFLITE}/coco_ssd_mobilenet_v1_1.0_quant_2018_06_29.zip",
        "detect.tflite",
        4_183_312,
        "e4b118e5e4531945de2e659742c7c590f7536f8d0ed26d135abcfe83b4779d13",
        "labelmap.txt",
    ),
    _frozen(
        "ssd_mobilenet_v1_coco_11_06_2017",
        29_185_289,
        "5df5c1431478e140f7ba87ecd9312fbc128df8e581dd5fb905f6c976a7fc857a",
    ),
    _frozen(
        "ssd_mobilenet_v1_coco_2017_11_17",
        29_112_121,
        "cb3ce31b95a54162c25d951780a740a8767e6f9987298ec53d3146f0a5506858",
    ),
    _frozen(
        "ssdlite_mobilenet_v2_coco_2018_05_09",
        19_911_343,
        "69e5b91a3e24b3d424f3c7590ce404598e1a0fa334a2254e57fdb3014ebbb589",
    ),
)


def find(name: str) -> Network:
    """The network of that name. Raises ModelError, with the name most like it."""
    known = {network.name: network for network in NETWORKS}
    if name in known:
        return known[name]
    near = difflib.get_close_matches(name, list(known), n=1)
    hint = f"did you mean {near[0]}?" if near else "`tycokit model list` shows those there are"
    raise ModelError(name, f"is not a network that can be had by name; {hint}")


def present(network: Network, folder: Path) -> bool:
    """Whether the network was fetched into `folder` before."""
    file = folder / network.name / network.member
    return network.url is None or (file.is_file() and file.stat().st_size == network.size)


def fetch(
    network: Network,
    folder: Path,
    progress: download.Progress = download.quiet,
    *,
    pause: float = 1.0,
) -> Path:
    """The folder with the network and its label map, fetched from its publisher if need be.

    Raises ModelError when it cannot be fetched, or is not the network that it should be.
    """
    if network.url is None:
        raise ModelError(network.name, "is built in: there is nothing to fetch")
    target = folder / network.name
    if present(network, folder) and _digest(target / network.member) == network.sha256:
        return target
    archive = folder / f"{network.name}.part"
    download.fetch(network.name, network.url, archive, progress, pause=pause)
    staged = Path(tempfile.mkdtemp(prefix=f".{network.name}.", dir=folder))
    try:
        try:
            _unpack(network, archive, staged)
        except ModelError:
            archive.unlink(missing_ok=True)  # going on from bytes that are wrong never ends
            raise
        if target.exists():
            shutil.rmtree(target)
        staged.chmod(0o755)
        staged.replace(target)
    finally:
        shutil.rmtree(staged, ignore_errors=True)
    archive.unlink(missing_ok=True)
    return target


def files(weights: str, folder: Path) -> list[Item]:
    """What to commit for a path, a fetched network's name, or `mtcnn`: the files of the network.

    A folder's files keep their paths below it; a file takes the label map beside it along.
    `mtcnn` is a file of that name, which says that no other is needed; it is made in `folder`.
    Raises ModelError.
    """
    path = Path(weights)
    if weights == "mtcnn":
        marker = folder / "mtcnn"
        marker.parent.mkdir(parents=True, exist_ok=True)
        marker.write_text("the detector of the Python package mtcnn; its weights are in it\n")
        return [Item(marker, "/mtcnn")]
    if not path.exists():
        network = find(weights) if "/" not in weights and not path.suffix else None
        if network is None:
            raise ModelError(weights, "there is no such file or folder")
        path = folder / network.name
        if not present(network, folder):
            raise ModelError(weights, f"is not here yet; `tycokit model pull {weights}` fetches it")
    if path.is_dir():
        found = [file for file in sorted(path.rglob("*")) if file.is_file()]
        if not found:
            raise ModelError(weights, "is an empty folder")
        return [Item(file, f"/{file.relative_to(path).as_posix()}") for file in found]
    label_map = labels.beside(path.parent)
    beside = [Item(label_map, f"/{label_map.name}")] if label_map else []
    return [Item(path, f"/{path.name}"), *beside]


def _unpack(network: Network, archive: Path, folder: Path) -> None:
    with _member(network, archive, network.member) as source:
        digest = hashlib.sha256()
        size = 0
        with (folder / network.member).open("wb") as target:
            # (no further than it may be long: an archive can unpack to any size)
            while size <= network.size and (chunk := source.read(1 << 20)):
                digest.update(chunk)
                size += len(chunk)
                target.write(chunk)
    if digest.hexdigest() != network.sha256:
        raise ModelError(
            network.name,
            f"{network.member} in {network.url} has SHA-256 {digest.hexdigest()}, not"
            f" {network.sha256}: it is not the network that was asked for",
        )
    if network.labels is not None:
        with _member(network, archive, network.labels) as source:
            text = source.read(_MOST_LABELS)
        (folder / network.labels).write_bytes(text)


@contextmanager
def _member(network: Network, archive: Path, name: str) -> Iterator[IO[bytes]]:
    """The one plain file of that name in an archive, in whatever folder it lies."""
    try:
        if zipfile.is_zipfile(archive):
            with zipfile.ZipFile(archive) as opened:
                names = [n for n in opened.namelist() if n.rpartition("/")[2] == name]
                if names:
                    with opened.open(names[0]) as source:
                        yield source
                    return
        else:
            with tarfile.open(archive) as packed:
                for entry in packed:
                    if entry.isfile() and entry.name.rpartition("/")[2] == name:
                        found = packed.extractfile(entry)
                        if found is not None:
                            with found:
                                yield found
                            return
    except (tarfile.TarError, zipfile.BadZipFile, zlib.error, EOFError, OSError) as error:
        raise ModelError(
            network.name, f"{network.url} sent no archive that can be read: {error}"
        ) from error
    raise ModelError(network.name, f"the archive {network.url} holds no {name}")


def _digest(path: Path) -> str:
    with path.open("rb") as stream:
        digest = hashlib.sha256()
        while chunk := stream.read(1 << 20):
            digest.update(chunk)
        return digest.hexdigest()
