"""Pods' usage by what they work for, and over time."""

from __future__ import annotations

from tycokit.operations.metrics import History, Usage, by_group
from tycokit.operations.pods import Container, Pod


def pod(name: str, group: str, *, worker: bool = True, cores: float | None = None) -> Pod:
    container = Container("user", "", "running", ready=True, restarts=2)
    return Pod(name, group, worker, "Running", containers=(container,), cores=cores)


def only(usages: tuple[Usage, ...]) -> Usage:
    (found,) = usages
    return found


def test_a_pipeline_and_an_application_of_one_name_stay_apart() -> None:
    usages = by_group([pod("a", "pachd"), pod("b", "pachd", worker=False)], ["pachd", "asleep"])
    assert [(one.group, one.worker, len(one.pods)) for one in usages] == [
        ("asleep", True, 0),
        ("pachd", True, 1),
        ("pachd", False, 1),
    ]


def test_what_some_pods_use_is_known_and_what_none_does_is_not() -> None:
    usage = only(by_group([pod("a", "model", cores=0.5), pod("b", "model")]))
    assert (usage.cores, usage.memory) == (0.5, None)
    assert (usage.ready, usage.restarts) == (2, 4)


def test_the_past_is_kept_so_far_and_knows_when_a_group_was_not_there() -> None:
    history = History(most=3)
    for at in range(5):
        history.add(at, by_group([pod("a", "model", cores=at)] if at != 3 else []))
    assert history.times == (2, 3, 4)
    assert history.of(only(by_group([pod("a", "model")]))).cores == (2, None, 4)
    assert history.of(only(by_group([], ["other"]))).memory == (None, None, None)
