"""The one way for data to flow: from a source to a sink."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol

from tycokit.moving.changes import Change
from tycokit.moving.contents import Contents, Step


class Source(Protocol):
    """What has something to give: a pachd, an archive."""

    def contents(self) -> Contents:
        """All that is to be moved."""
        ...

    def changes(self, step: Step) -> Iterator[Change]:
        """What a step brings, by path. Steps are asked for in their order, some perhaps not."""
        ...


class Sink(Protocol):
    """What takes it."""

    def prepare(self, contents: Contents) -> None:
        """Make what has to be there before the first commit."""
        ...

    def has(self, step: Step) -> bool:
        """Whether a step was taken before."""
        ...

    def take(
        self, step: Step, changes: Iterator[Change], moved: Callable[[int], None]
    ) -> int | None:
        """Make a step's commit, tell how many bytes went out, and answer how many files did.

        None where nothing was made: it `has` the step, or cannot take it.
        """
        ...

    def finish(self, contents: Contents) -> tuple[str, ...]:
        """Make what stands on the commits; a sentence for all that could not be."""
        ...


@dataclass(frozen=True, slots=True)
class Moved:
    """What was done: steps taken now, steps that were there before, files that went out now.

    `left` holds a sentence for each part that could not be moved.
    """

    contents: Contents
    taken: int
    there: int
    files: int
    left: tuple[str, ...]


def move(
    contents: Contents,
    source: Source,
    sink: Sink,
    watch: Callable[[Step, int], None] = lambda _step, _count: None,
) -> Moved:
    """Move all of the source's `contents` that the sink has not.

    `watch` is told each number of bytes that was done for a step, also what need not be sent.
    """
    sink.prepare(contents)
    taken = there = files = 0
    for step in contents.steps:
        sent = 0

        def moved(count: int, step: Step = step) -> None:
            nonlocal sent
            sent += count
            watch(step, count)

        count = None if sink.has(step) else sink.take(step, source.changes(step), moved)
        if count is not None:
            files += count
            taken += 1
        elif sink.has(step):
            there += 1
        watch(step, step.size - sent)
    return Moved(contents, taken, there, files, sink.finish(contents))
