"""A plan in words, a line each; pure."""

from __future__ import annotations

from collections.abc import Iterator

from tycokit.deploying.actions import Action, UpdatePipeline
from tycokit.deploying.plan import Plan

_PAST = {
    "create": "created",
    "commit": "committed",
    "update": "updated",
    "reprocess": "reprocessing",
    "delete": "deleted",
}


def lines(plan: Plan) -> Iterator[str]:
    """What is to be done, with the specs' differences, and what is processed because of it."""
    for action in plan.actions:
        yield str(action)
        if isinstance(action, UpdatePipeline):
            yield from (f"  {line}" for line in action.difference.splitlines())
    yield from map(str, plan.effects)
    if plan.strangers:
        names = ", ".join(map(str, sorted(plan.strangers)))
        yield f"no spec here is of {names}: what is there stays; --prune deletes it"


def done(action: Action) -> str:
    """An action that has been done."""
    verb, _, rest = str(action).partition(" ")
    return f"{_PAST.get(verb, verb)} {rest}"
