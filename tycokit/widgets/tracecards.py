"""A trace as a graph of cards: what people put, and what ran; its files are lines on the cards."""

from __future__ import annotations

import posixpath
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

from tycokit.lineage.tracing import BACK, Trace
from tycokit.lineage.values import Attempt, File
from tycokit.repos import browsing, thumbnails
from tycokit.widgets import cards
from tycokit.widgets.cards import Card, Row

PARAMETERS = "#parameters"  # after an attempt's key
GROUP = "#group"  # after a pipeline's name: its attempts, where they are many
_ALONE = 6  # attempts of a pipeline that have a card each
_LINES = 6  # files on a card
_GLYPHS = {"picture": "▣", "notebook": "≡", "executed": "▷", "file": "▪", "parameters": "⚙"}


def draw(trace: Trace) -> dict[str, Any]:
    """The drawing of a trace, as cards.draw gives it."""
    return _Cards(trace).draw()


def is_picture(file: File) -> bool:
    """Whether a file can be looked at as a picture."""
    return not file.folder and browsing.suffix(file.at.path) in thumbnails.SUFFIXES


def short(file: File) -> str:
    """A file's name as a person calls it."""
    return posixpath.basename(file.at.path) or file.at.repo


class _Cards:
    def __init__(self, trace: Trace) -> None:
        self._trace = trace
        self._executed = {
            run.executed.key for run in trace.runs.values() if run.executed is not None
        }
        self._notebooks = {
            key
            for attempt in trace.attempts.values()
            for name, file in trace.inputs(attempt)
            if name == "notebook"
            for key in [file.key]
        }
        counts = Counter(attempt.pipeline for attempt in trace.attempts.values())
        back = trace.direction == BACK
        self._grouped = {name for name, count in counts.items() if count > _ALONE and not back}

    def draw(self) -> dict[str, Any]:
        made = [*self._files(), *self._attempts(), *self._groups()]
        there = {card.key for card in made}
        links = [link for link in self._links() if link[0] in there and link[1] in there]
        return cards.draw(made, links)

    def _files(self) -> Iterator[Card]:
        """What no attempt of the trace wrote, and that stands on no card of one."""
        trace = self._trace
        names = {link.source: link.name for link in trace.links if link.name}
        for key, file in trace.files.items():
            is_start = key == trace.start.key
            if trace.made_by.get(key) in trace.attempts or key in self._executed:
                continue
            if trace.direction == BACK and key in self._notebooks and not is_start:
                continue
            if file.folder and not is_start and trace.direction != BACK:
                continue
            yield _file_card(file, names.get(key, ""), is_start, key in trace.more)

    def _attempts(self) -> Iterator[Card]:
        for attempt in self._trace.attempts.values():
            if attempt.pipeline not in self._grouped:
                yield self._attempt_card(attempt)

    def _attempt_card(self, attempt: Attempt) -> Card:
        trace = self._trace
        wrote = list(self._wrote(attempt))
        rows = [_file_row(file) for file in wrote[:_LINES]]
        if len(wrote) > _LINES:
            rows.append(Row(attempt.key, "…", f"and {len(wrote) - _LINES} more files"))
        if trace.direction == BACK:
            rows += self._about(attempt)
        is_former = bool(wrote) and trace.direction != BACK and wrote[0].key not in trace.current
        note = attempt.lost or ("" if wrote else "no result") or ("former" if is_former else "")
        return Card(
            attempt.key,
            "datum",
            attempt.pipeline,
            state=attempt.state or "unknown",
            note=note,
            rows=tuple(rows),
            tone="start"
            if trace.made_by.get(trace.start.key) == attempt.key
            else "dim"
            if is_former
            else "",
            label=f"{attempt.pipeline}, datum {attempt.datum[:12]}, {attempt.state} {note}".strip(),
        )

    def _about(self, attempt: Attempt) -> Iterator[Row]:
        """What made it: the notebook, its parameters, and the notebook as it ran."""
        run = self._trace.runs.get(attempt.key)
        notebook = attempt.notebook
        if notebook is not None:
            yield Row(notebook.key, _GLYPHS["notebook"], short(notebook), notebook.at.commit[:8])
        if run is not None and run.parameters:
            text = ", ".join(f"{name}={value}" for name, value in own(run.parameters))
            row = text or "default parameters"
            yield Row(f"{attempt.key}{PARAMETERS}", _GLYPHS["parameters"], row)
        if run is not None and run.executed is not None:
            yield Row(run.executed.key, _GLYPHS["executed"], "executed notebook")

    def _wrote(self, attempt: Attempt) -> Iterator[File]:
        for key, file in self._trace.files.items():
            if self._trace.made_by.get(key) == attempt.key and key not in self._executed:
                yield file

    def _groups(self) -> Iterator[Card]:
        for name in sorted(self._grouped):
            attempts = [one for one in self._trace.attempts.values() if one.pipeline == name]
            files = [file for attempt in attempts for file in self._wrote(attempt)]
            current = sum(file.key in self._trace.current for file in files)
            more = "at least " if name in self._trace.more else ""
            rows = [_file_row(file) for file in files[: _LINES - 1]]
            if len(files) > len(rows):
                rows.append(Row(f"{name}{GROUP}", "…", f"and {more}{len(files) - len(rows)} more"))
            yield Card(
                f"{name}{GROUP}",
                "group",
                name,
                word=f"{more}{len(attempts)} datums",
                note=f"{current} of {len(files)} current",
                rows=tuple(rows),
                label=f"{name}, {more}{len(attempts)} datums, {len(files)} files",
            )

    def _links(self) -> Iterator[tuple[str, str, str]]:
        """From card to card, each way once."""
        trace = self._trace
        within: dict[str, list[str]] = {}
        for link in trace.links:
            if link.target in trace.files and not link.name and link.source in trace.files:
                within.setdefault(link.target, []).append(link.source)
        for link in trace.links:
            if link.target in trace.attempts:
                name = f"{link.name}: {trace.files[link.source].at.path}"
                # forward, a folder has no card: what lies in it leads on
                through = within.get(link.source, []) if trace.direction != BACK else []
                for source in through or [link.source]:
                    yield from self._link(source, link.target, name)
            elif link.source in trace.files:  # it lies in the other: a folder with a card
                yield from self._link(link.source, link.target, "")

    def _link(self, source: str, target: str, name: str) -> Iterable[tuple[str, str, str]]:
        one, other = self._card_of(source), self._card_of(target)
        return [(one, other, name)] if one != other else []

    def _card_of(self, key: str) -> str:
        """The card on which a file or attempt stands."""
        trace = self._trace
        maker = trace.made_by.get(key)
        attempt = trace.attempts.get(maker or key)
        if attempt is None:
            return key
        return f"{attempt.pipeline}{GROUP}" if attempt.pipeline in self._grouped else attempt.key


def own(parameters: Any) -> Iterator[tuple[str, Any]]:
    """The parameters that are no paths of inputs or outputs, which every run has."""
    for name, value in parameters.items():
        if not (isinstance(value, str) and value.startswith("/pfs/")):
            yield name, value


def _file_row(file: File) -> Row:
    kind = "picture" if is_picture(file) else "file"
    return Row(file.key, _GLYPHS[kind], file.at.path.lstrip("/"))


def _file_card(file: File, name: str, is_start: bool, more: bool) -> Card:
    kind = "folder" if file.folder else "file"
    where = f"{file.at.repo}@{file.at.commit[:8]}"
    title = file.at.path if file.folder and file.at.path != "/" else short(file)
    word = name if name != title else ""  # most repos are read by their own name
    return Card(
        file.key,
        kind,
        f"{title} (and more)" if more else title,
        word=word or kind,
        note=where,
        tone="start" if is_start else "",
        picture=is_picture(file),
        label=f"{word or kind} {file.at}",
    )
