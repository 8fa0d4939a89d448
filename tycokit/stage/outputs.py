"""What a cell puts out, collected as nbformat outputs in the way that a kernel's client does it."""

from __future__ import annotations

import io
import json
import time
from base64 import b64encode
from collections.abc import Callable
from threading import RLock
from typing import Any, TextIO

from jupyter_client.jsonutil import json_default
from jupyter_client.session import Session
from nbformat import NotebookNode, from_dict

from tycokit.stage import limits

StreamListener = Callable[[str, str], None]

# seconds between two looks at a notebook that is still being written to
PAUSE = 0.5


class Collector:
    """The outputs of the cell that runs, in order.

    Text is buffered per stream until the stream is flushed, something is displayed or the cell
    ends, as a kernel buffers it; then neighbouring pieces of one stream are one output. A cell's
    text beyond `limits.CELL_TEXT` is left out, with a line that says so.
    `listener` gets all text (stream name, text) at once.
    """

    def __init__(self) -> None:
        self.listener: StreamListener | None = None
        self.on_output: Callable[[], None] | None = None
        self.cell: NotebookNode | None = None
        self._outputs: list[NotebookNode] = []
        self._pending: dict[str, list[str]] = {"stdout": [], "stderr": []}
        self._growing: list[str] = []  # the last output's text, while it is a stream's
        self._room = limits.CELL_TEXT
        self._dropped = 0
        self._cut: NotebookNode | None = None
        self._looked = 0.0
        self._clear_next = False
        self._displays: dict[str, list[NotebookNode]] = {}
        self._lock = RLock()

    def begin(self, cell: NotebookNode) -> None:
        """From here on, outputs belong to this cell; those that it had are dropped."""
        with self._lock:
            self._outputs = cell.outputs = []
            self._clear_next = False
            self._start_counting()
            self.cell = cell

    def end(self) -> None:
        """The cell is over: what comes later, from a thread that it left, is not collected."""
        with self._lock:
            self.flush("stdout")
            self.flush("stderr")
            self._settle()
            self.cell = None

    def forget(self) -> None:
        """Drop what refers to a finished notebook."""
        self._outputs = []
        self._displays = {}

    def displays(self, outputs: list[NotebookNode], ids: list[str | None]) -> None:
        """Let outputs that were recorded earlier be found again by their display ids."""
        for output, display_id in zip(outputs, ids, strict=True):
            if display_id:
                self._displays.setdefault(display_id, []).append(output)

    def display_ids(self, outputs: list[NotebookNode]) -> list[str | None]:
        """The display id of each of these outputs, None where it has none."""
        known = {id(out): name for name, outs in self._displays.items() for out in outs}
        return [known.get(id(output)) for output in outputs]

    def write(self, name: str, text: str) -> bool:
        """Take text of a stream; False when no cell runs that it could belong to."""
        with self._lock:
            if self.cell is None:
                return False
            if len(text) <= self._room:
                self._room -= len(text)
                self._pending[name].append(text)
            else:
                self._cut_off(name, text)
        if self.listener:
            self.listener(name, text)
        return True

    def flush(self, name: str) -> None:
        """Turn a stream's buffered text into an output."""
        with self._lock:
            parts = self._pending[name]
            if not any(parts) or self.cell is None:
                parts.clear()
                return
            self._clear_if_asked()
            last = self._outputs[-1] if self._outputs else None
            if last is None or last.output_type != "stream" or last.name != name:
                self._settle()
                self._outputs.append(_node(output_type="stream", name=name, text=""))
            self._growing += parts
            parts.clear()
            # joining a long text at each of its pieces would take the square of its length
            if not self.on_output or time.monotonic() - self._looked < PAUSE:
                return
            self._looked = time.monotonic()
            self._settle()
            self.on_output()

    def _settle(self) -> None:
        """Give the last output the text that it has got."""
        if self._growing:
            self._outputs[-1].text += "".join(self._growing)
            self._growing = []
        if self._cut is not None:
            self._cut.text = limits.cut_note(self._dropped)

    def _cut_off(self, name: str, text: str) -> None:
        """Keep what there is room for, and count the rest."""
        if self._cut is None or self._clear_next:
            self.flush("stdout")
            self.flush("stderr")
            self._clear_if_asked()  # which makes room
        kept = text[: self._room]
        self._room -= len(kept)
        self._pending[name].append(kept)
        if len(kept) == len(text):
            return
        self._dropped += len(text) - len(kept)
        if self._cut is None:
            self.flush(name)
            self._settle()
            self._cut = _node(output_type="stream", name="stderr", text="")
            self._outputs.append(self._cut)

    def _start_counting(self) -> None:
        self._growing = []
        self._room, self._dropped, self._cut = limits.CELL_TEXT, 0, None

    def message(self, kind: str, content: dict[str, Any]) -> None:
        """Take one of a kernel's iopub messages; kinds that put nothing out are passed over."""
        with self._lock:
            if self.cell is None:
                return
            if kind == "clear_output":
                self._clear_next = bool(content.get("wait"))
                if not self._clear_next:
                    self._clear()
                return
            if kind == "error":
                output = _node(output_type="error", **content)
            elif kind in ("display_data", "execute_result", "update_display_data"):
                output = _rich(kind, content)
            else:
                return
            display_id = (content.get("transient") or {}).get("display_id")
            for shown in self._displays.get(display_id or "", ()):
                shown.data, shown.metadata = output.data, output.metadata
            if kind == "update_display_data":
                return
            self._clear_if_asked()
            self._settle()
            self._outputs.append(output)
            if display_id:
                self._displays.setdefault(display_id, []).append(output)
        if self.on_output:
            self.on_output()

    def _clear_if_asked(self) -> None:
        if self._clear_next:
            self._clear_next = False
            self._clear()

    def _clear(self) -> None:
        gone = {id(output) for output in self._outputs}
        self._outputs.clear()
        self._start_counting()
        for shown in self._displays.values():
            shown[:] = [output for output in shown if id(output) not in gone]


