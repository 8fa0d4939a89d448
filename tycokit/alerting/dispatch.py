"""From a threat to receipts: each alert told once, tried again with patience, never in the way."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from pathlib import Path

from tycokit.alerting import delivery
from tycokit.alerting.alert import Alert
from tycokit.alerting.ledger import Ledger, Receipt, claim
from tycokit.alerting.targets import MAIL, Targets
from tycokit.errors import DeliveryError
from tycokit.vision import results


@dataclass(frozen=True, slots=True)
class Patience:
    """How often a delivery is tried, seconds before the second try (then doubled), and how long
    a server may take for each answer."""

    tries: int = 4
    wait: float = 2.0
    timeout: float = 20.0


def tell(
    alerts: Iterable[Alert],
    picture: Path,
    targets: Targets,
    ledger: Ledger,
    out: Path,
    patience: Patience = Patience(),
    sleep: Callable[[float], None] = time.sleep,
) -> list[Receipt]:
    """Tell each alert that was not told yet; a receipt for each, in their order.

    `picture` is the JPEG with the boxes. What has no target is written below `out`, as
    `<user-device>/<time>.<rule>.<n>.eml`. A failed delivery does not raise: its receipt says so.
    """
    receipts = []
    for number, alert in enumerate(alerts):
        known = ledger.find(alert)
        if known is not None and known.state in {"sent", "written"}:
            receipt = known
        else:
            receipt = known or Receipt(
                alert.rule, alert.receiver, "claimed", alert.key, alert.message_id, alert.reference
            )
            # what is known was claimed before: its cool-down has been looked at
            receipt = receipt if known else claim(ledger, alert, receipt)
            if receipt.state != "cooling":
                receipt = _tell(alert, receipt, picture, targets, patience, sleep)
                ledger.note(alert, receipt)
        if receipt.state == "written":
            name = f"{results.stem(alert.time)}.{alert.rule}.{number}.eml"
            results.write_bytes(out / alert.device / name, delivery.letter(alert, picture))
        receipts.append(receipt)
    return receipts


def _tell(
    alert: Alert,
    receipt: Receipt,
    picture: Path,
    targets: Targets,
    patience: Patience,
    sleep: Callable[[float], None],
) -> Receipt:
    name = delivery.target(alert)
    if name not in targets.urls:
        if not targets.urls or name == MAIL:
            return _now(replace(receipt, state="written", reason=f"there is no target {name}"))
        reason = f"there is no target {name}; there are: {', '.join(targets.names)}"
        return _now(replace(receipt, state="failed", reason=reason))
    reason, wait = "", patience.wait
    for attempt in range(patience.tries):
        if attempt:
            sleep(wait)
            wait *= 2
        receipt = replace(receipt, attempts=receipt.attempts + 1)
        try:
            delivery.send(alert, picture, targets, patience.timeout)
        except DeliveryError as error:
            reason = error.reason
        else:
            return _now(replace(receipt, state="sent", reason=""))
    return _now(replace(receipt, state="failed", reason=reason))


def _now(receipt: Receipt) -> Receipt:
    return replace(receipt, at=datetime.now(timezone.utc).isoformat(timespec="seconds"))
