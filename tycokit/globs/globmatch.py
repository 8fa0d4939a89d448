"""Matching a glob in time proportional to its length times that of the path, whatever it is.

`re` backtracks: `/*(*(a))b` or ten stars in a row would keep it busy for ever on a long name. It is
asked where the most that it could do is little, since it is fast. Elsewhere a small machine walks
through the pattern as `re` would, in the same order, so that the captures are the same; but it
never tries again what has failed before: being at one place of the pattern and one of the text is
all that decides what can follow (and which repetitions' rounds are empty so far).
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field
from typing import Any

from tycokit.globs.globsyntax import Node, Sequence, negation_end, translate

Captures = tuple["str | None", ...]
_MOST_STEPS = 100_000  # that `re` may need in the worst case: a millisecond or two


@dataclass(frozen=True, slots=True)
class _Step:
    """One place of a compiled pattern.

    `kind`: text (`text` follows), one (a character of `chars`), split (go on at `to`, then, should
    that fail, at `other`), jump (at `to`), save (note the position under `number`), begin and end
    (of a repetition's round, whose position is noted under `number`; `end` leaves for `other` when
    the round was empty), not (nothing of the program `below` may match here), match.
    """

    kind: str
    text: str = ""
    chars: re.Pattern[str] | None = None
    to: int = 0
    other: int = 0
    number: int = 0
    below: tuple[_Step, ...] = ()
    rounds: tuple[int, ...] = ()  # of the repetitions around it, from the outermost in


@dataclass(slots=True, eq=False)
class Matcher:
    """A compiled pattern."""

    regex: re.Pattern[str]
    nodes: Sequence
    _degree: int = field(init=False)
    _choices: float = field(init=False)
    _program: tuple[_Step, ...] = field(init=False, default=())

    def __post_init__(self) -> None:
        self._degree, self._choices = _worst(self.nodes)

    def match(self, text: str) -> Captures | None:
        """The capture groups of all of `text`, left to right; None when it does not match."""
        if self._choices * len(text) ** max(1, self._degree) <= _MOST_STEPS:
            found = self.regex.fullmatch(text)
            return found.groups() if found else None
        if not self._program:
            self._program = _Compiler(bool(negation_end(self.nodes))).program(self.nodes)
        marks = _run(self._program, text, 0, {})
        if marks is None:
            return None
        bounds = [(marks.get(2 * at), marks.get(2 * at + 1)) for at in range(self.regex.groups)]
        return tuple(
            text[begin:end] if begin is not None and end is not None else None
            for begin, end in bounds
        )


def compile(nodes: Sequence) -> Matcher:  # noqa: A001 (as re.compile)
    """Raises re.error, RecursionError: the pattern is too large for `re`."""
    return Matcher(re.compile(translate(nodes), re.DOTALL), nodes)


def _worst(nodes: Sequence) -> tuple[int, float]:
    """(d, c): backtracking over n characters takes no more than about c times n^d steps."""
    across = within = most = 0  # of pieces that match slashes; of the others, an element at a time
    choices = 1.0
    for node in nodes:
        if node.kind == "text":
            if "/" in node.text:  # where a star before it ends is clear
                within = 0
            continue
        degree, times = _worst_of(node)
        choices *= times
        if node.may_match_slash():
            across += degree
        else:
            within += degree
            most = max(most, within)
    return across + most, choices


def _worst_of(node: Node) -> tuple[int, float]:
    if node.kind in ("star", "deep"):
        return 1, 1
    if not node.branches:
        return 0, 1
    below = [_worst(branch) for branch in node.branches]
    degree, choices = max(d for d, _ in below), sum(c for _, c in below)
    if node.kind == "group" and node.text in "*+":
        # only where it is one character each time can a round be told from the next in one way
        one = len(node.branches) == 1 and len(node.branches[0]) == 1
        return (1, 1) if one and node.branches[0][0].kind in ("one", "class") else (0, math.inf)
    if node.kind == "group" and node.text == "!":
        return degree + 1, choices + 1
    return degree, choices + (node.text == "?")


class _Compiler:
    def __init__(self, refuses_all: bool) -> None:
        self._refuses_all = refuses_all  # what `!()` refuses reaches to the end of the text
        self._groups = 0
        self._repetitions = 0
        self._rounds: tuple[int, ...] = ()

    def program(self, nodes: Sequence) -> tuple[_Step, ...]:
        steps: list[_Step] = []
        self._sequence(nodes, steps)
        return (*steps, _Step("match", number=1))

    def _step(self, kind: str, **more: Any) -> _Step:
        return _Step(kind, rounds=self._rounds, **more)

    def _sequence(self, nodes: Sequence, steps: list[_Step]) -> None:
        for node in nodes:
            self._node(node, steps)

    def _node(self, node: Node, steps: list[_Step]) -> None:
        if node.kind == "text":
            steps.append(self._step("text", text=node.text))
        elif node.kind == "one":
            steps.append(self._step("one", chars=_NO_SLASH))
        elif node.kind == "class":
            steps.append(self._step("one", chars=re.compile(node.text, re.DOTALL)))
        elif node.kind in ("star", "deep"):
            self._star(_NO_SLASH if node.kind == "star" else _ANY, steps)
        elif node.kind == "any_of":
            self._branches(node.branches, steps)
        else:
            self._group(node, steps)

    def _star(self, chars: re.Pattern[str], steps: list[_Step]) -> None:
        at = len(steps)
        steps.append(self._step("split", to=at + 1, other=at + 3))
        steps.append(self._step("one", chars=chars))
        steps.append(self._step("jump", to=at))

    def _branches(self, branches: tuple[Sequence, ...], steps: list[_Step]) -> None:
        ends: list[int] = []
        for branch in branches[:-1]:
            at = len(steps)
            steps.append(self._step("split"))
            self._sequence(branch, steps)
            ends.append(len(steps))
            steps.append(self._step("jump"))
            steps[at] = self._step("split", to=at + 1, other=len(steps))
        self._sequence(branches[-1], steps)
        for end in ends:
            steps[end] = self._step("jump", to=len(steps))

    def _group(self, node: Node, steps: list[_Step]) -> None:
        group = self._groups
        self._groups += 1
        steps.append(self._step("save", number=2 * group))
        if node.text == "@":
            self._branches(node.branches, steps)
        elif node.text == "?":
            at = len(steps)
            steps.append(self._step("split"))
            self._branches(node.branches, steps)
            steps[at] = self._step("split", to=at + 1, other=len(steps))
        elif node.text == "!":
            steps.append(self._step("not", below=self._refused(node)))
            self._star(_NO_SLASH, steps)
        else:
            self._repeat(node, steps)
        steps.append(self._step("save", number=2 * group + 1))

    def _refused(self, node: Node) -> tuple[_Step, ...]:
        rounds, self._rounds = self._rounds, ()
        below: list[_Step] = []
        self._branches(node.branches, below)
        self._rounds = rounds
        return (*below, _Step("match", number=int(self._refuses_all)))

    def _repeat(self, node: Node, steps: list[_Step]) -> None:
        self._repetitions += 1
        number = -self._repetitions
        at = len(steps)
        if node.text == "*":
            steps.append(self._step("split"))
        begin = len(steps)
        steps.append(self._step("begin", number=number))
        around, self._rounds = self._rounds, (*self._rounds, number)
        self._branches(node.branches, steps)
        end = len(steps)
        steps.append(self._step("end", to=end + 1, other=end + 2, number=number))
        self._rounds = around
        steps.append(self._step("split", to=begin, other=end + 2))
        if node.text == "*":
            steps[at] = self._step("split", to=begin, other=end + 2)


_NO_SLASH = re.compile("[^/]", re.DOTALL)
_ANY = re.compile(".", re.DOTALL)
_Marks = dict[int, int]


def _run(
    program: tuple[_Step, ...], text: str, begin: int, refused: dict[tuple[int, int], bool]
) -> _Marks | None:
    """The positions noted on the first way through, or None when there is none.

    `refused` remembers what `not` has found for a program at a position.
    """
    seen: set[tuple[int, int, int]] = set()
    waiting: list[tuple[int, int, _Marks]] = [(0, begin, {})]
    while waiting:
        at, position, marks = waiting.pop()
        while True:
            step = program[at]
            # a round that began here is empty so far, and so are those inside it
            empty = next((each for each in step.rounds if marks[each] == position), 0)
            if (at, position, empty) in seen:
                break
            seen.add((at, position, empty))
            at += 1
            if step.kind == "text":
                if not text.startswith(step.text, position):
                    break
                position += len(step.text)
            elif step.kind == "one":
                assert step.chars is not None
                if step.chars.match(text, position) is None:
                    break
                position += 1
            elif step.kind == "split":
                waiting.append((step.other, position, marks))
                at = step.to
            elif step.kind == "jump":
                at = step.to
            elif step.kind in ("save", "begin"):
                marks = {**marks, step.number: position}
            elif step.kind == "end":
                at = step.other if marks[step.number] == position else step.to
            elif step.kind == "not":
                key = (id(step), position)
                if key not in refused:
                    refused[key] = _run(step.below, text, position, refused) is not None
                if refused[key]:
                    break
            elif not step.number or position == len(text):
                return marks
            else:
                break
    return None
