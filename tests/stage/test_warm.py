"""The warm executor: set-up once, a clean start for each datum, the same outputs as a kernel."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import executed_cells
import nbformat
from stage_worker import Stage, code

RICH = (
    nbformat.v4.new_markdown_cell("# Everything that a cell can put out"),
    code(
        "import sys, warnings\nfrom IPython.display import HTML, Markdown, display\nprint('set-up')"
    ),
    code("shown = display(Markdown('first'), display_id='shown')"),
    code("who = 'nobody'\nout = ''", "parameters"),
    code("print('one', who)\nprint('two', file=sys.stderr)\nprint('three')"),
    code("display(HTML('<b>bold</b>'))\nprint('between')\n{'who': who, 'n': 1}"),
    code("shown.update(Markdown('second'))\nprint('a')\nprint('b', flush=True)\nprint('c')"),
    code(
        "import matplotlib.pyplot as plt\nfig, ax = plt.subplots(figsize=(2, 2))\n"
        "ax.plot([1, 2, 3]);"
    ),
    code("%%capture caught\nprint('caught')"),
    code("%precision 3\ncaught.stdout"),
    code("3.14159265"),
    code("warnings.warn('careful')\n!echo from a shell"),
    code("from IPython.display import clear_output\nprint('gone')\nclear_output()\nprint('stays')"),
    code("await __import__('asyncio').sleep(0)\n_"),
    code("", "skip-execution"),
    code("1 / 0", "skip-execution"),
    code("import numpy as np\nnp.arange(4)"),
)


def executed(stage: Stage, *arguments: str) -> list[Any]:
    stage.ok(*arguments)
    (path,) = stage.out.glob("*.ipynb")
    return executed_cells.read(path)


def test_outputs_equal_a_cold_run(stage: Stage) -> None:
    stage.cells(*RICH)
    first = executed(stage, "-p", "who", "bob")
    second = executed(stage, "-p", "who", "bob")
    cold = executed(stage, "--cold", "-p", "who", "bob")
    assert first == cold
    assert second == cold
    # the comparison is worth nothing if there is nothing to compare
    assert any("image/png" in o.get("data", {}) for _, _, outs, _ in cold for o in outs)


def test_papermill_runs_the_engine_by_its_name(stage: Stage) -> None:
    stage.cells(*RICH)
    target = stage.folder / "executed.ipynb"
    command = [
        str(Path(sys.executable).parent / "papermill"),
        *("--engine", "tycokit", "--no-progress-bar", "-p", "out", str(stage.out)),
        *("-p", "who", "bob"),
        *(str(stage.notebook), str(target)),
    ]
    subprocess.run(command, check=True, env=stage.env, cwd=stage.cwd, capture_output=True)
    cells = executed_cells.read(target)
    assert cells == executed(stage, "--cold", "-p", "who", "bob")


def test_papermill_reports_a_failed_cell_of_the_engine(stage: Stage) -> None:
    stage.cells(code("1 / 0"), code("2"))
    target = stage.folder / "executed.ipynb"
    papermill = str(Path(sys.executable).parent / "papermill")
    done = subprocess.run(
        [papermill, "--engine", "tycokit", str(stage.notebook), str(target)],
        env=stage.env,
        cwd=stage.cwd,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "ZeroDivisionError" in done.stderr
    assert nbformat.read(target, as_version=4).cells[-1].execution_count is None


def test_papermill_limits_the_time_of_a_cell(stage: Stage) -> None:
    stage.cells(code("import time\ntime.sleep(60)"))
    papermill = str(Path(sys.executable).parent / "papermill")
    target = str(stage.folder / "executed.ipynb")
    done = subprocess.run(
        [papermill, "--engine", "tycokit", "--execution-timeout", "1", str(stage.notebook), target],
        env=stage.env,
        cwd=stage.cwd,
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )
    assert done.returncode == 1
    assert "longer than 1 s" in done.stderr


def test_set_up_cells_run_once_and_heavy_modules_are_imported_once(stage: Stage) -> None:
    log = stage.folder / "log"
    (stage.folder / "heavy.py").write_text(f"open({str(log)!r}, 'a').write('imported\\n')")
    stage.cells(
        code(f"import heavy\nopen({str(log)!r}, 'a').write('set up\\n')\nprint('ready')"),
        code("out = ''\nname = ''", "parameters"),
        code("print('hello', name)"),
    )
    path = str(stage.folder)
    assert stage.ok("-p", "name", "a", PYTHONPATH=path) == "ready\nhello a\n"
    assert stage.ok("-p", "name", "b", PYTHONPATH=path) == "hello b\n"
    assert stage.lines("log") == ["imported", "set up"]
    # as if it had run: its output stands in the second executed notebook too
    assert stage.executed().cells[0].outputs[0].text == "ready\n"


LEAK = """
import json, logging, os, random, signal, sys, warnings
import matplotlib as mpl, matplotlib.pyplot as plt, numpy as np
def state():
    return {
        "names": sorted(n for n in globals() if n.startswith("leak")),
        "containers": [items, table, nested, sorted(members), array.tolist(), Holder.items],
        "cwd": os.getcwd(),
        "env": {k: v for k, v in os.environ.items() if "LEAK" in k or k in ("SET_UP", "DATUM")},
        "path": sys.path[:], "argv": sys.argv[:],
        "rc": mpl.rcParams["lines.linewidth"], "figures": plt.get_fignums(),
        "backend": mpl.get_backend(), "interactive": mpl.is_interactive(),
        "filters": [str(f) for f in warnings.filters],
        "random": [random.random(), float(np.random.rand())],
        "logging": [logging.root.level, len(logging.root.handlers)],
        "counts": [len(In), len(Out), get_ipython().execution_count],
        "builtin": len([1, 2]), "stdout": type(sys.stdout).__name__,
    }
