"""A checkpoint with a CRF, from export to answer. Public reports: BERT-CRF checkpoints, pytorch/pytorch #39245."""

from __future__ import annotations

import itertools
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
import transformers as hf
from numpy.typing import NDArray
from safetensors.numpy import load_file, save_file

from export.__main__ import main
from export.certify.__main__ import main as certify
from export.crf import with_crf
from runtime import Candidate, Decoding, Tagger
from runtime.bundle.checkpoint import open_checkpoint
from runtime.bundle.store import open_bundle, seal
from runtime.errors import CheckpointError, UncertifiedError, UsageError
from tests.export.test_pipeline import arguments
from tests.tiny import LABELS, tiny_checkpoint

COUNT = len(LABELS)
SENTENCE = ("Maria", "Keller", "flew", "to", "Oslo")


def with_weights(folder: Path, *, labels: int = COUNT) -> Path:
    """A tiny checkpoint with a CRF that makes other labels the best."""
    checkpoint, chance = tiny_checkpoint(folder, positions=64), np.random.default_rng(5)
    file = checkpoint / "model.safetensors"
    crf = {
        "crf.start_transitions": chance.normal(0, 1, labels).astype(np.float32),
        "crf.end_transitions": chance.normal(0, 1, labels).astype(np.float32),
        "crf.transitions": chance.normal(0, 1, (labels, labels)).astype(np.float32),
    }
    save_file(load_file(file) | crf, file, metadata={"format": "pt"})
    return checkpoint


def by_trying_everything(checkpoint: Path, words: tuple[str, ...]) -> list[str]:
    """The labels by PyTorch's logits of each word's first token and every sequence of labels that there is."""
    tokenizer = hf.AutoTokenizer.from_pretrained(checkpoint)
    model = hf.AutoModelForTokenClassification.from_pretrained(checkpoint).eval()
    given = tokenizer(list(words), is_split_into_words=True, return_tensors="pt")
    with torch.inference_mode():
        every = model(**given).logits[0].double().numpy()
    word_ids = given.word_ids()
    logits: NDArray[np.float64] = every[[word_ids.index(word) for word in range(len(words))]]
    weights = load_file(checkpoint / "model.safetensors")
    sequences = np.array(list(itertools.product(range(COUNT), repeat=len(words))))
    worth = weights["crf.start_transitions"][sequences[:, 0]] + weights["crf.end_transitions"][sequences[:, -1]]
    worth = worth + logits[np.arange(len(words)), sequences].sum(axis=1)
    worth += weights["crf.transitions"][sequences[:, :-1], sequences[:, 1:]].sum(axis=1)
    return [LABELS[label] for label in sequences[worth.argmax()]]


def test_a_bundle_answers_as_the_checkpoint_with_its_crf(tiny_corpus: Path, tmp_path: Path) -> None:
    checkpoint, output = with_weights(tmp_path / "model"), tmp_path / "bundle"
    assert main([*arguments(checkpoint, output, tiny_corpus), "--crf", "words"]) == 0
    bundle = open_bundle(output)
    assert all(certificate.passed for certificate in bundle.manifest.certificates)
    expected = by_trying_everything(checkpoint, SENTENCE)
    with Tagger.open(output) as tagger:
        assert tagger.tag_words([SENTENCE]) == [expected]
        plain = [LABELS[label] for label in tagger.word_logits([SENTENCE]).argmax(axis=1)]
        assert plain != expected, "this CRF changes nothing, and so the test is none"
        text = " ".join(SENTENCE)
        # One short text has a way of its own, and the checkpoint in PyTorch another backend.
        assert tagger.tag([text]) == list(tagger.stream([text, text]))[:1]
    with Tagger.open(output, candidate=Candidate("", "pytorch", "fp32", "cpu"), allow_uncertified=True) as reference:
        assert reference.tag_words([SENTENCE]) == [expected]
    with pytest.raises(UsageError, match="aggregation: this model has a CRF over words"):
        Tagger.open(output, decoding=Decoding(aggregation="simple"))
    assert certify([str(output), "--corpus", str(tiny_corpus)]) == 0
    assert open_bundle(output).manifest.crf == bundle.manifest.crf
    without = Path(shutil.copytree(output, tmp_path / "without"))
    seal(without, replace(bundle.manifest, crf=()))
    with pytest.raises(UncertifiedError, match="certified with another list of labels"):
        Tagger.open(without)


def test_what_a_crf_ran_over_is_asked_for(tiny_corpus: Path, tmp_path: Path) -> None:
    checkpoint = with_weights(tmp_path / "model")
    with pytest.raises(CheckpointError, match=r"a CRF chooses its labels .*; say --crf words if"):
        main(arguments(checkpoint, tmp_path / "bundle", tiny_corpus))


def test_a_crf_must_be_there_whole(tmp_path: Path) -> None:
    plain = open_checkpoint(tiny_checkpoint(tmp_path / "plain"))
    assert with_crf(plain, "") is plain
    with pytest.raises(CheckpointError, match="no CRF in it"):
        with_crf(plain, "words")
    other = open_checkpoint(with_weights(tmp_path / "other", labels=COUNT + 2))
    with pytest.raises(CheckpointError, match=f"its CRF is not one of {COUNT} labels"):
        with_crf(other, "words")
