"""The base of all widgets, without a browser: what it reads, refuses, sends and shows."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import pytest
from counter import Counter
from pipeline_driver import Site
from python_pachyderm import Client
from waiting import until
from wire import Wire

import tycokit
from tycokit.errors import CliError, NoAnswer, NotInstalled, Refused, StateTooLarge, UnknownRequest
from tycokit.widgets import base, page, polling
from tycokit.widgets.base import View, request


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    made = Site(tmp_path_factory.mktemp("site"))
    made.client.create_repo("first")
    yield made
    made.pachd.stop()


@pytest.fixture
def wire(site: Site) -> Iterator[Wire]:
    made = Wire(site.pachd.port)
    yield made
    made.cut()


def over(wire: Wire, site: Site) -> Client:
    return Client("127.0.0.1", wire.port, auth_token=site.client.auth_token)


def shown(view: View) -> Iterator[None]:
    """The widget as if a browser showed it."""
    view._receive(view, {"call": "$open", "arguments": {"view": "a"}}, [])
    yield
    view.close()


class Odd(View):
    """A widget whose state is what it is told."""

    NAME: ClassVar[str] = "odd"
    EVERY: ClassVar[float] = 0.02
    STATIC: ClassVar[Path] = Counter.STATIC.with_name("odd")

    def __init__(self, client: Client, found: Any) -> None:
        self.found = found
        super().__init__(client)

    def read(self) -> dict[str, Any]:
        if isinstance(self.found, Exception):
            raise self.found
        return {"found": self.found}

    def static_html(self) -> str:
        return ""

    @request
    def bad(self) -> dict[str, Any]:
        """What JSON has no word for."""
        return {"is": float("nan")}


def test_the_state_is_what_pachd_holds(site: Site) -> None:
    view = Counter(site.client)
    assert view.state == {"repos": ["first"]}
    assert view.connection["ok"]
    site.client.create_repo("second")
    view.refresh()
    assert view.state == {"repos": ["first", "second"]}
    site.client.delete_repo("second")
    view.close()


def test_the_browser_can_call_requests_and_nothing_else(site: Site) -> None:
    view = Counter(site.client)
    assert view.answer("picture", {})[1][1] == b""
    for call in ("close", "read", "_read", "client", "nothing", "a.b", ""):
        with pytest.raises(UnknownRequest):
            view.answer(call, {})
    for arguments in ({}, {"name": "a", "more": 1}, {"self": 1}):
        with pytest.raises(UnknownRequest, match="create"):
            view.answer("create", arguments)
    view.close()


def test_each_request_is_answered_whatever_happens(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    view = Odd(site.client, 1)
    sent: list[dict[str, Any]] = []
    monkeypatch.setattr(view, "send", lambda content, buffers: sent.append(content))
    for id_, call in enumerate(["bad", "nothing"]):
        view._receive(view, {"id": id_, "call": call, "arguments": {}}, [])
    until(lambda: len(sent) == 2)
    assert {one["id"]: one["error"]["kind"] for one in sent} == {
        0: "ValueError",
        1: "UnknownRequest",
    }
    view.close()


def test_a_state_that_no_notebook_carries_is_refused(site: Site) -> None:
    with pytest.raises(StateTooLarge):
        Odd(site.client, "x" * base.MOST_STATE)
    with pytest.raises(ValueError, match="JSON"):
        Odd(site.client, float("nan"))


def test_what_pachd_refuses_is_raised_where_the_widget_is_made(site: Site) -> None:
    with pytest.raises(Refused):
        Counter(Client("127.0.0.1", site.pachd.port, auth_token="wrong"))


def test_what_fails_later_is_shown_and_heals(site: Site) -> None:
    view = Odd(site.client, 1)
    showing = shown(view)
    next(showing)
    view.found = KeyError("a mistake")
    until(lambda: not view.connection["ok"])
    assert view.connection["message"] == "KeyError: 'a mistake'"
    assert not view.connection["lost"]
    assert "a mistake" in view._page()
    view.found = CliError("repo first not found")
    until(lambda: view.connection["message"] == "repo first not found")
    view.found = 2
    until(lambda: view.connection["ok"])
    assert view.state == {"found": 2}
    list(showing)


def test_a_pachd_that_has_gone_is_shown_until_it_is_back(site: Site, wire: Wire) -> None:
    view = Counter(over(wire, site))
    showing = shown(view)
    next(showing)
    wire.cut()
    until(lambda: view.connection["lost"], 60)
    assert view.state == {"repos": ["first"]}
    with pytest.raises(NoAnswer):
        view.refresh()
    wire.mend()
    until(lambda: view.connection["ok"], 60)
    list(showing)


def test_a_pachd_that_is_not_there_yet_is_waited_for(site: Site, wire: Wire) -> None:
    wire.cut()
    view = Counter(over(wire, site))
    assert view.connection["lost"]
    assert view.state == {}
    assert "no pachd answers" in view._page()
    showing = shown(view)
    next(showing)
    wire.mend()
    until(lambda: view.state, 60)
    assert view.connection["ok"]
    list(showing)


def test_a_silent_pachd_keeps_no_cell_waiting(
    site: Site, wire: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(base, "PATIENCE", 0.3)
    client = over(wire, site)
    view = Counter(client)
    showing = shown(view)
    next(showing)
    wire.freeze()
    until(lambda: view.connection["lost"], 60)
    late = Counter(client)
    assert late.connection["lost"]
    assert late.state == {}
    wire.thaw()
    until(lambda: view.connection["ok"], 60)
    until(lambda: late.state, 60)
    late.close()
    list(showing)


def test_without_a_client_it_follows_the_active_context(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = Site(tmp_path)
    other.client.create_repo("elsewhere")
    config = tmp_path / "config.json"
    monkeypatch.setenv("PACH_CONFIG", str(config))
    monkeypatch.setattr(polling, "SLOWEST", 0.2)

    def activate(there: Site) -> None:
        context = {
            "pachd_address": f"grpc://127.0.0.1:{there.pachd.port}",
            "session_token": there.client.auth_token,
        }
        config.write_text(json.dumps({"v2": {"active_context": "a", "contexts": {"a": context}}}))

    activate(other)
    view = Counter()
    showing = shown(view)
    next(showing)
    assert view.state == {"repos": ["elsewhere"]}
    other.pachd.stop()
    until(lambda: view.connection["lost"], 60)
    activate(site)
    until(lambda: view.state == {"repos": ["first"]}, 60)
    assert view.connection["ok"]
    list(showing)


def test_it_is_read_only_while_somebody_looks() -> None:
    reads = threading.Semaphore(0)
    poller = polling.Poller("a", lambda: bool(reads.release()) or True, 0.01)
    assert not reads.acquire(timeout=0.2)
    poller.opened("one")
    poller.opened("two")
    assert reads.acquire(timeout=30)
    poller.closed("one")
    assert reads.acquire(timeout=30)
    poller.closed("two")
    until(lambda: poller._thread is None)
    poller.opened("three")
    assert reads.acquire(timeout=30)
    poller.end()
    until(lambda: poller._thread is None)
    poller.opened("four")
    assert poller._thread is None


def test_a_view_that_was_not_heard_of_for_long_is_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(polling, "LEASE", 0.05)
    poller = polling.Poller("a", lambda: True, 0.01)
    poller.opened("closed browser")
    until(lambda: poller._thread is None)


def test_names_are_text_in_the_static_rendering(site: Site) -> None:
    view = Counter(site.client)
    view.set_trait("state", {"repos": ["<img src=x onerror=alert(1)>"]})
    html = view._page()
    assert "<img" not in html
    assert "&lt;img src=x onerror=alert(1)&gt;" in html
    assert "<script" not in html
    assert page.same(html, view._page())
    view.close()


def test_widgets_are_names_of_the_package() -> None:
    assert set(tycokit.widgets.VIEWS) <= set(dir(tycokit))
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        tycokit.nothing  # noqa: B018


def test_without_the_extra_the_sentence_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(tycokit.widgets.VIEWS, "some", ("no_such_distribution", "Some"))
    with pytest.raises(NotInstalled, match=r"tycokit\[lab\]"):
        tycokit.some  # noqa: B018