def _node(**items: Any) -> NotebookNode:
    return NotebookNode(**items)  # type: ignore[no-untyped-call]


def _rich(kind: str, content: dict[str, Any]) -> NotebookNode:
    output = _node(output_type=kind)
    output.metadata = _plain(content["metadata"] or {})
    output.data = _node(**{mime: _plain(value) for mime, value in content["data"].items()})
    if kind == "execute_result":
        output.execution_count = content["execution_count"]
    return output


def _plain(value: Any) -> Any:
    """The value as it looks after a trip through JSON, which a kernel's messages make."""
    if isinstance(value, str):
        return value
    if isinstance(value, bytes):
        return b64encode(value).decode("ascii")
    plain = json.loads(json.dumps(value, default=json_default))
    return from_dict(plain)  # type: ignore[no-untyped-call]


class CellStream(io.TextIOBase):
    """sys.stdout or sys.stderr while cells run.

    Text from no cell (a thread that outlived its own) goes to `fallback`; so does what is written
    to the file descriptor itself, which is fallback's.
    """

    encoding = "UTF-8"
    errors = "strict"

    def __init__(self, name: str, collector: Collector, fallback: TextIO) -> None:
        super().__init__()
        self.name = f"<{name}>"
        self._stream = name
        self._collector = collector
        self._fallback = fallback

    def write(self, text: str) -> int:
        if not isinstance(text, str):
            raise TypeError(f"write() argument must be str, not {type(text)}")
        if not self._collector.write(self._stream, text):
            self._fallback.write(text)
        return len(text)

    def flush(self) -> None:
        self._collector.flush(self._stream)
        self._fallback.flush()

    def writable(self) -> bool:
        return True

    def isatty(self) -> bool:
        return False

    def fileno(self) -> int:
        return self._fallback.fileno()

    def close(self) -> None:
        """A cell that closes sys.stdout must not silence those after it."""


class CollectingSession(Session):
    """A kernel's message session whose messages go to a collector instead of a ZeroMQ socket."""

    def __init__(self, collector: Collector, **settings: Any) -> None:
        super().__init__(**settings)
        self._collector = collector

    def msg(  # type: ignore[override]  # headers are of no use here
        self, msg_type: str, content: Any = None, **_rest: Any
    ) -> dict[str, Any]:
        return {
            "header": {"msg_type": msg_type},
            "msg_type": msg_type,
            "parent_header": {},
            "metadata": {},
            "content": content or {},
        }

    def send(  # type: ignore[override]
        self, _stream: Any, msg_or_type: Any, content: Any = None, *_rest: Any, **_named: Any
    ) -> dict[str, Any]:
        message: dict[str, Any] = (
            msg_or_type if isinstance(msg_or_type, dict) else self.msg(msg_or_type, content)
        )
        self._collector.message(message["msg_type"], message["content"])
        return message
