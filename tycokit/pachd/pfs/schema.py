"""pfs's tables. Times are ns since the epoch.

A commit's `root` names a map of store.maps; NULL while the parent it will grow from is unfinished:
then `pending_write` holds what was written to it. With `finishing` and without `finished` it has
been closed and waits for that parent.
"""

from tycokit.pachd.store.database import Migration

MIGRATIONS = (
    Migration(
        "pfs-1",
        """
        CREATE TABLE project (
            id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, description TEXT NOT NULL,
            created INTEGER NOT NULL
        );
        CREATE TABLE repo (
            id INTEGER PRIMARY KEY, project TEXT NOT NULL REFERENCES project(name),
            name TEXT NOT NULL, type TEXT NOT NULL, description TEXT NOT NULL,
            created INTEGER NOT NULL, UNIQUE (project, name, type)
        );
        CREATE TABLE pfs_commit (
            id INTEGER PRIMARY KEY AUTOINCREMENT, set_id TEXT NOT NULL,
            repo INTEGER NOT NULL REFERENCES repo(id), branch TEXT NOT NULL,
            origin INTEGER NOT NULL, description TEXT NOT NULL,
            parent INTEGER REFERENCES pfs_commit(id),
            started INTEGER NOT NULL, finishing INTEGER, finished INTEGER,
            error TEXT NOT NULL DEFAULT '', root BLOB, size INTEGER NOT NULL DEFAULT 0,
            UNIQUE (set_id, repo)
        );
        CREATE INDEX commit_of_repo ON pfs_commit (repo, id);
        CREATE INDEX commit_child ON pfs_commit (parent);
        CREATE TABLE commit_provenance (
            commit_id INTEGER NOT NULL REFERENCES pfs_commit(id),
            upstream INTEGER NOT NULL REFERENCES pfs_commit(id),
            PRIMARY KEY (commit_id, upstream)
        ) WITHOUT ROWID;
        CREATE INDEX commit_subvenance ON commit_provenance (upstream);
        CREATE TABLE branch (
            id INTEGER PRIMARY KEY AUTOINCREMENT, repo INTEGER NOT NULL REFERENCES repo(id),
            name TEXT NOT NULL, head INTEGER REFERENCES pfs_commit(id),
            UNIQUE (repo, name)
        );
        CREATE INDEX branch_head ON branch (head);
        CREATE TABLE branch_provenance (
            branch INTEGER NOT NULL REFERENCES branch(id), position INTEGER NOT NULL,
            upstream INTEGER NOT NULL REFERENCES branch(id),
            PRIMARY KEY (branch, upstream)
        ) WITHOUT ROWID;
        CREATE INDEX branch_subvenance ON branch_provenance (upstream)
        """,
    ),
    Migration(
        "pfs-transactions",
        """
        CREATE TABLE open_transaction (
            id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL UNIQUE,
            started INTEGER NOT NULL
        );
        CREATE TABLE queued_request (
            parent INTEGER NOT NULL REFERENCES open_transaction(id), position INTEGER NOT NULL,
            kind TEXT NOT NULL, request BLOB NOT NULL, response BLOB NOT NULL,
            PRIMARY KEY (parent, position)
        ) WITHOUT ROWID
        """,
    ),
    Migration("pfs-triggers", "ALTER TABLE branch ADD COLUMN trigger TEXT"),
    Migration(
        "pfs-pending",
        """
        CREATE TABLE pending_write (
            id INTEGER PRIMARY KEY,
            commit_id INTEGER NOT NULL REFERENCES pfs_commit(id) ON DELETE CASCADE,
            kind TEXT NOT NULL, path TEXT NOT NULL, tag TEXT NOT NULL, size INTEGER NOT NULL,
            chunks BLOB
        );
        CREATE INDEX pending_of_commit ON pending_write (commit_id, id)
        """,
    ),
)
