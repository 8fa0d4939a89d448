"""Random sequences of pfs calls, through the real client, against the model of `pfs_model`."""

from __future__ import annotations

import contextlib
import copy
import functools
import itertools
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import grpc
import pytest
from hypothesis import HealthCheck, note, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    rule,
    run_state_machine_as_test,
)
from pachd_driver import AUTO, USER
from pfs_model import (
    NOT_FOUND,
    Address,
    Commit,
    Entry,
    Refused,
    Step,
    Unsure,
    World,
    at,
    clean,
    differing,
    entries,
    globbed,
    listed,
    paged,
    plain,
    walked,
)
from python_pachyderm import Client
from python_pachyderm.service import pfs_proto

REPOS = ("a", "b", "c")
BRANCHES = ("master", "dev")
PATHS = ("/a", "/a/x", "/a/y", "/a.txt", "/a-b", "/d/e/f", "/d/e", "/d/z", "/b")
GLOBS = (
    *("/", "/*", "*", "/**", "/*/*", "/a*", "/a/", "/a/*", "/?", "/[ab]", "/{a,d}/*", "/nope"),
    *("**/e", "/d/**", "/[!a]*", "/(a|b)", "/*.txt", "/a*/", "/a/x", "/*/{e,x}", "/{a,d}"),
)
NOBODYS_ID = "0" * 12 + "4" + "0" * 19
LATER = "f" * 12 + "4" + "f" * 19  # stands for the id that a change will get
_runs = itertools.count()

data = st.sampled_from([b"", b"1", b"22", b"DATA", b"x" * 40])
paths = st.builds(
    lambda path, shape: shape.format(path[1:]),
    st.sampled_from(PATHS),
    st.sampled_from(["/{}", "/{}", "/{}", "{}", "//{}"]),
)
folders = st.builds(lambda path: path + "/", st.sampled_from(["/a", "/d", "/d/e", ""]))


@dataclass(frozen=True)
class Change:
    """A change on both sides; `queues` = it may wait in a transaction."""

    text: str
    call: Callable[[Client], Any]
    apply: Callable[[World], object]
    queues: bool = True

    def __repr__(self) -> str:
        return self.text


def sure(condition: bool) -> None:
    """Leave a step where the contract does not say (`assume` would leave the whole run)."""
    if not condition:
        raise Unsure


def is_refused(refused: Refused, call: Callable[[], object]) -> None:
    with pytest.raises(grpc.RpcError) as raised:
        call()
    error: Any = raised.value
    assert refused.fits(error.code(), error.details()), (error.details(), refused.answers)


def skips(step: Callable[..., None]) -> Callable[..., None]:
    @functools.wraps(step)
    def tried(machine: PfsMachine, **drawn: Any) -> None:
        with contextlib.suppress(Unsure):
            step(machine, **drawn)

    return tried


