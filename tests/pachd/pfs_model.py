"""What pfs shall do, in memory and as simply as can be said.

A `World` holds the repos of one project. Changes are made through `run`, all with one commit set
id; what Pachyderm refuses raises `Refused`, with every text that may be meant.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b

import grpc

UNKNOWN, NOT_FOUND = grpc.StatusCode.UNKNOWN, grpc.StatusCode.NOT_FOUND
EXISTS = grpc.StatusCode.ALREADY_EXISTS
USER, AUTO = 1, 2  # pfs_v2.OriginKind
COMMIT_ID = re.compile(r"[0-9a-f]{12}4[0-9a-f]{19}")

Content = dict[tuple[str, str], bytes]
"""(path, datum tag) → bytes."""
BranchKey = tuple[str, str]  # repo, branch
Write = tuple[Sequence["Step"], list[Content]]  # one stream's steps, and what each copied


class Refused(Exception):
    """What the server shall answer: one of these codes with texts (regular expressions)."""

    def __init__(self, *answers: tuple[grpc.StatusCode, str]) -> None:
        super().__init__(*answers)
        self.answers = answers

    def fits(self, code: grpc.StatusCode, text: str) -> bool:
        return any(code == c and re.fullmatch(pattern, text) for c, pattern in self.answers)


class Unsure(Exception):
    """The contract does not say."""


def exactly(text: str, code: grpc.StatusCode = UNKNOWN) -> Refused:
    return Refused((code, re.escape(text)))


def every(*checks: Callable[[], object]) -> None:
    """Run all checks; what any of them refuses may be what is told."""
    answers: list[tuple[grpc.StatusCode, str]] = []
    for check in checks:
        try:
            check()
        except Refused as refused:
            answers += refused.answers
    if answers:
        raise Refused(*answers)


@dataclass(frozen=True, slots=True)
class Address:
    """A commit as a caller names it."""

    repo: str
    branch: str = ""
    id: str = ""

    def __repr__(self) -> str:
        return "/".join(filter(None, (self.repo, self.branch, self.id)))


@dataclass(slots=True, eq=False)
class Commit:
    repo: str
    id: str
    branch: str
    origin: int
    parent: Commit | None
    provenance: list[Commit]
    number: int
    description: str = ""
    content: Content | None = None  # None: what its base has, once that is known, and the writes
    writes: list[Write] = field(default_factory=list)
    closed: bool = False  # from then on nobody writes to it
    finished: bool = False  # closed, and its content stands
    error: str = ""  # a regular expression


@dataclass(slots=True, eq=False)
class Branch:
    head: Commit | None
    provenance: list[BranchKey] = field(default_factory=list)


@dataclass(slots=True, eq=False)
class Repo:
    description: str = ""
    branches: dict[str, Branch] = field(default_factory=dict)  # oldest first, as all here
    commits: dict[str, Commit] = field(default_factory=dict)


@dataclass(slots=True)
class World:
    project: str
    repos: dict[str, Repo] = field(default_factory=dict)
    made: int = 0  # commits, ever
    # of the running change:
    set_id: str = ""
    changed: set[BranchKey] = field(default_factory=set)
    owed: set[BranchKey] = field(default_factory=set)
    linked: list[BranchKey] = field(default_factory=list)

    def run(self, set_id: str, changes: Iterable[Callable[[World], object]]) -> None:
        """Make changes as one. Half of them may be made when it raises: run it on a copy."""
        self.set_id, self.changed, self.owed, self.linked = set_id, set(), set(), []
        changes = list(changes)
        for number, change in enumerate(changes, 1):
            try:
                change(self)
            except Refused as refused:
                refused.answers += tuple(
                    (code, rf"error running request {number} of {len(changes)}: (?:{pattern})")
                    for code, pattern in refused.answers
                )
                raise
        for key in self.linked:
            self._check_dag(key)
        self._propagate()

    # names

    def printed(self, repo: str) -> str:
        return f"{self.project}/{repo}"

    def printed_commit(self, commit: Commit) -> str:
        return f"{self.printed(commit.repo)}@{commit.id}"

    def need(self, repo: str) -> Repo:
        if repo not in self.repos:
            raise exactly(f"repo {self.printed(repo)} not found", NOT_FOUND)
        return self.repos[repo]

    def all_commits(self) -> Iterator[Commit]:
        for repo in self.repos.values():
            yield from repo.commits.values()

    def children(self, commit: Commit) -> list[Commit]:
        return [each for each in self.repos[commit.repo].commits.values() if each.parent is commit]

    def resolve(self, address: Address) -> Commit:
        base, suffix = re.fullmatch(r"([^\^~.]*)(.*)", address.id or address.branch).groups()  # type: ignore[union-attr]
        if "." in suffix and ("^" in suffix or "~" in suffix):
            raise Refused((UNKNOWN, ".+"), (NOT_FOUND, ".+ not found.*"))
        if COMMIT_ID.fullmatch(base):
            found = self._by_id(address.repo, base)
        else:
            if address.id and address.branch:
                branch = rf"{self.printed(address.repo)}@{address.branch}"
                raise Refused((UNKNOWN, rf"invalid commit ID given with a branch \({branch}\): .+"))
            branches = self.repos[address.repo].branches if address.repo in self.repos else {}
            if base not in branches:
                raise exactly(
                    f'branch "{base}" not found in repo {self.printed(address.repo)}', NOT_FOUND
                )
            head = branches[base].head
            if head is None:
                raise Unsure
            found = head
        line: list[Commit] = []
        step: Commit | None = found
        while step is not None:
            line.append(step)
            step = step.parent
        if suffix.startswith("."):
            back = len(line) - int(suffix[1:])
        else:
            back = sum(int(number or 1) for number in re.findall(r"[\^~](\d*)", suffix))
        if not 0 <= back < len(line):
            raise Refused((NOT_FOUND, "commit .+ not found"))
        return line[back]

    def _by_id(self, repo: str, set_id: str) -> Commit:
        """The repo's commit of a set, or the one that the set's commits depend on."""
        if repo in self.repos and set_id in self.repos[repo].commits:
            return self.repos[repo].commits[set_id]
        found = [each for each in self.commit_set(set_id) if each.repo == repo]
        if not found:
            missing = "" if repo in self.repos else "|repo .+ not found|branch .+ not found in .+"
            raise Refused((NOT_FOUND, "commit .+ not found" + missing))
        return max(found, key=lambda commit: commit.number)

    def commit_set(self, set_id: str) -> list[Commit]:
        """The set's own commits and, transitively, what they depend on."""
        reached = [each for each in self.all_commits() if each.id == set_id]
        for commit in reached:
            reached += [up for up in commit.provenance if up not in reached]
        return reached

    # the branches' graph

    def upstream(self, key: BranchKey) -> set[BranchKey]:
        found: set[BranchKey] = set()
        left = [key]
        while left:
            repo, name = left.pop()
            above = set(self.repos[repo].branches[name].provenance) - found
            found |= above
            left += above
        return found

    def downstream(self, key: BranchKey) -> set[BranchKey]:
        return {
            (repo, name)
            for repo, value in self.repos.items()
            for name in value.branches
            if key in self.upstream((repo, name))
        }

    def _check_dag(self, key: BranchKey) -> None:
        links = [
            ((repo, name), above)
            for repo, value in self.repos.items()
            for name, branch in value.branches.items()
            for above in branch.provenance
        ]
        connected, before = {key}, 0
        while before != len(connected):
            before = len(connected)
            for pair in links:
                if connected & set(pair):
                    connected |= set(pair)
        self._check_repos([repo for repo, _ in connected])
        # (a, b): b is reached from a; where that comes round there is a loop
        reach = set(links)
        while more := {(a, d) for a, b in reach for c, d in reach if b == c} - reach:
            reach |= more
        if any(a == b for a, b in reach):
            raise Refused((UNKNOWN, "branch .+ cannot be in its own provenance"))

    def _check_repos(self, repos: list[str]) -> None:
        doubled = {repo for repo in repos if repos.count(repo) > 1}
        if doubled:
            names = "|".join(re.escape(self.printed(repo)) for repo in doubled)
            raise Refused(
                (NOT_FOUND, "commit .+ not found"),
                (UNKNOWN, "branch .+ cannot be in its own provenance"),
                (
                    UNKNOWN,
                    (
                        f'multiple branches from the same repo, "({names})",'
                        " cannot participate in a DAG"
                    ),
                ),
            )

    def _propagate(self) -> None:
        for name, repo in self.repos.items():
            for branch_name, branch in repo.branches.items():
                if branch.head is None and not branch.provenance:
                    branch.head = self._empty_commit((name, branch_name))
        affected = {key for key in self.owed if self._is(key)}
        for key in self.changed:
            if self._is(key):
                affected |= self.downstream(key)
        for key in sorted(affected, key=lambda key: len(self.upstream(key))):
            branch = self.repos[key[0]].branches[key[1]]
            if not branch.provenance or (branch.head and branch.head.id == self.set_id):
                continue
            heads = [self.repos[repo].branches[name].head for repo, name in branch.provenance]
            provenance = [head for head in heads if head is not None]
            branch.head = self._add_commit(key, AUTO, branch.head, provenance)

    def _is(self, key: BranchKey) -> bool:
        return key[0] in self.repos and key[1] in self.repos[key[0]].branches

    # repos

    def create_repo(self, name: str, description: str, update: bool) -> None:
        if name in self.repos and not update:
            raise exactly(f"repo {self.printed(name)} already exists", EXISTS)
        self.repos.setdefault(name, Repo()).description = description

    def delete_repo(self, name: str, force: bool) -> None:
        if name not in self.repos:
            return
        below = {
            key for branch in self.repos[name].branches for key in self.downstream((name, branch))
        }
        if below and not force:
            raise Refused((UNKNOWN, ".* subvenance, deleting it would break those branches"))
        del self.repos[name]
        for repo in self.repos.values():
            for branch in repo.branches.values():
                branch.provenance = [key for key in branch.provenance if key[0] != name]
            for commit in repo.commits.values():
                commit.provenance = [up for up in commit.provenance if up.repo != name]

    # branches

    def create_branch(
        self, repo: str, name: str, head: Address | None, provenance: Sequence[BranchKey]
    ) -> None:

        def ensure(above: BranchKey) -> None:
            self.need(above[0])
            if not self._is(above):
                self.repos[above[0]].branches[above[1]] = Branch(self._empty_commit(above))

        every(
            lambda: self.need(repo),
            lambda: head is not None and self.resolve(head),
            lambda: self._check_repos([repo, *(above[0] for above in provenance)]),
            *(lambda above=above: ensure(above) for above in provenance),  # type: ignore[misc]
        )
        branches = self.repos[repo].branches
        target = self.resolve(head) if head is not None else None
        if name not in branches:
            first = target if target or provenance else self._empty_commit((repo, name))
            branches[name] = Branch(first)
        elif target is not None:
            branches[name].head = target
        before = set(branches[name].provenance)
        branches[name].provenance = list(provenance)
        self.linked.append((repo, name))
        self.changed.add((repo, name))
        if provenance and set(provenance) != before:
            self.owed.add((repo, name))

    def delete_branch(self, repo: str, name: str, force: bool) -> None:
        if name not in self.need(repo).branches:
            return
        below = self.downstream((repo, name))
        if below and not force:
            raise Refused(
                (
                    UNKNOWN,
                    (
                        rf"branch {re.escape(self.printed(repo))}@{name} has \[.+\] as subvenance,"
                        " deleting it would break those branches"
                    ),
                )
            )
        del self.repos[repo].branches[name]
        for value in self.repos.values():
            for branch in value.branches.values():
                branch.provenance = [key for key in branch.provenance if key != (repo, name)]

    # commits

    def _add_commit(
        self, key: BranchKey, origin: int, parent: Commit | None, provenance: list[Commit]
    ) -> Commit:
        repo = self.repos[key[0]]
        if self.set_id in repo.commits:
            raise Refused(
                (
                    UNKNOWN,
                    (
                        "inconsistent dependencies: cannot create commit from .+;"
                        rf" repo \({key[0]}\) already has a commit in this transaction"
                    ),
                )
            )
        self.made += 1
        commit = Commit(key[0], self.set_id, key[1], origin, parent, provenance, self.made)
        base = self.base(commit)
        commit.content = None if base is None else dict(base)
        repo.commits[self.set_id] = commit
        return commit

    def _empty_commit(self, key: BranchKey) -> Commit:
        commit = self._add_commit(key, AUTO, None, [])
        commit.closed = commit.finished = True
        return commit

    def base(self, commit: Commit) -> Content | None:
        """What it starts from; None while an ancestor on the way is open."""
        above = commit.parent
        while above is not None:
            if not above.finished:
                return None
            if not above.error:
                return self.files(above)
            above = above.parent
        return {}

    def files(self, commit: Commit) -> Content:
        if commit.content is not None:
            return commit.content
        base = self.base(commit)
        if base is None:
            if commit.closed and not commit.finished:
                raise Unsure  # it is waited for
            raise Refused((UNKNOWN, "base commit .+ for commit .+ unfinished"))
        content = dict(base)
        for write in commit.writes:
            apply_steps(content, write)
        return content

    def start_commit(self, repo: str, branch: str, parent: str, description: str) -> None:
        known = self.need(repo).branches.get(branch)

        def check_branch() -> None:
            if known is not None and known.provenance:
                raise exactly(
                    f"cannot start a commit on an output branch: {self.printed(repo)}@{branch}"
                )

        above: Commit | None = None

        def check_parent() -> None:
            nonlocal above
            above = self.resolve(Address(repo, id=parent)) if parent else known and known.head
            if above is not None and not above.closed:
                raise exactly(f"parent commit {self.printed_commit(above)} has not been finished")

        every(check_branch, check_parent)
        commit = self._add_commit((repo, branch), USER, above, [])
        commit.description = description
        self.repos[repo].branches.setdefault(branch, Branch(None)).head = commit
        self.changed.add((repo, branch))

    def finish_commit(self, address: Address, description: str, error: str) -> None:
        commit = self.resolve(address)
        if commit.closed:
            raise exactly(f"commit {self.printed_commit(commit)} has already finished")
        if description:
            commit.description = description
        self._close(commit, re.escape(error))

    def _close(self, commit: Commit, error: str = "") -> None:
        commit.closed = True
        if not error:
            if commit.content is None and self.base(commit) is None:
                return
            commit.content = dict(self.files(commit))
            error = collision(commit.content)
        commit.finished, commit.error = True, error
        self._settle_below(commit)

    def _settle_below(self, commit: Commit) -> None:
        for child in self.children(commit):
            if child.content is not None or self.base(child) is None:
                continue
            child.content = dict(self.files(child))
            if child.finished:
                self._settle_below(child)
            elif child.closed:
                self._close(child)

    def _own(self, set_id: str) -> list[Commit]:
        own = [each for each in self.all_commits() if each.id == set_id]
        if not own:
            raise Refused((NOT_FOUND, f"no commits found for commitset ID.*{set_id}"))
        return own

    def _check_subvenance(self, set_id: str) -> None:
        for commit in self.all_commits():
            if commit.id != set_id and any(up.id == set_id for up in commit.provenance):
                raise Refused(
                    (
                        UNKNOWN,
                        (
                            f'commit set "{set_id}" cannot be dropped because it has subvenant'
                            r" commit sets: \[.+\]"
                        ),
                    )
                )

    def squash(self, set_id: str) -> None:
        own = self._own(set_id)

        def check(commit: Commit) -> None:
            children = self.children(commit)
            if not children:
                raise exactly(
                    "cannot squash a commit that has no children as that would cause data loss,"
                    f" use the drop operation instead: {self.printed_commit(commit)}"
                )
            open_ = [child for child in children if not child.finished]
            if open_:
                raise Refused(
                    *(
                        answer
                        for child in open_
                        for answer in exactly(
                            "cannot squash until child commit"
                            f" {self.printed_commit(child)} is finished"
                            + ", consider using WaitCommit"
                            * child.closed
                        ).answers
                    )
                )

        every(
            lambda: self._check_subvenance(set_id),
            *(lambda commit=commit: check(commit) for commit in own),  # type: ignore[misc]
        )
        if any(not commit.finished for commit in own):
            raise Unsure
        for commit in own:
            for child in self.children(commit):
                child.content = dict(self.files(child))
                child.parent = commit.parent
        self._remove(own)

    def drop(self, set_id: str) -> None:
        own = self._own(set_id)

        def check(commit: Commit) -> None:
            if self.children(commit):
                raise exactly(
                    f"cannot drop a commit that has children: {self.printed_commit(commit)}"
                )

        every(
            lambda: self._check_subvenance(set_id),
            *(lambda commit=commit: check(commit) for commit in own),  # type: ignore[misc]
        )
        self._remove(own)

    def _remove(self, own: list[Commit]) -> None:
        for commit in own:
            repo = self.repos[commit.repo]
            empty: Commit | None = None
            for branch in repo.branches.values():
                if branch.head is not commit:
                    continue
                if commit.parent is None:
                    empty = empty or self._empty_commit((commit.repo, commit.branch))
                branch.head = commit.parent or empty
            del repo.commits[commit.id]
        for each in self.all_commits():
            each.provenance = [up for up in each.provenance if up not in own]

    # files

    def modify(self, address: Address, steps: Sequence[Step]) -> None:
        target: Commit | None = None

        def find_target() -> None:
            nonlocal target
            if address.id:
                target = self.resolve(address)
                if target.closed:
                    raise exactly(f"commit {self.printed_commit(target)} has already finished")
            elif address.repo in self.repos:
                branch = self.repos[address.repo].branches.get(address.branch)
                if branch is not None and branch.head is not None and not branch.head.closed:
                    target = branch.head

        def check_repo() -> None:
            if address.repo not in self.repos:
                raise Refused((NOT_FOUND, "(repo|branch|commit) .+ not found.*"))

        every(
            check_repo,
            find_target,
            *(lambda step=step: step.kind == "put" and check_path(step.path) for step in steps),  # type: ignore[misc]
            *(
                lambda step=step: step.source and self.files(self.resolve(step.source))  # type: ignore[misc]
                for step in steps
            ),
        )
        copied = [
            dict(self.files(self.resolve(step.source))) if step.source else {} for step in steps
        ]
        one_off = target is None
        if target is None:
            self.start_commit(address.repo, address.branch, "", "")
            target = self.repos[address.repo].commits[self.set_id]
        if target.content is None and self.base(target) is None:
            target.writes.append((steps, copied))
        else:
            target.content = dict(self.files(target))
            apply_steps(target.content, (steps, copied))
        if one_off:
            self._close(target)

    def size(self, commit: Commit) -> int:
        return sum(map(len, self.files(commit).values()))


