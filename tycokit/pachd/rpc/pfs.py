"""pfs_v2.API."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import Any

import grpc
from google.protobuf.empty_pb2 import Empty
from google.protobuf.wrappers_pb2 import BytesValue
from python_pachyderm.proto.v2.pfs import pfs_pb2, pfs_pb2_grpc

from tycokit.errors import NotAllowed, NotFound, NotServed
from tycokit.pachd.pfs import branches, commits, history, repos, rows
from tycokit.pachd.pfs.address import resolve
from tycokit.pachd.pfs.ending import once_ended, reached
from tycokit.pachd.pfs.files import Snapshot
from tycokit.pachd.pfs.modify import Modification
from tycokit.pachd.pfs.transaction import Pfs
from tycokit.pachd.pfs.values import Commit, CommitAddress, CommitInfo, CommitState, FileInfo
from tycokit.pachd.rpc import filechanges, wire
from tycokit.pachd.rpc import values as to
from tycokit.pachd.rpc.changes import change

Request = Any
Context = Any
Check = Callable[[Callable[[], bool]], Iterator[str]]
"""Gives a sentence for each fault; what it takes is asked whether to stop."""
WrittenBy = Callable[[Commit, str], "list[str] | None"]
"""The paths that a datum wrote into a commit, None where that is not known."""


class PfsServicer(pfs_pb2_grpc.APIServicer):
    """What is not here answers UNIMPLEMENTED through the generated base class."""

    def __init__(
        self, pfs: Pfs, check: Check, written_by: WrittenBy, delete_all: Callable[[], None]
    ) -> None:
        self._pfs = pfs
        self._check = check
        self._written_by = written_by
        self._delete_all = delete_all

    # projects and repos

    def CreateProject(self, request: Request, context: Context) -> Any:
        with self._pfs.transaction() as transaction:
            repos.create_project(
                transaction, request.project.name, request.description, request.update
            )
        return Empty()

    def InspectProject(self, request: Request, context: Context) -> Any:
        with self._pfs.database.read() as connection:
            info = repos.inspect_project(connection, to.project_name(request.project))
        return to.project_info_message(info)

    def ListProject(self, request: Request, context: Context) -> Iterator[Any]:
        with self._pfs.database.read() as connection:
            found = repos.list_projects(connection)
        yield from map(to.project_info_message, found)

    def DeleteProject(self, request: Request, context: Context) -> Any:
        with self._pfs.transaction() as transaction:
            repos.delete_project(transaction, to.project_name(request.project))
        return Empty()

    def CreateRepo(self, request: Request, context: Context) -> Any:
        return change(self._pfs, "create_repo", request, context)

    def InspectRepo(self, request: Request, context: Context) -> Any:
        with self._pfs.database.read() as connection:
            info = repos.inspect_repo(connection, to.repo_from(request.repo))
        return to.repo_info_message(info, details=True)

    def ListRepo(self, request: Request, context: Context) -> Iterator[Any]:
        projects = {project.name for project in request.projects if project.name} or None
        with self._pfs.database.read() as connection:
            found = repos.list_repos(connection, request.type, projects)
        for info in found:
            yield to.repo_info_message(info, details=False)

    def DeleteRepo(self, request: Request, context: Context) -> Any:
        return change(self._pfs, "delete_repo", request, context)

    def DeleteRepos(self, request: Request, context: Context) -> Any:
        projects = None if request.all else {to.project_name(each) for each in request.projects}
        with self._pfs.transaction() as transaction:
            gone = [
                info.repo
                for info in repos.list_repos(transaction.connection, "user", projects)
                if not repos.is_pipelines(transaction.connection, info.repo)
            ]
            for repo in gone:
                repos.delete_repo(transaction, repo, request.force)
        return pfs_pb2.DeleteReposResponse(repos=map(to.repo_message, gone))

    def DeleteAll(self, request: Request, context: Context) -> Any:
        self._delete_all()
        return Empty()

    # branches

    def CreateBranch(self, request: Request, context: Context) -> Any:
        return change(self._pfs, "create_branch", request, context)

    def InspectBranch(self, request: Request, context: Context) -> Any:
        with self._pfs.database.read() as connection:
            info = branches.inspect_branch(connection, to.branch_from(request.branch))
        return to.branch_info_message(info)

    def ListBranch(self, request: Request, context: Context) -> Iterator[Any]:
        repo = to.repo_from(request.repo) if request.repo.name else None
        with self._pfs.database.read() as connection:
            found = branches.list_branches(connection, repo, request.reverse)
        yield from map(to.branch_info_message, found)

    def DeleteBranch(self, request: Request, context: Context) -> Any:
        return change(self._pfs, "delete_branch", request, context)

    # commits

    def StartCommit(self, request: Request, context: Context) -> Any:
        return change(self._pfs, "start_commit", request, context)

    def FinishCommit(self, request: Request, context: Context) -> Any:
        return change(self._pfs, "finish_commit", request, context)

    def InspectCommit(self, request: Request, context: Context) -> Any:
        return to.commit_info_message(
            self._wait(to.address_from(request.commit), CommitState(request.wait or 1), context)
        )

    def _wait(self, address: CommitAddress, state: CommitState, context: Context) -> CommitInfo:
        """A commit once it is as far as `state`; its address is resolved once, at the start."""
        with self._pfs.database.read() as connection:
            commit = rows.commit_value(resolve(connection, address))
        fixed = CommitAddress(commit.repo, id=commit.id)

        def look(connection: rows.Connection) -> CommitInfo | None:
            row = resolve(connection, fixed)
            return rows.commit_info(connection, row) if reached(connection, row, state) else None

        found = self._pfs.database.wait_until(look, lambda: not context.is_active())
        if found is None:
            raise NotAllowed(f"stopped waiting for commit {commit}")
        return found

    def ListCommit(self, request: Request, context: Context) -> Iterator[Any]:
        start = request.to if request.HasField("to") else None
        stop = getattr(request, "from") if request.HasField("from") else None
        kind = request.origin_kind

        def keep(row: rows.Row) -> bool:
            return request.all or not kind or row["origin"] == kind

        with self._pfs.database.read() as connection:
            found = commits.list_commits(
                connection,
                to.repo_from(request.repo),
                keep=keep,
                number=request.number,
                reverse=request.reverse,
                start=to.address_from(start) if start and to.names_commit(start) else None,
                stop=to.address_from(stop) if stop and to.names_commit(stop) else None,
            )
        yield from map(to.commit_info_message, found)

    def SubscribeCommit(self, request: Request, context: Context) -> Iterator[Any]:
        repo = to.repo_from(request.repo)
        start = getattr(request, "from") if request.HasField("from") else None
        with self._pfs.database.read() as connection:
            rows.need_repo(connection, repo)
            named = start is not None and to.names_commit(start)
            last = resolve(connection, to.address_from(start))["id"] if named else 0
        kind = 0 if request.all else request.origin_kind

        def look(connection: rows.Connection) -> rows.Row | None:
            nonlocal last
            row = commits.next_commit(connection, repo, last, request.branch, kind)
            # what is not asked for is looked at once, not after each write again
            last = row["id"] if row is not None else commits.newest_row(connection, repo)
            return row

        while True:
            row = self._pfs.database.wait_until(look, lambda: not context.is_active())
            if row is None:
                return
            commit = rows.commit_value(row)
            address = CommitAddress(commit.repo, id=commit.id)
            with contextlib.suppress(NotFound):  # it was deleted while we waited
                yield to.commit_info_message(
                    self._wait(address, CommitState(request.state or 1), context)
                )

    def ClearCommit(self, request: Request, context: Context) -> Any:
        with self._pfs.transaction() as transaction:
            history.clear(transaction, to.address_from(request.commit))
        return Empty()

    def SquashCommitSet(self, request: Request, context: Context) -> Any:
        return change(self._pfs, "squash_commit_set", request, context)

    def DropCommitSet(self, request: Request, context: Context) -> Any:
        with self._pfs.transaction() as transaction:
            history.drop(transaction, request.commit_set.id)
        return Empty()

    def FindCommits(self, request: Request, context: Context) -> Iterator[Any]:
        with self._pfs.database.read() as connection:
            found = history.find_commits(
                connection,
                self._pfs.trees,
                to.address_from(request.start),
                request.file_path,
                request.limit,
            )
        for commit in found.commits:
            yield pfs_pb2.FindCommitsResponse(found_commit=to.commit_message(commit))
        yield pfs_pb2.FindCommitsResponse(
            last_searched_commit=to.commit_message(found.last), commits_searched=found.searched
        )

    def InspectCommitSet(self, request: Request, context: Context) -> Iterator[Any]:
        with self._pfs.database.read() as connection:
            infos = commits.commit_set(connection, request.commit_set.id)
        if not request.wait:
            yield from map(to.commit_info_message, infos)
            return
        yield from (to.commit_info_message(info) for info in infos if info.finished)
        for info in infos:
            if not info.finished:
                address = CommitAddress(info.commit.repo, id=info.commit.id)
                yield to.commit_info_message(self._wait(address, CommitState.FINISHED, context))

    def ListCommitSet(self, request: Request, context: Context) -> Iterator[Any]:
        project = request.project.name or None
        with self._pfs.database.read() as connection:
            ids = commits.list_commit_sets(connection, project)
        for set_id in ids:
            with self._pfs.database.read() as connection:
                infos = commits.commit_set(connection, set_id)
            yield pfs_pb2.CommitSetInfo(
                commit_set=pfs_pb2.CommitSet(id=set_id),
                commits=map(to.commit_info_message, infos),
            )

    # files

    def ModifyFile(self, requests: Iterable[Request], context: Context) -> Any:
        modification = Modification(self._pfs)
        try:
            address: CommitAddress | None = None
            for request in requests:
                named = filechanges.set_commit(request)
                if named is not None:
                    address = named
                elif address is None:
                    raise NotAllowed("first message must be a commit")
                else:
                    filechanges.change(modification, request, context.is_active)
            if address is None:
                raise NotAllowed("first message must be a commit")
            # a connection that breaks ends the stream too, and only a moment later the call: by the
            # time that everything else is done this has been noticed
            modification.apply(address, context.is_active)
        except BaseException:
            modification.drop()
            raise
        return Empty()

    def GetFile(self, request: Request, context: Context) -> Iterator[Any]:
        if request.URL:
            raise NotServed("get_file with a URL is not served by the local pachd")
        pieces = self._snapshot(request.file.commit, context).read(
            request.file.path, request.offset
        )
        sent = False
        for piece in pieces:
            sent = True
            yield BytesValue(value=piece)
        if not sent:
            yield BytesValue()  # the client cannot read a stream without a message

    def GetFileTAR(self, request: Request, context: Context) -> Iterator[Any]:
        if request.URL:
            raise NotServed("get_file_tar with a URL is not served by the local pachd")
        bounds = request.path_range
        snapshot = self._snapshot(request.file.commit, context)
        for piece in snapshot.tar(request.file.path, bounds.lower, bounds.upper):
            yield BytesValue(value=piece)

    def InspectFile(self, request: Request, context: Context) -> Any:
        return to.file_info_message(
            self._snapshot(request.file.commit, context).inspect(request.file.path)
        )

    def ListFile(self, request: Request, context: Context) -> Iterator[bytes]:
        found = self._snapshot(request.file.commit, context).list_dir(
            request.file.path, request.paginationMarker.path, request.number, request.reverse
        )
        yield from wire.file_infos(found)

    def WalkFile(self, request: Request, context: Context) -> Iterator[bytes]:
        if request.file.datum:
            yield from wire.file_infos(self._of_datum(request, context))
            return
        found = self._snapshot(request.file.commit, context).walk(
            request.file.path, request.paginationMarker.path, request.number, request.reverse
        )
        yield from wire.file_infos(found)

    def _of_datum(self, request: Request, context: Context) -> Iterator[FileInfo]:
        snapshot, datum = self._snapshot(request.file.commit, context), request.file.datum
        found: Iterator[FileInfo] | list[FileInfo] = snapshot.of_datum(
            datum, request.file.path, self._written_by(snapshot.commit, datum)
        )
        after = request.paginationMarker.path
        if request.reverse:
            if request.number <= 0:
                raise NotAllowed("number must be > 0 when reverse is true")
            found = list(found)[::-1]
        kept = (
            info
            for info in found
            if not after or (info.path < after if request.reverse else info.path > after)
        )
        return islice(kept, request.number or None)

    def GlobFile(self, request: Request, context: Context) -> Iterator[bytes]:
        snapshot = self._snapshot(request.commit, context)
        found = snapshot.glob(request.pattern, request.path_range.lower, request.path_range.upper)
        yield from wire.file_infos(found)

    def DiffFile(self, request: Request, context: Context) -> Iterator[Any]:
        new = self._snapshot(request.new_file.commit, context)
        if request.HasField("old_file") and to.names_commit(request.old_file.commit):
            old: Snapshot | None = self._snapshot(request.old_file.commit, context)
            old_path = request.old_file.path
        else:
            old, old_path = new.parent(), request.new_file.path
        for after, before in new.diff(request.new_file.path, old, old_path, request.shallow):
            yield pfs_pb2.DiffFileResponse(
                new_file=to.file_info_message(after) if after else None,
                old_file=to.file_info_message(before) if before else None,
            )

    def Fsck(self, request: Request, context: Context) -> Iterator[Any]:
        """What is wrong is told and never mended, asked to or not: the bytes are gone."""
        for fault in self._check(lambda: not context.is_active()):
            yield pfs_pb2.FsckResponse(error=fault)

    def _snapshot(self, commit: Request, context: Context) -> Snapshot:
        address = to.address_from(commit)
        return once_ended(
            self._pfs.database,
            address,
            lambda: Snapshot(self._pfs, address),
            lambda: not context.is_active(),
        )


def register(
    server: grpc.Server,
    pfs: Pfs,
    check: Check,
    written_by: WrittenBy,
    delete_all: Callable[[], None],
) -> None:
    """Add the service; handlers whose messages `wire` reads or writes come first, and are taken."""
    servicer = PfsServicer(pfs, check, written_by, delete_all)
    lists = {
        "ListFile": pfs_pb2.ListFileRequest,
        "WalkFile": pfs_pb2.WalkFileRequest,
        "GlobFile": pfs_pb2.GlobFileRequest,
    }
    handlers: dict[str, Any] = {
        name: grpc.unary_stream_rpc_method_handler(
            getattr(servicer, name), request_deserializer=request.FromString
        )
        for name, request in lists.items()
    }
    handlers["ModifyFile"] = grpc.stream_unary_rpc_method_handler(
        servicer.ModifyFile,
        request_deserializer=wire.modify_request,
        response_serializer=Empty.SerializeToString,
    )
    by_hand = grpc.method_handlers_generic_handler("pfs_v2.API", handlers)
    server.add_generic_rpc_handlers((by_hand,))
    pfs_pb2_grpc.add_APIServicer_to_server(servicer, server)