class PfsMachine(RuleBasedStateMachine):
    client: Client  # of the server that all runs share

    @initialize()
    def start(self) -> None:
        self.project = f"model{next(_runs)}"
        self.client.create_project(self.project)
        self.world = World(self.project)
        self.ids: set[str] = set()
        self.checked: dict[str, Any] = {}
        for name in REPOS:
            self.make(self.create_repo(name))

    def teardown(self) -> None:
        if hasattr(self, "world"):
            try:
                self.compare(everything=True)
            finally:
                self.client.transaction_id = None
                for name in list(self.world.repos):
                    self.client.delete_repo(name, force=True, project_name=self.project)
                self.client.delete_all_transactions()

    # addresses

    def commit(self, address: Address) -> Any:
        branch = pfs_proto.Branch(
            name=address.branch,
            repo=pfs_proto.Repo(
                name=address.repo, type="user", project=pfs_proto.Project(name=self.project)
            ),
        )
        return pfs_proto.Commit(branch=branch, id=address.id)

    def branch(self, key: tuple[str, str]) -> Any:
        return self.commit(Address(*key)).branch

    def draw_repo(self, draw: Any, world: World) -> str:
        return str(draw(st.sampled_from([*world.repos, *world.repos, *world.repos, "missing"])))

    def draw_address(self, draw: Any, world: World, fits: Callable[[Commit], bool]) -> Address:
        """Mostly of a commit that fits, by any way to name it."""
        commits = list(world.all_commits())
        fitting = [each for each in commits if fits(each)] or commits
        if fitting and draw(st.integers(0, 9)) < 9:
            commit = draw(st.sampled_from(fitting))
            names = [
                name
                for name, branch in world.repos[commit.repo].branches.items()
                if branch.head is commit
            ]
            ways = [Address(commit.repo, id=commit.id), Address(commit.repo, "any", commit.id)]
            ways += [Address(commit.repo, name) for name in names] * 2
            for child in world.children(commit):
                ways += [Address(commit.repo, id=child.id + way) for way in ("^", "^1", "~")]
                for name, branch in world.repos[commit.repo].branches.items():
                    if branch.head is child:
                        ways.append(Address(commit.repo, id=name + "^"))
            return draw(st.sampled_from(ways))  # type: ignore[no-any-return]
        ids = [*dict.fromkeys(commit.id for commit in commits), NOBODYS_ID]
        repo = self.draw_repo(draw, world)
        base = draw(st.sampled_from([*BRANCHES, *BRANCHES, "missing", *ids[-5:]]))
        suffix = draw(st.sampled_from(["", "^", "^^", "~2", "^2~", ".1", ".2", ".3", "^.1"]))
        if suffix or len(base) == 32:
            return Address(repo, draw(st.sampled_from(["", "", "", "dev"])), base + suffix)
        return Address(repo, base)

    # changes

    def create_repo(self, name: str, description: str = "", update: bool = False) -> Change:
        return Change(
            f"create_repo({name!r}, {description!r}, {update})",
            lambda client: client.create_repo(name, description, update, self.project),
            lambda world: world.create_repo(name, description, update),
        )

    def draw_change(self, draw: Any, world: World) -> Change:
        """One that may wait in a transaction."""
        commits = list(world.all_commits())
        open_ = sum(not commit.closed for commit in commits)
        kinds: list[Callable[[Any, World], Change]] = [
            *[self._start] * 6,
            *[self._finish] * (1 + 5 * min(open_, 2)),
            *[self._create_branch] * 5,
            *[self._squash] * min(len(commits), 3),
            self._delete_branch,
            self._create_repo,
            self._delete_repo,
        ]
        return draw(st.sampled_from(kinds))(draw, world)  # type: ignore[no-any-return]

    def _create_repo(self, draw: Any, world: World) -> Change:
        name = draw(st.sampled_from(REPOS))
        return self.create_repo(name, draw(st.sampled_from(["", "words"])), draw(st.booleans()))

    def _delete_repo(self, draw: Any, world: World) -> Change:
        name, force = self.draw_repo(draw, world), draw(st.booleans())
        return Change(
            f"delete_repo({name!r}, force={force})",
            lambda client: client.delete_repo(name, force, self.project),
            lambda world: world.delete_repo(name, force),
        )

    def _start(self, draw: Any, world: World) -> Change:
        repo, branch = self.draw_repo(draw, world), draw(st.sampled_from(BRANCHES))
        ready = [
            (repo_name, name)
            for repo_name, value in world.repos.items()
            for name in BRANCHES
            for there in [value.branches.get(name)]
            if there is None or (there.head and there.head.closed and not there.provenance)
        ]
        if ready and draw(st.integers(0, 9)) < 8:
            repo, branch = draw(st.sampled_from(ready))
        parent = ""
        if draw(st.integers(0, 2)) == 2:
            address = self.draw_address(draw, world, lambda c: c.closed and c.repo == repo)
            parent = address.id or address.branch
        words = draw(st.sampled_from(["", "why"]))
        return Change(
            f"start_commit({repo!r}, {branch!r}, {parent!r}, {words!r})",
            lambda client: client.start_commit(repo, branch, parent or None, words, self.project),
            lambda world: world.start_commit(repo, branch, parent, words),
        )

    def _finish(self, draw: Any, world: World) -> Change:
        address = self.draw_address(draw, world, lambda commit: not commit.closed)
        words = draw(st.sampled_from(["", "", "done"]))
        error = draw(st.sampled_from(["", "", "", "it (broke)"]))
        return Change(
            f"finish_commit({address}, {words!r}, {error!r})",
            lambda client: client.finish_commit(self.commit(address), words, error),
            lambda world: world.finish_commit(address, words, error),
        )

    def _create_branch(self, draw: Any, world: World) -> Change:
        repo, name = self.draw_repo(draw, world), draw(st.sampled_from(BRANCHES))
        head = None
        if draw(st.booleans()):
            head = self.draw_address(draw, world, lambda commit: commit.repo == repo)
            head = replace(head, repo=repo)  # what a head in another repo does, nobody says
        keys = st.tuples(
            st.sampled_from(REPOS[:-1] if draw(st.booleans()) else REPOS), st.sampled_from(BRANCHES)
        )
        above = draw(st.lists(keys, max_size=2, unique=True)) if draw(st.booleans()) else []
        return Change(
            f"create_branch({repo!r}, {name!r}, {head}, {above})",
            lambda client: client.create_branch(
                repo,
                name,
                self.commit(head) if head else None,
                [self.branch(key) for key in above],
                project_name=self.project,
            ),
            lambda world: world.create_branch(repo, name, head, above),
        )

    def _delete_branch(self, draw: Any, world: World) -> Change:
        repo = draw(st.sampled_from([*world.repos] or ["a"]))
        name, force = draw(st.sampled_from(BRANCHES)), draw(st.booleans())
        return Change(
            f"delete_branch({repo!r}, {name!r}, force={force})",
            lambda client: client.delete_branch(repo, name, force, self.project),
            lambda world: world.delete_branch(repo, name, force),
        )

    def _draw_set(self, draw: Any, world: World) -> str:
        ids = list(dict.fromkeys(c.id for c in world.all_commits()))
        return str(draw(st.sampled_from(ids * 3 + [NOBODYS_ID])))

    def _squash(self, draw: Any, world: World) -> Change:
        set_id = self._draw_set(draw, world)
        return Change(
            f"squash_commit({set_id!r})",
            lambda client: client.squash_commit(set_id),
            lambda world: world.squash(set_id),
        )

    def _drop(self, draw: Any, world: World) -> Change:
        set_id = self._draw_set(draw, world)
        return Change(
            f"drop_commit({set_id!r})",
            lambda client: client.drop_commit(set_id),
            lambda world: world.drop(set_id),
            queues=False,
        )

    def _modify(self, draw: Any, world: World) -> Change:
        some_open = any(not commit.closed for commit in world.all_commits())
        if draw(st.integers(0, 5)) < (4 if some_open else 1):
            address = self.draw_address(draw, world, lambda commit: not commit.closed)
        else:
            address = Address(self.draw_repo(draw, world), draw(st.sampled_from(BRANCHES)))
        steps = draw(
            st.lists(
                st.sampled_from(["put", "put", "put", "delete", "copy"]), min_size=1, max_size=5
            )
        )
        return self.send_change(address, [self._step(draw, world, kind) for kind in steps])

    def send_change(self, address: Address, steps: Sequence[Step]) -> Change:
        return Change(
            f"modify({address}, {steps})",
            lambda client: self.send(client, address, steps),
            lambda world: world.modify(address, steps),
            queues=False,
        )

    def _step(self, draw: Any, world: World, kind: str) -> Step:
        tag = draw(st.sampled_from(["default"] * 15 + ["other"]))
        append = draw(st.booleans())
        if kind == "put":
            bad = draw(st.sampled_from([""] * 20 + ["/a*", "/a/../b", "/é", "/", "./a", "/(a"]))
            return Step(kind, bad or draw(paths), draw(data), append, tag)
        if kind == "delete":
            return Step(kind, draw(paths | folders), tag=tag)
        source = self.draw_address(draw, world, lambda commit: bool(commit.content))
        with contextlib.suppress(Refused):
            sure(plain(world.files(world.resolve(source))) is not None)
        to, from_ = draw(paths), draw(paths | folders)
        return Step(kind, to, append=append, tag=tag, source=source, source_path=from_)

    def send(self, client: Client, address: Address, steps: Sequence[Step]) -> None:
        with client.modify_file_client(self.commit(address)) as modify:
            for step in steps:
                if step.kind == "put":
                    modify.put_file_from_bytes(step.path, step.data, step.tag, step.append)
                elif step.kind == "delete":
                    modify.delete_file(step.path, step.tag)
                else:
                    assert step.source is not None
                    source = self.commit(step.source)
                    modify.copy_file(source, step.source_path, step.path, step.tag, step.append)

    # making them

    def expect(self, set_id: str, changes: Sequence[Change]) -> World | Refused:
        trial = copy.deepcopy(self.world)
        try:
            trial.run(set_id, [change.apply for change in changes])
        except Refused as refused:
            return refused
        return trial

    def attempt(self, change: Change, expected: World | Refused) -> Any:
        """Call; fails when the server does not answer as the model does."""
        note(repr(change))
        try:
            answer = change.call(self.client)
        except grpc.RpcError as error:
            code, text = error.code(), error.details()
            assert isinstance(expected, Refused), f"{change} was refused: {code} {text}"
            assert expected.fits(code, text), f"{change}: {code} {text}, not {expected.answers}"
            return None
        assert not isinstance(expected, Refused), f"{change} was accepted, not {expected.answers}"
        return answer

    def new_id(self) -> str:
        """The one commit set id that was not there before; LATER when there is none."""
        sets = {info.commit_set.id for info in self.client.list_commit(project_name=self.project)}
        (*new,) = sets - self.ids
        self.ids |= sets
        assert len(new) <= 1
        return new[0] if new else LATER

    def make(self, change: Change) -> None:
        expected = self.expect(LATER, [change])
        answer = self.attempt(change, expected)
        if isinstance(expected, World):
            new = self.new_id()
            world = self.expect(new, [change])
            assert isinstance(world, World)
            self.world = world
            if change.text.startswith("start"):
                assert (answer.id, answer.branch.repo.name) == (new, answer.repo.name)
        self.compare()

    @rule(draw=st.data())
    @skips
    def change(self, draw: Any) -> None:
        kinds = [self.draw_change] * 9 + [self._drop]
        self.make(draw.draw(st.sampled_from(kinds))(draw.draw, self.world))

    @rule(draw=st.data())
    @skips
    def modify(self, draw: Any) -> None:
        self.make(self._modify(draw.draw, self.world))

    @rule(draw=st.data())
    @skips
    def look(self, draw: Any) -> None:
        looks = [
            *(self.list_and_walk, self.glob, self.look_at_a_path, self.diff),
            *(self.list_commits, self.inspect_commit),
        ]
        draw.draw(st.sampled_from(looks))(draw.draw)

    @rule(draw=st.data(), finish=st.booleans())
    @skips
    def transaction(self, draw: Any, finish: bool) -> None:
        draw = draw.draw
        opened = self.client.start_transaction()
        queue: list[Change] = []
        for _ in range(draw(st.integers(1, 4))):
            with contextlib.suppress(Unsure):
                self.queue(draw, opened, queue)
            if draw(st.integers(0, 4)) == 4:  # somebody else changes something meanwhile
                with contextlib.suppress(Unsure):
                    self.make(self.draw_change(draw, self.world))
        self.compare()
        expected: World | Refused = Refused()
        if finish:
            with contextlib.suppress(Unsure):
                expected = self.expect(opened.id, queue)
                finishing = Change("finish", lambda c: c.finish_transaction(opened), lambda _: None)
                self.attempt(finishing, expected)
        if isinstance(expected, World):
            self.world = expected
            self.ids.add(opened.id)
        else:
            self.client.delete_transaction(opened)
        assert len(self.client.list_transaction()) == 0
        self.compare()

    def queue(self, draw: Any, opened: Any, queue: list[Change]) -> None:
        """Let a change wait; it may build on what those before it will have made."""
        preview = self.expect(opened.id, queue)
        sure(isinstance(preview, World))  # else a change meanwhile has made it impossible
        assert isinstance(preview, World)
        change = self.draw_change(draw, preview)
        expected = self.expect(opened.id, [*queue, change])
        self.client.transaction_id = opened.id
        answer = self.attempt(change, expected)
        self.client.transaction_id = None
        if isinstance(expected, World):
            queue.append(change)
            assert not change.text.startswith("start") or answer.id == opened.id
        assert len(self.client.inspect_transaction(opened).requests) == len(queue)

    # looking

    def draw_readable(self, draw: Any) -> tuple[Any, Address, dict[str, Entry], Commit]:
        """A commit as the client names it, and what it shows."""
        address = self.draw_address(draw, self.world, lambda commit: bool(commit.content))
        try:
            commit = self.world.resolve(address)
            files = plain(self.world.files(commit))
        except Refused as refused:
            path = draw(paths)
            for read in (self.client.list_file, self.client.walk_file, self.client.glob_file):
                is_refused(refused, lambda read=read: list(read(self.commit(address), path)))
            raise Unsure from refused
        sure(files is not None)
        assert files is not None
        return self.commit(address), address, entries(files), commit

    def list_and_walk(self, draw: Any) -> None:
        reverse = draw(st.booleans())
        number = draw(st.integers(0, 4))
        where, _, shown, commit = self.draw_readable(draw)
        path = draw(paths | folders)
        marker = draw(st.sampled_from(["", "", *shown, "/a/n", "/c", "/d/e/"]))
        for read, wanted in (
            (self.client.list_file, listed(shown, path)),
            (self.client.walk_file, walked(shown, path)),
        ):
            call = f"{read.__name__}({path!r}, {marker!r}, {number}, {reverse})"
            found = read(
                where,
                path,
                pagination_marker=pfs_proto.File(path=marker) if marker else None,
                number=number,
                reverse=reverse,
            )
            missing = read == self.client.walk_file and not at(shown, path) and clean(path) != "/"
            if missing or (reverse and number == 0):
                with pytest.raises(grpc.RpcError) as raised:
                    list(found)
                said = [f"commit/{commit.id} does not contain item: ({path})"] * missing
                said += ["number must be > 0 when reverse is true"] * (reverse and number == 0)
                error: Any = raised.value
                assert error.details() in said, call
                continue
            self.same_entries(list(found), paged(wanted, marker, number, reverse), call)

    def glob(self, draw: Any) -> None:
        pattern = draw(st.sampled_from(GLOBS))
        where, _, shown, _ = self.draw_readable(draw)
        wanted = globbed(shown, pattern)
        self.same_entries(list(self.client.glob_file(where, pattern)), wanted, pattern)
        bounds = sorted(draw(st.tuples(*[st.sampled_from(["/a", "/a/", "/b", "/d/e"])] * 2)))
        found = self.client.glob_file(
            where, pattern, pfs_proto.PathRange(lower=bounds[0], upper=bounds[1])
        )
        within = [entry for entry in wanted if bounds[0] <= entry.path < bounds[1]]
        self.same_entries(list(found), within, f"{pattern} in {bounds}")

    def look_at_a_path(self, draw: Any) -> None:
        """inspect, path_exists, get with an offset, tar."""
        where, address, shown, commit = self.draw_readable(draw)
        path = draw(paths | folders)
        found = at(shown, path)
        assert self.client.path_exists(where, path) == bool(found)
        if not found:
            gone = (
                f"file {path} not found in repo {self.world.printed(address.repo)}"
                f" at commit {commit.id}"
            )
            for read in (self.client.inspect_file, self.client.get_file):
                with pytest.raises((grpc.RpcError, ConnectionError)) as raised:
                    read(where, path)
                error: Any = raised.value.__cause__ or raised.value
                assert (error.code(), error.details()) == (grpc.StatusCode.NOT_FOUND, gone)
            return
        self.same_entries([self.client.inspect_file(where, path)], found[:1], path)
        files = plain(self.world.files(commit))
        assert files is not None
        with self.client.get_file_tar(where, path) as tar:
            members = {
                "/" + member.name.strip("/") + "/" * member.isdir(): (
                    reader.read() if reader else None
                )
                for member in tar
                for reader in [tar.extractfile(member)]
            }
        if len(found) == 1:
            wanted = {entry.path for entry in walked(shown, path)}
            assert members == {p if p != "/" else "//": files.get(p) for p in wanted}
        if len(found) == 1 and found[0].path in files:
            offset = draw(st.integers(0, 5))
            read_back = self.client.get_file(where, path, offset=offset).read()
            assert read_back == files[found[0].path][offset:]
        else:
            with pytest.raises(ConnectionError) as raised:
                self.client.get_file(where, path)
            error = raised.value.__cause__
            assert error.details().endswith("Use GetFileTAR instead")

    def diff(self, draw: Any) -> None:
        shallow = draw(st.booleans())
        given = draw(st.booleans())
        where, _, new, commit = self.draw_readable(draw)
        new_path = draw(paths | folders)
        old_where, old_path, old = None, new_path, {}
        if given:
            old_where, _, old, _ = self.draw_readable(draw)
            old_path = draw(st.just(new_path) | paths | folders)
        elif commit.parent is not None:
            try:
                files = plain(self.world.files(commit.parent))
            except Refused:
                return
            sure(files is not None)
            old = entries(files or {})
        look = listed if shallow else walked
        wanted = differing(look(new, new_path), look(old, old_path))
        found = self.client.diff_file(
            where, new_path, old_where, old_path if given else None, shallow
        )
        assert [(each.new_file.file.path, each.old_file.file.path) for each in found] == wanted

    def list_commits(self, draw: Any) -> None:
        reverse = draw(st.booleans())
        all_ = draw(st.booleans())
        number = draw(st.integers(0, 3))
        repo = self.draw_repo(draw, self.world)
        origin = draw(st.sampled_from([USER, AUTO]))
        to: Address | None = None
        from_: Address | None = None
        if draw(st.booleans()):
            to = self.draw_address(draw, self.world, lambda c: c.repo == repo)
            to = replace(to, repo=repo)
        if draw(st.integers(0, 2)) == 0:
            from_ = self.draw_address(draw, self.world, lambda c: c.repo == repo)
            from_ = replace(from_, repo=repo)
        found = self.client.list_commit(
            repo,
            self.commit(to) if to else None,
            self.commit(from_) if from_ else None,
            number,
            reverse,
            all_,
            origin,
            project_name=self.project,
        )
        try:
            line = [*self.world.need(repo).commits.values()]
            if to or from_:
                if reverse or not to:
                    raise Refused((grpc.StatusCode.UNKNOWN, ".+"), (NOT_FOUND, ".+"))
                end = self.world.resolve(from_) if from_ else None
                line, at_ = [], self.world.resolve(to)
                while at_ is not None and at_ is not end:
                    line.insert(0, at_)
                    at_ = at_.parent
        except Refused as refused:
            is_refused(refused, lambda: list(found))
            return
        kept = [commit for commit in line if all_ or commit.origin == origin]
        wanted = (kept if reverse else kept[::-1])[: number or None]
        assert [info.commit.id for info in found] == [commit.id for commit in wanted]

    def inspect_commit(self, draw: Any) -> None:
        address = self.draw_address(draw, self.world, lambda _: True)
        try:
            commit = self.world.resolve(address)
        except Refused as refused:
            is_refused(refused, lambda: list(self.client.inspect_commit(self.commit(address))))
            return
        (info,) = self.client.inspect_commit(self.commit(address))
        self.compare_commit(info, commit)

    # comparing

    def compare(self, everything: bool = False) -> None:
        self.compare_sets()
        self.compare_repos()
        for name in self.world.repos:
            self.compare_branches(name)
            found = list(self.client.list_commit(name, all=True, project_name=self.project))
            wanted = [*self.world.repos[name].commits.values()][::-1]
            assert [info.commit.id for info in found] == [commit.id for commit in wanted]
        for commit in self.world.all_commits():
            self.compare_files(commit, everything)

    def compare_sets(self) -> None:
        found = list(self.client.list_commit(project_name=self.project))
        newest = {c.id: c.number for c in sorted(self.world.all_commits(), key=lambda c: c.number)}
        wanted = sorted(newest, key=lambda id_: -newest[id_])
        assert [info.commit_set.id for info in found] == wanted
        for info in found:
            members = self.world.commit_set(info.commit_set.id)
            places = [(each.commit.repo.name, each.commit.id) for each in info.commits]
            assert set(places) == {(c.repo, c.id) for c in members}
            assert len(places) == len(members)
            own = [id_ == info.commit_set.id for _, id_ in places]
            assert own == sorted(own)
            for commit in members:
                place = places.index((commit.repo, commit.id))
                for up in commit.provenance:
                    assert places.index((up.repo, up.id)) < place
                self.compare_commit(info.commits[place], commit)

    def compare_commit(self, info: Any, commit: Commit) -> None:
        assert (info.commit.branch.repo.name, info.commit.id) == (commit.repo, commit.id)
        assert info.commit.branch.name == commit.branch
        assert (info.origin.kind, info.description) == (commit.origin, commit.description)
        assert info.parent_commit.id == (commit.parent.id if commit.parent else "")
        children = {child.id for child in self.world.children(commit)}
        assert {each.id for each in info.child_commits} == children
        above = {(up.repo, up.id) for up in commit.provenance}
        assert {(each.repo.name, each.id) for each in info.direct_provenance} == above
        assert bool(info.finishing.seconds) == commit.closed
        assert bool(info.finished.seconds) == commit.finished
        assert re.fullmatch(commit.error, info.error)
        if commit.finished and not commit.error:
            assert info.details.size_bytes == self.world.size(commit)

    def compare_repos(self) -> None:
        project = pfs_proto.Project(name=self.project)
        found = list(self.client.list_repo(projects_filter=[project]))
        wanted = [*self.world.repos.items()][::-1]
        assert [info.repo.name for info in found] == [name for name, _ in wanted]
        for info, (_, repo) in zip(found, wanted, strict=True):
            assert info.description == repo.description
            assert {branch.name for branch in info.branches} == set(repo.branches)

    def compare_branches(self, name: str) -> None:
        found = list(self.client.list_branch(name, project_name=self.project))
        repo = self.world.repos[name]
        assert [info.branch.name for info in found] == [*repo.branches][::-1]
        for info in found:
            key = (name, info.branch.name)
            branch = repo.branches[info.branch.name]
            assert branch.head is not None
            assert info.head.id == branch.head.id

            def keys(branches: Any) -> list[tuple[str, str]]:
                return [(each.repo.name, each.name) for each in branches]

            assert keys(info.direct_provenance) == branch.provenance
            assert set(keys(info.provenance)) == self.world.upstream(key)
            assert set(keys(info.subvenance)) == self.world.downstream(key)

    def compare_files(self, commit: Commit, everything: bool) -> None:
        """All entries; of a commit that shows what it showed when last looked at, at the end."""
        where = self.commit(Address(commit.repo, id=commit.id))
        key = f"{commit.repo}@{commit.id}"
        try:
            files = plain(self.world.files(commit))
        except Refused as refused:
            is_refused(refused, lambda: list(self.client.walk_file(where, "/")))
            return
        except Unsure:  # a look would wait for its end
            return
        if files is None or (not everything and self.checked.get(key) == (files, commit.parent)):
            return
        self.checked[key] = files, commit.parent
        found = list(self.client.walk_file(where, "/"))
        self.same_entries(found, [*entries(files).values()])
        for info in found:
            assert info.file.commit.id == commit.id
            assert bool(info.committed.seconds) == commit.finished

    def same_entries(self, found: list[Any], wanted: list[Entry], call: str = "walk") -> None:
        assert [info.file.path for info in found] == [entry.path for entry in wanted], call
        for info, entry in zip(found, wanted, strict=True):
            assert info.file_type == (2 if entry.path.endswith("/") else 1)
            assert (info.size_bytes, info.hash) == (entry.size, entry.hash), f"{call}: {entry}"


