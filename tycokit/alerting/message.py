"""What an alert says: a subject in one line, and HTML that mail programs show."""

from __future__ import annotations

from html import escape
from zoneinfo import ZoneInfo

from tycokit.alerting.alert import Alert

PICTURE = "threat.jpg"  # what the picture is called in the message


def subject(alert: Alert) -> str:
    """One printable line: `Threat at dev1: person 99 %`."""
    return one_line(f"Threat at {alert.device}: {_seen(alert)}")


def html(alert: Alert) -> str:
    """What was seen, when, where and by which rule, above the picture with its boxes."""
    local = alert.moment.astimezone(ZoneInfo(alert.time_zone))
    rows = [
        ("Seen", _seen(alert)),
        ("When", f"{local:%A, %d %B %Y, %H:%M:%S} ({alert.time_zone})"),
        ("Where", alert.device),
        ("Rule", alert.rule),
        ("Picture", alert.picture),
        ("Reference", alert.reference),
    ]
    cells = "".join(
        f'<tr><td style="padding:2px 16px 2px 0;color:#555;vertical-align:top">{name}</td>'
        f'<td style="padding:2px 0">{escape(one_line(value))}</td></tr>'
        for name, value in rows
    )
    return (
        '<div style="font-family:sans-serif;font-size:15px;color:#222">'
        f'<h2 style="margin:0 0 12px;color:#A50F15">{escape(subject(alert))}</h2>'
        f'<table style="border-collapse:collapse;margin-bottom:12px">{cells}</table>'
        f'<img src="cid:{PICTURE}" alt="the picture, with a box around each object"'
        ' style="max-width:100%"></div>'
    )


def one_line(text: str) -> str:
    """Text that can stand in a header: what does not print becomes a space."""
    return "".join(letter if letter.isprintable() else " " for letter in text)


def _seen(alert: Alert) -> str:
    return ", ".join(f"{item.name} {item.score:.0%}".replace("%", " %") for item in alert.objects)
