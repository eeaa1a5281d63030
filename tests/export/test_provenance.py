"""Versions that a manifest records."""

from __future__ import annotations

import platform
from importlib.metadata import PackageNotFoundError, version

import pytest

from export.provenance import PROVENANCE, provenance, versions
from runtime import __version__


def test_all_that_has_a_hand_in_a_bundle_is_there_in_its_installed_version() -> None:
    found = provenance()
    assert found["nerve"] == __version__
    assert found["python"] == platform.python_version()
    assert {*PROVENANCE, "onnxruntime"} <= {*found}
    assert all(found[library] == version(library) for library in PROVENANCE)


def test_a_library_that_is_not_installed_is_no_entry_and_asking_for_it_an_error() -> None:
    assert all(provenance().values())
    with pytest.raises(PackageNotFoundError):
        versions("no-such-library")
