"""What a worker lays before a stage: the datum's inputs, and where its results go."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tycokit.errors import InputsError

NOTEBOOK = "notebook"
OUT = "out"

FileState = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class Datum:
    """One datum.

    `inputs`: each input's path but the notebook's, by name; of a group's its folder. `fallback`:
    where in `out` the executed notebook goes if the notebook writes nothing. `name`: of the job and
    the datum, for file names. `commits`: the commit that each input, the notebook too, comes from.
    `variables`: the environment variables that belong to this datum alone.
    """

    root: Path
    notebook: Path
    inputs: dict[str, str]
    out: Path
    fallback: str
    name: str
    commits: dict[str, str]
    variables: frozenset[str]


def read(env: Mapping[str, str]) -> Datum:
    """The datum that this environment names, below /pfs or below TYCOKIT_PFS.

    InputsError without an input named `notebook`, or when a path does not exist.
    """
    root = Path(env.get("TYCOKIT_PFS") or "/pfs")
    try:
        names = sorted(
            entry.name
            for entry in os.scandir(root)
            if not entry.name.startswith(".") and entry.name != OUT and entry.is_dir()
        )
    except OSError as error:
        raise InputsError(
            f"{root}: {error.strerror}; `tycokit stage` runs inside a pipeline's worker"
            " (set TYCOKIT_PFS to a folder with the inputs to run it elsewhere)"
        ) from None
    if NOTEBOOK not in names:
        raise InputsError(
            f"{root} has no input named `{NOTEBOOK}`, which holds the notebook to execute;"
            f" the inputs are: {', '.join(names) or 'none'}"
        )
    paths = {
        # a group's variable names only the last of its files
        name: f"{root}/{name}"
        if f"PACH_DATUM_{name}_GROUP_BY" in env
        else _path(f"{root}/{name}", env.get(name))
        for name in names
    }
    fallback = None
    for name in names:
        if name != NOTEBOOK and fallback is None and os.path.isfile(paths[name]):
            fallback = Path(paths[name][len(f"{root}/{name}/") :]).with_suffix(".ipynb").as_posix()
    notebook = _notebook(Path(paths.pop(NOTEBOOK)))
    job, datum = env.get("PACH_JOB_ID"), env.get("PACH_DATUM_ID")
    own = {f"{name}{end}" for name in names for end in ("", "_COMMIT")}
    return Datum(
        root=root,
        notebook=notebook,
        inputs=paths,
        out=root / OUT,
        fallback=fallback or f"{notebook.stem}.ipynb",
        name=f"{job}-{datum}" if job and datum else notebook.stem,
        commits={name: id_ for name in names if (id_ := env.get(f"{name}_COMMIT"))},
        variables=frozenset(own | {name for name in env if name.startswith("PACH_")}),
    )


def _path(folder: str, given: str | None) -> str:
    given = os.path.normpath(given) if given else ""
    # a variable of the input's name may be someone else's (HOME): then the folder speaks
    if given == folder or given.startswith(f"{folder}/"):
        if not os.path.exists(given):
            name = os.path.basename(folder)
            raise InputsError(f"{given}: the input `{name}` does not exist")
        return given
    files = [os.path.join(top, file) for top, _, found in os.walk(folder) for file in found]
    return files[0] if len(files) == 1 else folder


def _notebook(path: Path) -> Path:
    if path.is_file():
        return path
    found = sorted(path.glob("**/*.ipynb"))
    if len(found) != 1:
        raise InputsError(
            f"{path}: the input `{NOTEBOOK}` must be one notebook, and holds {len(found)};"
            " give its glob the notebook's path"
        )
    return found[0]


def files(out: Path) -> dict[str, FileState]:
    """The files below a folder: their relative paths, each with what changes when it is written."""
    found = {}
    start = len(f"{out}/")
    for top, _, names in os.walk(out):
        for name in names:
            path = os.path.join(top, name)
            state = os.lstat(path)
            found[path[start:]] = (state.st_mtime_ns, state.st_size, state.st_ino)
    return found


def executed_path(out: Path, before: Mapping[str, FileState], fallback: str) -> Path:
    """Where the executed notebook goes: beside the first .json that was written, else beside the
    first other file, else to the fallback; never over a file that exists."""
    written = sorted(
        name
        for name, state in files(out).items()
        if before.get(name) != state and not name.endswith(".ipynb")
    )
    results = [name for name in written if name.endswith(".json")] or written
    path = out / (results[0] if results else fallback)
    target = path.with_suffix(".ipynb")
    return path.with_suffix(".executed.ipynb") if target.exists() else target
