"""The rules that a cluster works by: read with their commit, written if nobody else did since."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
from python_pachyderm import Client

from tycokit.client import is_missing
from tycokit.errors import RulesChanged
from tycokit.repos.addresses import DEFAULT_PROJECT, Address
from tycokit.vision.labels import COCO, Labels
from tycokit.vision.rules import Rule, Rules, parse

REPO, FILE = "rules", "/rules.json"
EMPTY = '{\n  "rules": []\n}\n'


@dataclass(frozen=True, slots=True)
class Committed:
    """`text` of rules.json at a commit; the commit is empty where there is none yet."""

    commit: str
    text: str


def head(client: Client, project: str = DEFAULT_PROJECT) -> Committed:
    """The rules of a project's rules@master."""
    try:
        commit = client.inspect_branch(REPO, "master", project).head.id
        with client.get_file(Address(REPO, project=project).at, FILE) as file:
            return Committed(commit, file.read().decode("utf-8-sig", "replace"))
    except (grpc.RpcError, ConnectionError) as error:
        if not is_missing(error):
            raise
    return Committed("", EMPTY)


def read(text: str, labels: Labels = COCO) -> Rules:
    """Rules of a text. Raises RulesError, which names the rule and the field."""
    return parse(text, Path("rules.json"), labels)


def commit(client: Client, text: str, based_on: str, project: str = DEFAULT_PROJECT) -> str:
    """Write rules that were checked, the new commit's id; stages that use them run again.

    Raises RulesError, and RulesChanged when the head is another than `based_on`.
    """
    read(text)
    present = head(client, project).commit
    if present != based_on:
        raise RulesChanged(based_on, present)
    with client.commit(REPO, "master", description="tycokit rules", project_name=project) as made:
        client.put_file_bytes(made, FILE, text.encode())
    return str(made.id)


def written_out(rules: Rules) -> str:
    """The full form of rules as text, a rule a line, with what is as by default left out."""
    lines = ",\n".join(f"  {json.dumps(_short(rule), ensure_ascii=False)}" for rule in rules.rules)
    return f'{{"rules": [\n{lines}\n]}}\n' if lines else EMPTY


def _short(rule: Rule) -> dict[str, Any]:
    full, usual = rule.as_json(), Rule(rule.id, rule.unsafe).as_json()
    named = ("id", "unsafe", "probability")  # always there, or written in another way
    kept = {name: value for name, value in full.items() if name in named or value != usual[name]}
    kept["unsafe"] = [COCO.name(number) for number in rule.unsafe]
    least = kept.pop("probability")
    by_class = {COCO.name(int(n)): p for n, p in least.items() if n != "default"}
    if by_class:
        kept["probability"] = {**by_class, "default": least["default"]}
    elif least["default"]:
        kept["probability"] = least["default"]
    return kept
