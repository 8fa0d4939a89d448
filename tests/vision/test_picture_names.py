"""The rule that a camera picture's name must keep."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tycokit.errors import BadName
from tycokit.vision import names

_DEVICE = st.text("abcXYZ0189.-é ", min_size=1).filter(lambda text: text not in {".", ".."})
_TIME = st.text("0123456789", min_size=10, max_size=20)


@given(_DEVICE, _TIME, st.text("abcJPG12", min_size=1))
def test_a_name_that_keeps_the_rules_is_taken_apart_and_put_together_again(device, time, ext):
    name = names.parse(f"{device}_{time}.{ext}")
    assert (name.device, name.time, name.ext) == (device, time, ext)
    assert str(name) == f"{device}_{time}.{ext}"
    assert name.key == f"{device}/{time}"


@given(st.text())
def test_any_text_is_parsed_or_refused_and_never_leaves_its_folder(text):
    with contextlib.suppress(BadName):
        name = names.parse(text)
        assert str(name) == text
        assert "/" not in name.device
        assert name.device not in {"", ".", ".."}
        assert name.time.isascii()


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("dev1_1511891098", "no extension"),
        ("dev1_1511891098.", "no extension"),
        ("frontdoor.jpg", "has 1"),
        ("front_door_1511891098.jpg", "has 3"),
        ("_1511891098.jpg", "is empty"),
        ("dev1_.jpg", "digits only"),
        ("dev1_yesterday99.jpg", "'yesterday99'"),
        ("dev1_١٥١١٨٩١٠٩٨.jpg", "digits only"),
        ("dev1_151189109.jpg", "has 9"),
        ("dev1_1511891098.tar.gz", "digits only"),
        (".._1511891098.jpg", "'..'"),
        ("a/b_1511891098.jpg", "slash"),
        ("dev1\n_1511891098.jpg", "do not print"),
        ("x" * 300, "no extension"),
    ],
)
def test_a_refusal_says_which_rule_and_what_was_seen(name, said):
    with pytest.raises(BadName) as error:
        names.parse(name)
    assert said in error.value.rule
    assert "<user-device>_<unix time>.<ext>" in str(error.value)
    assert len(str(error.value)) < 250
