"""A corpus and a small checkpoint, made as the GPU check makes them."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.gpu.bundles import make_bundle
from bench.gpu.models import make_checkpoint, make_corpus
from bench.workloads.bert_large import Shape

SMALL = Shape(hidden=32, layers=1, heads=2, inner=64, vocabulary=6000)


@pytest.fixture(scope="session")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The generated corpus."""
    folder = tmp_path_factory.mktemp("gpu") / "corpus"
    make_corpus(folder)
    return folder


@pytest.fixture(scope="session")
def small_checkpoint(sample: Path) -> Path:
    """A checkpoint with random weights. Copy it before changing it."""
    folder = sample.with_name("checkpoint")
    make_checkpoint(folder, SMALL, sample)
    return folder


@pytest.fixture(scope="session")
def small_bundle(small_checkpoint: Path, sample: Path) -> Path:
    """Its bundle."""
    folder = sample.with_name("bundle")
    make_bundle(small_checkpoint, folder, sample)
    return folder
