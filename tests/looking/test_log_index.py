"""Levels, filters and the index of log lines, on lines made here."""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from python_pachyderm.service import pps_proto

from tycokit.errors import PatternError, PatternTooSlow
from tycokit.logsearch.filters import Filter
from tycokit.logsearch.index import LogIndex
from tycokit.logsearch.levels import Levels
from tycokit.logsearch.lines import Line, Parser
from tycokit.logsearch.patterns import Pattern

SECOND = 10**9


@pytest.fixture
def index() -> Iterator[LogIndex]:
    made = LogIndex()
    yield made
    made.close()


def line(number: int, text: str = "x", **more: Any) -> Line:
    made = Line(
        number=number,
        time=number * SECOND,
        pipeline="model",
        job="a" * 32,
        datum="d" * 64,
        worker="model-v1-0",
        inputs=("/cam1_1511891098.jpg",),
        level="info",
        user=True,
        text=text,
    )
    return replace(made, **more)


def texts(index: LogIndex) -> list[str]:
    return [each.text for each in index.lines()]


@pytest.mark.parametrize(
    ("text", "level"),
    [
        ("a picture of 3 persons", "info"),
        ("2017-11-28 17:44:58,123 ERROR camera: no picture", "error"),
        ("INFO: 0 ERRORS", "info"),
        ("WARNING:root:low light", "warning"),
        ("warning: low light", "warning"),
        ("[error] lens", "error"),
        ("[Debug]: lens", "debug"),
        ('{"ts": 1, "level": "error", "message": "x"}', "error"),
        ("time=12 level=warn msg=x", "warning"),
        ("W0000 00:00:1511891098.123456  1234 cpu.cc:1] slow", "warning"),
        ("E1128 17:44:58.1 1 x.cc:1] broken", "error"),
        ("/x.py:3: UserWarning: deprecated", "warning"),
        ("ValueError: the lens is dirty", "error"),
        ("PIL.UnidentifiedImageError: cannot identify", "error"),
        ("KeyboardInterrupt", "error"),
        ("tycokit stage: the warm executor was killed by signal 9 in cell 3, peak …", "error"),
        ("tycokit stage: no warm executor, so this datum runs cold: x", "warning"),
        ("an error in the middle of a sentence is one's own words", "info"),
        ("TRACE x", "debug"),
        ("", "info"),
    ],
)
def test_a_line_says_its_level(text: str, level: str) -> None:
    assert Levels().of(text, source="a", user=True) == level


@pytest.mark.parametrize(
    ("text", "level"),
    [
        ("errored running user code after 3 s: exit status 1", "error"),
        ("datum failed: timed out after 2 s", "error"),
        ("beginning to run user code", "info"),
    ],
)
def test_pachd_s_own_lines_have_levels_too(text: str, level: str) -> None:
    assert Levels().of(text, source="a", user=False) == level


def test_a_traceback_is_an_error_to_its_last_line_and_no_further() -> None:
    said = [
        "before",
        "Traceback (most recent call last):",
        '  File "x.py", line 1, in <module>',
        "    1 / 0",
        "ZeroDivisionError: division by zero",
        "",
        "During handling of the above exception, another exception occurred:",
        "",
        "Traceback (most recent call last):",
        "    open(1)",
        "MyOwn: no word of an error in it",
        "after",
    ]
    levels = Levels()
    # another datum's lines in between
    found = [
        (levels.of(each, source=1, user=True), levels.of("x", source=2, user=True)) for each in said
    ]
    assert found == [("info", "info"), *[("error", "info")] * 10, ("info", "info")]


def test_the_report_of_a_cell_is_an_error_to_its_end() -> None:
    said = [
        "cell 5 of model.ipynb raised ValueError: the lens is dirty",
        "  line 2: raise ValueError",
        "-----------",
        "ValueError      Traceback (most recent call last)",
        "Cell In[3], line 2",
        "      1 x",
        "",
        "ValueError: the lens is dirty",
        "executed notebook, as far as it got: /x/y.ipynb",
    ]
    levels = Levels()
    assert {levels.of(each, source=1, user=True) for each in said} == {"error"}
    assert levels.of("after", source=1, user=True) == "info"


def test_messages_become_lines() -> None:
    message = pps_proto.LogMessage(
        pipeline_name="model",
        job_id="j",
        datum_id="d",
        worker_id="w",
        user=True,
        message="\x1b[31mERROR\x1b[0m <img src=x onerror=alert(1)>\r\n",
        data=[pps_proto.InputFile(path="/b"), pps_proto.InputFile(path="/a")],
    )
    message.ts.FromNanoseconds(1_511_891_098_000_000_001)
    made = Parser(itertools.count(7)).line(message)
    assert made.number == 7
    assert made.time == 1_511_891_098_000_000_001
    assert made.inputs == ("/a", "/b")
    assert made.level == "error"
    assert made.text == "ERROR <img src=x onerror=alert(1)>"


def test_lines_are_kept_in_order_of_time_however_they_come(index: LogIndex) -> None:
    lines = [line(number, str(number)) for number in range(300)]
    index.choose(Filter(text="7"))
    parts = [lines[at : at + 7] for at in range(0, 300, 7)]
    random.Random(3).shuffle(parts)
    for part in parts:
        index.add(part)
    assert [each.number for each in index.everything()] == list(range(300))
    assert texts(index) == [str(number) for number in range(300) if "7" in str(number)]


