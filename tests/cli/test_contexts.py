"""Contexts with tokens and TLS, on real connections: each that cannot be used says so itself."""

from __future__ import annotations

import base64
import json
import os
import socket
from collections.abc import Iterator
from concurrent import futures
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import pytest
from command import tycokit
from grpc_health.v1 import health, health_pb2_grpc
from python_pachyderm import Client
from python_pachyderm.service import Service
from tls_front import Authority, TlsFront

from tycokit.client import connect
from tycokit.errors import ConfigError, NoAnswer, Refused
from tycokit.pachd.server import Pachd, token


@dataclass(frozen=True, slots=True)
class Place:
    """A pachd, certificates to put before it, and a config file."""

    pachd: Pachd
    authority: Authority
    folder: Path

    @property
    def token(self) -> str:
        return str(token(self.pachd.data))

    @property
    def config(self) -> Path:
        return self.folder / "config.json"

    def context(self, address: str, **more: Any) -> Path:
        """Write a config file whose active context, `prod`, has this address."""
        entry = {"pachd_address": address, "session_token": self.token, **more}
        self.contexts("prod", prod={key: value for key, value in entry.items() if value})
        return self.config

    def contexts(self, active: str, **entries: Any) -> None:
        content = {"user_id": "u", "v2": {"active_context": active, "contexts": entries}}
        self.config.write_text(json.dumps(content))


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    folder = tmp_path_factory.mktemp("contexts")
    data = folder / "data"
    pachd = Pachd(data, 0, token(data), os.environ)
    pachd.start()
    yield Place(pachd, Authority(folder / "ca"), folder)
    pachd.stop()


def encoded(pem: bytes) -> str:
    return base64.b64encode(pem).decode()


