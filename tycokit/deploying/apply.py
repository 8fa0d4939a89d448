"""Do what a plan says: all of it that Pachyderm can check beforehand, or nothing."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import grpc
from python_pachyderm import Client

from tycokit import upload
from tycokit.addresses import Address
from tycokit.deploying.actions import (
    Action,
    CommitNotebooks,
    CreatePipeline,
    CreateProject,
    CreateRepo,
    DeletePipeline,
    Fill,
    UpdatePipeline,
)
from tycokit.errors import CliError


def apply(
    client: Client, actions: Iterable[Action], report: Callable[[Action], None] = lambda _: None
) -> None:
    """Do the actions of a plan, reporting each once it is done.

    Pachyderm takes repos and pipelines in transactions, files and the rest not. So pachd checks all
    pipelines together before any file goes in, and makes them together afterwards: no job runs
    between, and one commit set has all of them. Raises what the client raises; then the pipelines
    are what they were, and so are the files where a pipeline was refused.
    """
    actions = list(actions)
    pipelines = [one for one in actions if isinstance(one, (CreatePipeline, UpdatePipeline))]
    repos = [one for one in actions if isinstance(one, CreateRepo)]
    for project in (one for one in actions if isinstance(one, CreateProject)):
        client.create_project(project.name)
        report(project)
    with _together(client, bool(repos)) as inside:
        for one in repos:
            inside.create_repo(one.repo.name, one.description, project_name=one.repo.project)
    for one in repos:
        report(one)
    with _together(client, bool(pipelines)) as inside:
        for pipeline in pipelines:
            inside.create_pipeline_from_request(_request(pipeline))
        for files in (one for one in actions if isinstance(one, (CommitNotebooks, Fill))):
            _put(client, files)
            report(files)
    for pipeline in pipelines:
        report(pipeline)
    for gone in (one for one in actions if isinstance(one, DeletePipeline)):
        client.delete_pipeline(gone.pipeline.name, project_name=gone.pipeline.project)
        report(gone)


@contextmanager
def _together(client: Client, needed: bool) -> Iterator[Client]:
    """A client whose requests pachd checks at once, and does at the end, all of them or none.

    It is another one than the given: that one's calls, from whatever thread, stay outside.
    """
    if not needed:
        yield client
        return
    transaction = client.start_transaction()
    host, _, port = client.address.rpartition(":")
    try:
        yield Client(
            host,
            int(port),
            auth_token=client.auth_token,
            root_certs=client.root_certs,
            transaction_id=transaction.id,
            use_default_host=False,
        )
        client.finish_transaction(transaction)
    except BaseException:
        with suppress(grpc.RpcError):  # what went wrong before is what counts
            client.delete_transaction(transaction)
        raise


def _request(action: CreatePipeline | UpdatePipeline) -> Any:
    request = type(action.spec.request)()
    request.CopyFrom(action.spec.request)
    request.update = isinstance(action, UpdatePipeline)
    request.reprocess = isinstance(action, UpdatePipeline) and action.reprocess
    return request


def _put(client: Client, files: CommitNotebooks | Fill) -> None:
    name, project = files.repo.name, files.repo.project
    if isinstance(files, CommitNotebooks):
        with client.modify_file_client(Address(name, project=project).at) as commit:
            for notebook in files.notebooks:
                commit.put_file_from_bytes(notebook.path, notebook.data)
        return
    with tempfile.TemporaryDirectory() as folder:
        put = upload.put(client, name, files.items(Path(folder)), project=project)
    if put.refused:
        raise CliError("; ".join(f"{path}: {reason}" for path, reason in put.refused.items()))