@pytest.mark.parametrize(
    ("wanted", "numbers"),
    [
        (Filter(), [1, 2, 3, 4]),
        (Filter(text="LENS"), [2, 3]),
        (Filter(text="LENS", case=True), []),
        (Filter(text="l.ns", regex=True), [2, 3]),
        (Filter(text="L.ns", regex=True, case=True), [3]),
        (Filter(text="l.ns"), []),
        (Filter(levels=frozenset({"error"})), [2]),
        (Filter(levels=frozenset({"error"}), text="lens", regex=True), [2]),
        (Filter(pipeline="plot"), [4]),
        (Filter(job="bb"), [3]),
        (Filter(datum="ee"), [2]),
        (Filter(datum="cam9_"), [3]),
        (Filter(worker="model-v1-1"), [1]),
        (Filter(since=3 * SECOND), [3, 4]),
        (Filter(until=3 * SECOND), [1, 2]),
        (Filter(pachd=False), [1, 2, 3]),
    ],
)
def test_filters_admit_what_they_say(index: LogIndex, wanted: Filter, numbers: list[int]) -> None:
    index.add(
        [
            line(1, worker="model-v1-1"),
            line(2, "a dirty lens", level="error", datum="e" * 64),
            line(3, "no Lens", job="b" * 32, inputs=("/cam9_1.jpg", "/x")),
        ]
    )
    index.choose(wanted)
    index.add([line(4, pipeline="plot", user=False, datum="", inputs=())])
    assert [each.number for each in index.lines()] == numbers


def test_pages_count_from_either_end_and_follow_a_line(index: LogIndex) -> None:
    index.add([line(number, f"line {number}") for number in range(100, 200)])
    page = index.page(10, 3)
    assert ([each.number for each in page.lines], page.total) == ([110, 111, 112], 100)
    assert [each.number for each in index.page(-2, 5).lines] == [198, 199]
    assert index.page(1000, 5).lines == ()
    assert index.page(0, 1, anchor=150).anchor == 50
    # older lines arrive, and the line that somebody looks at moves
    index.add([line(number) for number in range(50)])
    assert index.page(0, 1, anchor=150).anchor == 100
    index.choose(Filter(text="line 15"))
    page = index.page(0, 50, anchor=160)
    assert (page.total, page.anchor) == (10, None)
    assert page.version > 0


def test_where_an_expression_is_found_comes_with_the_page(index: LogIndex) -> None:
    index.add([line(1, "dev1 and dev22"), line(2, "none")])
    index.choose(Filter(text=r"dev\d+|^", regex=True))
    page = index.page(0, 10)
    assert page.spans == (((0, 4), (9, 14)), ())


def test_the_next_error_is_found_in_both_directions(index: LogIndex) -> None:
    index.add([line(at, level="error" if at in (3, 7) else "info") for at in range(10)])
    assert index.next("error", -1) == 3
    assert index.next("error", 3) == 7
    assert index.next("error", 7) is None
    assert index.next("error", 7, back=True) == 3
    assert index.next("error", 3, back=True) is None


def test_counts_by_level_are_of_all_that_pass_but_for_the_level(index: LogIndex) -> None:
    index.add([line(1), line(2, level="error"), line(3, "y", level="error")])
    index.choose(Filter(levels=frozenset({"info"}), text="x"))
    found = index.summary()
    assert found.levels == {"error": 1, "warning": 0, "info": 1, "debug": 0}
    assert (found.lines, found.shown, found.workers) == (3, 1, ("model-v1-0",))
    index.add([replace(line(2), level="warning")])  # the same line, its level known only now
    assert index.summary().levels == {"error": 0, "warning": 1, "info": 1, "debug": 0}


def test_the_oldest_lines_go_when_there_are_too_many() -> None:
    index = LogIndex(most=100)
    index.choose(Filter(text="even"))
    for number in range(250):
        index.add([line(number, "odd" if number % 2 else "even")])
    found = index.summary()
    assert found.dropped + found.lines == 250
    assert 100 <= found.lines <= 110
    assert found.shown == found.lines // 2 == found.levels["info"]
    assert index.line(found.dropped - 1) is None
    assert index.line(found.dropped) is not None
    index.close()


# expressions

BACKTRACKS = "(a+)+$"


def test_an_expression_that_backtracks_is_given_up_and_the_last_filter_stays() -> None:
    index = LogIndex(limit=1.0)
    index.add([line(1, "a" * 60 + "!"), line(2, "b")])
    index.choose(Filter(text="b"))
    with pytest.raises(PatternTooSlow, match="given up after 1 s"):
        index.choose(Filter(text=BACKTRACKS, regex=True))
    assert texts(index) == ["b"]
    assert index.filter == Filter(text="b")
    index.close()


def test_one_that_backtracks_on_a_new_line_only_gives_way_to_all_lines() -> None:
    index = LogIndex(limit=1.0)
    index.add([line(1, "aaa"), line(2, "b")])
    index.choose(Filter(text=BACKTRACKS, regex=True))
    assert texts(index) == ["aaa"]
    index.add([line(3, "a" * 60 + "!")])
    assert len(index.lines()) == 3
    assert "all lines are shown again" in index.summary().problem
    index.choose(Filter(text="b"))
    assert index.summary().problem == ""
    index.close()


@pytest.mark.parametrize(
    "expression", ["(", "*", "[z-a]", r"(?P<1>x)", "x" * 2000, "a{99999999999}"]
)
def test_what_is_no_expression_is_refused_in_words(expression: str) -> None:
    with pytest.raises(PatternError, match="the expression"):
        Pattern(expression)


def test_a_search_ends_with_its_pattern() -> None:
    pattern = Pattern("ü|\ud800", ignore_case=False)
    assert pattern.matching(["Ü", "ü", "\ud800", ""]) == [1, 2]
    pattern.close()
    pattern.close()
    with pytest.raises(PatternError, match="has ended"):
        pattern.matching(["x"])
