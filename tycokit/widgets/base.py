"""What all widgets share: state read from pachd, requests from the browser, a static rendering.

No callback does any work where it arrives: the kernel's main thread, or a subshell's, hands a
request to a thread of the widget. `state` is only ever replaced as a whole, under one lock; the
browser changes no trait, and nothing is kept in the notebook.
"""

from __future__ import annotations

import inspect
import json
import logging
import threading
import time
import uuid
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from concurrent.futures import TimeoutError as TookTooLong
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, ClassVar, TypeVar

import anywidget
import grpc
import traitlets
from markupsafe import Markup
from python_pachyderm import Client

from tycokit.client import translate
from tycokit.errors import CliError, NoAnswer, Refused, StateTooLarge, TycokitError, UnknownRequest
from tycokit.widgets import connecting, page, scripts
from tycokit.widgets.polling import Poller

MOST_STATE = 1_000_000  # bytes of JSON
PATIENCE = 10.0  # seconds until a read that does not end counts as a lost connection
SAVED_EVERY = 2.0  # seconds at least between two updates of the static rendering

_log = logging.getLogger(__name__)
_Method = TypeVar("_Method", bound=Callable[..., Any])
Answer = dict[str, Any] | tuple[dict[str, Any], list[bytes]]


def request(method: _Method) -> _Method:
    """Let the browser call this method of a View: `request(model, "name", {argument: value})`.

    It runs in a thread. What it returns must be JSON, or a pair of JSON and a list of bytes, which
    the browser finds as `blobs`. A TycokitError or an error of gRPC reaches the browser as its
    sentence.
    """
    method.__tycokit_request__ = True  # type: ignore[attr-defined]
    return method


def action(method: _Method) -> _Method:
    """A @request that changes something in pachd: `state` is read again as soon as it is done."""
    method.__tycokit_changes__ = True  # type: ignore[attr-defined]
    return request(method)


