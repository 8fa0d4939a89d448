"""10,000 files of 20 KB in one ModifyFile, against `cp -r`; and one more, against `dvc add`.

The client can name their folder, or send their bytes. Beside the latter, where the time goes: the
same calls of the same client to a server that only counts what comes in.
"""

from __future__ import annotations

import itertools
import os
import shutil
import subprocess
import sys
import venv
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import grpc
from platformdirs import user_cache_path
from python_pachyderm import Client

from benchmarks.measure import alternated, compare, ended, machine, say, timed
from benchmarks.serving import folder, pachd, put

FILES, SIZE = 10_000, 20_000
DVC = "3.67.1"


def main() -> None:
    machine()
    with folder() as work, pachd() as client:
        source = work / "pictures"
        source.mkdir()
        numbers = itertools.count()
        fresh: dict[str, bytes] = {}

        def renew() -> None:
            """New bytes in the folder, others in memory, an empty repo, nothing left to write."""
            client.create_repo(f"r{next(numbers)}")
            shutil.rmtree(work / "copy", ignore_errors=True)
            for at in range(FILES):
                (source / f"cam_{at:06d}.jpg").write_bytes(os.urandom(SIZE))
                fresh[f"/cam_{at:06d}.jpg"] = os.urandom(SIZE)
            os.sync()

        def repo() -> str:
            return str(next(client.list_repo()).repo.name)

        def copy() -> None:
            subprocess.run(["cp", "-r", source, work / "copy"], check=True)

        def copy_durably() -> None:
            copy()
            subprocess.run(["sync", "-f", work], check=True)

        def put_folder() -> None:
            with client.modify_file_client((repo(), "master")) as change:
                change.put_file_from_url("/", source.as_uri(), recursive=True)

        with counting() as address:
            other = Client(*address)
            copied, durable, by_url, by_bytes, by_append, floor = alternated(
                {
                    "cp -r": copy,
                    "cp -r, then sync": copy_durably,
                    f"put {FILES} files: their folder's URL": put_folder,
                    f"put {FILES} files: their bytes": lambda: put(client, repo(), fresh),
                    f"put {FILES} files: their bytes, appended": lambda: put(
                        client, repo(), fresh, append=True
                    ),
                    "bytes, to a server that only counts": lambda: put(other, "r", fresh),
                },
                prepare=renew,
            ).values()
        results = [compare("cp -r", by_url, copied, 4)]
        compare("cp -r and sync, which is as durable", by_url, durable)
        for times in (by_bytes, by_append):
            compare("cp -r", times, copied)
            compare("cp -r and sync, which is as durable", times, durable)
        # what no server can be faster than
        compare("the client's own cost", by_bytes, floor)
        compare("cp -r, were the server free", floor, copied)

        def one_more() -> None:
            put(client, "r0", {f"/more_{next(numbers)}.jpg": os.urandom(SIZE)})

        added = timed("put one more file", one_more, 20)
        results.append(compare("dvc add", added, dvc_add(source, work, numbers), 1 / 20))
    ended(results)


class counting:  # noqa: N801
    """A server in a process of its own that takes every ModifyFile and keeps nothing."""

    def __enter__(self) -> tuple[str, int]:
        command = [sys.executable, "-m", "benchmarks.put_files", "--count"]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        return "127.0.0.1", int(self._process.stdout.readline())

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.communicate()


class _Count(grpc.GenericRpcHandler):
    def service(self, details: Any) -> Any:
        if details.method.endswith("/ModifyFile"):
            return grpc.stream_unary_rpc_method_handler(self._modify_file)
        return None

    @staticmethod
    def _modify_file(requests: Iterator[bytes], _context: Any) -> bytes:
        for _ in requests:
            pass
        return b""


def count() -> None:
    server = grpc.server(ThreadPoolExecutor(2), options=[("grpc.max_receive_message_length", -1)])
    server.add_generic_rpc_handlers((_Count(),))
    print(server.add_insecure_port("127.0.0.1:0"), flush=True)
    server.start()
    server.wait_for_termination()


def dvc_add(source: Path, work: Path, numbers: Iterator[int]) -> Any:
    """`dvc add` of the folder and one more file each time; the first of all does not count."""
    home = user_cache_path("tycokit") / "benchmarks" / f"dvc-{DVC}"
    dvc = home / "bin" / "dvc"
    if not dvc.exists():
        say(f"installing dvc {DVC} in {home}")
        venv.create(home, clear=True, with_pip=True)
        pip = [str(home / "bin" / "python"), "-m", "pip", "--quiet", "--disable-pip-version-check"]
        subprocess.run([*pip, "install", f"dvc=={DVC}"], check=True)
    project = work / "dvc"
    project.mkdir()
    environment = {**os.environ, "DVC_NO_ANALYTICS": "1"}

    def run(*words: str) -> None:
        command = [str(dvc), *words, "--quiet"]
        subprocess.run(command, cwd=project, check=True, env=environment)

    run("init", "--no-scm")
    shutil.copytree(source, project / "pictures")
    run("add", "pictures")

    def add() -> None:
        (project / "pictures" / f"more_{next(numbers)}.jpg").write_bytes(os.urandom(SIZE))
        run("add", "pictures")

    return timed("dvc add of the folder plus one file", add, 3, warm_up=0)


if __name__ == "__main__":
    count() if sys.argv[1:] == ["--count"] else main()
