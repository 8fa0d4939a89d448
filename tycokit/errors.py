"""The one error tree.

TycokitError
├── VisionError      a picture, network, label map or rules file that cannot be used
│   ├── BadName            a picture's name that is not <user-device>_<unix time>.<ext>
│   ├── PictureError       a picture that cannot be used
│   │   ├── EmptyPicture       no bytes at all
│   │   ├── NotAPicture        bytes in none of the picture formats that we read
│   │   ├── BrokenPicture      a picture that ends early or is damaged
│   │   └── PictureTooLarge    more pixels than allowed: a decompression bomb, or nearly
│   ├── WeightsError       a file or folder that is no network, or one with another signature
│   ├── LabelMapError      a label map that cannot be read
│   ├── UnknownClass       a class number or name that the label map does not hold
│   └── RulesError         a rules file that is not JSON, or not the form that rules have
├── StageError       a notebook stage that cannot run, or whose notebook raised
│   ├── StageUsage         a command line of `tycokit stage` that cannot be understood
│   ├── InputsError        a datum without a notebook, or with inputs that cannot be found
│   ├── NotebookError      a file that is no notebook, or one without a parameters cell
│   ├── UndeclaredError    a parameter, input or `out` that the notebook does not declare
│   ├── ParameterError     a parameter that was given a value of the wrong type
│   ├── BatchError         a worker that gives no datum though the stage asked for one
│   └── ExecutorError      a warm executor that cannot be started
│       └── ExecutorDied       one that ended while it ran a datum
├── AlertError       people who cannot be told
│   └── DeliveryError      one attempt to deliver an alert that failed
├── PachdError       what the local pachd answers instead of a result
│   ├── StoreError         the data folder cannot be used, or holds less than it promised
│   │   ├── NewerData, FolderInUse, FolderUnusable
│   │   └── ChunkMissing, ChunkDamaged, PageMissing, StoreDamaged
│   ├── CannotListen       its port is in use
│   ├── NotFound           what a call names is not there
│   │   ├── ProjectNotFound, RepoNotFound, BranchNotFound, CommitNotFound, CommitSetNotFound
│   │   ├── FileNotFound, ItemNotFound, TransactionNotFound
│   │   └── PipelineNotFound, PipelineNotInspected, JobNotFound, LogsNotFound
│   ├── AlreadyExists      what a call would make is there
│   │   └── ProjectExists, RepoExists, PipelineExists
│   ├── NotAllowed         what Pachyderm's rules forbid, ever or in the present state
│   │   ├── InvalidName, InvalidPath, InvalidSpec, InvalidSecret, UserUnknown
│   │   ├── BaseUnfinished, CommitFinished, JobDeleted, DatumNotFound, NothingToRestart
│   │   └── SecretExists, SecretNotFound, SecretKeyMissing
│   ├── ProjectNotEmpty, CommitNotFinished, RequestFailed    the same, each with its own status
│   ├── NotServed          a part of Pachyderm that the local pachd does not have
│   ├── BadGlob            a glob pattern that is malformed
│   ├── StreamCut, UrlUnreadable     bytes that do not come, or not all of them
│   └── WorkerLost, UploadRefused, AttemptFailed     how a try of a datum fails
├── LookError        what somebody wants to look at, and cannot
│   ├── AddressError       words that name no repo, commit or file
│   └── FileCut            a file of which pachd sent less than it holds
├── WidgetError      a widget that cannot do what it was asked for
│   ├── UnknownRequest     a message of the browser that names no request of the widget
│   └── StateTooLarge      more to show at once than a notebook carries
└── CliError         what a person at the command line should read instead of a traceback
    ├── ConfigError        a Pachyderm config file or context that cannot be used
    ├── NoAnswer           nothing answers at pachd's address
    ├── Refused            a pachd that answers, but not to us: token, or another cluster
    ├── LocalError         the local pachd cannot be started or stopped
    │   ├── PortInUse          another process listens on its port
    │   └── DiedAtStart        it ended, or did not get ready, while we waited
    ├── SpecError          a folder of pipeline specs that cannot be deployed
    ├── PachdUnfit         a pachd of a version that cannot be deployed to
    ├── PlanOutdated       a plan of which others have changed what it was made of
    ├── ModelError         a network that cannot be found, fetched or committed
    ├── OpenError          a past datum that cannot be opened
    │   └── DatumUnknown       one that no job has, or a name that fits several
    ├── TraceError         a result that cannot be traced
    ├── PatternError       a regular expression that cannot be searched for
    │   └── PatternTooSlow     one that tries too many ways through a line
    ├── TrialError         a notebook that cannot be tried, or values that cannot go into a spec
    ├── ScaleError         a pipeline's number of workers that cannot be changed
    │   ├── NodesUnknown       nobody says how many nodes the cluster has
    │   └── PipelineChanged    it was updated since the change was planned
    ├── InputUnclear       an input for datums that cannot be understood
    ├── RerunError         datums that Pachyderm does not run again
    ├── BacktestError      rules that cannot be tried on what was seen
    ├── RulesChanged       rules that somebody else has committed meanwhile
    ├── RecordsError       records, or a report of them, that cannot be had
    ├── TargetError        a target of alerts that cannot be made or removed
    ├── WatchError         a folder that cannot be watched
    ├── MoveError          what cannot be copied, exported or imported
    │   ├── Occupied           the destination has something else of that name
    │   ├── CopyDiffers        a copy whose hashes are not those of the source
    │   └── ArchiveError       an archive that is damaged, or no archive, or cannot be made
    ├── OperationsError    what runs where pachd runs cannot be looked at
    │   └── KubernetesError    no Kubernetes answers, it refuses, or it is not pachd's
    └── NotInstalled       an extra of tycokit that a command needs

Each error holds the object that it is about; its message names what was wrong and what to do.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path


class TycokitError(Exception):
    """Base of everything that tycokit raises on purpose."""


class VisionError(TycokitError):
    """A picture, network, label map or rules file that cannot be used."""


class BadName(VisionError):
    """A picture's name that is not `<user-device>_<unix time>.<ext>`."""

    def __init__(self, name: str, rule: str) -> None:
        self.name, self.rule = name, rule
        shown = name if len(name) <= 60 else f"{name[:57]}..."
        super().__init__(f"{shown!r} is not <user-device>_<unix time>.<ext>: {rule}")


