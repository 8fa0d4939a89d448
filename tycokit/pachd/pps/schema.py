"""pps's tables. Times are ns since the epoch; `datums` names a map of store.maps."""

from tycokit.pachd.store.database import Migration

MIGRATIONS = (
    Migration(
        "pps-1",
        """
        CREATE TABLE pipeline (
            id INTEGER PRIMARY KEY AUTOINCREMENT, project TEXT NOT NULL, name TEXT NOT NULL,
            version INTEGER NOT NULL, stopped INTEGER NOT NULL DEFAULT 0, created INTEGER NOT NULL,
            UNIQUE (project, name)
        );
        CREATE TABLE pipeline_version (
            pipeline INTEGER NOT NULL REFERENCES pipeline(id), version INTEGER NOT NULL,
            spec TEXT NOT NULL, spec_commit TEXT NOT NULL, created INTEGER NOT NULL,
            PRIMARY KEY (pipeline, version)
        ) WITHOUT ROWID;
        CREATE TABLE job (
            id INTEGER PRIMARY KEY AUTOINCREMENT, pipeline INTEGER NOT NULL REFERENCES pipeline(id),
            version INTEGER NOT NULL, set_id TEXT NOT NULL, branch TEXT NOT NULL,
            state INTEGER NOT NULL, reason TEXT NOT NULL DEFAULT '', created INTEGER NOT NULL,
            started INTEGER, finished INTEGER, restarts INTEGER NOT NULL DEFAULT 0,
            total INTEGER NOT NULL DEFAULT 0, processed INTEGER NOT NULL DEFAULT 0,
            skipped INTEGER NOT NULL DEFAULT 0, failed INTEGER NOT NULL DEFAULT 0,
            recovered INTEGER NOT NULL DEFAULT 0, datums BLOB, stats TEXT NOT NULL DEFAULT '{}',
            UNIQUE (pipeline, set_id)
        );
        CREATE INDEX job_set ON job (set_id);
        CREATE INDEX job_unfinished ON job (pipeline, id) WHERE finished IS NULL;
        CREATE TABLE datum_result (
            job INTEGER NOT NULL REFERENCES job(id), datum TEXT NOT NULL, record BLOB NOT NULL,
            PRIMARY KEY (job, datum)
        ) WITHOUT ROWID
        """,
    ),
    Migration(
        "pps-2",
        """
        CREATE TABLE secret (
            name TEXT PRIMARY KEY, type TEXT NOT NULL, created INTEGER NOT NULL
        ) WITHOUT ROWID
        """,
    ),
    Migration("pps-deleted-jobs", "ALTER TABLE job ADD COLUMN deleted INTEGER NOT NULL DEFAULT 0"),
    # the scheduler asks for each pipeline's newest job after every write
    Migration("pps-jobs-in-order", "CREATE INDEX job_in_order ON job (pipeline, id)"),
)
