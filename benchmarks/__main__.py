"""All benchmarks, or those that are named, and one table of what they found.

`python -m benchmarks [NAME…]`. The table of all also goes to docs/benchmarks.md, and the rows that
have a bar into the README.
"""

from __future__ import annotations

import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from benchmarks.measure import machine_line

ALL = (
    *("put_files", "moving", "one_new_file", "pages", "skipped_datums"),
    *("model_stage", "papermill_cold", "one_alert", "stage_memory", "first_picture"),
    *("records_report", "widgets"),
)
ROOT = Path(__file__).parents[1]
TABLE, README = ROOT / "docs" / "benchmarks.md", ROOT / "README.md"
BEGIN, END = "<!-- benchmarks: `make bench` writes this -->\n", "<!-- benchmarks: end -->\n"
_TIMES = re.compile(
    r"(?P<name>\S.*?) +(?P<median>\d+\.\d+) (?P<unit>\S+)  \(.*, (?P<count>\d+) times\)"
)
_RATIO = re.compile(
    r"  (?P<name>.*) = (?P<ratio>[\d.]+) times (?P<fast>as fast as )?(?P<what>.*?)"
    r"(?: \(bar (?P<bar>\S+)\): (?P<ok>.*))?"
)


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table; `bar` is empty for a figure that is there to compare with."""

    benchmark: str
    what: str
    median: str
    result: str
    bar: str = ""

    def __str__(self) -> str:
        return f"| {self.benchmark} | {self.what} | {self.median} | {self.result} | {self.bar} |"


def main(names: list[str]) -> int:
    """Run them one after the other; 1 when one of them missed its bar or broke."""
    rows = []
    failed = False
    where = machine_line()
    for name in names or ALL:
        print(f"benchmarks.{name}", flush=True)
        lines, code = run(name)
        rows += found(name, lines)
        failed = failed or code != 0
        if code and not any("TOO SLOW" in line for line in lines):
            rows.append(Row(name, "did not end well", "", "", f"exit code {code}"))
    text = table(rows, where)
    print(text)
    if not names:
        TABLE.write_text(f"# Benchmarks\n\n{text}")
        into_readme(table([row for row in rows if row.bar], where))
    return int(failed)


def table(rows: list[Row], where: str) -> str:
    """Rows in Markdown, and what they were measured on."""
    head = Row("benchmark", "what", "median", "result", "bar")
    lines = [
        f"Medians, each against the baseline of the same run, on: {where}",
        "",
        *(str(row) for row in (head, Row(*["---"] * 5), *rows)),
    ]
    return "".join(f"{line}\n" for line in lines)


def into_readme(text: str) -> None:
    """Put this between the README's two marks."""
    before, _, rest = README.read_text().partition(BEGIN)
    _, _, after = rest.partition(END)
    README.write_text(f"{before}{BEGIN}{text}{END}{after}")


def run(name: str) -> tuple[list[str], int]:
    """What a benchmark prints, also passed on, and its exit code."""
    command = [sys.executable, "-m", f"benchmarks.{name}"]
    lines = []
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            print(line, end="", flush=True)
            lines.append(line.rstrip("\n"))
    return lines, process.returncode


def found(name: str, lines: list[str]) -> list[Row]:
    """A row for each ratio."""
    rows, medians = [], {}
    for line in lines:
        if times := _TIMES.fullmatch(line):
            medians[times["name"]] = f"{times['median']} {times['unit']}"
        elif ratio := _RATIO.fullmatch(line):
            how = "as fast as" if ratio["fast"] else "×"
            result = f"{ratio['ratio']} {'× ' if ratio['fast'] else ''}{how} {ratio['what']}"
            least = "at least" if ratio["fast"] else "at most"
            bar = f"{least} {ratio['bar']}: {ratio['ok']}" if ratio["bar"] else ""
            rows.append(Row(name, ratio["name"], medians[ratio["name"]], result, bar))
    return rows


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
