"""Chunks, maps and file trees against the plain dict that each of them stands for."""

from __future__ import annotations

import os
import random
import sqlite3
import subprocess
import sys
import textwrap
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tycokit.errors import ChunkDamaged, ChunkMissing, NewerData
from tycokit.globs import glob
from tycokit.pachd.pfs.filetree import Content, FileTree
from tycokit.pachd.store import maps, packs
from tycokit.pachd.store.database import Database, Migration

MIGRATIONS = [*packs.MIGRATIONS, *maps.MIGRATIONS]


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    """One for all examples: pages are content-addressed, so no example sees another's."""
    opened = Database(tmp_path_factory.mktemp("store") / "x.sqlite", MIGRATIONS)
    yield opened
    opened.close()


# maps

KEYS = 2000
RUN_OF_KEYS = st.tuples(
    st.integers(0, KEYS - 1), st.integers(1, 9), st.sampled_from([1, 3, 40, 300]), st.booleans()
)


def key(number: int) -> bytes:
    return str(number % KEYS).encode()


def edits_of(runs: list[tuple[int, int, int, bool]], salt: int) -> dict[bytes, bytes | None]:
    edits: dict[bytes, bytes | None] = {}
    for start, step, count, remove in runs:
        for at in range(count):
            edits[key(start + at * step)] = None if remove else b"%d-%d" % (salt, at)
    return edits


def changed(model: dict[bytes, bytes], edits: dict[bytes, bytes | None]) -> dict[bytes, bytes]:
    merged = {**model, **edits}
    return {name: value for name, value in merged.items() if value is not None}


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.lists(RUN_OF_KEYS, min_size=1, max_size=4), min_size=1, max_size=6),
    st.integers(0, KEYS),
)
def test_a_map_equals_a_dict_and_is_independent_of_its_history(
    database: Database, batches: list[list[tuple[int, int, int, bool]]], probe: int
) -> None:
    trees = maps.Maps()
    model: dict[bytes, bytes] = {}
    root = maps.EMPTY
    at = str(probe).encode()
    for salt, runs in enumerate(batches):
        edits = edits_of(runs, salt)
        with database.write() as connection:
            new = trees.apply(connection, root, sorted(edits.items()))
        before, model = model, changed(model, edits)
        entries = sorted(model.items())
        with database.read() as connection:
            assert list(trees.scan(connection, new)) == entries
            assert list(trees.scan_back(connection, new)) == entries[::-1]
            assert list(trees.scan(connection, new, at)) == [e for e in entries if e[0] >= at]
            back = [e for e in entries if e[0] < at][::-1]
            assert list(trees.scan_back(connection, new, at)) == back
            assert trees.get(connection, new, at) == model.get(at)
            # what a map was stays readable, and the difference is exactly the change
            assert list(trees.scan(connection, root)) == sorted(before.items())
            wanted = [
                (name, before.get(name), model.get(name))
                for name in sorted(before.keys() | model.keys())
                if before.get(name) != model.get(name)
            ]
            assert list(trees.diff(connection, root, new)) == wanted
        root = new
    with database.write() as connection:
        assert trees.apply(connection, maps.EMPTY, sorted(model.items())) == root
        assert (root == maps.EMPTY) == (not model)


def pages(connection: sqlite3.Connection, trees: maps.Maps, root: bytes) -> set[bytes]:
    found: set[bytes] = set()
    broken: list[bytes] = []
    for _ in trees.reach(connection, root, found, broken.append):
        pass
    assert broken == []
    return found


def test_a_small_change_to_a_large_map_writes_few_pages(database: Database) -> None:
    trees = maps.Maps()
    entries = [(b"%08d" % at, b"x" * 40) for at in range(40_000)]
    with database.write() as connection:
        root = trees.apply(connection, maps.EMPTY, entries)
    with database.write() as connection:
        new = trees.apply(connection, root, [(b"%08dz" % 12_345, b"new")])
    with database.read() as connection:
        old_pages = pages(connection, trees, root)
        new_pages = pages(connection, trees, new)
        assert len(old_pages) > 100
        assert len(new_pages - old_pages) <= 8
        assert trees.get(connection, new, b"%08dz" % 12_345) == b"new"
        assert sum(1 for _ in trees.scan(connection, new)) == 40_001
    with database.write() as connection:
        assert trees.apply(connection, new, [(b"%08dz" % 12_345, None)]) == root


