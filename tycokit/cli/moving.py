"""copy, export, import: from one pachd to another, or to a file and back."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import Annotated

import typer
from python_pachyderm import Client

from tycokit.cli import place, show, surroundings
from tycokit.cli.deploy import NOT_DONE
from tycokit.cli.place import Context
from tycokit.contexts import config
from tycokit.errors import MoveError
from tycokit.moving import flow, pipelines
from tycokit.moving.contents import Step
from tycokit.moving.flow import Moved, Sink, Source
from tycokit.moving.packing import ArchiveSink
from tycokit.moving.previewing import PachdPreview
from tycokit.moving.reading import PachdSource
from tycokit.moving.unpacking import ArchiveSource
from tycokit.moving.writing import PachdSink
from tycokit.wording import counted, sized

Names = Annotated[
    list[str] | None, typer.Argument(help="Repos and pipelines [default: all of them]")
]
History = Annotated[
    bool, typer.Option("--history", help="Every commit, not only the branches' heads.")
]
Start = Annotated[
    bool, typer.Option("--start", help="Start the pipelines that run where they come from.")
]
Replace = Annotated[
    bool, typer.Option("--replace", help="Put copies over what the destination has of its own.")
]
DryRun = Annotated[
    bool, typer.Option("--dry-run", help="Show it, copy nothing; exit code 2 if it is something.")
]


def copy(
    source: Annotated[str, typer.Argument(metavar="SRC", help="Context to copy from.")],
    destination: Annotated[str, typer.Argument(metavar="DST", help="Context to copy to.")],
    names: Names = None,
    history: History = False,
    start: Start = False,
    replace: Replace = False,
    dry_run: DryRun = False,
) -> None:
    """Copy repos, branches and pipelines to another context. Again: goes on, or brings what is new.

    Pipelines are made stopped, and results are not copied: the destination makes them again.
    """
    here, there = (place.connect(name) for name in (source, destination))
    if here.inspect_cluster().deployment_id == there.inspect_cluster().deployment_id:
        raise MoveError(f"{source} and {destination} are the same pachd")
    home = place.home(source)
    only = place.repos(names, home)
    with PachdSource(here, source, only=only, history=history, home=home) as given:
        if dry_run:
            _preview(given, PachdPreview(there, destination, replace=replace, start=start))
            return
        done = _move(given, PachdSink(there, destination, replace=replace, start=start))
    _tell(done, destination, there)


def export(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The archive to write.")],
    names: Names = None,
    history: History = False,
    context: Context = None,
) -> None:
    """Write repos, branches and pipelines into one archive file, for `import`."""
    client = place.connect(context)
    name, home = _name(context), place.home(context)
    given = PachdSource(client, name, only=place.repos(names, home), history=history, home=home)
    with given as source, ArchiveSink(file) as sink:
        done = _move(source, sink)
    show.line(f"{file}: {_counted(done)}")
    for secret, users in pipelines.secrets(done.contents.pipelines).items():
        show.line(f"  secret {secret} is not in it; {', '.join(users)} will need it")


def import_(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="An archive of `export`.")],
    start: Start = False,
    replace: Replace = False,
    dry_run: DryRun = False,
    context: Context = None,
) -> None:
    """Bring what an archive holds into a pachd, once all of it was checked. Again: goes on.

    Pipelines are made stopped: they run the commands of whoever made the archive.
    """
    client = place.connect(context)
    name = _name(context)
    with ExitStack() as stack:
        with show.bytes_bar() as bar:
            task = bar.add_task("checking", total=file.stat().st_size if file.is_file() else None)
            checked = ArchiveSource(file, lambda count: bar.advance(task, count))
            source = stack.enter_context(checked)
        if dry_run:
            _preview(source, PachdPreview(client, name, replace=replace, start=start))
            return
        done = _move(source, PachdSink(client, name, replace=replace, start=start))
    _tell(done, name, client)


def _move(source: Source, sink: Sink) -> Moved:
    with show.spinner("looking at what there is"):
        contents = source.contents()
    with show.bytes_bar() as bar:
        task = bar.add_task("", total=contents.size)

        def watch(step: Step, count: int) -> None:
            bar.update(task, description=f"{step.repo}@{step.branch}", advance=count)

        return flow.move(contents, source, sink, watch)


def _preview(source: Source, sink: PachdPreview) -> None:
    done = _move(source, sink)
    for text in sink.would:
        show.line(f"would {text}")
    _warn(done)
    if sink.would:
        show.line(f"nothing was copied: {_counted(done)}, {sized(sink.size)}")
        raise typer.Exit(NOT_DONE)
    show.line("there is nothing to copy")
    _end(done)


def _tell(done: Moved, name: str, client: Client) -> None:
    show.line(f"{name}: {_counted(done)}")
    _warn(done)
    waiting = pipelines.stopped(client, done.contents)
    if waiting:
        show.line(
            f"  stopped there: {counted(len(waiting), 'pipeline')}; the same command with --start"
            " starts what was stopped, and its results are made again"
        )
    _end(done)


def _warn(done: Moved) -> None:
    for sentence in done.left:
        show.warn(f"  {sentence}")


def _end(done: Moved) -> None:
    if done.left:
        raise typer.Exit(1)


def _counted(done: Moved) -> str:
    before = f" ({done.there:,} {'was' if done.there == 1 else 'were'} there)" if done.there else ""
    return ", ".join(
        (
            counted(len(done.contents.repos), "repo"),
            counted(done.taken, "commit") + before,
            counted(done.files, "file"),
            counted(len(done.contents.pipelines), "pipeline"),
        )
    )


def _name(context: str | None) -> str:
    return context or config.active(surroundings.config_path()) or "pachd"
