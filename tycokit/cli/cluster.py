"""up, down, status, lab: the local pachd; and the processes that it starts itself."""

from __future__ import annotations

import importlib.util
import os
import signal
import sys
import threading
from pathlib import Path
from typing import Annotated, Any

import typer

from tycokit import packaged, statenames
from tycokit.cli import place, show, surroundings
from tycokit.client import connect_to
from tycokit.contexts import activation, config, local, running
from tycokit.contexts.running import Running
from tycokit.errors import ConfigError, NotInstalled
from tycokit.repos import addresses

Data = Annotated[
    Path | None, typer.Option("--data", help="Folder with its data, instead of the usual one.")
]
Port = Annotated[
    int | None, typer.Option("--port", min=0, max=65535, help="Port, instead of 30650.")
]
NoToken = Annotated[
    bool, typer.Option("--no-token", help="Let every user of this machine in. Dangerous.")
]

FIRST = "tour.ipynb"  # what `lab` opens


def up(data: Data = None, port: Port = None, no_token: NoToken = False) -> None:
    """Start the local pachd and make it the active Pachyderm context."""
    serving, started, before = start(data or surroundings.data_path(), port, no_token)
    verb = "started" if started else "was already running"
    show.line(f"pachd {verb} at 127.0.0.1:{serving.port} (process {serving.pid})", "bold green")
    show.line(f"  data     {serving.data}")
    show.line(f"  log      {running.log_path(serving.data)}")
    earlier = f"; `tycokit down` restores {before}" if before else ""
    show.line(f"  context  {activation.NAME} is active{earlier}")


def down(data: Data = None) -> None:
    """Stop the local pachd and restore the Pachyderm context that was active before."""
    folder = data or surroundings.data_path()
    with show.spinner("stopping pachd"):
        ended = local.stop(folder)
    now = activation.deactivate(folder)
    if ended is None:
        show.line(f"no pachd was running on {folder}")
    else:
        show.line(f"pachd stopped (process {ended.pid}); its data stays in {ended.data}")
    if now:
        show.line(f"the active Pachyderm context is {now}")


def status(data: Data = None) -> None:
    """Show the local pachd, its pipelines and the active context. Exit code 1 when none runs."""
    folder = data or surroundings.data_path()
    path = surroundings.config_path()
    serving = running.find(folder)
    if serving is None:
        show.line(f"no pachd is running on {folder}; `tycokit up` starts one")
        if (log := running.log_path(folder)).exists():
            show.line(f"  log      {log}")
        _show_context(path)
        raise typer.Exit(1)
    show.line(f"pachd is running at 127.0.0.1:{serving.port} (process {serving.pid})", "bold green")
    show.line(f"  data     {serving.data}")
    show.line(f"  log      {running.log_path(serving.data)}")
    if serving.open:
        show.warn("  it runs without a token: every user of this machine can run commands as you")
    _show_context(path)
    client = connect_to(serving.address, serving.token)
    version = client.get_remote_version()
    show.line(f"  version  Pachyderm {version.major}.{version.minor}.{version.micro}")
    home = _home()

    def called(named: Any) -> str:
        return addresses.called(named.project.name, named.name, home)

    repos = sorted(called(info.repo) for info in client.list_repo())
    show.line(f"  repos    {', '.join(repos) or 'none'}")
    pipelines = list(client.list_pipeline())
    if not pipelines:
        show.line("  no pipelines; `tycokit deploy` makes them")
    for info in sorted(pipelines, key=lambda info: called(info.pipeline)):
        last = statenames.job(info.last_job_state)
        state = statenames.pipeline(info.state) + (last and f", last job {last}")
        show.line(f"  pipeline {called(info.pipeline)}: {state}")


def lab(context: typer.Context, data: Data = None) -> None:
    """Open JupyterLab on the notebooks' tour, with the local pachd up. More arguments go to Lab.

    The notebooks are those in ./notebooks; where there are none, tycokit's are copied there.
    """
    if importlib.util.find_spec("jupyterlab") is None:
        raise NotInstalled("JupyterLab", "lab")
    folder = packaged.to_work_on(Path.cwd())
    show.line(f"notebooks in {folder}")
    serving, _, _ = start(data or surroundings.data_path(), None, False)
    # python_pachyderm reads the token here when it is given host and port: Client("localhost", …)
    token = {"PACH_PYTHON_AUTH_TOKEN": serving.token} if serving.token else {}
    command = [sys.executable, "-m", "jupyterlab", f"--ServerApp.root_dir={folder}"]
    first = f"/tree/{FIRST}" if (folder / FIRST).is_file() else ""
    command += [f"--LabApp.default_url=/lab{first}", *context.args]
    # in place of this process, so that signals and the exit code are Lab's own
    os.execve(command[0], command, surroundings.environ_with(**token))


def stage(context: typer.Context) -> None:
    """Run a notebook on one datum: what a pipeline's spec has as its `cmd`."""
    from tycokit.stage.runner import run

    raise typer.Exit(run(context.args, surroundings.environ_with()))


def pachd(
    data: Annotated[Path, typer.Option()], port: Port = None, no_token: NoToken = False
) -> None:
    """Serve in the foreground until SIGTERM or SIGINT."""
    from tycokit.pachd import server

    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.set())
    data.mkdir(parents=True, exist_ok=True, mode=0o700)
    serving = server.Pachd(
        data,
        local.PORT if port is None else port,
        None if no_token else server.token(data),
        surroundings.environ_with(),
    )
    serving.start()
    try:
        running.record(data, serving.port, no_token)
        ended.wait()
    finally:
        serving.stop()
        running.forget(data)


def start(data: Path, port: int | None, no_token: bool) -> tuple[Running, bool, str | None]:
    """The running pachd, whether it was started now, and the context that was active before."""
    if no_token:
        show.warn(
            "WARNING: without a token, every user of this machine can read all pictures and run"
            " commands as you. Use it only where you are alone."
        )
    path = surroundings.config_path()
    config.read(path)  # a broken config file is better found before pachd is started
    with show.spinner("starting pachd"):
        serving, started = local.start(data, port, no_token=no_token, probe=ready)
        deployment = connect_to(serving.address, serving.token).inspect_cluster().deployment_id
    before = activation.activate(path, serving, deployment or None)
    return serving, started, before


def ready(serving: Running) -> None:
    """Raise NoAnswer while a pachd that was started does not serve."""
    connect_to(serving.address, serving.token)


def _home() -> str:
    """The project that names without one mean in the context that `up` makes."""
    try:
        return place.home(activation.NAME)
    except ConfigError:  # somebody took it out, or broke the file: `status` tells all the rest
        return addresses.DEFAULT_PROJECT


def _show_context(path: Path) -> None:
    try:
        active = config.active(path)
    except ConfigError as error:
        show.warn(f"  context  {error}")
    else:
        show.line(f"  context  {active or 'none'} is active ({path})")
