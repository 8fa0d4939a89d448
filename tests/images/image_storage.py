"""A storage of images below a folder, for buildah and podman, that leaves nothing behind.

Layers are overlays where the kernel mounts them on that folder's disk. Elsewhere, as in most
containers, vfs keeps a whole copy of the image for every step.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from base_image import output

# No systemd for cgroups, no journal for events, and no limit that needs more rights than we have:
# podman's own is a million open files. runc, since crun takes no cgroups of both versions at once.
# A step of a build has this machine's network.
CONTAINERS = """
[containers]
default_ulimits = ["nofile=1024:4096", "nproc=4096:4096"]
netns = "host"
[engine]
cgroup_manager = "cgroupfs"
events_logger = "file"
lock_type = "file"
runtime = "runc"
tmp_dir = "{folder}/libpod-run"
[network]
network_config_dir = "{folder}/networks"
"""
STORAGE = """
[storage]
driver = "{driver}"
graphroot = "{folder}/graphroot"
runroot = "{folder}/runroot"
"""


@contextmanager
def opened(folder: Path) -> Iterator[dict[str, str]]:
    """The variables that make buildah and podman keep all they have in a folder.

    The folder is gone afterwards.
    """
    driver = "overlay" if overlays(folder) else "vfs"
    if driver == "vfs":
        sys.stderr.write(f"images: no overlay can be mounted in {folder}: vfs copies each layer\n")
    for name, text in (("storage", STORAGE), ("containers", CONTAINERS)):
        (folder / f"{name}.conf").write_text(text.format(folder=folder, driver=driver))
    try:
        yield {
            "CONTAINERS_STORAGE_CONF": str(folder / "storage.conf"),
            "CONTAINERS_CONF": str(folder / "containers.conf"),
            # podman would ask it for a timer of each health command, and complain
            "DISABLE_HC_SYSTEMD": "true",
            "TMPDIR": str(folder),
        }
    finally:
        for mounted in reversed(mounts(folder)):
            output(["umount", "--lazy", str(mounted)])
        # gigabytes, which pytest would keep for three runs; faster than shutil.rmtree
        output(["rm", "--recursive", "--force", str(folder)])


def overlays(folder: Path) -> bool:
    """Whether the kernel mounts an overlay whose parts lie in a folder. Asked by doing it."""
    parts = {name: folder / "overlay" / name for name in ("lower", "upper", "work", "merged")}
    for part in parts.values():
        part.mkdir(parents=True)
    options = ",".join(f"{name}dir={parts[name]}" for name in ("lower", "upper", "work"))
    command = ["mount", "-t", "overlay", "overlay", "-o", options, str(parts["merged"])]
    mounted = subprocess.run(command, capture_output=True, check=False).returncode == 0
    if mounted:
        output(["umount", str(parts["merged"])])
    shutil.rmtree(folder / "overlay")
    return mounted


def mounts(folder: Path) -> list[Path]:
    """What is mounted below a folder, in the order it was."""
    lines = Path("/proc/self/mounts").read_text().splitlines()
    return [path for line in lines if (path := Path(line.split()[1])).is_relative_to(folder)]
