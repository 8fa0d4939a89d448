"""What commits, and those who read them, lead to."""

from __future__ import annotations

from tycokit.pachd.pfs import rows
from tycokit.pachd.pfs.transaction import Pfs
from tycokit.pachd.pfs.writes import pending_chunks
from tycokit.pachd.store.database import Migration
from tycokit.pachd.store.garbage import Live

MIGRATIONS = (
    Migration(
        "garbage-1",
        """
        CREATE TABLE garbage (lost INTEGER NOT NULL);
        INSERT INTO garbage VALUES (0);
        CREATE TRIGGER commit_gone AFTER DELETE ON pfs_commit
            BEGIN UPDATE garbage SET lost = lost + 100; END;
        CREATE TRIGGER commit_changed AFTER UPDATE OF root ON pfs_commit
            WHEN old.root IS NOT NULL AND old.root != x'' AND old.root IS NOT new.root
            BEGIN UPDATE garbage SET lost = lost + 1; END
        """,
    ),
)
"""`lost` grows with what probably leads to garbage: a commit that goes, and, much less, a tree that
an open commit has no longer."""
WORTHWHILE = 100
"""From so many `lost` on it is worth looking."""


def lost(connection: rows.Connection) -> int:
    """How much has probably become garbage since it was last removed."""
    return int(connection.execute("SELECT lost FROM garbage").fetchone()["lost"])


def trace(pfs: Pfs, connection: rows.Connection, live: Live) -> None:
    """Mark the files of every commit, and of every snapshot that somebody holds."""
    with pfs.packs.gate:
        held = [snapshot.root for snapshot in pfs.snapshots]
    named = connection.execute("SELECT DISTINCT root FROM pfs_commit WHERE root IS NOT NULL")
    for root in [*held, *(row["root"] for row in named.fetchall())]:
        pfs.trees.reach(connection, root, live)
    live.chunks.update(pending_chunks(connection))
