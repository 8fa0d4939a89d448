"""A pachd of the module's own, with the five stages on it and pictures gone through them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from pipeline_driver import STAGES, SUCCESS, Site, photograph, spec

from tycokit.pipelines import specs


@pytest.fixture(scope="module")
def empty_site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Nothing deployed yet."""
    made = Site(tmp_path_factory.mktemp("site"))
    yield made
    made.pachd.stop()


@pytest.fixture(scope="module")
def site(empty_site: Site) -> Site:
    """Twelve pictures of four user-devices have gone through; a third of them are threats."""
    empty_site.deploy(specs.order([spec(name) for name in STAGES]))
    pictures = {
        f"/cam{number % 4}_15118910{number:02}.jpg": photograph(person=number % 3 == 0)
        for number in range(12)
    }
    jobs = empty_site.jobs(empty_site.put("images", pictures))
    assert {info.state for info in jobs.values()} == {SUCCESS}
    return empty_site
