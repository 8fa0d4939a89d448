"""An alert: one rule that one picture fired, for one receiver; and what names it for ever."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from tycokit.repos.addresses import called
from tycokit.vision.detectors.detection import Detection
from tycokit.vision.names import moment

NOBODY = "nobody@localhost"  # whom a rule tells that names nobody


@dataclass(frozen=True, slots=True)
class Alert:
    """What is told. `receiver` is an e-mail address or the name of a target.

    `reference` names the result that it is about, as `tycokit.trace` takes it.
    """

    picture: str
    device: str
    time: str
    rule: str
    time_zone: str
    cool_down: int
    receiver: str
    sender: str
    objects: tuple[Detection, ...]
    reference: str

    @property
    def key(self) -> str:
        """The same for every attempt, retry and reprocessing; another for each other alert."""
        about = "\0".join((self.device, self.time, self.rule, self.receiver))
        return hashlib.sha256(about.encode("utf-8", "surrogateescape")).hexdigest()[:40]

    @property
    def message_id(self) -> str:
        """The Message-ID header of the e-mail."""
        return f"<{self.key}@tycokit.alert>"

    @property
    def moment(self) -> datetime:
        """When the picture was taken, UTC."""
        return moment(self.time)


def reference(threat: dict[str, Any], environ: Mapping[str, str]) -> str:
    """What names the result of threat-detect that a worker was given as the input `threat`."""
    repo = called(environ.get("PPS_PROJECT_NAME", ""), "threat-detect")
    commit = environ.get("threat_COMMIT") or "master"
    return f"{repo}@{commit}:/{threat['device']}/{threat['time']}.json"


def alerts(threat: dict[str, Any], reference: str) -> list[Alert]:
    """The alerts that a result of threat-detect asks for: one a rule and receiver."""
    objects = [Detection.from_json(item) for item in threat["objects"]]
    return [
        Alert(
            threat["picture"],
            threat["device"],
            threat["time"],
            str(rule["id"]),
            rule.get("time_zone", "UTC"),
            int(rule["cool_down"]),
            receiver,
            rule["from_email"],
            tuple(objects[place] for place in rule["objects"]),
            reference,
        )
        for rule in threat["rules"]
        for receiver in dict.fromkeys(rule["notify"] or [NOBODY])
    ]
