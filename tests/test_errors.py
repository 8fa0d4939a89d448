"""The drawing of the error tree, held to the tree."""

from __future__ import annotations

import re

from tycokit import errors


def test_the_drawing_shows_every_error_below_its_base() -> None:
    drawn: dict[str, str] = {}  # name → name of its base
    above: list[str] = ["TycokitError"]
    for line in (errors.__doc__ or "").splitlines():
        found = re.match(r"([│ ]*)[├└]── ((?:\w+, )*\w+)", line)
        if found is None:
            continue
        names, depth = found[2].split(", "), len(found[1]) // 4 + 1
        drawn |= dict.fromkeys(names, above[depth - 1])
        above[depth:] = [names[-1]]
    there = {
        name: kind.__base__.__name__
        for name, kind in vars(errors).items()
        if isinstance(kind, type)
        and issubclass(kind, errors.TycokitError)
        and kind is not errors.TycokitError
    }
    assert drawn == there
