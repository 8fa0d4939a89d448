"""The README names commands and options that exist, and all of them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import typer

from tycokit.cli.app import app

README = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")


def leaves(command: Any, words: tuple[str, ...] = ()) -> dict[str, Any]:
    """Every command that does something, by its words."""
    inner = getattr(command, "commands", None)
    if inner is None:
        return {" ".join(words): command}
    found: dict[str, Any] = {}
    for name, one in inner.items():
        if not one.hidden:
            found |= leaves(one, (*words, name))
    return found


COMMANDS = leaves(typer.main.get_command(app))
GROUPS = {name.split()[0] for name in COMMANDS if " " in name}


def options(command: Any) -> set[str]:
    return {name for parameter in command.params for name in parameter.opts if name[0] == "-"}


def mentioned() -> list[tuple[str, str]]:
    """Each `tycokit …` in code of the README: the command, and the words after it."""
    lines = [
        line
        for block in re.findall(r"```console\n(.*?)```", README, re.S)
        for line in block.splitlines()
    ]
    texts = [line.split("#")[0].removeprefix("$ ") for line in lines if "tycokit" in line]
    texts += re.findall(r"`(tycokit [^`]*)`", README)
    found = []
    for text in texts:
        words = text.split()[1:]
        name = " ".join(words[: 2 if words[0] in GROUPS else 1])
        found.append((name, " ".join(words)))
    return found


def rows() -> dict[str, set[str]]:
    """The options that the table gives each command."""
    found = {}
    for first, second in re.findall(r"^\| (`tycokit .*?) \|(?: (.*?))? ?\|$", README, re.M):
        for text in re.findall(r"`tycokit ([^`]*)`", first.replace("\\|", "/")):
            words = text.split()
            name = " ".join(words[: 2 if words[0] in GROUPS else 1])
            found[name] = set(re.findall(r"`(--[a-z-]+)`", second or ""))
    return found


def test_every_command_that_the_readme_shows_exists() -> None:
    assert len(mentioned()) > 15
    for name, words in mentioned():
        assert name in COMMANDS, words
        for option in re.findall(r"(?<!\S)--?[a-z-]+", words):
            if name != "stage":
                assert option in options(COMMANDS[name]), words


def test_the_table_has_every_command() -> None:
    assert rows().keys() == COMMANDS.keys()


@pytest.mark.parametrize("name", COMMANDS)
def test_the_table_has_every_option_of_a_command(name: str) -> None:
    long = {option for option in options(COMMANDS[name]) if option.startswith("--")}
    assert rows()[name] == long - {"--help"}


def test_every_command_says_what_it_does() -> None:
    assert all(command.help for command in COMMANDS.values())