class PictureError(VisionError):
    """A picture that cannot be used; `reason` is the part of the message after the file."""

    def __init__(self, path: Path, reason: str) -> None:
        self.path, self.reason = path, reason
        super().__init__(f"{path}: {reason}")


class EmptyPicture(PictureError):
    """A picture without a single byte."""


class NotAPicture(PictureError):
    """Bytes in none of the picture formats that we read."""


class BrokenPicture(PictureError):
    """A picture that ends early or is damaged."""


class PictureTooLarge(PictureError):
    """A picture with more pixels than allowed."""


class WeightsError(VisionError):
    """A file or folder that is no network that we can run."""

    def __init__(self, path: Path, expected: str, found: str) -> None:
        self.path, self.expected, self.found = path, expected, found
        super().__init__(f"{path}: expected {expected}; found {found}")


class LabelMapError(VisionError):
    """A label map that cannot be read."""

    def __init__(self, path: Path, reason: str) -> None:
        self.path, self.reason = path, reason
        super().__init__(f"{path}: {reason}")


class UnknownClass(VisionError):
    """A class number or name that the label map does not hold; `near` are those most alike."""

    def __init__(self, wanted: int | str, near: Sequence[str]) -> None:
        self.wanted, self.near = wanted, tuple(near)
        hint = f"; near it: {', '.join(near)}" if near else ""
        super().__init__(f"unknown class {wanted!r}{hint}")


class RulesError(VisionError):
    """A rules file that is not JSON, or not the form that rules have."""

    def __init__(self, path: Path, reason: str) -> None:
        self.path, self.reason = path, reason
        super().__init__(f"{path}: {reason}")


class StageError(TycokitError):
    """A notebook stage that cannot run, or whose notebook raised."""


class StageUsage(StageError):
    """A command line of `tycokit stage` that cannot be understood."""


class InputsError(StageError):
    """A datum without a notebook, or with inputs that cannot be found."""


