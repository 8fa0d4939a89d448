"""The widgets in a real Lab and browser: first paint at size against a tenth, and stalls.

50 pipelines, 1,000 commits (and their jobs), 10,000 datums, 100,000 lines of logs, 10,000 pictures.
A paint is from running the cell to the frame that shows the widget's content; the stall is the
longest time between two frames while one works with the widget at size.
"""

from __future__ import annotations

import io
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from PIL import Image
from python_pachyderm import Client
from python_pachyderm.service import pps_proto

from benchmarks.measure import Times, compare, ended, machine, say
from benchmarks.serving import folder, numbered, pachd, put

TESTS = Path(__file__).parents[1] / "tests"
sys.path[:0] = [str(TESTS), str(TESTS / "widgets")]

from lab_driver import Lab, Notebook, browser, connect  # noqa: E402

PIPELINES, COMMITS, DATUMS, LINES, PICTURES = 50, 1_000, 10_000, 100_000, 10_000
REPETITIONS, WORKED = 7, 3
REST = 10  # seconds after which all lines have been read
# a widget that was painted before does no work any more
ALONE = "import ipywidgets; ipywidgets.Widget.close_all()"
STALL = 0.2  # seconds without a frame that one would see
PAINT = """async ([index, selector]) => {
  const { content } = jupyterapp.shell.currentWidget;
  const cell = content.widgets[index];
  content.activeCellIndex = index;
  await jupyterapp.commands.execute("notebook:clear-cell-output");
  const begin = performance.now();
  void jupyterapp.commands.execute("notebook:run-cell");
  const live = `.tycokit:not(.tycokit-static) ${selector}`;
  await new Promise((done) => {
    const look = () =>
      cell.node.querySelector(live) ? requestAnimationFrame(done) : requestAnimationFrame(look);
    look();
  });
  return (performance.now() - begin) / 1000;
}"""
# the longest time between two frames while `work` is done, and a second longer
STALLED = """async ([index, work]) => {
  const el = jupyterapp.shell.currentWidget.content.widgets[index].node
    .querySelector(".tycokit:not(.tycokit-static)");
  let longest = 0, last = performance.now(), on = true;
  const tick = (now) => {
    longest = Math.max(longest, now - last);
    last = now;
    if (on) requestAnimationFrame(tick);
  };
  requestAnimationFrame(tick);
  const pause = (ms) => new Promise((done) => setTimeout(done, ms));
  await new Function("el", "pause", `return (async () => { ${work} })()`)(el, pause);
  await pause(1000);
  on = false;
  return longest / 1000;
}"""
SCROLL = """const list = el.querySelector(".tycokit-list, .tycokit-gallery-scroll");
for (let step = 1; step <= 20; step += 1) {
  list.scrollTop = (list.scrollHeight * step) / 20;
  await pause(100);
}"""
CHOOSE = """for (const card of [...el.querySelectorAll(".tycokit-card-head")].slice(0, 10)) {
  card.click();
  await pause(150);
}"""
SEARCH = """const input = el.querySelector("input");
for (const text of ["9", "99", "999", "line 99", ""]) {
  input.value = text;
  input.dispatchEvent(new Event("input", { bubbles: true }));
  await pause(400);
}"""


WORDS = {SCROLL: "scrolling", CHOOSE: "choosing", SEARCH: "searching"}
# a network that sees the same in each picture
SEE = """
import json, pathlib
one = {"class": 1, "name": "person", "score": 0.9, "box": [0.2, 0.1, 0.8, 0.4]}
for picture in pathlib.Path("/pfs", repo).iterdir():
    device, time = picture.stem.split("_")
    found = {"picture": picture.name, "device": device, "time": time, "objects": [one]}
    out = pathlib.Path("/pfs/out", device)
    out.mkdir(exist_ok=True)
    (out / f"{time}.json").write_text(json.dumps(found))
"""


@dataclass(frozen=True, slots=True)
class Case:
    """A widget at size and at a tenth: its calls, what its first paint shows, what one does."""

    what: str
    many: str
    few: str
    shows: str
    works: tuple[str, ...]


CASES = (
    Case(
        f"provenance of {PIPELINES} pipelines",
        f'tk.provenance("p{PIPELINES}", client=client)',
        f'tk.provenance("p{PIPELINES // 10}", client=client)',
        ".tycokit-card-head",
        (CHOOSE,),
    ),
    Case(
        f"dashboard of {PIPELINES} pipelines",
        f'tk.dashboard("p{PIPELINES}", client=client)',
        f'tk.dashboard("p{PIPELINES // 10}", client=client)',
        ".tycokit-card-head",
        (),
    ),
    Case(
        f"{COMMITS:,} commits",
        f'tk.commits("commits{COMMITS}", client=client)',
        f'tk.commits("commits{COMMITS // 10}", client=client)',
        ".tycokit-history-row .tycokit-mono",
        (SCROLL,),
    ),
    Case(
        f"{COMMITS:,} jobs",
        f'tk.jobs("follow{COMMITS}", client=client)',
        f'tk.jobs("follow{COMMITS // 10}", client=client)',
        ".tycokit-row .tycokit-mono",
        (SCROLL,),
    ),
    Case(
        f"{DATUMS:,} datums",
        f'tk.datums("pipe{DATUMS}", client=client)',
        f'tk.datums("pipe{DATUMS // 10}", client=client)',
        ".tycokit-dat-row .tycokit-mono",
        (SCROLL,),
    ),
    Case(
        f"parallelism after {DATUMS:,} datums",
        f'tk.parallelism("pipe{DATUMS}", client=client)',
        f'tk.parallelism("pipe{DATUMS // 10}", client=client)',
        ".tycokit-par-table td",
        (),
    ),
    Case(
        f"{LINES:,} lines of logs",
        f'tk.logs("talk{LINES}", client=client)',
        f'tk.logs("talk{LINES // 10}", client=client)',
        ".tycokit-logs-line .tycokit-logs-time",
        (SCROLL, SEARCH),
    ),
    Case(
        f"gallery of {PICTURES:,} pictures",
        f'tk.gallery("see{PICTURES}", client=client)',
        f'tk.gallery("see{PICTURES // 10}", client=client)',
        ".tycokit-gallery-card img",
        (SCROLL,),
    ),
)