@dataclass(frozen=True, slots=True)
class Step:
    """One call on a ModifyFileClient."""

    kind: str  # put, delete, copy
    path: str
    data: bytes = b""
    append: bool = False
    tag: str = "default"
    source: Address | None = None
    source_path: str = ""

    def __repr__(self) -> str:
        given = f"{self.source}, {self.source_path!r}, " if self.source else ""
        data = f", {self.data[:8]!r}" if self.kind == "put" else ""
        tag = "" if self.tag == "default" else ", " + self.tag
        return f"{self.kind}({given}{self.path!r}{data}{', append' * self.append}{tag})"


def apply_steps(content: Content, write: Write) -> None:
    steps, copied = write
    for number, step in enumerate(steps):
        upcoming = steps[number + 1] if number + 1 < len(steps) else None
        apply_step(content, step, copied[number], upcoming)


def apply_step(content: Content, step: Step, copied: Content, upcoming: Step | None) -> None:
    path = clean(step.path)
    key = (path, step.tag)
    if step.kind == "put":
        before = content.get(key, b"") if step.append else b""
        content[key] = before + step.data
    elif step.kind == "delete":
        below = path.rstrip("/") + "/"
        for other in [k for k in content if k[1] == step.tag]:
            # a delete of a path right before bytes are added there is how a client overwrites
            overwrites = (
                upcoming is not None
                and (upcoming.kind, upcoming.append) == ("put", True)
                and (clean(upcoming.path), upcoming.tag) == key
                and not step.path.endswith("/")
            )
            is_file = other == key and not step.path.endswith("/")
            if is_file or (other[0].startswith(below) and not overwrites):
                del content[other]
    else:
        top = clean(step.source_path)
        files = {name: data for (name, _), data in copied.items()}
        for name, data in files.items():
            if name == top or name.startswith(top.rstrip("/") + "/"):
                to = (path.rstrip("/") + name[len(top.rstrip("/")) :], step.tag)
                content[to] = (content.get(to, b"") if step.append else b"") + data


