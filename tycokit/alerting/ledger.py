"""Who has been told of what: outlives retries, reprocessing and new code of the stage.

Kept in the repo `receipts`, a file an alert, written before and after each delivery: Pachyderm's
own outputs are made anew when a stage is reprocessed, so they cannot say what was sent before.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal, Protocol

import grpc
from python_pachyderm import Client

from tycokit.alerting.alert import Alert
from tycokit.client import in_worker, is_missing
from tycokit.repos.addresses import DEFAULT_PROJECT, Address
from tycokit.vision.names import seconds
from tycokit.vision.rules import cools

REPO = "receipts"
_BUCKET = 100_000  # seconds of a folder: so that a look at the last hours lists little

State = Literal["claimed", "sent", "failed", "written", "cooling"]


@dataclass(frozen=True, slots=True)
class Receipt:
    """What became of one alert. `at` is an ISO time (UTC), `attempts` counts deliveries tried.

    `reference` names the result that was told of, as `tycokit.trace` takes it.

    claimed: being delivered, or cut short while it was; sent; failed: not accepted, however often;
    written: as an `.eml` file, since there is no target; cooling: not told, so soon after another.
    """

    rule: str
    receiver: str
    state: State
    key: str
    message_id: str
    reference: str
    attempts: int = 0
    reason: str = ""
    at: str = ""

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


class Ledger(Protocol):
    """Receipts by alert; whoever claims first tells."""

    def find(self, alert: Alert) -> Receipt | None:
        """What is known of an alert."""

    def note(self, alert: Alert, receipt: Receipt) -> None:
        """Write a receipt; it is durable on return."""

    def withdraw(self, alert: Alert) -> None:
        """Take a claim back."""

    def told(self, alert: Alert) -> list[float]:
        """Unix times of this rule's and user-device's told pictures around the alert's."""


class Memory:
    """A ledger for a notebook that is run by hand: it ends with it."""

    def __init__(self) -> None:
        self._receipts: dict[str, tuple[Alert, Receipt]] = {}

    def find(self, alert: Alert) -> Receipt | None:
        known = self._receipts.get(alert.key)
        return None if known is None else known[1]

    def note(self, alert: Alert, receipt: Receipt) -> None:
        self._receipts[alert.key] = (alert, receipt)

    def withdraw(self, alert: Alert) -> None:
        self._receipts.pop(alert.key, None)

    def told(self, alert: Alert) -> list[float]:
        return [
            seconds(other.time)
            for other, _ in self._receipts.values()
            if (other.rule, other.device) == (alert.rule, alert.device)
        ]


class Repo:
    """The ledger in Pachyderm: `/<rule>/<user-device>/<bucket>/<time>/<key>.json`."""

    def __init__(self, client: Client, project: str = DEFAULT_PROJECT) -> None:
        self._client, self._at = client, Address(REPO, project=project).at
        about = "who was told of which threat"
        client.create_repo(REPO, about, update=True, project_name=project)

    def find(self, alert: Alert) -> Receipt | None:
        try:
            with self._client.get_file(self._at, _path(alert)) as file:
                return Receipt(**json.loads(file.read()))
        except (grpc.RpcError, ConnectionError) as error:
            if not is_missing(error):
                raise
            return None

    def note(self, alert: Alert, receipt: Receipt) -> None:
        with self._client.modify_file_client(self._at) as commit:
            data = json.dumps(receipt.as_json(), indent=2).encode()
            commit.put_file_from_bytes(_path(alert), data)

    def withdraw(self, alert: Alert) -> None:
        with self._client.modify_file_client(self._at) as commit:
            commit.delete_file(_path(alert))

    def told(self, alert: Alert) -> list[float]:
        now, times = seconds(alert.time), []
        first, last = (int(now + way * alert.cool_down) // _BUCKET for way in (-1, 1))
        for bucket in range(first, last + 1):
            try:
                folder = f"/{_folder(alert)}/{bucket}"
                for info in self._client.list_file(self._at, folder):
                    times.append(seconds(info.file.path.rstrip("/").rpartition("/")[2]))
            except (grpc.RpcError, ConnectionError) as error:
                if not is_missing(error):
                    raise
        return times


def open_ledger(environ: Mapping[str, str]) -> Ledger:
    """The ledger of the project that this worker works in; outside one, one that ends with the run.

    Each project has its own, as a user-device of the same name in another one is another.
    """
    client = in_worker(environ)
    if client is None:
        return Memory()
    return Repo(client, environ.get("PPS_PROJECT_NAME") or DEFAULT_PROJECT)


def claim(ledger: Ledger, alert: Alert, receipt: Receipt) -> Receipt:
    """Note that an alert is about to be told, or that it is to stay quiet for its cool-down.

    Of two that come at the same time within the cool-down, the earlier picture is told.
    """
    now, quiet = seconds(alert.time), replace(receipt, state="cooling")
    if alert.cool_down and _cooling(alert, ledger.told(alert)):
        return quiet
    ledger.note(alert, receipt)
    if alert.cool_down and _cooling(alert, (time for time in ledger.told(alert) if time < now)):
        ledger.withdraw(alert)
        return quiet
    return receipt


def _cooling(alert: Alert, told: Iterable[float]) -> bool:
    # a picture that arrives late is quiet as well when a later one has been told of
    now = seconds(alert.time)
    return any(
        time != now and cools(alert.cool_down, min(time, now), max(time, now)) for time in told
    )


def _folder(alert: Alert) -> str:
    return f"{alert.rule}/{alert.device}"


def _path(alert: Alert) -> str:
    bucket = int(seconds(alert.time)) // _BUCKET
    return f"/{_folder(alert)}/{bucket}/{alert.time}/{alert.key}.json"
