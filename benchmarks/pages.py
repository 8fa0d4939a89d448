"""One page of 100 files among 100,000, and one commit among 10,000, against a tenth of each."""

from __future__ import annotations

import random
from typing import Any

from python_pachyderm import Client
from python_pachyderm.service import pfs_proto

from benchmarks.measure import Times, compare, ended, machine, say, timed
from benchmarks.serving import numbered, pachd, put


def main() -> None:
    machine()
    with pachd() as client:
        few, many = page(client, 10_000), page(client, 100_000)
        results = [compare("that among 10,000", many, few, 2)]
        few, many = commit(client, 1_000), commit(client, 10_000)
        results.append(compare("that among 1,000", many, few, 2))
    ended(results)


def page(client: Client, count: int) -> Times:
    repo = f"files_{count}"
    client.create_repo(repo)
    say(f"putting {count} files")
    put(client, repo, numbered(count))
    chance = random.Random(count)

    def one_page() -> None:
        marker = pfs_proto.File(path=f"/f{chance.randrange(count - 100):06d}")
        found: list[Any] = list(
            client.list_file((repo, "master"), "/", pagination_marker=marker, number=100)
        )
        assert len(found) == 100

    return timed(f"a page of 100 files among {count}", one_page, 40, 5)


def commit(client: Client, count: int) -> Times:
    repo = f"commits_{count}"
    client.create_repo(repo)
    say(f"making {count} commits")
    ids = []
    for _ in range(count):
        made = client.start_commit(repo, "master")
        client.finish_commit(made)
        ids.append(made.id)
    chance = random.Random(count)

    def inspect() -> None:
        # by a dict: the client takes a plain id for that of a commit set
        wanted = {"repo": pfs_proto.Repo(name=repo), "id": chance.choice(ids)}
        (info,) = client.inspect_commit(pfs_proto.Commit(**wanted))
        assert info.commit.id == wanted["id"]

    return timed(f"inspect one commit among {count}", inspect, 100, 5)


if __name__ == "__main__":
    main()
