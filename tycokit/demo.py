"""The main job from end to end: pictures in, alerts and plots out, through any pachd."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from python_pachyderm import Client

from tycokit.deploying import present
from tycokit.deploying.actions import Fill
from tycokit.deploying.apply import apply
from tycokit.deploying.plan import Told, plan
from tycokit.deploying.wanted import Wanted
from tycokit.errors import CliError
from tycokit.pipelines.specs import Repo
from tycokit.processing import following
from tycokit.processing.following import FailedDatum, Job
from tycokit.repos import upload
from tycokit.repos.upload import Item

PIPELINES = ("validate", "model", "threat-detect", "annotate", "plot")
SHOWN = 2  # failed datums of a job whose logs are fetched: most fail for the same reason


@dataclass(frozen=True, slots=True)
class Inputs:
    """What goes in: pictures (with those that cannot be put), a network and rules."""

    pictures: Sequence[Item]
    refused: dict[Path, str]
    weights: Sequence[Item]
    rules: Path


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came out. Keys of `detections` and `annotated` are `<user-device>/<time>`.

    `invalid` gives the reason for each picture's name; `notebooks` is the folder with the
    executed notebooks, a folder a pipeline.
    """

    images: int
    names: tuple[str, ...]
    invalid: dict[str, str]
    detections: dict[str, list[dict[str, Any]]]
    pictures: dict[str, str]
    threats: list[str]
    plot: Path | None
    annotated: dict[str, Path]
    notebooks: Path
    jobs: list[Job]
    seconds: float
    failures: list[FailedDatum] = field(default_factory=list)

    @property
    def succeeded(self) -> bool:
        return all(job.succeeded for job in self.jobs)

    def to_json(self) -> dict[str, Any]:
        """The object that `tycokit demo --json` prints."""
        return {
            "images": self.images,
            "valid": self.images - len(self.invalid),
            "invalid": self.invalid,
            "detections": self.detections,
            "threats": self.threats,
            "plot": str(self.plot) if self.plot else None,
            "annotated": {key: str(path) for key, path in self.annotated.items()},
            "jobs": [
                {
                    "pipeline": job.pipeline,
                    "id": job.id,
                    "state": job.state,
                    "datums": job.datums,
                    "seconds": job.seconds,
                }
                for job in self.jobs
            ],
            "seconds": self.seconds,
        }


def run(
    client: Client,
    inputs: Inputs,
    wanted: Wanted,
    out: Path,
    *,
    say: Callable[[str], None],
    watch: Callable[[list[Job]], None],
    elapsed: Callable[[], float],
) -> Outcome:
    """Deploy, put everything in, wait for every job, and fetch what came out into `out`.

    `say` gets a line a step, `watch` the jobs while they run; `elapsed` is asked once, at the
    end. Raises CliError when no picture can be put at all.
    """
    told = Told(
        fills=[
            Fill(
                Repo(wanted.project, "weights"),
                ", ".join(item.path.lstrip("/") for item in inputs.weights),
                lambda _: list(inputs.weights),
            ),
            Fill(
                Repo(wanted.project, "rules"),
                "rules.json",
                lambda _: [Item(inputs.rules, "/rules.json")],
            ),
        ]
    )
    planned = plan(wanted, present.look(client, wanted), told)
    apply(client, planned.actions, lambda action: say(str(action)))
    put = upload.put(client, "images", inputs.pictures)
    refused = {**inputs.refused, **put.refused}
    if put.commit is None:
        raise CliError("no picture could be put: " + _reasons(refused))
    say(f"put {len(put.stored)} pictures, commit {put.commit}")
    ended = following.follow(client, put.commit, watch)
    return collect(client, put, refused, ended, out, elapsed)


def collect(
    client: Client,
    put: upload.Put,
    refused: dict[Path, str],
    ended: list[Job],
    out: Path,
    elapsed: Callable[[], float],
) -> Outcome:
    """What the pipelines of the five stages left for one commit of pictures."""
    commit = put.commit or ""
    invalid = {source.name: reason for source, reason in refused.items()}
    for report in _json(client, "validate", commit, "/reports/*.json"):
        if not report["valid"]:
            invalid[report["name"]] = report["reason"]
    found = list(_json(client, "model", commit, "/*/*.json"))
    annotated = _fetch(client, "annotate", commit, "/*/*.jpg", out / "annotated")
    plots = _fetch(client, "plot", commit, "/threats.png", out)
    for job in ended:
        _fetch(client, job.pipeline, commit, "/**.ipynb", out / "notebooks" / job.pipeline)
    return Outcome(
        images=len(put.stored) + len(refused),
        names=tuple(
            [item.path.lstrip("/") for item in put.stored] + [path.name for path in refused]
        ),
        invalid=dict(sorted(invalid.items())),
        detections={_key(one): [_object(seen) for seen in one["objects"]] for one in found},
        pictures={one["picture"]: _key(one) for one in found},
        threats=[_key(one) for one in _json(client, "threat-detect", commit, "/*/*.json")],
        plot=next(iter(plots.values()), None),
        annotated={name.removesuffix(".jpg"): path for name, path in annotated.items()},
        notebooks=out / "notebooks",
        jobs=ended,
        failures=[
            datum
            for job in ended
            if job.state == "failure"
            for datum in following.failed(client, job, most=SHOWN)
        ],
        seconds=round(elapsed(), 3),
    )


def clear(out: Path) -> None:
    """Make `out` an empty folder. Raises CliError when it holds what no demo left there."""
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        if not (out / "demo.json").is_file():
            raise CliError(f"{out} holds other files; name an empty folder with --out")
        for path in (out / "annotated", out / "notebooks"):
            shutil.rmtree(path, ignore_errors=True)
        for path in (out / "demo.json", out / "threats.png"):
            path.unlink(missing_ok=True)
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise CliError(f"cannot make the folder {out}: {error.strerror}") from error


def _reasons(refused: dict[Path, str]) -> str:
    return "; ".join(f"{path}: {reason}" for path, reason in refused.items()) or "there is none"


def _object(seen: dict[str, Any]) -> dict[str, Any]:
    return {key: seen[key] for key in ("class", "name", "score", "box")}


def _key(result: dict[str, Any]) -> str:
    return f"{result['device']}/{result['time']}"


def _json(client: Client, repo: str, commit: str, glob: str) -> Iterator[dict[str, Any]]:
    for path in _paths(client, repo, commit, glob):
        yield json.loads(_read(client, repo, commit, path))


def _fetch(client: Client, repo: str, commit: str, glob: str, folder: Path) -> dict[str, Path]:
    """Files of a commit by their path without the leading slash, and where they now lie."""
    fetched = {}
    for path in _paths(client, repo, commit, glob):
        target = folder / path.lstrip("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(_read(client, repo, commit, path))
        fetched[path.lstrip("/")] = target
    return fetched


def _paths(client: Client, repo: str, commit: str, glob: str) -> list[str]:
    """Files that match; a commit whose job failed may have none to show."""
    return [
        info.file.path
        for info in client.glob_file((repo, commit), glob)
        if not info.file.path.endswith("/")
    ]


def _read(client: Client, repo: str, commit: str, path: str) -> bytes:
    with client.get_file((repo, commit), path) as file:
        return bytes(file.read())
