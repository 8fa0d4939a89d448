"""The charts of a day, as PNG."""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Mapping

from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from tycokit.reporting.summary import Summary

COLOUR = "#0072B2"  # of the Okabe-Ito palette
MOST_BARS = 20


def charts(summary: Summary) -> dict[str, bytes]:
    """`devices`, `classes` and `hours`: PNG by name."""
    return {
        "devices": _bars("Threats by user-device", summary.devices),
        "classes": _bars("Threats by class", summary.classes),
        "hours": _hours("Threats by hour (UTC)", summary.hours),
    }


def _bars(title: str, counts: Counter[str]) -> bytes:
    bars = counts.most_common(MOST_BARS)
    if len(counts) > MOST_BARS:
        title += f", the first {MOST_BARS} of {len(counts)}"
    figure, axes = _axes(title, 1.1 + 0.32 * max(len(bars), 2))
    names = [name if len(name) <= 24 else f"{name[:23]}…" for name, _ in bars]
    drawn = axes.barh(range(len(bars)), [count for _, count in bars], color=COLOUR, height=0.7)
    axes.bar_label(drawn, padding=4)
    axes.set_yticks(range(len(bars)), names)
    axes.set_ylim(max(len(bars), 2) - 0.5, -0.6)
    axes.set_xlim(0, max([count for _, count in bars], default=1) * 1.12)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=5))
    return _png(figure)


def _hours(title: str, counts: Mapping[int, int]) -> bytes:
    figure, axes = _axes(title, 2.4)
    axes.bar(range(24), [counts.get(hour, 0) for hour in range(24)], color=COLOUR, width=0.8)
    axes.set_xticks(range(0, 24, 3), [f"{hour:02}" for hour in range(0, 24, 3)])
    axes.set_xlim(-0.6, 23.6)
    axes.set_ylim(0, max([*counts.values(), 1]) * 1.1)
    axes.yaxis.set_major_locator(MaxNLocator(integer=True, nbins=4))
    return _png(figure)


def _axes(title: str, height: float):  # type: ignore[no-untyped-def]
    figure = Figure(figsize=(6, height), layout="constrained")
    axes = figure.subplots()
    axes.set_title(title, fontsize=12, loc="left", fontweight="bold")
    axes.spines[["top", "right"]].set_visible(False)
    return figure, axes


def _png(figure: Figure) -> bytes:
    data = io.BytesIO()
    figure.savefig(data, format="png", dpi=144)
    return data.getvalue()
