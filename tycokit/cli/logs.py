"""logs: what the stages printed, and what their pods say, on whatever pachd the context names."""

from __future__ import annotations

import queue
import re
import threading
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import closing
from typing import Annotated, Any

import typer

from tycokit import config, following
from tycokit.cli import show, surroundings
from tycokit.cli.data import Context
from tycokit.client import connect
from tycokit.errors import CliError, KubernetesError, NoAnswer
from tycokit.operations import podlogs, sources
from tycokit.operations.pods import Excerpt
from tycokit.operations.sources import Source

_ID = re.compile(r"[0-9a-f]{32}")


def logs(
    what: Annotated[
        str, typer.Argument(metavar="PIPELINE|JOB", help="A pipeline, a job, or PIPELINE@JOB.")
    ],
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Wait for more.")] = False,
    tail: Annotated[
        int, typer.Option("--tail", min=0, help="Only the last lines (all with -f).")
    ] = 0,
    everything: Annotated[
        bool, typer.Option("--all", help="Pachyderm's own lines too, not only the stage's.")
    ] = False,
    pods: Annotated[
        bool, typer.Option("--pods", help="What Kubernetes has of its pods; or of pachd, a pod.")
    ] = False,
    context: Context = None,
) -> None:
    """Show what a pipeline's, or a job's, notebooks printed, and where a failed one lies."""
    if pods:
        _show_pods(what, context, follow=follow, tail=tail)
        return
    client = connect(surroundings.config_path(), context)
    pipeline, _, job = what.rpartition("@")
    if _ID.fullmatch(job):
        ran = [one for one in following.of(client, job) if pipeline in ("", one.pipeline)]
        if not ran:
            raise CliError(f"there is no job {what}")
        streams = [client.get_job_logs(one.pipeline, one.id, follow=follow) for one in ran]
    else:
        next(client.inspect_pipeline(what))  # says so when there is none
        streams = [client.get_pipeline_logs(what, follow=follow)]
        ran = _latest(client, what)
    messages = _merged(streams) if follow else (one for stream in streams for one in stream)
    shown = (message for message in messages if message.user or everything)
    # counted here: pachd counts its own lines too
    _print(deque(shown, maxlen=tail) if tail and not follow else shown)
    for one in ran:
        if len(ran) > 1 or not one.succeeded:
            reason = f" ({one.reason})" if one.reason else ""
            show.warn(f"job {one.pipeline}@{one.id}: {one.state}{reason}")
        if one.state == "failure":
            _show_failed(client, one)


def _merged(streams: Sequence[Iterator[Any]]) -> Iterator[Any]:
    """The messages of several streams as they come: each of them may wait for ever."""
    if len(streams) == 1:
        yield from streams[0]
        return
    waiting: queue.Queue[Any] = queue.Queue()

    def read(stream: Iterator[Any]) -> None:
        try:
            for message in stream:
                waiting.put(message)
        except Exception as error:
            waiting.put(error)
        waiting.put(None)

    for stream in streams:
        threading.Thread(target=read, args=(stream,), daemon=True).start()
    left = len(streams)
    while left:
        found = waiting.get()
        if found is None:
            left -= 1
        elif isinstance(found, Exception):
            raise found
        else:
            yield found


def _show_pods(what: str, context: str | None, *, follow: bool, tail: int) -> None:
    with closing(_source(context)) as source:
        wanted = podlogs.excerpts(source.read(), what, follow=follow, tail=tail)
        streams = [_lines(source, excerpt) for excerpt in wanted]
        found = _merged(streams) if follow else (one for stream in streams for one in stream)
        out = show.out()
        for excerpt, line in found:
            before = " (before it crashed)" if excerpt.previous else ""
            out.print(f"{excerpt.pod} {excerpt.container}{before} ", style="dim", end="")
            out.print(show.safe(line), markup=False)


def _source(context: str | None) -> Source:
    """Where pachd runs, also while it does not answer, as its own log may say why."""
    path = surroundings.config_path()
    try:
        return sources.find(connect(path, context))
    except NoAnswer as away:
        known = config.context(path, context)
        if known is None or known.deployment is None:
            raise
        try:
            return sources.in_kubernetes(known.deployment)
        except KubernetesError as error:  # none that knows it: it ran elsewhere
            raise away from error


def _lines(source: Source, excerpt: Excerpt) -> Iterator[tuple[Excerpt, str]]:
    try:
        for line in source.logs(excerpt):
            yield excerpt, line
    except KubernetesError as error:  # the others' may be had all the same
        show.warn(f"{excerpt.pod} {excerpt.container}: {error}")


def _print(messages: Iterator[Any] | deque[Any]) -> None:
    out = show.out()
    for message in messages:
        where = f"{message.pipeline_name} {message.datum_id[:8] or '-':<8} "
        out.print(where, style="dim", end="")
        out.print(show.safe(message.message.rstrip()), markup=False)


def _latest(client: Any, pipeline: str) -> list[following.Job]:
    """The pipeline's newest job, if it has one."""
    newest = next(iter(client.list_job(pipeline)), None)
    found = following.of(client, newest.job.id) if newest is not None else []
    return [job for job in found if job.pipeline == pipeline]


def _show_failed(client: Any, job: following.Job) -> None:
    for datum in following.failed(client, job, lines=0):
        about = ", ".join(datum.inputs)
        show.warn(f"  failed datum {datum.datum[:12]} ({about})")
        if datum.notebook:
            show.warn(f"    its notebook, as far as it got: {datum.notebook}")