def check_path(path: str) -> None:
    said = ""
    if not re.fullmatch("[ -~]+", path):
        said = "only printable ASCII characters allowed"
    elif globbing := re.search(r"[*?[\]{}!()@+^]", path):
        said = f"globbing character ({globbing[0]}) not allowed in path"
    elif {".", ".."} & set(path.split("/")):
        said = "relative file paths are not allowed"
    elif clean(path) == "/":
        said = "the root is a directory"
    if said:
        raise exactly(f"path ({path}) invalid: {said}")


def clean(path: str) -> str:
    return "/" + "/".join(name for name in path.split("/") if name not in ("", "."))


def collision(content: Content) -> str:
    """What validation says (a regular expression) of paths that cannot stay, or ""."""
    paths = [path for path, _ in content]
    said = set()
    for path in paths:
        name = re.escape(path)
        if paths.count(path) > 1:
            said.add(rf"duplicate path output by different datums \({name} from .+ and {name} .+\)")
        if any(other.startswith(path + "/") for other in paths):
            said.add(rf"file / directory path collision \({name}\)")
    return "|".join(sorted(said))


# what reading shows


@dataclass(frozen=True, slots=True)
class Entry:
    """A file, or a directory (its path ends in a slash)."""

    path: str
    size: int
    hash: bytes
    parent: str