class NotebookError(StageError):
    """A file that is no notebook, or one without a parameters cell."""

    def __init__(self, notebook: Path, why: str) -> None:
        super().__init__(f"{notebook}: {why}")
        self.notebook = notebook


class UndeclaredError(StageError):
    """A parameter, input or `out` that the notebook does not declare."""

    def __init__(self, notebook: Path, names: Sequence[str], why: str) -> None:
        super().__init__(f"{notebook}: {why}")
        self.notebook = notebook
        self.names = tuple(names)


class ParameterError(StageError):
    """Parameters (`names`) that were given a value of the wrong type."""

    def __init__(self, notebook: Path, names: Sequence[str], why: str) -> None:
        super().__init__(f"{notebook}: {why}")
        self.notebook = notebook
        self.names = tuple(names)


class BatchError(StageError):
    """Pachyderm's worker gives this process no datum; `reason` is its own sentence."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"the worker gives no datum: {reason}")
        self.reason = reason


class ExecutorError(StageError):
    """A warm executor that cannot be started."""


class ExecutorDied(ExecutorError):
    """A warm executor that ended while it ran a datum.

    `exit_code` or `signal` says how, `peak_mb` how much memory it held at most (MB), `cell` which
    cell ran; all are None when its supervisor left no record.
    """

    def __init__(
        self,
        why: str,
        *,
        signal: int | None = None,
        exit_code: int | None = None,
        peak_mb: int | None = None,
        cell: int | None = None,
    ) -> None:
        super().__init__(why)
        self.cell = cell
        self.signal = signal
        self.exit_code = exit_code
        self.peak_mb = peak_mb


class AlertError(TycokitError):
    """People who cannot be told."""


class DeliveryError(AlertError):
    """One attempt to deliver an alert that failed; the message holds no key."""

    def __init__(self, receiver: str, reason: str) -> None:
        self.receiver, self.reason = receiver, reason
        super().__init__(f"{receiver}: {reason}")


class PachdError(TycokitError):
    """What the local pachd answers instead of a result."""


class BadGlob(PachdError):
    """A glob pattern that is malformed."""

    def __init__(self, pattern: str, rule: str) -> None:
        self.pattern, self.rule = pattern, rule
        super().__init__(f"glob pattern {pattern!r} is malformed: {rule}")


class StoreError(PachdError):
    """The data folder cannot be used, or holds less than it promised."""


class NewerData(StoreError):
    def __init__(self, path: Path, steps: list[str]) -> None:
        self.path, self.steps = path, steps
        super().__init__(
            f"{path} was written by a newer tycokit (unknown: {', '.join(steps)}):"
            " update tycokit, or give another folder with --data"
        )


class FolderInUse(StoreError):
    def __init__(self, path: Path) -> None:
        self.path = path
        super().__init__(f"another pachd is running on the data folder {path}")


class FolderUnusable(StoreError):
    def __init__(self, path: Path, reason: str) -> None:
        self.path = path
        super().__init__(f"the data folder {path} cannot be used: {reason}")


class CannotListen(PachdError):
    def __init__(self, host: str, port: int) -> None:
        self.host, self.port = host, port
        super().__init__(f"cannot listen on {host}:{port}: the port is in use")


class ChunkMissing(StoreError):
    def __init__(self, hash_: bytes) -> None:
        self.hash = hash_
        super().__init__(f"chunk {hash_.hex()} is not in the store")


class ChunkDamaged(StoreError):
    def __init__(self, hash_: bytes, pack: str) -> None:
        self.hash, self.pack = hash_, pack
        super().__init__(f"chunk {hash_.hex()} is damaged in pack {pack}")


class PageMissing(StoreError):
    def __init__(self, hash_: bytes) -> None:
        self.hash = hash_
        super().__init__(f"page {hash_.hex()} is not in the store")


class StoreDamaged(StoreError):
    """Something that is needed is missing or damaged; `what` says what."""

    def __init__(self, what: str) -> None:
        self.what = what
        super().__init__(f"the data folder is damaged: {what}")


class NotFound(PachdError):
    """The object that a call names does not exist."""


class AlreadyExists(PachdError):
    """The object that a call would make exists."""


class NotAllowed(PachdError):
    """A call that Pachyderm's rules forbid in the present state."""


