"""One new file in a repo of 100,000 files, against one in a repo of 100."""

from __future__ import annotations

import itertools

from benchmarks.measure import compare, ended, machine, say, timed
from benchmarks.serving import numbered, pachd, put


def main() -> None:
    machine()
    numbers = itertools.count()
    with pachd() as client:
        times = {}
        for count in (100, 10_000, 100_000):
            repo = f"of_{count}"
            client.create_repo(repo)
            say(f"putting {count} files")
            put(client, repo, numbered(count))

            def one_more(repo: str = repo) -> None:
                client.put_file_bytes((repo, "master"), f"/new/{next(numbers)}", b"new")

            def beside(repo: str = repo) -> None:
                client.put_file_bytes((repo, "master"), f"/g{next(numbers):06d}", b"new")

            times[count] = timed(f"one new file beside {count}", beside, 40, 5)
            timed(f"one new file in a folder of its own, {count} in all", one_more, 40, 5)
    compare("that of 100", times[10_000], times[100], 2)
    ended([compare("that of 100", times[100_000], times[100], 2)])


if __name__ == "__main__":
    main()
