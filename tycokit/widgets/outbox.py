"""One thread sends what all widgets have to say to the browser.

ipykernel sends a widget's message in the name of the request that is being answered, and from 7 on
it also reads from it where the browser's next messages are to be handled: in the main thread, where
they wait for the running cell, or in a thread of their own. So a message goes out in the context
of the browser's own last request, wherever in Python it comes from.
"""

from __future__ import annotations

import contextvars
import logging
import queue
import threading
from collections.abc import Callable

_log = logging.getLogger(__name__)
_Item = tuple[contextvars.Context, Callable[[], None]]
_items: queue.SimpleQueue[_Item] = queue.SimpleQueue()
_starting = threading.Lock()
_thread: threading.Thread | None = None


def put(context: contextvars.Context, send: Callable[[], None]) -> None:
    """Have `send` called soon, after all that was put before, in a copy of the context."""
    global _thread
    _items.put((context, send))
    with _starting:
        if _thread is None or not _thread.is_alive():  # none yet, or a forked process without it
            _thread = threading.Thread(target=_work, name="tycokit-outbox", daemon=True)
            _thread.start()


def settle(seconds: float = 10.0) -> bool:
    """Wait until all that was put before is out; False when that takes longer."""
    done = threading.Event()
    put(contextvars.Context(), done.set)
    return done.wait(seconds)


def _work() -> None:
    while True:
        context, send = _items.get()
        try:
            context.copy().run(send)
        except Exception:
            _log.exception("a widget's message was not sent")