class InvalidName(NotAllowed):
    """A name of a repo, branch, project or pipeline that Pachyderm refuses."""

    def __init__(self, name: str, message: str) -> None:
        self.name = name
        super().__init__(message)


class InvalidPath(NotAllowed):
    """A file path that Pachyderm refuses."""

    def __init__(self, path: str, rule: str) -> None:
        self.path, self.rule = path, rule
        super().__init__(f"path ({path}) invalid: {rule}")


class InvalidSpec(NotAllowed):
    """A pipeline spec that Pachyderm refuses; the message is Pachyderm's."""


class UserUnknown(NotAllowed):
    def __init__(self, kind: str, name: str) -> None:
        self.kind, self.name = kind, name
        super().__init__(f"the transform's {kind} {name} is unknown on this machine")


class NotServed(PachdError):
    """A part of Pachyderm that the local pachd does not have."""


class RepoNotFound(NotFound):
    def __init__(self, repo: object) -> None:
        self.repo = repo
        super().__init__(f"repo {repo} not found")


class RepoExists(AlreadyExists):
    def __init__(self, repo: object) -> None:
        self.repo = repo
        super().__init__(f"repo {repo} already exists")


class ProjectNotFound(NotFound):
    def __init__(self, project: str, context: str = "") -> None:
        self.project = project
        super().__init__(f'{context}project "{project}" not found')


class ProjectExists(AlreadyExists):
    def __init__(self, project: str) -> None:
        self.project = project
        super().__init__(f'could not create project: project "{project}" already exists')


class ProjectNotEmpty(PachdError):
    def __init__(self, project: str, repos: list[object]) -> None:
        self.project, self.repos = project, repos
        clauses = ", ".join(f"repo {repo} still exists" for repo in repos)
        super().__init__(f"cannot delete project {project}: {clauses}")


class BranchNotFound(NotFound):
    def __init__(self, branch: str, repo: object) -> None:
        self.branch, self.repo = branch, repo
        super().__init__(f'branch "{branch}" not found in repo {repo}')


class CommitNotFound(NotFound):
    def __init__(self, commit: object) -> None:
        self.commit = commit
        super().__init__(f"commit {commit} not found")


class CommitSetNotFound(NotFound):
    def __init__(self, set_id: str) -> None:
        self.set_id = set_id
        super().__init__(f"no commits found for commitset ID {set_id}")


class FileNotFound(NotFound):
    def __init__(self, path: str, repo: object, commit_id: str) -> None:
        self.path, self.repo, self.commit_id = path, repo, commit_id
        super().__init__(f"file {path} not found in repo {repo} at commit {commit_id}")


class ItemNotFound(NotFound):
    def __init__(self, path: str, commit_id: str) -> None:
        self.path, self.commit_id = path, commit_id
        super().__init__(f"commit/{commit_id} does not contain item: ({path})")


class BaseUnfinished(NotAllowed):
    def __init__(self, base: object, commit: object) -> None:
        self.base, self.commit = base, commit
        super().__init__(f"base commit {base} for commit {commit} unfinished")


class CommitNotFinished(PachdError):
    def __init__(self, commit: object) -> None:
        self.commit = commit
        super().__init__(f"commit {commit} not finished")


class CommitFinished(NotAllowed):
    def __init__(self, commit: object) -> None:
        self.commit = commit
        super().__init__(f"commit {commit} has already finished")


class StreamCut(PachdError):
    """A stream of file changes whose client has gone before its end."""

    def __init__(self) -> None:
        super().__init__("the client gave up before the stream ended")


class TransactionNotFound(NotFound):
    def __init__(self, id_: str) -> None:
        self.id = id_
        super().__init__(f"transactions {id_} not found")


class RequestFailed(PachdError):
    """A request inside a transaction failed: `cause` says how, and gives the status."""

    def __init__(self, number: int, total: int, cause: PachdError) -> None:
        self.number, self.total, self.cause = number, total, cause
        super().__init__(f"error running request {number} of {total}: {cause}")


class UrlUnreadable(PachdError):
    def __init__(self, url: str, reason: str) -> None:
        self.url, self.reason = url, reason
        super().__init__(f"cannot read {url}: {reason}")


