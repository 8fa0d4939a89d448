"""A real JupyterLab in a real browser: open a notebook, run it, look, click, save, come back."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import nbformat
import psutil
import pytest
from playwright.sync_api import Browser, Locator, Page, expect, sync_playwright
from python_pachyderm import Client
from waiting import until

SECONDS = 90  # for what a busy machine does slowly
expect.set_options(timeout=SECONDS * 1000)
CHROMIUM = "chromium"
# No sandbox: the tests may run as root. The rest keeps the browser from asking the network.
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
SETTINGS: dict[str, dict[str, Any]] = {
    "apputils-extension/notification": {"fetchNews": "false", "checkForUpdates": False},
    # every cell is in the page, also one that is scrolled away
    "notebook-extension/tracker": {"windowingMode": "none"},
    "docmanager-extension/plugin": {"autosave": False},
}
RUN = """async (code) => {
  const kernel = jupyterapp.shell.currentWidget.sessionContext.session.kernel;
  let text = "", error = null;
  const future = kernel.requestExecute({ code, store_history: false });
  future.onIOPub = (message) => {
    const kind = message.header.msg_type;
    if (kind === "stream") text += message.content.text;
    if (kind === "error") error = message.content.traceback.join("\\n");
  };
  await future.done;
  return { text, error };
}"""


@contextmanager
def browser() -> Iterator[Browser]:
    """Debian's Chromium, without a window."""
    found = shutil.which(CHROMIUM)
    if found is None:
        pytest.fail(f"the widgets' tests need Debian's package {CHROMIUM}", pytrace=False)
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=found, args=list(FLAGS))
        yield chromium
        chromium.close()


