"""The shape of the code: imports point one way, every module says what it is, no machine is named."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
CORE = sorted((ROOT / "traces_core").rglob("*.py"))
LAYERS = [*CORE, *sorted((ROOT / "pipelines").rglob("*.py")), *sorted((ROOT / "assets").rglob("*.py"))]
EXPERIMENTS = sorted((ROOT / "experiments").rglob("*.py"))
LAYERS += EXPERIMENTS
WRITTEN = [
    path
    for pattern in ("*.md", "*.toml", "*.yaml", "*.yml", "Makefile", "Dockerfile", ".ci/**/*", ".github/**/*")
    for path in ROOT.glob(pattern)
    if path.is_file()
]


def _name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def _imports(path: Path) -> Iterator[str]:
    """Dotted names that a file imports, those inside functions too."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{_name(path)} imports relatively"
            yield str(node.module)
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _packages(path: Path) -> set[str]:
    return {name.split(".")[0] for name in _imports(path)}


def test_there_are_files_to_look_at() -> None:
    assert len(CORE) > 40
    assert len(LAYERS) > len(CORE) + 15


@pytest.mark.parametrize("path", CORE, ids=_name)
def test_the_library_knows_neither_orchestrator_nor_tracker_nor_layers_above(path: Path) -> None:
    assert _packages(path).isdisjoint(
        {"dagster", "dagster_mlflow", "mlflow", "dvc"}
        | {"pipelines", "assets", "tests", "benchmarks", "experiments"}
    )


@pytest.mark.parametrize("path", sorted((ROOT / "assets").glob("*.py")), ids=_name)
def test_assets_do_not_know_who_collects_or_runs_them(path: Path) -> None:
    above = {"pipelines.definitions", "pipelines.run", "pipelines.jobs", "pipelines.servers"}
    assert above.isdisjoint(_imports(path))


@pytest.mark.parametrize("path", [path for path in LAYERS if path not in EXPERIMENTS], ids=_name)
def test_only_the_table_of_contents_knows_the_experiments(path: Path) -> None:
    assert "experiments" not in _packages(path) or _name(path) == "pipelines/definitions.py"


@pytest.mark.parametrize("path", EXPERIMENTS, ids=_name)
def test_an_experiment_does_not_know_who_collects_it_nor_the_assets_of_the_product(path: Path) -> None:
    assert {"assets", "pipelines.definitions", "pipelines.jobs"}.isdisjoint(
        {*_imports(path), *_packages(path)}
    )


@pytest.mark.parametrize("name", ["resources", "partitions", "automation", "tracking", "reporting", "jobs"])
def test_what_assets_are_handed_does_not_know_the_assets(name: str) -> None:
    assert "assets" not in _packages(ROOT / "pipelines" / f"{name}.py")


@pytest.mark.parametrize(
    "name",
    [
        "store/digest",
        "store/array_writer",
        "store/artifacts",
        "types",
        "errors",
        "encoders/features",
        "settings",
    ],
)
def test_the_steps_are_above_what_they_use(name: str) -> None:
    imports = set(_imports(ROOT / "traces_core" / f"{name}.py"))
    assert not [one for one in imports if one.startswith(("traces_core.steps", "traces_core.detector"))]


@pytest.mark.parametrize("path", LAYERS, ids=_name)
def test_every_module_says_what_it_is(path: Path) -> None:
    docstring = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    assert len(docstring.split()) >= 4


