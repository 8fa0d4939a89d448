"""Cells that print more than anyone wants to read: the notebook is cut, the log is not."""

from __future__ import annotations

import time
from typing import Any

import nbformat
import pytest
from stage_worker import Stage, code

from tycokit.errors import StageUsage
from tycokit.stage import limits, options
from tycokit.stage.outputs import Collector

MEGABYTE = 1 << 20
LINE = "x" * 99


def outputs(*writes: tuple[str, str], clear: int | None = None) -> list[Any]:
    """What a cell's outputs are after these (stream, text), cleared before the one of a number."""
    collector, cell = Collector(), code("")
    collector.begin(cell)
    for number, (name, text) in enumerate(writes):
        if number == clear:
            collector.message("clear_output", {"wait": True})
        collector.write(name, text)
    collector.end()
    return [(output.name, output.text) for output in cell.outputs]


def test_a_hundred_megabytes_are_whole_in_the_log_and_cut_in_the_notebook(stage: Stage) -> None:
    stage.cells(code(f"for n in range({MEGABYTE}):\n    print('{LINE}')"), code("print('end')"))
    start = time.monotonic()
    printed = stage.ok()
    assert time.monotonic() - start < 60
    assert len(printed) == 100 * MEGABYTE + 4
    assert printed.endswith(f"{LINE}\nend\n")
    *_, flood, end = stage.executed().cells
    assert [len(output.text) for output in flood.outputs[:-1]] == [limits.CELL_TEXT]
    dropped = 100 * MEGABYTE - limits.CELL_TEXT
    assert flood.outputs[-1].text == limits.cut_note(dropped)
    assert f"{dropped:,} more characters" in flood.outputs[-1].text
    assert [output.text for output in end.outputs] == ["end\n"]
    (path,) = stage.out.glob("*.ipynb")
    assert path.stat().st_size < 2 * limits.CELL_TEXT


@pytest.mark.parametrize("how", [(), ("--cold",)])
def test_the_log_takes_no_more_than_its_limit(stage: Stage, how: tuple[str, ...]) -> None:
    stage.cells(
        code("import sys\nprint('a' * 600_000)\nprint('b' * 600_000)\nprint('c', file=sys.stderr)")
    )
    done = stage.run("--log-limit", "1M", *how)
    assert done.returncode == 0
    assert len(done.stdout) == MEGABYTE
    assert (
        "tycokit stage: the log has 1M of this datum, its --log-limit;"
        " what it prints from here on is left out\n"
    ) in done.stderr
    first, note, *rest = stage.executed().cells[-1].outputs
    assert len(first.text) == limits.CELL_TEXT
    assert note.text == limits.cut_note(1_200_004 - limits.CELL_TEXT)
    assert not rest


def test_what_a_command_floods_is_in_the_log_too(stage: Stage) -> None:
    stage.cells(code("import os\nos.system('head -c 3000000 /dev/zero | tr \"\\\\0\" z >&2')\n0"))
    done = stage.run()
    assert done.stderr == "z" * 3_000_000


def test_a_flood_by_a_hundred_thousand_flushed_lines_takes_no_square_of_time() -> None:
    collector, cell = Collector(), code("")
    saved: list[int] = []
    collector.on_output = lambda: saved.append(len(cell.outputs[0].text))
    collector.begin(cell)
    start = time.process_time()
    for _ in range(200_000):
        collector.write("stdout", "1234")
        collector.flush("stdout")
    assert time.process_time() - start < 5
    collector.end()
    assert [len(output.text) for output in cell.outputs] == [800_000]
    # papermill, which saves the notebook now and then, sees what was printed so far
    assert saved


def test_the_limit_is_for_both_streams_together() -> None:
    half = "x" * (limits.CELL_TEXT // 2)
    found = outputs(("stdout", half), ("stderr", half), ("stdout", "abc"), ("stderr", "de"))
    assert found == [("stdout", half), ("stderr", half), ("stderr", limits.cut_note(5))]
    exact = outputs(("stdout", half + half), ("stdout", ""))
    assert exact == [("stdout", half + half)]
    over = outputs(("stdout", half), ("stdout", half + "12345"))
    assert over == [("stdout", half + half), ("stderr", limits.cut_note(5))]


def test_what_clears_a_cell_makes_room_in_it() -> None:
    whole = "x" * limits.CELL_TEXT
    found = outputs(("stdout", whole), ("stdout", "over"), ("stdout", "new"), clear=2)
    assert found == [("stdout", "new")]


def test_what_comes_after_a_flood_is_there(stage: Stage) -> None:
    stage.cells(
        code(
            "print('x' * 2_000_000)\nfrom IPython.display import HTML, display\n"
            "display(HTML('<b>'))\n7"
        )
    )
    stage.ok()
    kinds = [output.output_type for output in stage.executed().cells[-1].outputs]
    assert kinds == ["stream", "stream", "display_data", "execute_result"]
    nbformat.validate(stage.executed())


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("1", 1),
        ("500k", 500 << 10),
        ("1.5M", 3 << 19),
        ("2G", 2 << 30),
        ("2GiB", 2 << 30),
        ("1TB", 1 << 40),
    ],
)
def test_sizes(text: str, count: int) -> None:
    assert limits.size(text) == count
    assert limits.size(limits.shown(count)) == count


@pytest.mark.parametrize("text", ["", "0", "M", "-1M", "1X", "1 000"])
def test_what_is_no_size(text: str) -> None:
    with pytest.raises(StageUsage, match=r"--memory-limit takes a size such as 500M or 2G"):
        options.parse(["--memory-limit", text])
