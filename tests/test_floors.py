"""The floors of the code: who imports whom, and who may look at the world outside."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import packages_distributions
from pathlib import Path

import nbformat
import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tycokit.widgets import VIEWS

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).parents[1]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
SPECS = sorted((ROOT / "specs").glob("*.json"))
# The others are for people, who may use all of the toolkit.
STAGES = [ROOT / "notebooks" / f"{path.stem.replace('-', '_')}.ipynb" for path in SPECS]

# What a package of tycokit may import of tycokit, besides itself.
FLOORS = {
    "tycokit.errors": set[str](),
    "tycokit.vision": {"tycokit.errors"},
    "tycokit.globs": {"tycokit.errors"},
    "tycokit.stage": {"tycokit.errors", "tycokit.vision"},
    "tycokit.contexts": {"tycokit.errors"},
    "tycokit.repos": {
        "tycokit.errors",
        "tycokit.vision",
        "tycokit.client",
        "tycokit.statenames",
        "tycokit.wording",
    },
    "tycokit.pictures": {
        "tycokit.errors",
        "tycokit.vision",
        "tycokit.client",
        "tycokit.repos",
    },
    "tycokit.pachd.store": {"tycokit.errors"},
    "tycokit.pachd.pfs": {"tycokit.errors", "tycokit.globs", "tycokit.pachd.store"},
    "tycokit.pachd.pps": {
        "tycokit.errors",
        "tycokit.globs",
        "tycokit.pachd.store",
        "tycokit.pachd.pfs",
    },
    "tycokit.pachd.rpc": {
        "tycokit.errors",
        "tycokit.pachd.store",
        "tycokit.pachd.pfs",
        "tycokit.pachd.pps",
    },
}

# Files besides the command line that may read or change the environment or argv, and why.
WORLD = {
    "tycokit/cli/__init__.py": "the command line's words",
    "tycokit/cli/surroundings.py": "the command line's environment",
    "tycokit/pachd/pps/init.py": "a process of its own: this is its command line",
    "tycokit/stage/executor.py": "a process of its own: this is its command line",
    "tycokit/stage/worker.py": "gives a notebook the environment of its datum, and takes it back",
    "tycokit/stage/engine.py": "gives a notebook the environment of its datum, and takes it back",
    "tycokit/stage/shell.py": "gives a notebook the environment that a kernel would",
    "tycokit/stage/state.py": "puts back what a notebook did to the environment",
    "tycokit/widgets/connecting.py": "a notebook has no command line that would name the context",
    "tycokit/vision/detectors/quiet.py": "TensorFlow takes its log level from nowhere else",
    "tycokit/vision/detectors/threads.py": "what a worker tells of its cores, as OpenMP has it",
}

# Generated messages outside the one place for Pachyderm's.
OTHER_PB2 = {
    ("tycokit/client.py", "grpc_health.v1"): "gRPC's own health service has no other client",
}

# Files that say what to install where an extra is missing, and do without it.
WITH_EXTRA = {
    "tycokit/__init__.py": "lab",
    "tycokit/recording/reading.py": "lab",
    "tycokit/operations/documents.py": "kubernetes",
    "tycokit/operations/kube.py": "kubernetes",
}


@dataclass(frozen=True, slots=True)
class Source:
    """A Python file of tycokit/."""

    path: Path

    @property
    def name(self) -> str:
        return self.path.relative_to(ROOT).as_posix()

    @property
    def module(self) -> str:
        parts = self.path.relative_to(ROOT).with_suffix("").parts
        return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)

    @property
    def tree(self) -> ast.Module:
        return ast.parse(self.path.read_text(), filename=str(self.path))

    @property
    def imports(self) -> set[str]:
        package = self.module if self.path.stem == "__init__" else self.module.rpartition(".")[0]
        return set(imported(self.tree, package))


SOURCES = [Source(path) for path in sorted((ROOT / "tycokit").rglob("*.py"))]


def imported(tree: ast.Module, package: str) -> Iterator[str]:
    """Each name that is imported, also inside functions; `from a import b` gives a.b."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            parts = package.split(".")
            above = parts[: len(parts) - node.level + 1] if node.level else []
            origin = ".".join([*above, *([node.module] if node.module else [])])
            yield from (f"{origin}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith("import_module"):
            yield from (arg.value for arg in node.args[:1] if isinstance(arg, ast.Constant))


def within(name: str, packages: set[str]) -> bool:
    return any(name == package or name.startswith(f"{package}.") for package in packages)


def sources(package: str) -> list[Source]:
    found = [source for source in SOURCES if within(source.module, {package})]
    assert found, f"no module {package}"
    return found


def of_tycokit(source: Source) -> set[str]:
    """What a source imports of tycokit; the package itself holds only its version and a call."""
    itself = {"tycokit", "tycokit.__version__"}
    return {name for name in source.imports if within(name, {"tycokit"})} - itself


def test_importing_the_package_itself_imports_nothing_of_it() -> None:
    tree = Source(ROOT / "tycokit" / "__init__.py").tree
    at_once = [node for node in tree.body if isinstance(node, (ast.Import, ast.ImportFrom))]
    names = set(imported(ast.Module(list(at_once), []), "tycokit"))
    assert names == {"__future__.annotations", "typing.TYPE_CHECKING"}


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("import a.b, c", {"a.b", "c"}),
        ("from a import b as d, c", {"a.b", "a.c"}),
        ("def f():\n    from a import b", {"a.b"}),
        ("from . import x", {"p.q.x"}),
        ("from ..r import x", {"p.r.x"}),
        ("importlib.import_module('a.b')", {"a.b"}),
    ],
)
def test_imports_are_read_in_every_form(text: str, names: set[str]) -> None:
    assert set(imported(ast.parse(text), "p.q")) == names