def test_a_context_with_tls_a_ca_of_its_own_and_a_token_connects(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    with TlsFront(place.pachd.port, place.authority.certificate("good", "DNS:localhost")) as front:
        path = place.context(
            f"grpcs://localhost:{front.port}", server_cas=encoded(place.authority.pem)
        )
        assert list(connect(path).list_repo()) == []
        monkeypatch.setenv("PACH_CONFIG", str(path))
        assert list(Client().list_repo()) == []  # python_pachyderm itself reads it the same way
        # a CA means TLS to it, whatever the scheme says
        path = place.context(
            f"grpc://localhost:{front.port}", server_cas=encoded(place.authority.pem)
        )
        assert list(connect(path).list_repo()) == []
        assert list(Client().list_repo()) == []


@pytest.mark.parametrize(
    ("names", "days", "ca", "says"),
    [
        ("DNS:localhost", 30, "another", "trusts no CA .*`server_cas`"),
        ("DNS:localhost", 30, None, "trusts no CA .*`server_cas`"),
        ("DNS:localhost", -1, "its own", "has expired.*renewed"),
        ("DNS:example.com", 30, "its own", "another name than localhost.*`pachd_address`"),
    ],
)
def test_a_certificate_that_is_not_trusted_is_named_with_what_to_do(
    place: Place, tmp_path: Path, names: str, days: int, ca: str | None, says: str
) -> None:
    certificate = place.authority.certificate("bad", names, days)
    pem = Authority(tmp_path / "another").pem if ca == "another" else place.authority.pem
    with TlsFront(place.pachd.port, certificate) as front:
        path = place.context(
            f"grpcs://localhost:{front.port}", server_cas=encoded(pem) if ca else None
        )
        with pytest.raises(NoAnswer, match=f"^context 'prod': .*localhost:{front.port} .*{says}"):
            connect(path)


def test_tls_where_there_is_none_and_none_where_there_is(place: Place) -> None:
    path = place.context(
        f"grpcs://localhost:{place.pachd.port}", server_cas=encoded(place.authority.pem)
    )
    with pytest.raises(NoAnswer, match=r"^context 'prod': .*does not speak TLS.*with grpc://"):
        connect(path)
    with TlsFront(place.pachd.port, place.authority.certificate("good", "DNS:localhost")) as front:
        path = place.context(f"grpc://localhost:{front.port}")
        with pytest.raises(NoAnswer, match=r"^context 'prod': .*it speaks TLS.*with grpcs://"):
            connect(path)


def test_a_token_that_pachd_does_not_know_is_refused_with_how_to_renew_it(place: Place) -> None:
    path = place.context(f"grpc://127.0.0.1:{place.pachd.port}", session_token="old")
    with pytest.raises(Refused, match=r"^context 'prod': .*pachctl auth login.*tycokit up"):
        connect(path)


def test_a_token_that_expired_on_a_cluster_is_found_though_health_answers(place: Place) -> None:
    server, port = cluster_with_auth("provided auth token is corrupted or has expired")
    try:
        path = place.context(f"grpc://127.0.0.1:{port}", session_token="old")
        with pytest.raises(Refused, match=r"^context 'prod': .*has expired; `pachctl auth login`"):
            connect(path)
    finally:
        server.stop(None).wait()


def cluster_with_auth(says: str) -> tuple[grpc.Server, int]:
    """As pachd with auth on: health for everybody, and for this token nothing else."""

    class Auth(Service.AUTH.servicer):  # type: ignore[misc]
        def WhoAmI(self, request: Any, context: Any) -> Any:
            context.abort(grpc.StatusCode.UNAUTHENTICATED, says)

    server = grpc.server(futures.ThreadPoolExecutor(2))
    health_pb2_grpc.add_HealthServicer_to_server(health.HealthServicer(), server)
    Service.AUTH.grpc_module.add_APIServicer_to_server(Auth(), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    return server, port


def test_an_address_without_a_pachd_is_named(place: Place) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound, and nobody listens
        port = taken.getsockname()[1]
        for address in (f"grpc://127.0.0.1:{port}", f"grpcs://127.0.0.1:{port}"):
            with pytest.raises(
                NoAnswer, match=rf"^context 'prod': .*:{port} \(nothing listens.*`tycokit up`"
            ):
                connect(place.context(address))
    with pytest.raises(NoAnswer, match=r"^context 'prod': .*no host is called nowhere.invalid"):
        connect(place.context("grpc://nowhere.invalid:30650"))


@pytest.mark.parametrize("scheme", ["grpc", "grpcs"])
def test_what_takes_the_connection_and_says_nothing_is_not_waited_for_for_ever(
    place: Place, scheme: str
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        path = place.context(f"{scheme}://localhost:{deaf.getsockname()[1]}")
        with pytest.raises(NoAnswer, match=r"^context 'prod': .*(in time|says nothing)"):
            connect(path, timeout=0.5)


@pytest.mark.parametrize(
    ("entry", "says"),
    [
        ({"pachd_address": "ftp://x:1"}, "`pachd_address` must be"),
        ({"pachd_address": "grpc://x:1/path"}, "`pachd_address` must be"),
        ({"pachd_address": "grpc://x:port"}, "`pachd_address` must be"),
        ({"pachd_address": 5}, "`pachd_address` must be"),
        ({"pachd_address": "grpc://x:1", "project": ["lab"]}, "`project` must be a name"),
        ({"pachd_address": "grpcs://x:1", "server_cas": "?"}, "`server_cas` must be"),
        ({"pachd_address": "grpcs://x:1", "server_cas": encoded(b"no PEM")}, "`server_cas`"),
    ],
)
def test_a_context_that_cannot_be_read_is_named(place: Place, entry: Any, says: str) -> None:
    place.contexts("prod", prod=entry)
    with pytest.raises(ConfigError, match=f"context 'prod': {says}"):
        connect(place.config)


def test_contexts_are_listed_with_what_is_wrong_and_one_is_chosen(place: Place) -> None:
    good = {"pachd_address": f"grpc://127.0.0.1:{place.pachd.port}", "session_token": place.token}
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        place.contexts(
            "gone",
            good=good,
            gone={"pachd_address": f"grpc://127.0.0.1:{taken.getsockname()[1]}"},
            old={**good, "session_token": "old"},
            odd={"pachd_address": "ftp://x"},
        )
        done = tycokit(place.folder, place.config, "contexts")
    assert done.returncode == 0, done.stderr
    rows = {line.lstrip("* ").split()[0]: line for line in done.stdout.splitlines()}
    assert "Pachyderm 2.7" in rows["good"]
    assert "nothing listens" in rows["gone"]
    assert rows["gone"].startswith("*")
    assert "refuses" in rows["old"]
    assert "`pachd_address` must be" in rows["odd"]

    done = tycokit(place.folder, place.config, "context", "use", "good")
    assert done.returncode == 0, done.stderr
    kept = json.loads(place.config.read_text())
    assert kept["v2"]["active_context"] == "good"
    assert kept["user_id"] == "u"
    assert kept["v2"]["contexts"]["old"]["session_token"] == "old"

    done = tycokit(place.folder, place.config, "context", "use", "goood")
    assert done.returncode == 1
    assert "no context 'goood' (there are: gone, good, odd, old)" in done.stderr
    assert json.loads(place.config.read_text()) == kept


def test_a_context_is_made_once_its_pachd_answers(place: Place) -> None:
    place.config.unlink(missing_ok=True)
    ca = place.folder / "ca" / "ca.pem"
    with TlsFront(place.pachd.port, place.authority.certificate("set", "DNS:localhost")) as front:
        words = ("context", "set", "prod", f"grpcs://localhost:{front.port}")
        done = tycokit(place.folder, place.config, *words, typed=f"{place.token}\n")
        assert done.returncode == 1
        assert "trusts no CA" in done.stderr
        assert not place.config.exists()

        done = tycokit(place.folder, place.config, *words, "--ca", str(ca), typed=place.token)
        assert done.returncode == 0, done.stderr
        assert "the active Pachyderm context is prod" in done.stdout
        assert place.token not in done.stdout + done.stderr
        assert place.config.stat().st_mode & 0o777 == 0o600
        assert list(connect(place.config).list_repo()) == []

        kept = place.config.read_bytes()
        done = tycokit(place.folder, place.config, *words, "--ca", str(ca), typed="expired")
        assert done.returncode == 1
        assert place.config.read_bytes() == kept


def test_without_a_config_file_there_is_no_context(tmp_path: Path) -> None:
    done = tycokit(tmp_path, tmp_path / "none.json", "contexts")
    assert done.returncode == 0
    assert "holds no context; `tycokit up` makes one" in done.stdout
