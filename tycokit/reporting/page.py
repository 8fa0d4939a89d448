"""A page of HTML that stands alone: styles and pictures are in it, nothing is fetched."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from importlib import resources

from tycokit.reporting.summary import Summary, Threat

MOST_PICTURES = 200  # on one page: more would be too much to look at, and to send
_STATES = {"sent": "sent", "written": "written", "failed": "failed", "cooling": "kept quiet"}


def daily(summary: Summary, charts: Mapping[str, bytes]) -> str:
    """The threat report of a day."""
    title = f"Threat report, {summary.day}"
    shown = summary.threats[:MOST_PICTURES]
    left = len(summary.threats) - len(shown)
    cards = "".join(_card(threat) for threat in shown) or '<p class="none">No threat was seen.</p>'
    more = f"<p>{left} more are in the records.</p>" if left else ""
    pictures = "".join(
        f'<img class="chart" alt="{escape(name)}" src="{_data(png, "png")}">'
        for name, png in charts.items()
    )
    refused = [(check, str(count)) for check, count in summary.refused.most_common()]
    alerts = [(_STATES.get(state, state), str(count)) for state, count in summary.alerts.items()]
    return page(
        title,
        figures(
            [
                ("threats", str(len(summary.threats))),
                ("pictures", str(summary.pictures)),
                ("alerts sent", str(summary.alerts["sent"])),
                ("alerts failed", str(summary.alerts["failed"])),
                ("pictures refused", str(sum(summary.refused.values()))),
            ]
        ),
        f"<h2>Threats</h2><div class='cards'>{cards}</div>{more}",
        f"<h2>When and where</h2><div class='charts'>{pictures}</div>" if summary.threats else "",
        section("Alerts", ("state", "count"), alerts),
        section("Alerts that failed", ("whom", "why"), summary.failed),
        section("Pictures refused", ("check", "pictures"), refused),
    )


def index(days: Sequence[str]) -> str:
    """The page that leads to each day's, the newest first, and to that about use."""
    links = "".join(
        f'<li><a href="{escape(day)}/index.html">{escape(day)}</a></li>'
        for day in sorted(days)[::-1]
    )
    use = '<p><a href="usage.html">Usage</a></p>'
    return page("Threat reports", f"<ul class='days'>{links}</ul>{use}")


def page(title: str, *parts: str) -> str:
    """A whole page of sections that are HTML already."""
    style = resources.files(__package__).joinpath("page.css").read_text("utf-8")
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        # a picture's name must not become a script, whatever was missed
        '<meta http-equiv="Content-Security-Policy"'
        " content=\"default-src 'none'; img-src data:; style-src 'unsafe-inline'\">"
        f"<title>{escape(title)}</title><style>{style}</style></head>"
        f"<body><main><h1>{escape(title)}</h1>{''.join(parts)}</main></body></html>\n"
    )


def figures(pairs: Iterable[tuple[str, str]]) -> str:
    """Figures in a row, large, each above its name."""
    cells = "".join(
        f"<div><strong>{escape(value)}</strong><span>{escape(name)}</span></div>"
        for name, value in pairs
    )
    return f'<div class="figures">{cells}</div>'


def section(title: str, heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A heading and a table; nothing where there is no row."""
    body = "".join(
        "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows
    )
    head = "".join(f"<th scope='col'>{escape(name)}</th>" for name in heads)
    if not body:
        return ""
    table = f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
    return f"<h2>{escape(title)}</h2>{table}"


def _card(threat: Threat) -> str:
    seen = escape(", ".join(threat.seen))
    image = '<div class="missing">the picture is not here</div>'
    if threat.image:
        image = f'<img alt="{seen}" src="{_data(threat.image.read_bytes(), "jpeg")}">'
    told = "".join(
        f'<li class="{escape(alert["state"])}">{escape(alert["receiver"])}:'
        f" {escape(_STATES.get(alert['state'], alert['state']))}</li>"
        for alert in threat.alerts
    )
    return (
        f"<figure>{image}<figcaption><strong>{seen}</strong>"
        f"<span>{escape(threat.device)}, {threat.time:%H:%M:%S} UTC</span>"
        f"<span>rule {escape(', '.join(threat.rules))}</span><ul>{told}</ul></figcaption></figure>"
    )


def _data(data: bytes, kind: str) -> str:
    return f"data:image/{kind};base64,{b64encode(data).decode()}"
