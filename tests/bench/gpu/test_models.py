"""Models for the GPU check: their shape, their tokenizer, and that they learn."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from bench.gpu.models import sentences_in, train_briefly
from bench.workloads.subject import flops_per_token
from runtime.encode.tokenizer import Encoder


def test_a_checkpoint_has_its_shape_and_reads_the_corpus(small_checkpoint: Path, sample: Path) -> None:
    config = json.loads((small_checkpoint / "config.json").read_text(encoding="utf-8"))
    assert flops_per_token(config) == 2 * (4 * 32 * 32 + 2 * 32 * 64)
    words, gold = sentences_in(sample / "valid.txt")[0]
    assert set(gold) <= set(config["label2id"])
    encoder = Encoder(small_checkpoint / "tokenizer.json")
    assert encoder.largest_id < 6000
    assert len(encoder.encode_words([words]).ids) >= len(words)


def test_a_checkpoint_learns(small_checkpoint: Path, sample: Path, tmp_path: Path) -> None:
    folder = tmp_path / "trained"
    shutil.copytree(small_checkpoint, folder)
    done = train_briefly(folder, sample, seconds=2.0, device="cpu")
    assert done["steps"] >= 1
    assert done["loss"] < 3
    assert (folder / "model.safetensors").read_bytes() != (small_checkpoint / "model.safetensors").read_bytes()
