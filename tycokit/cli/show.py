"""What people see on a terminal, and type. Results go to stdout, all else to stderr."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

import typer
from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
    TransferSpeedColumn,
)
from rich.text import Text


def out(least: int = 0) -> Console:
    """The console of results; tables may be `least` columns wide, whatever the terminal is."""
    console = Console(highlight=False, soft_wrap=True)
    console.width = max(console.width, least)
    return console


def err() -> Console:
    return Console(stderr=True, highlight=False, soft_wrap=True)


def line(text: str, style: str = "") -> None:
    """One line on stdout, as it is: nothing in it is taken for markup."""
    out().print(Text(safe(text), style=style))


def warn(text: str) -> None:
    err().print(Text(safe(text), style="bold yellow"))


def fail(text: str) -> None:
    err().print(Text(safe(f"tycokit: {text}"), style="bold red"))


def safe(text: str) -> str:
    """Text that no terminal can be made to act on, and that every one can print."""
    return "".join(
        character if character.isprintable() or character == "\n" else ascii(character)[1:-1]
        for character in text.replace("\t", "    ")
    )


def secret(what: str) -> str:
    """What a person types without its being seen; where none is there, a line of stdin."""
    if not sys.stdin.isatty():
        return sys.stdin.readline().strip()
    return str(typer.prompt(what, default="", hide_input=True, show_default=False, err=True))


@contextmanager
def spinner(text: str) -> Iterator[None]:
    """A spinner on stderr while something is waited for; nothing where that is no terminal."""
    with err().status(text):
        yield


def bytes_bar() -> Progress:
    console = err()
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    )


def datums_bar() -> Progress:
    return Progress(
        SpinnerColumn(finished_text=" "),
        TextColumn("{task.description:<15}"),
        BarColumn(bar_width=30),
        MofNCompleteColumn(),
        TextColumn("datums  {task.fields[state]:<9}"),
        TimeElapsedColumn(),
        console=err(),
    )