# file trees

NAMES = st.sampled_from(["a", "b", "a.txt", "a-b", "c", "a b", "d1", "d2", "d10"])
PATHS = st.lists(NAMES, min_size=1, max_size=3).map(lambda names: "/" + "/".join(names))
CONTENTS = st.builds(Content, st.integers(0, 9), st.just((bytes(32),)))
TREE_EDITS = st.dictionaries(PATHS, st.none() | CONTENTS | CONTENTS, min_size=1, max_size=30)
GLOBS = ("/", "/*", "/**", "/*/*", "/a*", "/a/**", "/a/b", "/*.txt", "/{a,b}/*", "/d[0-9]")


def listing(model: dict[str, Content]) -> list[str]:
    """Every path in Pachyderm's order: directories with their slash, the root included."""
    found = set(model)
    for path in model:
        parts = path.split("/")
        found.update("/".join(parts[:depth]) + "/" for depth in range(1, len(parts)))
    return sorted(found)


@settings(max_examples=60, deadline=None)
@given(st.lists(TREE_EDITS, min_size=1, max_size=4), PATHS)
def test_a_file_tree_equals_a_dict_of_paths(
    database: Database, batches: list[dict[str, Content | None]], probe: str
) -> None:
    trees = FileTree(maps.Maps())
    model: dict[str, Content] = {}
    root = b""
    for batch in batches:
        with database.write() as connection:
            root = trees.apply(
                connection, root, {(path, "default"): new for path, new in batch.items()}
            )
        merged = {**model, **batch}
        model = {path: content for path, content in merged.items() if content is not None}
        paths = listing(model)
        with database.read() as connection:
            top = trees.root(connection, root)
            if not model:
                assert top is None
                assert root == b""
                continue
            assert top is not None
            assert top.size == sum(content.size for content in model.values())
            assert [node.path for node in trees.walk(connection, top)] == paths
            assert [node.path for node in trees.walk_back(connection, top)] == paths[::-1]
            after = [path for path in paths if path > probe]
            assert [node.path for node in trees.walk(connection, top, probe)] == after
            before = [path for path in paths if path < probe][::-1]
            assert [node.path for node in trees.walk_back(connection, top, probe)] == before
            children = [path for path in paths if path != "/" and "/" not in path[1:-1]]
            assert [node.path for node in trees.children(connection, top)] == children
            for pattern in map(glob.compile, GLOBS):
                wanted = [
                    path for path in paths if pattern.match(path.rstrip("/") or "/") is not None
                ]
                assert [node.path for node in trees.glob(connection, root, pattern)] == wanted
            for path, content in model.items():
                assert trees.file(connection, root, path, "default") == content
    with database.write() as connection:
        whole = {(path, "default"): content for path, content in model.items()}
        assert trees.apply(connection, b"", whole) == root


@settings(max_examples=60, deadline=None)
@given(st.dictionaries(PATHS, CONTENTS, max_size=20), st.dictionaries(PATHS, CONTENTS, max_size=20))
def test_the_difference_of_two_trees_names_every_changed_file(
    database: Database, old: dict[str, Content], new: dict[str, Content]
) -> None:
    trees = FileTree(maps.Maps())
    with database.write() as connection:
        old_root, new_root = (
            trees.apply(connection, b"", {(path, "default"): each for path, each in model.items()})
            for model in (old, new)
        )
    with database.read() as connection:
        found = trees.changed_files(connection, old_root, new_root)
    assert found == {path for path, content in new.items() if old.get(path) != content}


# packs


