"""How what lies in a repo is named."""

from __future__ import annotations

import pytest
from pipeline_driver import Site

from tycokit.errors import AddressError
from tycokit.repos import addresses
from tycokit.repos.addresses import Address

ID = "0123456789ab4" + "f" * 19


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("model", Address("model")),
        ("model@master", Address("model")),
        (f"model@{ID}", Address("model", ID)),
        ("model@master^2", Address("model", "master^2")),
        ("a/model@dev:/x/y.json", Address("model", "dev", "/x/y.json", "a")),
        ("model:/x", Address("model", path="/x")),
        ("threat-detect@master:/dev1/1.json", Address("threat-detect", path="/dev1/1.json")),
    ],
)
def test_an_address_is_read(text: str, address: Address) -> None:
    assert addresses.parse(text) == address
    assert addresses.parse(str(address)) == address


@pytest.mark.parametrize(
    "text", ["", "@master", "a b", "a@", "model:x", "a/b/c", "model@master/x", "<img>"]
)
def test_what_is_none_is_refused_with_the_form(text: str) -> None:
    with pytest.raises(AddressError, match="the form is repo@branch"):
        addresses.parse(text)


def test_pachd_finds_what_each_form_names(site: Site) -> None:
    site.client.create_repo("named")
    first, second = site.put("named", {"/a": b"1"}), site.put("named", {"/a": b"2"})
    named = {"master": b"2", second: b"2", first: b"1", "master^": b"1", f"{second}^": b"1"}
    for commit, content in named.items():
        at = addresses.parse(f"named@{commit}:/a")
        assert at.is_branch == (commit == "master")
        assert site.client.get_file(at.at, at.path).read() == content
    (info,) = site.client.inspect_commit(addresses.parse("named").at)
    assert addresses.of(info.commit, "/a") == Address("named", second, "/a")
