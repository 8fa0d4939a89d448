"""What an input would make of the repos as they are: its datums, before any pipeline exists.

pachd makes the datums, so they are those that a pipeline with this input would have, with the same
ids. The present heads of the branches count.
"""

from __future__ import annotations

import json
import math
import statistics
import time
from array import array
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from google.protobuf import json_format
from python_pachyderm import Client
from python_pachyderm.service import pps_proto

from tycokit.errors import AddressError, InputUnclear, SpecError
from tycokit.globs import glob
from tycokit.pipelines import specjson
from tycokit.pipelines.specs import pfs_inputs
from tycokit.processing.datumlist import DatumPage, DatumRow, paged, row
from tycokit.repos import addresses

FORM = "give repo[@branch]:/glob, or an input as a spec has it, as a dict or JSON"
MOST = 100_000  # datums that a survey counts
_SHAPES = 5  # kinds of datums that a survey tells of


@dataclass(frozen=True, slots=True)
class Shape:
    """A kind of datum: how many files or folders of each repo it has, and how many are so."""

    files: tuple[tuple[str, int], ...]
    datums: int

    def __str__(self) -> str:
        return " + ".join(f"{count} of {repo}" for repo, count in self.files)


@dataclass(frozen=True, slots=True)
class Survey:
    """All datums of an input taken together; sizes in bytes.

    `complete` is false where there are more than were counted. `shapes` are the commonest kinds of
    datums, `files` how many files or folders all have together.
    """

    datums: int
    complete: bool
    files: int
    size: int
    smallest: int
    median: int
    largest: int
    shapes: tuple[Shape, ...]


def read_input(given: object, project: str = addresses.DEFAULT_PROJECT) -> Any:
    """An Input (protobuf) from `repo[@branch]:/glob`, a dict, JSON, or a protobuf Input.

    Raises InputUnclear.
    """
    if isinstance(given, pps_proto.Input):
        made = pps_proto.Input()
        made.CopyFrom(given)
    elif isinstance(given, Mapping):
        made = _of_json(dict(given))
    elif isinstance(given, str) and given.lstrip().startswith("{"):
        try:
            document = json.loads(given)
        except json.JSONDecodeError as error:
            raise InputUnclear(given, f"is not JSON: {error.msg}") from error
        made = _of_json(document)
    elif isinstance(given, str):
        made = _of_address(given, project)
    else:
        raise InputUnclear(given, FORM)
    leaves = list(pfs_inputs(made))
    for leaf in leaves:
        if not leaf.repo:
            raise InputUnclear(given, "has a pfs input without a repo")
        leaf.project = leaf.project or project
        leaf.name = leaf.name or leaf.repo
        leaf.branch = leaf.branch or addresses.DEFAULT_BRANCH
        if fault := glob.fault(leaf.glob):
            raise InputUnclear(given, f"the glob {leaf.glob!r} of repo {leaf.repo}: {fault}")
    if not leaves:
        raise InputUnclear(given, "reads no repo")
    return made


def glob_input(
    repo: str, glob: str, branch: str = addresses.DEFAULT_BRANCH, project: str = "default"
) -> Any:
    """The Input of one glob on one repo. Raises InputUnclear."""
    pfs = pps_proto.PFSInput(repo=repo, branch=branch, glob=glob, project=project)
    return read_input(pps_proto.Input(pfs=pfs), project)


def as_json(given: Any) -> dict[str, Any]:
    """An Input (protobuf) as a spec has it."""
    made: dict[str, Any] = json_format.MessageToDict(given, preserving_proto_field_name=True)
    return made


def page(client: Client, given: Any, *, after: str = "", count: int = 50) -> DatumPage:
    """A page of the datums that an Input (protobuf) would make, by id."""
    return paged(client.list_datum(input=given, pagination_marker=after, number=count + 1), count)


def survey(client: Client, given: Any, most: int = MOST) -> Survey:
    """Count and measure the datums of an Input (protobuf), at most so many."""
    *_, last = counting(client, given, most)
    return last


def counting(
    client: Client,
    given: Any,
    most: int = MOST,
    *,
    every: float = math.inf,
    stop: Callable[[], bool] = lambda: False,
) -> Iterator[Survey]:
    """What is known of the datums so far, every so many seconds and at the end.

    pachd sends them one after the other, none is kept; after `most`, or when `stop` says so, it is
    told to send no more.
    """
    tally = _Tally()
    told = time.monotonic()
    stream = client.list_datum(input=given)
    for info in stream:
        if len(tally.sizes) == most or stop():
            stream.cancel()
            yield tally.survey(complete=False)
            return
        tally.add(row(info))
        if time.monotonic() - told >= every:
            yield tally.survey(complete=False)
            told = time.monotonic()
    yield tally.survey(complete=True)


class _Tally:
    """Counts datums; of each no more than its size stays."""

    def __init__(self) -> None:
        self.sizes = array("q")
        self._files = 0
        self._shapes: Counter[tuple[tuple[str, int], ...]] = Counter()

    def add(self, datum: DatumRow) -> None:
        self.sizes.append(datum.size)
        self._files += len(datum.files)
        self._shapes[tuple(Counter(file.repo for file in datum.files).items())] += 1

    def survey(self, *, complete: bool) -> Survey:
        sizes = self.sizes
        common = self._shapes.most_common(_SHAPES)
        return Survey(
            datums=len(sizes),
            complete=complete,
            files=self._files,
            size=sum(sizes),
            smallest=min(sizes, default=0),
            median=int(statistics.median(sizes)) if sizes else 0,
            largest=max(sizes, default=0),
            shapes=tuple(Shape(kinds, number) for kinds, number in common),
        )


def _of_json(document: Any) -> Any:
    try:
        return specjson.given_input(document, "input")
    except SpecError as error:
        raise InputUnclear(document, error.reason) from error


def _of_address(text: str, project: str) -> Any:
    try:
        address = addresses.parse(text, project)
    except AddressError as error:
        raise InputUnclear(text, FORM) from error
    if not address.path:
        raise InputUnclear(text, f"has no glob; {FORM}")
    return pps_proto.Input(
        pfs=pps_proto.PFSInput(
            repo=address.repo,
            branch=address.commit,
            glob=address.path,
            project=address.project,
        )
    )