@pytest.fixture
def store(tmp_path: Path) -> Iterator[tuple[packs.Packs, Database]]:
    database = Database(tmp_path / "x.sqlite", MIGRATIONS)
    opened = packs.Packs(tmp_path / "packs", database)
    yield opened, database
    opened.close()
    database.close()


def keep(store: packs.Packs, database: Database, *chunks: bytes) -> list[bytes]:
    stage = store.stage()
    hashes = [stage.put(chunk) for chunk in chunks]
    stage.seal()
    with database.write() as connection:
        stage.record(connection)
    return hashes


def test_chunks_come_back_by_their_hash(store: tuple[packs.Packs, Database]) -> None:
    opened, database = store
    chunks = [b"", b"a", b"b" * 100_000, random.Random(1).randbytes(1 << 20)]
    hashes = keep(opened, database, *chunks)
    assert hashes == [packs.chunk_hash(chunk) for chunk in chunks]
    assert [opened.read(hash_) for hash_ in hashes] == chunks
    assert [opened.length(hash_) for hash_ in hashes] == [len(chunk) for chunk in chunks]
    assert opened.read(hashes[3], 1000, 50) == chunks[3][1000:1050]
    assert opened.read(hashes[3], (1 << 20) - 5) == chunks[3][-5:]
    with pytest.raises(ChunkMissing):
        opened.read(bytes(32))


def test_equal_chunks_are_kept_once(store: tuple[packs.Packs, Database], tmp_path: Path) -> None:
    opened, database = store
    keep(opened, database, b"same" * 1000, b"same" * 1000)
    keep(opened, database, b"same" * 1000)
    assert sum(file.stat().st_size for file in (tmp_path / "packs").iterdir()) == 4000