class PipelineNotFound(NotFound):
    def __init__(self, pipeline: object) -> None:
        self.pipeline = pipeline
        super().__init__(f'pipeline "{pipeline}" not found')


class PipelineNotInspected(NotFound):
    def __init__(self, pipeline: object) -> None:
        self.pipeline = pipeline
        super().__init__(
            "pipeline was not inspected: couldn't find up to date spec for pipeline"
            f' "{pipeline}": branch "master" not found in repo {pipeline}.spec'
        )


class PipelineExists(AlreadyExists):
    def __init__(self, pipeline: object) -> None:
        self.pipeline = pipeline
        super().__init__(f'pipeline "{pipeline}" already exists')


class WorkerLost(PachdError):
    """A worker's processes cannot be started or have died."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(f"the worker was lost: {reason}")


class UploadRefused(PachdError):
    """What a datum's user code left in /pfs/out cannot be kept."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(f"cannot upload file produced by the user code {reason}")


class AttemptFailed(PachdError):
    """One try of a datum failed; `recovered` when the pipeline's err_cmd has dealt with it."""

    def __init__(self, reason: str, recovered: bool = False) -> None:
        self.reason, self.recovered = reason, recovered
        super().__init__(reason)


class JobNotFound(NotFound):
    def __init__(self, job: object) -> None:
        self.job = job
        super().__init__(f"jobs {job} not found")


class JobDeleted(NotAllowed):
    def __init__(self, job_id: str) -> None:
        self.job_id = job_id
        super().__init__(f"job {job_id} was deleted")


class NothingToRestart(NotAllowed):
    def __init__(self, job_id: str, filters: Sequence[str]) -> None:
        self.job_id, self.filters = job_id, tuple(filters)
        super().__init__(
            f"datum matching filter [{' '.join(filters)}] could not be found for job ID {job_id}"
        )


class SecretNotFound(NotAllowed):
    """Kubernetes' own words, which Pachyderm hands on with no code of their own."""

    def __init__(self, secret: str, context: str = "") -> None:
        self.secret = secret
        super().__init__(f'{context}secrets "{secret}" not found')


class SecretKeyMissing(NotAllowed):
    def __init__(self, secret: str, key: str) -> None:
        self.secret, self.key = secret, key
        super().__init__(f"couldn't find key {key} in secret {secret}")


class SecretExists(NotAllowed):
    def __init__(self, secret: str) -> None:
        self.secret = secret
        super().__init__(f'failed to create secret: secrets "{secret}" already exists')


class InvalidSecret(NotAllowed):
    def __init__(self, rule: str) -> None:
        self.rule = rule
        super().__init__(f"failed to create secret: {rule}")


class LogsNotFound(NotFound):
    def __init__(self, what: str, name: str, cause: Exception) -> None:
        self.what, self.name = what, name
        super().__init__(f"could not get {what} information for {name}: {cause}")


class DatumNotFound(NotAllowed):
    def __init__(self, datum: str, job: object) -> None:
        self.datum, self.job = datum, job
        super().__init__(f"datum {datum} not found in job {job}")


class LookError(TycokitError):
    """What somebody wants to look at, and cannot."""


class AddressError(LookError):
    """Words that name no repo, commit or file: `repo@branch or id:/path` is the form."""

    def __init__(self, address: str, why: str) -> None:
        self.address = address
        super().__init__(f"{address!r}: {why}")


class FileCut(LookError):
    """A file of which pachd sent `got` of its `size` bytes; the connection broke."""

    def __init__(self, path: str, got: int, size: int) -> None:
        self.path, self.got, self.size = path, got, size
        super().__init__(f"{path}: only {got:,} of {size:,} bytes came; look again")


class WidgetError(TycokitError):
    """A widget that cannot do what it was asked for."""


class UnknownRequest(WidgetError):
    """A message of the browser that names no request of the widget, or not its arguments."""

    def __init__(self, widget: str, call: str, why: str = "") -> None:
        self.widget, self.call = widget, call
        super().__init__(f"{widget} has no request {call!r}{f' like that: {why}' if why else ''}")


