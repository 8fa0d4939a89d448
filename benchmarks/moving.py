"""10,000 files of 10 kB from one pachd to another, into an archive, and out of it again.

Each against what does the same with a folder: `cp -r`, and tar. Nothing of them is there before.
"""

from __future__ import annotations

import itertools
import os
import shutil
import subprocess

from benchmarks.measure import alternated, compare, ended, machine, say
from benchmarks.serving import folder, pachd
from tycokit.moving import flow
from tycokit.moving.packing import ArchiveSink
from tycokit.moving.reading import PachdSource
from tycokit.moving.unpacking import ArchiveSource
from tycokit.moving.writing import PachdSink

FILES, SIZE = 10_000, 10_000


def main() -> None:
    machine()
    with folder() as work, pachd() as here, pachd() as there, pachd() as elsewhere:
        tree, copied = work / "pictures", work / "copied"
        tar, archive = work / "pictures.tar", work / "archive.tar"
        tree.mkdir()
        calls = itertools.count()

        def cp() -> None:
            subprocess.run(["cp", "-r", tree, copied], check=True)

        def pack() -> None:
            subprocess.run(["tar", "-cf", tar, "-C", work, tree.name], check=True)

        def copy() -> None:
            source = PachdSource(here, "here")
            flow.move(source.contents(), source, PachdSink(there, "there"))

        def export() -> None:
            source = PachdSource(here, "here")
            with ArchiveSink(archive) as sink:
                flow.move(source.contents(), source, sink)

        def import_() -> None:  # not where the same bytes were copied to: they would be there
            with ArchiveSource(archive) as source:
                flow.move(source.contents(), source, PachdSink(elsewhere, "elsewhere"))

        works = {
            "cp -r": cp,
            "tar -c": pack,
            f"copy {FILES} files": copy,
            f"export {FILES} files": export,
            f"import {FILES} files": import_,
        }

        def renew() -> None:
            """A repo of other bytes each turn, and nothing that is left to write."""
            if next(calls) % len(works):
                os.sync()
                return
            for client in (here, there, elsewhere):
                client.delete_all_repos()
            for at in range(FILES):
                (tree / f"cam_{at:06d}.jpg").write_bytes(os.urandom(SIZE))
            here.create_repo("pictures")
            with here.modify_file_client(("pictures", "master")) as change:
                change.put_file_from_url("/", tree.as_uri(), recursive=True)
            shutil.rmtree(copied, ignore_errors=True)
            archive.unlink(missing_ok=True)
            os.sync()

        by_cp, by_tar, moved, exported, imported = alternated(
            works, repetitions=3, prepare=renew
        ).values()
        for times in (moved, exported, imported):
            say(f"  {times.name}: {FILES / times.median:.0f} a second")
        ended(
            [
                compare("cp -r", moved, by_cp, 15),
                compare("tar -c", exported, by_tar, 20),
                compare("cp -r", imported, by_cp, 15),
            ]
        )


if __name__ == "__main__":
    main()
