"""The Pachyderm config file: which contexts there are, and which one is active.

The file belongs to pachctl as much as to us, so everything that we do not know in it is kept, and
it is replaced in one step. `tycokit up` registers a context, `tycokit down` takes it back.
"""

from __future__ import annotations

import base64
import json
import os
import ssl
import tempfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tycokit.errors import ConfigError

SPOUT_CONFIG = Path("/pachctl/config.json")


@dataclass(frozen=True, slots=True)
class Context:
    """A named context: what a client needs to reach one pachd.

    `token` is the session token, None where the pachd asks for none; `deployment` the id of the
    cluster that the context was made for, None where unknown. `roots` are the PEM certificates
    of the CAs to trust instead of the usual ones, `transaction` the one that calls belong to,
    `project` the one that names without one mean.
    """

    name: str
    address: str
    token: str | None = None
    deployment: str | None = None
    roots: bytes | None = None
    transaction: str | None = None
    project: str | None = None

    @classmethod
    def from_entry(cls, path: Path, name: str, entry: Mapping[str, Any]) -> Context:
        """A context as the file has it. Raises ConfigError, which names it."""
        address, encoded = entry.get("pachd_address"), entry.get("server_cas")
        if not address:
            port = (entry.get("port_forwarders") or {}).get("pachd", 30650)
            address, encoded = f"grpc://localhost:{port}", None
        try:
            parts = urlsplit(address if "://" in address else f"grpc://{address}")
            known = parts.scheme in ("grpc", "http", "grpcs", "https")
            bare = not (parts.path or parts.query or parts.fragment or parts.username)
            if not (known and bare and parts.hostname and parts.port != 0):
                raise ValueError(address)
        except (TypeError, ValueError) as error:
            raise ConfigError(
                path,
                f"context {name!r}: `pachd_address` must be grpc://host:port or grpcs://"
                f"host:port, not {address!r:.80}",
            ) from error
        try:
            roots = base64.b64decode(encoded, validate=True) if encoded else None
            if roots is not None:
                ssl.create_default_context(cadata=roots.decode("ascii"))
                # gRPC takes no words before the first one, which OpenSSL writes on demand
                roots = roots[roots.index(b"-----BEGIN CERTIFICATE-----") :]
        except (TypeError, ValueError, ssl.SSLError) as error:
            raise ConfigError(
                path, f"context {name!r}: `server_cas` must be certificates in PEM, as base64"
            ) from error
        project = entry.get("project") or None
        if not isinstance(project, str | None):
            raise ConfigError(
                path, f"context {name!r}: `project` must be a name, not {project!r:.80}"
            )
        return cls(
            name,
            address,
            entry.get("session_token") or None,
            entry.get("cluster_deployment_id") or None,
            roots,
            entry.get("active_transaction") or None,
            project,
        )

    def entry(self) -> dict[str, str]:
        """What stands in the file under the context's name."""
        fields = {
            "pachd_address": self.address,
            "session_token": self.token,
            "cluster_deployment_id": self.deployment,
            "server_cas": base64.b64encode(self.roots).decode() if self.roots else None,
            "active_transaction": self.transaction,
            "project": self.project,
        }
        return {key: value for key, value in fields.items() if value}


@dataclass(frozen=True, slots=True)
class Earlier:
    """What `register` replaced: the active context's name, and our name's own entry."""

    active: str | None = None
    entry: dict[str, Any] | None = None
    new_file: bool = False

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, found: Mapping[str, Any]) -> Earlier:
        return cls(found.get("active"), found.get("entry"), bool(found.get("new_file")))


def find(environ: Mapping[str, str], home: Path) -> Path:
    """The config file that python_pachyderm and pachctl read, whether or not it exists."""
    if named := environ.get("PACH_CONFIG"):
        return Path(named)
    return SPOUT_CONFIG if SPOUT_CONFIG.is_file() else home / ".pachyderm" / "config.json"


def read(path: Path) -> dict[str, Any]:
    """The whole file as JSON; an empty object where there is none.

    Raises ConfigError when it is not a JSON object or cannot be read.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(path, f"cannot be read: {error}") from error
    try:
        found = json.loads(text)
    except json.JSONDecodeError as error:
        raise ConfigError(path, f"line {error.lineno} is not JSON: {error.msg}") from error
    if not isinstance(found, dict):
        raise ConfigError(path, "is not a JSON object")
    return found


def active(path: Path) -> str | None:
    """Name of the active context, None where none is set."""
    name = _v2(path, read(path)).get("active_context")
    return name if isinstance(name, str) and name else None


def context(path: Path, name: str | None = None) -> Context | None:
    """A context of the file; `name` None means the active one.

    Returns None when the file names no active context and none was asked for; raises ConfigError
    when the context does not exist or cannot be used.
    """
    v2 = _v2(path, read(path))
    wanted = name or v2.get("active_context")
    if not wanted:
        return None
    return Context.from_entry(path, wanted, _known(path, v2, wanted))


def names(path: Path) -> list[str]:
    """The names of the file's contexts, in order."""
    return sorted(_contexts(path, _v2(path, read(path))))