class StateTooLarge(WidgetError):
    """More to show at once than a notebook carries; sizes in bytes."""

    def __init__(self, widget: str, size: int, most: int) -> None:
        self.widget, self.size, self.most = widget, size, most
        super().__init__(f"{widget}: a state of {size} bytes; at most {most} are sent at once")


class CliError(TycokitError):
    """What a person at the command line should read instead of a traceback."""


class ConfigError(CliError):
    """A Pachyderm config file, or a context in it, that cannot be used."""

    def __init__(self, path: Path, reason: str) -> None:
        self.path, self.reason = path, reason
        super().__init__(f"{path}: {reason}")


class NoAnswer(CliError):
    """Nothing answers at pachd's address, or nothing that the client can talk to.

    `context` is the name of the context that has the address, where there is one.
    """

    def __init__(
        self,
        address: str,
        detail: str = "",
        *,
        advice: str = "`tycokit up` starts one on this machine",
        context: str = "",
    ) -> None:
        self.address, self.detail, self.advice, self.context = address, detail, advice, context
        why = f" ({detail})" if detail else ""
        where = f" at {address}" if address else ""
        super().__init__(f"{in_context(context)}no pachd answers{where}{why}; {advice}")


class Refused(CliError):
    """A pachd that answers but refuses us: `reason` is its own sentence or ours."""

    def __init__(self, address: str, reason: str, *, context: str = "") -> None:
        self.address, self.reason, self.context = address, reason, context
        where = f" at {address}" if address else ""
        super().__init__(f"{in_context(context)}pachd{where} refuses: {reason}")


def in_context(context: str) -> str:
    """How a sentence about a context begins; nothing where none is known."""
    return f"context {context!r}: " if context else ""


class LocalError(CliError):
    """The local pachd cannot be started or stopped."""


class PortInUse(LocalError):
    """Another process listens on the port; `owner` names it where that can be known."""

    def __init__(self, port: int, owner: str | None) -> None:
        self.port, self.owner = port, owner
        by = f" by {owner}" if owner else ""
        super().__init__(
            f"port {port} is in use{by}; stop that process, or choose another with --port"
        )


class DiedAtStart(LocalError):
    """The local pachd ended or hung while starting; `tail` is the end of its log."""

    def __init__(self, reason: str, log: Path, tail: str) -> None:
        self.reason, self.log, self.tail = reason, log, tail
        end = f"; its log ends:\n{tail}" if tail else ""
        super().__init__(f"the local pachd {reason} (log: {log}){end}")


class SpecError(CliError):
    """A spec (`source`: its file) that cannot be deployed; nothing was created."""

    def __init__(self, source: str, reason: str) -> None:
        self.source, self.reason = source, reason
        super().__init__(f"{source}: {reason}")


class PachdUnfit(CliError):
    """A pachd whose `version` is not one that can be deployed to."""

    def __init__(self, version: str, reason: str) -> None:
        self.version, self.reason = version, reason
        super().__init__(f"this pachd is Pachyderm {version}: {reason}")


class PlanOutdated(CliError):
    """A plan that was not carried out, as others made `changes` to what it was made of."""

    def __init__(self, changes: Sequence[str]) -> None:
        self.changes = tuple(changes)
        told = ", ".join(self.changes[:5])
        more = f", and {len(self.changes) - 5} more" if len(self.changes) > 5 else ""
        super().__init__(f"since this was planned, {told}{more}: nothing was changed; run it again")


class ModelError(CliError):
    """A network (`name`) that cannot be found, fetched or committed."""

    def __init__(self, name: str, reason: str) -> None:
        self.name, self.reason = name, reason
        super().__init__(f"{name}: {reason}")


class OpenError(CliError):
    """A past datum that cannot be opened in a notebook."""


class DatumUnknown(OpenError):
    """No datum, or more than one, by this name."""

    def __init__(self, datum: str, why: str) -> None:
        self.datum = datum
        super().__init__(f"datum {datum}: {why}")


class TraceError(CliError):
    """A file, commit or box from which no trace can begin."""

    def __init__(self, address: str, why: str) -> None:
        self.address = address
        super().__init__(f"{address}: {why}")


