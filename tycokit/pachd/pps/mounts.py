"""A transform's secrets as user code gets them: environment variables, and files in folders."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from tycokit.errors import NotServed, SecretKeyMissing
from tycokit.pachd.pps.namespace import Namespace
from tycokit.pachd.pps.secrets import Secrets
from tycokit.pachd.pps.spec import Transform


@dataclass(frozen=True, slots=True)
class MountedSecrets:
    """`mounts`: path that user code sees → folder with a file for each key."""

    env: dict[str, str]
    mounts: dict[str, Path]


def mount(
    secrets: Secrets, transform: Transform, namespace: Namespace, folder: Path
) -> MountedSecrets:
    """Lay out a worker's secrets below a folder of its own.

    Raises:
        SecretNotFound: deleted since the pipeline was made. SecretKeyMissing.
        NotServed: files, where workers have no private file system.
    """
    env: dict[str, str] = {}
    mounts: dict[str, Path] = {}
    shutil.rmtree(folder, ignore_errors=True)
    for number, each in enumerate(transform.secrets):
        values = secrets.values(each.name)
        if each.env_var:
            env[each.env_var] = os.fsdecode(_value(values, each.name, each.key))
        if not each.mount_path:
            continue
        if not namespace.private:
            raise NotServed(
                f"the secret {each.name} cannot be mounted at {each.mount_path}: this needs"
                " bubblewrap or unshare, and neither works on this machine"
            )
        here = folder / str(number)
        here.mkdir(mode=0o700, parents=True)
        for key, value in values.items():
            descriptor = os.open(here / key, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                file.write(value)
        mounts[each.mount_path] = here
    return MountedSecrets(env, mounts)


def _value(values: dict[str, bytes], name: str, key: str) -> bytes:
    if key not in values:
        raise SecretKeyMissing(name, key)
    return values[key]
