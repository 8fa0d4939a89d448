"""Lists of files that go on from a marker, and the first bytes of a file."""

from __future__ import annotations

import time
from itertools import islice

import grpc
import pytest
from house_driver import copying
from pipeline_driver import Site

from tycokit.errors import FileCut, LookError
from tycokit.repos import addresses, browsing
from tycokit.repos.addresses import Address

NAMES = [f"/d{folder}/{number:03}.txt" for folder in range(3) for number in range(50)]


@pytest.fixture(scope="module")
def at(site: Site) -> Address:
    site.client.create_repo("tree")
    files = {name: name.encode() for name in NAMES}
    return Address(
        "tree", site.put("tree", {**files, "/top.json": b"{}", "/big": b"0123" * 500_000})
    )


def test_a_folder_is_read_in_pages(site: Site, at: Address) -> None:
    found: list[str] = []
    after = ""
    while True:
        listing = browsing.folder(site.client, at.below("/d1"), after=after, count=7)
        found += [entry.path for entry in listing.entries]
        after = listing.after
        if not after:
            break
    assert found == [name for name in NAMES if name.startswith("/d1/")]


def test_folders_and_files_are_told_apart(site: Site, at: Address) -> None:
    listing = browsing.folder(site.client, at)
    kinds = {entry.path: (entry.name, entry.folder, entry.suffix) for entry in listing.entries}
    assert kinds["/d0"] == ("d0", True, "")
    assert kinds["/top.json"] == ("top.json", False, ".json")
    sizes = {entry.path: entry.size for entry in listing.entries}
    assert sizes["/d0"] == sum(len(name) for name in NAMES[:50])
    assert browsing.folder(site.client, at.below("/nowhere")).entries == ()


@pytest.mark.parametrize("newest", [False, True])
def test_files_below_come_one_by_one_from_a_marker(site: Site, at: Address, newest: bool) -> None:
    ordered = sorted(["/top.json", "/big", *NAMES], reverse=newest)
    first = list(islice(browsing.files(site.client, at, newest=newest), 60))
    assert [entry.path for entry in first] == ordered[:60]
    rest = browsing.files(site.client, at, after=first[-1].path, newest=newest)
    assert [entry.path for entry in rest] == ordered[60:]


def test_a_marker_need_not_be_there(site: Site, at: Address) -> None:
    found = browsing.files(site.client, at, after="/d1/0245")
    assert next(found).path == "/d1/025.txt"
    found.close()


def test_the_first_bytes_and_the_whole(site: Site, at: Address) -> None:
    start = browsing.read(site.client, at.below("/big"), 10)
    assert (start.data, start.size, start.whole) == (b"0123012301", 2_000_000, False)
    whole = browsing.read(site.client, at.below("/big"), 10_000_000)
    assert whole.whole
    assert whole.data == b"0123" * 500_000


def test_what_is_not_there_is_named(site: Site, at: Address) -> None:
    assert browsing.entry(site.client, at.below("/no")) is None
    with pytest.raises(LookError, match="there is no file /no in tree@"):
        browsing.read(site.client, at.below("/no"), 10)
    with pytest.raises(LookError, match="there is no file /d0"):
        browsing.read(site.client, at.below("/d0"), 10)
    with pytest.raises(grpc.RpcError, match="not found in repo default/gone"):
        browsing.entry(site.client, addresses.parse("gone@master:/a"))


def test_a_stream_that_ends_early_is_no_file(site: Site, at: Address) -> None:
    """The client keeps silent about a connection that breaks in the middle of a file."""
    found = browsing.entry(site.client, at.below("/top.json"))
    assert found is not None
    longer = browsing.Entry(found.path, False, found.size + 1, found.hash, "")
    with pytest.raises(FileCut, match="only 2 of 3 bytes"):
        browsing.read_entry(site.client, at.below("/top.json"), longer, 100)


def test_a_stream_cut_short_leaves_no_message(
    site: Site, at: Address, caplog: pytest.LogCaptureFixture
) -> None:
    assert len(browsing.read(site.client, at.below("/big"), 10).data) == 10
    assert list(site.client.list_repo())  # the stream has ended by then
    time.sleep(0.1)
    assert caplog.text == ""


def test_files_of_a_pipeline_name_their_datum(site: Site) -> None:
    site.client.create_repo("origin")
    copying(site, "tagged", "origin", "cp /pfs/origin/* /pfs/out/")
    job = site.put("origin", {"/x": b"1"})
    site.jobs(job)
    (datum,) = site.client.list_datum("tagged", job)
    (entry,) = browsing.files(site.client, Address("tagged"))
    assert entry.datum == datum.datum.id
    (own,) = browsing.files(site.client, Address("origin"))
    assert own.datum == ""
