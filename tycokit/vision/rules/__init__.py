"""Alert rules: what is unsafe, where and when, and who is told. What no rule covers is safe."""

from tycokit.vision.rules.cooling import Event, Firing, cools, firings
from tycokit.vision.rules.full import schema
from tycokit.vision.rules.reading import parse, read
from tycokit.vision.rules.rule import DAYS, Match, Rule, Rules, Window

__all__ = [
    "DAYS",
    "Event",
    "Firing",
    "Match",
    "Rule",
    "Rules",
    "Window",
    "cools",
    "firings",
    "parse",
    "read",
    "schema",
]
