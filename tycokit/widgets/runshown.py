"""A notebook that is tried, its runs and a planned change of its pipeline, as JSON."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from tycokit.repos import cells
from tycokit.trial import form
from tycokit.trial.process import results
from tycokit.trial.specchange import Change
from tycokit.trial.stages import Stage
from tycokit.trial.trying import Trial

TAIL = 6000  # characters of what cells print that are shown
MOST_FILES = 200


def stage(trial: Trial, one: Stage | None) -> dict[str, Any]:
    """The form as a pipeline fills it in; None: no pipeline runs the notebook."""
    inputs = trial.inputs_of(one)
    own = {} if one is None else {each.name: each for each in one.inputs}
    return {
        "pipeline": None if one is None else one.pipeline,
        "version": None if one is None else one.version,
        "notebook": None if one is None else str(one.notebook),
        "inputs": [
            {
                "name": name,
                "help": help_,
                "reads": f"{own[name].repo}:{own[name].glob}" if name in own else "",
                "whole": str(own[name].whole or "") if name in own else "",
            }
            for name, help_ in inputs.items()
        ],
        "fields": [asdict(each) for each in form.fields(trial.parameters, inputs)],
        "values": {} if one is None else dict(one.values),
    }


def run(trial: Trial) -> dict[str, Any] | None:
    """The newest run; its files as soon as it has ended."""
    if trial.run is None or trial.laid is None:
        return None
    status = trial.run.status()
    ended = status.state != "running"
    files = results(trial.laid.out, status.executed) if ended else {}
    return {
        "id": trial.laid.out.parent.name,
        "state": status.state,
        "cell": status.cell,
        "cells": len(cells.read(trial.data)),
        "seconds": round(status.seconds, 1),
        "printed": status.printed[-TAIL:],
        "error": status.error[:TAIL] if status.state == "failed" else "",
        "files": [{"path": path, "size": size} for path, size in [*files.items()][:MOST_FILES]],
        "more": max(0, len(files) - MOST_FILES),
        "out": str(trial.laid.out),
        "executed": None if status.executed is None else str(status.executed),
        "origins": dict(trial.laid.origins),
        "values": dict(trial.values),
    }


def change(planned: Change, of: Stage) -> dict[str, Any]:
    """What an update of a pipeline would do."""
    return {
        "pipeline": planned.pipeline,
        "version": planned.version,
        "difference": planned.difference,
        "datums": planned.datums,
        "seconds": planned.seconds,
        "downstream": planned.downstream,
        "ends": planned.ends,
        "same_code": planned.same_code,
        "notebook": str(of.notebook),
    }
