"""Packed graphs of random models: each is exported once for all tests that change one into another."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import pytest

from export.graphs.packed import packed_from_checkpoint
from tests.export.graphs.random_models import CONFIGS, Packed, model_of


@pytest.fixture(scope="session")
def packed_of(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Packed]:
    """The packed graph in fp32 of a name in tests.export.graphs.random_models.CONFIGS. Copy it before changing it."""

    @cache
    def made(name: str) -> Packed:
        file = tmp_path_factory.mktemp("random") / "packed.onnx"
        return Packed(file, packed_from_checkpoint(model_of(CONFIGS[name]), file))

    return made
