"""What every write sets in motion costs the same however much there has been before."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tycokit.pachd.pfs.values import DEFAULT_PROJECT
from tycokit.pachd.pps import inspection, specjson
from tycokit.pachd.pps.spec import PfsInput, PipelineSpec, Transform
from tycokit.pachd.server import _MIGRATIONS
from tycokit.pachd.store.database import Database

SPEC = specjson.to_json(
    PipelineSpec(name="p", transform=Transform(cmd=("true",)), input=PfsInput(repo="r", glob="/*"))
)


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    opened = Database(tmp_path / "x.sqlite", _MIGRATIONS)
    with opened.write() as connection:
        connection.execute("INSERT INTO pipeline VALUES (1, ?, 'p', 1, 0, 0)", (DEFAULT_PROJECT,))
        connection.execute("INSERT INTO pipeline_version VALUES (1, 1, ?, 'x', 0)", (SPEC,))
    yield opened
    opened.close()


def add_jobs(database: Database, start: int, end: int) -> None:
    with database.write() as connection:
        connection.executemany(
            "INSERT INTO job (pipeline, version, set_id, branch, state, created, finished)"
            " VALUES (1, 1, ?, 'master', 5, ?, 1)",
            ((f"{number:032x}", number) for number in range(start, end)),
        )


def steps(database: Database) -> int:
    """Tens of instructions that SQLite needs for the scheduler's look at the pipelines."""
    counted = 0

    def count() -> int:
        nonlocal counted
        counted += 1
        return 0

    with database.read() as connection:
        connection.set_progress_handler(count, 10)
        inspection.list_pipelines(connection)
        connection.set_progress_handler(None, 0)
    return counted


def test_a_look_at_the_pipelines_does_not_read_all_their_jobs(database: Database) -> None:
    add_jobs(database, 0, 50)
    before = steps(database)
    add_jobs(database, 50, 5000)
    assert 0 < steps(database) <= before + 2
