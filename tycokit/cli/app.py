"""The typer application, and the one place where an error becomes a sentence and an exit code."""

from __future__ import annotations

import signal
from collections.abc import Sequence

import grpc
import typer

from tycokit.cli import (
    cluster,
    contexts,
    data,
    demo,
    deploy,
    doctor,
    gc,
    logs,
    models,
    moving,
    opening,
    report,
    rules,
    scale,
    show,
    specs,
    targets,
    top,
    trace,
    watch,
)
from tycokit.client import translate
from tycokit.errors import TycokitError

app = typer.Typer(
    name="tycokit",
    help="Home-security pictures through notebooks, as Pachyderm pipelines.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command()(cluster.up)
app.command()(cluster.down)
app.command()(cluster.status)
app.command()(gc.gc)
app.command()(contexts.contexts)
app.command()(deploy.deploy)
app.command()(data.put)
app.command()(watch.watch)
app.command()(moving.copy)
app.command()(moving.export)
app.command("import")(moving.import_)
app.command()(data.records)
app.command()(report.report)
app.command()(logs.logs)
app.command()(top.top)
app.command()(doctor.doctor)
app.command("open")(opening.open_)
app.command()(trace.trace)
app.command()(scale.scale)
app.command()(scale.glob)
app.command(
    context_settings={"allow_extra_args": True, "ignore_unknown_options": True},
)(cluster.lab)
app.command()(demo.demo)
app.command(
    context_settings={"allow_extra_args": True, "ignore_unknown_options": True},
    add_help_option=False,
)(cluster.stage)
app.command(hidden=True)(cluster.pachd)
app.add_typer(contexts.app, name="context")
app.add_typer(models.app, name="model")
app.add_typer(rules.app, name="rules")
app.add_typer(specs.app, name="specs")
app.add_typer(targets.app, name="targets")


def run_command(words: Sequence[str]) -> int:
    """Run a command; answers its exit code."""
    # ended from outside, a command still stops what it started
    signal.signal(signal.SIGTERM, _end)
    if signal.getsignal(signal.SIGHUP) is signal.SIG_DFL:  # not under nohup
        signal.signal(signal.SIGHUP, _end)  # its terminal is gone
    try:
        app(args=list(words), prog_name="tycokit")
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    except TycokitError as error:
        show.fail(str(error))
    except (grpc.RpcError, ConnectionError) as error:
        show.fail(str(translate(error)))
    except OSError as error:
        show.fail(str(error))
    except KeyboardInterrupt:
        return 130
    else:
        return 0
    return 1


def _end(number: int, _: object) -> None:
    raise SystemExit(128 + number)