class OpenLineMachine(PfsMachine):
    """Begins with commits one above the other, all open: what each holds shows as they end."""

    @initialize()
    def start(self) -> None:
        super().start()
        branch = Change(
            "create_branch('b', 'master', None, [('a', 'master')])",
            lambda client: client.create_branch(
                "b", "master", None, [self.branch(("a", "master"))], project_name=self.project
            ),
            lambda world: world.create_branch("b", "master", None, [("a", "master")]),
        )
        self.make(branch)
        for _ in range(2):
            self.make(self.send_change(Address("a", "master"), [Step("put", "/a", b"1")]))

    def draw_change(self, draw: Any, world: World) -> Change:
        kinds = [*[self._finish] * 6, *[self._squash] * 2, self._start, super().draw_change]
        return draw(st.sampled_from(kinds))(draw, world)  # type: ignore[no-any-return]

    def draw_address(self, draw: Any, world: World, fits: Callable[[Commit], bool]) -> Address:
        if draw(st.integers(0, 3)):
            waiting = [each for each in world.all_commits() if each.repo == "b" and fits(each)]
            if waiting:
                return Address("b", id=draw(st.sampled_from(waiting)).id)
        return super().draw_address(draw, world, fits)


@pytest.mark.parametrize("machine", [PfsMachine, OpenLineMachine])
def test_pfs_is_as_its_model(client: Client, machine: type[PfsMachine]) -> None:
    machine.client = client
    runs = max(5, settings().max_examples // 8)
    run_state_machine_as_test(  # type: ignore[no-untyped-call]
        machine,
        settings=settings(
            max_examples=runs,
            stateful_step_count=25,
            deadline=None,
            derandomize=runs < 100,  # the everyday run says the same each time
            suppress_health_check=list(HealthCheck),
        ),
    )