def main() -> None:
    machine()
    results = []
    with folder() as made, browser() as chromium, pachd() as client:
        for size in (1, 10):
            fill(client, size)
        lab = Lab(made, chromium)
        try:
            for case in CASES:
                results += measure(lab, client, case)
        finally:
            lab.close()
    ended(results)


def measure(lab: Lab, client: Client, case: Case) -> list[bool]:
    """The two paints in turns, so that what else the machine does meets both alike; the stalls."""
    with lab.opened(connect(client), case.few, case.many) as opened:
        found: dict[int, list[float]] = {1: [], 2: []}
        for turn in range(REPETITIONS + 1):
            for index, seconds in found.items():
                opened.run(ALONE)
                took = opened.page.evaluate(PAINT, [index, case.shows])
                if turn:  # the first one warms up
                    seconds.append(took)
                opened.idle()
        few, many = (
            Times(f"{case.what}, a tenth", tuple(found[1])),
            Times(case.what, tuple(found[2])),
        )
        say(f"{few}\n{many}")
        results = [compare("that of a tenth", many, few, 2)]
        time.sleep(REST)
        return results + [stall(opened, case.what, work) for work in case.works]


def stall(opened: Notebook, what: str, work: str) -> bool:
    longest = [opened.page.evaluate(STALLED, [2, work]) for _ in range(WORKED)]
    times = Times(f"{what}, {WORDS[work]}: without a frame", tuple(longest))
    say(str(times))
    return compare(f"{STALL} s, which one would see", times, Times("", (STALL,)), 1)


def fill(client: Client, tenths: int) -> None:
    """What the calls look at, at so many tenths of the size; its jobs have ended."""
    count = {name: whole * tenths // 10 for name, whole in SIZES.items()}
    say(f"making {count}")
    pipelines(client, count["pipelines"])
    commits(client, count["commits"])
    datums(client, count["datums"])
    lines(client, count["lines"])
    pictures(client, count["pictures"])


SIZES = {
    "pipelines": PIPELINES,
    "commits": COMMITS,
    "datums": DATUMS,
    "lines": LINES,
    "pictures": PICTURES,
}


def pipelines(client: Client, count: int) -> None:
    """A project in which each pipeline reads one before it, and the repo."""
    project = f"p{count}"
    client.create_project(project)
    client.create_repo("pictures", project_name=project)
    for at in range(count):
        source = "pictures" if at < 3 else f"stage{at // 2:03d}"
        pipe(client, f"stage{at:03d}", source, ["true"], project=project)


def commits(client: Client, count: int) -> None:
    """As many commits, and as many jobs of a pipeline, one datum each."""
    repo = f"commits{count}"
    client.create_repo(repo)
    pipe(client, f"follow{count}", repo, ["true"], glob="/")
    for at in range(count):
        client.put_file_bytes((repo, "master"), "/file", b"%d" % at)
    newest = next(client.list_commit(repo, number=1)).commit.id
    client.wait_commit(newest)


def datums(client: Client, count: int) -> None:
    repo = f"datums{count}"
    client.create_repo(repo)
    put(client, repo, numbered(count))
    pipe(client, f"pipe{count}", repo, ["true"], workers=2)
    wait(client, f"pipe{count}")


def lines(client: Client, count: int) -> None:
    repo = f"lines{count}"
    client.create_repo(repo)
    client.put_file_bytes((repo, "master"), "/file", b"go")
    said = f"seq -f 'line %.0f of the log of a stage that has much to say' 1 {count}"
    pipe(client, f"talk{count}", repo, ["sh", "-c", said])
    wait(client, f"talk{count}")


def pictures(client: Client, count: int) -> None:
    """Small pictures of ten user-devices, and what was seen in each."""
    repo = f"pictures{count}"
    client.create_repo(repo)
    put(client, repo, {f"/dev{at % 10}_{1511891000 + at}.jpg": jpeg(at) for at in range(count)})
    pipe(client, f"see{count}", repo, [sys.executable, "-c", f"repo = {repo!r}{SEE}"], glob="/")
    wait(client, f"see{count}")


def jpeg(at: int) -> bytes:
    data = io.BytesIO()
    Image.new("RGB", (160, 120), (at % 256, at // 256, 128)).save(data, "JPEG")
    return data.getvalue()


def pipe(
    client: Client,
    name: str,
    repo: str,
    command: list[str],
    *,
    glob: str = "/*",
    workers: int = 1,
    project: str = "default",
) -> None:
    client.create_pipeline(
        name,
        project_name=project,
        transform=pps_proto.Transform(cmd=command),
        parallelism_spec=pps_proto.ParallelismSpec(constant=workers),
        input=pps_proto.Input(pfs=pps_proto.PFSInput(repo=repo, glob=glob, project=project)),
    )


def wait(client: Client, pipeline: str) -> None:
    newest = next(client.list_job(pipeline)).job.id
    (info,) = client.inspect_job(newest, pipeline, wait=True)
    assert info.state == pps_proto.JobState.JOB_SUCCESS, info.reason


if __name__ == "__main__":
    main()
