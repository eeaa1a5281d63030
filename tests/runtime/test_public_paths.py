"""Whatever names a path may be passed to the public functions that take one: a string, a Path, or anything like it."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from runtime import Tagger, open_bundle
from runtime.bundle.third_party import open_folder, read_folder
from tests.lookup import lookup_bundle


class _Named(os.PathLike[str]):
    """A path of somebody else's library."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __fspath__(self) -> str:
        return str(self._path)


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return lookup_bundle(tmp_path_factory.mktemp("paths") / "bundle", {"Paris": "B-LOC"})


@pytest.mark.parametrize("named", [str, Path, _Named])
def test_a_bundle_is_opened_by_any_of_them(bundle: Path, named: Callable[[Path], str | os.PathLike[str]]) -> None:
    path = named(bundle)
    assert open_bundle(path).path == bundle
    assert open_folder(path, allow_uncertified=True).path == read_folder(path, allow_uncertified=True).path == bundle
    with Tagger.open(path, checkpoint=named(bundle), threads=1, allow_uncertified=True) as tagger:
        assert [entity.text for entity in tagger.tag(["Anna saw Paris."])[0]] == ["Paris"]
