"""The house in order: imports point one way, in no circle; folders and functions stay small enough to be seen whole."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from tests.conftest import ROOT

STAGES = ("runtime", "train", "export", "bench")
# Who may import whom, besides a folder's own modules; the first prefix that fits a module counts.
MAY_IMPORT: dict[str, tuple[str, ...]] = {
    "runtime.errors": (),
    "runtime.text": ("runtime.errors",),
    "runtime.system": ("runtime.errors", "runtime.bundle"),
    "runtime.bundle": ("runtime.errors", "runtime.text", "runtime.system"),
    "runtime.batch": ("runtime.errors", "runtime.text"),
    "runtime.encode": ("runtime.errors", "runtime.text", "runtime.batch"),
    "runtime.decode": ("runtime.errors", "runtime.text", "runtime.batch", "runtime.encode"),
    "runtime.backends": ("runtime.errors", "runtime.system", "runtime.bundle", "runtime.batch", "runtime.command_line"),
    "runtime": ("runtime",),
    "train": ("train", "runtime"),
    # The generated corpus is a text to certify on, too; it knows nothing of models.
    "export": ("export", "runtime", "train.corpus.sample"),
    "bench": ("bench", "export", "runtime"),
}
# Torch and transformers are for these alone; the rest of the runtime does without.
WITH_TORCH = ("train", "export", "bench", "runtime.backends.pytorch_reference", "runtime.integrations")
# 16 modules: runtime.bundle has a file for each part of a bundle, and of the manifest's schema.
MOST_LINES_OF_A_FUNCTION, MOST_LINES_OF_A_FILE, MOST_MODULES = 40, 330, 16
# The words and the grammar of the generated corpus are data.
DATA = ("sample_words", "sample_grammar")


@cache
def modules() -> dict[str, ast.Module]:
    """Every module of the project but the tests, by its dotted name."""
    files = [path for stage in STAGES for path in sorted((ROOT / stage).rglob("*.py"))]
    return {_name(path): ast.parse(path.read_text(encoding="utf-8")) for path in files}


def _name(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def _imports(tree: ast.AST, *, at_the_top: bool = False) -> Iterator[str]:
    """Modules of the project, and libraries, that a module imports; types alone do not count."""
    for node in tree.body if at_the_top and isinstance(tree, ast.Module) else ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module:
            names = [f"{node.module}.{alias.name}" for alias in node.names]
            yield from (name if name in modules() else node.module for name in names)
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)


def _within(name: str, prefix: str) -> bool:
    return name == prefix or name.startswith(f"{prefix}.")


@pytest.mark.parametrize("name", sorted(modules()))
def test_imports_point_one_way(name: str) -> None:
    rule = next(prefix for prefix in MAY_IMPORT if _within(name, prefix))
    own = [each for each in _imports(modules()[name]) if each.split(".")[0] in STAGES]
    # The package itself holds the version alone, and public names that are imported late.
    wrong = [
        each
        for each in own
        if not any(_within(each, allowed) for allowed in (rule, *MAY_IMPORT[rule], "runtime.errors"))
    ]
    assert [each for each in wrong if each != "runtime"] == []


def test_there_is_no_circle() -> None:
    above: dict[str, set[str]] = {
        name: {each for each in _imports(tree, at_the_top=True) if each in modules()} - {name}
        for name, tree in modules().items()
    }
    while free := {name for name, needed in above.items() if not needed & above.keys()}:
        above = {name: needed for name, needed in above.items() if name not in free}
    assert above == {}


def test_torch_stays_where_it_belongs() -> None:
    found = {
        name
        for name, tree in modules().items()
        if any(_within(each, library) for each in _imports(tree) for library in ("torch", "transformers"))
    }
    assert {name for name in found if not any(_within(name, allowed) for allowed in WITH_TORCH)} == set()


def test_every_folder_and_file_says_what_it_is_for() -> None:
    assert [name for name, tree in modules().items() if not ast.get_docstring(tree)] == []


def test_functions_and_files_can_be_seen_whole() -> None:
    for name, tree in modules().items():
        if name.rpartition(".")[2] in DATA:
            continue
        lines = max((getattr(node, "end_lineno", 0) or 0 for node in tree.body), default=0)
        assert lines <= MOST_LINES_OF_A_FILE, name
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                assert _lines(node) <= MOST_LINES_OF_A_FUNCTION, f"{name}.{node.name}"


def _lines(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Lines of a function, its docstring not included: what an option means may take as many as it needs."""
    first = function.body[0]
    is_docstring = isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant)
    docstring = (first.end_lineno or 0) - first.lineno + 1 if is_docstring else 0
    return (function.end_lineno or 0) - function.lineno + 1 - docstring


def test_folders_can_be_seen_whole() -> None:
    folders: dict[str, int] = {}
    for name in modules():
        folder, _, module = name.rpartition(".")
        if module != "__main__" and not any(each.startswith(f"{name}.") for each in modules()):
            folders[folder] = folders.get(folder, 0) + 1
    assert {folder: count for folder, count in folders.items() if count > MOST_MODULES} == {}
