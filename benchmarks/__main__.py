"""All benchmarks, or those that are named, and one table of what they found.

`python -m benchmarks [NAME…]`. The table also goes to docs/benchmarks.md.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from benchmarks.measure import machine_line

ALL = (
    *("put_files", "one_new_file", "pages", "skipped_datums"),
    *("model_stage", "papermill_cold", "one_alert", "stage_memory", "first_picture"),
    "records_report",
)
TABLE = Path(__file__).parents[1] / "docs" / "benchmarks.md"
_TIMES = re.compile(r"(?P<name>\S.*?) +(?P<median>\d+\.\d+) s  \(.*, (?P<count>\d+) times\)")
_RATIO = re.compile(
    r"  = (?P<ratio>[\d.]+) times (?P<what>.*?)(?: \(bar (?P<bar>\S+)\): (?P<ok>.*))?"
)


def main(names: list[str]) -> int:
    """Run them one after the other; 1 when one of them missed its bar or broke."""
    rows = []
    failed = False
    for name in names or ALL:
        print(f"benchmarks.{name}", flush=True)
        lines, code = run(name)
        rows += found(name, lines)
        failed = failed or code != 0
        if code and not any("TOO SLOW" in line for line in lines):
            rows.append(f"| {name} | did not end well | | | |")
    text = "\n".join(
        [
            "# Benchmarks",
            "",
            f"Medians, each against the baseline of the same run, on: {machine_line()}",
            "",
            "| benchmark | what | seconds | against | times | bar |",
            "| --- | --- | --- | --- | --- | --- |",
            *rows,
        ]
    )
    print(text)
    TABLE.write_text(f"{text}\n")
    return int(failed)


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


def found(name: str, lines: list[str]) -> list[str]:
    """A row for each ratio; it is of the times printed last."""
    rows, last, seconds = [], "", ""
    for line in lines:
        if times := _TIMES.fullmatch(line):
            last, seconds = times["name"], times["median"]
        elif ratio := _RATIO.fullmatch(line):
            verdict = f"{ratio['bar']} {ratio['ok']}" if ratio["bar"] else ""
            rows.append(
                f"| {name} | {last} | {seconds} | {ratio['what']} | {ratio['ratio']} | {verdict} |"
            )
    return rows


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
