"""What each pipeline processes because of a plan, and why; pure.

Pachyderm knows a datum by the paths and contents of its files and by the pipeline's salt. One that
it has processed is skipped, whatever else of the pipeline has changed.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from tycokit.deploying.actions import (
    Action,
    CommitNotebooks,
    CreatePipeline,
    DeletePipeline,
    Fill,
    UpdatePipeline,
)
from tycokit.deploying.present import Past, Present
from tycokit.deploying.reading import leaves
from tycokit.pipelines import specs
from tycokit.pipelines.specs import Repo, Spec
from tycokit.repos.addresses import DEFAULT_BRANCH
from tycokit.wording import counted

Share = Literal["all", "some", "none"]

_ANEW = ("salt", "output_branch", "s3_out")  # fields with which no datum is the one that it was


@dataclass(frozen=True, slots=True)
class Effect:
    """What a pipeline processes: all of its datums, some, or none; `why` is for a person.

    `datums` is how many its newest job with any had, 0 where that is not known.
    """

    pipeline: Repo
    share: Share
    why: str
    datums: int

    def __str__(self) -> str:
        had = counted(self.datums, "datum")
        if self.share == "all":
            what = f"all {had} again" if self.datums else "all that its inputs hold"
        elif self.share == "some":
            what = f"what differs for it, of {had} so far" if self.datums else "what is new for it"
        else:
            what = f"nothing again, {had} keep their results" if self.datums else "nothing again"
        return f"{self.pipeline} processes {what}: {self.why}"


def effects(actions: Sequence[Action], wanted: Iterable[Spec], present: Present) -> list[Effect]:
    """The pipelines that process something, or that are updated and do not; upstream first.

    Those that no spec is for count too: they may follow from others.
    """
    wanted = list(wanted)
    gone = {one.pipeline for one in actions if isinstance(one, DeletePipeline)}
    known = {spec.output for spec in wanted} | gone
    others = [present.spec(repo) for repo in present.pipelines if repo not in known]
    plan = _Plan(actions, present)
    return [
        effect
        for spec in specs.order([*wanted, *others])
        if (effect := plan.effect(spec)) is not None
    ]


class _Plan:
    """A plan's actions by what they are done to, and what is known of what follows from them."""

    def __init__(self, actions: Iterable[Action], present: Present) -> None:
        self._present = present
        self._created: set[Repo] = set()
        self._updated: dict[Repo, UpdatePipeline] = {}
        self._notebooks: dict[Repo, set[str]] = {}
        self._filled: set[Repo] = set()
        self._moved: dict[Repo, str] = {}  # pipelines that process something: their output branches
        for one in actions:
            if isinstance(one, CreatePipeline):
                self._created.add(one.spec.output)
            elif isinstance(one, UpdatePipeline):
                self._updated[one.spec.output] = one
            elif isinstance(one, CommitNotebooks):
                self._notebooks[one.repo] = {notebook.path for notebook in one.notebooks}
            elif isinstance(one, Fill):
                self._filled.add(one.repo)

    def effect(self, spec: Spec) -> Effect | None:
        """That on one pipeline, those upstream of it having been asked for; None: there is none."""
        found = self._effect(spec)
        if found is not None and found.share != "none":
            self._moved[spec.output] = spec.request.output_branch or DEFAULT_BRANCH
        return found

    def _effect(self, spec: Spec) -> Effect | None:
        own = spec.output
        if own in self._created:
            return Effect(own, "all", "it is new", 0)
        update, past = self._updated.get(own), self._present.past.get(own)
        datums = past.datums if past is not None else 0
        code, some = self._read(spec)
        if update is not None and "input" in update.fields:
            some.append("its input differs, and a datum with the same files is the same")
        if update is not None and past is not None:
            some += _undone(past)
        anew = _anew(update, spec, bool(code or some)) + code
        if (update or anew or some) and self._present.pipelines[own].stopped:
            return Effect(own, "none", "it is paused", datums)
        if anew:
            return Effect(own, "all", "; ".join(anew), datums)
        if some:
            return Effect(own, "some", "; ".join(some), datums)
        if update is not None:
            why = f"another {', '.join(update.fields)} counts for new datums; --reprocess for all"
            return Effect(own, "none", why, datums)
        return None

    def _read(self, spec: Spec) -> tuple[list[str], list[str]]:
        """What changes of what a spec's inputs read: in each of its datums, and in some of them."""
        code: dict[str, None] = {}  # in the order in which they are found, each once
        some: dict[str, None] = {}
        upstream: dict[str, dict[str, None]] = {}
        for leaf in leaves(spec, self._present.follows):
            later = ", once the trigger of its input fires" if leaf.triggered else ""
            if leaf.branch == DEFAULT_BRANCH and leaf.repo in self._notebooks:
                paths = leaf.reads(self._notebooks[leaf.repo])
                if paths and leaf.is_one and leaf.everywhere and not leaf.triggered:
                    code[_differ(paths)] = None
                elif paths:
                    some[_differ(paths) + later] = None
            if leaf.branch == DEFAULT_BRANCH and leaf.repo in self._filled:
                some[f"{leaf.repo} gets its first files{later}"] = None
            if leaf.branch == self._moved.get(leaf.repo):
                upstream.setdefault(later, {})[str(leaf.repo)] = None
        for later, made in upstream.items():
            verb = "makes" if len(made) == 1 else "make"
            some[f"it reads what {', '.join(made)} {verb}{later}"] = None
        return list(code), list(some)


def _differ(paths: Sequence[str]) -> str:
    names = ", ".join(path.lstrip("/") for path in paths)
    if len(paths) == 1:
        return f"its notebook {names} differs"
    return f"its notebooks {names} differ"


def _anew(update: UpdatePipeline | None, spec: Spec, triggered: bool) -> list[str]:
    """Why no datum counts as processed."""
    why = []
    if update is not None:
        if update.reprocess:
            why.append("that was asked for")
        why += [f"its {name} differs" for name in update.fields if name in _ANEW]
    if spec.request.reprocess_spec == "every_job" and (triggered or update is not None):
        why.append("it asks for that in every job (reprocess_spec)")
    return why


def _undone(past: Past) -> list[str]:
    """What an update leaves to its own job of those before."""
    if past.unended:
        which = "a job that has" if past.unended == 1 else f"{past.unended} jobs that have"
        return [f"it ends {which} not ended, and does their datums"]
    if past.again:
        return [f"its last job did not end well, so that its {past.again} datums count as new"]
    return []