def test_more_packs_than_open_files_are_readable_from_threads(
    store: tuple[packs.Packs, Database],
) -> None:
    opened, database = store
    chunks = [b"%d" % at for at in range(150)]
    hashes = [keep(opened, database, chunk)[0] for chunk in chunks]
    wrong: list[bytes] = []

    def read(seed: int) -> None:
        order = list(zip(hashes, chunks, strict=True))
        random.Random(seed).shuffle(order)
        wrong.extend(chunk for hash_, chunk in order if opened.read(hash_) != chunk)

    threads = [threading.Thread(target=read, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_what_a_crash_left_unrecorded_is_swept_at_the_next_start(tmp_path: Path) -> None:
    database = Database(tmp_path / "x.sqlite", MIGRATIONS)
    opened = packs.Packs(tmp_path / "packs", database)
    (kept,) = keep(opened, database, b"kept")
    staged = opened.stage()
    staged.put(b"only staged")
    sealed = opened.stage()
    lost = sealed.put(b"sealed, but no row names it")
    sealed.seal()
    opened.close()

    again = packs.Packs(tmp_path / "packs", database)
    assert len(list((tmp_path / "packs").iterdir())) == 1
    assert again.read(kept) == b"kept"
    assert again.having([lost]) == set()
    staged.drop()
    again.close()
    database.close()


def test_damage_is_found_and_not_handed_on(
    store: tuple[packs.Packs, Database], tmp_path: Path
) -> None:
    opened, database = store
    (hash_,) = keep(opened, database, b"good bytes")
    (pack,) = (tmp_path / "packs").iterdir()
    pack.chmod(0o600)
    pack.write_bytes(b"evil bytes")
    with pytest.raises(ChunkDamaged, match=hash_.hex()):
        opened.read(hash_)
    os.truncate(pack, 3)
    with pytest.raises(ChunkDamaged, match=hash_.hex()):
        opened.read(hash_)


# database


def test_a_transaction_that_fails_leaves_nothing(database: Database) -> None:
    def fail(connection: sqlite3.Connection) -> None:
        connection.execute("INSERT INTO page VALUES (x'00', x'00')")
        raise RuntimeError("no")

    with pytest.raises(RuntimeError, match="no"), database.write() as connection:
        fail(connection)
    with database.read() as connection:
        assert connection.execute("SELECT 1 FROM page WHERE hash = x'00'").fetchone() is None


def test_a_reader_sees_one_state_while_others_write(database: Database) -> None:
    with database.read() as reader:
        before = reader.execute("SELECT count(*) FROM pack").fetchone()[0]
        with database.write() as writer:
            writer.execute("INSERT INTO pack (name, size) VALUES ('seen later', 1)")
        assert reader.execute("SELECT count(*) FROM pack").fetchone()[0] == before
    with database.read() as reader:
        assert reader.execute("SELECT count(*) FROM pack").fetchone()[0] == before + 1


def test_waiting_wakes_at_the_write_and_gives_up_when_told(database: Database) -> None:
    def look(connection: sqlite3.Connection) -> str | None:
        row = connection.execute("SELECT name FROM pack WHERE name = 'awaited'").fetchone()
        return row["name"] if row else None

    assert database.wait_until(look, lambda: True) is None
    found: list[str | None] = []
    waiting = threading.Thread(target=lambda: found.append(database.wait_until(look)))
    waiting.start()
    with database.write() as connection:
        connection.execute("INSERT INTO pack (name, size) VALUES ('awaited', 1)")
    waiting.join(timeout=5)
    assert found == ["awaited"]


def test_migrations_are_applied_once_and_those_of_a_newer_program_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.sqlite"
    first = Migration("one", "CREATE TABLE t (n INTEGER);\nINSERT INTO t VALUES (1)")
    second = Migration("two", "INSERT INTO t VALUES (2)")
    for steps in ([first], [first], [first, second], [first, second]):
        Database(path, steps).close()
    database = Database(path, [first, second])
    with database.read() as connection:
        assert [row["n"] for row in connection.execute("SELECT n FROM t")] == [1, 2]
    database.close()
    with pytest.raises(NewerData, match=r"newer tycokit \(unknown: two\)"):
        Database(path, [first])


def test_a_migration_that_fails_is_not_recorded(tmp_path: Path) -> None:
    path = tmp_path / "x.sqlite"
    broken = Migration("one", "CREATE TABLE t (n INTEGER);\nINSERT INTO nowhere VALUES (1)")
    with pytest.raises(sqlite3.OperationalError, match="nowhere"):
        Database(path, [broken])
    whole = Migration("one", "CREATE TABLE t (n INTEGER)")
    Database(path, [whole]).close()


def test_a_commit_that_fails_leaves_the_writer_fit_for_the_next_one(tmp_path: Path) -> None:
    schema = "CREATE TABLE a (n INTEGER PRIMARY KEY);\nCREATE TABLE b (n REFERENCES a (n))"
    database = Database(tmp_path / "x.sqlite", [Migration("one", schema)])

    def orphan() -> None:
        with database.write() as connection:
            connection.execute("PRAGMA defer_foreign_keys=ON")  # so that COMMIT itself refuses
            connection.execute("INSERT INTO b VALUES (1)")

    with pytest.raises(sqlite3.IntegrityError, match="FOREIGN KEY"):
        orphan()
    with database.write() as connection:
        connection.execute("INSERT INTO a VALUES (1)")
    with database.read() as connection:
        counts = [connection.execute(f"SELECT count(*) FROM {t}").fetchone()[0] for t in "ab"]
    assert counts == [1, 0]
    database.close()


def test_a_disk_that_is_full_is_what_a_write_says(tmp_path: Path) -> None:
    database = Database(tmp_path / "x.sqlite", [Migration("one", "CREATE TABLE t (d BLOB)")])
    program = f"""
        import resource, signal, sqlite3
        from pathlib import Path
        from tycokit.pachd.store.database import Database, Migration
        database = Database(Path({str(database.path)!r}), [Migration("one", "")])
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, resource.RLIM_INFINITY))
        try:
            with database.write() as connection:
                # more than SQLite keeps in memory, so that it has to write before COMMIT
                connection.execute("INSERT INTO t VALUES (zeroblob(50000000))")
        except sqlite3.OperationalError as error:
            print(error)
    """
    ran = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)], capture_output=True, text=True, check=True
    )
    assert ran.stdout == "disk I/O error\n"
    database.close()