class View(anywidget.AnyWidget):
    """A widget on one pachd. A subclass gives NAME, TITLE, `read` and `static_html`.

    `state` is what the first paint needs, JSON of less than 1 MB; larger things come in pages, by
    methods marked @request. While a browser shows the widget, `read` is called every `EVERY`
    seconds, in a thread. `connection` says how the last read went: {"ok": bool, "lost": bool,
    "message": str, "since": ISO time}; `lost` when pachd did not answer at all.

    Making one reads once: what pachd refuses (a repo that is not there, a wrong token) is raised,
    a pachd that does not answer is shown, until it does.
    """

    NAME: ClassVar[str] = ""  # of static/NAME.js and static/NAME.css
    TITLE: ClassVar[str] = ""
    EVERY: ClassVar[float] = 1.0  # seconds between two reads
    PARTS: ClassVar[tuple[str, ...]] = ()  # of static/PART.js and .css, which several widgets use
    STATIC: ClassVar[Path] = scripts.FOLDER

    state = traitlets.Dict(read_only=True).tag(sync=True)
    connection = traitlets.Dict(read_only=True).tag(sync=True)
    token = traitlets.Unicode(read_only=True).tag(sync=True)  # names its static rendering

    def __init_subclass__(cls, **kwargs: Any) -> None:
        if cls.__dict__.get("NAME"):
            cls._esm = scripts.module(cls.STATIC, cls.NAME, cls.PARTS)
            cls._css = scripts.style(cls.STATIC, cls.NAME, cls.PARTS)
        super().__init_subclass__(**kwargs)

    def __init__(self, client: Client | None = None) -> None:
        self._client, self._own = client, client is None
        self._lock = threading.RLock()  # guards all below, and every change of a trait
        self._reads = threading.Lock()  # one read at a time
        self._shown = ""  # the state as it was sent
        self._saved = ""  # the static rendering as it was sent
        self._saved_at = 0.0
        self._display: str | None = None
        self._poller = Poller(f"tycokit-{self.NAME}-poll", self._again, self.EVERY)
        super().__init__()
        self.set_trait("token", uuid.uuid4().hex)
        self._connected(None)
        self.on_msg(self._receive)
        try:
            self._first()
        except BaseException:
            self.close()
            raise

    # what a subclass overrides

    def read(self) -> dict[str, Any]:
        """A fresh snapshot for `state`. Runs in a thread; may raise what the client raises."""
        raise NotImplementedError

    def static_html(self) -> str:
        """The present state as escaped HTML without a script: what a saved notebook shows."""
        raise NotImplementedError

    # what a script uses

    @property
    def client(self) -> Client:
        """The client. Raises NoAnswer, Refused or ConfigError where none was given nor is found."""
        with self._lock:
            if self._client is not None:
                return self._client
        found = connecting.active()
        with self._lock:
            self._client = found
        return found

    def refresh(self) -> None:
        """Read now, and show what was read. Raises CliError where pachd does not answer."""
        self._read()
        self._save(now=True)

    def close(self) -> None:
        """Take the widget away; the static rendering stays."""
        if self.comm is not None:
            self._poller.end()
            super().close()

    # reading

    def _first(self) -> None:
        """The first read, for which a cell waits, but not for ever."""
        done: Future[None] = Future()

        def read() -> None:
            try:
                self._read()
            except BaseException as error:
                done.set_exception(error)
            else:
                done.set_result(None)

        self._start(read, "first")
        try:
            done.result(PATIENCE)
        except NoAnswer:
            pass  # it is shown
        except TookTooLong:  # the read goes on, and shows what it finds when it finds it
            self._connected(silent())

    def _again(self) -> bool:
        """One read of many, which raises nothing; whether pachd answered."""
        watch = threading.Timer(PATIENCE, self._connected, [silent()])
        watch.daemon = True
        watch.start()
        try:
            self._read()
        except CliError:
            return False
        except Exception as error:
            self._connected(CliError(said(error)))
            return False
        finally:
            watch.cancel()
            self._save_anyhow()
        return True

    def _save_anyhow(self) -> None:
        """Save, whatever comes of it: the thread that looks again and again must outlive it."""
        try:
            self._save()
        except Exception as error:
            self._connected(CliError(said(error)))

    def _read(self) -> None:
        """Read and show. Raises CliError when pachd did not answer, or refused; that is shown."""
        with self._reads:
            try:
                found = self.read()
            except (grpc.RpcError, ConnectionError, CliError) as error:
                refusal = error if isinstance(error, CliError) else translate(error)
                self._connected(refusal)
                if self._own and isinstance(refusal, (NoAnswer, Refused)):
                    with self._lock:  # the context may lead elsewhere by now
                        self._client = None
                raise refusal from error
            self._show(found)
            self._connected(None)

    def _show(self, found: Mapping[str, Any]) -> None:
        text = json.dumps(found, sort_keys=True, allow_nan=False)
        if len(text) > MOST_STATE:
            raise StateTooLarge(self.NAME, len(text), MOST_STATE)
        with self._lock:
            if text != self._shown:
                self._shown = text
                self.set_trait("state", json.loads(text))

    def _connected(self, error: CliError | None) -> None:
        message = "" if error is None else str(error)
        now = datetime.now(timezone.utc).isoformat(timespec="seconds")
        with self._lock:
            if not self.connection or self.connection["message"] != message:
                found = {"ok": error is None, "lost": isinstance(error, NoAnswer)}
                self.set_trait("connection", {**found, "message": message, "since": now})

    # requests from the browser

    def _receive(self, _: object, content: Any, __: object) -> None:
        """A message of the browser: {"id", "call", "arguments"}."""
        call, arguments = str(content["call"]), content.get("arguments") or {}
        if call == "$open":
            self._poller.opened(arguments["view"])
            self._poller.closed("")
        elif call == "$close":
            self._poller.closed(arguments["view"])
        else:
            self._start(lambda: self._respond(content.get("id"), call, arguments), call)

    def _respond(self, id_: object, call: str, arguments: dict[str, Any]) -> None:
        blobs: list[bytes] = []
        try:
            answered = self.answer(call, arguments)
            if isinstance(answered, tuple):
                answered, blobs = answered
            json.dumps(answered, allow_nan=False)
            content = {"id": id_, "result": answered}
        except Exception as error:
            content = {"id": id_, "error": {"kind": type(error).__name__, "message": said(error)}}
            blobs = []
        self.send(content, blobs)
        if hasattr(getattr(self, call, None), "__tycokit_changes__"):
            self._poller.soon()

    def answer(self, call: str, arguments: dict[str, Any]) -> Answer:
        """What a request gets: the result of the method that `call` names.

        Raises UnknownRequest, and what the method raises.
        """
        method = getattr(self, call, None) if call.isidentifier() else None
        if method is None or not hasattr(method, "__tycokit_request__"):
            raise UnknownRequest(self.NAME, call)
        try:
            inspect.signature(method).bind(**arguments)
        except TypeError as error:
            raise UnknownRequest(self.NAME, call, str(error)) from error
        found: Answer = method(**arguments) or {}
        return found

    # what leaves

    def _send(self, msg: Any, buffers: Any = None) -> None:
        with self._lock:
            super()._send(msg, buffers)
            self._free()

    def open(self) -> None:
        """Open the comm (ipywidgets calls it)."""
        super().open()
        self._free()

    def _free(self) -> None:
        """Let the browser's requests arrive in a thread of their own, also while a cell runs.

        ipykernel 7.4 would hand them to the thread in whose name the widget sent last.
        """
        if self.comm is not None:
            self.comm.__dict__.pop("_reply_subshell_id", None)

    def _ipython_display_(self, **_: Any) -> None:
        with self._lock:
            again, self._display = self._display, self._display or uuid.uuid4().hex
            self._saved, self._saved_at = self._page(), time.monotonic()
            page.show(self._saved, self.TITLE, self._display, again=again is not None)
            page.show_live(self.model_id)
        # live at once, also where the browser's first word waits for the end of this cell
        self._poller.opened("")

    def _save(self, *, now: bool = False) -> None:
        """Bring the static rendering up to date, not too often."""
        with self._lock:
            due = now or time.monotonic() - self._saved_at >= SAVED_EVERY
            if self._display is None or not due:
                return
            found = self._page()
            if not page.same(found, self._saved):
                self._saved, self._saved_at = found, time.monotonic()
                page.update(found, self.TITLE, self._display)

    def _page(self) -> str:
        body = Markup(self.static_html()) if self.state else Markup("")
        problem = str(self.connection["message"])
        return page.render(self.TITLE, body, self.token, problem, self._css)

    def _start(self, work: Callable[[], None], name: str) -> None:
        name = f"tycokit-{self.NAME}-{name}"
        threading.Thread(target=work, name=name, daemon=True).start()


def silent() -> NoAnswer:
    """The error of a pachd that is there, and says nothing."""
    return NoAnswer("", f"nothing came within {PATIENCE:.0f} seconds")


def said(error: Exception) -> str:
    """The sentence of an error, for a person; what nobody expected is logged too."""
    if isinstance(error, TycokitError):
        return str(error)
    if isinstance(error, (grpc.RpcError, ConnectionError)):
        return str(translate(error))
    _log.error("a widget failed", exc_info=error)
    return f"{type(error).__name__}: {error}"
