"""Models of true size, with random weights: time, memory, and the two gigabytes that one protobuf cannot hold."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest
import transformers

from runtime.bundle.store import open_bundle
from tests.conftest import ROOT
from tests.tiny import LABELS, tiny_checkpoint

pytestmark = pytest.mark.slow


def checkpoint(folder: Path, config: transformers.BertConfig) -> Path:
    """A checkpoint of that configuration with the tiny tokenizer."""
    tiny_checkpoint(folder)
    config.id2label = dict(enumerate(LABELS))
    config.label2id = {label: index for index, label in enumerate(LABELS)}
    transformers.BertForTokenClassification(config).save_pretrained(folder)
    return folder


def export(model: Path, output: Path, corpus: Path) -> tuple[float, float]:
    """Seconds and the peak memory in GiB of `python -m export` on a few sentences."""
    script = (
        "import resource, subprocess, sys; status = subprocess.run(sys.argv[1:]).returncode; "
        "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss); sys.exit(status)"
    )
    given = ["--model", model, "--output", output, "--corpus", corpus, "--sentences", "10", "--limited-evidence"]
    begun = time.perf_counter()
    said = subprocess.run(
        [sys.executable, "-c", script, sys.executable, "-m", "export", *map(str, given)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return time.perf_counter() - begun, int(said.stdout.split()[-1]) / 2**20


def test_bert_large_exports_in_five_minutes_and_eight_gibibytes(tmp_path: Path, tiny_corpus: Path) -> None:
    shape = transformers.BertConfig(
        vocab_size=28_996, hidden_size=1024, num_hidden_layers=24, num_attention_heads=16, intermediate_size=4096
    )
    model = checkpoint(tmp_path / "model", shape)
    seconds, memory = export(model, tmp_path / "bundle", tiny_corpus)
    print(f"bert-large: {seconds:.0f} s, {memory:.1f} GiB")
    assert seconds < 300
    assert memory < 8
    assert open_bundle(tmp_path / "bundle").manifest.certificates


def test_more_than_two_gigabytes_of_weights(tmp_path: Path, tiny_corpus: Path) -> None:
    shape = transformers.BertConfig(
        vocab_size=550_000, hidden_size=1024, num_hidden_layers=1, num_attention_heads=16, intermediate_size=1024
    )
    model = checkpoint(tmp_path / "model", shape)
    export(model, tmp_path / "bundle", tiny_corpus)
    files = open_bundle(tmp_path / "bundle").manifest.files
    assert max(digest.bytes for digest in files.values()) > 2**31
