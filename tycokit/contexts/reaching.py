"""Why no gRPC comes about with an address: who answers there, and with which certificate.

gRPC's own words for it change from release to release and name OpenSSL's functions. What is asked
here is asked of the address itself, by a connection of our own, once gRPC has given up.
"""

from __future__ import annotations

import ipaddress
import socket
import ssl
from dataclasses import dataclass

SECONDS = 3.0  # for each step: gRPC has waited before
_EXPIRED, _NOT_YET, _OTHER_HOST, _OTHER_IP = 10, 9, 62, 64  # X509_V_ERR_… of OpenSSL


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong, and what a person can do about it."""

    detail: str
    advice: str


def fault(address: str, roots: bytes | None, seconds: float = SECONDS) -> Fault | None:
    """What is wrong at `host:port`; None when nothing is, as far as a connection can tell.

    `roots`: the PEM certificates that the server's must be signed by, None without TLS.
    """
    host, _, port = address.rpartition(":")
    host = host.strip("[]")
    try:
        plain = socket.create_connection((host, int(port)), timeout=seconds)
    except (socket.gaierror, UnicodeError):  # the latter: no name that a host could have
        return Fault(
            f"no host is called {host}",
            "correct `pachd_address`, or join the network that knows it",
        )
    except ConnectionRefusedError:
        return Fault("nothing listens there", _start(host))
    except TimeoutError:
        return Fault("nothing comes back", "is there a firewall, or a VPN that is off?")
    except OSError as error:
        return Fault(error.strerror or str(error), "look at the network")
    with plain:
        return _speaks_tls(plain) if roots is None else _certified(plain, host, roots)


def _certified(plain: socket.socket, host: str, roots: bytes) -> Fault | None:
    trusting = ssl.create_default_context(cadata=roots.decode("ascii"))
    trusting.set_alpn_protocols(["h2"])
    try:
        with trusting.wrap_socket(plain, server_hostname=host) as secured:
            if secured.selected_alpn_protocol() == "h2":
                return None
        return Fault("what answers speaks TLS but no gRPC", "correct `pachd_address`")
    except ssl.SSLCertVerificationError as error:
        return _distrust(error, host)
    except TimeoutError:
        return Fault("it takes the connection and says nothing", "restart it, or wait")
    except OSError:
        return Fault("it does not speak TLS", "write `pachd_address` with grpc://, not grpcs://")


def _distrust(error: ssl.SSLCertVerificationError, host: str) -> Fault:
    if error.verify_code == _EXPIRED:
        return Fault("its certificate has expired", "have the cluster's certificate renewed")
    if error.verify_code == _NOT_YET:
        return Fault("its certificate is not valid yet", "is this machine's clock right?")
    if error.verify_code in (_OTHER_HOST, _OTHER_IP):
        return Fault(
            f"its certificate is for another name than {host}",
            "write `pachd_address` with a name that the certificate has",
        )
    return Fault(
        f"the context trusts no CA that signed its certificate: {error.verify_message}",
        "put the cluster's CA, as PEM in base64, into the context's `server_cas`",
    )


def _speaks_tls(plain: socket.socket) -> Fault | None:
    curious = ssl.create_default_context()
    curious.check_hostname = False
    curious.verify_mode = ssl.CERT_NONE  # nothing is sent: it is only asked whether it would
    try:
        with curious.wrap_socket(plain):
            return Fault("it speaks TLS", "write `pachd_address` with grpcs://, not grpc://")
    except OSError:
        return None


def _start(host: str) -> str:
    try:
        here = host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        here = False
    if here:
        return (
            "`tycokit up` starts one on this machine, `pachctl port-forward` leads to a cluster's"
        )
    return "is the cluster up, and `pachd_address` right?"
