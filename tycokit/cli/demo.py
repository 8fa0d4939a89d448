"""demo: the main job, on a pachd of its own."""

from __future__ import annotations

import json
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text

from tycokit import demo as main_job
from tycokit import models, packaged, samples
from tycokit.cli import cluster, show, surroundings
from tycokit.client import connect_to
from tycokit.contexts import activation, local
from tycokit.contexts.running import Running
from tycokit.demo import Inputs, Outcome
from tycokit.deploying import wanted
from tycokit.errors import CliError
from tycokit.processing.following import Job
from tycokit.repos import upload


def demo(
    images: Annotated[
        Path | None, typer.Option(help="Folder of pictures [default: sample photographs]")
    ] = None,
    weights: Annotated[
        str, typer.Option(metavar="PATH|mtcnn", help="Network: a path, a name, or mtcnn.")
    ] = "mtcnn",
    rules: Annotated[
        Path | None, typer.Option(help="rules.json [default: persons, cars, trucks]")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object instead.")] = False,
    keep: Annotated[
        bool, typer.Option("--keep", help="Leave pachd running, as the active context.")
    ] = False,
    out: Annotated[
        Path, typer.Option(help="Folder for annotated pictures, plot and notebooks.")
    ] = Path("demo-output"),
) -> None:
    """Run the main job from pictures to alerts, on a pachd of its own."""
    begin = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="tycokit-demo-") as made:
        inputs = _inputs(images, weights, rules, Path(made))
        main_job.clear(out)
        data = surroundings.demo_path() / time.strftime("%Y%m%d-%H%M%S") if keep else None
        with _pachd(data or Path(made) / "pachd", keep) as serving:
            client = connect_to(serving.address, serving.token)
            what = wanted.read(packaged.specs(), None, surroundings.cores())
            main = [one for one in what.specs if one.output.name in main_job.PIPELINES]
            with _stages([spec.output.name for spec in main]) as watch:
                outcome = main_job.run(
                    client,
                    inputs,
                    replace(what, specs=tuple(main)),
                    out.absolute(),
                    say=lambda text: show.err().print(Text(show.safe(text), style="dim")),
                    watch=watch,
                    elapsed=lambda: time.monotonic() - begin,
                )
    text = json.dumps(outcome.to_json(), indent=2)
    (out / "demo.json").write_text(text + "\n")
    if as_json:
        typer.echo(text)
    else:
        _show(outcome, out.absolute())
    _show_failures(outcome)
    if not as_json:
        _show_next(outcome, data)
    if not outcome.succeeded:
        raise typer.Exit(1)


def _inputs(images: Path | None, weights: str, rules: Path | None, folder: Path) -> Inputs:
    if images is not None and not images.is_dir():
        raise CliError(f"{images}: there is no such folder of pictures")
    if rules is not None and not rules.is_file():
        raise CliError(f"{rules}: there is no such file of rules")
    network = models.files(weights, folder if weights == "mtcnn" else surroundings.models_path())
    if rules is None:
        rules = folder / "rules.json"
        rules.write_text(json.dumps(samples.rules(), indent=2))
    if images is None:
        images = folder / "pictures"
        samples.write(images)
    pictures, refused = upload.flat([images])
    return Inputs(pictures, refused, network, rules)


@contextmanager
def _pachd(data: Path, keep: bool) -> Iterator[Running]:
    """A pachd of its own; it outlives the demo only when it is to be kept and the demo ended."""
    with show.spinner("starting pachd"):
        serving, _ = local.start(data, 0, probe=cluster.ready)
    kept = False
    try:
        yield serving
        if keep:
            deployment = connect_to(serving.address, serving.token).inspect_cluster().deployment_id
            activation.activate(surroundings.config_path(), serving, deployment or None)
            kept = True
    finally:
        if not kept:
            local.stop(data)
            shutil.rmtree(data, ignore_errors=True)


@contextmanager
def _stages(pipelines: list[str]) -> Iterator[Callable[[list[Job]], None]]:
    """A progress bar a stage."""
    with show.datums_bar() as bar:
        tasks = {name: bar.add_task(name, total=None, state="", start=False) for name in pipelines}

        def watch(found: list[Job]) -> None:
            for job in found:
                task = tasks[job.pipeline]
                if job.state not in ("created", "starting"):
                    bar.start_task(task)
                # a stage that waits does not know its datums yet; an empty one is done
                total = job.datums if job.datums or not job.ended else 0
                bar.update(task, completed=job.done, total=total or None, state=job.state)
                if job.ended:
                    bar.update(task, total=job.datums, completed=job.done)
                    bar.stop_task(task)

        yield watch


def _show(outcome: Outcome, out: Path) -> None:
    table = Table(
        title=f"{outcome.images} pictures in {outcome.seconds:.0f} s", title_justify="left"
    )
    for heading in ("picture", "valid", "objects", "result"):
        table.add_column(heading, overflow="fold")
    for name in sorted(outcome.names):
        reason = outcome.invalid.get(name)
        key = outcome.pictures.get(name)
        if reason is not None:
            row = [Text("no", "yellow"), Text(show.safe(reason)), Text("-")]
        elif key is None:
            row = [Text("yes"), Text("the model stage did not finish"), Text("?", "red")]
        else:
            seen = ", ".join(f"{one['name']} {one['score']:.2f}" for one in outcome.detections[key])
            threat = key in outcome.threats
            row = [
                Text("yes", "green"),
                Text(show.safe(seen) or "nothing"),
                Text("THREAT", "bold red") if threat else Text("safe", "green"),
            ]
        table.add_row(Text(show.safe(name)), *row)
    show.out().print(table, soft_wrap=False)
    show.line(f"annotated pictures  {out / 'annotated'}")
    show.line(f"plot                {outcome.plot or 'none: there was no threat'}")
    show.line(f"executed notebooks  {outcome.notebooks}")
    show.line(f"all of it as JSON   {out / 'demo.json'}")


def _show_failures(outcome: Outcome) -> None:
    for job in outcome.jobs:
        if not job.succeeded:
            show.fail(f"job {job.pipeline}@{job.id}: {job.state} ({job.reason})")
    for datum in outcome.failures:
        show.warn(f"{datum.pipeline}, datum {datum.datum[:12]} ({', '.join(datum.inputs)}):")
        for said in datum.lines:
            show.err().print(Text(show.safe(f"  {said}")))


def _show_next(outcome: Outcome, data: Path | None) -> None:
    if data is not None:
        job = outcome.jobs[0].id if outcome.jobs else "JOB"
        show.line("pachd keeps running, as the active Pachyderm context. Next:", "bold")
        show.line(f"  tycokit logs {job}")
        show.line("  tycokit put PICTURES…")
        show.line(f"  tycokit down --data {data}")
    else:
        show.line("Next:", "bold")
        show.line(
            "  tycokit demo --images DIR     your own pictures, <user-device>_<unix time>.jpg"
        )
        show.line("  tycokit demo --keep           leave pachd running, to look around")
        show.line("  tycokit up; tycokit deploy    a pachd that stays, with all pipelines")
