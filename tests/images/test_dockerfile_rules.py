"""The Dockerfiles keep the rules that hadolint has for what they use, where it is not at hand."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest
from image_workshop import ROOT

DOCKERFILES = sorted((ROOT / "images").glob("*/Dockerfile"))
Instructions = list[tuple[str, str]]


def instructions(text: str) -> Instructions:
    """Each instruction and its words, on one line."""
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("#")]
    joined = re.sub(r"\\\n\s*", "", "\n".join(lines))
    return [
        (name.upper(), words)
        for line in joined.splitlines()
        if line.strip()
        for name, _, words in [line.strip().partition(" ")]
    ]


def faults(text: str) -> set[str]:
    """The codes of the rules that a Dockerfile breaks."""
    found = instructions(text)
    return set(_whole(found)) | {code for each in found for code in _one(*each)}


def _whole(found: Instructions) -> Iterator[str]:
    last = [index for index, (name, _) in enumerate(found) if name == "FROM"][-1]
    users = [words for name, words in found[last:] if name == "USER"]
    if not users or users[-1].split(":")[0] in ("0", "root"):
        yield "DL3002"  # the last user is root
    if any(one[0] == two[0] == "RUN" for one, two in pairwise(found)):
        yield "DL3059"  # two steps that could be one
    names = [name for name, _ in found]
    if names.count("HEALTHCHECK") != 1:
        yield "DL3012"
    if names.count("CMD") > 1:
        yield "DL4003"
    stages = [words.rpartition(" AS ")[2] for name, words in found if " AS " in words]
    if len(set(stages)) < len(stages):
        yield "DL3024"
    sources = re.findall(r"--from=(\S+)", " ".join(words for _, words in found))
    if not set(sources) <= set(stages):
        yield "DL3022"
    stage, folders = "", {"": ""}
    for name, words in found:
        if name == "FROM":
            before, _, stage = words.partition(" AS ")
            folders[stage] = folders.get(before, "")
        elif name == "WORKDIR":
            folders[stage] = words
        elif name == "COPY" and words.split()[-1][0] != "/" and not folders[stage]:
            yield "DL3045"  # copied to nobody knows where


def _one(name: str, words: str) -> Iterator[str]:
    if name == "FROM" and "$" not in words and re.search(r"^[^: ]+/[^: ]+($| )|:latest", words):
        yield "DL3006"  # no version
    if name == "ARG" and words.startswith("BASE=") and not re.search(r":(?!latest)[\w.-]+$", words):
        yield "DL3006"
    if name in ("ADD", "MAINTAINER"):
        yield {"ADD": "DL3020", "MAINTAINER": "DL4000"}[name]
    if name == "WORKDIR" and not words.startswith(("/", "$")):
        yield "DL3000"
    command = words.partition("CMD ")[2] if name == "HEALTHCHECK" else words
    if name in ("CMD", "ENTRYPOINT", "HEALTHCHECK") and not _is_list(command):
        yield "DL3025"  # a shell would stand between
    if name == "RUN":
        yield from _run(words)


def _run(words: str) -> Iterator[str]:
    if re.search(r"(^|[;&]\s*)cd ", words):
        yield "DL3003"
    if re.search(r"\bsudo\b", words):
        yield "DL3004"
    if re.search(r"[^|]\|[^|]", words):
        yield "DL4006"  # only the last of a pipe is looked at
    for install in re.findall(r"\bpip3? install ([^&;]*)", words):
        if "--no-cache-dir" not in install:
            yield "DL3042"
        is_project = install.split()[-1] == "." and "--no-deps" in install
        if not is_project and not {"--require-hashes", "--requirement"} <= set(install.split()):
            yield "DL3013"
    for install in re.findall(r"\bapt(?:-get)? (.*? ?install [^&;]*)", f"{words};"):
        packages = install.partition("install")[2].split()
        if any("=" not in word for word in packages if word[:1] != "-"):
            yield "DL3008"
        if "--no-install-recommends" not in packages:
            yield "DL3015"
        if "rm -rf /var/lib/apt/lists" not in words:
            yield "DL3009"


def _is_list(words: str) -> bool:
    try:
        return isinstance(json.loads(words), list)
    except ValueError:
        return False


@pytest.mark.parametrize("path", DOCKERFILES, ids=lambda path: path.parent.name)
def test_a_dockerfile_breaks_no_rule(path: Path) -> None:
    assert faults(path.read_text()) == set()


@pytest.mark.parametrize("path", DOCKERFILES, ids=lambda path: path.parent.name)
def test_a_dockerfile_needs_no_ignored_rule(path: Path) -> None:
    assert "hadolint" not in path.read_text()


def test_both_images_are_made_in_the_same_way() -> None:
    stage, lab = (
        [step for step in instructions(path.read_text()) if step[0] in ("ARG", "FROM", "RUN")]
        for path in DOCKERFILES[::-1]
    )
    lock = "requirements.lock"
    assert [(name, words.replace("requirements-stage.lock", lock)) for name, words in stage] == lab


GOOD = """\
FROM debian:bookworm AS one
WORKDIR /src
COPY . .
RUN apt-get install --no-install-recommends a=1 && rm -rf /var/lib/apt/lists/*
CMD ["a"]
HEALTHCHECK CMD ["a"]
FROM one
USER 1000
COPY --from=one /a /a
"""


@pytest.mark.parametrize(
    ("code", "good", "bad"),
    [
        ("DL3000", "WORKDIR /src", "WORKDIR src"),
        ("DL3002", "USER 1000", "USER 0:0"),
        ("DL3002", "USER 1000", ""),
        ("DL3003", "RUN ", "RUN cd /tmp && "),
        ("DL3004", "RUN ", "RUN sudo "),
        ("DL3006", "debian:bookworm", "library/debian"),
        ("DL3008", "a=1", "a"),
        ("DL3009", " && rm -rf /var/lib/apt/lists/*", ""),
        ("DL3012", "HEALTHCHECK", "#"),
        ("DL3013", "RUN apt", "RUN pip install --no-cache-dir a && apt"),
        ("DL3015", "--no-install-recommends", "--yes"),
        ("DL3020", "COPY . .", "ADD . ."),
        ("DL3022", "--from=one", "--from=two"),
        ("DL3025", 'CMD ["a"]\nH', "CMD a\nH"),
        ("DL3025", 'HEALTHCHECK CMD ["a"]', "HEALTHCHECK CMD a"),
        ("DL3042", "RUN apt", "RUN pip install --no-deps . && apt"),
        ("DL3045", "WORKDIR /src\n", ""),
        ("DL3059", "COPY . .", "RUN true"),
        ("DL4003", 'CMD ["a"]\nH', 'CMD ["a"]\nCMD ["b"]\nH'),
        ("DL4006", "RUN ", "RUN true | false && "),
    ],
)
def test_a_broken_rule_is_seen(code: str, good: str, bad: str) -> None:
    assert faults(GOOD) == set()
    assert code in faults(GOOD.replace(good, bad, 1))