def digest(data: bytes) -> bytes:
    return blake2b(data, digest_size=32).digest()


def entries(files: dict[str, bytes]) -> dict[str, Entry]:
    """Everything that a walk shows, in order."""
    found: dict[str, Entry] = {}

    def add(directory: str, parent: str) -> Entry:
        below = [path for path in files if path.startswith(directory)]
        names = {path[len(directory) :].partition("/")[0:2] for path in below}
        children = []
        for child in sorted(directory + name + slash for name, slash in names):
            if child.endswith("/"):
                children.append(add(child, directory))
            else:
                data = files[child]
                # a file below 1,000,000 bytes is one chunk, an empty one is none
                chunks = digest(data) if data else b""
                children.append(Entry(child, len(data), digest(chunks), directory))
                found[child] = children[-1]
        size = sum(child.size for child in children)
        entry = Entry(directory, size, digest(b"".join(c.hash for c in children)), parent)
        found[directory] = entry
        return entry

    if files:
        add("/", "")
    return dict(sorted(found.items()))


def at(shown: dict[str, Entry], path: str) -> list[Entry]:
    """The file and the directory at a path."""
    cleaned = clean(path)
    names = [cleaned] if cleaned == "/" else [cleaned, cleaned + "/"]
    return [shown[name] for name in names if name in shown]


