"""The measured checkpoint: what it is, its tokens, its operations."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from bench.workloads.subject import flops_per_token, subject_of
from runtime.bundle.store import open_bundle
from runtime.errors import UsageError
from runtime.text.crf import Crf
from tests.bench.fakes import workload


def test_a_subject_names_its_checkpoint_and_not_where_it_lies(tiny_bundle: Path, tiny_model: Path) -> None:
    subject = subject_of(open_bundle(tiny_bundle), tiny_model)
    assert subject.checkpoint_facts["name"] == tiny_model.name
    assert len(subject.bundle_facts["manifest_sha256"]) == 64
    assert subject.checkpoint_facts["layers"] > 0
    texts = workload(3)
    # Every text has the two special tokens, and a token for each word at least.
    assert subject.tokens(texts) >= texts.words + 2 * 3


def test_a_checkpoint_with_a_crf_is_refused_in_one_line(tiny_bundle: Path, tiny_model: Path) -> None:
    opened = open_bundle(tiny_bundle)
    count = len(opened.manifest.labels)
    crf = Crf((0.0,) * count, (0.0,) * count, ((0.0,) * count,) * count)
    with pytest.raises(UsageError, match="a CRF chooses its labels, and no baseline reads one"):
        subject_of(replace(opened, manifest=replace(opened.manifest, crf=(crf,))), tiny_model)


def test_operations_of_a_shape_that_is_not_known_are_none() -> None:
    assert flops_per_token({}) == 0.0


@pytest.mark.parametrize("layers", [1, 6])
def test_operations_are_two_for_each_mac(layers: int) -> None:
    config = {"num_hidden_layers": layers, "hidden_size": 10, "intermediate_size": 40}
    assert flops_per_token(config) == 2 * layers * (4 * 10 * 10 + 2 * 10 * 40)
