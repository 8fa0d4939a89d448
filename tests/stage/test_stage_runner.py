"""What `tycokit stage` makes of a datum: inputs, parameters, results, failures."""

from __future__ import annotations

import os
import time
from pathlib import Path

import nbformat
import pytest
from stage_worker import METADATA, Stage, code

from tycokit.errors import StageUsage
from tycokit.stage import datum, options, report, runner

PARAMETERS = code("picture = weights = out = ''\nthreshold = 0.5", "parameters")


def test_inputs_out_and_parameters_reach_the_notebook(stage: Stage) -> None:
    picture = stage.input("picture", "valid/a.jpg")
    stage.input("weights", "net.tflite")
    stage.env["weights"] = f"{stage.pfs}/weights/"
    stage.cells(PARAMETERS, code("print(picture, weights, out, repr(threshold))"))
    printed = stage.ok("-p", "threshold", "0.25")
    assert printed == f"{picture} {stage.pfs}/weights {stage.out} 0.25\n"
    metadata = stage.executed().metadata.papermill
    assert metadata.parameters.picture == str(picture)
    assert metadata.output_path == str(stage.out / "valid/a.ipynb")


@pytest.mark.parametrize("how", [(), ("--cold",)])
def test_the_executed_notebook_says_which_commits_it_was_made_from(
    stage: Stage, how: tuple[str, ...]
) -> None:
    stage.input("picture", "a.jpg")
    stage.cells(PARAMETERS)
    stage.ok(*how, picture_COMMIT="c1", notebook_COMMIT="c2", other_COMMIT="c3")
    assert stage.executed().metadata.tycokit.commits == {"picture": "c1", "notebook": "c2"}


@pytest.mark.parametrize("how", [(), ("--cold",)])
def test_a_notebook_that_raises_says_where_and_is_kept(stage: Stage, how: tuple[str, ...]) -> None:
    stage.cells(
        code("def divide(by):\n    return 1 / by"),
        nbformat.v4.new_markdown_cell("text"),
        code("out = ''", "parameters"),
        code("a = 1\nb = divide(0)  # here"),
        code("print('never')"),
    )
    done = stage.run(*how, PACH_JOB_ID="j", PACH_DATUM_ID="d")
    assert done.returncode == 1
    assert "cell 4 of work.ipynb raised ZeroDivisionError: division by zero" in done.stderr
    assert "  line 2: b = divide(0)  # here" in done.stderr
    assert "----> 2     return 1 / by" in done.stderr
    assert "\x1b" not in done.stderr
    path = stage.folder / "state/tycokit/failed/j-d.ipynb"
    assert f"executed notebook, as far as it got: {path}\n" in done.stderr
    cells = nbformat.read(path, as_version=4).cells
    assert [o.ename for cell in cells for o in cell.get("outputs", [])] == ["ZeroDivisionError"]
    assert not list(stage.out.iterdir())


def test_a_syntax_error_says_where(stage: Stage) -> None:
    stage.cells(code("a = 1\nif a\n    b"))
    done = stage.run()
    assert "cell 2 of work.ipynb raised SyntaxError" in done.stderr
    assert "  line 2: if a" in done.stderr


def test_a_notebook_that_leaves_early_succeeds(stage: Stage) -> None:
    stage.cells(
        code("out = ''", "parameters"), code("import sys\nsys.exit()"), code("print('never')")
    )
    assert stage.ok() == ""
    assert stage.executed().cells[-1].outputs == []
    stage.cells(code("exit"), code("print('never')"))
    assert stage.ok() == ""


def test_a_cell_that_may_raise_does_not_stop_the_notebook(stage: Stage) -> None:
    stage.cells(code("1 / 0", "raises-exception"), code("print('went on')"))
    # papermill counts the error all the same, with a kernel and without
    for how in ((), ("--cold",)):
        done = stage.run(*how)
        assert done.returncode == 1
        assert done.stdout == "went on\n"


def test_braces_and_spaces_in_names(stage: Stage) -> None:
    stage.cells(code("picture = out = ''", "parameters"), code("print(picture)"))
    odd = stage.input("picture", "{pm} a'b\".jpg")
    moved = stage.notebook.rename(stage.notebook.with_name("{x} y.ipynb"))
    stage.env["notebook"] = str(moved)
    assert stage.ok() == f"{odd}\n"
    assert (stage.out / "{pm} a'b\".ipynb").exists()


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        (["reports/a.json", "valid/a.jpg"], "reports/a.ipynb"),
        (["dev/2.json", "dev/1.json"], "dev/1.ipynb"),
        (["b.jpg", "c.txt"], "b.ipynb"),
        (["threats.png"], "threats.ipynb"),
        (["a.b.json"], "a.b.ipynb"),
        (["a.json", "a.ipynb"], "a.executed.ipynb"),
        ([], "dev/9.ipynb"),
        (["own.ipynb"], "dev/9.ipynb"),
    ],
)
def test_where_the_executed_notebook_goes(
    tmp_path: Path, written: list[str], expected: str
) -> None:
    (tmp_path / "0.json").touch()
    before = datum.files(tmp_path)
    for name in written:
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.touch()
    assert datum.executed_path(tmp_path, before, "dev/9.ipynb") == tmp_path / expected