items, table, nested, members = [1], {"a": 1}, {"deep": [{"x": []}]}, {1}
array = np.zeros(2)
class Holder:
    pass
Holder.items = items
os.environ["SET_UP"] = "1"
plt.rcParams["lines.linewidth"] = 7
random.seed(5)
np.random.seed(5)
"""
MESS = """
leak_a = leak_b = 1
items.append(2); table["b"] = 2; del table["a"]; nested["deep"][0]["x"].append(1); members.add(2)
array[:] = 9
os.chdir("/")
os.environ["LEAK"] = "1"; del os.environ["SET_UP"]
sys.path.insert(0, "/leak"); sys.argv.append("leak")
plt.rcParams["lines.linewidth"] = 1
plt.ioff(); plt.figure(); plt.figure(); plt.switch_backend("agg"); plt.figure()
warnings.simplefilter("error")
random.seed(1); np.random.seed(1)
logging.basicConfig(level=10, force=True)
signal.alarm(2)
len = lambda x: -1
"leak"
"""


def test_nothing_leaks_from_one_datum_to_the_next(stage: Stage) -> None:
    stage.cells(
        code(LEAK),
        code("out = ''\nmess = False", "parameters"),
        code("before = json.dumps(state())"),
        code(f"if mess:\n    exec({MESS!r})"),
        code("print(before)"),
    )
    clean = stage.ok("-p", "mess", "True", DATUM="1").splitlines()[-1]
    again = stage.ok("-p", "mess", "True", DATUM="1").splitlines()[-1]
    assert again == clean
    assert stage.ok(DATUM="1").splitlines()[-1] == clean


def test_a_library_that_only_a_datum_imports_starts_anew_for_the_next(stage: Stage) -> None:
    stage.cells(
        code("out = ''\nmess = False", "parameters"),
        code("import matplotlib, matplotlib.pyplot as plt\nimport random"),
        code("print(matplotlib.get_backend(), plt.rcParams['lines.linewidth'])"),
        code("plt.plot([1, 2]);"),
        code("if mess:\n    plt.rcParams['lines.linewidth'] = 9\n    plt.switch_backend('agg')"),
    )
    first = stage.ok("-p", "mess", "True")
    assert stage.ok() == first
    # figures appear in the second run too
    assert "image/png" in stage.executed().cells[4].outputs[0].data


def test_each_datum_has_its_own_environment_and_folder(stage: Stage) -> None:
    stage.cells(
        code("import os"),
        code("picture = ''\nout = ''", "parameters"),
        code("print(os.path.basename(picture), os.environ['PACH_DATUM_ID'], os.getcwd())"),
        code("import beside\nprint(beside.x)"),
    )
    (stage.cwd / "beside.py").write_text("x = 'imported from the working folder'")
    for name in ("one", "two"):
        stage.input("picture", f"{name}.jpg")
        printed = stage.ok(PACH_DATUM_ID=name).splitlines()
        assert printed[0] == f"{name}.jpg {name} {stage.cwd}"
        assert "working folder" in printed[1]
    assert len(stage.workers()) == 1


def test_text_reaches_the_log_while_the_cell_runs(stage: Stage) -> None:
    stage.cells(
        code(
            "import os, time\nprint('now')\n"
            "while not os.path.exists(out + '/go'):\n    time.sleep(.01)"
        ),
        code("os.system('echo from a command')\nprint('x' * 3_000_000)\nprint('\\ud800 end')"),
    )
    with stage.start() as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "now\n"
        (stage.out / "go").touch()
        stdout, stderr = process.communicate(timeout=30)
    assert process.returncode == 0
    assert stdout == "x" * 3_000_000 + "\n? end\n"
    assert stderr == "from a command\n"


def test_two_runs_at_once_share_one_executor(stage: Stage) -> None:
    log = stage.folder / "log"
    stage.cells(
        code(f"open({str(log)!r}, 'a').write('set up\\n')"),
        code("out = ''\nn = 0", "parameters"),
        code("open(f'{out}/{n}.txt', 'w').write(str(n))"),
    )
    running = [stage.start("-p", "n", str(n)) for n in range(3)]
    for process in running:
        _, stderr = process.communicate(timeout=60)
        assert process.returncode == 0, stderr
    assert stage.lines("log") == ["set up"]
    assert sorted(p.name for p in stage.out.glob("*.txt")) == ["0.txt", "1.txt", "2.txt"]
