"""Which datums run, which are skipped, and whose output goes."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tycokit.pachd.pps.datums import Datum, DatumInput, datum_hash
from tycokit.pachd.pps.plan import BaseRecord, Plan, plan
from tycokit.pachd.pps.spec import PfsInput


def datum(name: str, content: str = "") -> Datum:
    source = PfsInput("r", name="r", glob="/*")
    return Datum(name, (DatumInput(source, "c", name, content.encode(), 0, "", "", b""),))


def done(of: Datum, salt: str = "salt", processed: bool = True) -> BaseRecord:
    return BaseRecord(datum_hash(of, salt), processed)


def ids(found: Plan) -> tuple[list[str], list[str]]:
    return [each.datum.id for each in found.skip], [each.datum.id for each in found.run]


A, B, C = datum("a"), datum("b"), datum("c")


def test_without_a_base_all_run() -> None:
    found = plan([B, A], {}, "salt")
    assert ids(found) == ([], ["b", "a"])
    assert found.stale == ()
    assert found.run[0].hash == datum_hash(B, "salt")


def test_what_was_processed_is_skipped() -> None:
    assert ids(plan([A, B], {"a": done(A)}, "salt")) == (["a"], ["b"])


def test_what_changed_runs_and_loses_its_output() -> None:
    found = plan([datum("a", "new"), B], {"a": done(A), "b": done(B)}, "salt")
    assert ids(found) == (["b"], ["a"])
    assert (found.changed, found.gone) == (("a",), ())


def test_what_is_gone_loses_its_output() -> None:
    found = plan([A], {"a": done(A), "c": done(C), "b": done(B)}, "salt")
    assert ids(found) == (["a"], [])
    assert found.gone == found.stale == ("b", "c")


def test_what_failed_is_never_skipped() -> None:
    assert ids(plan([A], {"a": done(A, processed=False)}, "salt")) == ([], ["a"])


def test_a_new_salt_runs_everything() -> None:
    found = plan([A, B], {"a": done(A), "b": done(B)}, "pepper")
    assert ids(found) == ([], ["a", "b"])
    assert found.changed == ("a", "b")


def test_a_pipeline_that_never_skips() -> None:
    found = plan([A], {"a": done(A), "b": done(B)}, "salt", skippable=False)
    assert ids(found) == ([], ["a"])
    assert found.stale == ("a", "b")


names = st.sampled_from("abcdef")


@given(
    st.lists(st.builds(datum, names, st.sampled_from("12")), unique_by=lambda each: each.id),
    st.dictionaries(names, st.tuples(st.sampled_from("12"), st.booleans())),
)
def test_nothing_is_lost(datums: list[Datum], base: dict[str, tuple[str, bool]]) -> None:
    records = {
        each: done(datum(each, content), processed=ok) for each, (content, ok) in base.items()
    }
    found = plan(datums, records, "salt")
    skipped, run = ids(found)
    assert sorted(skipped + run) == sorted(each.id for each in datums)
    # Each base datum is either kept or stale.
    assert sorted([*skipped, *found.stale]) == sorted(base)
