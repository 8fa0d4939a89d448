"""A notebook and what it can be tried on: its file here or in Pachyderm, its form, its runs."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from pathlib import Path

import grpc
from python_pachyderm import Client

from tycokit.client import is_missing, refusal
from tycokit.deploying.actions import NOTEBOOKS
from tycokit.errors import AddressError, TrialError
from tycokit.repos import browsing
from tycokit.repos.addresses import DEFAULT_PROJECT, Address
from tycokit.stage import source
from tycokit.stage.datum import OUT
from tycokit.stage.parameters import Parameter
from tycokit.trial import folder, form, stages
from tycokit.trial.folder import Folder, Laid
from tycokit.trial.process import Keeper, Run
from tycokit.trial.stages import Stage

_MOST = 20_000_000  # bytes of a notebook


class Trial:
    """Tries one notebook, one run after the other; close it, which ends what it started.

    `notebook` is a path; where there is no such file, the name of the notebook of some pipeline,
    or of the notebooks' repo, which is fetched then. `laid` and `run` are of the newest run, None
    before the first.
    """

    def __init__(self, notebook: Path, project: str = DEFAULT_PROJECT) -> None:
        self._wanted = notebook.expanduser().absolute()
        self._project = project
        self._lock = threading.Lock()  # one start at a time
        self._looking = threading.Lock()  # guards what `look` finds
        self._folder: Folder | None = None
        self._keeper: Keeper | None = None
        self._hash = ""
        self._closed = False
        self._source: source.Source | None = None
        self.stages: tuple[Stage, ...] = ()
        self.origin = str(self._wanted)
        self.laid: Laid | None = None
        self.run: Run | None = None
        self.values: Mapping[str, str] = {}
        self.inputs: Mapping[str, str] = {}

    @property
    def name(self) -> str:
        """The notebook's file name."""
        return self._wanted.name

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        return () if self._source is None else self._source.parameters

    @property
    def data(self) -> bytes:
        """The notebook's file, as it was looked at last."""
        return b"" if self._source is None else self._source.data

    def look(self, client: Client) -> None:
        """See what there is now: the pipelines that run it, and its parameters.

        Raises TrialError when there is no such notebook; NotebookError when it cannot be used.
        """
        with self._looking:
            self.stages = stages.stages(client, self.name, self._project)
            path = self._wanted if self._wanted.is_file() else self._fetched(client)
            known = self._source
            if known is None or known.path != path or known.data != path.read_bytes():
                self._source = source.read(path, help=True)

    def inputs_of(self, stage: Stage | None) -> dict[str, str]:
        """The parameters that are files, with their help: a pipeline's inputs; without one, the
        texts that are empty by default."""
        names = None if stage is None else {one.name for one in stage.inputs}
        return {
            one.name: one.help
            for one in self.parameters
            if one.name != OUT and (one.name in names if names is not None else _may_be_a_file(one))
        }

    def wrong(
        self, client: Client, inputs: Mapping[str, str], values: Mapping[str, str]
    ) -> dict[str, str]:
        """Why files and values, as `start` takes them, cannot be used, by name; empty if they can.

        Raises TrialError when there is no such parameter.
        """
        found = form.unfit(self.parameters, values)
        for name, text in inputs.items():
            if not text.strip():
                continue
            try:
                folder.chosen(client, text)
            except (TrialError, AddressError) as error:
                found[name] = str(error)
            except (grpc.RpcError, ConnectionError) as error:
                reason = refusal(error)  # no such repo, and the like
                if reason is None:
                    raise
                found[name] = reason
        return found

    def start(self, client: Client, inputs: Mapping[str, str], values: Mapping[str, str]) -> Run:
        """Run it on these files (as Folder.lay takes them), with these values, as texts.

        Raises TrialError when a run goes on, or a value or a file is wrong.
        """
        with self._lock:
            if self._closed:
                raise TrialError("it is closed")
            if self.run is not None and self.run.status().state == "running":
                raise TrialError("a run goes on; stop it first")
            self.look(client)
            assert self._source is not None
            form.read(self.parameters, values)
            own = self._own_folder()
            if self.run is not None and self.run.status().state == "stopped":
                own.leave()
            laid = own.lay(client, self._source.path, inputs)
            self._keeper = self._keeper or Keeper()
            words = [word for name, text in values.items() for word in ("-p", name, text)]
            self.values, self.inputs = dict(values), dict(inputs)
            self.laid = laid
            self.run = Run(laid, words, self._keeper, own.path / "state")
            return self.run

    def close(self) -> None:
        """End its run and its warm executor, and remove its folder."""
        with self._lock:
            self._closed = True
            if self.run is not None:
                self.run.stop()
                self.run.wait(10)
            if self._keeper is not None:
                self._keeper.close()
            if self._folder is not None:
                self._folder.close()

    def _own_folder(self) -> Folder:
        self._folder = self._folder or Folder()
        return self._folder

    def _fetched(self, client: Client) -> Path:
        """The notebook as the first pipeline that runs it has it, else as its repo has it."""
        address = Address(NOTEBOOKS, path=f"/{self.name}", project=self._project)
        if self.stages:
            address = self.stages[0].notebook
        try:
            found = browsing.entry(client, address)
        except (grpc.RpcError, ConnectionError) as error:
            if not is_missing(error):
                raise
            found = None  # nor is there such a repo
        if found is None:
            raise TrialError(f"there is no file {self._wanted}, nor {address} in Pachyderm")
        path = self._own_folder().path / "notebook" / self.name
        if found.hash != self._hash:
            data = browsing.read_entry(client, address, found, _MOST).data
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(data)
            self._hash, self.origin = found.hash, str(address)
        return path


def _may_be_a_file(one: Parameter) -> bool:
    return one.kind.name == "str" and one.default in ('""', "''")
