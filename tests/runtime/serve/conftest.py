"""A bundle whose model is a table, and one server on it for all tests that only ask."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.lookup import lookup_bundle
from tests.runtime.serve.running import TIMEOUT, Server
from tests.runtime.serve.stand_in import slow

__all__ = ["slow"]

WORDS = {"Angela": "B-PER", "Merkel": "I-PER", "Paris": "B-LOC", "Oslo": "B-LOC"}


@pytest.fixture(scope="session")
def known_words(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle that knows WORDS and no others."""
    return lookup_bundle(tmp_path_factory.mktemp("served") / "bundle", WORDS)


@pytest.fixture(scope="session")
def server(known_words: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server that no test changes."""
    with Server(known_words, tmp_path_factory.mktemp("log") / "log", "--deadline", TIMEOUT) as running:
        yield running