def test_a_file_that_the_notebook_wrote_again_counts(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text("1")
    (tmp_path / "b.json").write_text("1")
    before = datum.files(tmp_path)
    (tmp_path / "b.json").write_text("22")
    assert datum.executed_path(tmp_path, before, "x.ipynb") == tmp_path / "b.ipynb"


def test_a_datum_without_results_is_named_after_its_first_file(stage: Stage) -> None:
    stage.cells(code("picture = rules = out = ''", "parameters"))
    stage.input("picture", "dev/7.tar.gz")
    stage.input("rules", "rules.json")
    stage.env["rules"] = f"{stage.pfs}/rules"
    stage.env["picture"] = str(stage.pfs / "picture/dev/7.tar.gz")
    assert datum.read(stage.env).fallback == "dev/7.tar.ipynb"
    stage.env["picture"] = str(stage.pfs / "picture/dev")
    assert datum.read(stage.env).fallback == "work.ipynb"


def test_inputs_without_variables_are_found_in_their_folders(stage: Stage) -> None:
    stage.cells(code("HOME = out = ''", "parameters"))
    file = stage.pfs / "HOME/a.txt"
    file.parent.mkdir()
    file.touch()
    found = datum.read({"TYCOKIT_PFS": str(stage.pfs), "HOME": "/root"})
    assert found.inputs == {"HOME": str(file)}
    assert found.notebook == stage.notebook


def test_what_cannot_run_is_said_before_anything_runs(stage: Stage) -> None:
    def complaint(*arguments: str) -> str:
        done = stage.run(*arguments)
        assert done.returncode == 1
        assert "Traceback" not in done.stderr
        return done.stderr

    assert "must be one notebook, and holds 0" in complaint()
    stage.notebook.write_text("{")
    assert "not a notebook: it is not JSON" in complaint()
    stage.notebook.write_text("[]")
    assert "no list of cells" in complaint()
    nbformat.write(nbformat.v4.new_notebook(cells=[code("1")], metadata=METADATA), stage.notebook)
    assert "no cell is tagged `parameters`" in complaint()
    stage.cells(code("x = 1", "parameters"))
    assert "does not declare `out`" in complaint()
    stage.cells(code("out = 1", "parameters"))
    assert "does not declare `treshold`, given with -p or -r" in complaint("-p", "treshold", "1")
    stage.cells(code("out: str = ''\nleast: float = 0.5", "parameters"))
    for given in (("-p", "least", "much"), ("-r", "least", "0.5"), ("-p", "least", "True")):
        assert f"the parameter `least` wants float; it was given '{given[2]}'" in complaint(*given)
    stage.cells(code("out: int = 1", "parameters"))
    assert "the parameter `out` wants int; it was given '" in complaint()
    stage.cells(code("out = 1", "parameters"))
    assert "wants int, the type of its default 1 (an annotation" in complaint()
    stage.cells(code("out = ''", "parameters"))
    assert "`out` is an input; -p and -r cannot set it" in complaint("-p", "out", "x")
    stage.input("picture", "a.jpg")
    assert "does not declare `picture`, whose path" in complaint()
    stage.env["picture"] = str(stage.pfs / "picture/b.jpg")
    assert "b.jpg: the input `picture` does not exist" in complaint()
    stage.notebook.unlink()
    stage.notebook.parent.rmdir()
    assert "no input named `notebook`" in complaint()
    stage.env["TYCOKIT_PFS"] = "/nowhere"
    assert "/nowhere: No such file or directory" in complaint()
    assert not stage.processes()


@pytest.mark.parametrize(
    "argv",
    [
        ["-p", "a"],
        ["-p", "a b", "1"],
        ["--timeout"],
        ["--timeout", "soon"],
        ["--idle-timeout", "0"],
        ["--idle-timeout", "nan"],
        ["--what"],
        ["notebook.ipynb"],
    ],
)
def test_a_wrong_command_line(argv: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(StageUsage):
        options.parse(argv)
    assert runner.run(argv, {}) == 2
    assert "Try `tycokit stage --help`" in capsys.readouterr().err


def test_help_names_every_option(capsys: pytest.CaptureFixture[str]) -> None:
    assert runner.run(["--help"], {}) == 0
    printed = capsys.readouterr().out
    for option in ("-p", "-r", "--timeout", "--idle-timeout", "--cold", "--help"):
        assert f"  {option}" in printed


def test_help_shows_a_notebooks_parameters(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "n.ipynb"
    cell = code("out = ''  # where to\nleast: float = 0.5  # from = here, up\nn: int", "parameters")
    nbformat.write(nbformat.v4.new_notebook(cells=[cell]), path)
    assert runner.run(["--help", str(path)], {}) == 0
    printed = capsys.readouterr().out
    assert options.HELP in printed
    assert "\n  out    str    ''   where to\n" in printed
    assert "\n  least  float  0.5  from = here, up\n  n      int\n" in printed
    assert runner.run(["--help", str(tmp_path / "absent.ipynb")], {}) == 1
    assert "cannot be read" in capsys.readouterr().err


def test_the_newest_hundred_failed_notebooks_are_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    old = time.time() - 1000
    for n in range(103):
        os.utime(report.keep(b"{}", f"{n}"), (old + n, old + n))
    left = {path.stem for path in report.keep(b"{}", "new").parent.iterdir()}
    assert len(left) == 100
    assert {"new", "102"} <= left
    assert not {"0", "1", "2", "3"} & left


def test_an_unwritable_state_folder_does_not_lose_the_notebook(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "file"))
    path = report.keep(b"{}", "x")
    assert path.read_bytes() == b"{}"
    path.unlink()
    path.parent.rmdir()


def test_each_cell_that_starts_is_told_of_if_asked(stage: Stage) -> None:
    stage.cells(code("print('set up')"), code("out = ''", "parameters"), code("print('x', end='')"))
    # set-up cells run once; the injected cell counts as the one above it
    for told in ([1, 2, 2, 3], [2, 2, 3]):
        done = stage.run("--cells")
        said = [line for line in done.stderr.splitlines() if line.startswith("tycokit stage: ")]
        assert said == [f"tycokit stage: cell {number}" for number in told]
    assert stage.run().stderr == ""
