"""logs: what the stages printed, and what their pods say, on whatever pachd the context names."""

from __future__ import annotations

import queue
import threading
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import closing
from typing import Annotated, Any

import typer

from tycokit.cli import place, show, surroundings
from tycokit.cli.place import Context, Place, Project
from tycokit.contexts import config
from tycokit.errors import CliError, KubernetesError, NoAnswer, NotInstalled
from tycokit.operations import podlogs, sources
from tycokit.operations.pods import Excerpt
from tycokit.operations.sources import Source
from tycokit.processing import following
from tycokit.repos import addresses
from tycokit.repos.addresses import Address


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
    project: Project = None,
    context: Context = None,
) -> None:
    """Show what a pipeline's, or a job's, notebooks printed, and where a failed one lies."""
    if pods:
        _show_pods(what, project, context, follow=follow, tail=tail)
        return
    here = place.find(context, project)
    client = here.client
    pipeline, _, job = what.rpartition("@")
    if addresses.is_id(job):
        of = here.named(pipeline) if pipeline else None
        ran = [one for one in following.of(client, job) if _is_meant(one, of, project)]
        if not ran:
            raise CliError(f"there is no job {what}")
        streams = [
            client.get_job_logs(one.pipeline, one.id, project_name=one.project, follow=follow)
            for one in ran
        ]
    else:
        at = here.named(what)
        # says so when there is none
        next(client.inspect_pipeline(at.repo, project_name=at.project))
        streams = [client.get_pipeline_logs(at.repo, project_name=at.project, follow=follow)]
        ran = _latest(client, at)
    messages = _merged(streams) if follow else (one for stream in streams for one in stream)
    shown = (message for message in messages if message.user or everything)
    # counted here: pachd counts its own lines too
    _print(deque(shown, maxlen=tail) if tail and not follow else shown, here)
    for one in ran:
        if len(ran) > 1 or not one.succeeded:
            reason = f" ({one.reason})" if one.reason else ""
            called = here.called(one.project, one.pipeline)
            show.warn(f"job {called}@{one.id}: {one.state}{reason}")
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


def _is_meant(job: following.Job, of: Address | None, project: str | None) -> bool:
    """Whether a job is the named pipeline's; where none was named, one of the named project."""
    if of is not None:
        return (job.project, job.pipeline) == (of.project, of.repo)
    return project in (None, job.project)


def _show_pods(
    what: str, project: str | None, context: str | None, *, follow: bool, tail: int
) -> None:
    home = place.home(context)
    at = addresses.named(what, project or home)
    with closing(_source(context)) as source:
        reading = source.read().seen_from(home)
        pipeline = addresses.called(at.project, at.repo, home)
        wanted = podlogs.excerpts(reading, what, pipeline, follow=follow, tail=tail)
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
        return sources.find(place.connect(context))
    except NoAnswer as away:
        known = config.context(path, context)
        if known is None or known.deployment is None:
            raise
        try:
            return sources.in_kubernetes(known.deployment)
        except (KubernetesError, NotInstalled) as error:  # none that knows it: it ran elsewhere
            raise away from error


def _lines(source: Source, excerpt: Excerpt) -> Iterator[tuple[Excerpt, str]]:
    try:
        for line in source.logs(excerpt):
            yield excerpt, line
    except KubernetesError as error:  # the others' may be had all the same
        show.warn(f"{excerpt.pod} {excerpt.container}: {error}")


def _print(messages: Iterator[Any] | deque[Any], here: Place) -> None:
    out = show.out()
    for message in messages:
        pipeline = here.called(message.project_name, message.pipeline_name)
        where = f"{pipeline} {message.datum_id[:8] or '-':<8} "
        out.print(where, style="dim", end="")
        out.print(show.safe(message.message.rstrip()), markup=False)


def _latest(client: Any, of: Address) -> list[following.Job]:
    """The pipeline's newest job, if it has one."""
    newest = next(iter(client.list_job(of.repo, project_name=of.project)), None)
    found = following.of(client, newest.job.id) if newest is not None else []
    return [job for job in found if _is_meant(job, of, None)]


def _show_failed(client: Any, job: following.Job) -> None:
    for datum in following.failed(client, job, lines=0):
        about = ", ".join(datum.inputs)
        show.warn(f"  failed datum {datum.datum[:12]} ({about})")
        if datum.notebook:
            show.warn(f"    its notebook, as far as it got: {datum.notebook}")