def listed(shown: dict[str, Entry], path: str) -> list[Entry]:
    found: list[Entry] = []
    for top in at(shown, path):
        is_dir = top.path.endswith("/")
        found += [e for e in shown.values() if e.parent == top.path] if is_dir else [top]
    return found


def walked(shown: dict[str, Entry], path: str) -> list[Entry]:
    found: list[Entry] = []
    for top in at(shown, path):
        is_dir = top.path.endswith("/")
        found += [e for p, e in shown.items() if p.startswith(top.path)] if is_dir else [top]
    return found


def paged(found: list[Entry], marker: str, number: int, reverse: bool) -> list[Entry]:
    if reverse:
        found = [entry for entry in reversed(found) if not marker or entry.path < marker]
    else:
        found = [entry for entry in found if entry.path > marker]
    return found[: number or None]


def matches(pattern: str, path: str) -> tuple[str | None, ...] | None:
    """The captures of a reported path under a glob made of * ** ? [] {} (|); else None."""
    cleaned = clean(pattern)
    if cleaned == "/":
        return () if path == "/" else None
    tokens = re.findall(r"\*\*|\[!?[^]]*\]|.", cleaned)
    depth = 0
    out = ""
    for token in tokens:
        if token == "**":
            out += ".*"
        elif token == "*":
            out += "[^/]*"
        elif token == "?":
            out += "[^/]"
        elif token == "{":
            depth += 1
            out += "(?:"
        elif token == "}":
            depth -= 1
            out += ")"
        elif token == "," and depth:
            out += "|"
        elif token in "(|)":
            out += token
        elif token.startswith("["):
            out += token.replace("[!", "[^")
        else:
            out += re.escape(token)
    found = re.fullmatch(out, path.rstrip("/")) if path != "/" else None
    return found.groups() if found else None


def globbed(shown: dict[str, Entry], pattern: str) -> list[Entry]:
    return [entry for path, entry in shown.items() if matches(pattern, path) is not None]


def differing(new: list[Entry], old: list[Entry]) -> list[tuple[str, str]]:
    """(new path, old path) of what differs; "" where a side has nothing."""
    after, before = ({entry.path: entry for entry in side} for side in (new, old))
    return [
        (path if path in after else "", path if path in before else "")
        for path in sorted(after.keys() | before.keys())
        if path not in after or path not in before or after[path].hash != before[path].hash
    ]


def plain(content: Content) -> dict[str, bytes] | None:
    """Path → bytes; None where two tags share a path."""
    files = {path: data for (path, _), data in content.items()}
    return files if len(files) == len(content) else None