class PatternError(CliError):
    """A regular expression that cannot be searched for; `reason` is the sentence about it."""

    def __init__(self, expression: str, reason: str) -> None:
        self.expression, self.reason = expression, reason
        super().__init__(f"the expression {expression!r:.80}: {reason}")


class PatternTooSlow(PatternError):
    """A regular expression that was given up after so many seconds."""

    def __init__(self, expression: str, seconds: float) -> None:
        self.seconds = seconds
        super().__init__(
            expression,
            f"given up after {seconds:.0f} s: it tries too many ways through a line"
            " (repetitions inside repetitions, as in (a+)+, do that)",
        )


class TrialError(CliError):
    """A notebook that cannot be tried as asked, or values that cannot go into a spec."""


class ScaleError(CliError):
    """A pipeline's number of workers that cannot be changed as asked."""


class NodesUnknown(ScaleError):
    """Nobody says how many nodes the cluster has; `reason` is why."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(
            f"how many nodes the cluster has is not known ({reason}); say it: `--nodes N`, or"
            " nodes=N in Python"
        )


class PipelineChanged(ScaleError):
    """The pipeline was updated since the change was planned."""

    def __init__(self, pipeline: str, planned: int, found: int) -> None:
        self.pipeline, self.planned, self.found = pipeline, planned, found
        super().__init__(
            f"pipeline {pipeline} was updated meanwhile (version {found}, looked at {planned}):"
            " nothing was changed; look again"
        )


class InputUnclear(CliError):
    """An input (`given`) from which no datums can be listed; `reason` is why."""

    def __init__(self, given: object, reason: str) -> None:
        self.given, self.reason = given, reason
        super().__init__(f"input {given!r:.200}: {reason}")


class RerunError(CliError):
    """Datums that Pachyderm does not run again, and why."""


class BacktestError(CliError):
    """Rules that cannot be tried, since nothing was seen yet."""


class RulesChanged(CliError):
    """Rules that were made from others than those that are committed by now."""

    def __init__(self, based_on: str, present: str) -> None:
        self.based_on, self.present = based_on, present
        super().__init__(
            f"somebody else has committed other rules meanwhile ({present[:12]});"
            " look at those first"
        )


class RecordsError(CliError):
    """Records that cannot be asked for in such a way."""


class TargetError(CliError):
    """A target of alerts that cannot be made or removed; the message holds no key."""

    def __init__(self, name: str, reason: str) -> None:
        self.name, self.reason = name, reason
        super().__init__(f"target {name!r}: {reason}")


class WatchError(CliError):
    """A folder that cannot be watched, or a repo that cannot take what arrives in it."""


class OperationsError(CliError):
    """What runs where pachd runs, or what it says, cannot be looked at."""


class KubernetesError(OperationsError):
    """No Kubernetes answers, it refuses (`status`, of HTTP), or it is not the one of pachd."""

    def __init__(self, reason: str, status: int | None = None) -> None:
        self.reason, self.status = reason, status
        super().__init__(reason)


class MoveError(CliError):
    """Something that cannot be copied, exported or imported."""


class Occupied(MoveError):
    """A repo or branch (`what`) of the context that has other things in it."""

    def __init__(self, context: str, what: str, why: str) -> None:
        self.context, self.what = context, what
        super().__init__(f"{what} of {context} takes no copy: {why}")


class CopyDiffers(MoveError):
    """A commit that is not finished, since the hash of a file (`path`) is not the source's."""

    def __init__(self, context: str, commit: str, path: str) -> None:
        self.context, self.commit, self.path = context, commit, path
        super().__init__(
            f"{path} of {commit} has another hash in {context} than where it comes from; its commit"
            " stays open: copy again"
        )


class ArchiveError(MoveError):
    """An archive (`file`) that cannot be read or written; `reason` names the part of it."""

    def __init__(self, file: Path, reason: str) -> None:
        self.file, self.reason = file, reason
        super().__init__(f"{file}: {reason}")


class NotInstalled(CliError):
    """A command needs an extra that is not installed."""

    def __init__(self, what: str, extra: str) -> None:
        self.what, self.extra = what, extra
        super().__init__(f"{what} is not installed: pip install 'tycokit[{extra}]'")