@pytest.mark.parametrize("path", CORE, ids=_name)
def test_every_public_function_and_class_of_the_library_has_a_docstring(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    silent = [
        node.name
        for node in tree.body
        if isinstance(node, ast.FunctionDef | ast.ClassDef)
        and not node.name.startswith("_")
        and not ast.get_docstring(node)
    ]
    assert silent == []


def _compares_a_profile(node: ast.AST) -> bool:
    return isinstance(node, ast.Compare | ast.Match) and "profile" in ast.unparse(node).lower()


@pytest.mark.parametrize("path", LAYERS, ids=_name)
def test_a_profile_is_data_and_no_branch_of_the_code(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    compared = [ast.unparse(node) for node in ast.walk(tree) if _compares_a_profile(node)]
    assert compared in ([], ["profile is None"])


@pytest.mark.parametrize("path", LAYERS, ids=_name)
def test_nothing_is_unpickled(path: Path) -> None:
    assert _packages(path).isdisjoint({"pickle", "dill", "joblib", "cloudpickle", "shelve"})
    loads = [
        node
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "torch.load"
    ]
    assert all("weights_only=True" in ast.unparse(node) for node in loads)


_REGISTRY = re.compile(
    r"pypi\.org|pythonhosted\.org|registry\.npmjs|conda\.anaconda\.org|artifactory|--(?:extra-)?index-url",
    re.I,
)
_MACHINE = re.compile(r"(?<![\w./])/(?:home|Users|root|work|mnt|tmp/traces)/\w")


@pytest.mark.parametrize("path", [*LAYERS, *WRITTEN], ids=_name)
def test_no_file_names_a_package_registry_or_a_path_of_one_machine(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert _REGISTRY.findall(text) == []
    assert _MACHINE.findall(text) == []


def _is_program(node: ast.AST) -> bool:
    """Whether statements run only where the module is a program: another module then, `__main__`."""
    return isinstance(node, ast.If) and ast.unparse(node.test) == "__name__ == '__main__'"


def _is_for_types(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"


def _nodes(tree: ast.AST) -> Iterator[ast.AST]:
    """All of a file, functions included; not what only types or programs need."""
    for node in ast.iter_child_nodes(tree):
        if not _is_program(node) and not _is_for_types(node):
            yield node
            yield from _nodes(node)


def _module(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def _graph() -> dict[str, set[str]]:
    """By module: those of ours that it imports anywhere."""
    modules = {_module(path): path for path in LAYERS}
    graph: dict[str, set[str]] = {}
    for name, path in modules.items():
        wanted: set[str] = set()
        for node in _nodes(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                wanted |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                inside = {f"{node.module}.{alias.name}" for alias in node.names}
                wanted |= inside & modules.keys() or {str(node.module)}
        graph[name] = (wanted & modules.keys()) - {name}
    return graph


def _circles(graph: dict[str, set[str]]) -> list[list[str]]:
    """Strongly connected parts of more than one module (Tarjan 1972)."""
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    circles: list[list[str]] = []

    def visit(name: str) -> None:
        index[name] = low[name] = len(index)
        stack.append(name)
        for other in sorted(graph[name]):
            if other not in index:
                visit(other)
                low[name] = min(low[name], low[other])
            elif other in stack:
                low[name] = min(low[name], index[other])
        if low[name] == index[name]:
            part = stack[stack.index(name) :]
            del stack[len(stack) - len(part) :]
            if len(part) > 1:
                circles.append(sorted(part))

    for name in sorted(graph):
        if name not in index:
            visit(name)
    return circles


def test_a_circle_of_modules_would_be_seen() -> None:
    assert _circles({"a": {"b"}, "b": {"c"}, "c": {"a"}, "d": {"a"}}) == [["a", "b", "c"]]


def test_no_circle_of_imports_is_left_those_inside_functions_included() -> None:
    graph = _graph()
    assert sum(map(len, graph.values())) > 500
    assert _circles(graph) == []


def _readers(path: Path) -> Iterator[ast.Call]:
    """Calls of polars that read or scan a file."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            is_reader = node.func.attr.startswith(("read_", "scan_"))
            if is_reader and isinstance(node.func.value, ast.Name) and node.func.value.id in ("pl", "polars"):
                yield node


@pytest.mark.parametrize("path", LAYERS, ids=_name)
def test_no_path_is_read_as_a_pattern(path: Path) -> None:
    for call in _readers(path):
        keywords = {one.arg: ast.unparse(one.value) for one in call.keywords}
        takes_a_path = ast.unparse(call.func) != "pl.read_parquet_metadata"  # which knows no patterns
        assert not takes_a_path or keywords.get("glob") == "False", (
            f"{_name(path)}:{call.lineno}: {ast.unparse(call)} takes [ and * in the name of a file or of a "
            "folder above it as a pattern. Say glob=False."
        )
    knows = "glob.escape(" in path.read_text(encoding="utf-8")
    assert knows or "glob" not in _imports(path), f"{_name(path)}: glob takes [ in a folder for a pattern"


def test_the_readers_are_found() -> None:
    assert sum(1 for path in LAYERS for _ in _readers(path)) > 12


@pytest.mark.parametrize("path", [*CORE, *EXPERIMENTS], ids=_name)
def test_yaml_that_people_edit_has_one_reader(path: Path) -> None:
    found = re.findall(r"yaml\.(?:safe_)?(?:load|compose)\w*\(", path.read_text(encoding="utf-8"))
    assert not found or path.name == "strict_yaml.py", f"{_name(path)}: {found}: use strict_yaml.parse_yaml"


def test_the_glossary_is_short_and_in_order() -> None:
    terms = re.findall(r"^\*\*(.+?)\.\*\*", (ROOT / "docs" / "glossary.md").read_text(encoding="utf-8"), re.M)
    assert terms == sorted(set(terms), key=str.lower)
    assert 20 < len(terms) <= 35