@pytest.mark.parametrize("package", FLOORS)
def test_a_package_imports_only_from_the_floors_below_it(package: str) -> None:
    allowed = FLOORS[package] | {package}
    wrong = {
        (source.name, name)
        for source in sources(package)
        for name in of_tycokit(source)
        if not within(name, allowed)
    }
    assert not wrong


def test_only_the_command_line_puts_the_local_pachd_beside_what_uses_a_client() -> None:
    wrong = {
        (source.name, name)
        for source in SOURCES
        if not within(source.module, {"tycokit.pachd", "tycokit.cli"})
        for name in of_tycokit(source)
        if within(name, {"tycokit.pachd"})
    }
    assert not wrong


def test_the_local_pachd_knows_nothing_of_what_uses_it() -> None:
    allowed = {"tycokit.errors", "tycokit.globs", "tycokit.pachd"}
    wrong = {
        (source.name, name)
        for source in sources("tycokit.pachd")
        for name in of_tycokit(source)
        if not within(name, allowed)
    }
    assert not wrong


def test_nothing_imports_the_command_line() -> None:
    wrong = [
        source.name
        for source in SOURCES
        if not within(source.module, {"tycokit.cli", "tycokit.__main__"})
        and any(within(name, {"tycokit.cli"}) for name in source.imports)
    ]
    assert not wrong


def test_widgets_talk_to_a_client_and_to_what_is_pure() -> None:
    below = {"cli", "local", "pachd", "running", "stage"}
    wrong = {
        (source.name, name)
        for source in sources("tycokit.widgets")
        for name in of_tycokit(source)
        if within(name, {f"tycokit.{package}" for package in below})
    }
    assert not wrong


def test_only_the_package_itself_hands_out_widgets() -> None:
    wrong = [
        source.name
        for source in SOURCES
        if source.module != "tycokit" and not within(source.module, {"tycokit.widgets"})
        if any(within(name, {"tycokit.widgets"}) for name in source.imports)
    ]
    assert not wrong


def test_no_module_takes_the_name_of_a_call() -> None:
    """`import tycokit.x` would put the module in the place of `tycokit.x(...)`."""
    calls = set(VIEWS) | {"parameters"}
    assert not {source.module for source in SOURCES} & {f"tycokit.{name}" for name in calls}