class Lab:
    """One JupyterLab server with folders of its own, and the notebooks that are open in it."""

    def __init__(
        self,
        folder: Path,
        chromium: Browser,
        python: str = sys.executable,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self.folder = folder
        self.root = folder / "notebooks"
        self.root.mkdir(parents=True)
        self.strangers: list[str] = []  # addresses elsewhere that a page asked for
        self._log = folder / "lab.log"
        self._open: list[Notebook] = []
        settings = folder / "settings"
        for name, value in SETTINGS.items():
            file = settings / "@jupyterlab" / f"{name}.jupyterlab-settings"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(json.dumps(value))
        self._token = secrets.token_hex()
        self.url = f"http://127.0.0.1:{free_port()}"
        self._server = self._serve(python, settings, environment or {})
        self._context = chromium.new_context(viewport={"width": 1280, "height": 900})
        self._context.route("**/*", self._only_here)
        self._context.set_default_timeout(SECONDS * 1000)

    def _serve(
        self, python: str, settings: Path, environment: Mapping[str, str]
    ) -> subprocess.Popen[bytes]:
        own = {
            "JUPYTER_CONFIG_DIR": "config",
            "JUPYTER_DATA_DIR": "data",
            "JUPYTER_RUNTIME_DIR": "runtime",
            "JUPYTERLAB_WORKSPACES_DIR": "workspaces",
            "IPYTHONDIR": "ipython",
        }
        env = {name: str(self.folder / value) for name, value in own.items()}
        # Lab's kernels are the ones of this Python
        env |= {"JUPYTERLAB_SETTINGS_DIR": str(settings), "PATH": os.environ["PATH"]}
        port = self.url.rpartition(":")[2]
        command = [python, "-m", "jupyterlab", "--no-browser", "--allow-root"]
        command += ["--expose-app-in-browser", "--ServerApp.terminals_enabled=False"]
        command += ["--ip=127.0.0.1", f"--port={port}", "--ServerApp.port_retries=0"]
        command += [f"--IdentityProvider.token={self._token}", f"--ServerApp.root_dir={self.root}"]
        with self._log.open("wb") as log:
            server = subprocess.Popen(
                command,
                env={**os.environ, **env, **environment},
                stdout=log,
                stderr=subprocess.STDOUT,
            )

        def serves() -> bool:
            assert server.poll() is None, self._log.read_text()
            with socket.socket() as probe:
                return probe.connect_ex(("127.0.0.1", int(port))) == 0

        until(serves, SECONDS)
        return server

    def _only_here(self, route: Any) -> None:
        address = route.request.url
        if address.startswith((self.url, "data:", "blob:")):
            route.continue_()
        else:
            self.strangers.append(address)
            route.abort()

    def notebook(self, *cells: str, name: str | None = None) -> Notebook:
        """A notebook of these code cells, open in a tab of its own, all of them run."""
        made = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
        made.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3"}
        path = self.root / f"{name or f'notebook{len(self._open)}'}.ipynb"
        nbformat.write(made, path)
        opened = self.open(path)
        opened.run_all()
        return opened

    @contextmanager
    def opened(self, *cells: str, name: str | None = None) -> Iterator[Notebook]:
        """The same for a while; at its end nothing may have failed, nor been asked of elsewhere."""
        made = self.notebook(*cells, name=name)
        yield made
        assert made.problems == []
        assert self.strangers == []
        made.close()

    def open(self, path: Path) -> Notebook:
        """A notebook that lies below `root`, in a tab of its own, as it was saved."""
        opened = Notebook(self, path)
        self._open.append(opened)
        opened.load()
        return opened

    def new_page(self) -> Page:
        return self._context.new_page()

    def address(self, path: Path) -> str:
        """Where Lab shows one file; a workspace of its own keeps other tabs out."""
        inside = path.relative_to(self.root).as_posix()
        workspace = f"auto-{secrets.token_hex(4)}"
        return f"{self.url}/lab/workspaces/{workspace}/tree/{inside}?token={self._token}"

    def close(self) -> None:
        self._context.close()
        self._server.terminate()  # Lab shuts its kernels down
        try:
            self._server.wait(SECONDS)
        except subprocess.TimeoutExpired:
            for process in psutil.Process(self._server.pid).children(recursive=True):
                process.kill()
            self._server.kill()
            raise


class Notebook:
    """An open notebook. `problems` are the errors of its page's JavaScript."""

    def __init__(self, lab: Lab, path: Path) -> None:
        self.lab, self.path = lab, path
        self.problems: list[str] = []
        self.page: Page

    def load(self) -> None:
        self.page = self.lab.new_page()
        self.page.on("pageerror", lambda error: self.problems.append(str(error)))
        self.page.goto(self.lab.address(self.path))
        self.page.wait_for_function(
            "() => window.jupyterapp?.shell.currentWidget?.sessionContext !== undefined"
        )
        self.page.evaluate("() => jupyterapp.shell.currentWidget.context.ready")
        self.page.evaluate("() => jupyterapp.shell.collapseLeft?.()")

    def command(self, name: str, arguments: Mapping[str, Any] | None = None) -> Any:
        """Run one of Lab's commands, and wait for its end."""
        return self.page.evaluate(
            "([name, args]) => jupyterapp.commands.execute(name, args).then(() => null)",
            [name, dict(arguments or {})],
        )

    def ready(self) -> None:
        """Wait for the kernel."""
        self.page.wait_for_function(
            "() => jupyterapp.shell.currentWidget.sessionContext.session?.kernel"
            "?.connectionStatus === 'connected'"
        )

    def run_all(self) -> None:
        self.ready()
        self.command("notebook:run-all-cells")

    def run(self, code: str) -> str:
        """Run code in the kernel, beside the cells; what it printed."""
        self.ready()
        found = self.page.evaluate(RUN, code)
        assert found["error"] is None, found["error"]
        return str(found["text"])

    def start(self, code: str) -> None:
        """Run code in the kernel, beside the cells, and do not wait for its end."""
        self.ready()
        self.page.evaluate(
            "(code) => void jupyterapp.shell.currentWidget.sessionContext.session.kernel"
            ".requestExecute({ code, store_history: false })",
            code,
        )

    def idle(self) -> None:
        """Wait until no cell runs."""
        self.page.wait_for_function(
            "() => jupyterapp.shell.currentWidget.sessionContext.session.kernel.status === 'idle'"
        )

    def add(self, code: str) -> None:
        """One more cell at the end; it is run, and its end is not waited for."""
        self.page.evaluate(
            """(source) => {
              const { content, model } = jupyterapp.shell.currentWidget;
              model.sharedModel.addCell({ cell_type: "code", source });
              content.activeCellIndex = content.widgets.length - 1;
              void jupyterapp.commands.execute("notebook:run-cell");
            }""",
            code,
        )

    def cell(self, number: int) -> Locator:
        """What a cell shows, the first being 0."""
        return self.page.locator(".jp-Notebook .jp-CodeCell").nth(number).locator(".jp-OutputArea")

    def widget(self, number: int = -1) -> Locator:
        """The live widget that a cell shows, the last cell's unless told."""
        cells = self.page.locator(".jp-Notebook .jp-CodeCell")
        return cells.nth(number).locator(".tycokit:not(.tycokit-static)")

    def static(self, number: int = -1) -> Locator:
        """The static rendering that a cell holds, hidden while the widget lives."""
        cells = self.page.locator(".jp-Notebook .jp-CodeCell")
        return cells.nth(number).locator(".tycokit-static")

    def theme(self, name: str) -> None:
        """`light` or `dark`."""
        self.command("apputils:change-theme", {"theme": f"JupyterLab {name.title()}"})
        light = json.dumps(name == "light")
        self.page.wait_for_function(f"() => document.body.dataset.jpThemeLight === '{light}'")
        # Lab trips over its own curtain where the next theme comes before that has gone
        expect(self.page.locator("#jupyterlab-splash")).to_have_count(0)

    def save(self) -> Any:
        """Save it; the notebook as it lies on the disk now."""
        self.command("docmanager:save")
        return nbformat.read(self.path, as_version=4)

    def reopen(self) -> None:
        """Load it in a new page; its kernel, if it has one, goes on."""
        self.page.close()
        self.load()

    def shutdown_kernel(self) -> None:
        self.page.evaluate("() => jupyterapp.shell.currentWidget.sessionContext.shutdown()")

    def screenshot(self, path: Path, what: Locator | None = None) -> Path:
        """A picture of one element, or of the page."""
        (what or self.page).screenshot(path=path)
        return path

    def close(self) -> None:
        self.shutdown_kernel()
        self.page.close()


def figure(widget: Locator, label: str) -> Locator:
    """One of the figures at a widget's top, by what it is called."""
    named = widget.page.get_by_text(label, exact=True)
    return widget.locator(".tycokit-figures > div").filter(has=named)


def connect(client: Client) -> str:
    """A cell that makes the same client in the notebook, as `client`, and imports the toolkit."""
    host, _, port = client.address.rpartition(":")
    return (
        "import tycokit as tk\nfrom python_pachyderm import Client\n"
        f"client = Client({host!r}, {port}, auth_token={client.auth_token!r})"
    )


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def eventually(look: Callable[[], Any]) -> Any:
    """What `look` returns once it is something."""
    return until(look, SECONDS)
