"""doctor: what is wrong with the context's pachd and what runs there, and what to do about it."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Annotated

import typer
from rich.text import Text

from tycokit.cli import place, show, surroundings
from tycokit.cli.place import Context
from tycokit.contexts import activation, config
from tycokit.errors import NoAnswer
from tycokit.operations import checks, survey
from tycokit.operations.checks import Finding
from tycokit.operations.survey import Facts
from tycokit.wording import counted


def doctor(
    as_json: Annotated[bool, typer.Option("--json", help="The findings as JSON.")] = False,
    context: Context = None,
) -> None:
    """Tell what is wrong, and the next step for each. Exit code 1 when something is."""
    facts = _facts(context)
    found = checks.check(facts)
    if as_json:
        document = {"looked_at": _looked_at(facts), "findings": [asdict(one) for one in found]}
        typer.echo(json.dumps(document))
    else:
        for one in found:
            _show(one)
        looked = f"looked at {', '.join(_looked_at(facts)) or 'nothing'}"
        wrong = any(one.level == "wrong" for one in found)
        show.line(looked if wrong else f"✔ nothing is wrong: {looked}", "" if wrong else "green")
    if any(one.level == "wrong" for one in found):
        raise typer.Exit(1)


def _facts(context: str | None) -> Facts:
    try:
        here = place.find(context)
        return survey.look(here.client, here.home)
    except NoAnswer as error:
        known = config.context(surroundings.config_path(), context)
        if known is None:
            return survey.look_without(str(error), None)
        log = activation.log(surroundings.data_path(), known)
        return survey.look_without(str(error), known.deployment, log, place.home(context))


def _show(one: Finding) -> None:
    glyph, style = ("✖", "bold red") if one.level == "wrong" else ("▲", "yellow")
    text = Text(f"{glyph} {show.safe(one.subject)}: ", style=style)
    text.append(show.safe(one.what).replace("\n", "\n    "), style="default")
    show.out().print(text)
    show.line(f"    → {one.next}")


def _looked_at(facts: Facts) -> list[str]:
    """What was seen, so that nobody takes silence for health."""
    seen = []
    if facts.version is not None:
        seen.append(f"Pachyderm {'.'.join(map(str, facts.version))}")
        seen.append(counted(len(facts.pipelines), "pipeline"))
    if facts.reading is not None:
        seen.append(counted(len(facts.reading.pods), "pod"))
        seen.append(counted(len(facts.reading.nodes), "node"))
        if facts.reading.disks:
            seen.append(counted(len(facts.reading.disks), "disk"))
    return seen