def test_only_rpc_knows_pachyderms_generated_messages() -> None:
    wrong = {
        (source.name, name)
        for source in SOURCES
        if not within(source.module, {"tycokit.pachd.rpc"})
        for name in source.imports
        if any(part.endswith(("_pb2", "_pb2_grpc")) for part in name.split("."))
        and not within(name, {"google.protobuf"})  # times and durations are protobuf's own
        and not any(source.name == file and within(name, {package}) for file, package in OTHER_PB2)
    }
    assert not wrong


def test_below_rpc_the_local_pachd_knows_no_wire() -> None:
    wire = {"grpc", "google.protobuf", "python_pachyderm"}
    wrong = {
        (source.name, name)
        for package in ("store", "pfs", "pps")
        for source in sources(f"tycokit.pachd.{package}")
        for name in source.imports
        if within(name, wire)
    }
    assert not wrong


def test_only_the_command_line_reads_argv_and_the_environment() -> None:
    looking = {source.name for source in SOURCES if looks_outside(source)}
    cli = {source.name for source in sources("tycokit.cli")}
    assert looking - cli - WORLD.keys() == set()
    assert WORLD.keys() - looking == set(), "permissions that nobody needs any more"


def looks_outside(source: Source) -> bool:
    names = {"os.environ", "os.environb", "os.getenv", "os.putenv", "sys.argv"}
    reads = {ast.unparse(node) for node in ast.walk(source.tree) if isinstance(node, ast.Attribute)}
    return bool((reads | source.imports) & names)


def test_what_is_imported_is_declared() -> None:
    """A package that another happens to bring along is gone when that one changes its mind."""
    base, lab = declared(), declared("lab")

    def there(source: Source) -> set[str]:
        if source.name in WITH_EXTRA:
            return declared(WITH_EXTRA[source.name])
        return lab if within(source.module, {"tycokit.widgets"}) else base

    wrong = {
        (source.name, name)
        for source in SOURCES
        for name in source.imports
        if not is_declared(name, there(source))
    }
    assert not wrong


def declared(*extras: str) -> set[str]:
    """The distributions that pyproject.toml names, in the base and these extras."""
    document = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    texts = list(document["dependencies"])
    for extra in extras:
        texts += document["optional-dependencies"][extra]
    return {canonicalize_name(Requirement(text).name) for text in texts}


def is_declared(name: str, distributions: set[str]) -> bool:
    found = providers(name)
    return not found or bool(found & distributions)


_DISTRIBUTIONS = packages_distributions()


def providers(name: str) -> set[str]:
    """The distributions that hold a module, none for Python's own and for tycokit's."""
    top, _, rest = name.partition(".")
    if top in sys.stdlib_module_names or top == "tycokit":
        return set()
    if top == "google":  # a namespace that several share
        assert rest.startswith("protobuf"), name
        return {"protobuf"}
    return {canonicalize_name(found) for found in _DISTRIBUTIONS.get(top, [top])}


@pytest.mark.parametrize("path", STAGES, ids=lambda path: path.name)
def test_a_stage_imports_vision_alerting_and_declared_libraries_only(path: Path) -> None:
    # errors: to catch what vision raises
    allowed = {
        f"tycokit.{name}"
        for name in ("alerting", "errors", "recording", "reporting", "samples", "vision")
    }
    for cell in code_cells(path):
        for name in imported(ast.parse(cell.source), ""):
            assert not within(name, {"tycokit"}) or within(name, allowed), name
            assert is_declared(name, declared()), name


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.name)
def test_a_notebook_in_git_carries_no_outputs(path: Path) -> None:
    for cell in code_cells(path):
        assert cell.outputs == []
        assert cell.execution_count is None


def code_cells(path: Path) -> list[nbformat.NotebookNode]:
    notebook = nbformat.read(path, as_version=4)  # type: ignore[no-untyped-call]
    return [cell for cell in notebook.cells if cell.cell_type == "code"]
