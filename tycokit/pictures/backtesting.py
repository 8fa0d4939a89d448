"""What rules would have made of the detections that are there, against what was made of them.

Only reads: no pipeline runs, and nobody is told.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timezone
from pathlib import Path
from typing import Any, Literal

import grpc
from python_pachyderm import Client

from tycokit.client import is_missing
from tycokit.errors import BacktestError
from tycokit.repos import heads
from tycokit.repos.addresses import DEFAULT_PROJECT, called
from tycokit.vision.detectors.detection import Detection
from tycokit.vision.labels import COCO, Labels
from tycokit.vision.names import moment, seconds
from tycokit.vision.rules import Event, Rules, cools, firings, parse, read

_RESULTS = "/*/*.json"
Change = Literal["new", "gone", "same", "safe"]


@dataclass(frozen=True, slots=True)
class Verdict:
    """One picture under both sets of rules: the ids of those that fire, and whether people hear.

    `told_before` and `told_after` are False where every rule that fires is still cooling down.
    """

    picture: str
    device: str
    time: str
    objects: tuple[Detection, ...]
    before: tuple[str, ...]
    after: tuple[str, ...]
    told_before: bool
    told_after: bool

    @property
    def day(self) -> date:
        """The day of the picture, UTC."""
        return moment(self.time).date()

    @property
    def change(self) -> Change:
        """Whether the picture becomes a threat, is one no more, stays one, or stays safe."""
        if bool(self.before) == bool(self.after):
            return "same" if self.after else "safe"
        return "new" if self.after else "gone"


@dataclass(frozen=True, slots=True)
class Backtest:
    """A verdict for each picture, in the order of time."""

    verdicts: tuple[Verdict, ...]

    def __iter__(self) -> Iterator[Verdict]:
        return iter(self.verdicts)

    def count(self) -> Counter[Change]:
        """How many pictures become threats, are no more, stay, or are safe."""
        return Counter(verdict.change for verdict in self.verdicts)

    def by_device_and_day(self) -> dict[tuple[str, date], Counter[Change]]:
        """The same for each user-device and day."""
        table: dict[tuple[str, date], Counter[Change]] = {}
        for verdict in self.verdicts:
            table.setdefault((verdict.device, verdict.day), Counter())[verdict.change] += 1
        return dict(sorted(table.items()))

    def as_dict(self) -> dict[str, Any]:
        """All of it as values that JSON has."""
        return {
            "count": dict(self.count()),
            "alerts": {
                "before": sum(verdict.told_before for verdict in self.verdicts),
                "after": sum(verdict.told_after for verdict in self.verdicts),
            },
            "pictures": [
                {
                    "picture": verdict.picture,
                    "device": verdict.device,
                    "time": verdict.time,
                    "change": verdict.change,
                    "before": list(verdict.before),
                    "after": list(verdict.after),
                    "told_before": verdict.told_before,
                    "told_after": verdict.told_after,
                }
                for verdict in self.verdicts
            ],
        }


def read_rules(rules: Rules | dict[str, Any] | str | Path, labels: Labels = COCO) -> Rules:
    """Rules that are handed in: read ones, the value or text of a file, or a file's path.

    Raises RulesError.
    """
    if isinstance(rules, Rules):
        return rules
    if isinstance(rules, dict):
        return parse(json.dumps(rules), Path("rules"), labels)
    if isinstance(rules, str) and rules.lstrip().startswith("{"):
        return parse(rules, Path("rules"), labels)
    return read(rules)


def backtest(
    client: Client,
    rules: Rules,
    since: datetime | None = None,
    project: str = DEFAULT_PROJECT,
) -> Backtest:
    """Judge every picture that a project's model has seen, from `since` on (aware; None: all).

    Raises BacktestError where there are no detections.
    """
    start = since.timestamp() if since else None
    seen = list(_results(client, "model", start, project))
    if not seen:
        raise BacktestError("no detections" + (f" since {since:%Y-%m-%d %H:%M}" if since else ""))
    results = _results(client, "threat-detect", start, project)
    made = {(one["device"], one["time"]): one for one in results}
    events = [Event(one["device"], one["time"], _objects(one)) for one in seen]
    after: dict[tuple[str, str], list[tuple[str, bool]]] = {}
    for firing in firings(rules, events):
        key = (firing.event.device, firing.event.time)
        after.setdefault(key, []).append((str(firing.match.rule.id), not firing.cooling))
    verdicts = []
    heard: dict[tuple[str, str], float] = {}
    for one in sorted(seen, key=lambda one: (seconds(one["time"]), one["device"])):
        key = (one["device"], one["time"])
        fired, would = made.get(key, {}).get("rules", ()), after.get(key, [])
        told = [_told(rule, key, heard) for rule in fired]
        verdicts.append(
            Verdict(
                one["picture"],
                *key,
                _objects(one),
                tuple(str(rule["id"]) for rule in fired),
                tuple(id_ for id_, _ in would),
                any(told),
                any(told for _, told in would),
            )
        )
    return Backtest(tuple(verdicts))


def day(text: str) -> datetime:
    """The begin of a day, UTC. Raises BacktestError for what is no YYYY-MM-DD."""
    try:
        return utc(datetime.strptime(text, "%Y-%m-%d"))
    except ValueError as error:
        raise BacktestError(f"a day is YYYY-MM-DD, and this is {text!r}") from error


def utc(time: datetime) -> datetime:
    """A time without a zone, taken for UTC."""
    return time if time.tzinfo else time.replace(tzinfo=timezone.utc)


def _told(fired: dict[str, Any], key: tuple[str, str], heard: dict[tuple[str, str], float]) -> bool:
    """Whether a rule that did fire was not cooling down; notes it, so each is asked once."""
    device, time = key
    now, about = seconds(time), (str(fired["id"]), device)
    if cools(fired["cool_down"], heard.get(about), now):
        return False
    heard[about] = now
    return True


def _results(
    client: Client, repo: str, start: float | None, project: str
) -> Iterator[dict[str, Any]]:
    """The JSON results of a stage's head, in one stream, from a unix time on."""
    try:
        client.inspect_branch(repo, "master", project)
    except grpc.RpcError as error:
        if not is_missing(error):
            raise
        name = called(project, repo)
        raise BacktestError(f"there is no repo {name} with results") from error
    for _, data in heads.files(client, repo, _RESULTS, project):
        value = json.loads(data)
        if start is None or seconds(value["time"]) >= start:
            yield value


def _objects(value: dict[str, Any]) -> tuple[Detection, ...]:
    return tuple(Detection.from_json(item) for item in value["objects"])
