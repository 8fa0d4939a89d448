"""Specs of Pachyderm 1.x turned into those of 2.x, with a word for each thing that changed. Pure.

What 2.x has no place for is left out and named; what it cannot do at all is refused.
Source: Pachyderm's pipeline specifications of 1.2 to 1.13, and of 2.7.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tycokit.errors import SpecError
from tycokit.pipelines import specs
from tycokit.scaling.choices import COEFFICIENT

Say = Callable[[str], None]

# Gone with 1.x: nothing in 2.x is like them, and pipelines work without.
_GONE = {
    "batch": "2.x starts a commit's jobs in one way",
    "build": "2.x builds no images: build it, and name it in transform.image",
    "cache_size": "2.x sizes its cache itself",
    "enable_stats": "2.x always keeps a datum's statistics",
    "hashtree_spec": "2.x has no hashtrees",
    "incremental": "2.x skips what it has done without being told",
    "max_queue_size": "2.x has no such queue",
    "scale_down_threshold": "use autoscaling",
}
_RENAMED = {"standby": "autoscaling", "chunk_spec": "datum_set_spec"}


@dataclass(frozen=True, slots=True)
class Upgraded:
    """A spec as 2.x takes it; `changes` says in a sentence each what is different."""

    spec: dict[str, Any]
    changes: tuple[str, ...]


def upgrade(text: str, source: str, nodes: int = 1) -> list[Upgraded]:
    """The specs of a file's text. `nodes` is what a coefficient multiplies.

    Raises SpecError for what is no JSON, or needs what 2.x does not have; the results are checked
    as `tycokit deploy` does.
    """
    found = []
    for number, document in enumerate(specs.documents(text, source), 1):
        label = source if number == 1 else f"{source} (spec {number})"
        if not isinstance(document, dict):
            raise SpecError(label, f"a spec must be a JSON object, not {document!r:.40}")
        made = _spec(document, label, nodes)
        specs.parse(json.dumps(made.spec), label, nodes)
        found.append(made)
    return found


def _spec(old: dict[str, Any], source: str, nodes: int) -> Upgraded:
    spec: dict[str, Any] = json.loads(json.dumps(old))  # its own copy
    changes: list[str] = []
    say = changes.append
    _pipeline(spec, say)
    _inputs(spec, source, say)
    _parallelism(spec, source, nodes, say)
    _resources(spec, say)
    for name, why in _GONE.items():
        if name in spec:
            del spec[name]
            say(f"{name} is left out: {why}")
    for name, new in _RENAMED.items():
        if name in spec:
            spec[new] = spec.pop(name)
            say(f"{name} is now {new}")
    if isinstance(spec.get("spout"), dict) and spec["spout"].pop("marker", None) is not None:
        say("spout.marker is left out: 2.x has no markers")
    order = ("pipeline", "description", "transform", "input")
    kept = {name: spec[name] for name in order if name in spec}
    return Upgraded({**kept, **spec}, tuple(changes))


def _pipeline(spec: dict[str, Any], say: Say) -> None:
    pipeline = spec.get("pipeline")
    if isinstance(pipeline, str):
        spec["pipeline"] = pipeline = {"name": pipeline}
    if isinstance(pipeline, dict) and "project" not in pipeline:
        pipeline["project"] = {"name": "default"}
        say("pipeline.project is default: 2.x has projects")


def _inputs(spec: dict[str, Any], source: str, say: Say) -> None:
    if "inputs" in spec:
        spec["input"] = _oldest(spec.pop("inputs"), say)
    if "input" in spec:
        spec["input"] = _input(spec["input"], source, "input", say)


def _oldest(inputs: Any, say: Say) -> dict[str, Any]:
    """The list of before 1.4, of which every pair of files was a datum."""
    found = []
    for one in inputs if isinstance(inputs, list) else [inputs]:
        repo = one.get("repo")
        pfs = {
            **{name: one[name] for name in ("name", "branch", "glob", "lazy") if name in one},
            "repo": repo["name"] if isinstance(repo, dict) else repo,
        }
        found.append({"pfs": {**pfs, "glob": pfs.get("glob", "/")}})
    say("inputs is now input" + (", a cross of pfs inputs" if len(found) > 1 else ", a pfs input"))
    return found[0] if len(found) == 1 else {"cross": found}


def _input(value: Any, source: str, place: str, say: Say) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise SpecError(source, f"{place} must be an object")
    if "git" in value:
        raise SpecError(
            source, f"{place}.git: 2.x has no git inputs; commit the files to a repo, as pfs"
        )
    made: dict[str, Any] = {}
    for kind, inner in value.items():
        here = f"{place}.{kind}"
        if kind == "atom":
            say(f"{here} is now {place}.pfs")
            made["pfs"] = _pfs(inner, f"{place}.pfs", say)
        elif kind == "pfs":
            made["pfs"] = _pfs(inner, here, say)
        elif kind in {"cross", "union", "join", "group"} and isinstance(inner, list):
            made[kind] = [
                _input(one, source, f"{here}[{number}]", say) for number, one in enumerate(inner)
            ]
        else:
            made[kind] = inner
    return made


def _pfs(value: Any, place: str, say: Say) -> Any:
    if not isinstance(value, dict):
        return value
    made = dict(value)
    for name in ("from_commit", "commit"):
        if name in made:
            given = made.pop(name)
            if given:
                say(f"{place}.{name} is left out ({given}): 2.x reads a branch's head")
    return made


def _parallelism(spec: dict[str, Any], source: str, nodes: int, say: Say) -> None:
    wanted = spec.get("parallelism_spec")
    if not isinstance(wanted, dict):
        return
    if wanted.pop("strategy", None) is not None:
        say("parallelism_spec.strategy is left out: what is set says which")
    for name, kind in (("constant", int), ("coefficient", float)):
        value = wanted.get(name)
        if isinstance(value, str):
            try:
                wanted[name] = kind(value)
            except ValueError as error:
                raise SpecError(
                    source, f"parallelism_spec.{name} must be a number, and is {value!r}"
                ) from error
            say(f"parallelism_spec.{name} is the number {wanted[name]:g}, no longer a text")
    coefficient = wanted.pop("coefficient", None)
    if coefficient and not wanted.get("constant"):
        wanted["constant"] = max(1, math.floor(coefficient * nodes))
        annotations = spec.setdefault("metadata", {}).setdefault("annotations", {})
        annotations[COEFFICIENT] = f"{coefficient:g}"
        say(
            f"parallelism_spec.coefficient {coefficient:g} is constant {wanted['constant']}"
            f" ({nodes} nodes), and kept in metadata.annotations: 2.x knows constants only"
        )


def _resources(spec: dict[str, Any], say: Say) -> None:
    if "resource_spec" in spec:
        spec.setdefault("resource_requests", spec.pop("resource_spec"))
        say("resource_spec is now resource_requests")
    for name in ("resource_requests", "resource_limits", "sidecar_resource_limits"):
        wanted = spec.get(name)
        gpu = wanted.get("gpu") if isinstance(wanted, dict) else None
        if isinstance(wanted, dict) and gpu is not None and not isinstance(gpu, dict):
            del wanted["gpu"]
            if gpu:
                wanted["gpu"] = {"type": "nvidia.com/gpu", "number": int(gpu)}
            say(f"{name}.gpu has a type and a number")
