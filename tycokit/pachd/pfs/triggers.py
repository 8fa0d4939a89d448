"""Branches that follow another branch of their repo when enough has happened there."""

from __future__ import annotations

import re

from tycokit.errors import NotAllowed
from tycokit.pachd.pfs import cron, rows
from tycokit.pachd.pfs.transaction import Transaction, move_head
from tycokit.pachd.pfs.values import Trigger

_SIZE = re.compile(r"\s*(\d+(?:\.\d+)?)\s*([kmgtp]?)(i?)b?\s*", re.IGNORECASE)


def parse_size(text: str) -> int:
    """Bytes of "1K", "100MB" (decimal) or "1Ki". Raises NotAllowed."""
    found = _SIZE.fullmatch(text)
    if found is None:
        raise NotAllowed(f"invalid trigger size: {text!r} is not a size such as 100MB")
    power = " kmgtp".index(found[2].lower() or " ")
    return int(float(found[1]) * (1024 if found[3] else 1000) ** power)


def check(connection: rows.Connection, repo: int, name: str, trigger: Trigger) -> None:
    """Refuse a trigger that means nothing, or that would follow itself. Raises NotAllowed."""
    if not trigger.branch:
        raise NotAllowed("triggers must specify a branch to trigger on")
    if trigger.commits < 0:
        raise NotAllowed("can't trigger on a negative number of commits")
    if trigger.size:
        parse_size(trigger.size)
    for what, spec in (("rate limit", trigger.rate_limit_spec), ("cron", trigger.cron_spec)):
        try:
            if spec:
                cron.parse(spec)
        except NotAllowed as error:
            raise NotAllowed(f"invalid trigger {what} spec: {error}") from error
    followed = trigger.branch
    while followed:
        if followed == name:
            raise NotAllowed("triggers cannot form a loop")
        row = connection.execute(
            "SELECT trigger FROM branch WHERE repo = ? AND name = ?", (repo, followed)
        ).fetchone()
        followed = Trigger.from_json(row["trigger"]).branch if row and row["trigger"] else ""


def fire(transaction: Transaction, closed: list[int]) -> None:
    """Move the branches whose triggers are met by commits that have just been finished."""
    connection = transaction.connection
    for commit in closed:
        row = connection.execute(
            f"{rows.COMMITS} WHERE c.id = ? AND c.error = ''", (commit,)
        ).fetchone()
        if row is not None:
            _follow(transaction, row, row["branch"])


def _follow(transaction: Transaction, commit: rows.Row, source: str) -> None:
    for branch in transaction.connection.execute(
        f"{rows.BRANCHES} WHERE b.repo = ? AND b.trigger IS NOT NULL", (commit["repo"],)
    ).fetchall():
        trigger = Trigger.from_json(branch["trigger"])
        if trigger.branch != source or trigger.cron_spec:
            continue
        if _met(transaction, trigger, branch, commit):
            move_head(transaction, branch["id"], commit["id"])
            _follow(transaction, commit, branch["name"])


def fire_by_time(transaction: Transaction) -> None:
    """Move the branches whose cron spec has come round since they last moved."""
    for branch, commit in due(transaction.connection, transaction.now):
        move_head(transaction, branch, commit)


def due(connection: rows.Connection, now: int) -> list[tuple[int, int]]:
    """What `fire_by_time` would do: row ids of branches, each with the commit to move to."""
    found = []
    for branch, trigger in _timed(connection):
        source = connection.execute(
            f"{rows.BRANCHES} WHERE b.repo = ? AND b.name = ?", (branch["repo"], trigger.branch)
        ).fetchone()
        if source is None or source["head"] == branch["head"]:
            continue
        commit = rows.commit_by_id(connection, source["head"])
        since = _due(connection, trigger.cron_spec, branch)
        if commit["finished"] is None or commit["error"] or since is None or since > now:
            continue
        found.append((branch["id"], commit["id"]))
    return found


def _timed(connection: rows.Connection) -> list[tuple[rows.Row, Trigger]]:
    found = connection.execute(f"{rows.BRANCHES} WHERE b.trigger IS NOT NULL").fetchall()
    pairs = [(row, Trigger.from_json(row["trigger"])) for row in found]
    return [pair for pair in pairs if pair[1].cron_spec]


def _due(connection: rows.Connection, spec: str, branch: rows.Row) -> int | None:
    last = rows.commit_by_id(connection, branch["head"])
    return cron.parse(spec).next(last["finished"] or last["started"])


def _met(transaction: Transaction, trigger: Trigger, branch: rows.Row, commit: rows.Row) -> bool:
    connection = transaction.connection
    last = rows.commit_by_id(connection, branch["head"])
    conditions = []
    if trigger.size:
        conditions.append(commit["size"] - last["size"] >= parse_size(trigger.size))
    if trigger.commits:
        conditions.append(_commits_since(connection, commit, last) >= trigger.commits)
    if trigger.rate_limit_spec:
        due = _due(connection, trigger.rate_limit_spec, branch)
        conditions.append(due is not None and due <= transaction.now)
    return bool(conditions) and (all(conditions) if trigger.all else any(conditions))


def _commits_since(connection: rows.Connection, commit: rows.Row, last: rows.Row) -> int:
    count = 0
    while commit["id"] != last["id"]:
        count += 1
        if commit["parent"] is None:
            break
        commit = rows.commit_by_id(connection, commit["parent"])
    return count
