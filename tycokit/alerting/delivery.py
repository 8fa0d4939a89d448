"""One attempt to deliver an alert, through apprise."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from apprise import Apprise, AppriseAttachment, NotifyFormat, NotifyType
from apprise.plugins.email.base import NotifyEmail
from apprise.plugins.email.smtp import AppriseSMTPController
from apprise.plugins.pagerduty import NotifyPagerDuty

from tycokit.alerting import message
from tycokit.alerting.alert import NOBODY, Alert
from tycokit.alerting.targets import MAIL, Targets
from tycokit.errors import DeliveryError

_SENDER = ("tycokit", "tycokit@localhost")
_MESSAGE_ID = re.compile(r"^Message-ID:.*$", re.MULTILINE | re.IGNORECASE)


class _Mail(NotifyEmail):
    """Apprise's e-mail with a Message-ID that is the same each time: theirs is random."""

    message_id = ""

    def send(self, body: str, title: str = "", attach: Any = None, **_: Any) -> bool:
        with AppriseSMTPController(
            host=self.smtp_host,
            port=self.port,
            secure_mode=self.secure_mode,
            user=self.user,
            password=self.password,
            verify_certificate=self.verify_certificate,
            socket_connect_timeout=self.socket_connect_timeout,
        ) as smtp:
            sent = [
                smtp.sendmail(
                    self.from_addr[1], one.to_addrs, _identified(one.body, self.message_id)
                )
                for one in _letters(title, body, self.from_addr, self.targets, attach)
            ]
        return all(sent)


def target(alert: Alert) -> str:
    """The name of the target that an alert goes to: e-mail addresses share one server."""
    return MAIL if "@" in alert.receiver else alert.receiver


def send(alert: Alert, picture: Path, targets: Targets, timeout: float) -> None:
    """Deliver an alert, once; seconds of `timeout` for each step of the connection.

    Raises DeliveryError, whose message holds no key.
    """
    url = targets.urls[target(alert)]
    with _told() as said:
        instance = prepared(alert, url, timeout)
        if instance is None:
            raise DeliveryError(alert.receiver, "its URL is none that apprise knows")
        try:
            done = instance.notify(
                message.html(alert),
                title=message.subject(alert),
                notify_type=NotifyType.WARNING,
                body_format=NotifyFormat.HTML,
                attach=AppriseAttachment(f"file://{picture}?name={message.PICTURE}"),
            )
        except Exception as error:  # a plugin's own failure is this delivery's alone
            raise DeliveryError(
                alert.receiver, targets.mask(f"{type(error).__name__}: {error}")
            ) from None
    if not done:
        reason = targets.mask("; ".join(said[-2:])) or "it was not accepted"
        raise DeliveryError(alert.receiver, reason)


def letter(alert: Alert, picture: Path) -> bytes:
    """The e-mail that would be sent, as a `.eml` file holds it."""
    to = alert.receiver if "@" in alert.receiver else NOBODY
    sender = (_SENDER[0], alert.sender or _SENDER[1])
    attach = AppriseAttachment(f"file://{picture}?name={message.PICTURE}")
    (one,) = _letters(message.subject(alert), message.html(alert), sender, [(False, to)], attach)
    return _identified(one.body, alert.message_id).encode("utf-8", "surrogateescape")


def fault(url: str) -> str | None:
    """Why a URL is no target, in words without the URL; None when it is one."""
    with _told() as said:
        instance = Apprise.instantiate(url, suppress_exceptions=True)
    if instance is not None:
        return None
    why = f" ({Targets({'': url}).mask(said[-1])})" if said else ""
    return f"apprise does not know such a URL{why}"


def prepared(alert: Alert, url: str, timeout: float) -> Any:
    """The apprise plugin of a URL, made to say the same names each time; None for no such URL."""
    instance: Any = Apprise.instantiate(url, suppress_exceptions=True)
    if instance is None:
        return None
    instance.socket_connect_timeout = instance.socket_read_timeout = timeout
    if isinstance(instance, NotifyEmail):
        mail = _Mail(**NotifyEmail.parse_url(url))
        mail.socket_connect_timeout = timeout
        mail.message_id = alert.message_id
        if "@" in alert.receiver:
            mail.targets = [(False, alert.receiver)]
        if alert.sender:
            mail.from_addr = [_SENDER[0], alert.sender]
        return mail
    if isinstance(instance, NotifyPagerDuty):
        instance.dedup = alert.key
    elif isinstance(getattr(instance, "headers", None), dict):
        instance.headers.setdefault("Idempotency-Key", alert.key)
    return instance


def _letters(
    title: str, body: str, sender: Any, to: list[tuple[Any, str]], attach: Any
) -> list[Any]:
    return list(
        NotifyEmail.prepare_emails(
            subject=title,
            body=body,
            from_addr=sender,
            to=to,
            notify_format=NotifyFormat.HTML,
            attach=attach,
            inline=True,
        )
    )


def _identified(text: str, message_id: str) -> str:
    return _MESSAGE_ID.sub(f"Message-ID: {message_id}", text, count=1)


@contextmanager
def _told() -> Iterator[list[str]]:
    """What apprise says while it works: it answers no more than yes or no."""
    said: list[str] = []

    class Keep(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            said.append(record.getMessage())

    keep = Keep(logging.DEBUG)
    loggers = [logging.getLogger(name) for name in ("apprise", "urllib3")]
    before = [(logger.level, logger.propagate) for logger in loggers]
    loggers[0].addHandler(keep)
    loggers[0].setLevel(logging.DEBUG)
    for logger in loggers:
        logger.propagate = False  # their words may hold a key
    try:
        yield said
    finally:
        loggers[0].removeHandler(keep)
        for logger, (level, spread) in zip(loggers, before, strict=True):
            logger.setLevel(level)
            logger.propagate = spread