def use(path: Path, name: str, project: str | None = None) -> None:
    """Make a context the active one, and give it a project (None: it stays with its own).

    Raises ConfigError when there is no context of that name.
    """
    known = read(path)
    v2 = _v2(path, known)
    entry = _known(path, v2, name)
    if project is not None:
        entry["project"] = project
    v2["active_context"] = name
    write(path, known)


def register(path: Path, new: Context, remembered: Earlier | None = None) -> Earlier:
    """Add or replace the context, make it active, and say what was there before.

    `remembered` is what an earlier `register` of the same pachd answered and no `restore` has
    used yet: it stays valid as long as our context is the active one.
    """
    known = read(path)
    v2 = _v2(path, known)
    contexts = _contexts(path, v2)
    before = contexts.get(new.name)
    was_active = v2.get("active_context")
    if remembered is not None and was_active == new.name:
        earlier = remembered
    else:
        kept = remembered.entry if remembered is not None else before
        earlier = Earlier(was_active, kept, not path.exists())
    contexts[new.name] = new.entry()
    if isinstance(before, dict) and before.get("pachd_address") == new.address:
        # it is only renewed: the project that somebody chose for it stays
        contexts[new.name] |= {"project": before["project"]} if before.get("project") else {}
    v2["contexts"] = contexts
    v2["active_context"] = new.name
    known["v2"] = v2
    write(path, known)
    return earlier


def restore(path: Path, name: str, address: str, earlier: Earlier) -> str | None:
    """Take our context out again; answers the context that is active now.

    Nothing changes when the context of that name is by now another pachd's, and the active
    context changes only when ours is still the active one.
    """
    known = read(path)
    v2 = _v2(path, known)
    contexts = _contexts(path, v2)
    ours = contexts.get(name)
    now = v2.get("active_context")
    if not isinstance(ours, dict) or ours.get("pachd_address") != address:
        return now if isinstance(now, str) else None
    if earlier.entry is not None:
        contexts[name] = earlier.entry
    else:
        del contexts[name]
    if now == name:
        now = earlier.active if earlier.active in contexts else None
        if now is None:
            v2.pop("active_context", None)
        else:
            v2["active_context"] = now
    v2["contexts"] = contexts
    known["v2"] = v2
    if earlier.new_file and known == {"v2": {"contexts": {}}}:
        # without a file, clients look at localhost:30650; with an empty one they give up
        path.unlink(missing_ok=True)
    else:
        write(path, known)
    return now if isinstance(now, str) else None


def write(path: Path, content: Mapping[str, Any]) -> None:
    """Replace the file in one step; it holds tokens, so only its owner may read it."""
    target = path.resolve()  # through a link, so that the link stays
    try:
        target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        handle, made = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as stream:  # mkstemp made it 0600
                json.dump(content, stream, indent=2)
                stream.write("\n")
                stream.flush()
                os.fsync(stream.fileno())
            Path(made).replace(target)
        except BaseException:
            Path(made).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise ConfigError(path, f"cannot be written: {error}") from error


def _v2(path: Path, known: Mapping[str, Any]) -> dict[str, Any]:
    v2 = known.get("v2") or {}
    if not isinstance(v2, dict):
        raise ConfigError(path, "its `v2` is not a JSON object")
    return v2


def _known(path: Path, v2: Mapping[str, Any], name: str) -> dict[str, Any]:
    """The entry of a context. Raises ConfigError when there is none."""
    contexts = _contexts(path, v2)
    entry = contexts.get(name)
    if not isinstance(entry, dict):
        known = ", ".join(sorted(contexts)) or "none"
        raise ConfigError(path, f"has no context {name!r} (there are: {known})")
    return entry


def _contexts(path: Path, v2: Mapping[str, Any]) -> dict[str, Any]:
    contexts = v2.get("contexts") or {}
    if not isinstance(contexts, dict):
        raise ConfigError(path, "its `contexts` is not a JSON object")
    return contexts
