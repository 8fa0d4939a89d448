"""What is to be deployed: specs and notebooks of a folder, for a project, with an image's tag."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tycokit.deploying.actions import NOTEBOOKS, Notebook
from tycokit.deploying.reading import names
from tycokit.errors import SpecError
from tycokit.pipelines import specs
from tycokit.pipelines.specs import Spec, pfs_inputs
from tycokit.repos.addresses import DEFAULT_PROJECT
from tycokit.stage.datum import NOTEBOOK

_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}")  # as container registries have it


@dataclass(frozen=True, slots=True)
class Wanted:
    """Specs in the order in which to create them, and the notebooks that are stages' code.

    `project` is where the notebooks' repo lies.
    """

    specs: tuple[Spec, ...]
    notebooks: tuple[Notebook, ...]
    project: str = DEFAULT_PROJECT


def read(
    folder: Path, notebooks: Path | None, cores: int, project: str = DEFAULT_PROJECT
) -> Wanted:
    """What a folder of specs and its notebooks say. Raises SpecError.

    The notebooks are those of a folder `notebooks` beside the specs', where no other is named.
    `cores` is for specs.read, `project` where pipelines belong whose specs name none.
    """
    found = specs.read(folder, cores, project)
    if notebooks is None:
        beside = folder if folder.is_dir() else folder.parent
        notebooks = beside.absolute().parent / "notebooks"
    elif not notebooks.is_dir():
        raise SpecError(str(notebooks), "there is no such folder")
    files = [Notebook(path.name, path.read_bytes()) for path in sorted(notebooks.glob("*.ipynb"))]
    return Wanted(tuple(found), tuple(stages(found, files)), project)


def stages(found: Iterable[Spec], notebooks: Iterable[Notebook]) -> list[Notebook]:
    """Of some notebooks those that are code of stages: a spec names them, or they declare
    parameters, as every stage does. The others are for people, also where a glob would fit them.
    """
    inputs = (pfs for spec in found for pfs in pfs_inputs(spec.request.input))
    named = {names(pfs.glob) for pfs in inputs if pfs.repo == NOTEBOOKS}
    return [one for one in notebooks if one.path in named or _declares(one)]


def into(wanted: Wanted, project: str) -> Wanted:
    """The same for another project: pipelines, and the inputs of their own project, move there.

    An input that names a project which is not its pipeline's stays what it is.
    """
    return replace(
        wanted,
        specs=tuple(_moved(spec, project) for spec in wanted.specs),
        project=project,
    )


def tagged(wanted: Wanted, tag: str) -> Wanted:
    """The same with `<image name>:tag` as the image of each stage. Raises SpecError.

    A stage is a pipeline whose code is a notebook; the images of others are not ours to tag.
    """
    if not _TAG.fullmatch(tag):
        raise SpecError("--image", f"{tag!r} is no tag of an image, such as V2")
    if not any(map(_is_stage, wanted.specs)):
        raise SpecError("--image", "no pipeline here runs a notebook")
    made = tuple(_tagged(spec, tag) if _is_stage(spec) else spec for spec in wanted.specs)
    return replace(wanted, specs=made)


def _is_stage(spec: Spec) -> bool:
    return any((pfs.name or pfs.repo) == NOTEBOOK for pfs in pfs_inputs(spec.request.input))


def _tagged(spec: Spec, tag: str) -> Spec:
    image = spec.request.transform.image
    if not image:
        raise SpecError(spec.source, f"names no image that could be tagged {tag}")
    folder, slash, last = image.partition("@")[0].rpartition("/")
    request = _copy(spec)
    request.transform.image = f"{folder}{slash}{last.partition(':')[0]}:{tag}"
    return replace(spec, request=request)


def _moved(spec: Spec, project: str) -> Spec:
    own = spec.output.project
    request = _copy(spec)
    request.pipeline.project.name = project
    for pfs in pfs_inputs(request.input):
        if (pfs.project or own) == own:
            pfs.project = project
    return replace(spec, request=request)


def _copy(spec: Spec) -> Any:
    made = type(spec.request)()
    made.CopyFrom(spec.request)
    return made


def _declares(notebook: Notebook) -> bool:
    """Whether a notebook declares parameters. A file that is none is left to fail as a stage."""
    try:
        cells: Sequence[Any] = json.loads(notebook.data)["cells"]
        return any("parameters" in cell["metadata"].get("tags", []) for cell in cells)
    except (ValueError, KeyError, TypeError):
        return True
